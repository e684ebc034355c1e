//! The fetching half of collecting: which mails a folder has that we have not, and
//! their bodies, without a pause between one window and the next.
//!
//! Listings run two windows ahead of the bodies, so the server always has the next
//! command before it has answered the last one (RFC 9051 section 5.5). A server may
//! answer such commands in one go: the bodies of two windows, then both tagged lines,
//! as Dovecot does when nothing comes between them. So a window is announced when its
//! bodies are asked for, not when the one before it has ended.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::num::NonZeroU32;

use tokio::sync::mpsc;

use super::intake::{Listed, Piece};
use crate::domain::fetching::{ListedMail, WINDOW_UIDS_MAX};
use crate::domain::folder::Uid;
use crate::net::imap::{FetchStep, ImapError, Refusal, Session};
use crate::protocol::imap::{Body, BodyWanted, CommandId, FetchItems, Fetched, UidSet};
use crate::service::sync::pending::BEGINNING_BYTES;

/// What is asked of a mail above the limit.
const BEGINNING: NonZeroU32 = match NonZeroU32::new(BEGINNING_BYTES) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};
/// Listings under way or done before the bodies they are for.
const LISTINGS_AHEAD: usize = 2;

/// Why collecting ended early. What was handed over before is stored all the same.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    /// The connection or the server.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// The storing half has ended; its own error says why.
    #[error("the storing half has ended")]
    Storing,
}

/// What is asked for of a mail.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Of mails above this many bytes only the beginning.
    pub(super) mail_size_max: u64,
    /// These whole, whatever their size.
    pub(super) anyway: BTreeSet<Uid>,
}

/// Collects the given mails, lowest first. `progress` hears how many mails are left.
pub(super) async fn collect(
    session: &mut Session,
    uids: &[Uid],
    wanted: Wanted,
    pieces: &mpsc::Sender<Piece>,
    progress: impl Fn(usize),
) -> Result<(), CollectError> {
    let mut run = Run {
        session,
        pieces,
        wanted,
        unlisted: uids.chunks(WINDOW_UIDS_MAX as usize),
        listings: VecDeque::new(),
        windows: VecDeque::new(),
        left: uids.len(),
    };
    for _ in 0..LISTINGS_AHEAD {
        run.list_next();
    }
    while !(run.listings.is_empty() && run.windows.is_empty()) {
        let step = run.session.next_fetch_step().await?;
        run.handle(step).await?;
        progress(run.left);
    }
    Ok(())
}

/// A window whose mails are being listed.
struct Listing<'a> {
    command: CommandId,
    asked: &'a [Uid],
    mails: Vec<ListedMail>,
}

/// A window whose bodies are on their way or to come.
struct Bodies {
    /// `None` when nothing (more) is to come for this window: of whole mails, and of
    /// beginnings.
    command: Option<CommandId>,
    beginnings: Option<CommandId>,
    wanted: Option<UidSet>,
    asked: usize,
    /// Answers to it so far.
    told: usize,
}

struct Run<'a> {
    session: &'a mut Session,
    pieces: &'a mpsc::Sender<Piece>,
    wanted: Wanted,
    unlisted: std::slice::Chunks<'a, Uid>,
    listings: VecDeque<Listing<'a>>,
    /// All have been announced to the storing half.
    windows: VecDeque<Bodies>,
    left: usize,
}

impl Run<'_> {
    fn list_next(&mut self) {
        let Some(chunk) = self.unlisted.next() else {
            return;
        };
        let Some(set) = UidSet::of(chunk.iter().copied()) else {
            return;
        };
        let items = FetchItems {
            size: true,
            ..FetchItems::default()
        };
        let command = self.session.begin_fetch(&set, &items);
        self.listings.push_back(Listing {
            command,
            asked: chunk,
            mails: Vec::new(),
        });
    }

    async fn handle(&mut self, step: FetchStep) -> Result<(), CollectError> {
        match step {
            FetchStep::BodyBegan { size, .. } => self.hand_over(Piece::Began(size)).await,
            FetchStep::BodyChunk(chunk) => self.hand_over(Piece::Chunk(chunk)).await,
            FetchStep::Fetched(fetched) if fetched.body == Body::Absent => {
                self.note_size(&fetched);
                Ok(())
            }
            FetchStep::Fetched(fetched) => {
                self.note_told(&fetched);
                self.hand_over(Piece::Fetched(fetched)).await
            }
            FetchStep::Done(command) => self.complete(command).await,
            FetchStep::Refused { command, refusal } => self.refused(command, refusal).await,
        }
    }

    /// A mail the server cannot give must not hold up the others: what else was told is
    /// kept, and the rest is remembered. Where nothing at all was told of several mails,
    /// it may be the server that is in trouble, not a mail.
    async fn refused(&mut self, command: CommandId, refusal: Refusal) -> Result<(), CollectError> {
        let goes_on = self.windows.iter().any(|window| {
            let whole = window.command == Some(command) && (window.told > 0 || window.asked == 1);
            // Where parts cannot be had, large mails are noted without theirs.
            whole || window.beginnings == Some(command)
        });
        if goes_on {
            tracing::warn!(%refusal, "the server did not give every mail; the others are tried again later");
            return self.complete(command).await;
        }
        let command = "UID FETCH";
        Err(ImapError::Refused { command, refusal }.into())
    }

    /// Several windows may be under way, so an answer counts for the one that asked.
    fn note_told(&mut self, fetched: &Fetched) {
        let asked = |window: &&mut Bodies| {
            let wanted = window.wanted.as_ref().zip(fetched.uid);
            wanted.is_some_and(|(wanted, uid)| wanted.contains(uid))
        };
        if let Some(window) = self.windows.iter_mut().find(asked) {
            window.told += 1;
        }
    }

    fn note_size(&mut self, fetched: &Fetched) {
        let (Some(uid), Some(size)) = (fetched.uid, fetched.size) else {
            return;
        };
        if let Some(listing) = self.listings.front_mut() {
            listing.mails.push(ListedMail { uid, size });
        }
    }

    async fn complete(&mut self, command: CommandId) -> Result<(), CollectError> {
        let listed = self
            .listings
            .pop_front_if(|listing| listing.command == command);
        if let Some(listing) = listed {
            self.fetch_bodies(listing).await?;
            self.list_next();
        } else {
            for window in &mut self.windows {
                let ended = |one: &mut CommandId| *one == command;
                window.command.take_if(ended);
                window.beginnings.take_if(ended);
            }
        }
        self.end_answered_windows().await
    }

    async fn fetch_bodies(&mut self, listing: Listing<'_>) -> Result<(), CollectError> {
        let fits = |mail: &&ListedMail| {
            mail.size <= self.wanted.mail_size_max || self.wanted.anyway.contains(&mail.uid)
        };
        let (fitting, large): (Vec<&ListedMail>, Vec<_>) = listing.mails.iter().partition(fits);
        let whole = FetchItems {
            flags: false,
            ..FetchItems::whole()
        };
        let beginning = FetchItems {
            body: Some(BodyWanted::Part {
                offset: 0,
                count: BEGINNING,
            }),
            ..whole.clone()
        };
        let [fitting, large] =
            [fitting, large].map(|mails| UidSet::of(mails.iter().map(|mail| mail.uid)));
        let mut ask = |set: &Option<UidSet>, items| {
            let set = set.as_ref()?;
            Some(self.session.begin_fetch(set, items))
        };
        let (command, beginnings) = (ask(&fitting, &whole), ask(&large, &beginning));
        let wanted = UidSet::of(listing.mails.iter().map(|mail| mail.uid));
        let told: HashSet<Uid> = listing.mails.iter().map(|mail| mail.uid).collect();
        let untold = listing.asked.iter().filter(|uid| !told.contains(uid));
        let listed = Listed {
            untold: untold.copied().collect(),
            mails: listing.mails,
        };
        self.windows.push_back(Bodies {
            command,
            beginnings,
            wanted,
            asked: listing.asked.len(),
            told: 0,
        });
        self.hand_over(Piece::Window(listed)).await
    }

    /// Windows end in the order they were announced in.
    async fn end_answered_windows(&mut self) -> Result<(), CollectError> {
        let has_ended =
            |window: &mut Bodies| window.command.is_none() && window.beginnings.is_none();
        while let Some(window) = self.windows.pop_front_if(has_ended) {
            self.left = self.left.saturating_sub(window.asked);
            self.hand_over(Piece::End).await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, piece: Piece) -> Result<(), CollectError> {
        self.pieces
            .send(piece)
            .await
            .map_err(|_| CollectError::Storing)
    }
}
