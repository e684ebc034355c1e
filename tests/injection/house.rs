//! The whole gateway in this process: mail comes from a practice provider, answers
//! leave to an SMTP sink, and everything it logs is kept to be searched.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use jiff::Timestamp;
use postern::app::gateway::Gateway;
use postern::config::Config;
use postern::control::desk::Desk;
use postern::control::message::{Answer as Told, Hidden, MailboxForm, Request};
use postern::domain::address::Address;
use postern::domain::folder::FolderName;
use postern::domain::key::WorkspaceKey;
use postern::domain::message::Message;
use postern::domain::message_id::MessageId;
use postern::domain::secret::Secret;
use postern::practice::{Account, Options, Provider};
use postern::store::Store;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

use crate::peers::STEP_MAX;
use crate::peers::smtp::{Received, Sink};

const ADDRESS: &str = "help@shop.example";
pub const PASSWORD: &str = "Canary-of-the-right-password";

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value.trim())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The gateway and what stands around it.
pub struct House {
    folder: TempDir,
    provider: Provider,
    sink: Sink,
    store: Store,
    desk: Desk,
    port: u16,
    token: String,
    bearer: String,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

/// What a closed gateway has left.
pub struct Files {
    pub token: String,
    files: Vec<(String, Vec<u8>)>,
}

impl Files {
    pub fn iter(&self) -> impl Iterator<Item = &(String, Vec<u8>)> {
        self.files.iter()
    }
}

impl House {
    pub async fn open() -> Self {
        keep_log();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults_in(folder.path());
        config.store.folder = folder.path().join("data");
        config.store.free_space_floor_mib = 0;
        config.scripts.folder = folder.path().join("scripts");
        config.http.listen.set_port(0);
        std::fs::create_dir(&config.scripts.folder).unwrap();
        let account = Account {
            address: Address::parse(ADDRESS).unwrap(),
            password: Secret::new(PASSWORD),
        };
        let provider = Provider::start(Options {
            accounts: vec![account],
            clock: Arc::new(Timestamp::now),
            files_sent: false,
        })
        .await
        .unwrap();
        let sink = Sink::start();
        let shutdown = CancellationToken::new();
        let gateway = Gateway::open(config, shutdown.clone()).unwrap();
        let (store, desk) = (gateway.store().clone(), gateway.desk());
        let (ready, up) = tokio::sync::oneshot::channel();
        let running = tokio::spawn(async move {
            gateway
                .run(|address| ready.send(address.port()).unwrap())
                .await
                .unwrap();
        });
        let port = up.await.unwrap();
        let token = made(
            &desk,
            Request::TokenCreate {
                address: None,
                name: "test".to_owned(),
            },
        )
        .await;
        let house = Self {
            bearer: format!("Bearer {token}"),
            folder,
            provider,
            sink,
            store,
            desk,
            port,
            token,
            shutdown,
            running,
        };
        let added = house
            .carry_out(Request::MailboxAdd(house.form(PASSWORD)))
            .await;
        assert!(added.contains("done"), "{added}");
        house
    }

    fn form(&self, password: &str) -> Box<MailboxForm> {
        Box::new(MailboxForm {
            address: ADDRESS.to_owned(),
            name: None,
            user: None,
            password: Some(Hidden(password.to_owned())),
            incoming: Some(self.provider.imap_addr.to_string()),
            incoming_security: Some("none".to_owned()),
            smtp: Some(format!("127.0.0.1:{}", self.sink.port)),
            smtp_security: Some("none".to_owned()),
            history: Some("all".to_owned()),
            ..MailboxForm::default()
        })
    }

    /// All that the command line is told, as it goes through the socket and as it prints itself.
    async fn carry_out(&self, request: Request) -> String {
        let mut told = Vec::new();
        let last = self.desk.carry_out(request, |step| told.push(step)).await;
        told.push(last);
        let json = serde_json::to_string(&told).unwrap();
        format!("{json} {told:?}")
    }

    /// What is said of this mailbox with another password.
    pub async fn probe_with(&self, password: &str) -> String {
        let told = self.carry_out(Request::MailboxProbe(self.form(password)));
        let told = told.await;
        assert!(told.contains("failed"), "{told}");
        told
    }

    pub async fn listed(&self) -> String {
        self.carry_out(Request::MailboxList).await
    }

    /// Lets a mail come in; the id of the conversation it is in, once that is decided.
    pub async fn receive(&self, raw: &str) -> String {
        let (address, inbox) = (Address::parse(ADDRESS).unwrap(), FolderName::inbox());
        let delivered = self
            .provider
            .deliver(&address, &inbox, raw.to_owned(), None);
        delivered.unwrap();
        let id = raw
            .lines()
            .find_map(|line| line.strip_prefix("Message-ID: "));
        let id = id.unwrap();
        let mut feed = self.store.subscribe();
        let decided = async {
            loop {
                feed.mark_unchanged();
                let known = self.find(id).map(|message| {
                    self.store
                        .conversation(message.conversation)
                        .unwrap()
                        .unwrap()
                });
                if let Some(conversation) = known.filter(|known| known.triaged) {
                    return conversation.id.to_string();
                }
                feed.changed().await.unwrap();
            }
        };
        let decided = tokio::time::timeout(STEP_MAX, decided).await;
        decided.unwrap_or_else(|_| panic!("{id} never came"))
    }

    fn find(&self, id: &str) -> Option<Message> {
        let id = MessageId::parse(id.trim()).unwrap();
        self.store
            .message_by_message_id(WorkspaceKey::DEFAULT, &id)
            .unwrap()
    }

    /// The stored message with this Message-ID.
    pub fn message(&self, id: &str) -> Message {
        self.find(id).unwrap()
    }

    /// What has left so far, at least so many mails.
    pub async fn sent(&self, count: usize) -> Vec<Received> {
        self.sink.wait_for(count)
    }

    pub fn bearer(&self) -> &str {
        &self.bearer
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("Authorization", &self.bearer)], b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [
            ("Authorization", self.bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.ask("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Signs the administrator in to the pages; the cookie.
    pub async fn log_in(&self) -> String {
        let link = made(&self.desk, Request::LoginLink { address: None }).await;
        let path = &link[link.find("/login/").unwrap()..];
        let headers = [("Sec-Fetch-Site", "same-origin")];
        let answer = self.ask("POST", path, &headers, b"");
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        assert!(cookie.contains('='), "{answer:?}");
        cookie.to_owned()
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_ask(method, path, headers, body)
            .unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    /// `None` when the gateway hangs up.
    pub fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(STEP_MAX)).ok()?;
        let (port, length) = (self.port, body.len());
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n"
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        // An answer may come before all was said; then the rest does not matter.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.write_all(body);
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        parse(&all)
    }

    /// Stops it; what lies in the data folder, except the keys.
    pub async fn close(self) -> Files {
        self.shutdown.cancel();
        self.running.await.unwrap();
        let mut files = Vec::new();
        collect(&self.folder.path().join("data"), &mut files);
        Files {
            token: self.token,
            files,
        }
    }
}

fn parse(all: &[u8]) -> Option<Answer> {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = all[end + 4..].to_vec();
    let answer = Answer { status, head, body };
    let chunked = answer.header("transfer-encoding") == "chunked";
    let body = if chunked {
        joined(&answer.body)
    } else {
        answer.body.clone()
    };
    Some(Answer { body, ..answer })
}

/// The chunks of a body as one (RFC 9112 section 7.1).
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}

async fn made(desk: &Desk, request: Request) -> String {
    match desk.carry_out(request, |_| ()).await {
        Told::Made { secret, .. } => secret.0,
        other => panic!("{other:?}"),
    }
}

fn collect(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if let Ok(bytes) = std::fs::read(&path) {
            files.push((path.display().to_string(), bytes));
        }
    }
}

/// A secret as it may stand somewhere: as it is, in base64, in SASL PLAIN.
pub fn forms_of(secret: &str) -> Vec<Vec<u8>> {
    let standard = &base64::engine::general_purpose::STANDARD;
    let plain = format!("\0{ADDRESS}\0{secret}");
    vec![
        secret.as_bytes().to_vec(),
        standard.encode(secret).into_bytes(),
        standard.encode(plain).into_bytes(),
    ]
}

pub fn holds(bytes: &[u8], forms: &[Vec<u8>]) -> bool {
    let found = |form: &Vec<u8>| memchr::memmem::find(bytes, form).is_some();
    forms.iter().any(found)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

static LOG: OnceLock<Log> = OnceLock::new();

/// Everything that anybody logs, at the most talkative level.
fn keep_log() {
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .init();
        log
    });
    assert!(log.0.lock().is_ok());
}

pub fn logged() -> Vec<u8> {
    let log = LOG.get().expect("kept since the first house");
    log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
