//! Fetching: mails come one after the other, each body in the pieces the network gave.
//!
//! The caller pulls, so a slow store slows the server down by TCP and nothing piles up
//! here. Several fetches can be begun before the first has ended; their answers come in
//! the order of the calls.

use bytes::Bytes;

use super::Session;
use super::error::{ImapError, Refusal};
use crate::domain::folder::Uid;
use crate::protocol::imap::{BodyWanted, CommandId, Event, FetchItems, Fetched, UidSet};

/// For errors.
const COMMAND: &str = "UID FETCH";
/// Bytes of one mail's header fields that are kept.
const HEADER_LENGTH_MAX: usize = 64 * 1024;

/// The next thing that a fetch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchStep {
    /// The bytes of a mail follow.
    BodyBegan {
        /// Which mail, where the server said so before the body.
        uid: Option<Uid>,
        /// Announced size, in bytes.
        size: u64,
    },
    /// The next bytes of the mail.
    BodyChunk(Bytes),
    /// All that is told of one mail; its body has come. A mail that was not asked for
    /// may be told too, without a body.
    Fetched(Fetched),
    /// A fetch is complete. A mail that was asked for and not told does not exist any
    /// more, or its answer could not be read.
    Done(CommandId),
    /// The server ended a fetch with NO or BAD, as many do when they cannot give one of
    /// the mails; what it told before is good.
    Refused {
        /// Which.
        command: CommandId,
        /// Its words.
        refusal: Refusal,
    },
}

impl Session {
    /// Asks for mails of the open folder. Until the last `FetchStep::Done` only
    /// `begin_fetch` and `next_fetch_step` may be called: any other call gives up what
    /// was to come.
    pub fn begin_fetch(&mut self, set: &UidSet, items: &FetchItems) -> CommandId {
        let now = self.driver.now();
        self.driver.machine_mut().uid_fetch(set, items, now)
    }

    /// The next step of the fetches that were begun. Cancel-safe.
    ///
    /// # Errors
    /// When the session is over; a body that had begun is void then.
    pub async fn next_fetch_step(&mut self) -> Result<FetchStep, ImapError> {
        loop {
            match self.next_event().await? {
                Event::BodyBegan { uid, size } => return Ok(FetchStep::BodyBegan { uid, size }),
                Event::BodyChunk(bytes) => return Ok(FetchStep::BodyChunk(bytes)),
                Event::Fetched(fetched) => return Ok(FetchStep::Fetched(fetched)),
                Event::Completed { command, outcome } => {
                    return Ok(if outcome.is_ok() {
                        FetchStep::Done(command)
                    } else {
                        let refusal = Refusal::from(outcome);
                        FetchStep::Refused { command, refusal }
                    });
                }
                event => self.note(event),
            }
        }
    }

    /// Facts of mails (UID, flags, date, size) in one go; bodies are passed over.
    ///
    /// # Errors
    /// When it is refused or the session is over.
    pub async fn uid_fetch_facts(&mut self, set: &UidSet) -> Result<Vec<Fetched>, ImapError> {
        let command = self.begin_fetch(set, &FetchItems::facts());
        let mut facts = Vec::new();
        loop {
            match self.next_fetch_step().await? {
                // RFC 3501 section 9: `n:*` names the last mail even below `n`.
                FetchStep::Fetched(fetched) if fetched.uid.is_some_and(|uid| set.contains(uid)) => {
                    facts.push(fetched);
                }
                FetchStep::Fetched(_) | FetchStep::BodyBegan { .. } | FetchStep::BodyChunk(_) => {}
                FetchStep::Done(of) if of == command => return Ok(facts),
                FetchStep::Refused {
                    command: of,
                    refusal,
                } if of == command => {
                    let command = COMMAND;
                    return Err(ImapError::Refused { command, refusal });
                }
                FetchStep::Done(_) | FetchStep::Refused { .. } => {}
            }
        }
    }

    /// Some fields of the headers of mails, each mail's as one block.
    ///
    /// # Errors
    /// When it is refused or the session is over.
    pub async fn uid_fetch_headers(
        &mut self,
        set: &UidSet,
        fields: &[&str],
    ) -> Result<Vec<Vec<u8>>, ImapError> {
        let names = fields.iter().map(|field| (*field).to_owned()).collect();
        let items = FetchItems {
            body: Some(BodyWanted::HeaderFields(names)),
            ..FetchItems::default()
        };
        let command = self.begin_fetch(set, &items);
        let (mut headers, mut header) = (Vec::new(), Vec::new());
        loop {
            match self.next_fetch_step().await? {
                FetchStep::BodyBegan { .. } => header.clear(),
                FetchStep::BodyChunk(chunk) => {
                    let room = HEADER_LENGTH_MAX.saturating_sub(header.len());
                    header.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                FetchStep::Fetched(fetched) => {
                    if fetched.uid.is_some_and(|uid| set.contains(uid)) && !header.is_empty() {
                        headers.push(std::mem::take(&mut header));
                    }
                }
                FetchStep::Done(of) if of == command => return Ok(headers),
                FetchStep::Refused {
                    command: of,
                    refusal,
                } if of == command => {
                    let command = COMMAND;
                    return Err(ImapError::Refused { command, refusal });
                }
                FetchStep::Done(_) | FetchStep::Refused { .. } => {}
            }
        }
    }
}
