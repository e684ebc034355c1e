//! Many mailboxes at once, or one that is large: what reaches the servers stays within
//! bounds, and nobody waits for another's trouble.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use postern::domain::ceiling::Ceiling;
use postern::domain::mailbox::Security;
use postern::domain::turns::Ceilings;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::box_of_mail::{Boxes, UNBOUND, is_active, is_error, needs_a_person, patience, quick};
use super::hostile::{Hostile, Opening};
use super::{SHORT, deliver, honest, provider};

const SECOND: Duration = Duration::from_secs(1);
/// What one look at a folder may cost, both ways together.
const LOOK_BYTES_MAX: usize = 1_000;

#[tokio::test]
async fn no_host_ever_sees_more_connections_in_a_second_than_is_set() {
    const RATE: u32 = 10;
    let host = Ceiling {
        per_second: RATE,
        at_once: 100,
    };
    let ceilings = Ceilings { host, ..UNBOUND };
    let boxes = Boxes::open_within(ceilings, patience(1_000, SHORT), quick());
    // Every mailbox is let in, loses its connection and comes back within milliseconds.
    let server = Hostile::start(Opening::HangsUp, None).await;
    for number in 0..30 {
        let address = format!("{number}@shop.example");
        boxes.connect(&address, server.port, Security::None).await;
    }
    let came = boxes
        .until("three seconds' worth have come", || {
            let came = server.came();
            (came.len() >= 3 * RATE as usize).then_some(came)
        })
        .await;
    for from in &came {
        let within = |at: &&std::time::Instant| *at >= from && **at < *from + SECOND;
        let count = came.iter().filter(within).count();
        assert!(count <= RATE as usize, "{count} within a second");
    }
}

#[tokio::test]
async fn mailboxes_that_hang_or_drip_do_not_delay_one_that_works_at_the_same_host() {
    let ceilings = Ceilings::default();
    let boxes = Boxes::open_within(ceilings, patience(3, SHORT), quick());
    let hanging = Hostile::start(Opening::Silent, None).await;
    let dripping = Hostile::start(Opening::Drips, None).await;
    for number in 0..ceilings.host.at_once {
        for (what, server) in [("hang", &hanging), ("drip", &dripping)] {
            let address = format!("{what}{number}@shop.example");
            boxes.connect(&address, server.port, Security::None).await;
        }
    }
    let provider = provider().await;
    deliver(&provider, "1 in time");
    let (_road, mailbox) = honest(&boxes, &provider).await;
    // `until_subjects` waits for less than the deadline of the greeting they hang at.
    boxes.until_subjects(&mailbox, &["1 in time"]).await;
    deliver(&provider, "2 at once");
    boxes
        .until_subjects(&mailbox, &["1 in time", "2 at once"])
        .await;
    assert!(is_active(&boxes.receiving(&mailbox)));
}

#[tokio::test]
async fn a_login_put_off_for_however_long_never_asks_for_a_person() {
    let patience = patience(3, SHORT);
    let boxes = Boxes::open(patience, quick());
    let busy = Hostile::start(Opening::Busy, None).await;
    let mailbox = boxes
        .connect("busy@shop.example", busy.port, Security::None)
        .await;
    boxes.until_condition(&mailbox, is_error).await;
    let few = patience.put_offs_max as usize;
    let tries = few + patience.attempts_max as usize - 1;
    assert_eq!(busy.logins(), tries, "few in a row are no failures yet");
    // Another mailbox that fails over and over is the clock.
    let clock = boxes
        .connect("clock@shop.example", busy.port, Security::None)
        .await;
    boxes.until_condition(&clock, is_error).await;
    assert!(busy.logins() > 2 * tries);
    assert!(!needs_a_person(&boxes.receiving(&mailbox)));
}

#[tokio::test]
async fn a_look_into_a_folder_of_a_hundred_thousand_mails_costs_less_than_a_kilobyte() {
    for idles in [true, false] {
        let boxes = Boxes::open(patience(3, SHORT), quick());
        let server = Large::start(idles).await;
        let mailbox = boxes
            .connect_from_now("large@shop.example", server.port)
            .await;
        boxes.until_condition(&mailbox, is_active).await;
        let looks = server.looks().await;
        assert!(
            looks.iter().all(|bytes| *bytes < LOOK_BYTES_MAX),
            "{looks:?}"
        );
        assert_eq!(boxes.subjects(&mailbox).len(), 0);
    }
}

/// A server with a large folder that counts what a look costs.
struct Large {
    port: u16,
    looks: Arc<Mutex<Vec<usize>>>,
    changed: Arc<tokio::sync::Notify>,
}

const LAST_UID: u32 = 100_000;
/// Looks that are waited for; the first of them is complete when the next begins.
const LOOKS: usize = 4;

impl Large {
    async fn start(idles: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let looks = Arc::new(Mutex::new(Vec::new()));
        let changed = Arc::new(tokio::sync::Notify::new());
        let (theirs, tell) = (Arc::clone(&looks), Arc::clone(&changed));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (looks, tell) = (Arc::clone(&theirs), Arc::clone(&tell));
                tokio::spawn(async move { drop(serve(stream, idles, &looks, &tell).await) });
            }
        });
        Self {
            port,
            looks,
            changed,
        }
    }

    /// What each look cost, once there were some.
    async fn looks(&self) -> Vec<usize> {
        let enough = async {
            loop {
                let changed = self.changed.notified();
                let looks = self.looks.lock().unwrap().clone();
                if looks.len() >= LOOKS {
                    return looks;
                }
                changed.await;
            }
        };
        tokio::time::timeout(crate::peers::STEP_MAX, enough)
            .await
            .expect("looks")
    }
}

async fn serve(
    stream: TcpStream,
    idles: bool,
    looks: &Mutex<Vec<usize>>,
    tell: &tokio::sync::Notify,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK ready\r\n").await?;
    let idle = if idles { " IDLE" } else { "" };
    // Bytes of the look that is under way, once one has begun: with the NOOP that asks for
    // news, or the DONE that ends an IDLE. It ends where the next begins.
    let mut look: Option<usize> = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap_or_default();
        let verb = command.split(' ').next().unwrap_or_default();
        if verb == "IDLE" {
            const BEGUN: &str = "+ idling\r\n";
            stream.write_all(BEGUN.as_bytes()).await?;
            look = look.map(|bytes| bytes + BEGUN.len() + line.len());
            let mut done = String::new();
            stream.read_line(&mut done).await?;
            note(looks, tell, look.replace(done.len()));
        } else if verb == "NOOP" {
            note(looks, tell, look.replace(0));
        }
        let untagged = match verb {
            "CAPABILITY" => format!("* CAPABILITY IMAP4rev1{idle}\r\n"),
            "SELECT" | "EXAMINE" => format!(
                "* {LAST_UID} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT {}] x\r\n",
                LAST_UID + 1
            ),
            // The last mail is named whatever was asked for (RFC 9051 section 9).
            "UID" => format!("* SEARCH {LAST_UID}\r\n"),
            _ => String::new(),
        };
        let answer = format!("{untagged}{tag} OK done\r\n");
        stream.write_all(answer.as_bytes()).await?;
        let asked = if verb == "IDLE" { 0 } else { line.len() };
        look = look.map(|bytes| bytes + asked + answer.len());
    }
}

fn note(looks: &Mutex<Vec<usize>>, tell: &tokio::sync::Notify, look: Option<usize>) {
    if let Some(bytes) = look {
        looks.lock().unwrap().push(bytes);
        tell.notify_one();
    }
}
