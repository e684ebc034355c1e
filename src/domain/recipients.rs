//! Who an answer goes to, derived from the mail it answers.
//!
//! From stays From; Reply-To is used only here, and only shown elsewhere. Our own
//! addresses never become recipients, and nobody is named twice.

use std::collections::HashSet;

use super::address::{Address, NamedAddress};
use super::message::{Direction, Head};

/// The To and Cc of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// The To field.
    pub to: Vec<NamedAddress>,
    /// The Cc field.
    pub cc: Vec<NamedAddress>,
}

/// Plans the recipients of an answer to a mail. `own` are the addresses of our mailboxes.
///
/// An answer to our own mail goes where that went (RFC 5322 section 3.6.3 leaves
/// it open; every desk expects it).
#[must_use]
pub fn plan_recipients(answered: &Head, direction: Direction, own: &[Address]) -> Recipients {
    let mut seen: HashSet<String> = own.iter().map(Address::folded).collect();
    let mut take = |list: &mut dyn Iterator<Item = &NamedAddress>| -> Vec<NamedAddress> {
        list.filter(|one| seen.insert(one.address.folded()))
            .cloned()
            .collect()
    };
    match direction {
        Direction::Outbound | Direction::Note => Recipients {
            to: take(&mut answered.to.iter()),
            cc: take(&mut answered.cc.iter()),
        },
        Direction::Inbound => {
            let to = if answered.reply_to.is_empty() {
                take(&mut answered.author().into_iter())
            } else {
                take(&mut answered.reply_to.iter())
            };
            // Further people the contact wrote to stay in the talk (PAINS P21).
            let cc = take(&mut answered.to.iter().chain(answered.cc.iter()));
            Recipients { to, cc }
        }
    }
}

/// The subject of an answer: one reply prefix in front, whatever its language.
#[must_use]
pub fn answer_subject(subject: &str) -> String {
    if super::subject::is_reply(subject) {
        subject.to_owned()
    } else {
        format!("Re: {subject}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> NamedAddress {
        Address::parse(text).expect("an address").into()
    }

    fn shown(list: &[NamedAddress]) -> Vec<&str> {
        list.iter().map(|one| one.address.as_str()).collect()
    }

    fn head() -> Head {
        Head {
            from: Some(named("anna@example.org")),
            to: vec![named("Support@example.com"), named("boss@example.org")],
            cc: vec![named("ANNA@example.org"), named("friend@example.net")],
            ..Head::default()
        }
    }

    #[test]
    fn others_stay_in_the_talk_and_we_do_not_write_to_ourselves() {
        let own = [Address::parse("support@example.com").expect("an address")];
        let plan = plan_recipients(&head(), Direction::Inbound, &own);
        assert_eq!(shown(&plan.to), ["anna@example.org"]);
        assert_eq!(shown(&plan.cc), ["boss@example.org", "friend@example.net"]);
    }

    #[test]
    fn reply_to_replaces_from() {
        let answered = Head {
            reply_to: vec![named("desk@example.org")],
            ..head()
        };
        let plan = plan_recipients(&answered, Direction::Inbound, &[]);
        assert_eq!(shown(&plan.to), ["desk@example.org"]);
    }

    #[test]
    fn one_prefix_is_enough() {
        assert_eq!(answer_subject("Invoice"), "Re: Invoice");
        assert_eq!(answer_subject("回复：发票"), "回复：发票");
    }

    #[test]
    fn following_up_our_own_mail_goes_where_it_went() {
        let own = [Address::parse("support@example.com").expect("an address")];
        let plan = plan_recipients(&head(), Direction::Outbound, &own);
        assert_eq!(shown(&plan.to), ["boss@example.org"]);
    }
}
