//! A routing as people read it: each thing that a script asked for, by the word that a
//! script asks for it with. What was not asked for is absent.

use jiff::SignedDuration;

use super::conversation::{Priority, Status};
use super::decision::{Asked, Assign, Gate, Gating, Outcome, Routing};

/// What a routing without any wish is called.
const NOTHING: &str = "inbox";

/// Names and values, in the order of the language's documentation.
#[must_use]
pub fn asked_for(routing: &Routing) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut add = |name, value: Option<String>| all.extend(value.map(|value| (name, value)));
    add("spam", routing.spam.then(|| "yes".to_owned()));
    add("ignore", routing.ignore.clone());
    add("team", routing.team.clone());
    add("assign", assign_word(&routing.assign));
    let tags: Vec<&str> = routing.tags.iter().map(|tag| tag.as_str()).collect();
    add("tags", (!tags.is_empty()).then(|| tags.join(", ")));
    let priority = routing.priority.map(priority_word);
    add("priority", priority.map(str::to_owned));
    add("status", routing.status.map(status_word).map(str::to_owned));
    add("note", routing.note.clone());
    add("acknowledge", routing.acknowledge.clone());
    add("wake_in", routing.wake_in.map(wake_word));
    all
}

/// The same on one line: `team billing, tags invoice`.
#[must_use]
pub fn in_words(routing: &Routing) -> String {
    let parts: Vec<String> = asked_for(routing)
        .into_iter()
        .map(|(name, value)| match name {
            "spam" => name.to_owned(),
            "ignore" | "note" => format!("{name} {value:?}"),
            _ => format!("{name} {value}"),
        })
        .collect();
    if parts.is_empty() {
        NOTHING.to_owned()
    } else {
        parts.join("; ")
    }
}

/// Both on one line: `team billing; ai_reply draft`.
#[must_use]
pub fn both_in_words(routing: &Routing, gating: &Gating) -> String {
    let mut words = in_words(routing);
    match &gating.asked {
        Asked::Yes(Outcome::NoScript) | Asked::No(_) => {}
        Asked::Yes(Outcome::Failed(failure)) => {
            words += &format!("; ai_reply off, since it failed: {failure}");
        }
        Asked::Yes(Outcome::Decided) => {
            words += &format!("; ai_reply {}", gate_in_words(&gating.gate));
        }
    }
    words
}

/// A gate on one line: `draft; guidance refunds; because "unsure"`.
#[must_use]
pub fn gate_in_words(gate: &Gate) -> String {
    let (word, guidance, because) = gate_parts(gate);
    let mut words = word.to_owned();
    if !guidance.is_empty() {
        words += &format!("; guidance {guidance}");
    }
    if !because.is_empty() {
        words += &format!("; because {because:?}");
    }
    words
}

/// The word, the guidance and the reason of a gate.
#[must_use]
pub fn gate_parts(gate: &Gate) -> (&'static str, &str, &str) {
    match gate {
        Gate::Off { why } => ("off", "", why),
        Gate::Draft { guidance, because } => ("draft", guidance, because),
        Gate::Send { guidance, because } => ("send", guidance, because),
    }
}

/// Who shall look after it; `None` when nothing was said.
#[must_use]
pub fn assign_word(assign: &Assign) -> Option<String> {
    match assign {
        Assign::Unchanged => None,
        Assign::To(address) => Some(address.clone()),
        Assign::LeastBusy => Some("least_busy".to_owned()),
        Assign::RoundRobin => Some("round_robin".to_owned()),
    }
}

/// A span of time, as scripts write it: `4h`, `1h 30m`.
#[must_use]
pub fn wake_word(after: SignedDuration) -> String {
    let minutes = after.as_mins();
    let units = [
        (minutes / (24 * 60), "d"),
        (minutes / 60 % 24, "h"),
        (minutes % 60, "m"),
    ];
    let words: Vec<String> = units
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    words.join(" ")
}

/// A priority, as scripts write it.
#[must_use]
pub fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

/// A status, as scripts write it.
#[must_use]
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Pending => "pending",
        Status::Snoozed => "snoozed",
        Status::Closed => "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::Tag;
    use crate::domain::decision::NotAsked;

    #[test]
    fn a_gate_stands_behind_the_routing_when_a_script_was_asked() {
        let gating = |asked| Gating {
            gate: Gate::Draft {
                guidance: "refunds".to_owned(),
                because: "money".to_owned(),
            },
            asked,
            warnings: Vec::new(),
            trace: Vec::new(),
        };
        let words = |asked| both_in_words(&Routing::default(), &gating(asked));
        assert_eq!(
            words(Asked::Yes(Outcome::Decided)),
            "inbox; ai_reply draft; guidance refunds; because \"money\""
        );
        let failed = words(Asked::Yes(Outcome::Failed("no".to_owned())));
        assert_eq!(failed, "inbox; ai_reply off, since it failed: no");
        assert_eq!(words(Asked::Yes(Outcome::NoScript)), "inbox");
        assert_eq!(words(Asked::No(NotAsked::Late)), "inbox");
    }

    #[test]
    fn a_routing_reads_as_it_was_written() {
        assert_eq!(in_words(&Routing::default()), "inbox");
        let routing = Routing {
            team: Some("billing".to_owned()),
            assign: Assign::RoundRobin,
            tags: ["invoice", "vip"]
                .into_iter()
                .filter_map(Tag::new)
                .collect(),
            priority: Some(Priority::High),
            note: Some("two\nlines".to_owned()),
            ..Routing::default()
        };
        assert_eq!(
            in_words(&routing),
            "team billing; assign round_robin; tags invoice, vip; priority high; \
             note \"two\\nlines\""
        );
        assert_eq!(
            wake_word(SignedDuration::from_mins(26 * 60 + 30)),
            "1d 2h 30m"
        );
    }
}
