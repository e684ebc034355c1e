//! Requests about replies on their way.

use serde_json::json;

use super::desk::{Desk, words};
use super::message::{Answer, OutboxAsked};
use super::row::{counted, moment};
use crate::domain::address::NamedAddress;
use crate::domain::key::PublicId;
use crate::domain::order::Order;
use crate::domain::outbox::{OutgoingState, RecipientState};
use crate::domain::user::Actor;
use crate::service::outbox::{OutboxError, Shown};

const ACTOR: Actor = Actor::Console;

impl Desk {
    pub(super) fn outbox_list(
        &self,
        asked: &OutboxAsked,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = asked.mailbox.as_deref().map(|which| self.find(which));
        let mailbox = mailbox.transpose()?.map(|mailbox| mailbox.id);
        let (state, after) = (asked.state.as_deref(), asked.after.as_deref());
        let page = self
            .outbox
            .list(&ACTOR, state, mailbox, after, asked.limit)
            .map_err(words)?;
        for shown in &page.items {
            tell(Answer::Item {
                words: line(shown),
                item: item(shown),
            });
        }
        let count = counted(page.items.len(), "reply", "replies");
        let words = match page.next {
            Some(next) => format!("{count}; perhaps more: --after {next}"),
            None => format!("{count}; there are no others."),
        };
        Ok(Answer::Done { words })
    }

    pub(super) fn outbox_show(
        &self,
        id: &str,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let shown = self.outbox.get(&ACTOR, parsed(id)?);
        let shown = shown.map_err(|error| not_done(id, error))?;
        tell(Answer::Item {
            words: line(&shown),
            item: item(&shown),
        });
        for one in &shown.outgoing.recipients {
            let state = match one.state {
                RecipientState::Waiting => "waiting",
                RecipientState::Accepted => "accepted",
                RecipientState::Refused => "refused",
                RecipientState::Uncertain => "uncertain",
                RecipientState::Bounced => "bounced",
            };
            let text = match one.text.as_str() {
                "" => String::new(),
                text => format!(": {text}"),
            };
            tell(Answer::Item {
                words: format!("  to {}  {state}{text}", one.address),
                item: json!({"recipient": one.address.to_string(), "state": state, "text": one.text}),
            });
        }
        for known in &shown.outgoing.history {
            let by = shown.person(known.by).map(|user| user.name.clone());
            let who = by
                .as_ref()
                .map_or_else(String::new, |name| format!("{name}: "));
            tell(Answer::Item {
                words: format!("  {}  {who}{}", moment(known.at), known.what),
                item: json!({"at": known.at.to_string(), "by": by, "what": known.what.to_string()}),
            });
        }
        let words = format!("Message-ID {}", shown.outgoing.message_id);
        Ok(Answer::Done { words })
    }

    pub(super) async fn outbox_order(&self, id: &str, order: Order) -> Result<Answer, String> {
        let done = self.outbox.order(&ACTOR, parsed(id)?, order).await;
        let shown = done.map_err(|error| not_done(id, error))?;
        let mut words = match order {
            Order::Cancel => "It is stopped and will not be sent.".to_owned(),
            Order::Retry => "It leaves at once.".to_owned(),
            Order::Arrived => "It counts as sent.".to_owned(),
            Order::Again => format!(
                "The same mail is sent again, as {}.",
                shown.outgoing.message_id
            ),
        };
        if !self.is_running && matches!(order, Order::Retry | Order::Again) {
            words += " The gateway is not running; that is done once `postern serve` runs.";
        }
        Ok(Answer::Done { words })
    }
}

fn parsed(id: &str) -> Result<PublicId, String> {
    PublicId::parse(id)
        .ok_or_else(|| format!("{id:?} is no id of a reply; `postern outbox list` shows them"))
}

fn not_done(id: &str, error: OutboxError) -> String {
    match error {
        OutboxError::NotFound => {
            format!("no reply has the id {id}; `postern outbox list` shows them")
        }
        error => words(error),
    }
}

fn to(shown: &Shown) -> String {
    let all = shown.outgoing.to.iter().map(NamedAddress::shown);
    all.collect::<Vec<_>>().join(", ")
}

fn line(shown: &Shown) -> String {
    let outgoing = &shown.outgoing;
    let state = outgoing.state_name(shown.now);
    let mailbox = shown.mailbox.as_ref();
    let mailbox = mailbox.map_or("(removed)", |mailbox| mailbox.settings.address.as_str());
    let when = match &outgoing.state {
        OutgoingState::Deferred { until, .. } => format!(" until {}", moment(*until)),
        OutgoingState::Queued if outgoing.send_at > shown.now => {
            format!(" until {}", moment(outgoing.send_at))
        }
        _ => String::new(),
    };
    let reason = outgoing.state.reason();
    let reason = reason.map_or_else(String::new, |reason| format!("\n    {reason}"));
    format!(
        "{}  {state}{when}  {mailbox} -> {}: {}{reason}",
        outgoing.id,
        to(shown),
        outgoing.subject
    )
}

fn item(shown: &Shown) -> serde_json::Value {
    let outgoing = &shown.outgoing;
    let until = match &outgoing.state {
        OutgoingState::Deferred { until, .. } => Some(until.to_string()),
        _ => None,
    };
    json!({
        "id": outgoing.id.to_string(),
        "state": outgoing.state_name(shown.now),
        "until": until,
        "reason": outgoing.state.reason().map(ToString::to_string),
        "send_at": outgoing.send_at.to_string(),
        "accepted_at": outgoing.accepted_at.to_string(),
        "attempts": outgoing.attempts,
        "mailbox": shown.mailbox.as_ref().map(|mailbox| mailbox.settings.address.to_string()),
        "conversation": shown.conversation.map(|(_, number)| number),
        "to": outgoing.to.iter().map(|one| one.address.to_string()).collect::<Vec<_>>(),
        "subject": outgoing.subject,
        "message_id": outgoing.message_id.to_string(),
    })
}
