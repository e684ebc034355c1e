//! Forwarded mail: which address it was written to before it was forwarded, whether one
//! mail came by two ways, and the code by which Gmail asks whether it may forward.
//!
//! Headers and envelope are only what somebody wrote. What is found here is shown and
//! chooses among a mailbox's own names; it never decides whose the mail is.

use super::address::Address;
use super::ledger::Source;
use super::mailbox::MailboxSettings;
use super::message::Head;

/// Who asks whether mail of a Gmail account may be forwarded to us.
const GMAIL_ASKS: &str = "forwarding-noreply@google.com";
/// Where the link in that mail leads; no other is shown.
const GMAIL_LINKS: [&str; 2] = [
    "https://mail-settings.google.com/mail/vf-",
    "https://mail.google.com/mail/vf-",
];
/// Digits of its code, at least and at most.
const CODE_LENGTH: std::ops::RangeInclusive<usize> = 6..=12;
/// Bytes of a link that is shown.
const LINK_LENGTH_MAX: usize = 2_000;

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

/// Whether a mail that came into `second` is there by a way of its own, so that a rule is
/// one too many. With each way goes the address of its mailbox.
///
/// A forwarder that sends a mail again, since its connection broke before the answer, is
/// the same way; and somebody who writes to two of our addresses wanted two.
#[must_use]
pub fn came_by_two_ways(
    head: &Head,
    first: (&Address, &Source),
    second: (&Address, &Source),
) -> bool {
    match (first.1, second.1) {
        (Source::Smtp(one), Source::Smtp(other)) => {
            let same = one.recipient == other.recipient
                && one.written_to == other.written_to
                && one.reverse_path == other.reverse_path;
            if same {
                return false;
            }
        }
        (Source::Smtp(_), _) | (_, Source::Smtp(_)) => {}
        _ => return false,
    }
    let (one, other) = (end_of(first), end_of(second));
    let wanted = one.folded() != other.folded() && is_named(head, one) && is_named(head, other);
    !wanted
}

/// The address a way begins at.
fn end_of<'a>((mailbox, source): (&'a Address, &'a Source)) -> &'a Address {
    if let Source::Smtp(forwarded) = source {
        return forwarded.written_to.as_ref().unwrap_or(mailbox);
    }
    mailbox
}

fn is_named(head: &Head, address: &Address) -> bool {
    let mut named = head.to.iter().chain(&head.cc);
    named.any(|one| one.address.folded() == address.folded())
}

/// The code by which Gmail asks whether it may forward: `(#123456789)` in the subject, in
/// whatever language the rest is.
#[must_use]
pub fn confirmation_code(head: &Head) -> Option<&str> {
    let from = head.from.as_ref()?;
    if from.address.folded() != GMAIL_ASKS {
        return None;
    }
    let (_, rest) = head.subject.split_once("(#")?;
    let (code, _) = rest.split_once(')')?;
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    (digits && CODE_LENGTH.contains(&code.len())).then_some(code)
}

/// The account such a mail is about: the one address in its subject.
#[must_use]
pub fn confirmation_account(subject: &str) -> Option<Address> {
    let words = subject.split(|c: char| !c.is_ascii() || c.is_ascii_whitespace());
    words
        .filter(|word| word.contains('@'))
        .find_map(|word| Address::parse(word).ok())
}

/// The link in the text of such a mail by which a person agrees.
#[must_use]
pub fn confirmation_link(text: &str) -> Option<&str> {
    let start = GMAIL_LINKS
        .iter()
        .filter_map(|link| text.find(link))
        .min()?;
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"' | ')'));
    let link = &rest[..end.unwrap_or(rest.len())];
    (link.len() <= LINK_LENGTH_MAX).then_some(link)
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

    fn smtp(recipient: &str, written_to: Option<&str>, reverse_path: &str) -> Source {
        Source::Smtp(crate::domain::ledger::Forwarded {
            peer: "192.0.2.1".to_owned(),
            hello: String::new(),
            encrypted: true,
            reverse_path: Some(address(reverse_path)),
            recipient: address(recipient),
            written_to: written_to.map(address),
        })
    }

    fn imap() -> Source {
        Source::Imap {
            folder: crate::domain::folder::FolderName::inbox(),
            validity: crate::domain::folder::UidValidity::new(1).expect("not zero"),
            uid: crate::domain::folder::Uid::new(1).expect("not zero"),
        }
    }

    #[test]
    fn a_mail_sent_again_and_one_written_to_two_addresses_are_no_rule_too_many() {
        let (help, sales) = (address("help@shop.example"), address("sales@shop.example"));
        let to_help = head(&[], &["help@shop.example"]);
        let to_both = head(&[], &["help@shop.example", "sales@shop.example"]);
        let by_help = smtp("t@in.example.com", Some("help@shop.example"), "a@b.example");
        let by_sales = smtp(
            "t@in.example.com",
            Some("sales@shop.example"),
            "a@b.example",
        );
        let ways = |head: &Head, one: (&Address, &Source), other: (&Address, &Source)| {
            came_by_two_ways(head, one, other)
        };
        assert!(!ways(&to_help, (&help, &by_help), (&help, &by_help)));
        assert!(ways(&to_help, (&help, &by_help), (&help, &by_sales)));
        assert!(!ways(&to_both, (&help, &by_help), (&help, &by_sales)));
        assert!(ways(&to_help, (&help, &imap()), (&sales, &by_help)));
        assert!(ways(&to_both, (&help, &imap()), (&sales, &by_help)));
        assert!(!ways(&to_help, (&help, &imap()), (&sales, &imap())));
    }

    #[test]
    fn gmail_asks_with_a_code_in_any_language() {
        let mut asks = head(&[], &["t@in.example.com"]);
        asks.from = Some(address("forwarding-noreply@google.com").into());
        for subject in [
            "(#123456789) Gmail Forwarding Confirmation - Receive Mail from shop@gmail.com",
            "(#123456789) Gmail 转发确认 - 接收来自shop@gmail.com的邮件",
            "Gmail-Weiterleitung (#123456789) von shop@gmail.com",
        ] {
            asks.subject = subject.to_owned();
            assert_eq!(confirmation_code(&asks), Some("123456789"));
            let account = confirmation_account(subject).expect("an account");
            assert_eq!(account.as_str(), "shop@gmail.com");
        }
        asks.subject = "(#12) hello (#abcdefgh)".to_owned();
        assert_eq!(confirmation_code(&asks), None);
        asks.subject = "(#123456789)".to_owned();
        asks.from = Some(address("forwarding-noreply@g00gle.com").into());
        assert_eq!(confirmation_code(&asks), None);
    }

    #[test]
    fn only_a_link_of_gmail_is_shown() {
        let text = "see https://evil.example/mail/vf-1 or\n\nhttps://mail-settings.google.com/mail/vf-%5Babc%5D-Q_1\n\nto cancel: https://mail-settings.google.com/mail/uf-2";
        assert_eq!(
            confirmation_link(text),
            Some("https://mail-settings.google.com/mail/vf-%5Babc%5D-Q_1")
        );
        assert_eq!(
            confirmation_link("https://mail.google.com.evil.example/mail/vf-1"),
            None
        );
        assert_eq!(
            confirmation_link("https://mail-settings.google.com/mail/uf-2"),
            None
        );
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
