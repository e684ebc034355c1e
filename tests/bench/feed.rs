//! A listener of the feed, and what its waits come to.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::gateway::Gateway;

/// Tells when each event of a sort reached a listener of server-sent events.
pub fn listen(gateway: &Gateway, sort: &'static str) -> mpsc::Receiver<Instant> {
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    write!(
        stream,
        "GET /api/v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Accept: text/event-stream\r\n\r\n",
        gateway.address,
        gateway.token()
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines();
    let hello = lines
        .by_ref()
        .find(|line| line.as_ref().unwrap().contains("hello"));
    assert!(hello.is_some(), "the feed did not begin");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let now = Instant::now();
            if line.starts_with("event:") && line.contains(sort) && sender.send(now).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Milliseconds; of sorted waits.
pub fn percentile(waits: &[Duration], percent: usize) -> f64 {
    let at = (waits.len() * percent).div_ceil(100).max(1) - 1;
    waits[at].as_secs_f64() * 1000.0
}
