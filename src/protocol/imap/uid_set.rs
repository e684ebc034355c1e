//! Sets of UIDs, as they are asked for and as VANISHED names them.

use std::fmt;

use crate::domain::folder::Uid;

/// UIDs in ascending, disjoint, non-adjacent ranges; never empty.
///
/// ```abnf
/// sequence-set = (seq-number / seq-range) ["," sequence-set]
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UidSet {
    /// First and last of each range; both inclusive.
    ranges: Vec<(u32, u32)>,
    /// Whether the last range is written `n:*`.
    open: bool,
}

impl UidSet {
    /// One mail.
    #[must_use]
    pub fn one(uid: Uid) -> Self {
        Self::range(uid, uid)
    }

    /// From one UID to another, both included, in whichever order.
    #[must_use]
    pub fn range(first: Uid, last: Uid) -> Self {
        let (low, high) = (first.min(last), first.max(last));
        Self {
            ranges: vec![(low.get(), high.get())],
            open: false,
        }
    }

    /// From a UID on. A server answers `n:*` with its last mail even when that is below
    /// `n` (RFC 3501 section 9, seq-range), so answers are to be compared with `n`.
    #[must_use]
    pub fn starting_at(first: Uid) -> Self {
        Self {
            ranges: vec![(first.get(), u32::MAX)],
            open: true,
        }
    }

    /// The given UIDs in any order; `None` when there is none.
    #[must_use]
    pub fn of(uids: impl IntoIterator<Item = Uid>) -> Option<Self> {
        Self::of_ranges(uids.into_iter().map(|uid| (uid.get(), uid.get())).collect())
    }

    /// The given inclusive ranges in any order; `None` when there is none.
    pub(crate) fn of_ranges(mut given: Vec<(u32, u32)>) -> Option<Self> {
        given.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (first, last) in given {
            match ranges.last_mut() {
                Some(previous) if first <= previous.1.saturating_add(1) => {
                    previous.1 = previous.1.max(last);
                }
                _ => ranges.push((first, last)),
            }
        }
        (!ranges.is_empty()).then_some(Self {
            ranges,
            open: false,
        })
    }

    /// Whether `uid` is in the set.
    #[must_use]
    pub fn contains(&self, uid: Uid) -> bool {
        let after = self
            .ranges
            .partition_point(|(first, _)| *first <= uid.get());
        after
            .checked_sub(1)
            .and_then(|index| self.ranges.get(index))
            .is_some_and(|(_, last)| uid.get() <= *last)
    }

    /// First and last UID of each range, ascending; both inclusive.
    pub fn ranges(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.ranges.iter().copied()
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match (first == last, self.open && index + 1 == self.ranges.len()) {
                (_, true) => write!(f, "{first}:*")?,
                (true, false) => write!(f, "{first}")?,
                (false, false) => write!(f, "{first}:{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(value: u32) -> Uid {
        Uid::new(value).expect("tests use UIDs above zero")
    }

    #[test]
    fn neighbours_become_ranges() {
        let set = UidSet::of([9, 3, 1, 2, 9, 12].map(uid)).expect("not empty");
        assert_eq!(set.to_string(), "1:3,9,12");
        assert!(set.contains(uid(2)) && set.contains(uid(12)));
        assert!(!set.contains(uid(4)) && !set.contains(uid(13)));
        assert_eq!(UidSet::of([]), None);
    }

    #[test]
    fn open_and_reversed_ranges() {
        assert_eq!(UidSet::starting_at(uid(7)).to_string(), "7:*");
        assert_eq!(UidSet::range(uid(9), uid(4)).to_string(), "4:9");
        assert_eq!(UidSet::one(uid(4_294_967_295)).to_string(), "4294967295");
    }
}
