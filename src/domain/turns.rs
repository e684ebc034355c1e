//! Whose turn it is to open a connection: first come, first served, within the ceilings
//! of each host and of all hosts together. Who is in haste goes first, by turns with the
//! others.
//!
//! Invariant: who waits for a host that has reached its own ceiling holds up nobody who
//! wants to another host; of those who are in haste and those who are not, none keeps the
//! other out. Deliberately absent: any clock (time is an argument), and how
//! one waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::ceiling::{Bucket, Ceiling};

/// The ceilings of all connections we open by ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// To one host.
    pub host: Ceiling,
    /// To all hosts together.
    pub all: Ceiling,
}

impl Default for Ceilings {
    /// Right for a small team: two hundred mailboxes at one provider are back within
    /// half a minute, and no provider takes ten connections a second for an attack.
    fn default() -> Self {
        Self {
            host: Ceiling {
                per_second: 10,
                at_once: 8,
            },
            all: Ceiling {
                per_second: 50,
                at_once: 32,
            },
        }
    }
}

/// How soon somebody needs a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Haste {
    /// A person waits for it, or a reply does.
    Soon,
    /// It is one of the many that come by themselves.
    #[default]
    Usual,
}

impl Haste {
    /// Whose turn is looked for, after one of these has had his.
    fn after(self) -> [Self; 2] {
        match self {
            Self::Soon => [Self::Usual, Self::Soon],
            Self::Usual => [Self::Soon, Self::Usual],
        }
    }
}

/// One who waits, or who is opening a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    number: u64,
    haste: Haste,
}

/// A set or a map for each haste.
#[derive(Debug, Default)]
struct Each<T> {
    soon: T,
    usual: T,
}

impl<T> Each<T> {
    fn of(&self, haste: Haste) -> &T {
        match haste {
            Haste::Soon => &self.soon,
            Haste::Usual => &self.usual,
        }
    }

    fn of_mut(&mut self, haste: Haste) -> &mut T {
        match haste {
            Haste::Soon => &mut self.soon,
            Haste::Usual => &mut self.usual,
        }
    }
}

/// The line.
#[derive(Debug)]
pub struct Turns {
    ceilings: Ceilings,
    all: Side,
    hosts: HashMap<Arc<str>, Host>,
    /// The first in line of each host that somebody waits for.
    heads: Each<BTreeMap<Ticket, Arc<str>>>,
    numbers: u64,
    /// Who had the last turn.
    last: Haste,
}

/// What is counted against one ceiling.
#[derive(Debug)]
struct Side {
    ceiling: Ceiling,
    bucket: Bucket,
    opening: u32,
}

#[derive(Debug)]
struct Host {
    side: Side,
    waiting: Each<BTreeSet<Ticket>>,
    /// Who had the last turn here.
    last: Haste,
    /// Stands among the heads.
    head: Option<Ticket>,
}

impl Host {
    fn next(&self) -> Option<Ticket> {
        let order = self.last.after().into_iter();
        let mut firsts = order.filter_map(|haste| self.waiting.of(haste).first());
        firsts.next().copied()
    }
}

impl Side {
    fn new(ceiling: Ceiling) -> Self {
        Self {
            ceiling,
            bucket: Bucket::new(ceiling.per_second),
            opening: 0,
        }
    }

    fn has_place(&self) -> bool {
        self.opening < self.ceiling.at_once.max(1)
    }

    fn may_go(&self, now: Instant) -> bool {
        self.has_place() && self.bucket.ready_at(now) <= now
    }

    fn go(&mut self, now: Instant) {
        self.bucket.take(now);
        self.opening += 1;
    }
}

impl Turns {
    /// Nobody waits.
    #[must_use]
    pub fn new(ceilings: Ceilings) -> Self {
        Self {
            ceilings,
            all: Side::new(ceilings.all),
            hosts: HashMap::new(),
            heads: Each::default(),
            numbers: 0,
            last: Haste::default(),
        }
    }

    /// Gets in line for a host.
    pub fn ask(&mut self, host: &str, haste: Haste) -> Ticket {
        self.numbers += 1;
        let ticket = Ticket {
            number: self.numbers,
            haste,
        };
        let name: Arc<str> = host.to_ascii_lowercase().into();
        let line = self.hosts.entry(Arc::clone(&name)).or_insert_with(|| Host {
            side: Side::new(self.ceilings.host),
            waiting: Each::default(),
            last: Haste::default(),
            head: None,
        });
        line.waiting.of_mut(haste).insert(ticket);
        self.set_head(&name);
        ticket
    }

    /// Whose turn it is now; it counts as opening until [`Turns::end`].
    pub fn grant(&mut self, now: Instant) -> Option<Ticket> {
        if !self.all.may_go(now) {
            return None;
        }
        let mut order = self.last.after().into_iter();
        let (ticket, name) = order.find_map(|haste| {
            self.heads.of(haste).iter().find_map(|(ticket, name)| {
                let host = self.hosts.get(name)?;
                host.side.may_go(now).then(|| (*ticket, Arc::clone(name)))
            })
        })?;
        self.all.go(now);
        self.last = ticket.haste;
        if let Some(host) = self.hosts.get_mut(&name) {
            host.side.go(now);
            host.last = ticket.haste;
        }
        self.leave_line(&name, ticket);
        Some(ticket)
    }

    /// When somebody's turn comes by waiting alone; `None` when nobody waits, or all
    /// wait for others to end.
    #[must_use]
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        if !self.all.has_place() {
            return None;
        }
        let Each { soon, usual } = &self.heads;
        let names = soon.values().chain(usual.values());
        let hosts = names.filter_map(|name| self.hosts.get(name));
        let first = hosts
            .filter(|host| host.side.has_place())
            .map(|host| host.side.bucket.ready_at(now))
            .min()?;
        Some(first.max(self.all.bucket.ready_at(now)))
    }

    /// No longer waits, or no longer counts as opening: what was begun at `host` is open,
    /// has failed or takes too long.
    pub fn end(&mut self, host: &str, ticket: Ticket, now: Instant) {
        let name: Arc<str> = host.to_ascii_lowercase().into();
        if !self.leave_line(&name, ticket) {
            self.all.opening = self.all.opening.saturating_sub(1);
            if let Some(host) = self.hosts.get_mut(&name) {
                host.side.opening = host.side.opening.saturating_sub(1);
            }
        }
        if self.nobody_waits() && self.all.opening == 0 {
            self.hosts.retain(|_, host| !host.side.bucket.is_full(now));
        }
    }

    fn nobody_waits(&self) -> bool {
        let Each { soon, usual } = &self.heads;
        soon.is_empty() && usual.is_empty()
    }

    /// `false` when it did not stand in line.
    fn leave_line(&mut self, name: &Arc<str>, ticket: Ticket) -> bool {
        let Some(host) = self.hosts.get_mut(name) else {
            return false;
        };
        let stood = host.waiting.of_mut(ticket.haste).remove(&ticket);
        self.set_head(name);
        stood
    }

    /// Puts the one whose turn is next at a host among the heads.
    fn set_head(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        let next = host.next();
        let before = std::mem::replace(&mut host.head, next);
        if before == next {
            return;
        }
        if let Some(before) = before {
            self.heads.of_mut(before.haste).remove(&before);
        }
        if let Some(next) = next {
            self.heads.of_mut(next.haste).insert(next, Arc::clone(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn turns(host: (u32, u32), all: (u32, u32)) -> Turns {
        let ceiling = |(per_second, at_once)| Ceiling {
            per_second,
            at_once,
        };
        Turns::new(Ceilings {
            host: ceiling(host),
            all: ceiling(all),
        })
    }

    #[test]
    fn who_came_first_goes_first_and_no_more_than_may() {
        let mut turns = turns((1_000, 2), (1_000, 100));
        let start = Instant::now();
        let tickets: Vec<Ticket> = (0..4)
            .map(|_| turns.ask("A.example", Haste::Usual))
            .collect();
        assert_eq!(turns.grant(start), Some(tickets[0]));
        assert_eq!(turns.grant(start), Some(tickets[1]));
        assert_eq!((turns.grant(start), turns.next_at(start)), (None, None));
        turns.end("a.example", tickets[0], start);
        assert_eq!(turns.grant(start), Some(tickets[2]));
        // One that gives up in the line takes nobody's place.
        turns.end("a.example", tickets[3], start);
        turns.end("a.example", tickets[1], start);
        turns.end("a.example", tickets[2], start);
        assert_eq!(turns.grant(start), None);
        let later = start + 2 * SECOND;
        let last = turns.ask("b.example", Haste::Usual);
        assert_eq!(turns.grant(later), Some(last));
        turns.end("b.example", last, later + SECOND);
        assert_eq!(turns.hosts.len(), 0);
    }

    #[test]
    fn a_host_at_its_ceiling_holds_up_no_other() {
        let mut turns = turns((1, 1), (100, 10));
        let now = Instant::now();
        let sick: Vec<Ticket> = (0..50)
            .map(|_| turns.ask("sick.example", Haste::Usual))
            .collect();
        assert_eq!(turns.grant(now), Some(sick[0]));
        assert_eq!(turns.grant(now), None);
        let well = turns.ask("well.example", Haste::Usual);
        // All hosts together have a rate as well.
        let at = turns.next_at(now).expect("by waiting");
        assert!(at < now + Duration::from_millis(20));
        assert_eq!(turns.grant(at), Some(well));
    }

    #[test]
    fn a_rate_makes_them_wait_and_says_until_when() {
        let mut turns = turns((2, 10), (100, 10));
        let mut now = Instant::now();
        let start = now;
        for _ in 0..5 {
            turns.ask("a.example", Haste::Usual);
        }
        let mut granted = Vec::new();
        while granted.len() < 5 {
            match turns.grant(now) {
                Some(_) => granted.push(now - start),
                None => now = turns.next_at(now).expect("by waiting"),
            }
        }
        let half = granted[1];
        assert!(half >= Duration::from_millis(500) && half < Duration::from_millis(550));
        let halves: Vec<Duration> = (0..5).map(|n| n * half).collect();
        assert_eq!(granted, halves);
    }

    #[test]
    fn who_is_in_haste_goes_next_and_keeps_nobody_out() {
        let mut turns = turns((1_000, 1_000), (1_000, 1_000));
        let mut now = Instant::now();
        let mut names = HashMap::new();
        for number in 0..6 {
            for host in ["a.example", "b.example"] {
                names.insert(turns.ask(host, Haste::Usual), format!("u{number} {host}"));
            }
        }
        for number in 0..4 {
            names.insert(
                turns.ask("a.example", Haste::Soon),
                format!("s{number} a.example"),
            );
        }
        let mut went = Vec::new();
        while went.len() < names.len() {
            match turns.grant(now) {
                Some(ticket) => {
                    turns.end(&names[&ticket][3..], ticket, now);
                    went.push(names[&ticket].clone());
                }
                None => now = turns.next_at(now).expect("by waiting"),
            }
        }
        let place = |name: &str| went.iter().position(|one| one == name).expect("went");
        assert_eq!(place("s0 a.example"), 0, "{went:?}");
        // By turns, at their host and over all: one of three places is theirs at least.
        assert!(place("s3 a.example") <= 3 * 3, "{went:?}");
        // At the host itself the others go on as well, in their order.
        assert!(place("u0 a.example") < place("s1 a.example"), "{went:?}");
        assert!(place("u0 a.example") < place("u1 a.example"), "{went:?}");
        assert_eq!(turns.grant(now), None);
        assert!(turns.nobody_waits());
    }
}
