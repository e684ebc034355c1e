//! The driver on in-memory streams with paused time, running a machine of lines.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::{Driver, DriverError, Options};
use crate::protocol::Machine;

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Line(String),
    Late,
    Ended,
}

/// Tells each line, answers `PING` with `PONG`, says when its deadline passed.
#[derive(Debug, Default)]
struct Lines {
    partial: Vec<u8>,
    events: VecDeque<Event>,
    transmit: VecDeque<Vec<u8>>,
    deadline: Option<Instant>,
}

impl Lines {
    fn say(&mut self, text: &[u8]) {
        self.transmit.push_back(text.to_vec());
    }
}

impl Machine for Lines {
    type Event = Event;

    fn handle_input(&mut self, bytes: Bytes, _now: Instant) {
        for byte in bytes {
            if byte != b'\n' {
                self.partial.push(byte);
                continue;
            }
            let line = String::from_utf8(std::mem::take(&mut self.partial)).expect("ASCII");
            if line == "PING" {
                self.say(b"PONG\n");
            } else {
                self.events.push_back(Event::Line(line));
            }
        }
    }

    fn handle_eof(&mut self, _now: Instant) {
        self.events.push_back(Event::Ended);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.events.push_back(Event::Late);
        }
    }

    fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        self.transmit
            .pop_front()
            .map(|text| out.extend_from_slice(&text))
            .is_some()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

fn pair(pipe_bytes: usize) -> (Driver<Lines, DuplexStream>, DuplexStream) {
    let (near, far) = duplex(pipe_bytes);
    (Driver::new(Lines::default(), near, Options::default()), far)
}

async fn next(driver: &mut Driver<Lines, DuplexStream>) -> Event {
    driver.next_event().await.expect("an event")
}

#[tokio::test]
async fn lines_come_up_answers_go_out_and_the_end_is_told_once() {
    let (mut driver, mut far) = pair(64);
    let peer = async {
        far.write_all(b"one\nPING\nt").await.expect("writes");
        let mut pong = [0; 5];
        far.read_exact(&mut pong).await.expect("an answer");
        far.write_all(b"wo\n").await.expect("writes");
        drop(far);
        pong
    };
    let ours = async {
        let mut seen = Vec::new();
        loop {
            match driver.next_event().await {
                Ok(event) => seen.push(event),
                Err(error) => return (seen, error),
            }
        }
    };
    let (pong, (seen, error)) = tokio::join!(peer, ours);
    assert_eq!(&pong, b"PONG\n");
    let expected = [
        Event::Line("one".into()),
        Event::Line("two".into()),
        Event::Ended,
    ];
    assert_eq!(seen, expected);
    assert!(matches!(error, DriverError::Closed), "{error}");
    assert!(error.is_transient());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_kept_and_follows_when_it_moves() {
    let (mut driver, _far) = pair(64);
    let start = driver.now();
    driver.machine_mut().deadline = Some(start + Duration::from_secs(600));
    // A shorter wait is given up by the caller; the machine then moves its deadline.
    let early = tokio::time::timeout(Duration::from_secs(1), driver.next_event()).await;
    assert!(early.is_err());
    driver.machine_mut().deadline = Some(start + Duration::from_secs(29));
    assert_eq!(next(&mut driver).await, Event::Late);
    assert_eq!((driver.now() - start).as_secs(), 29);
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let (mut driver, mut far) = pair(4);
    driver
        .machine_mut()
        .say(b"a command longer than the pipe\n");
    let mut heard = Vec::new();
    // The pipe holds four bytes, so each wait is cut off in the middle of something.
    for chunk in [&b"on"[..], b"e\nt", b"wo", b"\n"] {
        far.write_all(chunk).await.expect("writes");
        tokio::select! {
            biased;
            event = driver.next_event() => heard.push(event.expect("an event")),
            () = std::future::ready(()) => {}
        }
        let mut taken = [0; 4];
        far.read_exact(&mut taken)
            .await
            .expect("bytes of the command");
        heard.push(Event::Line(String::from_utf8_lossy(&taken).into_owned()));
    }
    let line = |text: &str| Event::Line(text.into());
    assert_eq!(heard[..2], [line("a co"), line("one")], "{heard:?}");
    assert!(heard.contains(&line("two")), "{heard:?}");
    let said: String = heard
        .iter()
        .filter_map(|event| match event {
            Event::Line(text) if text.len() == 4 => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(said, "a command longer");
}

#[tokio::test]
async fn a_peer_that_does_not_read_while_it_sends_locks_nobody_up() {
    let (mut driver, mut far) = pair(16);
    driver.machine_mut().say(&[b'x'; 300_000]);
    driver.machine_mut().say(b"\n");
    let peer = async {
        // Far more than the pipe holds, before the first read.
        for number in 0..1_000 {
            let line = format!("line {number}\n");
            far.write_all(line.as_bytes()).await.expect("writes");
        }
        let mut taken = vec![0; 300_001];
        far.read_exact(&mut taken).await.expect("the whole command");
        far.write_all(b"taken\n").await.expect("writes");
        taken
    };
    let ours = async {
        for number in 0..1_000 {
            assert_eq!(
                next(&mut driver).await,
                Event::Line(format!("line {number}"))
            );
        }
        next(&mut driver).await
    };
    let (taken, last) = tokio::join!(peer, ours);
    assert_eq!(last, Event::Line("taken".into()));
    assert_eq!(taken.iter().filter(|byte| **byte == b'x').count(), 300_000);
}

#[tokio::test]
async fn the_same_machine_goes_on_over_another_stream() {
    let (mut driver, mut far) = pair(64);
    far.write_all(b"go ahead\n").await.expect("writes");
    assert_eq!(next(&mut driver).await, Event::Line("go ahead".into()));
    let (machine, _plain) = driver.into_parts().expect("nothing waits");
    let (near, mut secure) = duplex(64);
    let mut driver = Driver::new(machine, near, Options::default());
    secure.write_all(b"hello\n").await.expect("writes");
    assert_eq!(next(&mut driver).await, Event::Line("hello".into()));

    driver.machine_mut().say(b"not yet written\n");
    let refused = driver.into_parts().expect_err("bytes wait");
    assert!(matches!(refused, DriverError::Unsent(16)), "{refused}");
}

#[tokio::test]
async fn closing_writes_what_waits() {
    let (mut driver, mut far) = pair(64);
    driver.machine_mut().say(b"LOGOUT\n");
    driver.close().await;
    let mut heard = String::new();
    far.read_to_string(&mut heard).await.expect("an end");
    assert_eq!(heard, "LOGOUT\n");
}

#[tokio::test]
async fn the_read_buffer_grows_in_a_rush_and_shrinks_after_it() {
    let (mut driver, mut far) = pair(1 << 20);
    let mut rush = vec![b'x'; 400_000];
    rush.push(b'\n');
    far.write_all(&rush).await.expect("writes");
    next(&mut driver).await;
    assert_eq!(driver.inbound.chunk_bytes, 64 * 1024);
    for _ in 0..8 {
        far.write_all(b"* 1 EXISTS\n").await.expect("writes");
        next(&mut driver).await;
    }
    assert_eq!(driver.inbound.chunk_bytes, super::READ_MIN_BYTES);
    assert!(driver.inbound.buffer.capacity() <= 4 * super::READ_MIN_BYTES);
}
