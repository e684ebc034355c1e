//! Whose turn it is to open a connection: first come, first served, within the ceilings
//! of each host and of all hosts together.
//!
//! Invariant: who waits for a host that has reached its own ceiling holds up nobody who
//! wants to another host. Deliberately absent: any clock (time is an argument), and how
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

/// One who waits, or who is opening a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// The line.
#[derive(Debug)]
pub struct Turns {
    ceilings: Ceilings,
    all: Side,
    hosts: HashMap<Arc<str>, Host>,
    /// The first in line of each host that somebody waits for.
    heads: BTreeMap<Ticket, Arc<str>>,
    last: u64,
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
    waiting: BTreeSet<Ticket>,
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
            heads: BTreeMap::new(),
            last: 0,
        }
    }

    /// Gets in line for a host.
    pub fn ask(&mut self, host: &str) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        let name: Arc<str> = host.to_ascii_lowercase().into();
        let line = self.hosts.entry(Arc::clone(&name)).or_insert_with(|| Host {
            side: Side::new(self.ceilings.host),
            waiting: BTreeSet::new(),
        });
        if line.waiting.is_empty() {
            self.heads.insert(ticket, name);
        }
        line.waiting.insert(ticket);
        ticket
    }

    /// Whose turn it is now; it counts as opening until [`Turns::end`].
    pub fn grant(&mut self, now: Instant) -> Option<Ticket> {
        if !self.all.may_go(now) {
            return None;
        }
        let (ticket, name) = self.heads.iter().find_map(|(ticket, name)| {
            let host = self.hosts.get(name)?;
            host.side.may_go(now).then(|| (*ticket, Arc::clone(name)))
        })?;
        self.all.go(now);
        if let Some(host) = self.hosts.get_mut(&name) {
            host.side.go(now);
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
        let hosts = self.heads.values().filter_map(|name| self.hosts.get(name));
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
        if self.heads.is_empty() && self.all.opening == 0 {
            self.hosts.retain(|_, host| !host.side.bucket.is_full(now));
        }
    }

    /// `false` when it did not stand in line.
    fn leave_line(&mut self, name: &Arc<str>, ticket: Ticket) -> bool {
        let Some(host) = self.hosts.get_mut(name) else {
            return false;
        };
        let stood = host.waiting.remove(&ticket);
        if self.heads.remove(&ticket).is_some()
            && let Some(next) = host.waiting.first()
        {
            self.heads.insert(*next, Arc::clone(name));
        }
        stood
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
        let tickets: Vec<Ticket> = (0..4).map(|_| turns.ask("A.example")).collect();
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
        let last = turns.ask("b.example");
        assert_eq!(turns.grant(later), Some(last));
        turns.end("b.example", last, later + SECOND);
        assert_eq!(turns.hosts.len(), 0);
    }

    #[test]
    fn a_host_at_its_ceiling_holds_up_no_other() {
        let mut turns = turns((1, 1), (100, 10));
        let now = Instant::now();
        let sick: Vec<Ticket> = (0..50).map(|_| turns.ask("sick.example")).collect();
        assert_eq!(turns.grant(now), Some(sick[0]));
        assert_eq!(turns.grant(now), None);
        let well = turns.ask("well.example");
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
            turns.ask("a.example");
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
}
