//! What bounces tell of an address that mail was sent to.

use jiff::Timestamp;

/// How often mail to an address came back, and what the last bounce said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressTrouble {
    /// For good: there is no such mailbox, or it takes no mail.
    pub hard: u32,
    /// For now, or for a reason that lies in the mail: full, too large, refused by a policy.
    pub soft: u32,
    /// When mail last came back.
    pub last_at: Timestamp,
    /// What that said, as in RFC 3463.
    pub status: Option<String>,
    /// What that said, in words.
    pub text: String,
}

impl AddressTrouble {
    /// Nothing has come back yet.
    #[must_use]
    pub fn none(at: Timestamp) -> Self {
        Self {
            hard: 0,
            soft: 0,
            last_at: at,
            status: None,
            text: String::new(),
        }
    }

    /// Counts one more.
    pub fn count(&mut self, at: Timestamp, status: Option<&str>, text: &str) {
        let count = if is_hard(status) {
            &mut self.hard
        } else {
            &mut self.soft
        };
        *count = count.saturating_add(1);
        self.last_at = self.last_at.max(at);
        self.status = status.map(str::to_owned);
        text.clone_into(&mut self.text);
    }
}

/// Whether a failure lies in the address (RFC 3463 section 3). A full mailbox, a mail that
/// is too large and a policy say nothing of it. Without a status nothing is known to pass.
fn is_hard(status: Option<&str>) -> bool {
    let Some(status) = status else { return true };
    let passing = ["5.2.2", "5.2.3", "5.3.1", "5.3.4"].contains(&status);
    status.starts_with("5.") && !passing && !status.starts_with("5.7.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_is_not_a_missing_one() {
        let mut trouble = AddressTrouble::none(Timestamp::UNIX_EPOCH);
        for status in [Some("5.1.1"), None, Some("5.1.10")] {
            trouble.count(Timestamp::UNIX_EPOCH, status, "no such user");
        }
        for status in ["5.2.2", "4.4.7", "5.7.1", "5.3.4"] {
            trouble.count(Timestamp::UNIX_EPOCH, Some(status), "full");
        }
        assert_eq!((trouble.hard, trouble.soft), (3, 4));
        assert_eq!(trouble.text, "full");
    }
}
