//! What was measured, and how it is told while the others are under way.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::saying::Saying;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// Name and network of the incoming server.
    IncomingReach,
    /// Its certificate.
    IncomingTls,
    /// The login there.
    Login,
    /// Whether it wants to know who we are (RFC 2971).
    Id,
    /// The folder or maildrop.
    Folder,
    /// Whether it tells of new mail at once (RFC 2177).
    Push,
    /// The folder of suspected spam.
    Junk,
    /// Where copies of replies go.
    Sent,
    /// Our own listener, for forwarded mail.
    Listener,
    /// Name and network of the outgoing server.
    OutgoingReach,
    /// Its certificate.
    OutgoingTls,
    /// The login there.
    Submission,
    /// Each further address replies leave from.
    Alias,
    /// A mail from the mailbox to itself, and its answer.
    RoundTrip,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Somebody should know.
    Note,
    /// It does not work.
    Wrong,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of what.
    pub check: Check,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, and what to do.
    pub words: Saying,
    /// How long it took.
    pub took: Duration,
}

/// An examination, so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// When it began.
    pub begun_at: Timestamp,
    /// What was measured.
    pub findings: Vec<Finding>,
    /// Nothing more will come.
    pub is_over: bool,
}

impl Examination {
    /// The worst of it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|finding| finding.verdict);
        verdicts.max().unwrap_or(Verdict::Fine)
    }
}

/// Tells findings as they come; each took as long as it is since the one before.
#[derive(Debug)]
pub(super) struct Report<'a> {
    told: &'a watch::Sender<Examination>,
    since: Instant,
    blocked: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(told: &'a watch::Sender<Examination>) -> Self {
        Self {
            told,
            since: Instant::now(),
            blocked: false,
        }
    }

    pub(super) fn fine(&mut self, check: Check, words: impl Into<Saying>) {
        self.tell(check, Verdict::Fine, words.into());
    }

    pub(super) fn note(&mut self, check: Check, words: impl Into<Saying>) {
        self.tell(check, Verdict::Note, words.into());
    }

    pub(super) fn wrong(&mut self, check: Check, words: impl Into<Saying>) {
        // Mail comes and goes without these two.
        self.blocked |= !matches!(check, Check::Alias | Check::Sent);
        self.tell(check, Verdict::Wrong, words.into());
    }

    /// Something is wrong without which no mail comes or goes.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    fn tell(&mut self, check: Check, verdict: Verdict, words: Saying) {
        let now = Instant::now();
        let took = now.duration_since(self.since);
        self.since = now;
        self.told.send_modify(|examination| {
            examination.findings.push(Finding {
                check,
                verdict,
                words,
                took,
            });
        });
    }
}
