//! `[mail]`: what the keys about connections say to the sync.

use super::sections::MailSection;
use crate::domain::ceiling::Ceiling;
use crate::domain::turns::Ceilings;

impl MailSection {
    /// How many connections are opened at a time.
    pub(super) fn ceilings(&self) -> Ceilings {
        Ceilings {
            host: Ceiling {
                per_second: self.connects_per_second_per_host_max,
                at_once: self.connects_at_once_per_host_max,
            },
            all: Ceiling {
                per_second: self.connects_per_second_max,
                at_once: self.connects_at_once_max,
            },
        }
    }

    pub(super) fn ceilings_by_key(&self) -> [(&'static str, u32); 4] {
        [
            (
                "connects_per_second_per_host_max",
                self.connects_per_second_per_host_max,
            ),
            (
                "connects_at_once_per_host_max",
                self.connects_at_once_per_host_max,
            ),
            ("connects_per_second_max", self.connects_per_second_max),
            ("connects_at_once_max", self.connects_at_once_max),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_ceilings_are_those_of_the_domain() {
        assert_eq!(MailSection::default().ceilings(), Ceilings::default());
    }
}
