//! The Message-ID that a provider gives a mail instead of ours, where its answer to the
//! content tells it.
//!
//! Invariant: rather none than a wrong one. Most answers hold a queue id that stands in no
//! header (Postfix, Exim, Gmail).

use super::message_id::MessageId;

/// Longest answer that is looked at, in bytes.
const ANSWER_LENGTH_MAX: usize = 2_000;
/// The domain of ids of Amazon SES in the region that has no name in them.
const SES_DOMAIN: &str = "amazonses.com";
const SES_FIRST_REGION: &str = "us-east-1";
/// Hosts whose bare answer is known to become an id: SES and WorkMail.
const SES_HOSTS: [&str; 3] = [".amazonaws.com", ".awsapps.com", ".amazonses.com"];
/// Where ids in brackets come from that the mail will bear: Outlook and Exchange Online.
const EXCHANGE_DOMAINS: [&str; 2] = [".prod.outlook.com", ".partner.outlook.cn"];
/// Lengths of the groups of an id of SES, hexadecimal digits divided by hyphens.
const SES_GROUPS: [usize; 7] = [16, 8, 4, 4, 4, 12, 6];

/// The id that the mail will bear, read from the answer of `host` to the content.
///
/// Outlook and Exchange say `250 2.0.0 OK <id@host> [Hostname=...]`; SES says `250 Ok token`
/// and writes `token@region.amazonses.com` into the mail. `addresses` are those of the
/// envelope: some servers repeat them in brackets.
#[must_use]
pub fn said_in<'a>(
    answer: &str,
    host: &str,
    mut addresses: impl Iterator<Item = &'a str>,
) -> Option<MessageId> {
    if answer.len() > ANSWER_LENGTH_MAX {
        return None;
    }
    if let Some(token) = answer.split_whitespace().find(|word| is_of_ses(word)) {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        return SES_HOSTS
            .iter()
            .any(|end| host.ends_with(end))
            .then(|| ses_id(token, &host))?;
    }
    let mut bracketed = answer.split('<').skip(1);
    let (inside, _) = bracketed.next()?.split_once('>')?;
    if bracketed.next().is_some() || addresses.any(|one| one.eq_ignore_ascii_case(inside)) {
        return None;
    }
    let (local, domain) = inside.split_once('@')?;
    // Others write contact addresses into brackets.
    let domain = domain.to_ascii_lowercase();
    let of_exchange = EXCHANGE_DOMAINS.iter().any(|end| domain.ends_with(end));
    let right = !local.is_empty() && of_exchange && !domain.contains('@');
    right.then(|| MessageId::parse(inside))?
}

fn is_of_ses(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    let fits = |(group, length): (&&str, &usize)| {
        group.len() == *length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    groups.len() == SES_GROUPS.len() && groups.iter().zip(&SES_GROUPS).all(fits)
}

fn ses_id(token: &str, host: &str) -> Option<MessageId> {
    let is_region = |label: &&str| {
        let parts: Vec<&str> = label.split('-').collect();
        let number = parts
            .last()
            .is_some_and(|last| last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit()));
        parts.len() >= 3 && parts[0].len() == 2 && number
    };
    let place = match host.split('.').find(is_region)? {
        SES_FIRST_REGION => "email",
        region => region,
    };
    MessageId::parse(&format!("{token}@{place}.{SES_DOMAIN}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "010001934e5a1b2c-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-000000";

    fn said(answer: &str, host: &str) -> Option<String> {
        let found = said_in(answer, host, ["ann@example.net"].into_iter());
        found.map(|id| id.as_str().to_owned())
    }

    #[test]
    fn ids_are_read_where_a_provider_is_known_to_tell_them() {
        let outlook = "2.0.0 OK <AM0PR04MB1.eurprd04.prod.outlook.com@x.prod.outlook.com> [Hostname=AM0PR04MB1]";
        assert_eq!(
            said(outlook, "smtp.office365.com").as_deref(),
            Some("AM0PR04MB1.eurprd04.prod.outlook.com@x.prod.outlook.com")
        );
        for (host, domain) in [
            ("email-smtp.us-east-1.amazonaws.com", "email.amazonses.com"),
            (
                "email-smtp.eu-west-1.amazonaws.com",
                "eu-west-1.amazonses.com",
            ),
            ("smtp.mail.us-west-2.awsapps.com", "us-west-2.amazonses.com"),
        ] {
            let expected = format!("{TOKEN}@{domain}");
            assert_eq!(said(&format!("Ok {TOKEN}"), host), Some(expected), "{host}");
        }
    }

    #[test]
    fn queue_ids_addresses_and_prose_are_none() {
        for answer in [
            "2.0.0 Ok: queued as 4XyZ1234",
            "2.0.0 OK  1696169811 ffacd0b85a97d-32gsmtp",
            "OK id=1qYxAb-0001aB-2C",
            "2.6.0 <ann@example.net> Queued mail for delivery",
            "2.0.0 OK <a@b.example> <c@d.example>",
            "2.0.0 OK <a@b@c.example>",
            "2.0.0 OK <nodomain@localhost>",
            "2.0.0 OK <unclosed@b.example",
            "",
        ] {
            assert_eq!(said(answer, "smtp.example.com"), None, "{answer}");
        }
        // Elsewhere the same words mean nothing.
        assert_eq!(said(&format!("Ok {TOKEN}"), "smtp.example.com"), None);
        assert_eq!(said(&format!("Ok {TOKEN}"), "email.amazonaws.com"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_stops_the_reader(answer in "(\\PC|<|>|@){0,80}") {
            if let Some(id) = said(&answer, "smtp.example.com") {
                proptest::prop_assert!(id.contains('@'));
            }
        }
    }
}
