//! When a code or a sign-in ends by age, as far as that is known.
//!
//! Days are those of UTC: a provider counts days, and a notice comes days before.

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan as _};

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// An authorization code or app password: so many days after it was made.
    Code,
    /// A sign-in at the provider: so many days after its last use.
    SignIn,
}

/// A code or sign-in that ends by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expiry {
    /// What ends.
    pub of: Ending,
    /// The day it was made, or last used.
    pub since: Date,
    /// The day it ends.
    pub ends_on: Date,
}

impl Expiry {
    /// What is good for so many days from a day on.
    #[must_use]
    pub fn after(of: Ending, since: Date, valid_days: u16) -> Self {
        let ends_on = since.saturating_add(i64::from(valid_days).days());
        Self { of, since, ends_on }
    }

    /// Whole days until it ends; negative when it has ended.
    #[must_use]
    pub fn days_left(&self, today: Date) -> i64 {
        let day = SignedDuration::from_hours(24);
        self.ends_on.duration_since(today).as_secs() / day.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_counted_over_months_and_below_zero() {
        let expiry = Expiry::after(Ending::Code, date(2026, 1, 31), 180);
        assert_eq!(expiry.ends_on, date(2026, 7, 30));
        assert_eq!(expiry.days_left(date(2026, 1, 31)), 180);
        assert_eq!(expiry.days_left(date(2026, 7, 29)), 1);
        assert_eq!(expiry.days_left(date(2026, 8, 2)), -3);
        let last = Expiry::after(Ending::SignIn, Date::MAX, 90);
        assert_eq!(last.ends_on, Date::MAX);
    }
}
