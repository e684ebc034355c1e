//! The customers of the demo: whom a small lamp shop hears from, in two languages.
//!
//! Everything here is a pure function of a seed, a number and the time it is given,
//! so that a demo can be repeated. All domains are reserved ones (RFC 2606), all
//! people are invented. No mail is composed by `mime/`: what tests our reading must
//! not come from our own writing.

mod answers;
mod cast;
mod opening;
mod sheet;
mod visitors;

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::address::Address;

pub use answers::follow_up;
pub use opening::first_letters;
pub use visitors::{letter, pause};

/// The three mailboxes of the shop.
#[derive(Clone, Debug)]
pub struct Boxes {
    /// Questions and trouble.
    pub support: Address,
    /// Offers and orders.
    pub sales: Address,
    /// Buyers of a marketplace, through its relay.
    pub marketplace: Address,
}

impl Boxes {
    /// Those of the shop of the demo, "Lumenhaus"; `None` never happens.
    #[must_use]
    pub fn of_the_demo() -> Option<Self> {
        let address = |local: &str| Address::parse(&format!("{local}@lumenhaus.example")).ok();
        Some(Self {
            support: address("support")?,
            sales: address("sales")?,
            marketplace: address("marketplace")?,
        })
    }

    /// All three.
    #[must_use]
    pub fn all(&self) -> [&Address; 3] {
        [&self.support, &self.sales, &self.marketplace]
    }

    fn address(&self, to: To) -> &Address {
        match to {
            To::Support => &self.support,
            To::Sales => &self.sales,
            To::Marketplace => &self.marketplace,
        }
    }
}

/// Which of the boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Support,
    Sales,
    Marketplace,
}

/// A mail on its way to the shop.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Where it is delivered.
    pub to: Address,
    /// When it came.
    pub at: Timestamp,
    /// The mail.
    pub raw: Bytes,
}

/// A number that looks random and is the same every time (SplitMix64).
fn scattered(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// One of `all`, by a scattered number.
fn pick<T>(all: &[T], number: u64) -> Option<&T> {
    let at = number.checked_rem(all.len() as u64)?;
    all.get(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests;
