//! The gateway itself, as its users run it: the binary with a configuration file
//! in a folder of its own, told what to do on the command line.
//!
//! Deliberately absent: anything of the library. What is read is what it prints,
//! answers and leaves behind.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::api::Api;
use super::dovecot::{Dovecot, PASSWORD, USER};
use super::smtp::Sink;

/// What it prints before the address it answers at.
const READY: &str = "Postern answers at http://";

/// A gateway and its folder; both end with this value.
pub struct Gateway {
    dir: TempDir,
    child: Option<Child>,
    api: Option<Api>,
    data: PathBuf,
    /// Megabytes that stay free on the disk.
    floor_mib: u32,
    /// The address people use, where it is not the listener's.
    public_url: String,
    /// Further sections of the configuration.
    sections: String,
    /// Larger mail waits on its server, in MiB.
    mail_size_max_mib: u32,
    /// Where the pages answer; 0 is a port of the system's choice.
    listen: u16,
    /// Seconds in which a reply can be taken back; tests do not wait for them.
    undo: u8,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// It did what it was asked.
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It did not, and said so in these words on standard error.
    pub fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        for one in words {
            assert!(self.err.contains(one), "nothing of {one:?} in {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

/// What `mailbox add` is told.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub address: String,
    pub password: String,
    pub host: &'static str,
    /// `--imap` or `--pop3`.
    pub way: &'static str,
    /// The port of its incoming server.
    pub imap: u16,
    pub imap_security: &'static str,
    pub smtp: u16,
    pub smtp_security: &'static str,
    pub history: &'static str,
    pub more: Vec<String>,
}

impl Mailbox {
    /// Mail comes in from Dovecot over TLS and leaves by the sink in the clear.
    pub fn of(dovecot: &Dovecot, sink: &Sink) -> Self {
        Self {
            address: USER.to_owned(),
            password: PASSWORD.to_owned(),
            host: "localhost",
            way: "--imap",
            imap: dovecot.ports.imaps,
            imap_security: "tls",
            smtp: sink.port,
            smtp_security: "none",
            history: "all",
            more: Vec::new(),
        }
    }

    /// The same by POP3.
    pub fn by_pop3(dovecot: &Dovecot, sink: &Sink) -> Self {
        Self {
            way: "--pop3",
            imap: dovecot.ports.pop3s,
            ..Self::of(dovecot, sink)
        }
    }

    fn arguments(&self, command: &str, password: &Path) -> Vec<String> {
        let mut arguments: Vec<String> = ["mailbox", command, &self.address]
            .map(str::to_owned)
            .into();
        let options = [
            ("--password-file", password.display().to_string()),
            (self.way, format!("{}:{}", self.host, self.imap)),
            ("--imap-security", self.imap_security.to_owned()),
            ("--smtp", format!("localhost:{}", self.smtp)),
            ("--smtp-security", self.smtp_security.to_owned()),
            ("--history", self.history.to_owned()),
        ];
        for (name, value) in options {
            arguments.extend([name.to_owned(), value]);
        }
        arguments.extend(self.more.iter().cloned());
        arguments
    }
}

impl Gateway {
    /// A folder with a configuration that trusts these authorities; nothing runs.
    pub fn prepare(authorities: &[String]) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("postern-gateway-")
            .tempdir()
            .unwrap();
        let gateway = Self {
            data: dir.path().join("data"),
            child: None,
            api: None,
            floor_mib: 0,
            public_url: String::new(),
            sections: String::new(),
            mail_size_max_mib: 64,
            listen: 0,
            undo: 0,
            dir,
        };
        let authorities = authorities.concat();
        fs::write(gateway.dir.path().join("ca.pem"), authorities).unwrap();
        gateway.write_script("routing.rhai", "fn route(mail, ctx) { inbox() }\n");
        gateway.write_script("signature.rhai", "fn signature(ctx) { ctx.mailbox.name }\n");
        gateway.write_config();
        gateway
    }

    /// The same, running.
    pub fn start(authorities: &[String]) -> Self {
        let mut gateway = Self::prepare(authorities);
        gateway.launch();
        gateway
    }

    /// Running, with this mailbox connected.
    pub fn with(dovecot: &Dovecot, mailbox: &Mailbox) -> Self {
        let gateway = Self::start(&[dovecot.authority_pem()]);
        gateway.add(mailbox).good();
        gateway
    }

    /// Keeps its data elsewhere. Before `launch`.
    pub fn keep_data_in(&mut self, folder: &Path, floor_mib: u32) {
        self.data = folder.to_owned();
        self.floor_mib = floor_mib;
        self.write_config();
    }

    /// Reached by this address, with further sections in its configuration. From the
    /// next `launch` on.
    pub fn configure(&mut self, public_url: &str, sections: &str) {
        public_url.clone_into(&mut self.public_url);
        sections.clone_into(&mut self.sections);
        self.write_config();
    }

    /// The pages answer on this port. From the next `launch` on.
    pub fn listen_on(&mut self, port: u16) {
        self.listen = port;
        self.write_config();
    }

    /// Replies can be taken back for so long. From the next `launch` on.
    pub fn undo_within(&mut self, seconds: u8) {
        self.undo = seconds;
        self.write_config();
    }

    /// Larger mail waits on its server. From the next `launch` on.
    pub fn limit_mails(&mut self, mib: u32) {
        self.mail_size_max_mib = mib;
        self.write_config();
    }

    /// A plugin of the installation.
    pub fn write_plugin(&self, name: &str, text: &str) {
        let folder = self.dir.path().join("plugins").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("plugin.toml"), text).unwrap();
    }

    /// A further file of it.
    pub fn write_plugin_file(&self, plugin: &str, name: &str, text: &str) {
        let folder = self.dir.path().join("plugins").join(plugin);
        fs::write(folder.join(name), text).unwrap();
    }

    /// A command that takes a while, beside the test.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Its own folder, which relative paths of the configuration begin at.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// The folder with mail, settings and keys.
    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("postern.toml")
    }

    /// Replaces a file of the scripts folder as editors do: whole, by renaming.
    pub fn write_script(&self, name: &str, text: &str) {
        let path = self.dir.path().join("scripts").join(name);
        let folder = path.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let new = folder.join(format!(".{file}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Starts it and waits until it says where it answers.
    pub fn launch(&mut self) {
        self.launch_with(&[]);
    }

    /// The same, to end when it reaches that point of its code.
    pub fn launch_to_die(&mut self, point: &str) {
        self.launch_with(&[("POSTERN_DIES_AT", point)]);
    }

    /// Waits until it has ended at its point.
    pub fn until_dead(&mut self, point: &str) {
        let mut child = self.child.take().expect("it is not running");
        let what = format!("it dies at {point}");
        let status = super::until(&what, || child.try_wait().unwrap());
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    }

    fn launch_with(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "it is running");
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .unwrap();
        let mut child = self
            .command(&["serve"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with(READY) {
            line.clear();
            let count = out.read_line(&mut line).unwrap();
            assert!(count > 0, "it ended instead of starting:\n{}", self.log());
        }
        let address = line.trim_end().strip_prefix(READY).unwrap();
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        // What it prints later is of no interest, but the pipe must not fill.
        std::thread::spawn(move || drop(out.read_to_end(&mut Vec::new())));
        self.child = Some(child);
        let token = match self.api.take() {
            Some(api) => api.token,
            None => self.run(&["token", "create"]).good().out.trim().to_owned(),
        };
        self.api = Some(Api { port, token });
    }

    /// The API of the gateway that runs.
    pub fn api(&self) -> &Api {
        self.api.as_ref().expect("it was never launched")
    }

    /// The power fails, as far as the gateway can tell (SIGKILL).
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it is not running");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it is not running");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), Signal::TERM).unwrap();
        child.wait().unwrap()
    }

    /// It must not have ended by itself.
    pub fn is_running(&mut self) -> bool {
        let child = self.child.as_mut().expect("it is not running");
        child.try_wait().unwrap().is_none()
    }

    /// Runs a command on the same configuration.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// `mailbox add`.
    pub fn add(&self, mailbox: &Mailbox) -> Ended {
        let password = self.dir.path().join("password");
        let mut file = fs::File::create(&password).unwrap();
        writeln!(file, "{}", mailbox.password).unwrap();
        let arguments = mailbox.arguments("add", &password);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.run(&arguments)
    }

    /// `mailbox reauthenticate` and `mailbox bind`: a person types a password.
    pub fn give_password(&self, command: &str, address: &str, password: &str) -> Ended {
        let file = self.dir.path().join("password");
        fs::write(&file, format!("{password}\n")).unwrap();
        let file = file.display().to_string();
        self.run(&["mailbox", command, address, "--password-file", &file])
    }

    /// `mailbox refresh`: looks for mail now.
    pub fn look(&self, address: &str) {
        self.run(&["mailbox", "refresh", address]).good();
    }

    /// The most memory it has held at once, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let pid = self.child.as_ref().expect("it is not running").id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() * 1024
    }

    /// What it logged, over all launches.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .current_dir(self.dir.path())
            .env_remove("POSTERN_CONFIG")
            .env_remove("POSTERN_PASSWORD")
            .stdin(Stdio::null());
        command
    }

    fn write_config(&self) {
        let (data, floor) = (self.data.display(), self.floor_mib);
        let (public_url, sections) = (&self.public_url, &self.sections);
        let (listen, largest, undo) = (self.listen, self.mail_size_max_mib, self.undo);
        let ca = self.dir.path().join("ca.pem");
        let trust = match fs::metadata(ca).unwrap().len() {
            0 => "",
            _ => "ca_files = [\"ca.pem\"]\n",
        };
        let text = format!(
            "[store]\nfolder = \"{data}\"\nfree_space_floor_mib = {floor}\n\
             [http]\nlisten = \"127.0.0.1:{listen}\"\npublic_url = \"{public_url}\"\n\
             [scripts]\nfolder = \"scripts\"\ntime_max_milliseconds = 2000\n[plugins]\nfolder = \"plugins\"\n\
             [mail]\nmail_size_max_mib = {largest}\n{trust}[outbox]\nundo_seconds = {undo}\n[log]\nlevel = \"info\"\n{sections}"
        );
        fs::write(self.config(), text).unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the gateway's log\n{}---", self.log());
        }
    }
}
