//! The only loop that runs a protocol machine: bytes and instants in, bytes out, events up.
//!
//! Invariant: `next_event` may be dropped at any await and called again; nothing
//! received is lost and nothing is written twice, since all state lives in the
//! driver and none in the future.
//! Invariant: reading never waits for writing. A peer that stops reading while it
//! sends cannot lock us up; it meets the machine's own deadline.
//! Deliberately absent: dialling, reconnecting, any knowledge of a protocol.

use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, timeout};

use super::tap::Tap;
use crate::domain::saying::Said;
use crate::protocol::Machine;

/// Bounds of one driver.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Most bytes asked for by one read. A connection at rest holds none: there is a
    /// buffer only while reads fill it.
    pub read_buffer_bytes: usize,
    /// How many bytes may wait to be written before the machine is asked for more.
    pub write_ahead_bytes: usize,
    /// How long [`Driver::close`] may take to say goodbye.
    pub close_deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_buffer_bytes: 64 * 1024,
            write_ahead_bytes: 64 * 1024,
            close_deadline: Duration::from_secs(2),
        }
    }
}

/// Smallest read, in bytes: a line or two. It goes to the stack. Also the mark below which
/// a buffer is renewed.
const READ_MIN_BYTES: usize = 4 * 1024;

/// Why there will be no further event.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum DriverError {
    /// The peer has closed and the machine has told everything it had to tell.
    Closed,
    /// The connection broke while reading.
    Read(#[source] io::Error),
    /// The connection broke while writing, and nothing more could be read either.
    Write(#[source] io::Error),
    /// [`Driver::into_parts`] came too early: the peer would lose these bytes.
    Unsent(usize),
}

impl DriverError {
    /// Whether the same on a new connection makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Closed | Self::Read(_) | Self::Write(_) => true,
            Self::Unsent(_) => false,
        }
    }
}

/// A machine on its stream.
#[derive(Debug)]
pub struct Driver<M, S = super::stream::Stream> {
    machine: M,
    stream: S,
    options: Options,
    inbound: Inbound,
    outbound: Outbound,
    timer: Option<Pin<Box<Sleep>>>,
    tap: Tap,
    /// Whether the machine has been told to keep its lines for the tap.
    tapped: bool,
}

/// The read side: an empty buffer with room, and whether more can come.
#[derive(Debug)]
struct Inbound {
    buffer: BytesMut,
    /// Size of the next buffer, between `READ_MIN_BYTES` and the option.
    chunk_bytes: usize,
    ended: bool,
}

/// The write side.
#[derive(Debug)]
struct Outbound {
    buffer: BytesMut,
    /// Something was written that a layer below (TLS) may still hold.
    flush_due: bool,
    /// Why writing has stopped for good. What can still be read often says why
    /// (`* BYE`, `421`), so reading goes on.
    broken: Option<io::Error>,
}

impl<M: Machine, S: AsyncRead + AsyncWrite + Unpin> Driver<M, S> {
    /// Puts a machine on a stream. Nothing happens before the first `next_event`.
    pub fn new(machine: M, stream: S, options: Options) -> Self {
        Self {
            machine,
            stream,
            options,
            inbound: Inbound {
                buffer: BytesMut::new(),
                chunk_bytes: READ_MIN_BYTES.min(options.read_buffer_bytes.max(1)),
                ended: false,
            },
            outbound: Outbound {
                buffer: BytesMut::new(),
                flush_due: false,
                broken: None,
            },
            timer: None,
            tap: Tap::default(),
            tapped: false,
        }
    }

    /// What is said from here on is also noted there, while that is switched on.
    #[must_use]
    pub fn with_tap(mut self, tap: Tap) -> Self {
        self.tap = tap;
        self.note_lines();
        self
    }

    /// The machine, to look at.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to give commands to. They go out with the next `next_event`.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The stream, to look at (peer address, TLS version).
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The monotonic now that machines of this driver are given, for commands that take one.
    #[must_use]
    pub fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }

    /// Waits for the machine's next event, reading, writing and keeping its time meanwhile.
    ///
    /// Cancel-safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// When the connection has ended and the machine has no event left to tell.
    pub async fn next_event(&mut self) -> Result<M::Event, DriverError> {
        let event = poll_fn(|cx| self.poll_next_event(cx)).await;
        self.note_lines();
        if let Err(error) = &event {
            self.tap.remark(error);
        }
        event
    }

    /// Takes the driver apart, for STARTTLS: the stream goes into the handshake and
    /// the same machine goes on over what comes out, on a new driver.
    ///
    /// All bytes that came in before are with the machine already. It is the
    /// machine that throws away whatever followed the go-ahead (RFC 3501 section
    /// 6.2.1, RFC 3207 section 4.2), since only it knows where that line ended.
    ///
    /// # Errors
    /// When bytes still wait to be written: an exchange now would lose them.
    pub fn into_parts(mut self) -> Result<(M, S), DriverError> {
        self.pull();
        self.note_lines();
        match self.outbound.buffer.len() {
            0 => Ok((self.machine, self.stream)),
            unsent => Err(DriverError::Unsent(unsent)),
        }
    }

    /// Writes what waits and closes our side, within the deadline of the options.
    /// Failing to say goodbye is no failure.
    pub async fn close(mut self) {
        self.note_lines();
        self.tap.remark("closed by us");
        let deadline = self.options.close_deadline;
        let farewell = async {
            self.pull();
            if self.outbound.broken.is_none() {
                self.stream.write_all(&self.outbound.buffer).await?;
            }
            self.stream.shutdown().await
        };
        // Either way the stream is dropped now.
        let _: Result<io::Result<()>, _> = timeout(deadline, farewell).await;
    }

    /// Hands the lines the machine has kept on to the tap.
    fn note_lines(&mut self) {
        let wanted = self.tap.is_on();
        if wanted != self.tapped {
            self.machine.keep_lines(wanted);
            self.tapped = wanted;
        }
        while wanted && let Some(line) = self.machine.poll_line() {
            self.tap.note(&line);
        }
    }

    fn poll_next_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<M::Event, DriverError>> {
        loop {
            self.note_lines();
            self.push(cx);
            if let Some(event) = self.machine.poll_event() {
                return Poll::Ready(Ok(event));
            }
            if self.inbound.ended {
                let broken = self.outbound.broken.take();
                return Poll::Ready(Err(broken.map_or(DriverError::Closed, DriverError::Write)));
            }
            if let Poll::Ready(read) = self.poll_input(cx) {
                read.map_err(DriverError::Read)?;
                continue;
            }
            ready!(self.poll_timer(cx));
        }
    }

    /// Moves bytes from the machine to the write buffer, up to the bound.
    fn pull(&mut self) {
        while self.outbound.buffer.len() < self.options.write_ahead_bytes
            && self.machine.poll_transmit(&mut self.outbound.buffer)
        {}
    }

    /// Writes as much as the stream takes now. A failure is kept, not returned.
    fn push(&mut self, cx: &mut Context<'_>) {
        loop {
            self.pull();
            if self.outbound.broken.is_some() {
                self.outbound.buffer.clear();
                return;
            }
            match self.outbound.poll_write(&mut self.stream, cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) | Poll::Pending => return,
                Poll::Ready(Err(error)) => self.outbound.broken = Some(error),
            }
        }
    }

    /// One read, handed to the machine without a copy.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let read = self.inbound.poll_read(&mut self.stream, cx);
        let bytes = match ready!(read) {
            Ok(bytes) => bytes,
            // TLS closed without its own goodbye. Our protocols mark their ends
            // themselves, so this is an end like any other.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Bytes::new(),
            Err(error) => return Poll::Ready(Err(error)),
        };
        let now = self.now();
        if bytes.is_empty() {
            self.inbound.ended = true;
            self.machine.handle_eof(now);
        } else {
            let max = self.options.read_buffer_bytes.max(1);
            self.inbound.adapt(bytes.len(), max);
            self.machine.handle_input(bytes, now);
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the machine's deadline has passed and it has been told.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.machine.poll_timeout().map(Instant::from_std) else {
            return Poll::Pending;
        };
        let sleep = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        // A machine that leaves a passed deadline standing is called again at once;
        // tokio's budget for timers makes even that yield.
        let now = self.now();
        self.machine.handle_timeout(now);
        Poll::Ready(())
    }
}

impl Inbound {
    /// Reads once; nothing at the end of the stream.
    ///
    /// A connection at rest owns no buffer: it reads into the stack, and what comes is
    /// copied. In a rush the bytes are handed on as they were read.
    fn poll_read<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>>
    where
        S: AsyncRead + Unpin,
    {
        if self.chunk_bytes <= READ_MIN_BYTES {
            let mut space = [MaybeUninit::uninit(); READ_MIN_BYTES];
            let mut room = ReadBuf::uninit(&mut space[..self.chunk_bytes]);
            ready!(Pin::new(stream).poll_read(cx, &mut room))?;
            return Poll::Ready(Ok(Bytes::copy_from_slice(room.filled())));
        }
        self.make_room();
        ready!(pin!(stream.read_buf(&mut self.buffer)).poll(cx))?;
        Poll::Ready(Ok(self.buffer.split().freeze()))
    }

    fn make_room(&mut self) {
        let room = self.buffer.capacity();
        if room > 4 * self.chunk_bytes {
            // The rush is slowing down.
            self.buffer = BytesMut::with_capacity(self.chunk_bytes);
        } else if room < READ_MIN_BYTES {
            // Takes the old memory back when the machine has let go of it.
            self.buffer.reserve(self.chunk_bytes);
        }
    }

    /// The next read is larger when this one was full, and smaller when it was small.
    fn adapt(&mut self, count: usize, max: usize) {
        let room = self.buffer.capacity();
        let filled = if self.chunk_bytes <= READ_MIN_BYTES {
            count == self.chunk_bytes
        } else {
            room == 0
        };
        if filled {
            self.chunk_bytes = (self.chunk_bytes * 2).min(max);
        } else if count < self.chunk_bytes / 16 {
            self.chunk_bytes = (self.chunk_bytes / 2).max(READ_MIN_BYTES.min(max));
        }
        if self.chunk_bytes <= READ_MIN_BYTES {
            self.buffer = BytesMut::new();
        }
    }
}

impl Outbound {
    /// `true` when something was written, `false` when all is written and flushed.
    fn poll_write<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<bool>>
    where
        S: AsyncWrite + Unpin,
    {
        let mut stream = Pin::new(stream);
        if self.buffer.is_empty() {
            if self.flush_due {
                ready!(stream.as_mut().poll_flush(cx))?;
                self.flush_due = false;
                // All is said: a connection at rest owns no buffer.
                self.buffer = BytesMut::new();
            }
            return Poll::Ready(Ok(false));
        }
        let count = ready!(stream.as_mut().poll_write(cx, &self.buffer))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.buffer.advance(count);
        self.flush_due = true;
        Poll::Ready(Ok(true))
    }
}

#[cfg(test)]
mod tests;
