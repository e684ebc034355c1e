//! The dialogues of one mailbox with its servers, kept for a person who asks why it
//! does not work.
//!
//! Invariant: what is noted here has been masked by whoever knows which words are
//! secret (the machines, `submission::dialogue`); bodies come as sizes.
//! Invariant: memory is bounded by [`LOG_BYTES_MAX`] whatever servers say, and off costs
//! one look at a flag. Deliberately absent: who may read it, and where it is switched.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Bytes of lines kept per mailbox; older lines go.
pub const LOG_BYTES_MAX: usize = 256 * 1024;
/// Longest line, in characters; what follows is cut.
const LINE_LENGTH_MAX: usize = 400;
/// What a line costs besides its text, in bytes.
const LINE_OVERHEAD: usize = size_of::<LogLine>();

/// A line of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was noted.
    pub at: Timestamp,
    /// Which connection of this mailbox, counted from 1.
    pub connection: u32,
    /// What is spoken on it: `imap`, `smtp`.
    pub protocol: &'static str,
    /// `C: ` and what we said, `S: ` and what the server said, or `-- ` and what happened.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            connection,
            protocol,
            text,
        } = self;
        let at = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        write!(f, "{at} {protocol} {connection} {text}")
    }
}

/// The log. Shared by whoever speaks for the mailbox and whoever reads it.
pub struct DialogueLog {
    on: AtomicBool,
    connections: AtomicU32,
    lines: Mutex<Lines>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Default)]
struct Lines {
    kept: VecDeque<LogLine>,
    bytes: usize,
}

impl DialogueLog {
    /// An empty log that is switched off. `now` tells the wall time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            on: AtomicBool::new(false),
            connections: AtomicU32::new(0),
            lines: Mutex::default(),
            now: Box::new(now),
        }
    }

    /// Switches it; what was kept stays readable.
    pub fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Whether lines are being kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Everything kept, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<LogLine> {
        self.lock().kept.iter().cloned().collect()
    }

    fn note(&self, connection: u32, protocol: &'static str, text: &str) {
        let line = LogLine {
            at: (self.now)(),
            connection,
            protocol,
            text: printable(text),
        };
        let mut lines = self.lock();
        lines.bytes += line.text.len() + LINE_OVERHEAD;
        lines.kept.push_back(line);
        while lines.bytes > LOG_BYTES_MAX
            && let Some(oldest) = lines.kept.pop_front()
        {
            lines.bytes -= oldest.text.len() + LINE_OVERHEAD;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Lines are pushed whole, so a panic elsewhere leaves nothing half-written.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DialogueLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialogueLog({})", self.is_on())
    }
}

/// Text of a stranger on one line, cut to its bound.
fn printable(text: &str) -> String {
    let mut letters = text.chars();
    let shown = letters.by_ref().take(LINE_LENGTH_MAX);
    let mut line: String = shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if letters.next().is_some() {
        line.push('…');
    }
    line
}

/// One connection's way into the log. The default one leads nowhere.
#[derive(Clone, Default)]
pub struct Tap(Option<Arc<Tapped>>);

struct Tapped {
    log: Arc<DialogueLog>,
    connection: u32,
    protocol: &'static str,
}

impl Tap {
    /// For a new connection on which `protocol` is spoken.
    #[must_use]
    pub fn new(log: Arc<DialogueLog>, protocol: &'static str) -> Self {
        let connection = log.connections.fetch_add(1, Ordering::Relaxed) + 1;
        Self(Some(Arc::new(Tapped {
            log,
            connection,
            protocol,
        })))
    }

    /// Whether lines are wanted now.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.as_ref().is_some_and(|tapped| tapped.log.is_on())
    }

    /// Notes a line, when lines are wanted.
    pub fn note(&self, text: &str) {
        if let Some(tapped) = self.0.as_ref().filter(|tapped| tapped.log.is_on()) {
            tapped.log.note(tapped.connection, tapped.protocol, text);
        }
    }

    /// Notes what happened to the connection.
    pub fn remark(&self, words: impl fmt::Display) {
        if self.is_on() {
            self.note(&format!("-- {words}"));
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tap({})", self.is_on())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Arc<DialogueLog> {
        Arc::new(DialogueLog::new(|| Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn off_keeps_nothing_and_on_numbers_the_connections() {
        let log = log();
        let first = Tap::new(Arc::clone(&log), "imap");
        first.note("C: before");
        log.switch(true);
        let second = Tap::new(Arc::clone(&log), "smtp");
        first.note("C: A1 NOOP");
        second.remark("connected");
        let seen: Vec<_> = log
            .lines()
            .into_iter()
            .map(|line| (line.connection, line.protocol, line.text))
            .collect();
        let expected = [(1, "imap", "C: A1 NOOP"), (2, "smtp", "-- connected")];
        assert_eq!(seen, expected.map(|(n, p, t)| (n, p, t.to_owned())));
        assert!(!Tap::default().is_on());
    }

    #[test]
    fn memory_is_bounded_and_lines_stay_lines() {
        let log = log();
        log.switch(true);
        let tap = Tap::new(Arc::clone(&log), "imap");
        for number in 0..3_000 {
            tap.note(&format!("S: {number}\r\n{}", "x".repeat(1_000)));
        }
        let lines = log.lines();
        let bytes: usize = lines.iter().map(|line| line.text.len()).sum();
        assert!(bytes <= LOG_BYTES_MAX && lines.len() > 100);
        let last = &lines[lines.len() - 1].text;
        assert!(
            last.starts_with("S: 2999  x") && last.ends_with('…'),
            "{last}"
        );
    }
}
