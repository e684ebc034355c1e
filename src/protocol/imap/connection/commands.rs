//! The commands of a connection. Each queues and returns at once.

use std::time::Instant;

use bytes::Bytes;
use imap_types::auth::AuthMechanism;
use imap_types::command::{CommandBody, SelectParameter};
use imap_types::core::Vec1;
use imap_types::extensions::compress::CompressionAlgorithm;
use imap_types::extensions::enable::CapabilityEnable;

use super::running::{Authentication, Idle, Queued, Task};
use super::{Connection, State};
use crate::domain::folder::FolderName;
use crate::domain::secret::Secret;
use crate::protocol::imap::TlsPolicy;
use crate::protocol::imap::command::{
    self, Append, CommandId, FetchItems, Part, SearchKey, SelectMode, StoreKind, Unwritable,
};
use crate::protocol::imap::event::{Event, Outcome, SelectedFolder, Verdict};
use crate::protocol::imap::flag::Flag;
use crate::protocol::imap::uid_set::UidSet;
use crate::protocol::progress::Progress;
use crate::protocol::sasl::Mechanism;

impl Connection {
    /// CAPABILITY; answered by `Event::Capabilities`.
    pub fn capability(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, _| {
            command::encode(tag, CommandBody::Capability)
        })
    }

    /// STARTTLS; `Event::ContinueTls` follows when it is accepted.
    pub fn starttls(&mut self, now: Instant) -> CommandId {
        self.queue(Task::StartTls, now, |tag, _| {
            command::encode(tag, CommandBody::StartTLS)
        })
    }

    /// COMPRESS DEFLATE (RFC 4978); `Event::ContinueDeflate` follows when it is accepted.
    pub fn compress(&mut self, now: Instant) -> CommandId {
        let body = CommandBody::compress(CompressionAlgorithm::Deflate);
        self.queue(Task::Compress, now, |tag, _| command::encode(tag, body))
    }

    /// LOGIN. Not sent before TLS unless the policy says that TLS is not wanted.
    pub fn login(&mut self, user: &str, password: &Secret, now: Instant) -> CommandId {
        if self.may_not_send_secrets() {
            return self.refuse("the password was not sent, since the connection is not encrypted");
        }
        self.masks.add(password);
        let shown = |tag: &str| format!("{tag} LOGIN {user:?} …");
        self.queue_secret(Task::Changing, now, shown, |tag| {
            let body = CommandBody::login(user, password.expose()).map_err(|_| Unwritable)?;
            command::encode(tag, body)
        })
    }

    /// AUTHENTICATE, with the message at once where SASL-IR allows it (RFC 4959).
    pub fn authenticate(
        &mut self,
        mechanism: Mechanism,
        user: &str,
        secret: &Secret,
        now: Instant,
    ) -> CommandId {
        if self.may_not_send_secrets() {
            return self.refuse("the password was not sent, since the connection is not encrypted");
        }
        let Some(message) = mechanism.message(user, secret) else {
            return self.refuse("the user name or password has a control character");
        };
        self.masks.add(secret);
        self.masks.add(&message);
        let at_once = self.capabilities.has("SASL-IR");
        let name = mechanism.name();
        let initial = if at_once {
            format!(" {}", message.expose())
        } else {
            String::new()
        };
        let task = Task::Authenticate(Authentication {
            mechanism,
            message: (!at_once).then_some(message),
            challenge: None,
        });
        let shown = |tag: &str| {
            format!(
                "{tag} AUTHENTICATE {name}{}",
                if at_once { " …" } else { "" }
            )
        };
        self.queue_secret(task, now, shown, |tag| {
            let mechanism = AuthMechanism::try_from(name).map_err(|_| Unwritable)?;
            let mut parts = command::encode(tag, CommandBody::authenticate(mechanism))?;
            if let [Part::Line(line)] = parts.as_mut_slice() {
                let without_end = line.strip_suffix(b"\r\n").unwrap_or(line);
                *line = [without_end, initial.as_bytes(), b"\r\n"].concat().into();
            }
            Ok(parts)
        })
    }

    /// ID (RFC 2971); some Chinese providers refuse to open a folder before it.
    pub fn id(&mut self, fields: &[(String, String)], now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, _| {
            command::encode(tag, command::id(fields)?)
        })
    }

    /// ENABLE (RFC 5161); answered by `Event::Enabled`.
    pub fn enable(&mut self, capabilities: &[&str], now: Instant) -> CommandId {
        self.queue(Task::Changing, now, |tag, _| {
            let names = capabilities
                .iter()
                .map(|name| CapabilityEnable::try_from(*name).map_err(|_| Unwritable))
                .collect::<Result<Vec<_>, _>>()?;
            let capabilities = Vec1::try_from(names).map_err(|_| Unwritable)?;
            command::encode(tag, CommandBody::Enable { capabilities })
        })
    }

    /// NAMESPACE (RFC 2342).
    pub fn namespace(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, _| {
            command::encode(tag, CommandBody::Namespace)
        })
    }

    /// LIST; `pattern` in wire form, `*` for every folder.
    pub fn list(&mut self, pattern: &str, now: Instant) -> CommandId {
        self.queue(Task::Listing, now, |tag, _| {
            let body = CommandBody::list("", pattern).map_err(|_| Unwritable)?;
            command::encode(tag, body)
        })
    }

    /// SELECT or EXAMINE; answered by `Event::Selected`.
    pub fn select(&mut self, folder: &FolderName, mode: &SelectMode, now: Instant) -> CommandId {
        let task = Task::Select(Box::<SelectedFolder>::default());
        self.queue(task, now, |tag, connection| {
            let wire = connection.names.write(folder);
            let mailbox = command::mailbox(&wire)?;
            let body = match select_parameters(mode)? {
                None => CommandBody::examine(mailbox).map_err(|_| Unwritable)?,
                Some(parameters) => CommandBody::Select {
                    mailbox,
                    parameters,
                },
            };
            command::encode(tag, body)
        })
    }

    /// STATUS; answered by `Event::StatusOf`.
    pub fn status(&mut self, folder: &FolderName, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, connection| {
            let wire = connection.names.write(folder);
            let with_modseq = connection.capabilities.has("CONDSTORE");
            let body = command::status(command::mailbox(&wire)?, with_modseq);
            command::encode(tag, body)
        })
    }

    /// CREATE.
    pub fn create(&mut self, folder: &FolderName, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, connection| {
            let wire = connection.names.write(folder);
            let mailbox = command::mailbox(&wire)?;
            command::encode(tag, CommandBody::Create { mailbox })
        })
    }

    /// SUBSCRIBE.
    pub fn subscribe(&mut self, folder: &FolderName, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, connection| {
            let wire = connection.names.write(folder);
            let mailbox = command::mailbox(&wire)?;
            command::encode(tag, CommandBody::Subscribe { mailbox })
        })
    }

    /// UID SEARCH; answered by `Event::Found`.
    pub fn uid_search(&mut self, keys: &[SearchKey], now: Instant) -> CommandId {
        self.queue(Task::Searching, now, |tag, _| {
            command::encode(tag, command::search(keys)?)
        })
    }

    /// UID FETCH; answered by `Event::Fetched`, bodies by `Event::BodyChunk` before it.
    pub fn uid_fetch(&mut self, set: &UidSet, items: &FetchItems, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, _| {
            command::encode(tag, command::fetch(set, items)?)
        })
    }

    /// UID STORE, silent.
    pub fn uid_store(
        &mut self,
        set: &UidSet,
        kind: StoreKind,
        flags: &[Flag],
        now: Instant,
    ) -> CommandId {
        self.queue(Task::Plain, now, |tag, _| {
            command::encode(tag, command::store(set, kind, flags)?)
        })
    }

    /// APPEND; `Outcome::code` is `AppendUid` where UIDPLUS is offered.
    pub fn append(&mut self, append: Append, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, connection| {
            let wire = connection.names.write(&append.folder);
            let mailbox = command::mailbox(&wire)?;
            command::encode_append(tag, append, mailbox)
        })
    }

    /// IDLE (RFC 2177). Ends by `done`, or by itself when its renewal is due: then it
    /// completes like any other command and the caller idles again, having looked
    /// whether something was missed.
    pub fn idle(&mut self, now: Instant) -> CommandId {
        let task = Task::Idle(Idle::Asked { done: false });
        self.queue(task, now, |tag, _| command::encode(tag, CommandBody::Idle))
    }

    /// Ends the IDLE that runs, if one does.
    pub fn done(&mut self, now: Instant) {
        let Some((id, idle)) = self.idle_mut() else {
            return;
        };
        match idle {
            Idle::Asked { done } => *done = true,
            Idle::Ending => {}
            Idle::Idling { .. } => {
                *idle = Idle::Ending;
                self.outgoing.push_line(id, Bytes::from_static(b"DONE\r\n"));
                self.transcript.add('C', "DONE");
                self.answer = Progress::start(now);
            }
        }
    }

    /// NOOP: whatever is new comes as events.
    pub fn noop(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Plain, now, |tag, _| {
            command::encode(tag, CommandBody::Noop)
        })
    }

    /// UNSELECT (RFC 3691): closes the folder and expunges nothing.
    pub fn unselect(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Changing, now, |tag, _| {
            command::encode(tag, CommandBody::Unselect)
        })
    }

    /// CLOSE: closes the folder and expunges what is `\Deleted` unless it is read-only.
    pub fn close_folder(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Changing, now, |tag, _| {
            command::encode(tag, CommandBody::Close)
        })
    }

    /// LOGOUT; `Event::Closed` follows.
    pub fn logout(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Logout, now, |tag, _| {
            command::encode(tag, CommandBody::Logout)
        })
    }

    /// RFC 3501 section 11.1: no password before TLS where TLS is demanded.
    fn may_not_send_secrets(&self) -> bool {
        self.options.tls != TlsPolicy::None && !self.encrypted
    }

    fn queue(
        &mut self,
        task: Task,
        now: Instant,
        write: impl FnOnce(&str, &Self) -> Result<Vec<Part>, Unwritable>,
    ) -> CommandId {
        let id = self.next_id();
        let parts = write(&tag_of(id), self);
        self.queue_parts(id, task, None, parts, now)
    }

    fn queue_secret(
        &mut self,
        task: Task,
        now: Instant,
        show: impl FnOnce(&str) -> String,
        write: impl FnOnce(&str) -> Result<Vec<Part>, Unwritable>,
    ) -> CommandId {
        let id = self.next_id();
        let tag = tag_of(id);
        let parts = write(&tag);
        self.queue_parts(id, task, Some(show(&tag)), parts, now)
    }

    fn queue_parts(
        &mut self,
        id: CommandId,
        task: Task,
        shown: Option<String>,
        parts: Result<Vec<Part>, Unwritable>,
        now: Instant,
    ) -> CommandId {
        if self.state == State::Closed {
            return id;
        }
        match parts {
            Err(Unwritable) => self.not_sent(id, "a value cannot be written in IMAP"),
            Ok(parts) => {
                self.queued.push_back(Queued {
                    id,
                    parts,
                    shown,
                    task,
                });
                self.send_queued(now);
            }
        }
        id
    }

    fn refuse(&mut self, why: &str) -> CommandId {
        let id = self.next_id();
        self.not_sent(id, why);
        id
    }

    fn not_sent(&mut self, command: CommandId, why: &str) {
        self.emit(Event::Completed {
            command,
            outcome: Outcome {
                verdict: Verdict::NotSent,
                code: None,
                text: why.to_owned(),
                challenge: None,
            },
        });
    }

    fn next_id(&mut self) -> CommandId {
        self.last_id = self.last_id.wrapping_add(1);
        CommandId(self.last_id)
    }
}

/// `None` for EXAMINE.
fn select_parameters(mode: &SelectMode) -> Result<Option<Vec<SelectParameter>>, Unwritable> {
    Ok(match mode {
        SelectMode::ReadOnly => None,
        SelectMode::ReadWrite => Some(Vec::new()),
        SelectMode::WithModSeq => Some(vec![SelectParameter::CondStore]),
        SelectMode::Resync {
            validity,
            modseq,
            known,
        } => Some(vec![SelectParameter::QResync {
            uid_validity: validity.0,
            mod_sequence_value: modseq.0.try_into().map_err(|_| Unwritable)?,
            known_uids: known.as_ref().map(command::sequence_set).transpose()?,
            seq_match_data: None,
        }]),
    })
}

/// The tag of a command on the wire.
pub(super) fn tag_of(id: CommandId) -> String {
    format!("P{}", id.0)
}
