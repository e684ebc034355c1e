//! Places where the power may fail: a test names one, and the process ends there as if it
//! had been killed. A release build has nothing of it.
//!
//! The points stand at both sides of everything that becomes durable or leaves the house,
//! on the way of a mail in and of a reply out. `tests/run kill` goes through all of them.

/// Names the point at which a debug build ends, by [`Point::name`].
pub const VARIABLE: &str = "POSTERN_DIES_AT";

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// A place where the power may fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point { $($(#[$doc])* $point),* }

        impl Point {
            /// Every one there is, in the order of the way.
            pub const ALL: &'static [Self] = &[$(Self::$point),*];

            /// Its name outside.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$point => $name),* }
            }
        }
    };
}

points! {
    /// A mail was read off its server.
    ArrivalRead = "arrival-read",
    /// It is durable, with the cursor behind it.
    ArrivalKept = "arrival-kept",
    /// The scripts have decided on it.
    Decided = "decided",
    /// The decision is durable.
    DecisionKept = "decision-kept",
    /// A reply was asked for.
    ReplyAsked = "reply-asked",
    /// It is durable, and nobody was told yes.
    ReplyKept = "reply-kept",
    /// Its bytes were built.
    Composed = "composed",
    /// They are durable.
    ComposedKept = "composed-kept",
    /// The server knows the sender.
    SenderNamed = "sender-named",
    /// It knows the recipients.
    RecipientsNamed = "recipients-named",
    /// The attempt is durable, and the server has nothing of the content.
    AttemptKept = "attempt-kept",
    /// It waits for the content.
    DataBegun = "data-begun",
    /// Some of the content was written.
    ContentBegun = "content-begun",
    /// All of it was written, without the mark of its end.
    ContentWritten = "content-written",
    /// The server has taken the mail over.
    TakenOver = "taken-over",
    /// What became of the attempt is known.
    AttemptJudged = "attempt-judged",
    /// That is durable.
    JudgementKept = "judgement-kept",
    /// The Sent folder was searched, and has no copy.
    SentSearched = "sent-searched",
    /// A copy was put there.
    CopyAppended = "copy-appended",
    /// That is durable.
    CopyKept = "copy-kept",
}

/// The process is at a point; it goes no further when a test wants it to end here.
#[inline]
pub fn reach(point: Point) {
    #[cfg(debug_assertions)]
    if armed() == Some(point) {
        // No destructor runs and no buffer is written out, as with SIGKILL.
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(debug_assertions)]
fn armed() -> Option<Point> {
    static ARMED: std::sync::OnceLock<Option<Point>> = std::sync::OnceLock::new();
    *ARMED.get_or_init(|| {
        let wanted = std::env::var(VARIABLE).ok()?;
        Point::ALL
            .iter()
            .copied()
            .find(|point| point.name() == wanted)
    })
}
