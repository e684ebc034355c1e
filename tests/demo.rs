//! demo: `postern demo` shows its first page in time, holds every kind of mail, and obeys its scripts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::peers::STEP_MAX;

/// From the start of the process to the first page.
const FIRST_PAGE_MAX: Duration = Duration::from_secs(2);
/// Conversations of the mails that are there when the demo begins.
const FIRST_CONVERSATIONS: usize = 13;
const POSTERN: &str = env!("CARGO_BIN_EXE_postern");

/// A child that is asked to end, and waited for, when the test does.
pub struct Ending(pub Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// A running demo and what it printed.
pub struct Demo {
    _process: Ending,
    /// Held open, as a terminal is.
    _printed: BufReader<ChildStdout>,
    folder: TempDir,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// The path of the one-time link.
    pub login: String,
    pub scripts: PathBuf,
    token: String,
}

impl Demo {
    /// Starts it on a free port; a customer writes every so many seconds, 0 for never.
    pub fn start(every: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(POSTERN)
            .args(["demo", "--listen", "127.0.0.1:0", "--every"])
            .arg(every.to_string())
            .arg("--folder")
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(process.stdout.take().unwrap());
        let process = Ending(process);
        let mut told = |key: &str| loop {
            let mut line = String::new();
            assert!(printed.read_line(&mut line).unwrap() > 0, "no {key:?}");
            if let Some((_, value)) = line.split_once(key) {
                return value.trim().to_owned();
            }
        };
        let link = told("(works once):");
        let login = link[link.find("/login/").unwrap()..].to_owned();
        let pages = told("Pages:");
        let address = pages.trim_start_matches("http://").trim_end_matches('/');
        let scripts = PathBuf::from(told("Scripts:"));
        Self {
            address: address.to_owned(),
            login,
            scripts,
            _printed: printed,
            token: String::new(),
            _process: process,
            folder,
        }
    }

    /// A request to the pages: status and body.
    pub fn request(&self, method: &str, path: &str) -> (u16, String) {
        let origin = format!("Origin: http://{}\r\n", self.address);
        exchange(&self.address, method, path, &origin, "")
    }

    /// An answer of the API.
    pub fn api(&mut self, path: &str) -> Value {
        if self.token.is_empty() {
            self.token = self.make_token();
        }
        let bearer = format!("Authorization: Bearer {}\r\n", self.token);
        let path = format!("/api/v1{path}");
        let (status, body) = exchange(&self.address, "GET", &path, &bearer, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// As somebody beside the running demo would: through its control socket.
    fn make_token(&self) -> String {
        let config = self.folder.path().join("postern.toml");
        std::fs::write(&config, "[store]\nfolder = \"data\"\n").unwrap();
        let made = Command::new(POSTERN)
            .arg("--config")
            .arg(config)
            .args(["token", "create"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// Reads the conversations again after each change, until `found` finds something.
    pub fn wait_for<T>(&mut self, what: &str, found: impl Fn(&[Value]) -> Option<T>) -> T {
        let deadline = Instant::now() + STEP_MAX;
        let mut after = 0;
        loop {
            let listed = self.api("/conversations?limit=100");
            let listed = listed["items"].as_array().unwrap();
            if let Some(found) = found(listed) {
                return found;
            }
            assert!(Instant::now() < deadline, "no {what} in {listed:#?}");
            let events = self.api(&format!("/events?after={after}&limit=1000&wait=5"));
            after = events["next"].as_u64().unwrap();
        }
    }
}

/// One request on a connection of its own.
pub fn exchange(
    address: &str,
    method: &str,
    path: &str,
    fields: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(STEP_MAX)).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(answer.read_line(&mut head).unwrap() > 0, "{path}: {head:?}");
    }
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    answer.read_exact(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, String::from_utf8(body).unwrap())
}

/// Whether a conversation is about this.
pub fn is_about(conversation: &Value, subject: &str) -> bool {
    conversation["subject"].as_str().unwrap().contains(subject)
}

#[test]
fn the_first_page_is_there_in_time() {
    let start = Instant::now();
    let demo = Demo::start(0);
    let (status, page) = demo.request("GET", &demo.login);
    let took = start.elapsed();
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("<form method=\"post\">"), "{page}");
    eprintln!("first page after {} ms", took.as_millis());
    assert!(took <= FIRST_PAGE_MAX, "first page after {took:?}");
}

#[test]
fn every_kind_of_mail_is_there_from_the_start() {
    let mut demo = Demo::start(0);
    let all = demo.wait_for("first conversations", |listed| {
        (listed.len() == FIRST_CONVERSATIONS).then(|| listed.to_vec())
    });
    let mut kinds = Vec::new();
    let mut languages = Vec::new();
    let mut files = Vec::new();
    for conversation in &all {
        let id = conversation["id"].as_str().unwrap();
        for message in demo.api(&format!("/conversations/{id}/messages"))["items"]
            .as_array()
            .unwrap()
        {
            kinds.push(message["kind"].as_str().unwrap().to_owned());
            languages.push(message["language"].as_str().unwrap_or_default().to_owned());
            for file in message["attachments"].as_array().unwrap() {
                files.push(file["name"].as_str().unwrap().to_owned());
            }
        }
    }
    kinds.sort();
    kinds.dedup();
    for kind in ["automatic_reply", "bounce", "list", "personal"] {
        assert!(kinds.iter().any(|it| it == kind), "no {kind} in {kinds:?}");
    }
    let count = |tag: &str| languages.iter().filter(|it| *it == tag).count();
    assert_eq!(count("zh"), 3, "{languages:?}");
    assert!(count("en") >= 8, "{languages:?}");
    assert!(files.iter().any(|name| name == "PO-4471.pdf"), "{files:?}");
    let buyer = all.iter().find(|it| is_about(it, "Amazon")).unwrap();
    assert_eq!(buyer["mailbox"]["name"], "Marketplace");
    assert!(
        buyer["tags"]
            .as_array()
            .unwrap()
            .contains(&Value::from("order")),
        "{buyer}"
    );
}

#[test]
fn an_edited_script_decides_about_the_next_mail() {
    let mut demo = Demo::start(1);
    let script = "fn route(mail, ctx) { team(\"billing\").tag(\"edited\") }\n";
    std::fs::write(demo.scripts.join("routing.rhai"), script).unwrap();
    let routed = demo.wait_for("conversation with the new tag", |listed| {
        let edited = Value::from("edited");
        let tagged = |it: &&Value| it["tags"].as_array().unwrap().contains(&edited);
        listed.iter().find(tagged).cloned()
    });
    assert_eq!(routed["team"]["name"], "billing", "{routed}");
}
