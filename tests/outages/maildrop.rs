//! POP3 servers that do what they should not, and what becomes of the mails.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use postern::domain::ledger::Fate;
use postern::domain::mailbox::Pop3Keep;
use postern::service::sync::options::SyncOptions;

use super::box_of_mail::{Boxes, is_active, is_error, is_interrupted, patience, quick};
use super::{ADDRESS, SHORT};
use crate::peers::until;

/// What happens when the second of three mails is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quirk {
    /// Half of it comes, and the connection ends.
    Cut,
    /// Half of it comes, and nothing more.
    Hang,
    /// Half of it comes, and then a byte now and then.
    Drip,
    /// It is refused.
    Err,
    /// It is empty.
    Empty,
    /// It is listed as larger than the limit.
    Large,
    /// None, but the server wants to be left alone for an hour.
    LoginDelay,
    /// None, but when its mails are deleted, once, other ones have their ids (RFC 1939
    /// section 7).
    Reuses,
    /// No mail at all: the maildrop is in use by somebody else.
    InUse,
}

#[derive(Debug, Default)]
struct State {
    quirk: Option<Quirk>,
    logins: usize,
    deleted: Vec<usize>,
    /// How often its mails were replaced by others.
    replaced: usize,
}

/// A maildrop with three mails; its threads end with the test's process.
struct Maildrop {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Maildrop {
    fn start(quirk: Quirk) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            quirk: Some(quirk),
            ..State::default()
        }));
        let theirs = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&theirs);
                // A client that hangs up ends its thread.
                std::thread::spawn(move || serve(stream, &state).ok());
            }
        });
        Self { port, state }
    }

    fn mend(&self) {
        self.state.lock().unwrap().quirk = None;
    }

    fn logins(&self) -> usize {
        self.state.lock().unwrap().logins
    }

    fn deleted(&self) -> Vec<usize> {
        self.state.lock().unwrap().deleted.clone()
    }
}

fn mail(number: usize) -> String {
    format!("From: a@example.net\r\nSubject: {number}\r\n\r\nabout {number}\r\n")
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    let mut marked = Vec::new();
    stream.write_all(b"+OK hello\r\n")?;
    for line in lines {
        let line = line?;
        let (quirk, replaced) = {
            let state = state.lock().unwrap();
            (state.quirk, state.replaced)
        };
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match (words.as_slice(), quirk) {
            (["CAPA"], Some(Quirk::LoginDelay)) => {
                "+OK\r\nUIDL\r\nLOGIN-DELAY 3600\r\n.\r\n".to_owned()
            }
            (["CAPA"], _) => "+OK\r\nUIDL\r\nTOP\r\nUSER\r\n.\r\n".to_owned(),
            (["PASS", _], Some(Quirk::InUse)) => {
                state.lock().unwrap().logins += 1;
                "-ERR [IN-USE] wrong password or busy\r\n".to_owned()
            }
            (["PASS", _], _) => {
                state.lock().unwrap().logins += 1;
                "+OK\r\n".to_owned()
            }
            (["LIST" | "UIDL"], Some(Quirk::Reuses)) if replaced > 1 => "+OK\r\n.\r\n".to_owned(),
            (["LIST"], quirk) => {
                let size = if quirk == Some(Quirk::Large) {
                    99_999
                } else {
                    60
                };
                format!("+OK\r\n1 60\r\n2 {size}\r\n3 60\r\n.\r\n")
            }
            (["UIDL"], _) => "+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n".to_owned(),
            (["RETR", "2"], Some(Quirk::Err)) => "-ERR cannot read it\r\n".to_owned(),
            (["RETR", "2"], Some(Quirk::Empty)) => "+OK\r\n.\r\n".to_owned(),
            (["RETR", "2"], Some(Quirk::Cut)) => {
                stream.write_all(b"+OK\r\nFrom: a@exa")?;
                return Ok(());
            }
            (["RETR", "2"], Some(Quirk::Hang)) => "+OK\r\nFrom: a@exa".to_owned(),
            (["RETR", "2"], Some(Quirk::Drip)) => {
                stream.write_all(b"+OK\r\n")?;
                loop {
                    stream.write_all(b"x")?;
                    // The server's own pace: this is the fault that is played.
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            (["RETR", number], _) => {
                let number = number.parse::<usize>().unwrap() + 3 * replaced;
                format!("+OK\r\n{}.\r\n", mail(number))
            }
            (["TOP", "2", _], Some(Quirk::Large)) => "-ERR no part of it\r\n".to_owned(),
            (["TOP", number, _], _) => {
                let whole = mail(number.parse::<usize>().unwrap() + 3 * replaced);
                let (header, _) = whole.split_once("\r\n\r\n").unwrap();
                format!("+OK\r\n{header}\r\n\r\n.\r\n")
            }
            (["DELE", number], _) => {
                marked.push(number.parse().unwrap());
                "+OK\r\n".to_owned()
            }
            (["QUIT"], _) => {
                let mut state = state.lock().unwrap();
                state.deleted.extend(&marked);
                if !marked.is_empty() && quirk == Some(Quirk::Reuses) {
                    state.replaced += 1;
                }
                drop(state);
                stream.write_all(b"+OK\r\n")?;
                return Ok(());
            }
            _ => "+OK\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}

#[tokio::test]
async fn half_a_mail_is_never_stored_and_the_whole_one_comes_later() {
    for quirk in [Quirk::Cut, Quirk::Hang, Quirk::Drip] {
        let boxes = Boxes::open(patience(100, Duration::from_millis(500)), quick());
        let server = Maildrop::start(quirk);
        let mailbox = boxes
            .connect_maildrop(ADDRESS, server.port, Pop3Keep::DeleteOnceStored)
            .await;
        boxes.until_condition(&mailbox, is_interrupted).await;
        assert_eq!(boxes.subjects(&mailbox), ["1"], "{quirk:?}");
        assert_eq!(server.deleted(), [0; 0], "{quirk:?}");
        server.mend();
        boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    }
}

#[tokio::test]
async fn one_mail_that_ends_every_session_does_not_hold_up_the_others() {
    let boxes = Boxes::open(patience(100, SHORT), quick());
    let server = Maildrop::start(Quirk::Cut);
    let mailbox = boxes
        .connect_maildrop(ADDRESS, server.port, Pop3Keep::Leave)
        .await;
    boxes.until_subjects(&mailbox, &["1", "3"]).await;
    assert!(server.logins() <= 6, "{}", server.logins());
}

#[tokio::test]
async fn a_mail_that_is_not_given_does_not_hold_up_the_others_and_is_never_deleted() {
    for quirk in [Quirk::Err, Quirk::Empty] {
        let boxes = Boxes::open(patience(100, SHORT), quick());
        let server = Maildrop::start(quirk);
        let mailbox = boxes
            .connect_maildrop(ADDRESS, server.port, Pop3Keep::DeleteOnceStored)
            .await;
        boxes.until_subjects(&mailbox, &["1", "3"]).await;
        boxes.until_condition(&mailbox, is_active).await;
        assert!(!server.deleted().contains(&2), "{quirk:?}");
        server.mend();
        boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    }
}

#[tokio::test]
async fn a_mail_above_the_limit_is_noted_once_and_left_on_the_server() {
    let options = SyncOptions {
        mail_size_max: 1_000,
        ..quick()
    };
    let boxes = Boxes::open(patience(3, SHORT), options);
    let server = Maildrop::start(Quirk::Large);
    let mailbox = boxes
        .connect_maildrop(ADDRESS, server.port, Pop3Keep::DeleteOnceStored)
        .await;
    boxes.until_subjects(&mailbox, &["1", "3"]).await;
    assert!(boxes.sync.refresh(mailbox.key).expect("free"));
    let clock = Maildrop::start(Quirk::InUse);
    let clock = boxes
        .connect_maildrop("clock@shop.example", clock.port, Pop3Keep::Leave)
        .await;
    boxes.until_condition(&clock, is_error).await;
    let rows = boxes.store.ledger(mailbox.key, None, 100).unwrap();
    let large = rows
        .iter()
        .filter(|row| matches!(row.fate, Fate::TooLarge { size: 99_999, .. }));
    assert_eq!((large.count(), rows.len()), (1, 3));
    assert!(!server.deleted().contains(&2));
    let held = boxes.store.held_in_maildrop(mailbox.key).unwrap();
    assert_eq!((held.too_large, held.incomplete), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_mails_under_the_ids_of_deleted_ones_are_fetched_before_they_are_deleted() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let server = Maildrop::start(Quirk::Reuses);
    let mailbox = boxes
        .connect_maildrop(ADDRESS, server.port, Pop3Keep::DeleteOnceStored)
        .await;
    boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    assert!(boxes.sync.refresh(mailbox.key).expect("free"));
    let all = ["1", "2", "3", "4", "5", "6"];
    boxes.until_subjects(&mailbox, &all).await;
    until("all are deleted", || {
        let mut deleted = server.deleted();
        deleted.sort_unstable();
        (deleted == [1, 1, 2, 2, 3, 3]).then_some(())
    });
}

#[tokio::test]
async fn a_maildrop_in_use_is_no_verdict_on_the_password() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let server = Maildrop::start(Quirk::InUse);
    let mailbox = boxes
        .connect_maildrop(ADDRESS, server.port, Pop3Keep::Leave)
        .await;
    boxes.until_condition(&mailbox, is_error).await;
    server.mend();
    boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is() {
    let boxes = Boxes::open(patience(3, Duration::from_millis(500)), quick());
    let server = Maildrop::start(Quirk::LoginDelay);
    let mailbox = boxes
        .connect_maildrop(ADDRESS, server.port, Pop3Keep::Leave)
        .await;
    boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    // Another mailbox that fails over and over is the clock: two waits are longer than
    // the interval between looks.
    let clock = Maildrop::start(Quirk::InUse);
    let clock = boxes
        .connect_maildrop("clock@shop.example", clock.port, Pop3Keep::Leave)
        .await;
    boxes.until_condition(&clock, is_error).await;
    assert_eq!(server.logins(), 1);
    assert!(
        boxes.sync.refresh(mailbox.key).expect("free"),
        "a person is not kept waiting"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_deleted_when_its_days_are_over_and_not_before() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let server = Maildrop::start(Quirk::Err);
    let mailbox = boxes
        .connect_maildrop(ADDRESS, server.port, Pop3Keep::Days(3))
        .await;
    boxes.until_subjects(&mailbox, &["1", "3"]).await;
    boxes.sync.stop(mailbox.key).await;
    assert_eq!(server.deleted(), [0; 0]);
    // Four days later; the mail that was not given is as old.
    let known = boxes.store.maildrop(mailbox.key).unwrap();
    let older = known.rows.into_iter().map(|(id, mut row)| {
        row.at -= SignedDuration::from_hours(4 * 24);
        (id, row)
    });
    let older = older.collect();
    let changed = boxes.store.set_maildrop(mailbox.key, older, Vec::new());
    changed.await.unwrap();
    boxes.sync.start(mailbox);
    until("the old mail is deleted", || {
        (server.deleted().len() == 2).then_some(())
    });
    let mut deleted = server.deleted();
    deleted.sort_unstable();
    assert_eq!(deleted, [1, 3]);
}
