//! Makes the automatic answer that a script asked for, out of a template. Whether it
//! leaves is for the caps to say, in the transaction of the decision.
//!
//! The reverse-path is the mailbox's own address: RFC 3834 section 3.3 would rather have
//! an empty one, but providers refuse it from their customers. What ends a loop is that
//! the mail says it is automatic, and the caps.

use jiff::Timestamp;

use crate::domain::address::NamedAddress;
use crate::domain::mailbox::Mailbox;
use crate::domain::message::Message;
use crate::domain::outbox::Purpose;
use crate::domain::recipients::answer_subject;
use crate::script::{Snapshot, TemplateValues};
use crate::service::automatic::may_answer;
use crate::service::random::Random;
use crate::store::{Acknowledgement, NewReply, Store, StoreError};

/// The answer, or why there is none.
pub(super) fn made(
    store: &Store,
    random: Random,
    snapshot: &Snapshot,
    template: &str,
    message: &Message,
    mailbox: Option<&Mailbox>,
    now: Timestamp,
) -> Result<Result<Acknowledgement, String>, StoreError> {
    let Some(template) = snapshot.template(template) else {
        let file = format!("templates/{template}.txt");
        return Ok(Err(format!("there is no {file} among the scripts")));
    };
    let Some(mailbox) = mailbox else {
        return Ok(Err("its mailbox was removed".to_owned()));
    };
    let sender = match may_answer(store, message)? {
        Ok(sender) => sender,
        Err(why) => return Ok(Err(why.to_string())),
    };
    let Some(conversation) = store.conversation(message.conversation)? else {
        return Ok(Err("its conversation was removed".to_owned()));
    };
    let contact = store.contact(message.contact)?;
    let name = contact.and_then(|contact| contact.name).unwrap_or_default();
    let filled = template.fill(&TemplateValues {
        number: conversation.number,
        contact_name: &name,
        mailbox_name: &mailbox.settings.name,
        subject: &answer_subject(&message.head.subject),
    });
    let workspace = message.workspace;
    let domain = mailbox.settings.address.domain();
    let (Ok(seed), Ok(ids)) = (random.bytes(), random.bytes()) else {
        return Ok(Err("no id could be made for it".to_owned()));
    };
    let Some(message_id) = store.issue_message_id(workspace, conversation.key, seed, domain) else {
        return Ok(Err("no Message-ID could be made for it".to_owned()));
    };
    // A blank stands in it, so no key of a caller is the same.
    let key = format!("acknowledgement of {}", message.id);
    let request = *blake3::hash(key.as_bytes()).as_bytes();
    let reply = NewReply {
        conversation: conversation.key,
        author: None,
        message_id,
        in_reply_to: Some(message.key),
        from: mailbox.settings.identity.clone(),
        to: vec![NamedAddress::new(None, sender.clone())],
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: filled.subject,
        text: filled.text,
        quote_history: false,
        automatic: true,
        send_at: now,
        accepted_at: now,
        idempotency: Some((key, request)),
        purpose: Purpose::Reply,
        files: Vec::new(),
        random: ids,
    };
    Ok(Ok(Acknowledgement { reply, sender }))
}
