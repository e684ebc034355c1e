//! How much mail for the postmaster is taken: its address is known to everybody, unlike
//! those of mailboxes, whose random part is told to one forwarder.
//!
//! Deliberately absent: a memory that outlives the program. What a restart gives anew is bounded.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::{SignedDuration, Timestamp};

/// Bytes of one mail: a complaint or a report with what it is about.
pub const SIZE_MAX: u64 = 1024 * 1024;
/// Mails of one network within an hour.
pub const PER_NETWORK_AND_HOUR: usize = 20;
/// Mails of all within a day.
pub const PER_DAY: usize = 200;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Bits of an IPv4 address within one network: a /24.
const V4_OWN_BITS: u32 = 8;
/// Bits of an IPv6 address within one network: a /48, what one site is given.
const V6_OWN_BITS: u32 = 80;

/// What was taken within a day; never more than [`PER_DAY`].
#[derive(Debug, Default)]
pub struct Quota {
    taken: VecDeque<(Timestamp, Option<IpAddr>)>,
}

impl Quota {
    /// Counts a mail, unless there were enough. Without a client (a mail server on this
    /// machine) only the day counts.
    pub fn take(&mut self, client: Option<IpAddr>, now: Timestamp) -> bool {
        let network = client.map(network);
        let age = |at: Timestamp| now.duration_since(at);
        // One from the future is of a clock that was set back since.
        self.taken
            .retain(|(at, _)| !age(*at).is_negative() && age(*at) < DAY);
        let theirs = self.taken.iter();
        let theirs = theirs.filter(|(at, whose)| *whose == network && age(*at) < HOUR);
        let enough = network.is_some() && theirs.count() >= PER_NETWORK_AND_HOUR;
        if enough || self.taken.len() >= PER_DAY {
            return false;
        }
        self.taken.push_back((now, network));
        true
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => {
            Ipv4Addr::from(u32::from(address) >> V4_OWN_BITS << V4_OWN_BITS).into()
        }
        IpAddr::V6(address) => {
            Ipv6Addr::from(u128::from(address) >> V6_OWN_BITS << V6_OWN_BITS).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn client(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn a_network_has_its_hour() {
        for (mine, near, far) in [
            ("192.0.2.1", "192.0.2.200", "192.0.3.1"),
            ("2001:db8:1:2::3", "2001:db8:1:ff::1", "2001:db8:2::1"),
        ] {
            let mut quota = Quota::default();
            for number in 0..20 {
                assert!(quota.take(client(mine), at(number)), "{number}");
            }
            assert!(!quota.take(client(near), at(3_599)));
            assert!(quota.take(client(far), at(3_599)));
            assert!(quota.take(None, at(3_599)), "a mail server of our own");
            // The first is over an hour old.
            assert!(quota.take(client(near), at(3_600)));
            assert!(!quota.take(client(near), at(3_600)));
        }
    }

    #[test]
    fn all_have_their_day_and_a_clock_that_was_set_back_keeps_nobody_out() {
        let mut quota = Quota::default();
        for number in 0..200_u8 {
            let one = Some(IpAddr::from([10, 0, number, 1]));
            assert!(quota.take(one, at(number.into())), "{number}");
        }
        assert!(!quota.take(client("192.0.2.1"), at(86_399)));
        assert!(!quota.take(None, at(86_399)));
        assert!(quota.take(None, at(86_400)));
        assert!(quota.take(None, at(-1)));
        assert_eq!(quota.taken.len(), 1);
    }
}
