//! Which mail may be the one that ends every connection.
//!
//! A server may hang up whenever it is asked for a certain mail. Reading always goes
//! on at that mail, so without this it would be asked for until the provider locks
//! the account. Deliberately absent: the network's own trouble, which ends
//! connections at other places as well.

use crate::domain::folder::{Cursor, FolderName, Uid, UidValidity};

/// Connections that may end at one mail before it is put aside for a while.
const LOSSES_MAX: u32 = 4;

/// What is remembered from one connection to the next.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    last: Option<(FolderName, UidValidity, Uid)>,
    losses: u32,
}

impl Suspicion {
    /// A connection ended before this mail was complete, and all before it were.
    pub(super) fn lost_at(&mut self, folder: &FolderName, validity: UidValidity, uid: Uid) {
        let at = (folder.clone(), validity, uid);
        if self.last.as_ref() == Some(&at) {
            self.losses += 1;
        } else {
            self.last = Some(at);
            self.losses = 1;
        }
    }

    /// What was asked for has come.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The mail to put aside now. It is told once; then counting begins anew.
    pub(super) fn take_poison(&mut self, folder: &FolderName, cursor: &Cursor) -> Option<Uid> {
        let last = self.last.as_ref().filter(|_| self.losses >= LOSSES_MAX);
        let (_, validity, uid) = last.filter(|(at, ..)| at == folder)?.clone();
        self.clear();
        // Only a mail at the very place where reading goes on may be passed.
        let here = cursor.next_uid() == Some(uid) || cursor.pending.contains_key(&uid);
        (cursor.validity == validity && here).then_some(uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(value: u32) -> Uid {
        Uid::new(value).expect("not zero")
    }

    #[test]
    fn a_mail_is_put_aside_when_connection_after_connection_ends_at_it() {
        let validity = UidValidity::new(7).expect("not zero");
        let mut cursor = Cursor::start(validity);
        cursor.last_uid = 4;
        let mut suspicion = Suspicion::default();
        for _ in 1..LOSSES_MAX {
            suspicion.lost_at(&FolderName::inbox(), validity, uid(5));
            assert_eq!(suspicion.take_poison(&FolderName::inbox(), &cursor), None);
        }
        // Losses elsewhere are the network's.
        suspicion.lost_at(&FolderName::inbox(), validity, uid(6));
        for _ in 1..LOSSES_MAX {
            suspicion.lost_at(&FolderName::inbox(), validity, uid(5));
        }
        assert_eq!(suspicion.take_poison(&FolderName::inbox(), &cursor), None);
        suspicion.lost_at(&FolderName::inbox(), validity, uid(5));
        assert_eq!(
            suspicion.take_poison(&FolderName::inbox(), &cursor),
            Some(uid(5))
        );
        assert_eq!(suspicion.take_poison(&FolderName::inbox(), &cursor), None);
    }

    #[test]
    fn nothing_is_passed_that_is_not_next() {
        let validity = UidValidity::new(7).expect("not zero");
        let cursor = Cursor::start(validity);
        let other = Cursor::start(UidValidity::new(8).expect("not zero"));
        for (at, cursor) in [(uid(3), &cursor), (uid(1), &other)] {
            let mut suspicion = Suspicion::default();
            for _ in 0..LOSSES_MAX {
                suspicion.lost_at(&FolderName::inbox(), validity, at);
            }
            assert_eq!(suspicion.take_poison(&FolderName::inbox(), cursor), None);
        }
    }
}
