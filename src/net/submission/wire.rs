//! Our stream as the SMTP library wants it, with answers made fit for it on the way.
//!
//! The library fails on replies that are not UTF-8, on codes without text and on
//! bare line feeds, and it forgets what exactly was said. So it is fed a plain copy,
//! while the original words are kept for [`ReplyLog::take`].
//! Deliberately absent: what of it may be noted (`dialogue`): it holds passwords and mail.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dialogue::Dialogue;
use super::reply::{REPLY_BYTES_MAX, Reply};
use crate::net::stream::Stream;
use crate::protocol::prose::Masks;

/// Bytes asked of the stream at once; replies are short.
const READ_BYTES: usize = 1024;

/// The raw answer to the command under way.
#[derive(Clone)]
pub(super) struct ReplyLog {
    raw: Arc<Mutex<Vec<u8>>>,
    /// What a server may repeat and nobody shall read.
    masks: Masks,
    /// More came than was asked for.
    surplus: Arc<AtomicBool>,
}

impl ReplyLog {
    /// The reply that came since the last command, in its own words.
    pub(super) fn take(&self) -> Option<Reply> {
        let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        let raw = std::mem::take(&mut *raw);
        let (mut reply, used) = Reply::parse(&raw).ok().flatten()?;
        if used < raw.len() {
            self.surplus.store(true, Ordering::Relaxed);
        }
        for line in &mut reply.lines {
            *line = self.masks.cover(std::mem::take(line));
        }
        Some(reply)
    }

    /// No answer has brought more than itself.
    pub(super) fn is_in_step(&self) -> bool {
        !self.surplus.load(Ordering::Relaxed)
    }

    fn append(&self, bytes: &[u8]) {
        let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        let room = (REPLY_BYTES_MAX + READ_BYTES).saturating_sub(raw.len());
        raw.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn clear(&self) {
        let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        raw.clear();
    }
}

impl fmt::Debug for ReplyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyLog")
    }
}

/// The stream with its filter.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    log: ReplyLog,
    dialogue: Dialogue,
    /// Filtered bytes the library has not taken yet, from `taken` on.
    ready: Vec<u8>,
    taken: usize,
    filter: Filter,
}

impl Wire {
    /// `ahead` are bytes in front of what the stream brings: a greeting that was
    /// read already, or one for the library after STARTTLS, where servers send none.
    pub(super) fn new(stream: Stream, ahead: &[u8], dialogue: Dialogue) -> (Self, ReplyLog) {
        let log = ReplyLog {
            raw: Arc::default(),
            masks: dialogue.masks(),
            surplus: Arc::default(),
        };
        let wire = Self {
            stream,
            log: log.clone(),
            dialogue,
            ready: ahead.to_vec(),
            taken: 0,
            filter: Filter::default(),
        };
        (wire, log)
    }
}

/// Makes replies plain: ASCII, CRLF, a blank after the code.
#[derive(Debug, Default)]
struct Filter {
    column: usize,
    after_cr: bool,
}

impl Filter {
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            match byte {
                // Held back until it is known what follows.
                b'\r' => self.after_cr = true,
                b'\n' => {
                    if self.column == 3 {
                        out.push(b' ');
                    }
                    out.extend_from_slice(b"\r\n");
                    *self = Self::default();
                }
                _ => {
                    out.push(if byte.is_ascii() { byte } else { b'?' });
                    self.column += 1;
                    self.after_cr = false;
                }
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.taken == this.ready.len() {
            this.ready.clear();
            this.taken = 0;
            let mut raw = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut raw);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.log.append(read.filled());
            this.dialogue.heard(read.filled());
            this.filter.pass(read.filled(), &mut this.ready);
        }
        let waiting = &this.ready[this.taken..];
        let count = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..count]);
        this.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // The library says QUIT by itself after some failures; the words of the
        // failure are still wanted.
        if bytes != b"QUIT\r\n" {
            this.log.clear();
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        this.dialogue.said(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_address()
    }
}
