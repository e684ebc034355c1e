//! What to fetch next from a folder, and how far the cursor may move meanwhile.
//!
//! A window is a stretch of UIDs that were listed together. Bodies come back in
//! any order, those of the next window perhaps before the end of this one is told,
//! and some not at all; the cursor passes a UID only when that mail is durable,
//! pending, or was never there.

use std::collections::{BTreeMap, BTreeSet};

use super::folder::{Cursor, Pending, Uid};

/// UIDs listed at once. A list line is about 60 bytes, so a window costs little.
pub const WINDOW_UIDS_MAX: u32 = 500;

/// One mail the server has listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedMail {
    /// Which.
    pub uid: Uid,
    /// RFC822.SIZE, in bytes.
    pub size: u64,
}

/// A stretch of a folder being collected.
#[derive(Clone, Debug)]
pub struct Window {
    cursor: Cursor,
    high: u32,
    wanted: BTreeMap<Uid, u64>,
    outstanding: BTreeSet<Uid>,
}

impl Window {
    /// A window over what the server listed. `high` is the last UID the listing
    /// covered; UIDs up to it that were not listed do not exist.
    #[must_use]
    pub fn new(cursor: Cursor, high: u32, listed: &[ListedMail]) -> Self {
        let fresh = |mail: &&ListedMail| {
            mail.uid.get() > cursor.last_uid || cursor.pending.contains_key(&mail.uid)
        };
        let wanted: BTreeMap<Uid, u64> = listed
            .iter()
            .filter(fresh)
            .map(|mail| (mail.uid, mail.size))
            .collect();
        let outstanding = wanted.keys().copied().collect();
        let high = high.max(wanted.keys().next_back().map_or(0, |uid| uid.get()));
        Self {
            cursor,
            high,
            wanted,
            outstanding,
        }
    }

    /// Takes in the window that follows: servers may answer commands that were sent
    /// together in one go (RFC 9051 section 5.5), so both are open for a while.
    pub fn extend(&mut self, high: u32, listed: &[ListedMail]) {
        for mail in listed {
            let fresh = mail.uid.get() > self.cursor.last_uid
                || self.cursor.pending.contains_key(&mail.uid);
            if fresh && self.wanted.insert(mail.uid, mail.size).is_none() {
                self.outstanding.insert(mail.uid);
                self.high = self.high.max(mail.uid.get());
            }
        }
        self.high = self.high.max(high);
    }

    /// The same window without what is settled, so that it does not grow for ever.
    #[must_use]
    pub fn without_settled(&self) -> Self {
        let left: Vec<_> = self.wanted().collect();
        Self::new(self.cursor(), self.high, &left)
    }

    /// UIDs whose bodies are to be fetched, lowest first.
    pub fn wanted(&self) -> impl Iterator<Item = ListedMail> + '_ {
        self.outstanding.iter().map(|uid| ListedMail {
            uid: *uid,
            size: self.wanted.get(uid).copied().unwrap_or(0),
        })
    }

    /// Whether the mail belongs to this window and has not been settled.
    #[must_use]
    pub fn expects(&self, uid: Uid) -> bool {
        self.outstanding.contains(&uid)
    }

    /// The mail is about to become durable in the transaction that also stores [`Window::cursor`].
    pub fn settle(&mut self, uid: Uid) {
        self.outstanding.remove(&uid);
        self.cursor.pending.remove(&uid);
    }

    /// The mail cannot be had now; it is remembered.
    pub fn defer(&mut self, uid: Uid, pending: Pending) {
        self.outstanding.remove(&uid);
        self.cursor.pending.insert(uid, pending);
    }

    /// Whether every listed mail is settled or deferred.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// How far the cursor may stand once all that was settled is durable.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        let mut cursor = self.cursor.clone();
        let passed = self
            .outstanding
            .first()
            .map_or(self.high, |uid| uid.get() - 1);
        cursor.last_uid = cursor.last_uid.max(passed);
        cursor
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::folder::{PendingReason, UidValidity};

    fn listed(uids: &[u32]) -> Vec<ListedMail> {
        uids.iter()
            .map(|uid| ListedMail {
                uid: Uid::new(*uid).expect("not zero"),
                size: 1,
            })
            .collect()
    }

    fn start() -> Cursor {
        Cursor::start(UidValidity::new(1).expect("not zero"))
    }

    #[test]
    fn bodies_of_the_next_window_count_before_this_one_has_ended() {
        let uid = |uid| Uid::new(uid).expect("not zero");
        let mut window = Window::new(start(), 2, &listed(&[1, 2]));
        window.extend(4, &listed(&[3, 4]));
        window.settle(uid(1));
        window.settle(uid(3));
        assert!(!window.expects(uid(3)));
        assert_eq!(window.cursor().last_uid, 1);
        let mut window = window.without_settled();
        assert!(window.expects(uid(2)) && window.expects(uid(4)) && !window.expects(uid(3)));
        window.settle(uid(2));
        assert_eq!(window.cursor().last_uid, 3);
        window.settle(uid(4));
        assert_eq!(window.cursor().last_uid, 4);
    }

    #[test]
    fn the_cursor_stops_before_the_first_mail_that_is_not_durable() {
        let mut window = Window::new(start(), 10, &listed(&[2, 5, 9]));
        assert_eq!(window.cursor().last_uid, 1);
        window.settle(Uid::new(5).expect("not zero"));
        assert_eq!(window.cursor().last_uid, 1);
        window.settle(Uid::new(2).expect("not zero"));
        assert_eq!(window.cursor().last_uid, 8);
        window.settle(Uid::new(9).expect("not zero"));
        assert!(window.is_done());
        assert_eq!(window.cursor().last_uid, 10);
    }

    #[test]
    fn a_pending_mail_below_the_cursor_is_wanted_again() {
        let mut cursor = start();
        let pending = Pending {
            reason: PendingReason::Incomplete,
            attempts: 1,
            retry_at: Timestamp::UNIX_EPOCH,
        };
        cursor.defer(Uid::new(3).expect("not zero"), pending);
        cursor.last_uid = 7;
        let mut window = Window::new(cursor, 7, &listed(&[3, 4]));
        assert_eq!(
            window
                .wanted()
                .map(|mail| mail.uid.get())
                .collect::<Vec<_>>(),
            [3]
        );
        window.settle(Uid::new(3).expect("not zero"));
        assert!(window.cursor().pending.is_empty());
        assert_eq!(window.cursor().last_uid, 7);
    }

    proptest! {
        #[test]
        fn no_mail_is_passed_that_is_neither_durable_nor_pending(
            uids in proptest::collection::btree_set(1_u32..200, 0..60),
            order in any::<prop::sample::Index>(),
            steps in 0_usize..60,
        ) {
            let uids: Vec<u32> = uids.into_iter().collect();
            let mut window = Window::new(start(), 250, &listed(&uids));
            let mut left = uids.clone();
            for _ in 0..steps.min(uids.len()) {
                let uid = left.remove(order.index(left.len()));
                window.settle(Uid::new(uid).expect("not zero"));
                let passed = window.cursor().last_uid;
                prop_assert!(left.iter().all(|uid| *uid > passed));
            }
            prop_assert_eq!(window.is_done(), left.is_empty());
        }
    }
}
