//! An IMAP server written down by hand that does to some mails what real ones do.
//! It shares no code with `src/protocol/imap`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::peers::STEP_MAX;

/// What happens when a mail's body is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// The connection ends in the middle of the literal.
    Cut,
    /// BYE in the middle of the literal, then the end.
    Bye,
    /// BODY[] NIL.
    Nil,
    /// BODY[] "".
    Empty,
    /// This many bytes are announced.
    Announce(&'static str),
    /// The mail is left out and the command ends with NO.
    No,
    /// It is not listed either.
    Unlisted,
    /// The body has this many bytes, whatever was listed.
    Swollen(usize),
    /// It is given twice.
    Twice,
    /// Another mail is given under its UID as well.
    SharedUid,
    /// Its response holds two bodies.
    TwoBodies,
    /// Its response names two UIDs.
    TwoUids,
}

/// How the beginning of a session goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    #[default]
    Usual,
    /// Another tag's refusal comes before our own answer.
    StaleTag,
    /// PREAUTH.
    Preauth,
    /// A line without an end instead of a greeting.
    EndlessLine,
    /// Nothing is ever said.
    Silent,
    /// A line comes byte by byte and never ends.
    Drips,
    /// Every login is put off.
    Busy,
    /// Everything goes well up to SELECT; then the connection ends.
    HangsUp,
    /// IDLE is offered and refused.
    RefusesIdle,
    /// IDLE ends as soon as it has begun.
    EndsIdle,
}

#[derive(Debug)]
struct Shared {
    opening: Opening,
    quirk: Mutex<Option<(u32, Quirk)>>,
    logins: AtomicUsize,
    /// When connections came.
    came: Mutex<Vec<Instant>>,
    idled: AtomicBool,
    /// When IDLE was asked for.
    idles: watch::Sender<Vec<Instant>>,
}

/// The server: three mails, `1` to `3`. It ends with its runtime.
#[derive(Debug)]
pub struct Hostile {
    pub port: u16,
    shared: Arc<Shared>,
}

const MAILS: [u32; 3] = [1, 2, 3];
/// A mail that has no UID of its own.
const OTHER: u32 = 9;
/// From one byte of a dripping line to the next.
const DRIP: Duration = Duration::from_millis(50);
/// An endless line stops after this many bytes, should nobody hang up.
const LINE_MAX: usize = 64 * 1024 * 1024;

fn mail(uid: u32) -> String {
    format!(
        "From: a@example.net\r\nSubject: {uid}\r\nMessage-ID: <{uid}@example.net>\r\n\r\nmail {uid}\r\n"
    )
}

impl Hostile {
    pub async fn start(opening: Opening, quirk: Option<(u32, Quirk)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            opening,
            quirk: Mutex::new(quirk),
            logins: AtomicUsize::new(0),
            came: Mutex::default(),
            idled: AtomicBool::new(false),
            idles: watch::Sender::default(),
        });
        let theirs = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&theirs);
                shared.came.lock().unwrap().push(Instant::now());
                // A client that goes away is what many of the tests are about.
                tokio::spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        Self { port, shared }
    }

    pub fn logins(&self) -> usize {
        self.shared.logins.load(Ordering::SeqCst)
    }

    pub fn came(&self) -> Vec<Instant> {
        self.shared.came.lock().unwrap().clone()
    }

    pub fn mend(&self) {
        *self.shared.quirk.lock().unwrap() = None;
    }

    /// When IDLE was asked for, once that has been done so often.
    pub async fn idles(&self, count: usize) -> Vec<Instant> {
        let mut idles = self.shared.idles.subscribe();
        let enough = idles.wait_for(|idles| idles.len() >= count);
        let enough = tokio::time::timeout(STEP_MAX, enough).await;
        enough.expect("asked so often").unwrap().clone()
    }

    pub fn was_asked_to_idle(&self) -> bool {
        self.shared.idled.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    match shared.opening {
        Opening::Silent => return std::future::pending().await,
        Opening::EndlessLine => {
            for _ in 0..LINE_MAX / 4096 {
                stream.write_all(&[b'A'; 4096]).await?;
            }
            return Ok(());
        }
        Opening::Drips => loop {
            stream.write_all(b"*").await?;
            tokio::time::sleep(DRIP).await;
        },
        Opening::Preauth => stream.write_all(b"* PREAUTH welcome\r\n").await?,
        _ => stream.write_all(b"* OK ready\r\n").await?,
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut words = line.trim_end().splitn(2, ' ');
        let tag = words.next().unwrap_or_default().to_owned();
        let command = words.next().unwrap_or_default().to_uppercase();
        let answer = answer(&mut stream, shared, &tag, &command).await?;
        let Some(answer) = answer else { return Ok(()) };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The whole answer; `None` ends the connection.
async fn answer(
    stream: &mut BufReader<TcpStream>,
    shared: &Shared,
    tag: &str,
    command: &str,
) -> std::io::Result<Option<String>> {
    let verb = command.split(' ').next().unwrap_or_default();
    let untagged = match verb {
        "CAPABILITY" => "* CAPABILITY IMAP4rev1 IDLE STARTTLS\r\n".to_owned(),
        "LOGIN" => {
            shared.logins.fetch_add(1, Ordering::SeqCst);
            match shared.opening {
                Opening::Busy => {
                    return Ok(Some(format!("{tag} NO [UNAVAILABLE] try later\r\n")));
                }
                Opening::StaleTag => "zz NO [AUTHENTICATIONFAILED] another session\r\n".to_owned(),
                _ => String::new(),
            }
        }
        "SELECT" | "EXAMINE" => {
            if shared.opening == Opening::HangsUp {
                let opened = format!(
                    "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n{tag} OK x\r\n"
                );
                stream.write_all(opened.as_bytes()).await?;
                return Ok(None);
            }
            "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n".to_owned()
        }
        "IDLE" if shared.opening == Opening::RefusesIdle => {
            shared.idled.store(true, Ordering::SeqCst);
            return Ok(Some(format!("{tag} NO not today\r\n")));
        }
        "IDLE" if shared.opening == Opening::EndsIdle => {
            shared.idles.send_modify(|idles| idles.push(Instant::now()));
            return Ok(Some(format!("+ idling\r\n{tag} OK enough\r\n")));
        }
        "IDLE" => {
            stream.write_all(b"+ idling\r\n").await?;
            stream.read_line(&mut String::new()).await?;
            String::new()
        }
        "UID" if command.starts_with("UID SEARCH") => {
            let set = command.rsplit(' ').next().unwrap_or_default();
            let found: String = wanted(set).map(|uid| format!(" {uid}")).collect();
            format!("* SEARCH{found}\r\n")
        }
        "UID" => return fetch(stream, shared, tag, command).await,
        "STARTTLS" => return Ok(Some(format!("{tag} NO not here\r\n"))),
        _ => String::new(),
    };
    Ok(Some(format!("{untagged}{tag} OK done\r\n")))
}

async fn fetch(
    stream: &mut BufReader<TcpStream>,
    shared: &Shared,
    tag: &str,
    command: &str,
) -> std::io::Result<Option<String>> {
    let set = command.split(' ').nth(2).unwrap_or_default();
    let quirk = *shared.quirk.lock().unwrap();
    let mut told = String::new();
    let mut verdict = "OK";
    for uid in wanted(set) {
        let mail = mail(uid);
        let size = mail.len();
        let quirk = quirk.filter(|(of, _)| *of == uid).map(|(_, quirk)| quirk);
        if !command.contains("BODY") {
            if quirk != Some(Quirk::Unlisted) {
                told += &format!("* {uid} FETCH (UID {uid} RFC822.SIZE {size})\r\n");
            }
            continue;
        }
        let head =
            format!("* {uid} FETCH (UID {uid} INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" BODY[] ");
        match quirk {
            None | Some(Quirk::Unlisted) => told += &format!("{head}{{{size}}}\r\n{mail})\r\n"),
            Some(Quirk::Swollen(bytes)) => {
                let padding = "x".repeat(bytes - size);
                told += &format!("{head}{{{bytes}}}\r\n{mail}{padding})\r\n");
            }
            Some(Quirk::Twice) => {
                told += &format!("{head}{{{size}}}\r\n{mail})\r\n").repeat(2);
            }
            Some(Quirk::SharedUid) => {
                let other = self::mail(OTHER);
                let others = other.len();
                told += &format!("{head}{{{size}}}\r\n{mail})\r\n");
                told += &format!("{head}{{{others}}}\r\n{other})\r\n");
            }
            Some(Quirk::TwoBodies) => {
                let other = self::mail(OTHER);
                let others = other.len();
                told += &format!("{head}{{{size}}}\r\n{mail} BODY[] {{{others}}}\r\n{other})\r\n");
            }
            Some(Quirk::TwoUids) => {
                told += &format!("{head}{{{size}}}\r\n{mail} UID 77)\r\n");
            }
            Some(Quirk::Nil) => told += &format!("{head}NIL)\r\n"),
            Some(Quirk::Empty) => told += &format!("{head}\"\")\r\n"),
            Some(Quirk::No) => verdict = "NO",
            Some(Quirk::Announce(bytes)) => told += &format!("{head}{{{bytes}}}\r\n{mail})\r\n"),
            Some(Quirk::Cut | Quirk::Bye) => {
                told += &format!("{head}{{{size}}}\r\n{}", &mail[..size / 2]);
                if quirk == Some(Quirk::Bye) {
                    told += "* BYE the server goes down\r\n";
                }
                stream.write_all(told.as_bytes()).await?;
                return Ok(None);
            }
        }
    }
    Ok(Some(format!("{told}{tag} {verdict} done\r\n")))
}

/// The mails a sequence set names; `n:*` names the last one in any case.
fn wanted(set: &str) -> impl Iterator<Item = u32> + use<> {
    let parts: Vec<(u32, u32)> = set
        .split(',')
        .map(|part| {
            let (first, last) = part.split_once(':').unwrap_or((part, part));
            let number = |text: &str| text.parse().unwrap_or(3);
            let (first, last) = (number(first), number(last));
            (first.min(last), first.max(last))
        })
        .collect();
    let all = set == "ALL";
    MAILS.into_iter().filter(move |uid| {
        all || parts
            .iter()
            .any(|(first, last)| (first..=last).contains(&uid))
    })
}
