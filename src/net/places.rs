//! Places for connections of a listener: bounded in all and per client. When all are
//! taken, the connection that has been idle longest gives way, so that a flood of silent
//! connections keeps nobody out; when none is idle, the oldest of the client that has
//! the most, so that a flood of slow ones does not either.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Bits of an IPv6 address that its owner chooses freely.
const OWN_BITS: u32 = 64;

/// All places.
#[derive(Clone, Debug)]
pub struct Places {
    max: usize,
    per_client_max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    connections: HashMap<u64, Connection>,
    per_client: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Connection {
    client: Option<IpAddr>,
    /// Something is under way: a mail, a request.
    busy: bool,
    /// The turn in which it was last of use.
    turn: u64,
    evicted: CancellationToken,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// This client has its share.
    OfClient,
    /// Every connection is in the middle of something, and no client has more than its part.
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
        let share = client.and_then(|client| taken.per_client.get(&client).copied());
        let share = share.unwrap_or_default();
        if share >= self.per_client_max {
            return Err(NoPlace::OfClient);
        }
        if taken.connections.len() >= self.max {
            taken.evict_one(share)?;
        }
        if let Some(client) = client {
            *taken.per_client.entry(client).or_default() += 1;
        }
        let id = taken.next_turn();
        let evicted = CancellationToken::new();
        let connection = Connection {
            client,
            busy: false,
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
    fn evict_one(&mut self, share: usize) -> Result<(), NoPlace> {
        let idle = self.connections.iter().filter(|(_, one)| !one.busy);
        let longest = idle.min_by_key(|(_, one)| one.turn).map(|(id, _)| *id);
        let id = longest
            .or_else(|| self.oldest_of_the_greediest(share))
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

    fn leave(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        if let Some(client) = connection.client
            && let Some(share) = self.per_client.get_mut(&client)
        {
            *share -= 1;
            if *share == 0 {
                self.per_client.remove(&client);
            }
        }
        Some(connection)
    }
}

impl Place {
    /// Somebody else needs it: the connection is to end.
    #[must_use]
    pub fn evicted(&self) -> &CancellationToken {
        &self.evicted
    }

    /// Something begins (a mail, a request) or has ended.
    pub fn set_busy(&self, busy: bool) {
        let mut taken = self.places.lock();
        let turn = taken.next_turn();
        if let Some(connection) = taken.connections.get_mut(&self.id) {
            connection.busy = busy;
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
        IpAddr::V6(address) => {
            let kept = u128::from(address) >> OWN_BITS << OWN_BITS;
            Ipv6Addr::from(kept).into()
        }
        address @ IpAddr::V4(_) => address,
    }
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
