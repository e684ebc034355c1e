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
    let own: HashSet<String> = own.iter().map(Address::folded).collect();
    let mut seen = own.clone();
    let mut take = |list: &mut dyn Iterator<Item = &NamedAddress>| -> Vec<NamedAddress> {
        // With a tag behind a plus sign it is ours too.
        list.filter(|one| !own.contains(&one.address.folded_base()))
            .filter(|one| seen.insert(one.address.folded()))
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

/// What differs between the people of a mail and those its answer goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// They get the answer and had no part in the mail.
    pub new: Vec<NamedAddress>,
    /// They had a part in the mail and do not get the answer.
    pub dropped: Vec<NamedAddress>,
}

/// Compares the people of a mail with the recipients of its answer. Whom only its Reply-To
/// names is new: the mail was not seen there.
#[must_use]
pub fn changes<'r>(
    answered: &Head,
    recipients: impl Iterator<Item = &'r NamedAddress>,
    own: &[Address],
) -> Changes {
    let own: HashSet<String> = own.iter().map(Address::folded).collect();
    let is_ours = |one: &NamedAddress| {
        own.contains(&one.address.folded()) || own.contains(&one.address.folded_base())
    };
    let mut changes = Changes::default();
    let people = answered.from.iter().chain(&answered.to).chain(&answered.cc);
    let people: Vec<&NamedAddress> = people.filter(|one| !is_ours(one)).collect();
    let folded = |one: &NamedAddress| one.address.folded();
    let known: HashSet<String> = people.iter().map(|one| folded(one)).collect();
    let mut written_to = HashSet::new();
    for one in recipients {
        if written_to.insert(folded(one)) && !known.contains(&folded(one)) && !is_ours(one) {
            changes.new.push(one.clone());
        }
    }
    for one in people {
        if written_to.insert(folded(one)) {
            changes.dropped.push(one.clone());
        }
    }
    changes
}

/// Which of our own addresses a mail was written to, or written from when it is ours: an
/// exact match first, then one without what stands behind a plus sign.
#[must_use]
pub fn written_to<'o>(
    answered: &Head,
    direction: Direction,
    own: &'o [NamedAddress],
) -> Option<&'o NamedAddress> {
    let places: Vec<&NamedAddress> = match direction {
        Direction::Inbound => {
            let named = answered.to.iter().chain(&answered.cc);
            named.chain(&answered.delivered_to).collect()
        }
        Direction::Outbound | Direction::Note => answered.from.iter().collect(),
    };
    let find = |form: fn(&Address) -> String| {
        places.iter().find_map(|place| {
            let place = form(&place.address);
            own.iter().find(|one| one.address.folded() == place)
        })
    };
    find(Address::folded).or_else(|| find(Address::folded_base))
}

/// The subject of a forwarded message.
#[must_use]
pub fn forward_subject(subject: &str) -> String {
    format!("Fwd: {subject}")
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
    fn an_own_address_with_a_tag_is_ours() {
        let own = [Address::parse("support@example.com").expect("an address")];
        let answered = Head {
            to: vec![
                named("support+p-abc@example.com"),
                named("boss@example.org"),
            ],
            ..head()
        };
        let plan = plan_recipients(&answered, Direction::Inbound, &own);
        assert_eq!(shown(&plan.cc), ["boss@example.org", "friend@example.net"]);
        let plan = changes(&answered, std::iter::empty(), &own);
        assert_eq!(
            shown(&plan.dropped),
            ["anna@example.org", "boss@example.org", "friend@example.net"]
        );
    }

    #[test]
    fn who_is_new_and_who_is_left_out_is_told() {
        let own = [Address::parse("support@example.com").expect("an address")];
        let to = [named("Anna@example.org"), named("eve@example.net")];
        let told = changes(&head(), to.iter(), &own);
        assert_eq!(shown(&told.new), ["eve@example.net"]);
        assert_eq!(
            shown(&told.dropped),
            ["boss@example.org", "friend@example.net"]
        );
    }

    #[test]
    fn the_address_that_was_written_to_answers() {
        let own = [named("support@example.com"), named("sales@example.com")];
        let to = |to: &str, delivered: &str| Head {
            to: vec![named(to)],
            delivered_to: vec![named(delivered)],
            ..Head::default()
        };
        for (mail, ours) in [
            (to("Sales@example.com", "support@example.com"), Some(1)),
            (to("sales+x@example.com", "a@example.com"), Some(1)),
            (to("sales+x@example.com", "support@example.com"), Some(0)),
            (to("list@example.net", "support@example.com"), Some(0)),
            (to("list@example.net", "a@example.com"), None),
        ] {
            let found = written_to(&mail, Direction::Inbound, &own);
            assert_eq!(found, ours.map(|at: usize| &own[at]));
        }
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
