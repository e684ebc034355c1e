//! A private Dovecot of Debian (2.3): IMAP, POP3, LMTP and submission on loopback
//! ports, TLS under its own authority, its mail in a folder that goes with it.
//!
//! Deliberately absent: the system's Dovecot and its configuration.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::dovecot_conf::{Owner, Ports, asking, taking_tokens, text};
use super::tls::{Authority, Certificate};
use super::{STEP_MAX, until};

/// The support address that exists from the start, and its password.
pub const USER: &str = "support@example.com";
pub const PASSWORD: &str = "correct horse";

/// How often new ports are tried: another process may take one between our asking
/// the system for it and Dovecot's listening on it.
const PORT_ATTEMPTS_MAX: u32 = 5;

/// A running Dovecot; it ends with this value.
pub struct Dovecot {
    dir: TempDir,
    child: Option<Child>,
    owner: Owner,
    authority: Authority,
    /// Who says on this port whether an access token is good.
    introspection: Option<u16>,
    pub ports: Ports,
}

impl Dovecot {
    /// With the one user `USER`.
    pub fn start() -> Self {
        Self::start_with(&[USER], None)
    }

    /// With these users, all with `PASSWORD`; what is submitted is relayed to `relay`.
    pub fn start_with(users: &[&str], relay: Option<u16>) -> Self {
        Self::begin(users, relay, None)
    }

    /// The same, taking access tokens that the provider on that port calls good.
    pub fn start_with_tokens(relay: Option<u16>, introspection: u16) -> Self {
        Self::begin(&[USER], relay, Some(introspection))
    }

    fn begin(users: &[&str], relay: Option<u16>, introspection: Option<u16>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("postern-dovecot-")
            .tempdir()
            .unwrap();
        // Dovecot's processes run as other users and have to get through.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["run", "state", "home"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let authority = Authority::new();
        let mut dovecot = Self {
            child: None,
            owner: Owner::current(),
            ports: free_ports(),
            authority,
            introspection,
            dir,
        };
        let issued = dovecot.authority.issue();
        dovecot.write_certificate(&issued);
        dovecot.write_users(users.iter().map(|user| (*user, PASSWORD)));
        for attempt in 1.. {
            dovecot.write_conf(relay);
            match dovecot.launch() {
                Ok(()) => break,
                Err(log) if attempt == PORT_ATTEMPTS_MAX => panic!("Dovecot ended:\n{log}"),
                Err(_) => dovecot.ports = free_ports(),
            }
        }
        dovecot
    }

    /// The authority to trust, as PEM.
    pub fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    /// The same in a file.
    pub fn authority_file(&self) -> PathBuf {
        let path = self.dir.path().join("ca.pem");
        fs::write(&path, self.authority_pem()).unwrap();
        path
    }

    /// Shows another certificate from the next `resume` on.
    pub fn use_certificate(&self, pick: impl FnOnce(&Authority) -> Certificate) {
        self.write_certificate(&pick(&self.authority));
    }

    /// The provider goes away. Its mail stays.
    pub fn stop(&mut self) {
        if let Some(child) = self.child.take() {
            end(child, self.ports);
        }
    }

    /// Adds lines to its configuration; they count from the next `resume` on.
    pub fn configure(&self, lines: &str) {
        let before = fs::read_to_string(self.conf()).unwrap();
        fs::write(self.conf(), format!("{before}{lines}\n")).unwrap();
    }

    /// The provider comes back, on the same ports.
    pub fn resume(&mut self) {
        assert!(self.child.is_none(), "it is running");
        if let Err(log) = self.launch() {
            panic!("Dovecot ended:\n{log}");
        }
    }

    /// Changes passwords; sessions that are logged in go on.
    pub fn write_users<'a>(&self, users: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let Owner { uid, gid, .. } = self.owner;
        let mut lines = String::new();
        let users: Vec<_> = users.into_iter().collect();
        for (user, password) in &users {
            let home = self.home(user);
            fs::create_dir_all(&home).unwrap();
            chown(&home, Some(uid), Some(gid)).unwrap();
            lines += &format!("{user}:{password}:{uid}:{gid}::{}::\n", home.display());
        }
        // Replaced as a whole: a login in between sees the old file or the new one.
        let new = self.dir.path().join("users.new");
        fs::write(&new, lines).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
        fs::rename(new, self.dir.path().join("users")).unwrap();
        if self.child.is_some() {
            // It looks at the file once a second at most.
            for (user, password) in users {
                until("Dovecot knows the new password", || {
                    let mut test = self.doveadm_command(&["auth", "test", user, password]);
                    test.output().unwrap().status.success().then_some(())
                });
            }
        }
    }

    /// A mail arrives, as providers deliver it: by LMTP (RFC 2033).
    pub fn deliver(&self, user: &str, mail: &[u8]) {
        self.deliver_from("", user, mail);
    }

    /// The same with the sender of its envelope, as a person's mail has one.
    pub fn deliver_from(&self, sender: &str, user: &str, mail: &[u8]) {
        let stream = TcpStream::connect(("127.0.0.1", self.ports.lmtp)).unwrap();
        stream.set_read_timeout(Some(STEP_MAX)).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        lmtp_step(&mut reader, "220");
        for (line, code) in [
            ("LHLO localhost".to_owned(), "250"),
            (format!("MAIL FROM:<{sender}>"), "250"),
            (format!("RCPT TO:<{user}>"), "250"),
            ("DATA".to_owned(), "354"),
        ] {
            write!(writer, "{line}\r\n").unwrap();
            lmtp_step(&mut reader, code);
        }
        writer.write_all(&dot_stuffed(mail)).unwrap();
        lmtp_step(&mut reader, "250");
        writer.write_all(b"QUIT\r\n").unwrap();
    }

    /// A person files a mail in a folder.
    pub fn save(&self, user: &str, folder: &str, mail: &[u8]) {
        let mut child = self
            .doveadm_command(&["save", "-u", user, "-m", folder])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(mail).unwrap();
        assert!(child.wait().unwrap().success(), "doveadm save failed");
    }

    /// The folder is made anew with the same mails: another UIDVALIDITY, other UIDs.
    /// This is what a provider's move to another machine looks like.
    pub fn recreate_folder(&self, user: &str, folder: &str) {
        let before = self.uid_validity(user, folder);
        self.doveadm_any(&["kick", user]);
        let path = self.folder_path(user, folder);
        for entry in fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with("dovecot.index") || name == "dovecot-uidlist" {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        let validity = (before + 1).to_string();
        self.doveadm(&[
            "mailbox",
            "update",
            "-u",
            user,
            "--uid-validity",
            &validity,
            folder,
        ]);
    }

    /// Somebody removes a mail for good.
    pub fn expunge(&self, user: &str, folder: &str, uid: u32) {
        let uid = uid.to_string();
        self.doveadm(&["expunge", "-u", user, "mailbox", folder, "uid", &uid]);
    }

    /// How many mails lie in a folder.
    pub fn count(&self, user: &str, folder: &str) -> u64 {
        self.status(user, folder, "messages")
    }

    pub fn uid_validity(&self, user: &str, folder: &str) -> u64 {
        self.status(user, folder, "uidvalidity")
    }

    /// The bytes of all mails in a folder, in the order of their file names (arrival).
    pub fn mails(&self, user: &str, folder: &str) -> Vec<Vec<u8>> {
        let path = self.folder_path(user, folder);
        let mut files = Vec::new();
        for part in ["cur", "new"] {
            let Ok(entries) = fs::read_dir(path.join(part)) else {
                continue;
            };
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
        files.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
        files.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// What was sent, as the Sent folder has it.
    pub fn sent(&self, user: &str) -> Vec<Vec<u8>> {
        self.mails(user, "Sent")
    }

    /// The Maildir of a folder, in the layout Maildir++.
    pub fn folder_path(&self, user: &str, folder: &str) -> PathBuf {
        let maildir = self.home(user).join("Maildir");
        if folder == "INBOX" {
            return maildir;
        }
        maildir.join(format!(".{folder}"))
    }

    /// Fills INBOX before the first login, past Dovecot, as fast as the disk goes.
    pub fn fill(&self, user: &str, mails: impl IntoIterator<Item = Vec<u8>>) -> u64 {
        let maildir = self.folder_path(user, "INBOX");
        for part in ["", "tmp", "new", "cur"] {
            self.create_owned(&maildir.join(part));
        }
        let mut bytes = 0;
        for (number, mail) in mails.into_iter().enumerate() {
            // The size in the name spares Dovecot reading each file to learn it.
            let size = mail.len();
            bytes += size as u64;
            let name = format!(
                "{}.M{number:06}P1.localhost,S={size},W={size}:2,",
                EPOCH + number
            );
            let path = maildir.join("cur").join(name);
            fs::write(&path, mail).unwrap();
            chown(&path, Some(self.owner.uid), Some(self.owner.gid)).unwrap();
        }
        bytes
    }

    /// Runs `doveadm` and gives its output.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let output = self.doveadm_command(arguments).output().unwrap();
        assert!(output.status.success(), "doveadm {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same where failing is an answer (nobody to kick).
    fn doveadm_any(&self, arguments: &[&str]) {
        self.doveadm_command(arguments).output().unwrap();
    }

    fn doveadm_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(self.conf()).args(arguments);
        command
    }

    fn status(&self, user: &str, folder: &str, field: &str) -> u64 {
        let text = self.doveadm(&["-f", "tab", "mailbox", "status", "-u", user, field, folder]);
        let last = text.lines().last().unwrap().split('\t').next_back();
        last.unwrap().parse().unwrap()
    }

    fn home(&self, user: &str) -> PathBuf {
        self.dir.path().join("home").join(user)
    }

    fn conf(&self) -> PathBuf {
        self.dir.path().join("dovecot.conf")
    }

    fn create_owned(&self, path: &Path) {
        fs::create_dir_all(path).unwrap();
        chown(path, Some(self.owner.uid), Some(self.owner.gid)).unwrap();
    }

    fn write_certificate(&self, certificate: &Certificate) {
        fs::write(
            self.dir.path().join("server.pem"),
            &certificate.certificate_pem,
        )
        .unwrap();
        fs::write(self.dir.path().join("server.key"), &certificate.key_pem).unwrap();
    }

    fn write_conf(&self, relay: Option<u16>) {
        let mut text = text(self.dir.path(), &self.ports, &self.owner, relay);
        if let Some(port) = self.introspection {
            let place = self.dir.path().join("oauth2.conf.ext");
            text += &taking_tokens(&place);
            fs::write(&place, asking(port)).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::write(self.conf(), text).unwrap();
    }

    /// Starts the master and waits until each port answers, or returns its log.
    fn launch(&mut self) -> Result<(), String> {
        let mut child = Command::new("dovecot")
            .arg("-F")
            .arg("-c")
            .arg(self.conf())
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("dovecot is not installed: tests/run installs it");
        for port in self.ports.all() {
            let open = until("Dovecot listens", || {
                if child.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                TcpStream::connect(("127.0.0.1", port))
                    .is_ok()
                    .then_some(true)
            });
            if !open {
                return Err(self.log());
            }
        }
        self.child = Some(child);
        Ok(())
    }

    /// What Dovecot had to say.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("dovecot.log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}

/// File names of generated mail count from 2023-11-14.
const EPOCH: usize = 1_700_000_000;

/// Ends the master with all its children at once. A request to end (SIGTERM) takes
/// seconds, as services that have just started wait for each other.
fn end(mut child: Child, ports: Ports) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    // The children are not ours to wait for; they are gone when nobody listens. Also
    // called while a test fails, so being late is no second failure.
    let deadline = Instant::now() + STEP_MAX;
    for port in ports.all() {
        while TcpStream::connect(("127.0.0.1", port)).is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Ports that were free a moment ago; all are held at once so that they differ.
fn free_ports() -> Ports {
    let listeners: [TcpListener; 7] =
        std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let [imap, imaps, pop3, pop3s, submission, submissions, lmtp] = listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().port());
    Ports {
        imap,
        imaps,
        pop3,
        pop3s,
        submission,
        submissions,
        lmtp,
    }
}

fn lmtp_step(reader: &mut impl BufRead, code: &str) {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(
            line.starts_with(code),
            "LMTP: expected {code}, got {line:?}"
        );
        // RFC 5321 section 4.2.1: a hyphen after the code announces another line.
        if line.as_bytes().get(3) != Some(&b'-') {
            return;
        }
    }
}

/// RFC 5321 section 4.5.2, with the final dot. Line ends become CRLF.
fn dot_stuffed(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + mail.len() / 32);
    for line in mail
        .strip_suffix(b"\n")
        .unwrap_or(mail)
        .split(|byte| *byte == b'\n')
    {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
