//! A provider that people sign in at (OAuth 2): HTTPS under the tests' authority, with
//! PKCE checked, refresh tokens that end with their use, and codes for other devices. A
//! mail server asks it whether a token is good (RFC 7662).
//!
//! Deliberately absent: pages. Who is signed in there, and what they agree to, a test says.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::STEP_MAX;
use super::tls::{Authority, wrap};
use super::until;

/// What our client is called there, and its secret.
pub const CLIENT: (&str, &str) = ("postern-of-the-tests", "client secret");

/// A provider; its threads end with the test's process.
pub struct Provider {
    pub port: u16,
    /// The same in the clear, for the mail server's questions.
    pub introspection_port: u16,
    authority: Authority,
    shared: Arc<Mutex<State>>,
}

/// What a person does on the provider's page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Person {
    #[default]
    Agrees,
    Declines,
}

/// How the token endpoint is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    /// 503 to everything.
    Down,
}

#[derive(Default)]
struct State {
    port: u16,
    redirect_uri: String,
    /// Who is signed in in the browser.
    account: String,
    /// Whose mailbox tokens open, when it is not that account's.
    opens: Option<String>,
    person: Person,
    mood: Mood,
    /// Seconds that access tokens live, as far as clients are told.
    lives: u64,
    issuer: Option<String>,
    made: u64,
    codes: HashMap<String, Code>,
    devices: HashMap<String, Device>,
    access: HashMap<String, String>,
    refresh: HashMap<String, String>,
    ended: HashSet<String>,
    /// How often a refresh token was good.
    renewals: usize,
    /// How often one came back that had ended by its use.
    reuses: usize,
    /// Requests of the token endpoint, whatever came of them.
    asked: usize,
}

struct Code {
    challenge: String,
    account: String,
}

struct Device {
    /// Who typed the code.
    account: Option<String>,
}

/// An answer: status, further header lines, body.
type Answer = (u16, String, String);

impl Provider {
    /// `account` is signed in in the browser; `redirect_uri` is what our client registered.
    pub fn start(account: &str, redirect_uri: &str) -> Self {
        let authority = Authority::new();
        let tls = authority.issue().server_config();
        let listen = || TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (listener, plain) = (listen(), listen());
        let port = listener.local_addr().unwrap().port();
        let introspection_port = plain.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(State {
            port,
            redirect_uri: redirect_uri.to_owned(),
            account: account.to_owned(),
            lives: 3_600,
            ..State::default()
        }));
        for (listener, tls) in [(listener, Some(tls)), (plain, None)] {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, tls.as_ref(), &shared));
        }
        Self {
            port,
            introspection_port,
            authority,
            shared,
        }
    }

    pub fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap()
    }

    /// Another person sits at the browser.
    pub fn use_account(&self, account: &str) {
        self.state().account = account.to_owned();
    }

    /// Tokens open this mailbox, whoever has signed in.
    pub fn opens(&self, mailbox: &str) {
        self.state().opens = Some(mailbox.to_owned());
    }

    pub fn person(&self, person: Person) {
        self.state().person = person;
    }

    /// It sends browsers back under this name.
    pub fn call_itself(&self, issuer: &str) {
        self.state().issuer = Some(issuer.to_owned());
    }

    /// Access tokens given from now on live so many seconds.
    pub fn lives(&self, seconds: u64) {
        self.state().lives = seconds;
    }

    /// The token endpoint answers 503, or well again.
    pub fn down(&self, down: bool) {
        self.state().mood = if down { Mood::Down } else { Mood::Well };
    }

    /// The owner of the account takes the access back.
    pub fn end_grants(&self) {
        let mut state = self.state();
        state.refresh.clear();
        state.access.clear();
    }

    /// Access tokens end before their time.
    pub fn end_access(&self) {
        self.state().access.clear();
    }

    pub fn renewals(&self) -> usize {
        self.state().renewals
    }

    pub fn reuses(&self) -> usize {
        self.state().reuses
    }

    pub fn asked(&self) -> usize {
        self.state().asked
    }

    /// A refresh token, as of an earlier sign-in.
    pub fn refresh_token(&self) -> String {
        let mut state = self.state();
        let (token, account) = (state.make("refresh"), state.account.clone());
        state.refresh.insert(token.clone(), account);
        token
    }

    /// Somebody types the code that a device shows, as soon as one does.
    pub fn type_code(&self) {
        until("a device shows a code", || {
            let mut state = self.state();
            let account = state.account.clone();
            let device = state
                .devices
                .values_mut()
                .find(|device| device.account.is_none())?;
            device.account = Some(account);
            Some(())
        });
    }

    /// A browser opens an address of the provider; where it is sent then.
    pub fn browse(&self, url: &str) -> String {
        let path = url.strip_prefix(&format!("https://localhost:{}", self.port));
        let path = path.unwrap_or_else(|| panic!("{url} is not the provider"));
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(STEP_MAX)).unwrap();
        let mut stream = wrap(stream, &self.authority_pem());
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let location = head.iter().find_map(|line| line.strip_prefix("Location: "));
        location
            .unwrap_or_else(|| panic!("sent nowhere: {head:?}"))
            .to_owned()
    }
}

fn accept(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, shared: &Arc<Mutex<State>>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let (tls, shared) = (tls.cloned(), Arc::clone(shared));
        std::thread::spawn(move || {
            stream.set_read_timeout(Some(STEP_MAX)).unwrap();
            // A client that goes away is its own affair.
            let _ = match tls {
                Some(tls) => {
                    let session = ServerConnection::new(tls).unwrap();
                    serve(StreamOwned::new(session, stream), &shared)
                }
                None => serve(stream, &shared),
            };
        });
    }
}

fn serve(stream: impl Read + Write, shared: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8(body).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut state = shared.lock().unwrap();
    let (status, headers, text) = match (method.as_str(), path) {
        ("GET", "/authorize") => state.authorize(&fields(query)),
        ("POST", "/token") => state.token(&fields(&body)),
        ("POST", "/device") => state.device(&fields(&body)),
        ("POST", "/introspect") => state.introspect(&fields(&body)),
        _ => (404, String::new(), String::new()),
    };
    drop(state);
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n{headers}\r\n{text}",
        text.len()
    )?;
    stream.flush()
}

fn refused(error: &str) -> Answer {
    let words = format!("the tests say <b>{error}</b>");
    let body = json!({ "error": error, "error_description": words });
    (400, String::new(), body.to_string())
}

fn given(body: &Value) -> Answer {
    (200, String::new(), body.to_string())
}

impl State {
    /// RFC 6749 section 4.1.1.
    fn authorize(&mut self, asked: &HashMap<String, String>) -> Answer {
        // Where to send a browser back to is what was registered, and nothing near it.
        assert_eq!(asked["redirect_uri"], self.redirect_uri);
        assert_eq!(asked["client_id"], CLIENT.0);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        let issuer = self.issuer.clone();
        let issuer = issuer.unwrap_or_else(|| format!("https://localhost:{}", self.port));
        let state = &asked["state"];
        let back = format!("{}?state={state}&iss={issuer}", self.redirect_uri);
        let back = match self.person {
            Person::Declines => {
                format!("{back}&error=access_denied&error_description=%3Cscript%3Eno%3C/script%3E")
            }
            Person::Agrees => {
                let code = self.make("code");
                let challenge = asked["code_challenge"].clone();
                let account = self.account.clone();
                self.codes.insert(code.clone(), Code { challenge, account });
                format!("{back}&code={code}")
            }
        };
        (302, format!("Location: {back}\r\n"), String::new())
    }

    /// RFC 6749 section 3.2.
    fn token(&mut self, form: &HashMap<String, String>) -> Answer {
        self.asked += 1;
        if self.mood == Mood::Down {
            return (503, String::new(), "<html>busy</html>".to_owned());
        }
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if (field("client_id"), field("client_secret")) != CLIENT {
            return refused("invalid_client");
        }
        match field("grant_type") {
            "authorization_code" => {
                let Some(code) = self.codes.remove(field("code")) else {
                    return refused("invalid_grant");
                };
                let verifier = field("code_verifier").as_bytes();
                let digest = ring::digest::digest(&ring::digest::SHA256, verifier);
                let proven = URL_SAFE_NO_PAD.encode(digest) == code.challenge;
                if !proven || field("redirect_uri") != self.redirect_uri {
                    return refused("invalid_grant");
                }
                self.give(&code.account)
            }
            "refresh_token" => {
                let token = field("refresh_token");
                match self.refresh.remove(token) {
                    Some(account) => {
                        self.ended.insert(token.to_owned());
                        self.renewals += 1;
                        self.give(&account)
                    }
                    None => {
                        self.reuses += usize::from(self.ended.contains(token));
                        refused("invalid_grant")
                    }
                }
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                match self
                    .devices
                    .get(field("device_code"))
                    .map(|one| one.account.clone())
                {
                    None => refused("expired_token"),
                    Some(None) => refused("authorization_pending"),
                    Some(Some(account)) => {
                        self.devices.remove(field("device_code"));
                        self.give(&account)
                    }
                }
            }
            _ => refused("unsupported_grant_type"),
        }
    }

    fn give(&mut self, account: &str) -> Answer {
        let (access, refresh) = (self.make("access"), self.make("refresh"));
        let opens = self.opens.clone().unwrap_or_else(|| account.to_owned());
        self.access.insert(access.clone(), opens);
        self.refresh.insert(refresh.clone(), account.to_owned());
        let claims = json!({ "aud": CLIENT.0, "email": account }).to_string();
        given(&json!({
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.lives,
            "id_token": format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)),
        }))
    }

    /// RFC 8628 section 3.1.
    fn device(&mut self, form: &HashMap<String, String>) -> Answer {
        assert_eq!(form["client_id"], CLIENT.0);
        let (device_code, user_code) = (self.make("device"), format!("TYPE-{}", self.made));
        let device = Device { account: None };
        self.devices.insert(device_code.clone(), device);
        given(&json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": format!("https://localhost:{}/type", self.port),
            "expires_in": 600,
            "interval": 1,
        }))
    }

    /// RFC 7662 section 2.
    fn introspect(&self, form: &HashMap<String, String>) -> Answer {
        let token = form.get("token").map(String::as_str).unwrap_or_default();
        given(&match self.access.get(token) {
            Some(opens) => json!({ "active": true, "username": opens }),
            None => json!({ "active": false }),
        })
    }

    fn make(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{}", self.made)
    }
}

/// `a=b&c=d`, each once.
fn fields(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let mut found = HashMap::new();
    for (name, value) in pairs {
        let twice = found.insert(decoded(name), decoded(value));
        assert_eq!(twice, None, "{name} twice in {text}");
    }
    found
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let pair = [rest.next().unwrap(), rest.next().unwrap()];
                let pair = String::from_utf8(pair.to_vec()).unwrap();
                bytes.push(u8::from_str_radix(&pair, 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}
