//! Accounts, folders and the boxes outside, in memory, behind one lock.
//!
//! Invariant: the lock is private, is never held across an await, and listeners are
//! told while it is held, so that nobody sees a mail announced twice or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::domain::address::Address;
use crate::domain::envelope::Envelope;
use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::domain::secret::Secret;
use crate::protocol::imap::server::{
    Criteria, Flag, FlagChange, Listed, Mail, Selected, SpecialUse, Status,
};

use super::faults::Faults;
use super::options::Options;

/// How many notices a session may lag behind before it must be told to come again.
const NOTICES_MAX: usize = 1_024;

/// A handle; clones share the same mail.
#[derive(Clone, Debug)]
pub(super) struct Accounts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    notices: broadcast::Sender<Notice>,
    outside: broadcast::Sender<Received>,
    options: Options,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    folders: BTreeMap<Address, BTreeMap<FolderName, Folder>>,
    outside: BTreeMap<String, Vec<Received>>,
}

#[derive(Debug)]
struct Folder {
    special_use: Option<SpecialUse>,
    validity: u32,
    uid_next: u32,
    mails: Vec<Mail>,
}

/// What IMAP sessions are told.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    Arrived(Address, FolderName, Uid),
    Vanished(Address, FolderName, Uid),
    Bye(String),
}

/// A mail that went outside.
#[derive(Clone, Debug)]
pub struct Received {
    /// Reverse-path, and the one forward-path it came for.
    pub envelope: Envelope,
    /// The mail as it was sent.
    pub raw: Bytes,
    /// When.
    pub at: Timestamp,
}

impl Folder {
    fn new(special_use: Option<SpecialUse>) -> Self {
        Self {
            special_use,
            validity: 1,
            uid_next: 1,
            mails: Vec::new(),
        }
    }

    fn validity(&self) -> UidValidity {
        uid_validity(self.validity)
    }

    fn add(&mut self, raw: Bytes, mut flags: Vec<Flag>, date: Timestamp) -> Option<Uid> {
        let uid = Uid::new(self.uid_next)?;
        self.uid_next = self.uid_next.checked_add(1)?;
        flags.sort();
        self.mails.push(Mail {
            uid,
            flags,
            date,
            raw: Some(raw),
        });
        Some(uid)
    }
}

/// Zero is no validity; folders begin at one and count up.
fn uid_validity(value: u32) -> UidValidity {
    UidValidity::new(value).unwrap_or(UidValidity(std::num::NonZeroU32::MIN))
}

impl Accounts {
    pub(super) fn new(options: Options) -> Self {
        let folders = options.accounts.iter().map(|account| {
            let names = [
                ("INBOX", None),
                ("Sent", Some(SpecialUse::Sent)),
                ("Junk", Some(SpecialUse::Junk)),
            ];
            let folders = names
                .into_iter()
                .filter_map(|(name, special)| Some((FolderName::new(name)?, Folder::new(special))));
            (account.address.clone(), folders.collect())
        });
        let state = State {
            faults: Faults::default(),
            folders: folders.collect(),
            outside: BTreeMap::new(),
        };
        Self {
            inner: Arc::new(Inner {
                state: Mutex::new(state),
                notices: broadcast::Sender::new(NOTICES_MAX),
                outside: broadcast::Sender::new(NOTICES_MAX),
                options,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one statement; a panic elsewhere leaves nothing half-done.
        let state = self.inner.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody listening is no failure.
    fn tell(&self, notice: Notice) {
        let _ = self.inner.notices.send(notice);
    }

    fn with<T>(
        &self,
        address: &Address,
        folder: &FolderName,
        work: impl FnOnce(&mut Folder) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        let folder = state.folders.get_mut(address)?.get_mut(folder)?;
        Some(work(folder))
    }

    pub(super) fn notices(&self) -> broadcast::Receiver<Notice> {
        self.inner.notices.subscribe()
    }

    pub(super) fn watch_outside(&self) -> broadcast::Receiver<Received> {
        self.inner.outside.subscribe()
    }

    pub(super) fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    pub(super) fn bye(&self, text: &str) {
        self.tell(Notice::Bye(text.to_owned()));
    }

    pub(super) fn log_in(&self, username: &str, password: &Secret) -> Option<Address> {
        let mut accounts = self.inner.options.accounts.iter();
        let account = accounts.find(|account| account.address.as_str() == username)?;
        let right = account.password.expose() == password.expose();
        right.then(|| account.address.clone())
    }

    pub(super) fn listed(&self, address: &Address) -> Vec<Listed> {
        let state = self.state();
        let folders = state.folders.get(address).into_iter().flatten();
        let listed = folders.map(|(name, folder)| Listed {
            name: name.clone(),
            special_use: folder.special_use,
        });
        listed.collect()
    }

    pub(super) fn select(&self, address: &Address, folder: &FolderName) -> Option<Selected> {
        self.with(address, folder, |folder| Selected {
            validity: folder.validity(),
            uid_next: folder.uid_next,
            uids: folder.mails.iter().map(|mail| mail.uid).collect(),
        })
    }

    pub(super) fn status(&self, address: &Address, folder: &FolderName) -> Option<Status> {
        let seen = Flag::seen();
        self.with(address, folder, |folder| Status {
            validity: folder.validity(),
            uid_next: folder.uid_next,
            messages: folder.mails.len(),
            unseen: folder
                .mails
                .iter()
                .filter(|mail| !mail.flags.contains(&seen))
                .count(),
        })
    }

    pub(super) fn search(
        &self,
        address: &Address,
        folder: &FolderName,
        criteria: &Criteria,
    ) -> Vec<Uid> {
        let found = self.with(address, folder, |folder| {
            let found = folder.mails.iter().filter(|mail| criteria.matches(mail));
            found.map(|mail| mail.uid).collect()
        });
        found.unwrap_or_default()
    }

    pub(super) fn mail(
        &self,
        address: &Address,
        folder: &FolderName,
        uid: Uid,
        mark_seen: bool,
    ) -> Option<Mail> {
        self.with(address, folder, |folder| {
            let mail = folder.mails.iter_mut().find(|mail| mail.uid == uid)?;
            if mark_seen {
                FlagChange::Add(vec![Flag::seen()]).apply(&mut mail.flags);
            }
            Some(mail.clone())
        })?
    }

    pub(super) fn mails(&self, address: &Address, folder: &FolderName) -> Vec<(Uid, Bytes)> {
        let mails = self.with(address, folder, |folder| {
            let mails = folder.mails.iter();
            let raw = |mail: &Mail| mail.raw.clone().unwrap_or_default();
            mails.map(|mail| (mail.uid, raw(mail))).collect()
        });
        mails.unwrap_or_default()
    }

    pub(super) fn store(
        &self,
        address: &Address,
        folder: &FolderName,
        uids: &[Uid],
        change: &FlagChange,
    ) -> Vec<(Uid, Vec<Flag>)> {
        let changed = self.with(address, folder, |folder| {
            let mails = folder.mails.iter_mut();
            mails
                .filter(|mail| uids.binary_search(&mail.uid).is_ok())
                .map(|mail| {
                    change.apply(&mut mail.flags);
                    (mail.uid, mail.flags.clone())
                })
                .collect()
        });
        changed.unwrap_or_default()
    }

    pub(super) fn expunge(
        &self,
        address: &Address,
        name: &FolderName,
        only: Option<&[Uid]>,
    ) -> Vec<Uid> {
        let deleted = Flag::deleted();
        let gone = |mail: &Mail| {
            mail.flags.contains(&deleted)
                && only.is_none_or(|only| only.binary_search(&mail.uid).is_ok())
        };
        self.take(address, name, gone)
    }

    pub(super) fn remove(&self, address: &Address, name: &FolderName, uid: Uid) -> bool {
        let gone = self.take(address, name, |mail| mail.uid == uid);
        !gone.is_empty()
    }

    fn take(&self, address: &Address, name: &FolderName, gone: impl Fn(&Mail) -> bool) -> Vec<Uid> {
        let taken = self.with(address, name, |folder| {
            let taken: Vec<Uid> = folder
                .mails
                .extract_if(.., |mail| gone(mail))
                .map(|mail| mail.uid)
                .collect();
            for uid in &taken {
                self.tell(Notice::Vanished(address.clone(), name.clone(), *uid));
            }
            taken
        });
        taken.unwrap_or_default()
    }

    pub(super) fn deliver(
        &self,
        address: &Address,
        name: &FolderName,
        raw: Bytes,
        flags: Vec<Flag>,
        at: Option<Timestamp>,
    ) -> Option<(UidValidity, Uid)> {
        let at = at.unwrap_or_else(|| (self.inner.options.clock)());
        self.with(address, name, |folder| {
            let uid = folder.add(raw, flags, at)?;
            self.tell(Notice::Arrived(address.clone(), name.clone(), uid));
            Some((folder.validity(), uid))
        })?
    }

    pub(super) fn renew_validity(&self, address: &Address, folder: &FolderName) -> bool {
        let renewed = self.with(address, folder, |folder| {
            folder.validity += 1;
            folder.uid_next = 1;
            for mail in std::mem::take(&mut folder.mails) {
                folder.add(mail.raw.unwrap_or_default(), mail.flags, mail.date);
            }
        });
        renewed.is_some()
    }

    pub(super) fn outside(&self, address: &Address) -> Vec<Received> {
        let state = self.state();
        let boxed = state.outside.get(&address.folded());
        boxed.cloned().unwrap_or_default()
    }

    /// Hands a submitted mail to each recipient: to accounts here, and outside.
    pub(super) fn submit(&self, sender: Option<&Address>, envelope: &Envelope, raw: &Bytes) {
        for recipient in &envelope.forward_paths {
            let inbox = FolderName::inbox();
            let inside = self.deliver(recipient, &inbox, raw.clone(), Vec::new(), None);
            if inside.is_none() {
                self.send_outside(envelope.reverse_path.clone(), recipient, raw);
            }
        }
        if let (true, Some(sender), Some(sent)) = (
            self.inner.options.files_sent,
            sender,
            FolderName::new("Sent"),
        ) {
            self.deliver(sender, &sent, raw.clone(), vec![Flag::seen()], None);
        }
    }

    fn send_outside(&self, reverse_path: Option<Address>, recipient: &Address, raw: &Bytes) {
        let received = Received {
            envelope: Envelope {
                reverse_path,
                forward_paths: vec![recipient.clone()],
            },
            raw: raw.clone(),
            at: (self.inner.options.clock)(),
        };
        let mut state = self.state();
        let boxed = state.outside.entry(recipient.folded()).or_default();
        boxed.push(received.clone());
        // Nobody listening is no failure.
        let _ = self.inner.outside.send(received);
    }
}
