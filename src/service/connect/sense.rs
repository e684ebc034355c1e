//! What can be read and still makes no sense: found before anything is tried.

use jiff::civil::Date;

use super::wish::{WrongField, wrong};
use crate::domain::mailbox::MailboxSettings;
use crate::domain::saying::saying;

/// The rescue address is not one of the mailbox that has to be rescued.
pub(in crate::service) fn reaches_somebody(settings: &MailboxSettings) -> Result<(), WrongField> {
    let Some(rescue) = &settings.rescue_address else {
        return Ok(());
    };
    let folded = rescue.folded();
    let mut senders = std::iter::once(&settings.identity).chain(&settings.aliases);
    let is_own = settings.address.folded() == folded
        || senders.any(|sender| sender.address.folded() == folded);
    if is_own {
        let words = saying!("wish.rescue", rescue);
        return Err(wrong("rescue_address", words));
    }
    Ok(())
}

/// The day an authorization code was made is not to come. It may be tomorrow already
/// where the person is.
pub(in crate::service) fn was_made(
    settings: &MailboxSettings,
    today: Date,
) -> Result<(), WrongField> {
    let latest = today.tomorrow().unwrap_or(today);
    match settings.code_created_on {
        Some(day) if day > latest => {
            let words = saying!("wish.to_come", day = &day, today = &today);
            Err(wrong("code_created_on", words))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::address::{Address, NamedAddress};
    use crate::domain::mailbox::{Security, Server, WayIn, WayOut};

    fn settings() -> MailboxSettings {
        let server = Server {
            host: "localhost".to_owned(),
            port: 1,
            security: Security::Tls,
        };
        MailboxSettings {
            aliases: vec![NamedAddress::new(
                Some("Sales"),
                address("sales@shop.example"),
            )],
            ..MailboxSettings::new(
                address("help@shop.example"),
                WayIn::inbox(server.clone()),
                WayOut::Own(server),
            )
        }
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[test]
    fn nobody_is_rescued_by_a_mailbox_that_has_stopped() {
        for (rescue, right) in [
            ("boss@other.example", true),
            ("HELP@shop.example", false),
            ("sales@shop.example", false),
        ] {
            let settings = MailboxSettings {
                rescue_address: Some(address(rescue)),
                ..settings()
            };
            assert_eq!(reaches_somebody(&settings).is_ok(), right, "{rescue}");
        }
    }

    #[test]
    fn a_code_is_made_today_at_the_latest_wherever_that_is() {
        let today = date(2026, 11, 28);
        for (day, right) in [
            (date(2026, 5, 1), true),
            (today, true),
            (date(2026, 11, 29), true),
            (date(2026, 11, 30), false),
        ] {
            let settings = MailboxSettings {
                code_created_on: Some(day),
                ..settings()
            };
            assert_eq!(was_made(&settings, today).is_ok(), right, "{day}");
        }
    }
}
