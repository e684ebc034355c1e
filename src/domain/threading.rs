//! Where a new mail belongs: pure rules over what the store found.
//!
//! Order: our own signed token, then headers in any direction, then subject and
//! contact. A stranger in a thread is marked, never trusted (THREATS: injection).

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};

use super::key::ConversationKey;

/// Days within which a contact's last conversation can be set to be reopened.
pub const REOPEN_DAYS: RangeInclusive<u16> = 1..=3_650;
/// Days within which the same contact and subject can be set to join; 0 is never.
pub const SAME_SUBJECT_DAYS: RangeInclusive<u16> = 0..=365;

/// When a mail without any thread header may join an older conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReopenPolicy {
    /// By thread only.
    ThreadOnly,
    /// By thread, else the contact's last conversation of the last days.
    #[default]
    Recent,
    /// One conversation per contact, for ever.
    OnePerContact,
}

impl ReopenPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ThreadOnly, Self::Recent, Self::OnePerContact];

    /// The word by which settings call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ThreadOnly => "thread_only",
            Self::Recent => "recent",
            Self::OnePerContact => "one_per_contact",
        }
    }

    /// The one a word stands for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// New values of [`ThreadingRules`] as they were typed; what is absent stays, and what is
/// empty becomes as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadingChange {
    /// A word of [`ReopenPolicy`].
    pub reopen: Option<String>,
    /// Days, within [`REOPEN_DAYS`].
    pub reopen_days: Option<String>,
    /// Days, within [`SAME_SUBJECT_DAYS`].
    pub same_subject_days: Option<String>,
}

/// The windows of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadingRules {
    /// What happens without any thread header.
    pub reopen: ReopenPolicy,
    /// How old the contact's last conversation may be for `Recent`.
    pub reopen_within: SignedDuration,
    /// How old a conversation with the same contact and base subject may be.
    pub same_subject_within: SignedDuration,
}

impl Default for ThreadingRules {
    fn default() -> Self {
        Self {
            reopen: ReopenPolicy::Recent,
            reopen_within: SignedDuration::from_hours(30 * 24),
            same_subject_within: SignedDuration::from_hours(14 * 24),
        }
    }
}

impl ThreadingRules {
    /// So many days, as a window.
    #[must_use]
    pub fn days(days: u16) -> SignedDuration {
        SignedDuration::from_hours(i64::from(days) * 24)
    }

    /// How many days the contact's last conversation may be old.
    #[must_use]
    pub fn reopen_days(&self) -> i64 {
        self.reopen_within.as_hours() / 24
    }

    /// How many days a conversation with the same subject may be old.
    #[must_use]
    pub fn same_subject_days(&self) -> i64 {
        self.same_subject_within.as_hours() / 24
    }

    /// Whether the subject is reason enough to join it. A window of nothing lets nothing
    /// in, not even what came at the same instant.
    #[must_use]
    pub fn joins_by_subject(&self, candidate: &Candidate, at: Timestamp) -> bool {
        let within = self.same_subject_within;
        !within.is_zero() && at.duration_since(candidate.last_at) <= within
    }
}

/// A conversation the store found, with what the rules need to judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub conversation: ConversationKey,
    /// The sender has written or been written to in it before.
    pub sender_takes_part: bool,
    /// When its last message came or left.
    pub last_at: Timestamp,
}

/// What the store found for a new mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// A token of ours in In-Reply-To or References whose MAC is right.
    pub token: Option<Candidate>,
    /// Conversations that know one of the ids, in the order of the mail's own
    /// references from nearest to farthest; also those that only waited for this Message-ID.
    pub references: Vec<Candidate>,
    /// The contact's last conversation with the same base subject in this mailbox.
    pub same_subject: Option<Candidate>,
    /// The contact's last conversation in this mailbox.
    pub last_of_contact: Option<Candidate>,
    /// A machine wrote it, so it may not reopen by contact alone.
    pub automatic: bool,
}

/// Where the mail goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A conversation of its own.
    New,
    /// Into an existing one.
    Join {
        /// Which.
        conversation: ConversationKey,
        /// Its sender had no part in it before.
        new_participant: bool,
        /// By what rule.
        because: Because,
    },
}

/// The rule that joined a mail to its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// A signed Message-ID of ours.
    Token,
    /// Message-ID, In-Reply-To or References.
    References,
    /// Same contact, same base subject.
    Subject,
    /// Same contact, recent enough.
    Contact,
}

/// Decides where a mail belongs.
#[must_use]
pub fn place(evidence: &Evidence, rules: &ThreadingRules, now: Timestamp) -> Placement {
    let join = |candidate: &Candidate, because| Placement::Join {
        conversation: candidate.conversation,
        new_participant: !candidate.sender_takes_part,
        because,
    };
    if let Some(candidate) = &evidence.token {
        return join(candidate, Because::Token);
    }
    // A thread the sender already takes part in outranks a nearer one in which
    // they are a stranger: a guessed Message-ID must not win over a known thread.
    let known = evidence
        .references
        .iter()
        .find(|candidate| candidate.sender_takes_part);
    if let Some(candidate) = known.or_else(|| evidence.references.first()) {
        return join(candidate, Because::References);
    }
    if let Some(candidate) = evidence
        .same_subject
        .as_ref()
        .filter(|candidate| rules.joins_by_subject(candidate, now))
    {
        return join(candidate, Because::Subject);
    }
    if evidence.automatic {
        return Placement::New;
    }
    let by_contact = match rules.reopen {
        ReopenPolicy::ThreadOnly => None,
        ReopenPolicy::Recent => evidence
            .last_of_contact
            .as_ref()
            .filter(|last| now.duration_since(last.last_at) <= rules.reopen_within),
        ReopenPolicy::OnePerContact => evidence.last_of_contact.as_ref(),
    };
    by_contact.map_or(Placement::New, |candidate| {
        join(candidate, Because::Contact)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn candidate(key: u64, takes_part: bool, hours: i64) -> Candidate {
        Candidate {
            conversation: ConversationKey(key),
            sender_takes_part: takes_part,
            last_at: at(hours),
        }
    }

    fn joined(placement: Placement) -> Option<(u64, bool, Because)> {
        match placement {
            Placement::New => None,
            Placement::Join {
                conversation,
                new_participant,
                because,
            } => Some((conversation.0, new_participant, because)),
        }
    }

    #[test]
    fn a_token_outranks_headers() {
        let evidence = Evidence {
            token: Some(candidate(1, true, 0)),
            references: vec![candidate(2, true, 0)],
            ..Evidence::default()
        };
        let placed = place(&evidence, &ThreadingRules::default(), at(1));
        assert_eq!(joined(placed), Some((1, false, Because::Token)));
    }

    #[test]
    fn a_thread_one_takes_part_in_outranks_a_guessed_one() {
        let evidence = Evidence {
            references: vec![candidate(1, false, 0), candidate(2, true, 0)],
            ..Evidence::default()
        };
        let placed = place(&evidence, &ThreadingRules::default(), at(1));
        assert_eq!(joined(placed), Some((2, false, Because::References)));
    }

    #[test]
    fn a_stranger_in_a_thread_is_marked() {
        let evidence = Evidence {
            references: vec![candidate(1, false, 0)],
            ..Evidence::default()
        };
        let placed = place(&evidence, &ThreadingRules::default(), at(1));
        assert_eq!(joined(placed), Some((1, true, Because::References)));
    }

    #[test]
    fn the_same_subject_joins_for_fourteen_days() {
        let evidence = Evidence {
            same_subject: Some(candidate(1, true, 0)),
            ..Evidence::default()
        };
        let rules = ThreadingRules {
            reopen: ReopenPolicy::ThreadOnly,
            ..ThreadingRules::default()
        };
        assert_eq!(
            joined(place(&evidence, &rules, at(14 * 24))),
            Some((1, false, Because::Subject))
        );
        assert_eq!(joined(place(&evidence, &rules, at(14 * 24 + 1))), None);
    }

    #[test]
    fn a_window_of_nothing_joins_nothing_by_subject() {
        let evidence = Evidence {
            same_subject: Some(candidate(1, true, 5)),
            ..Evidence::default()
        };
        let rules = ThreadingRules {
            reopen: ReopenPolicy::ThreadOnly,
            same_subject_within: ThreadingRules::days(0),
            ..ThreadingRules::default()
        };
        // A message may be dated later than the one that follows it.
        for now in [4, 5, 6] {
            assert_eq!(joined(place(&evidence, &rules, at(now))), None);
        }
    }

    #[test]
    fn the_policy_says_how_long_a_contact_is_enough() {
        let evidence = Evidence {
            last_of_contact: Some(candidate(1, true, 0)),
            ..Evidence::default()
        };
        let after = |reopen, days: i64| {
            let rules = ThreadingRules {
                reopen,
                ..ThreadingRules::default()
            };
            joined(place(&evidence, &rules, at(days * 24)))
        };
        let joins = Some((1, false, Because::Contact));
        assert_eq!(after(ReopenPolicy::ThreadOnly, 0), None);
        assert_eq!(after(ReopenPolicy::Recent, 30), joins);
        assert_eq!(after(ReopenPolicy::Recent, 31), None);
        assert_eq!(after(ReopenPolicy::OnePerContact, 40), joins);
        assert_eq!(after(ReopenPolicy::OnePerContact, 4_000), joins);
    }

    #[test]
    fn words_and_days_are_what_settings_say() {
        for policy in ReopenPolicy::ALL {
            assert_eq!(ReopenPolicy::named(policy.word()), Some(policy));
        }
        assert_eq!(ReopenPolicy::named("Recent"), None);
        let usual = ThreadingRules::default();
        assert_eq!(usual.reopen, ReopenPolicy::Recent);
        assert_eq!((usual.reopen_days(), usual.same_subject_days()), (30, 14));
    }

    #[test]
    fn a_machine_never_reopens_by_contact_alone() {
        let evidence = Evidence {
            last_of_contact: Some(candidate(1, true, 0)),
            automatic: true,
            ..Evidence::default()
        };
        assert_eq!(
            joined(place(&evidence, &ThreadingRules::default(), at(1))),
            None
        );
    }
}
