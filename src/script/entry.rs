//! The entry files: those that mean something by their name.

/// Where mail goes.
pub const ROUTING: &str = "routing.rhai";
/// What stands below a reply.
pub const SIGNATURE: &str = "signature.rhai";
/// What the assistant may do.
pub const GATE: &str = "ai_gate.rhai";
/// Whether a person looks at a reply first.
pub const BEFORE_SEND: &str = "before_send.rhai";
/// What becomes of a conversation that was waited for.
pub const TIMERS: &str = "timers.rhai";
/// Who is told of the state of a mailbox.
pub const STATES: &str = "states.rhai";

/// All of them, in the order in which they are shown.
pub const ALL: [&str; 6] = [ROUTING, SIGNATURE, GATE, BEFORE_SEND, TIMERS, STATES];

/// Their functions, and what each should answer with.
pub(super) const WANTED: [(&str, &str); 6] = [
    ("route", "team(...), inbox(), spam() or ignore(...)"),
    ("ai_reply", "off(...), draft(...) or send(...)"),
    ("signature", "a text"),
    ("before_send", "allow() or hold(...)"),
    ("on_timer", "team(...), inbox(), spam() or ignore(...)"),
    (
        "on_mailbox_state",
        "alert(...), a list of those, or nothing",
    ),
];
