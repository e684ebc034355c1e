//! Postern itself: the release binary in a fresh data folder, with the shipped scripts.
//!
//! The clock runs from `mailbox add` until the feed has told of the last mail that
//! it is stored and routed; both are told only after they are durable.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::measure::{Run, cpu_of, peak_of};
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};

/// The binary that cargo built with the same profile as this bench.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_postern");
/// What `serve` and `demo` print before the address of their pages.
const ADDRESS_MARK: &str = "http://";
/// Events of one reading: the most the API gives.
const EVENTS_MAX: usize = 1_000;
/// Between two looks at a feed without news.
const PAUSE: Duration = Duration::from_millis(10);
/// A first sync that is not over by then is stuck.
const SYNC_MAX: Duration = Duration::from_secs(600);

/// Takes the mailbox over once.
pub fn run(dovecot: &Dovecot, mails: usize) -> Run {
    let gateway = Gateway::serve(dovecot);
    let token = gateway.token();
    let before = gateway.cpu();
    let start = Instant::now();
    gateway.add_mailbox(dovecot);
    let routed = gateway.follow(&token, mails);
    Run {
        mails: routed,
        wall: start.elapsed(),
        cpu: gateway.cpu().saturating_sub(before),
        peak_bytes: peak_of(&gateway.process()),
        store: Some(gateway.end()),
    }
}

/// The size of the store's file once the gateway has ended.
#[derive(Clone, Copy, Debug)]
pub struct StoreFile {
    /// Bytes up to its end.
    pub length: u64,
    /// Bytes it takes on the disk; the file may have holes.
    pub allocated: u64,
}

struct Gateway {
    dir: TempDir,
    child: Child,
    address: String,
}

impl Gateway {
    fn serve(dovecot: &Dovecot) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
        let conf = format!(
            "[store]\nfolder = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [scripts]\nfolder = {scripts:?}\n[mail]\nca_files = [{:?}]\n\
             [log]\nlevel = \"warn\"\n",
            dovecot.authority_file()
        );
        fs::write(dir.path().join("postern.toml"), conf).unwrap();
        let mut child = command(dir.path())
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let address = read_address(&mut child);
        Self {
            dir,
            child,
            address,
        }
    }

    fn process(&self) -> String {
        self.child.id().to_string()
    }

    fn cpu(&self) -> Duration {
        cpu_of(&self.process())
    }

    fn token(&self) -> String {
        let output = self.command(&["--json", "token", "create"]);
        let answer: Value = serde_json::from_slice(&output).unwrap();
        answer["secret"].as_str().unwrap().to_owned()
    }

    fn add_mailbox(&self, dovecot: &Dovecot) {
        let imap = format!("localhost:{}", dovecot.ports.imaps);
        let smtp = format!("localhost:{}", dovecot.ports.submissions);
        self.command(&[
            "mailbox",
            "add",
            USER,
            "--imap",
            &imap,
            "--smtp",
            &smtp,
            "--history",
            "all",
        ]);
    }

    fn command(&self, arguments: &[&str]) -> Vec<u8> {
        let output = command(self.dir.path())
            .args(arguments)
            .env("POSTERN_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output.stdout
    }

    /// Reads the feed until that many mails are stored and routed, or nothing is
    /// left to hope for.
    fn follow(&self, token: &str, mails: usize) -> usize {
        let deadline = Instant::now() + SYNC_MAX;
        let (mut after, mut stored, mut routed) = (0, 0, 0);
        while stored < mails || routed < mails {
            assert!(
                Instant::now() < deadline,
                "{stored} stored, {routed} routed"
            );
            let body = self.events(token, after);
            let events = body["events"].as_array().unwrap();
            for event in events {
                match event["type"].as_str().unwrap() {
                    "mail.imported" => stored += 1,
                    "conversation.routed" => routed += 1,
                    _ => {}
                }
            }
            after = body["next"].as_u64().unwrap();
            if events.is_empty() {
                thread::sleep(PAUSE);
            }
        }
        routed
    }

    fn events(&self, token: &str, after: u64) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET /api/v1/events?after={after}&limit={EVENTS_MAX} HTTP/1.0\r\n\
             Host: {}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    /// Asks the gateway to stop and measures what it leaves.
    fn end(mut self) -> StoreFile {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
        let file = fs::metadata(self.dir.path().join("data/postern.redb")).unwrap();
        StoreFile {
            length: file.len(),
            // st_blocks counts 512 bytes each, whatever the file system.
            allocated: file.blocks() * 512,
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
