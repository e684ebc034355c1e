//! Forwarded mail: which address it was written to before it was forwarded.
//!
//! Headers and envelope are only what somebody wrote. What is found here is shown and
//! chooses among a mailbox's own names; it never decides whose the mail is.

use super::address::Address;
use super::mailbox::MailboxSettings;
use super::message::Head;

/// What Gmail puts between the forwarding account and the receiving address in the
/// envelope's sender: `help+caf_=token=in.example.com@gmail.com`.
const GMAIL_MARK: &str = "+caf_=";

/// The address a mail was written to before it was forwarded to a receiving address
/// under `receiving_domain`: one of the mailbox's own where any is named, else the first
/// that a forwarder noted.
#[must_use]
pub fn written_to(
    head: &Head,
    reverse_path: Option<&Address>,
    settings: &MailboxSettings,
    receiving_domain: &str,
) -> Option<Address> {
    let forwarder = reverse_path.and_then(forwarding_account);
    let noted = head.delivered_to.iter().map(|named| &named.address);
    let noted = || {
        let noted = forwarder.iter().chain(noted.clone());
        noted.filter(|address| !address.domain().eq_ignore_ascii_case(receiving_domain))
    };
    let written = head.to.iter().chain(&head.cc).map(|named| &named.address);
    let mut own = noted().chain(written);
    own.find(|address| is_own(settings, address))
        .or_else(|| noted().next())
        .cloned()
}

/// The account that forwards, where the envelope's sender tells.
fn forwarding_account(reverse_path: &Address) -> Option<Address> {
    let (local, _) = reverse_path.local().split_once(GMAIL_MARK)?;
    Address::parse(&format!("{local}@{}", reverse_path.domain())).ok()
}

fn is_own(settings: &MailboxSettings, address: &Address) -> bool {
    let folded = address.folded();
    settings.address.folded() == folded
        || settings
            .aliases
            .iter()
            .any(|alias| alias.address.folded() == folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mailbox::{ForwardingWay, WayIn, WayOut};

    const DOMAIN: &str = "in.example.com";

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    fn settings() -> MailboxSettings {
        let way = ForwardingWay {
            local_part: "help-token".to_owned(),
        };
        let mut settings = MailboxSettings::new(
            address("help@shop.example"),
            WayIn::Forwarding(way),
            WayOut::System,
        );
        settings.aliases = vec![address("sales@shop.example").into()];
        settings
    }

    fn head(delivered_to: &[&str], to: &[&str]) -> Head {
        let named = |list: &[&str]| list.iter().map(|text| address(text).into()).collect();
        Head {
            delivered_to: named(delivered_to),
            to: named(to),
            ..Head::default()
        }
    }

    fn found(delivered_to: &[&str], to: &[&str], reverse_path: Option<&str>) -> Option<String> {
        let reverse_path = reverse_path.map(address);
        let head = head(delivered_to, to);
        let found = written_to(&head, reverse_path.as_ref(), &settings(), DOMAIN);
        found.map(|address| address.as_str().to_owned())
    }

    #[test]
    fn an_own_name_wins_wherever_it_is_noted() {
        let receiving = "help-token@in.example.com";
        let own = Some("sales@shop.example".to_owned());
        assert_eq!(
            found(&[receiving, "x@y.example", "Sales@shop.example"], &[], None),
            Some("Sales@shop.example".to_owned())
        );
        assert_eq!(found(&[receiving], &["sales@shop.example"], None), own);
        let gmail = "sales+caf_=help-token=in.example.com@shop.example";
        assert_eq!(found(&[receiving], &[], Some(gmail)), own);
    }

    #[test]
    fn else_what_a_forwarder_noted_and_never_the_receiving_address() {
        let receiving = "help-token@In.Example.com";
        assert_eq!(
            found(&[receiving, "x@y.example"], &["z@y.example"], None),
            Some("x@y.example".to_owned())
        );
        assert_eq!(found(&[receiving], &["z@y.example"], None), None);
        assert_eq!(found(&[], &[], Some("a@b.example")), None);
    }
}
