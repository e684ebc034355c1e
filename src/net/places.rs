//! Places for connections of a listener: bounded in all, per client and per network. When
//! all are taken, the connection that has been idle longest gives way, so that a flood of
//! silent connections keeps nobody out; when none is idle, the oldest of the client that
//! has the most, so that a flood of slow ones does not either; and when all have alike,
//! the slowest mail below a fair pace, so that neither do slow ones of many addresses.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bits of an IPv6 address that its owner chooses freely.
const OWN_BITS: u32 = 64;
/// Bits of an IPv6 address within one site: who rents one has 65,536 networks of 64 bits.
const SITE_BITS: u32 = 80;
/// A site has at most this part of all places, or what one client may have.
const SITE_PART: usize = 4;
/// Bytes per second of a mail that gives way to nobody.
const FAIR_RATE: u64 = 32 * 1024;
/// A mail is not judged by its pace before this: TCP begins slowly.
const JUDGED_AFTER: Duration = Duration::from_secs(10);

/// All places.
#[derive(Clone, Debug)]
pub struct Places {
    max: usize,
    per_client_max: usize,
    per_site_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    connections: HashMap<u64, Connection>,
    per_client: HashMap<IpAddr, usize>,
    per_site: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Connection {
    client: Option<IpAddr>,
    doing: Doing,
    /// The turn in which it was last of use.
    turn: u64,
    evicted: CancellationToken,
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    /// Nothing at the moment.
    Idle,
    /// Something that takes its time: a request, a mail on its way to the disk.
    Working,
    /// It sends a mail.
    Sending { since: Instant, bytes: u64 },
}

impl Doing {
    /// Bytes per second of what can be judged by it.
    fn pace(self, now: Instant) -> Option<u64> {
        let Self::Sending { since, bytes } = self else {
            return None;
        };
        let took = now.saturating_duration_since(since);
        (took >= JUDGED_AFTER).then(|| bytes / took.as_secs().max(1))
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// This client, or its site, has its share.
    OfClient,
    /// Every connection is in the middle of something, none is slow, and no client has more
    /// than its part.
    AllBusy,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    id: u64,
    places: Places,
    evicted: CancellationToken,
}

impl Places {
    /// So many in all, and so many of one client.
    #[must_use]
    pub fn new(max: usize, per_client_max: usize) -> Self {
        Self {
            max,
            per_client_max,
            per_site_max: per_client_max.max(max / SITE_PART),
            taken: Arc::default(),
        }
    }

    /// A place for a client. Without one (a local socket, a proxy that many stand behind)
    /// only the bound of all counts.
    ///
    /// # Errors
    /// When there is none; the variant says why.
    pub fn take(&self, client: Option<IpAddr>) -> Result<Place, NoPlace> {
        let client = client.map(network);
        let mut taken = self.lock();
        let share = count(&taken.per_client, client);
        let share_of_site = count(&taken.per_site, client.and_then(site));
        if share >= self.per_client_max || share_of_site >= self.per_site_max {
            return Err(NoPlace::OfClient);
        }
        if taken.connections.len() >= self.max {
            taken.evict_one(share, Instant::now())?;
        }
        if let Some(client) = client {
            *taken.per_client.entry(client).or_default() += 1;
            if let Some(site) = site(client) {
                *taken.per_site.entry(site).or_default() += 1;
            }
        }
        let id = taken.next_turn();
        let evicted = CancellationToken::new();
        let connection = Connection {
            client,
            doing: Doing::Idle,
            turn: id,
            evicted: evicted.clone(),
        };
        taken.connections.insert(id, connection);
        Ok(Place {
            id,
            places: self.clone(),
            evicted,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Entries are inserted and removed whole, so a panic elsewhere leaves nothing half-done.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn next_turn(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Makes room for a client that has `share` places already.
    fn evict_one(&mut self, share: usize, now: Instant) -> Result<(), NoPlace> {
        let all = self.connections.iter();
        let idle = all.filter(|(_, one)| matches!(one.doing, Doing::Idle));
        let longest = idle.min_by_key(|(_, one)| one.turn).map(|(id, _)| *id);
        let id = longest
            .or_else(|| self.oldest_of_the_greediest(share))
            .or_else(|| self.slowest(share, now))
            .ok_or(NoPlace::AllBusy)?;
        if let Some(connection) = self.leave(id) {
            connection.evicted.cancel();
        }
        Ok(())
    }

    /// The connection that has been busy longest, of the client with the most places. Who
    /// asks must stay below it afterwards: two alike would only push each other out.
    fn oldest_of_the_greediest(&self, share: usize) -> Option<u64> {
        let (greediest, most) = self.per_client.iter().max_by_key(|(_, share)| **share)?;
        if *most <= share + 1 {
            return None;
        }
        let theirs = self.connections.iter();
        theirs
            .filter(|(_, one)| one.client.as_ref() == Some(greediest))
            .min_by_key(|(_, one)| one.turn)
            .map(|(id, _)| *id)
    }

    /// The slowest mail below a fair pace. Who asks must not have as much as its client:
    /// else one with many connections would push out the few of a slow one.
    fn slowest(&self, share: usize, now: Instant) -> Option<u64> {
        let with_pace = self.connections.iter().filter_map(|(id, one)| {
            let theirs = count(&self.per_client, one.client);
            let pace = one.doing.pace(now)?;
            (theirs > share && pace < FAIR_RATE).then_some((pace, one.turn, *id))
        });
        with_pace.min().map(|(_, _, id)| id)
    }

    fn leave(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        if let Some(client) = connection.client {
            give_back(&mut self.per_client, client);
            if let Some(site) = site(client) {
                give_back(&mut self.per_site, site);
            }
        }
        Some(connection)
    }
}

fn count(shares: &HashMap<IpAddr, usize>, whose: Option<IpAddr>) -> usize {
    let share = whose.and_then(|whose| shares.get(&whose));
    share.copied().unwrap_or_default()
}

fn give_back(shares: &mut HashMap<IpAddr, usize>, whose: IpAddr) {
    if let Some(share) = shares.get_mut(&whose) {
        *share -= 1;
        if *share == 0 {
            shares.remove(&whose);
        }
    }
}

impl Place {
    /// Somebody else needs it: the connection is to end.
    #[must_use]
    pub fn evicted(&self) -> &CancellationToken {
        &self.evicted
    }

    /// Something begins (a request, the storing of a mail) or has ended.
    pub fn set_busy(&self, busy: bool) {
        self.set(if busy { Doing::Working } else { Doing::Idle });
    }

    /// A mail begins; from here on it is judged by its pace.
    pub fn mail_begins(&self) {
        let since = Instant::now();
        self.set(Doing::Sending { since, bytes: 0 });
    }

    /// So many bytes of it have come.
    pub fn mail_comes(&self, more: usize) {
        let mut taken = self.places.lock();
        if let Some(connection) = taken.connections.get_mut(&self.id)
            && let Doing::Sending { bytes, .. } = &mut connection.doing
        {
            *bytes += more as u64;
        }
    }

    fn set(&self, doing: Doing) {
        let mut taken = self.places.lock();
        let turn = taken.next_turn();
        if let Some(connection) = taken.connections.get_mut(&self.id) {
            connection.doing = doing;
            connection.turn = turn;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().leave(self.id);
    }
}

/// Who is one client: an IPv4 address, or a network of 64 bits.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => without(address, OWN_BITS),
        address @ IpAddr::V4(_) => address,
    }
}

/// The network of 48 bits that a client is in; IPv4 has none.
fn site(client: IpAddr) -> Option<IpAddr> {
    match client {
        IpAddr::V6(address) => Some(without(address, SITE_BITS)),
        IpAddr::V4(_) => None,
    }
}

fn without(address: Ipv6Addr, bits: u32) -> IpAddr {
    Ipv6Addr::from(u128::from(address) >> bits << bits).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[test]
    fn the_longest_idle_gives_way_and_a_mail_under_way_does_not() {
        let places = Places::new(2, 5);
        let busy = places.take(client(1)).expect("free");
        busy.set_busy(true);
        let idle = places.take(client(2)).expect("free");
        let third = places.take(client(3)).expect("the idle one gives way");
        assert!(idle.evicted().is_cancelled() && !busy.evicted().is_cancelled());
        third.set_busy(true);
        assert_eq!(places.take(client(4)).err(), Some(NoPlace::AllBusy));
        drop(idle);
        assert_eq!(places.take(client(4)).err(), Some(NoPlace::AllBusy));
        drop(third);
        assert!(places.take(client(4)).is_ok());
    }

    #[test]
    fn when_none_is_idle_the_oldest_of_who_has_the_most_gives_way() {
        let places = Places::new(4, 5);
        let busy = |last: u8| {
            let place = places.take(client(last)).expect("a place");
            place.set_busy(true);
            place
        };
        let honest = busy(1);
        let slow = [busy(2), busy(2), busy(2)];
        let second = busy(1);
        let evicted = |place: &Place| place.evicted().is_cancelled();
        assert_eq!(slow.each_ref().map(evicted), [true, false, false]);
        assert!(!evicted(&honest) && !evicted(&second));
        // Both have two now: nobody pushes anybody out, but somebody new gets a place.
        assert_eq!(places.take(client(2)).err(), Some(NoPlace::AllBusy));
        assert_eq!(places.take(client(1)).err(), Some(NoPlace::AllBusy));
        let _third = busy(3);
        assert_eq!(places.lock().connections.len(), 4);
        // One without a client is never pushed out for another.
        let local = Places::new(1, 5);
        local.take(None).expect("free").set_busy(true);
        let kept = local.take(None).expect("given back");
        kept.set_busy(true);
        assert_eq!(local.take(client(1)).err(), Some(NoPlace::AllBusy));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_have_alike_the_slowest_mail_gives_way() {
        let places = Places::new(5, 5);
        let take = |last| places.take(client(last));
        let taken = [1, 2, 3, 4, 5].map(|last| take(last).expect("free"));
        let [slow, slowest, fair, stored, request] = &taken;
        for sending in [slow, slowest, fair, stored] {
            sending.mail_begins();
        }
        request.set_busy(true);
        stored.set_busy(true);
        tokio::time::advance(JUDGED_AFTER - Duration::from_secs(1)).await;
        assert_eq!(
            take(6).err(),
            Some(NoPlace::AllBusy),
            "they may begin slowly"
        );
        tokio::time::advance(Duration::from_secs(51)).await;
        slow.mail_comes(60 * 700);
        slowest.mail_comes(60 * 600);
        fair.mail_comes(60 * 32 * 1024);
        let newcomer = take(6).expect("the slowest gives way");
        newcomer.mail_begins();
        let evicted = || taken.each_ref().map(|one| one.evicted().is_cancelled());
        assert_eq!(evicted(), [false, true, false, false, false]);
        // Who is here already pushes out nobody with as little.
        assert_eq!(take(6).err(), Some(NoPlace::AllBusy));
        take(7).expect("the other slow one").set_busy(true);
        assert_eq!(evicted(), [true, true, false, false, false]);
    }

    #[test]
    fn no_site_has_more_than_its_part() {
        let places = Places::new(16, 2);
        let of = |site: u16, network: u16| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, site, network, 0, 0, 0, 1);
            places.take(Some(address.into()))
        };
        let mut taken: Vec<_> = (0..4)
            .map(|network| of(1, network).expect("free"))
            .collect();
        assert_eq!(of(1, 4).err(), Some(NoPlace::OfClient));
        let _other = of(2, 0).expect("another site");
        drop(taken.pop());
        let last = of(1, 5).expect("given back");
        drop((taken, last));
        assert_eq!(places.lock().per_site.len(), 1);
    }

    #[test]
    fn a_client_has_its_share_and_an_ipv6_network_is_one_client() {
        let places = Places::new(10, 1);
        let first = places.take(client(1)).expect("free");
        assert_eq!(places.take(client(1)).err(), Some(NoPlace::OfClient));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().expect("an address");
        assert_eq!(places.take(Some(mapped)).err(), Some(NoPlace::OfClient));
        drop(first);
        assert!(places.take(client(1)).is_ok());
        let one: IpAddr = "2001:db8::1".parse().expect("an address");
        let other: IpAddr = "2001:db8::2".parse().expect("an address");
        let _kept = places.take(Some(one)).expect("free");
        assert_eq!(places.take(Some(other)).err(), Some(NoPlace::OfClient));
        assert!(places.take(None).is_ok());
    }
}
