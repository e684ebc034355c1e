//! Which addresses we may connect to, judged after resolving (THREATS 63).
//!
//! Invariant: judgement is on addresses, never on spellings, and the address judged
//! is the address connected to. An address that carries another inside (v4-mapped,
//! NAT64, 6to4) is judged as what it carries.
//! Deliberately absent: names, resolving, connecting.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use crate::domain::saying::{Said, Saying, saying};

/// How far a connection may reach. The caller knows who chose the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Only the public internet: webhooks, model and OAuth endpoints, anything a
    /// stranger or a mail may have named.
    Public,
    /// The public internet and these networks, for on-premise services.
    AllowList(Arc<[Network]>),
    /// Private networks too, where on-premise mail servers live. What can never be
    /// a mail server (link-local, where clouds keep their metadata; multicast;
    /// reserved) stays shut.
    Any,
}

impl Guard {
    /// Judges one address.
    ///
    /// # Errors
    /// The reach that made it refuse.
    pub fn check(&self, address: IpAddr) -> Result<(), Reach> {
        let reach = Reach::of(address);
        let open = match (reach, self) {
            (Reach::Public, _) => true,
            (_, Self::Public) => false,
            (_, Self::AllowList(networks)) => networks
                .iter()
                .any(|network| network.contains(carried(address))),
            (Reach::Loopback | Reach::Private | Reach::Shared, Self::Any) => true,
            (Reach::LinkLocal | Reach::Multicast | Reach::Reserved, Self::Any) => false,
        };
        if open { Ok(()) } else { Err(reach) }
    }
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The internet.
    Public,
    /// This machine.
    Loopback,
    /// This cable; cloud metadata services.
    LinkLocal,
    /// RFC 1918, RFC 4193.
    Private,
    /// Carrier-grade NAT (RFC 6598).
    Shared,
    /// Many at once.
    Multicast,
    /// Unspecified, documentation, benchmarks, future use.
    Reserved,
}

impl Reach {
    /// Says where an address lies.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match carried(address) {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    /// The special-purpose registry of IPv4 (RFC 6890 section 2.2.2).
    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [100, 64..=127, ..] => Self::Shared,
            [224..=239, ..] => Self::Multicast,
            // "This network", protocol assignments, documentation, 6to4 relays,
            // benchmarks, class E with broadcast.
            [0 | 240..=255, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Self::Reserved,
            _ => Self::Public,
        }
    }

    /// The special-purpose registry of IPv6 (RFC 6890 section 2.2.3).
    fn of_v6(address: Ipv6Addr) -> Self {
        if address == Ipv6Addr::LOCALHOST {
            return Self::Loopback;
        }
        match address.segments() {
            [0xff00..=0xffff, ..] => Self::Multicast,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            // Unique local, the old site-local, and NAT64 within one network (RFC 8215).
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Self::Private,
            // Teredo, benchmarks, ORCHID and other protocol assignments; documentation.
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Self::Reserved,
            // Global unicast is all of 2000::/3 and nothing else (RFC 4291 section 2.4).
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

impl Said for Reach {
    fn saying(&self) -> Saying {
        match self {
            Self::Public => saying!("net.reach.public"),
            Self::Loopback => saying!("net.reach.loopback"),
            Self::LinkLocal => saying!("net.reach.link_local"),
            Self::Private => saying!("net.reach.private"),
            Self::Shared => saying!("net.reach.shared"),
            Self::Multicast => saying!("net.reach.multicast"),
            Self::Reserved => saying!("net.reach.reserved"),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.saying().fmt(f)
    }
}

/// The IPv4 address inside an IPv6 one, where routers or gateways would go by it.
fn carried(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let from = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // `::` and `::1` are addresses of their own, not v4-compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        // v4-mapped, the obsolete v4-compatible (RFC 4291 section 2.5.5), SIIT (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => from(high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => from(high, low),
        _ => address,
    }
}

/// A network as people write it: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// The text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network; write it like 10.0.0.0/8, fd00::/8 or 192.168.1.5")]
pub struct NetworkError(String);

impl Network {
    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let different: u128 = ours ^ theirs;
        different
            .checked_shr(width - u32::from(self.prefix_bits))
            .unwrap_or(0)
            == 0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NetworkError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            Some(prefix) => prefix.trim().parse().map_err(|_| wrong())?,
            None => width,
        };
        if prefix_bits > width {
            return Err(wrong());
        }
        Ok(Self {
            address,
            prefix_bits,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    fn reach(text: &str) -> Reach {
        Reach::of(text.parse().expect("an address"))
    }

    #[test]
    fn addresses_are_judged_by_what_they_are() {
        let cases = [
            ("93.184.216.34", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("2606:2800:220:1::1", Reach::Public),
            ("127.0.0.1", Reach::Loopback),
            ("127.9.9.9", Reach::Loopback),
            ("::1", Reach::Loopback),
            ("10.1.2.3", Reach::Private),
            ("172.31.255.255", Reach::Private),
            ("192.168.0.1", Reach::Private),
            ("fd12::1", Reach::Private),
            ("fec0::1", Reach::Private),
            ("64:ff9b:1::7f00:1", Reach::Private),
            ("169.254.169.254", Reach::LinkLocal),
            ("fe80::1", Reach::LinkLocal),
            ("100.64.0.1", Reach::Shared),
            ("100.128.0.1", Reach::Public),
            ("224.0.0.1", Reach::Multicast),
            ("ff02::1", Reach::Multicast),
            ("0.0.0.0", Reach::Reserved),
            ("::", Reach::Reserved),
            ("255.255.255.255", Reach::Reserved),
            ("192.0.2.1", Reach::Reserved),
            ("2001:db8::1", Reach::Reserved),
            ("2001::1", Reach::Reserved),
            ("4000::1", Reach::Reserved),
            // Another address inside.
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("::ffff:93.184.216.34", Reach::Public),
            ("::10.0.0.1", Reach::Private),
            ("64:ff9b::a9fe:a9fe", Reach::LinkLocal),
            ("2002:c0a8:1::1", Reach::Private),
        ];
        for (text, expected) in cases {
            assert_eq!(reach(text), expected, "{text}");
        }
    }

    #[test]
    fn each_guard_opens_what_it_names() {
        let list = |texts: &[&str]| {
            Guard::AllowList(
                texts
                    .iter()
                    .map(|text| text.parse().expect("one"))
                    .collect(),
            )
        };
        let cases = [
            (Guard::Public, "93.184.216.34", true),
            (Guard::Public, "10.0.0.1", false),
            (Guard::Public, "::ffff:10.0.0.1", false),
            (Guard::Any, "10.0.0.1", true),
            (Guard::Any, "127.0.0.1", true),
            (Guard::Any, "169.254.169.254", false),
            (Guard::Any, "224.0.0.1", false),
            (list(&["10.0.0.0/8"]), "10.200.0.1", true),
            (list(&["10.0.0.0/8"]), "::ffff:10.200.0.1", true),
            (list(&["10.0.0.0/8"]), "11.0.0.1", true),
            (list(&["10.0.0.0/8"]), "192.168.0.1", false),
            (list(&["192.168.1.5", "fd00::/8"]), "192.168.1.5", true),
            (list(&["192.168.1.5", "fd00::/8"]), "192.168.1.6", false),
            (list(&["192.168.1.5", "fd00::/8"]), "fd77::9", true),
            (list(&["0.0.0.0/0"]), "127.0.0.1", true),
        ];
        for (guard, text, open) in cases {
            let checked = guard.check(text.parse().expect("an address"));
            assert_eq!(checked.is_ok(), open, "{guard:?} {text}");
        }
    }

    #[test]
    fn what_is_no_network_is_said() {
        for text in ["10.0.0.0/33", "ten/8", "fd00::/129", "/8", "10.0.0.0/"] {
            let error = text.parse::<Network>().expect_err(text);
            assert!(error.to_string().contains("write it like"), "{error}");
        }
    }
}
