//! What an attempt means for the reply: pure, so that every answer of a server can be
//! tried on paper. Nothing here is sent, stored or timed.

use jiff::Timestamp;

use crate::domain::outbox::{Outgoing, OutgoingState, RecipientResult, RecipientState};
use crate::domain::saying::{Said, Saying, saying};
use crate::net::submission::{RecipientOutcome, SubmissionError, Submitted};
use crate::store::{AttemptEnd, AttemptNext};

/// What an attempt means for the reply. `retry_at` is absent when patience is at its end.
pub(super) fn judge(
    outgoing: &Outgoing,
    result: Result<Submitted, SubmissionError>,
    retry_at: Option<Timestamp>,
) -> AttemptEnd {
    match result {
        Ok(submitted) => {
            let mut end = judge_recipients(outgoing, &submitted.recipients, retry_at);
            if end.state == OutgoingState::Sent {
                end.said = saying!("known.sent", reply = &submitted.reply);
            }
            end
        }
        Err(SubmissionError::NoRecipient { recipients }) => {
            judge_recipients(outgoing, &recipients, retry_at)
        }
        Err(SubmissionError::Uncertain { reason, recipients }) => {
            uncertain(reason, outgoing, &recipients)
        }
        Err(error @ SubmissionError::NotSent { .. }) => match retry_at {
            // Refused credentials, a missing STARTTLS and the like say nothing of the mail:
            // it waits until they are mended.
            Some(until) if error.is_transient() || !error.is_about_the_mail() => {
                deferred(until, error.saying(), outgoing.recipients.clone())
            }
            _ => given_up(error.saying(), outgoing),
        },
    }
}

pub(super) fn uncertain(
    reason: Saying,
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
        recipients: settle(&known, RecipientState::Uncertain, &reason.to_string()),
        said: saying!("known.uncertain", what = reason.clone()),
        state: OutgoingState::Uncertain { reason },
        next: AttemptNext::File,
    }
}

/// The mail waits for another attempt.
pub(super) fn deferred(
    until: Timestamp,
    reason: Saying,
    recipients: Vec<RecipientResult>,
) -> AttemptEnd {
    AttemptEnd {
        said: saying!("known.deferred", what = reason.clone(), until),
        state: OutgoingState::Deferred { until, reason },
        recipients,
        next: AttemptNext::Retry(until),
    }
}

/// The end of an attempt that will not be repeated. Who took the mail earlier has it.
fn given_up(reason: Saying, outgoing: &Outgoing) -> AttemptEnd {
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
    match retry_at {
        Some(until) if is(RecipientState::Waiting) => {
            let reason = first_text(&recipients, RecipientState::Waiting);
            deferred(until, reason, recipients)
        }
        _ if is(RecipientState::Accepted) => AttemptEnd {
            state: OutgoingState::Sent,
            said: saying!("known.ended"),
            recipients,
            next: AttemptNext::File,
        },
        _ => {
            let reason = first_text(&recipients, RecipientState::Refused);
            AttemptEnd {
                said: saying!("known.failed", what = reason.clone()),
                state: OutgoingState::Failed { reason },
                recipients,
                next: AttemptNext::Nothing,
            }
        }
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

pub(super) fn failed(reason: Saying, outgoing: &Outgoing) -> AttemptEnd {
    AttemptEnd {
        recipients: settle(
            &outgoing.recipients,
            RecipientState::Refused,
            &reason.to_string(),
        ),
        said: saying!("known.failed", what = reason.clone()),
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
        RecipientState::Accepted
        | RecipientState::Refused
        | RecipientState::Uncertain
        | RecipientState::Bounced => one.clone(),
    };
    recipients.iter().map(settled).collect()
}

fn first_text(recipients: &[RecipientResult], state: RecipientState) -> Saying {
    recipients
        .iter()
        .find(|one| one.state == state)
        .map_or_else(
            || Saying::Words(String::new()),
            |one| saying!("about", whom = &one.address, what = &one.text),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::domain::key::{
        ConversationKey, MailboxKey, MessageKey, OutgoingKey, PublicId, WorkspaceKey,
    };
    use crate::domain::message_id::MessageId;
    use crate::domain::outbox::{Filing, Purpose};
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
            hold: None,
            purpose: Purpose::Reply,
            files: Vec::new(),
            aliases: Vec::new(),
            history: Vec::new(),
            in_doubt: false,
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

    use AttemptNext::{File, Nothing, Retry};
    use RecipientState::{Accepted, Refused, Uncertain, Waiting};

    const A: &str = "a@example.net";
    const B: &str = "b@example.net";
    const NEW: [RecipientState; 2] = [Waiting, Waiting];
    /// The first has it since an earlier attempt.
    const HALF: [RecipientState; 2] = [Accepted, Waiting];

    /// What becomes of a reply to A and B.
    fn judged(
        before: [RecipientState; 2],
        result: Result<Submitted, SubmissionError>,
        patient: bool,
    ) -> (&'static str, AttemptNext, Vec<RecipientState>) {
        let outgoing = outgoing(&[(A, before[0]), (B, before[1])]);
        let end = judge(&outgoing, result, patient.then(|| at(60)));
        let states = end.recipients.iter().map(|one| one.state).collect();
        (name(&end.state), end.next, states)
    }

    #[test]
    fn each_recipient_is_settled_by_what_was_said_of_them() {
        let both = |second| taken(&[(A, None), (B, second)]);
        let nobody = |code| {
            let recipients = answers(&[(A, Some(code)), (B, Some(550))]);
            Err(SubmissionError::NoRecipient { recipients })
        };
        let rest = || taken(&[(B, None)]);
        let later = Retry(at(60));
        let cases = [
            (
                judged(NEW, both(None), true),
                ("sent", File, [Accepted, Accepted]),
            ),
            (
                judged(NEW, both(Some(550)), true),
                ("sent", File, [Accepted, Refused]),
            ),
            (
                judged(NEW, both(Some(450)), true),
                ("deferred", later, [Accepted, Waiting]),
            ),
            (
                judged(NEW, both(Some(450)), false),
                ("sent", File, [Accepted, Refused]),
            ),
            (
                judged(HALF, rest(), true),
                ("sent", File, [Accepted, Accepted]),
            ),
            (
                judged(NEW, nobody(550), true),
                ("failed", Nothing, [Refused, Refused]),
            ),
            (
                judged(NEW, nobody(450), true),
                ("deferred", later, [Waiting, Refused]),
            ),
            (
                judged(NEW, nobody(450), false),
                ("failed", Nothing, [Refused, Refused]),
            ),
        ];
        for (number, (found, (state, next, recipients))) in cases.into_iter().enumerate() {
            assert_eq!(found, (state, next, recipients.to_vec()), "case {number}");
        }
    }

    #[test]
    fn a_mail_that_did_not_leave_waits_or_fails_and_one_that_may_have_is_uncertain() {
        use Phase::{Authentication, Content, EndOfData};
        let lost = || {
            Err(SubmissionError::Uncertain {
                reason: "the connection was lost".into(),
                recipients: answers(&[(A, None), (B, Some(550))]),
            })
        };
        let no = not_sent;
        let later = Retry(at(60));
        let cases = [
            (
                judged(NEW, lost(), true),
                ("uncertain", File, [Uncertain, Refused]),
            ),
            (
                judged(NEW, no(Content, 451), true),
                ("deferred", later, [Waiting, Waiting]),
            ),
            (
                judged(NEW, no(EndOfData, 554), true),
                ("failed", Nothing, [Refused, Refused]),
            ),
            (
                judged(HALF, no(EndOfData, 554), true),
                ("sent", File, [Accepted, Refused]),
            ),
            (
                judged(HALF, no(Content, 451), false),
                ("sent", File, [Accepted, Refused]),
            ),
            (
                judged(NEW, no(Authentication, 535), true),
                ("deferred", later, [Waiting, Waiting]),
            ),
        ];
        for (number, (found, (state, next, recipients))) in cases.into_iter().enumerate() {
            assert_eq!(found, (state, next, recipients.to_vec()), "case {number}");
        }
    }

    #[test]
    fn an_uncertain_reply_is_never_tried_again_by_itself() {
        let waiting = outgoing(&[("a@example.net", Waiting)]);
        let end = uncertain("it may have been delivered".into(), &waiting, &[]);
        assert_eq!(end.next, File);
        assert_eq!(end.recipients[0].state, Uncertain);
        assert_eq!(end.recipients[0].text, "it may have been delivered");
    }
}
