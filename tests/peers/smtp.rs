//! SMTP peers. The real one is Dovecot's submission service, which relays to the
//! `Sink` here; the `Sink` keeps what it accepts. Given a plan it also shows the
//! faults that no real server produces on demand.
//!
//! Deliberately absent: judging the client's grammar (Dovecot does that).

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::STEP_MAX;

/// A mail that the sink has said 250 to, or was cut off from saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// Dots unstuffed, line ends as they came.
    pub mail: Vec<u8>,
}

/// Where in a session a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Greeting,
    Ehlo,
    /// Offered in the clear by a sink that has it; a fault here hides the offer.
    StartTls,
    Auth,
    Mail,
    /// MAIL of the n-th mail of the session, from 0.
    NthMail(usize),
    /// The n-th recipient of the session, from 0.
    Rcpt(usize),
    Data,
    /// After the final dot: the mail is kept first, so the client cannot know.
    EndOfData,
    /// The same of the n-th mail of the session, from 0.
    NthEndOfData(usize),
}

/// What happens there instead of the usual reply.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This reply (without line end). A negative one keeps nothing.
    Reply(&'static str),
    /// The connection is closed without a reply.
    Cut,
    /// Nothing is said until the client goes away.
    Silence,
}

/// The faults of one session.
pub type Plan = Vec<(Stage, Fault)>;

/// A small SMTP server on a loopback port; it ends with this value.
pub struct Sink {
    pub port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    tls: Option<Arc<ServerConfig>>,
    start_tls: Option<Arc<ServerConfig>>,
}

#[derive(Default)]
struct State {
    kept: Vec<Received>,
    /// The plan of the next session, of the one after it, and so on; then no faults.
    plans: VecDeque<Plan>,
    sessions: usize,
    closing: bool,
}

impl Sink {
    /// Accepts and keeps everything, in the clear.
    pub fn start() -> Self {
        Self::start_with(None, [])
    }

    /// TLS from the first byte when a configuration is given; one plan per session.
    pub fn start_with(
        tls: Option<Arc<ServerConfig>>,
        plans: impl IntoIterator<Item = Plan>,
    ) -> Self {
        Self::start_offering(tls, None, plans)
    }

    /// In the clear until STARTTLS (RFC 3207), which it offers.
    pub fn start_tls(config: Arc<ServerConfig>, plans: impl IntoIterator<Item = Plan>) -> Self {
        Self::start_offering(None, Some(config), plans)
    }

    fn start_offering(
        tls: Option<Arc<ServerConfig>>,
        start_tls: Option<Arc<ServerConfig>>,
        plans: impl IntoIterator<Item = Plan>,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            plans: plans.into_iter().collect(),
            ..State::default()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            tls,
            start_tls,
        });
        let theirs = Arc::clone(&shared);
        let listener = std::thread::spawn(move || accept(&listener, &theirs));
        Self {
            port,
            shared,
            listener: Some(listener),
        }
    }

    /// Everything kept so far.
    pub fn kept(&self) -> Vec<Received> {
        self.shared.lock().kept.clone()
    }

    /// How many sessions there have been.
    pub fn sessions(&self) -> usize {
        self.shared.lock().sessions
    }

    /// Waits until at least `count` mails are kept.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let state = self.shared.lock();
        let (state, wait) = self
            .shared
            .changed
            .wait_timeout_while(state, STEP_MAX, |state| state.kept.len() < count)
            .unwrap();
        assert!(
            !wait.timed_out(),
            "waited for {count} mails, have {}",
            state.kept.len()
        );
        state.kept.clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        // Wakes the thread that waits in `accept`.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn keep(&self, received: Received) {
        self.lock().kept.push(received);
        self.changed.notify_all();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let plan = {
            let mut state = shared.lock();
            if state.closing {
                return;
            }
            state.sessions += 1;
            state.plans.pop_front().unwrap_or_default()
        };
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // Ends with the client's connection; a fault of the stream is the client's affair.
        std::thread::spawn(move || drop(serve(stream, &shared, plan)));
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write + ?Sized> Stream for T {}

fn serve(stream: TcpStream, shared: &Shared, plan: Plan) -> io::Result<()> {
    stream.set_read_timeout(Some(STEP_MAX))?;
    let peer = stream.peer_addr()?;
    let stream: Box<dyn Stream> = match &shared.tls {
        None => Box::new(stream),
        Some(config) => {
            let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(session, stream))
        }
    };
    let stream = BufReader::new(stream);
    Session {
        stream,
        plan,
        start_tls: shared.start_tls.clone(),
        mails: 0,
        shared,
        peer,
        from: String::new(),
        to: Vec::new(),
    }
    .run()
}

struct Session<'a> {
    stream: BufReader<Box<dyn Stream>>,
    plan: Plan,
    /// Still to be had in this session.
    start_tls: Option<Arc<ServerConfig>>,
    mails: usize,
    shared: &'a Shared,
    peer: SocketAddr,
    from: String,
    to: Vec<String>,
}

/// Whether the step succeeded as far as the client can tell.
enum Said {
    Yes,
    No,
}

impl Session<'_> {
    fn run(mut self) -> io::Result<()> {
        self.say(Stage::Greeting, "220 sink ESMTP")?;
        loop {
            let line = self.line()?;
            let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
            match verb.as_str() {
                "EHLO" | "HELO" => {
                    let peer = self.peer.ip();
                    let hidden = self.fault(Stage::StartTls).is_some();
                    let offer = match &self.start_tls {
                        Some(_) if !hidden => "250-STARTTLS\r\n",
                        _ => "",
                    };
                    let hello = format!(
                        "250-sink greets {peer}\r\n{offer}250-PIPELINING\r\n250-SIZE 52428800\r\n\
                         250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN XOAUTH2"
                    );
                    self.say(Stage::Ehlo, &hello)?;
                }
                "STARTTLS" => self = self.upgraded()?,
                "AUTH" => self.auth(&line)?,
                "MAIL" => {
                    let nth = Stage::NthMail(self.mails);
                    let stage = if self.fault(nth).is_some() {
                        nth
                    } else {
                        Stage::Mail
                    };
                    if let Said::Yes = self.say(stage, "250 2.1.0 ok")? {
                        self.from = path(&line);
                    }
                }
                "RCPT" => {
                    let number = self.to.len();
                    let stage = Stage::Rcpt(number);
                    if let Said::Yes = self.say(stage, "250 2.1.5 ok")? {
                        self.to.push(path(&line));
                    }
                }
                "DATA" => self.data()?,
                "RSET" => {
                    self.to.clear();
                    self.reply("250 2.0.0 ok")?;
                }
                "QUIT" => return self.reply("221 2.0.0 bye"),
                _ => self.reply("250 2.0.0 ok")?,
            }
        }
    }

    fn upgraded(mut self) -> io::Result<Self> {
        let Some(config) = self.start_tls.take() else {
            self.reply("502 5.5.1 not here")?;
            return Ok(self);
        };
        self.reply("220 2.0.0 go ahead")?;
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let upgraded = StreamOwned::new(session, self.stream.into_inner());
        let stream: Box<dyn Stream> = Box::new(upgraded);
        Ok(Self {
            stream: BufReader::new(stream),
            ..self
        })
    }

    /// Any credentials are good.
    fn auth(&mut self, line: &str) -> io::Result<()> {
        let mut words = line.split(' ').skip(1);
        let mechanism = words.next().unwrap_or_default().to_uppercase();
        let answers = match (mechanism.as_str(), words.next()) {
            ("LOGIN", None) => 2,
            (_, Some(_)) => 0,
            _ => 1,
        };
        for _ in 0..answers {
            self.reply("334 ")?;
            self.line()?;
        }
        self.say(Stage::Auth, "235 2.7.0 ok").map(drop)
    }

    fn data(&mut self) -> io::Result<()> {
        let Said::Yes = self.say(Stage::Data, "354 go on")? else {
            return Ok(());
        };
        let mail = self.read_mail()?;
        let received = Received {
            from: std::mem::take(&mut self.from),
            to: std::mem::take(&mut self.to),
            mail,
        };
        // An honest refusal keeps nothing; a lost answer comes after the keeping.
        let nth = Stage::NthEndOfData(self.mails);
        self.mails += 1;
        let stage = if self.fault(nth).is_some() {
            nth
        } else {
            Stage::EndOfData
        };
        if !matches!(self.fault(stage), Some(Fault::Reply(text)) if refuses(text)) {
            self.shared.keep(received);
        }
        self.say(stage, "250 2.0.0 kept").map(drop)
    }

    /// Up to the line with the single dot (RFC 5321 section 4.1.1.4).
    fn read_mail(&mut self) -> io::Result<Vec<u8>> {
        let mut mail = Vec::new();
        loop {
            let start = mail.len();
            if self.stream.read_until(b'\n', &mut mail)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if &mail[start..] == b".\r\n" {
                mail.truncate(start);
                return Ok(mail);
            }
            if mail[start] == b'.' {
                mail.remove(start);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn reply(&mut self, text: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{text}\r\n").as_bytes())?;
        stream.flush()
    }

    fn fault(&self, stage: Stage) -> Option<&Fault> {
        let found = self.plan.iter().find(|(at, _)| *at == stage);
        found.map(|(_, fault)| fault)
    }

    /// Says the usual thing unless the plan has a fault here.
    fn say(&mut self, stage: Stage, usual: &str) -> io::Result<Said> {
        match self.fault(stage).cloned() {
            None => self.reply(usual).map(|()| Said::Yes),
            Some(Fault::Reply(text)) => {
                self.reply(text)?;
                Ok(if refuses(text) { Said::No } else { Said::Yes })
            }
            Some(Fault::Cut) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Fault::Silence) => {
                io::copy(&mut self.stream, &mut io::sink())?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    }
}

/// RFC 5321 section 4.2.1: 4yz and 5yz are negative.
fn refuses(reply: &str) -> bool {
    reply.starts_with(['4', '5'])
}

/// What stands between the angle brackets.
fn path(line: &str) -> String {
    let inner = line.split_once('<').map_or("", |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}
