//! Postern as a process: the optimised binary in a fresh data folder, with the shipped
//! scripts, driven by its own commands and watched through its API.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::measure::{StoreFile, cpu_of};
use crate::peers::dovecot::PASSWORD;

/// The binary that cargo built with the same profile as this bench.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_postern");
/// What `serve` and `demo` print before the address of their pages.
const ADDRESS_MARK: &str = "http://";
/// Events of one reading: the most the API gives.
const EVENTS_MAX: usize = 1_000;
/// Between two looks at a feed without news.
const PAUSE: Duration = Duration::from_millis(10);
/// A first sync that is not over by then is stuck.
const SYNC_MAX: Duration = Duration::from_secs(60);

/// What a feed has told, by sort.
#[derive(Debug, Default)]
struct Told {
    stored: usize,
    routed: usize,
    others: usize,
}

pub struct Gateway {
    pub address: String,
    place: Place,
    running: Running,
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a configuration, and the data once there is some. Nothing runs.
pub struct Place {
    dir: TempDir,
}

impl Place {
    /// `mail` is what the configuration says under `[mail]`.
    pub fn new(mail: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
        let conf = format!(
            "[store]\nfolder = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [scripts]\nfolder = {scripts:?}\n[mail]\n{mail}\n[outbox]\nundo_seconds = 0\n[log]\nlevel = \"warn\"\n"
        );
        fs::write(dir.path().join("postern.toml"), conf).unwrap();
        Self { dir }
    }

    /// Where a file of the folder is, or will be.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder with mail, settings and keys.
    pub fn data(&self) -> PathBuf {
        self.file("data")
    }

    /// Starts the gateway and waits until it is up.
    pub fn serve(self, log: Stdio) -> Gateway {
        let mut child = command(self.dir.path())
            .arg("serve")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Gateway {
            address: read_address(&mut child),
            place: self,
            running: Running(child),
        }
    }
}

impl Gateway {
    /// Starts one in a fresh folder and waits until it is up. `mail` is what its
    /// configuration says under `[mail]`.
    pub fn serve(mail: &str) -> Self {
        Place::new(mail).serve(Stdio::inherit())
    }

    pub fn process(&self) -> String {
        self.running.0.id().to_string()
    }

    pub fn cpu(&self) -> Duration {
        cpu_of(&self.process())
    }

    /// A token for the API.
    pub fn token(&self) -> String {
        let output = self.command(&["--json", "token", "create"]);
        let answer: Value = serde_json::from_slice(&output).unwrap();
        answer["secret"].as_str().unwrap().to_owned()
    }

    /// Connects a mailbox; answers when its sync has begun.
    pub fn add_mailbox(&self, address: &str, imap: &str, smtp: &str, more: &[&str]) {
        let known = ["mailbox", "add", address, "--imap", imap, "--smtp", smtp];
        self.command(&[&known, more].concat());
    }

    fn command(&self, arguments: &[&str]) -> Vec<u8> {
        let output = command(self.place.dir.path())
            .args(arguments)
            .env("POSTERN_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output.stdout
    }

    /// Waits until that many mails are stored and routed; answers what `note` said
    /// just then. Only the end of the feed is asked for meanwhile: reading all of it
    /// is no part of a first sync.
    pub fn wait_for<T>(&self, token: &str, mails: usize, note: impl Fn() -> T) -> T {
        let deadline = Instant::now() + SYNC_MAX;
        let mut expected = 2 * mails;
        loop {
            while self.events(token, expected as u64 - 1, 1).is_empty() {
                if Instant::now() > deadline {
                    panic!("stuck; the feed tells of {:?}", self.count(token));
                }
                thread::sleep(PAUSE);
            }
            let noted = note();
            let told = self.count(token);
            assert!(told.stored <= mails && told.routed <= mails, "{told:?}");
            if told.stored == mails && told.routed == mails {
                return noted;
            }
            expected = 2 * mails + told.others;
        }
    }

    /// Reads the whole feed.
    fn count(&self, token: &str) -> Told {
        let (mut told, mut after) = (Told::default(), 0);
        loop {
            let events = self.events(token, after, EVENTS_MAX);
            let Some(last) = events.last() else {
                return told;
            };
            after = last["sequence"].as_u64().unwrap();
            for event in &events {
                match event["type"].as_str().unwrap() {
                    "mail.imported" => told.stored += 1,
                    "conversation.routed" => told.routed += 1,
                    _ => told.others += 1,
                }
            }
        }
    }

    fn events(&self, token: &str, after: u64, limit: usize) -> Vec<Value> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET /api/v1/events?after={after}&limit={limit} HTTP/1.0\r\n\
             Host: {}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{answer}");
        let body: Value = serde_json::from_str(body).unwrap();
        body["events"].as_array().unwrap().clone()
    }

    /// Asks the gateway to stop and waits until it has; its folder stays.
    pub fn stop(mut self) -> Place {
        let process = rustix::process::Pid::from_child(&self.running.0);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        self.running.0.wait().unwrap();
        self.place
    }

    /// Asks the gateway to stop and measures what it leaves.
    pub fn end(self) -> StoreFile {
        let file = fs::metadata(self.stop().data().join("postern.redb")).unwrap();
        StoreFile {
            length: file.len(),
            // st_blocks counts 512 bytes each, whatever the file system.
            allocated: file.blocks() * 512,
        }
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--config").arg(dir.join("postern.toml"));
    command
}

/// Reads what the program prints up to the address of its pages; the rest is read
/// and dropped, so that the program never waits for us.
pub fn read_address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once(ADDRESS_MARK)?;
            Some(rest.split(['/', ' ']).next()?.to_owned())
        })
        .expect("the gateway ended before it was up");
    thread::spawn(move || lines.for_each(drop));
    address
}
