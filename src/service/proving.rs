//! The test mail: a mailbox writes to itself by the real route, and answers itself.
//!
//! Started by a person; each step is durable before the next, so a test that a restart
//! interrupts goes on. What arrives is recognised within its delivery (`store`), and the
//! answer takes the way of every reply. The canary stands in `canary`.
//!
//! Invariant: nothing of it is new work: the conversation is closed, tagged `test`, and
//! no script is asked.

pub mod canary;
mod junk;
mod mail;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::junk::where_it_may_be;
use self::mail::{Hands, SendError};
use crate::domain::address::NamedAddress;
use crate::domain::change::Event;
use crate::domain::key::{ConversationKey, OutgoingKey, PublicId};
use crate::domain::mailbox::Mailbox;
use crate::domain::outbox::{OutgoingState, Purpose};
use crate::domain::proof::{MailboxProofs, SelfMailKind, TestRun, Token};
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::user::Actor;
use crate::net::dial::Dialer;
use crate::service::clock::Clock;
use crate::service::credentials::Keyring;
use crate::service::mailboxes::{MailboxError, Mailboxes};
use crate::service::random::{NoRandomness, Random};
use crate::service::sync::board::Board;
use crate::service::way_out::SystemSmtp;
use crate::store::{NewReply, Store, StoreError};

/// How long a test mail may be on its way.
pub const ARRIVAL_TIME_MAX: Duration = Duration::from_secs(5 * 60);
/// How long its answer may take to leave.
const REPLY_TIME_MAX: Duration = Duration::from_secs(5 * 60);

const REPLY_TEXT: &str = "This is the answer to a test mail. Both were written by Postern to \
                          see whether this mailbox receives and sends; neither needs one.";

/// Why no test was started.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ProvingError {
    /// The actor may not, or there is no such mailbox.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// One is under way.
    UnderWay,
    /// Nobody would receive it.
    Offline,
    /// The same, for all mailboxes.
    NotRunning,
    /// No token can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for ProvingError {
    fn saying(&self) -> Saying {
        match self {
            Self::Mailbox(error) => error.saying(),
            Self::UnderWay => saying!("cannot.test.under_way"),
            Self::Offline => saying!("cannot.test.offline"),
            Self::NotRunning => saying!("cannot.test.not_running"),
            Self::Randomness(error) => error.saying(),
            Self::Store(error) => error.saying(),
        }
    }
}

/// The service.
#[derive(Clone, Debug)]
pub struct Proving {
    hands: Hands,
    mailboxes: Mailboxes,
    shutdown: CancellationToken,
}

/// How a wait ended.
enum Waited<T> {
    Found(T),
    Late,
    Stopped,
}

impl Proving {
    /// A service over its handles. Nothing is received once `shutdown` is told.
    #[must_use]
    pub fn new(
        store: Store,
        dialer: Dialer,
        board: Board,
        keyring: Keyring,
        clock: Clock,
        system: Option<SystemSmtp>,
        mailboxes: Mailboxes,
    ) -> Self {
        Self {
            hands: Hands {
                store,
                dialer,
                board,
                keyring,
                clock,
                random: Random,
                system,
            },
            mailboxes,
            shutdown: CancellationToken::new(),
        }
    }

    /// The same, with its end.
    #[must_use]
    pub fn until(mut self, shutdown: CancellationToken) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Goes on with tests that a stop has interrupted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn resume(&self) -> Result<(), StoreError> {
        for (key, test) in self.hands.store.unfinished_tests()? {
            if let Some(mailbox) = self.hands.store.mailbox(key)? {
                let this = self.clone();
                tokio::spawn(async move { this.go_on(mailbox, test).await });
            }
        }
        Ok(())
    }

    /// What a mailbox has proven.
    ///
    /// # Errors
    /// When the actor may not see it, or the store cannot be read.
    pub fn proofs(&self, actor: &Actor, id: PublicId) -> Result<MailboxProofs, MailboxError> {
        let (mailbox, _) = self.mailboxes.get(actor, id)?;
        Ok(self.hands.store.proofs(mailbox.key)?)
    }

    /// Sends a test mail; [`Proving::follow`] tells how it goes.
    ///
    /// # Errors
    /// See [`ProvingError`].
    pub async fn start(&self, actor: &Actor, id: PublicId) -> Result<Mailbox, ProvingError> {
        if self.shutdown.is_cancelled() {
            return Err(ProvingError::NotRunning);
        }
        let mailbox = self.mailboxes.managed(actor, id)?;
        if mailbox.settings.offline() {
            return Err(ProvingError::Offline);
        }
        let last = self.hands.store.proofs(mailbox.key)?.test;
        if last.is_some_and(|test| !test.is_over()) {
            return Err(ProvingError::UnderWay);
        }
        let token = self.hands.token()?;
        let wait = self.hands.await_mail(&mailbox, SelfMailKind::Test, &token);
        match wait.await {
            Ok(()) => {}
            Err(SendError::Store(error)) => return Err(error.into()),
            // Told like any other failure of the test.
            Err(SendError::Words(words)) => {
                self.begin_failed(&mailbox, &token, words).await?;
                return Ok(mailbox);
            }
        }
        let test = TestRun::new(token, self.hands.clock.now());
        let (this, theirs) = (self.clone(), mailbox.clone());
        tokio::spawn(async move { this.go_on(theirs, test).await });
        Ok(mailbox)
    }

    /// Tells each state of the running test once, until it is over or `patience` is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn follow(
        &self,
        mailbox: &Mailbox,
        patience: Duration,
        mut tell: impl FnMut(&TestRun),
    ) -> Result<Option<TestRun>, StoreError> {
        let (store, end) = (&self.hands.store, Instant::now() + patience);
        let mut told = None;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let waited = self
                .wait(left, || {
                    let test = store.proofs(mailbox.key)?.test;
                    Ok(test.filter(|test| told.as_ref() != Some(test)))
                })
                .await?;
            let Waited::Found(test) = waited else {
                return Ok(told);
            };
            tell(&test);
            let over = test.is_over();
            told = Some(test);
            if over {
                return Ok(told);
            }
        }
    }

    async fn go_on(&self, mailbox: Mailbox, test: TestRun) {
        if let Err(error) = self.try_go_on(&mailbox, &test).await {
            tracing::error!(mailbox = %mailbox.settings.address, %error, "a test mail could not be followed; it is taken up again after a restart");
        }
    }

    async fn try_go_on(&self, mailbox: &Mailbox, test: &TestRun) -> Result<(), StoreError> {
        let token = &test.token;
        let now = self.hands.store.proofs(mailbox.key)?.test;
        let Some(now) = now.filter(|now| now.token == *token) else {
            return Ok(());
        };
        if now.sent_at.is_none() {
            let sent = self.hands.send(mailbox, SelfMailKind::Test, token).await;
            match sent {
                Ok(()) => {
                    let at = self.hands.clock.now();
                    self.change(mailbox, token, move |test| {
                        test.sent_at.get_or_insert(at);
                    })
                    .await?;
                }
                Err(SendError::Store(error)) => return Err(error),
                Err(SendError::Words(words)) => return self.fail(mailbox, token, words).await,
            }
        }
        let Some(conversation) = self.arrival(mailbox, token).await? else {
            return Ok(());
        };
        let Some(reply) = self.reply(mailbox, token, conversation).await? else {
            return Ok(());
        };
        self.departure(mailbox, token, reply).await
    }

    /// Waits for the mail; `None` when the test is over or the gateway stops.
    async fn arrival(
        &self,
        mailbox: &Mailbox,
        token: &Token,
    ) -> Result<Option<ConversationKey>, StoreError> {
        let store = &self.hands.store;
        let waited = self
            .wait(ARRIVAL_TIME_MAX, || {
                let test = store.proofs(mailbox.key)?.test;
                let test = test.filter(|test| test.token == *token);
                Ok(test.and_then(|test| test.conversation))
            })
            .await?;
        match waited {
            Waited::Found(conversation) => Ok(Some(conversation)),
            Waited::Stopped => Ok(None),
            Waited::Late => {
                let minutes = ARRIVAL_TIME_MAX.as_secs() / 60;
                let place = where_it_may_be(&self.hands, mailbox, token).await;
                let words = saying!("test.late", minutes, place);
                self.fail(mailbox, token, words).await?;
                Ok(None)
            }
        }
    }

    /// Answers the mail as any other; `None` when that is not possible.
    async fn reply(
        &self,
        mailbox: &Mailbox,
        token: &Token,
        conversation: ConversationKey,
    ) -> Result<Option<OutgoingKey>, StoreError> {
        let reply = match self.new_reply(mailbox, token, conversation) {
            Ok(reply) => reply,
            Err(words) => {
                self.fail(mailbox, token, words).await?;
                return Ok(None);
            }
        };
        match self.hands.store.accept_reply(reply).await {
            Ok(accepted) => {
                let key = accepted.outgoing.key;
                self.change(mailbox, token, move |test| test.reply = Some(key))
                    .await?;
                Ok(Some(key))
            }
            Err(error) => {
                let words = saying!("test.answer_refused", what = Saying::words(error));
                self.fail(mailbox, token, words).await?;
                Ok(None)
            }
        }
    }

    fn new_reply(
        &self,
        mailbox: &Mailbox,
        token: &Token,
        conversation: ConversationKey,
    ) -> Result<NewReply, Saying> {
        let settings = &mailbox.settings;
        let random = self.hands.random;
        let words = |error: NoRandomness| error.saying();
        let now = self.hands.clock.now();
        let message_id = self.hands.store.issue_message_id(
            mailbox.workspace,
            conversation,
            random.bytes().map_err(words)?,
            settings.address.domain(),
        );
        let subject = format!("Re: {}", SelfMailKind::Test.subject(token));
        // The same test is answered once, whatever interrupts it.
        let key = format!("postern-test-{}", token.as_str());
        let request = *blake3::hash(key.as_bytes()).as_bytes();
        Ok(NewReply {
            conversation,
            author: None,
            message_id: message_id.ok_or_else(|| saying!("test.domain"))?,
            in_reply_to: None,
            from: settings.identity.clone(),
            to: vec![NamedAddress::from(settings.address.clone())],
            cc: Vec::new(),
            bcc: Vec::new(),
            subject,
            text: REPLY_TEXT.to_owned(),
            quote_history: false,
            automatic: true,
            send_at: now,
            accepted_at: now,
            idempotency: Some((key, request)),
            purpose: Purpose::Reply,
            files: Vec::new(),
            random: random.bytes().map_err(words)?,
        })
    }

    /// Waits until the answer has left.
    async fn departure(
        &self,
        mailbox: &Mailbox,
        token: &Token,
        reply: OutgoingKey,
    ) -> Result<(), StoreError> {
        let store = &self.hands.store;
        let waited = self
            .wait(REPLY_TIME_MAX, || {
                let outgoing = store.outgoing(reply)?;
                Ok(outgoing.and_then(|outgoing| ended(&outgoing.state)))
            })
            .await?;
        match waited {
            Waited::Stopped => Ok(()),
            Waited::Late => {
                self.fail(mailbox, token, saying!("test.answer_waits"))
                    .await
            }
            Waited::Found(Err(words)) => {
                let words = saying!("test.answer_failed", what = words);
                self.fail(mailbox, token, words).await
            }
            Waited::Found(Ok(())) => {
                let at = self.hands.clock.now();
                self.change_proofs(mailbox, token, move |proofs, test| {
                    test.reply_left_at = Some(at);
                    *proofs = Some(at);
                })
                .await
            }
        }
    }

    async fn begin_failed(
        &self,
        mailbox: &Mailbox,
        token: &Token,
        words: Saying,
    ) -> Result<(), StoreError> {
        let (key, now, token) = (mailbox.key, self.hands.clock.now(), token.clone());
        let change = move |proofs: &mut MailboxProofs| {
            proofs.test = Some(TestRun {
                failure: Some(words.clone()),
                ..TestRun::new(token.clone(), now)
            });
            Some(Event::MailboxChanged { mailbox: key })
        };
        let store = &self.hands.store;
        store
            .change_proofs(mailbox.workspace, key, now, change)
            .await
    }

    async fn fail(
        &self,
        mailbox: &Mailbox,
        token: &Token,
        words: Saying,
    ) -> Result<(), StoreError> {
        tracing::warn!(mailbox = %mailbox.settings.address, %words, "the test mail failed");
        self.change(mailbox, token, move |test| {
            test.failure = Some(words.clone())
        })
        .await
    }

    async fn change(
        &self,
        mailbox: &Mailbox,
        token: &Token,
        change: impl Fn(&mut TestRun) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.change_proofs(mailbox, token, move |_, test| change(test))
            .await
    }

    /// Changes the test, if it is still the same one, and when the mailbox was last proven.
    async fn change_proofs(
        &self,
        mailbox: &Mailbox,
        token: &Token,
        change: impl Fn(&mut Option<Timestamp>, &mut TestRun) + Send + 'static,
    ) -> Result<(), StoreError> {
        let (key, now, token) = (mailbox.key, self.hands.clock.now(), token.clone());
        let change = move |proofs: &mut MailboxProofs| {
            let MailboxProofs {
                proven_at, test, ..
            } = proofs;
            let test = test.as_mut().filter(|test| test.token == token)?;
            change(proven_at, test);
            Some(Event::MailboxChanged { mailbox: key })
        };
        let store = &self.hands.store;
        store
            .change_proofs(mailbox.workspace, key, now, change)
            .await
    }

    /// Looks, and looks again whenever something happened.
    async fn wait<T>(
        &self,
        patience: Duration,
        look: impl Fn() -> Result<Option<T>, StoreError>,
    ) -> Result<Waited<T>, StoreError> {
        let end = Instant::now() + patience;
        let mut feed = self.hands.store.subscribe();
        loop {
            feed.mark_unchanged();
            if let Some(found) = look()? {
                return Ok(Waited::Found(found));
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(Waited::Stopped),
                () = sleep_until(end) => return Ok(Waited::Late),
                changed = feed.changed() => if changed.is_err() { return Ok(Waited::Stopped) },
            }
        }
    }
}

/// Whether a reply has left; `None` while that is open.
fn ended(state: &OutgoingState) -> Option<Result<(), Saying>> {
    match state {
        OutgoingState::Sent => Some(Ok(())),
        OutgoingState::Queued
        | OutgoingState::Held { .. }
        | OutgoingState::Sending
        | OutgoingState::Deferred { .. } => None,
        OutgoingState::Failed { reason }
        | OutgoingState::Uncertain { reason }
        | OutgoingState::Bounced { reason } => Some(Err(reason.clone())),
        OutgoingState::Cancelled => Some(Err(saying!("test.cancelled"))),
    }
}
