//! A mail provider with very many mailboxes: IMAP over TLS on some addresses of loopback,
//! just enough of it for a client that idles and takes in what is announced. It cuts all
//! connections at once, puts logins off, and counts what comes.
//!
//! It shares no code with the gateway. Deliberately absent: everything a few connections
//! already show (`tests/peers/dovecot.rs`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::Ticketer;
use tokio_rustls::server::TlsStream;

use crate::peers::tls::Authority;

/// Connections the system may hold for us until they are accepted.
const BACKLOG: u32 = 4_096;
/// Read at once; a client that idles says little.
const READ_BYTES: usize = 512;
/// Text of an announced mail, in bytes.
const MAIL_BYTES: usize = 2_000;
/// Mails every mailbox has from the beginning.
const MAILS_BEFORE: u32 = 1_000;

// Dovecot's.
const BEFORE_LOGIN: &str =
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN AUTH=LOGIN";
const AFTER_LOGIN: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY \
    THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE \
    UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH \
    ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY \
    PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";

/// The provider; it runs on the runtime it was started on.
pub struct Simulator {
    /// Where it answers; mailbox `n` lives at `n % hosts`.
    pub hosts: Vec<SocketAddr>,
    pub authority_pem: String,
    shared: Arc<Shared>,
}

struct Shared {
    tls: TlsAcceptor,
    boxes: Vec<Mailbox>,
    idling: AtomicUsize,
    /// Of a hundred logins, so many are put off.
    put_off_percent: AtomicU32,
    put_off: AtomicUsize,
    chance: AtomicU64,
    /// Connections end when this changes.
    cuts: watch::Sender<u64>,
    /// When connections came, by host.
    came: Vec<Mutex<Vec<Instant>>>,
}

struct Mailbox {
    mails: AtomicU32,
    news: Notify,
    /// Who wants to know when a mail was announced.
    told: Mutex<Option<oneshot::Sender<Instant>>>,
}

/// The name mailbox `n` logs in by.
pub fn user(number: usize) -> String {
    format!("u{number}@sim.example")
}

impl Simulator {
    pub async fn start(boxes: usize, hosts: u8) -> Self {
        let addresses: Vec<IpAddr> = (2..2 + hosts)
            .map(|last| Ipv4Addr::new(127, 0, 0, last).into())
            .collect();
        let authority = Authority::new();
        let config = authority.issue_for_addresses(&addresses).server_config();
        let mut config = ServerConfig::clone(&config);
        // As providers do: whoever was here before comes back with less arithmetic.
        config.ticketer = Ticketer::new().unwrap();
        let mailbox = || Mailbox {
            mails: AtomicU32::new(MAILS_BEFORE),
            news: Notify::new(),
            told: Mutex::default(),
        };
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(Arc::new(config)),
            boxes: (0..boxes).map(|_| mailbox()).collect(),
            idling: AtomicUsize::new(0),
            put_off_percent: AtomicU32::new(0),
            put_off: AtomicUsize::new(0),
            chance: AtomicU64::new(0),
            cuts: watch::Sender::new(0),
            came: addresses.iter().map(|_| Mutex::default()).collect(),
        });
        let mut hosts = Vec::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::new(address, 0)).unwrap();
            let listener = socket.listen(BACKLOG).unwrap();
            hosts.push(listener.local_addr().unwrap());
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    shared.came(number).push(Instant::now());
                    let shared = Arc::clone(&shared);
                    // However it ends: the client comes again.
                    tokio::spawn(async move { drop(serve(stream, &shared).await) });
                }
            });
        }
        Self {
            hosts,
            authority_pem: authority.pem(),
            shared,
        }
    }

    /// Mailboxes that wait for news at this moment.
    pub fn idling(&self) -> usize {
        self.shared.idling.load(Ordering::Relaxed)
    }

    /// Ends every connection at once, without a word.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// From now on so many of a hundred logins are put off.
    pub fn put_off(&self, percent: u32) {
        let shared = &self.shared;
        shared.put_off_percent.store(percent, Ordering::Relaxed);
    }

    /// Logins put off so far.
    pub fn put_offs(&self) -> usize {
        self.shared.put_off.load(Ordering::Relaxed)
    }

    /// A new mail; answers when the client was told of it.
    pub async fn announce(&self, number: usize) -> Instant {
        let (sender, told) = oneshot::channel();
        let mailbox = &self.shared.boxes[number];
        *mailbox.told.lock().unwrap() = Some(sender);
        mailbox.mails.fetch_add(1, Ordering::Relaxed);
        mailbox.news.notify_one();
        told.await.expect("the mailbox does not idle")
    }

    /// Connections so far, and the most that one host saw within a second. Counting
    /// begins anew.
    pub fn take_connections(&self) -> (usize, usize) {
        let (mut all, mut most) = (0, 0);
        for number in 0..self.hosts.len() {
            let came = std::mem::take(&mut *self.shared.came(number));
            all += came.len();
            let mut first = 0;
            for (at, when) in came.iter().enumerate() {
                while *when - came[first] >= Duration::from_secs(1) {
                    first += 1;
                }
                most = most.max(at - first + 1);
            }
        }
        (all, most)
    }
}

impl Shared {
    fn came(&self, host: usize) -> MutexGuard<'_, Vec<Instant>> {
        self.came[host].lock().unwrap()
    }

    /// Whether this login is put off.
    fn puts_off(&self) -> bool {
        let number = self.chance.fetch_add(1, Ordering::Relaxed);
        // SplitMix64: as good as chance, and the same in every run.
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (mixed ^ (mixed >> 31)) % 100;
        let put_off = drawn < u64::from(self.put_off_percent.load(Ordering::Relaxed));
        if put_off {
            self.put_off.fetch_add(1, Ordering::Relaxed);
        }
        put_off
    }
}

/// Counted among those that idle.
struct Idling<'a>(&'a Shared);

impl<'a> Idling<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.idling.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Idling<'_> {
    fn drop(&mut self) {
        self.0.idling.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut cuts = shared.cuts.subscribe();
    stream.set_nodelay(true)?;
    tokio::select! {
        _ = cuts.changed() => Ok(()),
        ended = talk(stream, shared) => ended,
    }
}

async fn talk(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let stream = shared.tls.accept(stream).await?;
    let mut session = Session {
        stream: BufReader::with_capacity(READ_BYTES, stream),
        line: Vec::new(),
        mailbox: None,
    };
    session
        .say(&format!("* OK [CAPABILITY {BEFORE_LOGIN}] ready\r\n"))
        .await?;
    while session.hear().await? {
        let line = session.take_line();
        let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
        if command == "IDLE" {
            session.idle(shared).await?;
            session.say(&format!("{tag} OK done\r\n")).await?;
            continue;
        }
        let answer = session.answer(shared, tag, command);
        session.say(&answer).await?;
        if command == "LOGOUT" {
            break;
        }
    }
    Ok(())
}

struct Session {
    stream: BufReader<TlsStream<TcpStream>>,
    /// What was read of the line that is on its way.
    line: Vec<u8>,
    mailbox: Option<usize>,
}

impl Session {
    /// Reads a line; `false` at the end. What was read before a wait that is broken off
    /// is kept.
    async fn hear(&mut self) -> io::Result<bool> {
        let read = self.stream.read_until(b'\n', &mut self.line).await?;
        Ok(read > 0)
    }

    fn take_line(&mut self) -> String {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        self.line.clear();
        line
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    /// Until the client has had enough; tells it of news.
    async fn idle(&mut self, shared: &Shared) -> io::Result<()> {
        let number = self.mailbox.ok_or(io::ErrorKind::PermissionDenied)?;
        let mailbox = &shared.boxes[number];
        self.say("+ idling\r\n").await?;
        let _idling = Idling::begin(shared);
        loop {
            tokio::select! {
                heard = self.hear() => {
                    heard?;
                    self.line.clear();
                    return Ok(());
                }
                () = mailbox.news.notified() => {
                    let mails = mailbox.mails.load(Ordering::Relaxed);
                    if let Some(told) = mailbox.told.lock().unwrap().take() {
                        let _gone = told.send(Instant::now());
                    }
                    self.say(&format!("* {mails} EXISTS\r\n")).await?;
                }
            }
        }
    }

    fn answer(&mut self, shared: &Shared, tag: &str, command: &str) -> String {
        let mails = self.mailbox.map_or(0, |number| {
            shared.boxes[number].mails.load(Ordering::Relaxed)
        });
        let mut words = command.split(' ');
        let untagged = match words.next().unwrap_or_default() {
            "CAPABILITY" if self.mailbox.is_some() => format!("* CAPABILITY {AFTER_LOGIN}\r\n"),
            "CAPABILITY" => format!("* CAPABILITY {BEFORE_LOGIN}\r\n"),
            "LOGIN" if shared.puts_off() => {
                return format!("{tag} NO [UNAVAILABLE] try again later\r\n");
            }
            "LOGIN" => {
                self.mailbox = words.next().and_then(number_of);
                return format!("{tag} OK [CAPABILITY {AFTER_LOGIN}] welcome\r\n");
            }
            "ID" => "* ID (\"name\" \"simulator\")\r\n".to_owned(),
            "SELECT" | "EXAMINE" => format!(
                "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* {mails} EXISTS\r\n\
                 * 0 RECENT\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT {}] x\r\n",
                mails + 1
            ),
            "STATUS" => format!(
                "* STATUS INBOX (MESSAGES {mails} UIDNEXT {})\r\n",
                mails + 1
            ),
            "UID" if command.starts_with("UID SEARCH") => {
                let set = command.rsplit(' ').next().unwrap_or_default();
                let found: String = wanted(set, mails).map(|uid| format!(" {uid}")).collect();
                format!("* SEARCH{found}\r\n")
            }
            "UID" => {
                let set = command.split(' ').nth(2).unwrap_or_default();
                let whole = command.contains("BODY");
                wanted(set, mails)
                    .map(|uid| fetched(self.mailbox, uid, whole))
                    .collect()
            }
            "LOGOUT" => "* BYE see you\r\n".to_owned(),
            _ => String::new(),
        };
        format!("{untagged}{tag} OK done\r\n")
    }
}

/// The number in `u123@sim.example`, quoted or not.
fn number_of(user: &str) -> Option<usize> {
    let (number, _) = user.trim_matches('"').strip_prefix('u')?.split_once('@')?;
    number.parse().ok()
}

/// The mails a sequence set names; `n:*` names the last one in any case.
fn wanted(set: &str, last: u32) -> impl Iterator<Item = u32> {
    set.split(',').flat_map(move |part| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        let number = |text: &str| text.parse().unwrap_or(last);
        let (from, to) = (number(from), number(to));
        from.min(to)..=from.max(to).min(last)
    })
}

fn fetched(mailbox: Option<usize>, uid: u32, whole: bool) -> String {
    let mail = mail(mailbox.unwrap_or_default(), uid);
    let size = mail.len();
    if whole {
        return format!(
            "* {uid} FETCH (UID {uid} INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" \
             BODY[] {{{size}}}\r\n{mail})\r\n"
        );
    }
    format!("* {uid} FETCH (UID {uid} RFC822.SIZE {size})\r\n")
}

fn mail(mailbox: usize, uid: u32) -> String {
    let head = format!(
        "From: Customer {uid} <c{uid}.{mailbox}@example.net>\r\nTo: {}\r\n\
         Subject: Question {uid} of {mailbox}\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\
         Message-ID: <{uid}.{mailbox}@example.net>\r\n\r\n",
        user(mailbox)
    );
    let text = "could you tell me where my parcel is, it has not arrived yet, thanks\r\n";
    format!("{head}{}", text.repeat(MAIL_BYTES / text.len()))
}
