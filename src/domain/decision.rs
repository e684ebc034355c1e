//! What a script answered, and how it came to that.

use jiff::{SignedDuration, Timestamp};

use super::conversation::{Priority, Status, Tag};
use super::key::{DecisionKey, MessageKey, WorkspaceKey};
use super::message::Kind;

/// The routing a script asks for. Names, not keys: whether a team or agent
/// exists is found out in the triage transaction, and an unknown one is a
/// warning, never a lost mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Name of a team; none leaves the conversation in the inbox.
    pub team: Option<String>,
    /// Who shall look after it.
    pub assign: Assign,
    /// Tags to add.
    pub tags: Vec<Tag>,
    /// A new priority.
    pub priority: Option<Priority>,
    /// A new status.
    pub status: Option<Status>,
    /// A note to add.
    pub note: Option<String>,
    /// Put aside as spam.
    pub spam: bool,
    /// Closed at once and hidden from lists, with this reason in the ledger.
    pub ignore: Option<String>,
    /// Name of a template of which an automatic mail is made, under the caps.
    pub acknowledge: Option<String>,
    /// The script of timers is asked so long after the decision.
    pub wake_in: Option<SignedDuration>,
}

/// Shortest time after which scripts are asked again.
pub const WAKE_MIN: SignedDuration = SignedDuration::from_mins(1);
/// Longest time after which scripts are asked again: 90 days.
pub const WAKE_MAX: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What the assistant may do about a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing.
    Off {
        /// Why.
        why: String,
    },
    /// Write a draft for a person.
    Draft {
        /// Name of a variant of the guidance; empty: the mailbox's own.
        guidance: String,
        /// Why.
        because: String,
    },
    /// Write, and send what the limits let pass.
    Send {
        /// Name of a variant of the guidance; empty: the mailbox's own.
        guidance: String,
        /// Why.
        because: String,
    },
}

/// What is to become of a reply that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Allow,
    /// A person looks at it first; why.
    Hold(String),
}

/// Whom a script wants to look after a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Assign {
    /// Nothing said: stays as it is.
    #[default]
    Unchanged,
    /// The operator with this address.
    To(String),
    /// The available member of the team with the fewest open conversations.
    LeastBusy,
    /// The available member of the team whose turn it is.
    RoundRobin,
}

/// Longest note a script may add, in bytes.
pub const NOTE_LENGTH_MAX: usize = 16 * 1024;
/// Most steps kept of one trace.
pub const TRACE_STEPS_MAX: usize = 200;

/// One step of a trace: something the script read, or a builder it called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// File below the scripts folder.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// `mail.subject = "Invoice 7"`, `team("billing")`.
    pub what: String,
}

/// How a decision came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The script answered.
    Decided,
    /// There is no script for this; the default route was taken.
    NoScript,
    /// The script failed; the default route was taken. File:line:column and words.
    Failed(String),
}

/// Version of a set of scripts: the hash of all its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptVersion(pub [u8; 16]);

/// A decision with its trace, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its key.
    pub key: DecisionKey,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// The mail it is about.
    pub message: MessageKey,
    /// When it was made.
    pub at: Timestamp,
    /// By which scripts.
    pub version: Option<ScriptVersion>,
    /// How it came about.
    pub outcome: Outcome,
    /// What it asks for.
    pub routing: Routing,
    /// What could not be done as asked ("unknown team `biling`").
    pub warnings: Vec<String>,
    /// How it came to that.
    pub trace: Vec<TraceStep>,
    /// What it was asked for.
    pub occasion: Occasion,
    /// How the gate of the assistant stands; absent where no mail was decided on.
    pub gating: Option<Gating>,
}

/// What scripts are asked for a routing for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// A mail came in.
    #[default]
    Mail,
    /// The time a script wished for has come.
    Timer,
}

/// How the gate of the assistant stands for a mail, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gating {
    /// What it may do.
    pub gate: Gate,
    /// Who said so.
    pub asked: Asked,
    /// What was odd about the answer.
    pub warnings: Vec<String>,
    /// What the script read and built.
    pub trace: Vec<TraceStep>,
}

/// Whether a script was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It was.
    Yes(Outcome),
    /// It was not: the mail is one that machines never answer.
    No(NotAsked),
}

impl Gating {
    /// Of a mail about which no gate is asked.
    #[must_use]
    pub fn not_asked(reason: NotAsked) -> Self {
        Self {
            gate: Gate::Off { why: String::new() },
            asked: Asked::No(reason),
            warnings: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// The script was asked, and had no answer.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.asked, Asked::Yes(Outcome::Failed(_)))
    }

    /// Whether the assistant would do the same. Why it does nothing is no difference.
    #[must_use]
    pub fn does_as(&self, other: &Self) -> bool {
        let off = |gate: &Gate| matches!(gate, Gate::Off { .. });
        self.gate == other.gate || off(&self.gate) && off(&other.gate)
    }
}

impl NotAsked {
    /// Why the gate is not asked about a mail that was routed so, when it is not.
    #[must_use]
    pub fn of(
        kind: Kind,
        imported: bool,
        late: bool,
        outcome: &Outcome,
        routing: &Routing,
    ) -> Option<Self> {
        if imported {
            return Some(Self::Imported);
        }
        if late {
            return Some(Self::Late);
        }
        if kind != Kind::Personal {
            return Some(Self::Automatic);
        }
        // What it would have put aside is not known.
        if let Outcome::Failed(_) = outcome {
            return Some(Self::NoRoute);
        }
        let put_aside = routing.spam || routing.ignore.is_some();
        put_aside.then_some(Self::PutAside)
    }
}

/// Mail about which no gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// It was there before the mailbox was connected.
    Imported,
    /// It came long after it was sent.
    Late,
    /// A machine, a list or a bounce wrote it.
    Automatic,
    /// The script of routes put it aside as spam, or ignored it.
    PutAside,
    /// The script of routes failed, and an older version answered in its place.
    FellBack,
    /// The script of routes failed.
    NoRoute,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_machines_never_answer_and_what_no_route_is_known_of_is_not_asked_about() {
        let decided = Outcome::Decided;
        let of = |kind, outcome: &Outcome, routing: &Routing| {
            NotAsked::of(kind, false, false, outcome, routing)
        };
        let plain = Routing::default();
        assert_eq!(of(Kind::Personal, &decided, &plain), None);
        assert_eq!(
            of(Kind::Bounce, &decided, &plain),
            Some(NotAsked::Automatic)
        );
        let spam = Routing {
            spam: true,
            ..Routing::default()
        };
        assert_eq!(
            of(Kind::Personal, &decided, &spam),
            Some(NotAsked::PutAside)
        );
        // Whoever can make it fail must not escape a `spam()` that way.
        let failed = Outcome::Failed("no".to_owned());
        assert_eq!(of(Kind::Personal, &failed, &plain), Some(NotAsked::NoRoute));
        let late = NotAsked::of(Kind::Personal, false, true, &decided, &plain);
        assert_eq!(late, Some(NotAsked::Late));
    }
}
