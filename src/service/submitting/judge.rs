//! What an attempt means for the reply: pure, so that every answer of a server can be
//! tried on paper. Nothing here is sent, stored or timed.

use jiff::Timestamp;

use crate::domain::outbox::{Outgoing, OutgoingState, RecipientResult, RecipientState};
use crate::net::submission::{RecipientOutcome, SubmissionError, Submitted};
use crate::store::{AttemptEnd, AttemptNext};

/// What an attempt means for the reply. `retry_at` is absent when patience is at its end.
pub(super) fn judge(
    outgoing: &Outgoing,
    result: Result<Submitted, SubmissionError>,
    retry_at: Option<Timestamp>,
) -> AttemptEnd {
    match result {
        Ok(submitted) => judge_recipients(outgoing, &submitted.recipients, retry_at),
        Err(SubmissionError::NoRecipient { recipients }) => {
            judge_recipients(outgoing, &recipients, retry_at)
        }
        Err(SubmissionError::Uncertain { reason, recipients }) => {
            uncertain(reason, outgoing, &recipients)
        }
        Err(error @ SubmissionError::NotSent { .. }) => match retry_at {
            // Refused credentials say nothing of the mail: it waits for the new ones.
            Some(until) if error.is_transient() || error.authentication_refusal().is_some() => {
                AttemptEnd {
                    state: OutgoingState::Deferred {
                        until,
                        reason: error.to_string(),
                    },
                    recipients: outgoing.recipients.clone(),
                    next: AttemptNext::Retry(until),
                }
            }
            _ => given_up(error.to_string(), outgoing),
        },
    }
}

pub(super) fn uncertain(
    reason: String,
    outgoing: &Outgoing,
    answers: &[RecipientOutcome],
) -> AttemptEnd {
    // A yes to RCPT means nothing before the yes to the content.
    let refused: Vec<RecipientOutcome> = answers
        .iter()
        .filter(|one| one.refusal.is_some())
        .cloned()
        .collect();
    let known = heard(outgoing, &refused, None);
    AttemptEnd {
        recipients: settle(&known, RecipientState::Uncertain, &reason),
        state: OutgoingState::Uncertain { reason },
        next: AttemptNext::File,
    }
}

/// The end of an attempt that will not be repeated. Who took the mail earlier has it.
fn given_up(reason: String, outgoing: &Outgoing) -> AttemptEnd {
    let mut end = failed(reason, outgoing);
    let accepted = |one: &RecipientResult| one.state == RecipientState::Accepted;
    if end.recipients.iter().any(accepted) {
        end.state = OutgoingState::Sent;
        end.next = AttemptNext::File;
    }
    end
}

fn judge_recipients(
    outgoing: &Outgoing,
    answers: &[RecipientOutcome],
    retry_at: Option<Timestamp>,
) -> AttemptEnd {
    let recipients = heard(outgoing, answers, retry_at);
    let is = |state| recipients.iter().any(|one| one.state == state);
    let (state, next) = match retry_at {
        Some(until) if is(RecipientState::Waiting) => {
            let reason = first_text(&recipients, RecipientState::Waiting);
            (
                OutgoingState::Deferred { until, reason },
                AttemptNext::Retry(until),
            )
        }
        _ if is(RecipientState::Accepted) => (OutgoingState::Sent, AttemptNext::File),
        _ => (
            OutgoingState::Failed {
                reason: first_text(&recipients, RecipientState::Refused),
            },
            AttemptNext::Nothing,
        ),
    };
    AttemptEnd {
        state,
        recipients,
        next,
    }
}

/// The recipients with what the server has just said of them.
fn heard(
    outgoing: &Outgoing,
    answers: &[RecipientOutcome],
    retry_at: Option<Timestamp>,
) -> Vec<RecipientResult> {
    let mut recipients = outgoing.recipients.clone();
    for answer in answers {
        let Some(one) = recipients
            .iter_mut()
            .find(|one| one.address == answer.address)
        else {
            continue;
        };
        (one.state, one.text) = match &answer.refusal {
            None => (RecipientState::Accepted, String::new()),
            Some(reply) if reply.is_permanent() || retry_at.is_none() => {
                (RecipientState::Refused, reply.to_string())
            }
            Some(reply) => (RecipientState::Waiting, reply.to_string()),
        };
    }
    recipients
}

pub(super) fn failed(reason: String, outgoing: &Outgoing) -> AttemptEnd {
    AttemptEnd {
        recipients: settle(&outgoing.recipients, RecipientState::Refused, &reason),
        state: OutgoingState::Failed { reason },
        next: AttemptNext::Nothing,
    }
}

fn settle(
    recipients: &[RecipientResult],
    state: RecipientState,
    text: &str,
) -> Vec<RecipientResult> {
    let settled = |one: &RecipientResult| match one.state {
        RecipientState::Waiting => RecipientResult {
            address: one.address.clone(),
            state,
            text: text.to_owned(),
        },
        RecipientState::Accepted | RecipientState::Refused | RecipientState::Uncertain => {
            one.clone()
        }
    };
    recipients.iter().map(settled).collect()
}

fn first_text(recipients: &[RecipientResult], state: RecipientState) -> String {
    recipients
        .iter()
        .find(|one| one.state == state)
        .map_or_else(String::new, |one| format!("{}: {}", one.address, one.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::domain::key::{
        ConversationKey, MailboxKey, MessageKey, OutgoingKey, PublicId, WorkspaceKey,
    };
    use crate::domain::message_id::MessageId;
    use crate::domain::outbox::Filing;
    use crate::net::submission::{Cause, Phase, Reply};

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second)
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    fn reply(code: u16, text: &str) -> Reply {
        Reply {
            code,
            enhanced: None,
            lines: vec![text.to_owned()],
        }
    }

    /// A reply under way, each recipient with the state it has from earlier attempts.
    fn outgoing(recipients: &[(&str, RecipientState)]) -> Outgoing {
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
            send_at: at(0),
            accepted_at: at(0),
            raw: None,
            state: OutgoingState::Sending,
            attempts: 1,
            recipients: recipients
                .iter()
                .map(|(one, state)| RecipientResult {
                    address: address(one),
                    state: *state,
                    text: String::new(),
                })
                .collect(),
            filing: Filing::Waiting,
        }
    }

    fn answers(all: &[(&str, Option<u16>)]) -> Vec<RecipientOutcome> {
        all.iter()
            .map(|(one, code)| RecipientOutcome {
                address: address(one),
                refusal: code.map(|code| reply(code, "no")),
            })
            .collect()
    }

    fn taken(all: &[(&str, Option<u16>)]) -> Result<Submitted, SubmissionError> {
        Ok(Submitted {
            recipients: answers(all),
            reply: reply(250, "ok"),
        })
    }

    fn not_sent(phase: Phase, code: u16) -> Result<Submitted, SubmissionError> {
        let cause = Cause::Reply(reply(code, "no"));
        Err(SubmissionError::NotSent { phase, cause })
    }

    fn name(state: &OutgoingState) -> &'static str {
        match state {
            OutgoingState::Sent => "sent",
            OutgoingState::Deferred { .. } => "deferred",
            OutgoingState::Failed { .. } => "failed",
            OutgoingState::Uncertain { .. } => "uncertain",
            other => panic!("{other:?} does not end an attempt"),
        }
    }

    #[test]
    #[allow(
        clippy::too_many_lines,
        reason = "a table of answers and what they mean"
    )]
    fn what_the_server_said_decides_what_becomes_of_the_reply() {
        use AttemptNext::{File, Nothing, Retry};
        use RecipientState::{Accepted, Refused, Uncertain, Waiting};
        const A: &str = "a@example.net";
        const B: &str = "b@example.net";
        let new = || outgoing(&[(A, Waiting), (B, Waiting)]);
        let half = || outgoing(&[(A, Accepted), (B, Waiting)]);
        let soon = Some(at(60));
        let lost = || {
            Err(SubmissionError::Uncertain {
                reason: "the connection was lost".to_owned(),
                recipients: answers(&[(A, None), (B, Some(550))]),
            })
        };
        let nobody = |code| {
            Err(SubmissionError::NoRecipient {
                recipients: answers(&[(A, Some(code)), (B, Some(550))]),
            })
        };
        let cases = [
            (
                "all",
                new(),
                taken(&[(A, None), (B, None)]),
                soon,
                "sent",
                File,
                [Accepted, Accepted],
            ),
            (
                "one refused",
                new(),
                taken(&[(A, None), (B, Some(550))]),
                soon,
                "sent",
                File,
                [Accepted, Refused],
            ),
            (
                "one later",
                new(),
                taken(&[(A, None), (B, Some(450))]),
                soon,
                "deferred",
                Retry(at(60)),
                [Accepted, Waiting],
            ),
            (
                "the rest",
                half(),
                taken(&[(B, None)]),
                soon,
                "sent",
                File,
                [Accepted, Accepted],
            ),
            (
                "patience over",
                new(),
                taken(&[(A, None), (B, Some(450))]),
                None,
                "sent",
                File,
                [Accepted, Refused],
            ),
            (
                "nobody",
                new(),
                nobody(550),
                soon,
                "failed",
                Nothing,
                [Refused, Refused],
            ),
            (
                "nobody yet",
                new(),
                nobody(450),
                soon,
                "deferred",
                Retry(at(60)),
                [Waiting, Refused],
            ),
            (
                "nobody ever",
                new(),
                nobody(450),
                None,
                "failed",
                Nothing,
                [Refused, Refused],
            ),
            (
                "no answer to the end of the data",
                new(),
                lost(),
                soon,
                "uncertain",
                File,
                [Uncertain, Refused],
            ),
            (
                "busy",
                new(),
                not_sent(Phase::Content, 451),
                soon,
                "deferred",
                Retry(at(60)),
                [Waiting, Waiting],
            ),
            (
                "not wanted",
                new(),
                not_sent(Phase::EndOfData, 554),
                soon,
                "failed",
                Nothing,
                [Refused, Refused],
            ),
            (
                "the rest not wanted",
                half(),
                not_sent(Phase::EndOfData, 554),
                soon,
                "sent",
                File,
                [Accepted, Refused],
            ),
            (
                "busy for days",
                half(),
                not_sent(Phase::Content, 451),
                None,
                "sent",
                File,
                [Accepted, Refused],
            ),
            (
                "password refused",
                new(),
                not_sent(Phase::Authentication, 535),
                soon,
                "deferred",
                Retry(at(60)),
                [Waiting, Waiting],
            ),
        ];
        for (case, outgoing, result, retry_at, state, next, recipients) in cases {
            let end = judge(&outgoing, result, retry_at);
            let states: Vec<_> = end.recipients.iter().map(|one| one.state).collect();
            assert_eq!(
                (name(&end.state), end.next, states.as_slice()),
                (state, next, recipients.as_slice()),
                "{case}"
            );
        }
    }

    #[test]
    fn an_uncertain_reply_is_never_tried_again_by_itself() {
        let waiting = outgoing(&[("a@example.net", RecipientState::Waiting)]);
        let end = uncertain("it may have been delivered".to_owned(), &waiting, &[]);
        assert_eq!(end.next, AttemptNext::File);
        assert_eq!(end.recipients[0].state, RecipientState::Uncertain);
        assert_eq!(end.recipients[0].text, "it may have been delivered");
    }
}
