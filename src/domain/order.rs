//! What a person says of a reply on its way, and what follows for the reply.
//!
//! Invariant: nothing that a server has taken over for somebody is sent to them again,
//! and bytes and Message-ID stay as they are.

use jiff::Timestamp;

use super::key::UserKey;
use super::outbox::{Filing, Known, Outgoing, OutgoingState, RecipientResult, RecipientState};
use super::saying::{Saying, saying};

/// A person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Do not send it.
    Cancel,
    /// Do not wait any longer.
    Retry,
    /// The customer has it.
    Arrived,
    /// Send the same mail again.
    Again,
}

impl Order {
    /// Its name in the API and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Arrived => "arrived",
            Self::Again => "again",
        }
    }

    /// Whether it makes sense where the reply stands.
    #[must_use]
    pub fn fits(self, outgoing: &Outgoing) -> bool {
        match self {
            Self::Cancel => outgoing.state.may_be_cancelled(),
            Self::Retry => matches!(
                outgoing.state,
                OutgoingState::Queued | OutgoingState::Deferred { .. }
            ),
            Self::Arrived => matches!(outgoing.state, OutgoingState::Uncertain { .. }),
            Self::Again => match outgoing.state {
                OutgoingState::Uncertain { .. } | OutgoingState::Failed { .. } => true,
                // Some have it; those who were refused may get it after all.
                OutgoingState::Sent | OutgoingState::Bounced { .. } => {
                    let refused = |state| state == RecipientState::Refused;
                    outgoing.recipients.iter().any(|one| refused(one.state))
                }
                _ => false,
            },
        }
    }

    /// Carries it out on the reply; nothing when it does not fit. Whether it did.
    pub fn apply(self, outgoing: &mut Outgoing, by: Option<UserKey>, now: Timestamp) -> bool {
        if !self.fits(outgoing) {
            return false;
        }
        match self {
            Self::Cancel => stop(outgoing),
            Self::Retry => {
                outgoing.state = OutgoingState::Queued;
                outgoing.send_at = outgoing.send_at.min(now);
            }
            Self::Arrived => {
                outgoing.filing = Filing::Waiting;
                outgoing.was_taken_over();
            }
            Self::Again => {
                outgoing.in_doubt |= matches!(outgoing.state, OutgoingState::Uncertain { .. });
                outgoing.state = OutgoingState::Queued;
                // Patience begins anew.
                outgoing.send_at = now;
                // Those in doubt first, alone: what becomes known of one attempt must not
                // be taken for another's.
                let doubted = |one: &RecipientResult| one.state == RecipientState::Uncertain;
                let wanted = if outgoing.recipients.iter().any(doubted) {
                    RecipientState::Uncertain
                } else {
                    RecipientState::Refused
                };
                for one in &mut outgoing.recipients {
                    if one.state == wanted {
                        one.state = RecipientState::Waiting;
                    }
                }
            }
        }
        let what = self.said();
        outgoing.note(Known { at: now, by, what });
        true
    }

    fn said(self) -> Saying {
        match self {
            Self::Cancel => saying!("known.cancelled"),
            Self::Retry => saying!("known.retry"),
            Self::Arrived => saying!("known.arrived"),
            Self::Again => saying!("known.again"),
        }
    }
}

/// Stops what has not left. Who has it already has it, and what may have left stays in
/// doubt: neither may be called stopped.
fn stop(outgoing: &mut Outgoing) {
    let waiting = |one: &&mut RecipientResult| one.state == RecipientState::Waiting;
    let has_it = |one: &RecipientResult| one.state == RecipientState::Accepted;
    if outgoing.in_doubt {
        let reason = saying!("outbox.again_stopped");
        for one in outgoing.recipients.iter_mut().filter(waiting) {
            one.state = RecipientState::Uncertain;
            one.text = reason.to_string();
        }
        outgoing.in_doubt = false;
        outgoing.state = OutgoingState::Uncertain { reason };
        return;
    }
    outgoing.state = if outgoing.recipients.iter().any(has_it) {
        OutgoingState::Sent
    } else {
        OutgoingState::Cancelled
    };
    for one in outgoing.recipients.iter_mut().filter(waiting) {
        one.state = RecipientState::Refused;
        one.text = saying!("known.cancelled").to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::domain::key::{
        ConversationKey, MailboxKey, MessageKey, OutgoingKey, PublicId, WorkspaceKey,
    };
    use crate::domain::message_id::MessageId;
    use crate::domain::outbox::{Purpose, RecipientResult};

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second)
    }

    fn outgoing(state: OutgoingState, recipients: &[RecipientState]) -> Outgoing {
        Outgoing {
            key: OutgoingKey(1),
            id: PublicId::new(at(0), [0; 10]),
            workspace: WorkspaceKey::DEFAULT,
            conversation: ConversationKey(1),
            message: MessageKey(1),
            mailbox: MailboxKey(1),
            author: None,
            message_id: MessageId::parse("<1@example.com>").expect("an id"),
            in_reply_to: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: String::new(),
            text: String::new(),
            quote_history: false,
            automatic: false,
            send_at: at(50),
            accepted_at: at(0),
            raw: None,
            state,
            attempts: 1,
            recipients: recipients
                .iter()
                .map(|state| RecipientResult {
                    address: Address::parse("ann@example.net").expect("an address"),
                    state: *state,
                    text: String::new(),
                })
                .collect(),
            filing: Filing::Waiting,
            hold: None,
            purpose: Purpose::Reply,
            files: Vec::new(),
            aliases: Vec::new(),
            history: Vec::new(),
            in_doubt: false,
        }
    }

    fn states() -> Vec<OutgoingState> {
        let reason = || "".into();
        vec![
            OutgoingState::Queued,
            OutgoingState::Held { reason: reason() },
            OutgoingState::Sending,
            OutgoingState::Sent,
            OutgoingState::Deferred {
                until: at(100),
                reason: reason(),
            },
            OutgoingState::Failed { reason: reason() },
            OutgoingState::Uncertain { reason: reason() },
            OutgoingState::Bounced { reason: reason() },
            OutgoingState::Cancelled,
        ]
    }

    #[test]
    fn each_word_fits_where_it_makes_sense_and_nowhere_else() {
        let fitting = |order: Order| {
            let states = states().into_iter();
            let fits = states.filter(|state| order.fits(&outgoing(state.clone(), &[])));
            fits.map(|state| state.name()).collect::<Vec<_>>()
        };
        assert_eq!(fitting(Order::Cancel), ["queued", "held", "deferred"]);
        assert_eq!(fitting(Order::Retry), ["queued", "deferred"]);
        assert_eq!(fitting(Order::Arrived), ["uncertain"]);
        assert_eq!(fitting(Order::Again), ["failed", "uncertain"]);
        let partly = [RecipientState::Accepted, RecipientState::Refused];
        assert!(Order::Again.fits(&outgoing(OutgoingState::Sent, &partly)));
    }

    #[test]
    fn a_word_that_comes_too_late_changes_nothing() {
        let mut late = outgoing(OutgoingState::Sending, &[RecipientState::Waiting]);
        let before = late.clone();
        for order in [Order::Cancel, Order::Retry, Order::Arrived, Order::Again] {
            assert!(!order.apply(&mut late, None, at(9)));
        }
        assert_eq!(late, before);
    }

    #[test]
    fn sent_again_goes_only_to_whom_it_may_not_have_reached() {
        use RecipientState::{Accepted, Bounced, Refused, Uncertain, Waiting};
        let reason = "".into();
        let recipients = [Accepted, Refused, Uncertain, Bounced];
        let mut again = outgoing(OutgoingState::Uncertain { reason }, &recipients);
        assert!(Order::Again.apply(&mut again, Some(UserKey(7)), at(90)));
        let states: Vec<_> = again.recipients.iter().map(|one| one.state).collect();
        assert_eq!(states, [Accepted, Refused, Waiting, Bounced]);
        assert_eq!(
            (again.state.clone(), again.send_at),
            (OutgoingState::Queued, at(90))
        );
        let last = again.history.last().expect("it is noted");
        assert_eq!((last.at, last.by), (at(90), Some(UserKey(7))));
    }

    #[test]
    fn what_some_have_or_may_have_is_never_called_stopped() {
        use RecipientState::{Accepted, Refused, Uncertain, Waiting};
        let states = |of: &Outgoing| {
            of.recipients
                .iter()
                .map(|one| one.state)
                .collect::<Vec<_>>()
        };
        let (until, reason) = (at(99), || "".into());
        let deferred = OutgoingState::Deferred {
            until,
            reason: reason(),
        };
        let mut partly = outgoing(deferred, &[Accepted, Waiting]);
        assert!(Order::Cancel.apply(&mut partly, None, at(9)));
        assert_eq!(partly.state, OutgoingState::Sent);
        assert_eq!(states(&partly), [Accepted, Refused]);

        let uncertain = OutgoingState::Uncertain { reason: reason() };
        let mut doubted = outgoing(uncertain, &[Uncertain]);
        assert!(Order::Again.apply(&mut doubted, None, at(9)));
        assert_eq!((states(&doubted), doubted.in_doubt), (vec![Waiting], true));
        assert!(Order::Cancel.apply(&mut doubted, None, at(10)));
        assert!(matches!(doubted.state, OutgoingState::Uncertain { .. }));
        assert_eq!(
            (states(&doubted), doubted.in_doubt),
            (vec![Uncertain], false)
        );
    }

    #[test]
    fn evidence_of_an_earlier_attempt_settles_nothing() {
        use RecipientState::{Accepted, Refused, Uncertain};
        let doubted = |recipients: &[RecipientState]| {
            let reason = "".into();
            outgoing(OutgoingState::Uncertain { reason }, recipients)
        };
        // The first has it since an attempt before, whose copy may lie in Sent.
        let partly = doubted(&[Accepted, Uncertain]);
        assert!(!partly.is_proven_by_a_copy());
        assert!(!partly.is_doubted(&partly.recipients[0]));
        assert!(partly.is_doubted(&partly.recipients[1]));
        let mut whole = doubted(&[Uncertain, Refused]);
        assert!(whole.is_proven_by_a_copy());
        whole.was_taken_over();
        assert_eq!(whole.state, OutgoingState::Sent);
        let states: Vec<_> = whole.recipients.iter().map(|one| one.state).collect();
        assert_eq!(states, [Accepted, Refused]);
    }

    #[test]
    fn what_arrived_is_sent_and_its_copy_is_looked_for() {
        let reason = "".into();
        let recipients = [RecipientState::Uncertain, RecipientState::Refused];
        let mut arrived = outgoing(OutgoingState::Uncertain { reason }, &recipients);
        assert!(Order::Arrived.apply(&mut arrived, None, at(9)));
        assert_eq!(arrived.state, OutgoingState::Sent);
        assert_eq!(arrived.recipients[0].state, RecipientState::Accepted);
        assert_eq!(arrived.recipients[1].state, RecipientState::Refused);
    }

    #[test]
    fn what_is_to_leave_at_once_waits_for_no_time_of_its_own() {
        let mut scheduled = outgoing(OutgoingState::Queued, &[]);
        assert!(Order::Retry.apply(&mut scheduled, None, at(9)));
        assert_eq!(scheduled.send_at, at(9));
    }
}
