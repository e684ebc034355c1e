//! The fetching half of collecting: which mails a folder has that we have not, and
//! their bodies, without a pause between one window and the next.
//!
//! Listings run two windows ahead of the bodies, so the server always has the next
//! command before it has answered the last one (RFC 9051 section 5.5). A server may
//! answer such commands in one go: the bodies of two windows, then both tagged lines,
//! as Dovecot does when nothing comes between them. So a window is announced when its
//! bodies are asked for, not when the one before it has ended.

use std::collections::{HashSet, VecDeque};

use tokio::sync::mpsc;

use super::intake::{Listed, Piece};
use crate::domain::fetching::{ListedMail, WINDOW_UIDS_MAX};
use crate::domain::folder::Uid;
use crate::net::imap::{FetchStep, ImapError, Refusal, Session};
use crate::protocol::imap::{Body, CommandId, FetchItems, Fetched, UidSet};

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

/// Collects the given mails, lowest first. Bodies above `mail_size_max` bytes are
/// listed but not asked for. `progress` hears how many mails are left.
pub(super) async fn collect(
    session: &mut Session,
    uids: &[Uid],
    mail_size_max: u64,
    pieces: &mpsc::Sender<Piece>,
    progress: impl Fn(usize),
) -> Result<(), CollectError> {
    let mut run = Run {
        session,
        pieces,
        mail_size_max,
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
    /// `None` when nothing (more) is to come for this window.
    command: Option<CommandId>,
    wanted: Option<UidSet>,
    asked: usize,
    /// Answers to it so far.
    told: usize,
}

struct Run<'a> {
    session: &'a mut Session,
    pieces: &'a mpsc::Sender<Piece>,
    mail_size_max: u64,
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
            window.command == Some(command) && (window.told > 0 || window.asked == 1)
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
        } else if let Some(window) = self
            .windows
            .iter_mut()
            .find(|window| window.command == Some(command))
        {
            window.command = None;
        }
        self.end_answered_windows().await
    }

    async fn fetch_bodies(&mut self, listing: Listing<'_>) -> Result<(), CollectError> {
        let fitting = listing
            .mails
            .iter()
            .filter(|mail| mail.size <= self.mail_size_max);
        let items = FetchItems {
            flags: false,
            ..FetchItems::whole()
        };
        let wanted = UidSet::of(fitting.map(|mail| mail.uid));
        let command = wanted
            .as_ref()
            .map(|set| self.session.begin_fetch(set, &items));
        let told: HashSet<Uid> = listing.mails.iter().map(|mail| mail.uid).collect();
        let untold = listing.asked.iter().filter(|uid| !told.contains(uid));
        let listed = Listed {
            untold: untold.copied().collect(),
            mails: listing.mails,
        };
        self.windows.push_back(Bodies {
            command,
            wanted,
            asked: listing.asked.len(),
            told: 0,
        });
        self.hand_over(Piece::Window(listed)).await
    }

    /// Windows end in the order they were announced in.
    async fn end_answered_windows(&mut self) -> Result<(), CollectError> {
        while let Some(window) = self.windows.pop_front_if(|window| window.command.is_none()) {
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
