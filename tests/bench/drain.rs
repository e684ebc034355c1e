//! The ceiling: the same FETCH over the same TLS, read to the end and thrown away.

use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::measure::{Run, cpu_of, peak_of};
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::talk::{connect_tls, literal_length};

/// Read at once, in bytes.
const BUFFER: usize = 256 * 1024;
/// A response line without its literals, in bytes.
const LINE_MAX: usize = 4096;

pub fn run(dovecot: &Dovecot) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let before = cpu_of("self");
    let start = Instant::now();
    let mails = runtime.block_on(drain(dovecot));
    Run {
        mails,
        wall: start.elapsed(),
        cpu: cpu_of("self").saturating_sub(before),
        peak_bytes: peak_of("self"),
        store: None,
    }
}

async fn drain(dovecot: &Dovecot) -> usize {
    let (mut talk, _) = connect_tls(dovecot.ports.imaps, &dovecot.authority_pem()).await;
    talk.command(&format!("LOGIN {USER} \"{PASSWORD}\"")).await;
    talk.command("SELECT INBOX").await;
    talk.send("f UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
        .await;
    count(talk.into_stream(), b"f OK").await
}

/// Reads responses until the tagged one and counts the literals.
async fn count<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, tag: &[u8]) -> usize {
    let mut buffer = vec![0; BUFFER];
    let mut line = Vec::with_capacity(LINE_MAX);
    let (mut literals, mut skip) = (0, 0);
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the server closed the connection");
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            if skip > 0 {
                let step = skip.min(rest.len());
                skip -= step;
                rest = &rest[step..];
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                line.extend_from_slice(rest);
                break;
            };
            line.extend_from_slice(&rest[..=end]);
            rest = &rest[end + 1..];
            assert!(line.len() <= LINE_MAX, "a line without end");
            if let Some(length) = literal_length(&line) {
                skip = length;
                literals += 1;
            } else if line.starts_with(tag) {
                return literals;
            }
            line.clear();
        }
    }
}
