//! The services this door uses. A handler takes the one or two it needs by
//! `State`; nobody but the router sees them all.

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;

use super::auth::Door;
use super::options::Options;
use super::streams::Streams;
use crate::script::Scripts;
use crate::service::alerts::Alerts;
use crate::service::asking::Asking;
use crate::service::collecting::Collecting;
use crate::service::connect::Connect;
use crate::service::console::Console;
use crate::service::conversations::Conversations;
use crate::service::diary_reading::DiaryReading;
use crate::service::doctor::Doctor;
use crate::service::feed::Feed;
use crate::service::ledger::Ledger;
use crate::service::mailboxes::Mailboxes;
use crate::service::outbox::Outbox;
use crate::service::people::People;
use crate::service::presets::Presets;
use crate::service::proving::Proving;
use crate::service::random::Random;
use crate::service::reauthentication::{Links, Reauthentication};
use crate::service::rehearsal::Rehearsals;
use crate::service::replies::Replies;
use crate::service::script_editing::ScriptEditing;
use crate::service::signing_in::SigningIn;

/// What the caller of [`super::run`] hands over.
#[derive(Clone, Debug)]
pub struct Handles {
    /// Lists, messages, notes and changes.
    pub conversations: Conversations,
    /// What happened.
    pub feed: Feed,
    /// Who asks.
    pub people: People,
    /// Answers on their way out.
    pub replies: Replies,
    /// How they are doing, and what people say of them.
    pub outbox: Outbox,
    /// Connected addresses.
    pub mailboxes: Mailboxes,
    /// Trial connections, and adding a mailbox.
    pub connect: Connect,
    /// Sign-ins at providers.
    pub signing_in: SigningIn,
    /// Links that give a mailbox a new login.
    pub links: Links,
    /// What such a link does.
    pub reauthentication: Reauthentication,
    /// What was said and tried at servers.
    pub diary: DiaryReading,
    /// Where mails went.
    pub ledger: Ledger,
    /// The ledger against the server.
    pub collecting: Collecting,
    /// Test mails and canaries.
    pub proving: Proving,
    /// Whether people would hear of a sick mailbox.
    pub alerts: Alerts,
    /// Examinations.
    pub doctor: Doctor,
    /// What is known about providers.
    pub presets: Presets,
    /// Keys that keep a form from being sent twice.
    pub random: Random,
    /// Scripts that are not live yet against those that are.
    pub rehearsals: Rehearsals,
    /// The desk of whoever writes scripts.
    pub console: Console,
    /// Scripts as files.
    pub script_editing: ScriptEditing,
    /// Which of them go on failing.
    pub asking: Asking,
    /// The scripts in use and what is wrong with newer ones.
    pub scripts: Scripts,
}

#[derive(Clone, Debug)]
pub(super) struct Wired {
    handles: Handles,
    options: Options,
    streams: Streams,
    door: Door,
}

impl Wired {
    pub(super) fn new(
        handles: Handles,
        options: Options,
        door: Door,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            handles,
            options,
            streams: Streams::new(shutdown),
            door,
        }
    }
}

macro_rules! wire {
    ($($part:ty: $($path:ident).+;)*) => {$(
        impl FromRef<Wired> for $part {
            fn from_ref(wired: &Wired) -> Self {
                wired.$($path).+.clone()
            }
        }
    )*};
}

wire! {
    Conversations: handles.conversations;
    Feed: handles.feed;
    People: handles.people;
    Replies: handles.replies;
    Outbox: handles.outbox;
    Mailboxes: handles.mailboxes;
    Connect: handles.connect;
    SigningIn: handles.signing_in;
    DiaryReading: handles.diary;
    Ledger: handles.ledger;
    Collecting: handles.collecting;
    Proving: handles.proving;
    Alerts: handles.alerts;
    Links: handles.links;
    Reauthentication: handles.reauthentication;
    Doctor: handles.doctor;
    Presets: handles.presets;
    Random: handles.random;
    Rehearsals: handles.rehearsals;
    Console: handles.console;
    ScriptEditing: handles.script_editing;
    Asking: handles.asking;
    Scripts: handles.scripts;
    Options: options;
    Streams: streams;
    Door: door;
}
