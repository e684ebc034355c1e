//! Stage 6 of a mail's way: a reply becomes exact bytes, once.
//!
//! From here on bytes, envelope and Message-ID never change; what is tried again
//! is the same mail.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::address::NamedAddress;
use crate::domain::decision::{Outcome, Verdict};
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::OutgoingKey;
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Head, Message};
use crate::domain::outbox::{Hold, Outgoing, OutgoingState, Purpose};
use crate::domain::replying::ReplySettings;
use crate::domain::saying::{Saying, saying};
use crate::domain::user::User;
use crate::mime::compose::{
    self, Answered, Automatic, Composed, Composition, File, Forwarded, Quotation,
};
use crate::mime::{quoted_from, read_bytes};
use crate::script::{FileView, ReplyView, Snapshot};
use crate::service::asking::Asking;
use crate::service::automatic::{self, Leave};
use crate::service::clock::Clock;
use crate::service::jobs::Worker;
use crate::service::sync::board::Board;
use crate::service::{reading, view};
use crate::store::{CompressedRaw, Store, StoreError};

/// Replies composed at the same time.
const PARALLEL_MAX: usize = 4;
/// What stands between a text and its signature (RFC 3676 section 4.3).
const SIGNATURE_MARK: &str = "\n\n-- \n";

/// The worker.
#[derive(Clone, Debug)]
pub struct Composing {
    store: Store,
    asking: Asking,
    board: Board,
    clock: Clock,
}

/// What a reply is composed from.
struct Material {
    outgoing: Outgoing,
    /// As it was decided when the reply was accepted.
    from: NamedAddress,
    answered: Option<Message>,
    answered_text: String,
    /// A forwarded message as it stands below the text.
    below: Option<String>,
    signature: String,
    /// The bytes of the files, in their order.
    files: Vec<Vec<u8>>,
    reply_to: Option<NamedAddress>,
    replies: ReplySettings,
}

/// What came of composing.
enum Built {
    /// The exact bytes, and what they say of themselves.
    Ready(Composed, Box<Head>),
    /// A person looks at it first.
    Held(Saying, Hold),
    /// It can never be sent; for the person who wrote it.
    Impossible(Saying),
}

impl Composing {
    /// A worker over its handles.
    #[must_use]
    pub fn new(store: Store, asking: Asking, board: Board, clock: Clock) -> Self {
        Self {
            store,
            asking,
            board,
            clock,
        }
    }

    async fn compose(&self, job: &Job, key: OutgoingKey) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(key)? else {
            return self.store.drop_job(job.key).await;
        };
        if outgoing.state != OutgoingState::Queued || outgoing.raw.is_some() {
            return self.store.drop_job(job.key).await;
        }
        let now = self.clock.now();
        match automatic::may_leave(&self.store, &outgoing, now)? {
            Leave::Now => {}
            Leave::Later(due) => return self.store.hold(job.key, due).await,
            Leave::Never(reason) => {
                let job = Some(job.key);
                return self.store.outgoing_failed(job, key, reason, now).await;
            }
        }
        let scripts = self.asking.live().await?;
        let this = self.clone();
        let build = move || this.build(scripts.as_ref(), outgoing);
        let built = match tokio::task::spawn_blocking(build).await {
            // A mail that cannot be composed without a panic holds up nobody else's.
            Err(error) if error.is_panic() => {
                tracing::error!(outgoing = key.0, %error, "composing a reply failed");
                Built::Impossible(saying!("outbox.composing_failed"))
            }
            built => built.map_err(|error| StoreError::worker_lost("composing", &error))??,
        };
        let now = self.clock.now();
        match built {
            Built::Held(reason, hold) => self.store.hold_reply(job.key, key, reason, hold).await,
            Built::Ready(composed, head) => {
                let raw = CompressedRaw::new(&composed.bytes);
                self.store
                    .composed(
                        job.key,
                        key,
                        raw,
                        *head,
                        composed.envelope.forward_paths,
                        now,
                    )
                    .await
            }
            Built::Impossible(reason) => {
                self.store
                    .outgoing_failed(Some(job.key), key, reason, now)
                    .await
            }
        }
    }

    fn build(
        &self,
        scripts: Option<&Arc<Snapshot>>,
        outgoing: Outgoing,
    ) -> Result<Built, StoreError> {
        let Some(mailbox) = self.store.mailbox(outgoing.mailbox)? else {
            return Ok(Built::Impossible(saying!("outbox.no_mailbox")));
        };
        let shown = self.store.message(outgoing.message)?;
        let from = shown.and_then(|message| message.head.from);
        let from = from.unwrap_or_else(|| mailbox.settings.identity.clone());
        if let Some((reason, hold)) = self.held(scripts, &outgoing, &mailbox, &from)? {
            return Ok(Built::Held(reason, hold));
        }
        let answered = outgoing
            .in_reply_to
            .map(|key| self.store.message(key))
            .transpose()?
            .flatten();
        let answered_text = match &answered {
            Some(message) if outgoing.quote_history => self.new_part(message)?,
            _ => String::new(),
        };
        let below = self.forwarded(&outgoing)?;
        let signature = self.signature(scripts, &outgoing, &mailbox)?;
        let files = self.files(&outgoing)?;
        let reply_to = self.reply_to(&outgoing, &mailbox, &from);
        let material = Material {
            outgoing,
            from,
            answered,
            answered_text,
            below,
            signature,
            files,
            reply_to,
            replies: mailbox.settings.replies,
        };
        Ok(match self.composed(&material) {
            Ok((composed, head)) => Built::Ready(composed, Box::new(head)),
            Err(error) => {
                let what = Saying::words(error);
                Built::Impossible(saying!("outbox.not_composed", what))
            }
        })
    }

    /// Whether a script wants a person to look at the reply first. Nothing that a machine
    /// wrote is shown to it, nor what a person has let go.
    fn held(
        &self,
        scripts: Option<&Arc<Snapshot>>,
        outgoing: &Outgoing,
        mailbox: &Mailbox,
        from: &NamedAddress,
    ) -> Result<Option<(Saying, Hold)>, StoreError> {
        let is_released = outgoing
            .hold
            .as_ref()
            .is_some_and(|hold| hold.released.is_some());
        if outgoing.automatic || is_released {
            return Ok(None);
        }
        let (Some(snapshot), Some(conversation)) =
            (scripts, self.store.conversation(outgoing.conversation)?)
        else {
            return Ok(None);
        };
        let at = self.clock.now();
        let operator = self.author(outgoing)?;
        let now = self.asking.local(at);
        let context = view::of_reply(
            &self.store,
            &self.board,
            conversation,
            mailbox.clone(),
            operator,
            now,
        )?;
        let reply = ReplyView {
            from: Some(from.clone()),
            to: outgoing.to.clone(),
            cc: outgoing.cc.clone(),
            bcc: outgoing.bcc.clone(),
            subject: outgoing.subject.clone(),
            text: outgoing.text.clone(),
            automatic: outgoing.automatic,
            attachments: files_shown(outgoing),
        };
        let live = self.asking.about(snapshot.clone(), mailbox.key);
        let vetted = live.before_send(reply, context);
        let Verdict::Hold(why) = vetted.verdict else {
            return Ok(None);
        };
        let reason = match &vetted.outcome {
            Outcome::Failed(what) => {
                tracing::warn!(outgoing = %outgoing.id, %what, "the script that looks at replies failed; this one waits for a person");
                saying!("outbox.held_failed", what = Saying::words(what))
            }
            Outcome::Decided | Outcome::NoScript => Saying::words(why),
        };
        let hold = Hold {
            at,
            version: Some(snapshot.version()),
            outcome: vetted.outcome,
            trace: vetted.trace,
            released: None,
        };
        Ok(Some((reason, hold)))
    }

    fn author(&self, outgoing: &Outgoing) -> Result<Option<User>, StoreError> {
        let found = outgoing.author.map(|key| self.store.user(key));
        Ok(found.transpose()?.flatten())
    }

    fn composed(&self, material: &Material) -> Result<(Composed, Head), compose::ComposeError> {
        let outgoing = &material.outgoing;
        let answered = material.answered.as_ref();
        let text = format!("{}{}", outgoing.text.trim_end(), material.signature);
        let files = outgoing.files.iter().zip(&material.files);
        let files: Vec<File<'_>> = files
            .map(|(file, bytes)| File {
                name: &file.name,
                content_type: &file.content_type,
                bytes,
                content_id: file.content_id.as_deref(),
            })
            .collect();
        let composed = compose::compose(&Composition {
            from: &material.from,
            reply_to: material.reply_to.as_ref(),
            to: &outgoing.to,
            cc: &outgoing.cc,
            bcc: &outgoing.bcc,
            subject: &outgoing.subject,
            date: self.clock.now(),
            message_id: &outgoing.message_id,
            answered: answered.and_then(|message| {
                let message_id = message.head.message_id.as_ref()?;
                Some(Answered {
                    message_id,
                    references: &message.head.references,
                })
            }),
            text: &text,
            quotation: answered
                .filter(|_| outgoing.quote_history)
                .map(|message| self.quotation(message, &material.answered_text)),
            below: material.below.as_deref(),
            with_html: material.replies.with_html && !outgoing.automatic,
            automatic: outgoing.automatic.then_some(Automatic::Replied),
            files: &files,
        })?;
        let head = read_bytes(&composed.bytes).head;
        Ok((composed, head))
    }

    fn quotation<'a>(&self, message: &'a Message, text: &'a str) -> Quotation<'a> {
        let at: Timestamp = message.head.date.unwrap_or(message.arrived_at);
        Quotation {
            author: message.head.from.as_ref().map_or("", NamedAddress::shown),
            at: self.asking.local(at),
            text,
            language: &message.head.language,
        }
    }

    /// The message that is forwarded, when it does not go along as a file.
    fn forwarded(&self, outgoing: &Outgoing) -> Result<Option<String>, StoreError> {
        let Purpose::Forward(key) = outgoing.purpose else {
            return Ok(None);
        };
        let message = self.store.message(key)?;
        let Some(message) = message.filter(|_| outgoing.quote_history) else {
            return Ok(None);
        };
        let text = reading::text_of(&self.store, &message)?;
        let at = message.head.date.unwrap_or(message.arrived_at);
        let forwarded = Forwarded {
            head: &message.head,
            at: self.asking.local(at),
            text: &text,
        };
        Ok(Some(forwarded.to_string()))
    }

    /// The bytes of the files. Together they fit a mail, or the reply was not accepted.
    fn files(&self, outgoing: &Outgoing) -> Result<Vec<Vec<u8>>, StoreError> {
        let all = outgoing.files.iter().map(|file| {
            let bytes = self.store.raw(file.raw, compose::LENGTH_MAX as u64)?;
            bytes.ok_or(StoreError::Missing {
                what: "file of a reply",
                key: file.raw.0,
            })
        });
        all.collect()
    }

    /// Where answers are wanted: the sender with a tag, where the mailbox is set so and it fits.
    fn reply_to(
        &self,
        outgoing: &Outgoing,
        mailbox: &Mailbox,
        from: &NamedAddress,
    ) -> Option<NamedAddress> {
        if !mailbox.settings.replies.tagged_reply_to || outgoing.automatic {
            return None;
        }
        // Of the id, so that the same mail has the same tag.
        let hash = blake3::hash(outgoing.message_id.as_str().as_bytes());
        let [a, b, c, d, e, ..] = *hash.as_bytes();
        let tagged = self.store.tagged_address(
            &from.address,
            outgoing.workspace,
            outgoing.conversation,
            [a, b, c, d, e],
        )?;
        Some(NamedAddress::new(from.name(), tagged))
    }

    fn new_part(&self, message: &Message) -> Result<String, StoreError> {
        let mut text = reading::text_of(&self.store, message)?;
        if let Some(at) = quoted_from(&text) {
            text.truncate(at);
        }
        Ok(text)
    }

    /// What the signature script says, with the mark before it; nothing when it says
    /// nothing. A failing script costs the signature its script, not the reply its
    /// signature: the mailbox's own text is used.
    fn signature(
        &self,
        scripts: Option<&Arc<Snapshot>>,
        outgoing: &Outgoing,
        mailbox: &Mailbox,
    ) -> Result<String, StoreError> {
        let plain = mailbox.settings.signature.clone();
        let text = match (scripts, self.store.conversation(outgoing.conversation)?) {
            (Some(snapshot), Some(conversation)) => {
                let operator = self.author(outgoing)?;
                let now = self.asking.local(self.clock.now());
                let context = view::of_reply(
                    &self.store,
                    &self.board,
                    conversation,
                    mailbox.clone(),
                    operator,
                    now,
                )?;
                let live = self.asking.about(snapshot.clone(), mailbox.key);
                let signed = live.signature(&context).answer;
                match signed.outcome {
                    Outcome::Decided => signed.text,
                    Outcome::NoScript => plain,
                    Outcome::Failed(words) => {
                        tracing::warn!(outgoing = %outgoing.id, %words, "the signature script failed; the mailbox's own signature is used");
                        plain
                    }
                }
            }
            _ => plain,
        };
        let text = text.trim();
        Ok(if text.is_empty() {
            String::new()
        } else {
            format!("{SIGNATURE_MARK}{text}")
        })
    }
}

fn files_shown(outgoing: &Outgoing) -> Vec<FileView> {
    let files = outgoing.files.iter().map(|file| FileView {
        name: file.name.clone(),
        content_type: file.content_type.clone(),
        size: file.size,
    });
    files.collect()
}

impl Worker for Composing {
    const KIND: WorkKind = WorkKind::Compose;
    const PARALLEL_MAX: usize = PARALLEL_MAX;

    fn lane(&self, job: &Job) -> Result<u64, StoreError> {
        Ok(job.conversation.0)
    }

    async fn work(self, job: Job) -> Result<(), StoreError> {
        let Work::Compose(key) = job.work else {
            return self.store.drop_job(job.key).await;
        };
        self.compose(&job, key).await
    }
}
