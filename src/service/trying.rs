//! Scripts asked about a mail for whoever writes them: nothing is stored, sent or done.
//!
//! Deliberately absent: reading files. The doors bring the mail and the scripts.

use std::time::Duration;

use jiff::Zoned;
use tokio::time::Instant;

use crate::domain::decision::Gating;
use crate::script::{ContextView, Gated, MailView, Routed, Signed, Snapshot, entry, entry_of};

/// What surrounds the mail, where somebody wants it otherwise than usual.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Address or slug of the mailbox it came to; the first it is written to when absent.
    pub mailbox: Option<String>,
    /// When it comes in.
    pub now: Zoned,
}

/// What the scripts made of a mail.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The decision.
    pub routed: Routed,
    /// What the assistant may do; `None` where nobody asks for one.
    pub gating: Option<Gating>,
    /// How long they took.
    pub took: Duration,
}

/// What a function other than `route` answers about a mail.
#[derive(Clone, Debug)]
pub enum Answered {
    /// `ai_reply`.
    Gate(Gated),
    /// `signature`, below a reply to it.
    Signature(Signed),
    /// `on_timer`, if its conversation were waited for.
    Timer(Routed),
}

/// A mail of which there is nothing but its bytes, as scripts see it.
#[must_use]
pub fn sample(raw: &[u8], around: Surroundings) -> (MailView, ContextView) {
    let mut mail = MailView::of_bytes(raw);
    mail.arrived_at = around.now.timestamp();
    let (address, slug) = match around.mailbox {
        Some(address) if address.contains('@') => (Some(address), None),
        slug => (None, slug),
    };
    let address = address.unwrap_or_else(|| {
        let mut written_to = mail.head.to.iter();
        let first = written_to.next();
        first.map_or_else(String::new, |to| to.address.folded())
    });
    let mut context = ContextView::of_sample(&mail, &address, around.now);
    if let Some(slug) = slug {
        context.mailbox.slug = slug;
    }
    (mail, context)
}

/// Asks the scripts where a mail goes, and what the assistant may do about it.
#[must_use]
pub fn route(
    snapshot: &Snapshot,
    mail: MailView,
    context: ContextView,
    time_max: Duration,
) -> Tried {
    let begun = Instant::now();
    let expired = move || begun.elapsed() > time_max;
    let routed = snapshot.route(mail.clone(), context.clone(), expired);
    let second = Instant::now();
    let is_asked = snapshot.asks_about_answers(&context);
    let expired = move || second.elapsed() > time_max;
    let gating = is_asked.then(|| snapshot.gating(mail, context, &routed, expired));
    Tried {
        routed,
        gating,
        took: begun.elapsed(),
    }
}

/// What the function of a file answers about a mail, where it is not [`route`]; `None` where
/// the file has none that is asked about mails. A mailbox's own file answers as the one it
/// stands in the place of.
#[must_use]
pub fn answer_of(
    file: &str,
    snapshot: &Snapshot,
    (mail, context): (MailView, ContextView),
    time_max: Duration,
) -> Option<Answered> {
    let begun = Instant::now();
    let expired = move || begun.elapsed() > time_max;
    match entry_of(file)? {
        entry::GATE => Some(Answered::Gate(snapshot.ai_reply(mail, context, expired))),
        entry::SIGNATURE => Some(Answered::Signature(snapshot.signature(context, expired))),
        entry::TIMERS => Some(Answered::Timer(snapshot.on_timer(context, expired))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::answered::in_words;
    use crate::domain::decision::Outcome;
    use crate::script::moment;

    const RAW: &[u8] = b"From: Wang Wei <wei@example.cn>\r\nTo: shop@example.com\r\n\
        Subject: Re: Invoice\r\nX-Flag: yes\r\n\r\nHello.\r\n\r\n> old words\r\n";

    fn snapshot(source: &str) -> Snapshot {
        let files = vec![("routing.rhai".to_owned(), source.to_owned())];
        Snapshot::of(files, &crate::script::Limits::default()).expect("right")
    }

    #[test]
    fn a_mail_in_a_file_is_routed_as_one_that_comes_in() {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let now = moment("2026-11-28T09:00:00+08:00", &zone).expect("a time");
        let around = Surroundings { mailbox: None, now };
        let (mail, context) = sample(RAW, around);
        let snapshot = snapshot(
            "fn route(mail, ctx) {\n  if mail.base_subject == \"invoice\" && ctx.now.hour == 9 \
             && mail.header(\"x-flag\") == \"yes\" && ctx.conversation.is_new \
             && ctx.mailbox.address == \"shop@example.com\" && ctx.contact.name == \"Wang Wei\" \
             && mail.text.contains(\"Hello\") { return team(\"billing\"); }\n  inbox()\n}",
        );
        let tried = route(&snapshot, mail, context, Duration::from_secs(10));
        assert_eq!(in_words(&tried.routed.routing), "team billing", "{tried:?}");
    }

    #[test]
    fn a_mailbox_is_named_by_slug_or_address_and_has_its_own_scripts() {
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let files = vec![
            file(
                "routing.rhai",
                "fn route(mail, ctx) { team(name()) } fn name() { \"all\" }",
            ),
            file(
                "mailboxes/shop-example-com/routing.rhai",
                "fn name() { \"shop\" }",
            ),
            file(
                "mailboxes/support/routing.rhai",
                "fn name() { \"support\" }",
            ),
        ];
        let snapshot = Snapshot::of(files, &crate::script::Limits::default()).expect("right");
        let team = |mailbox: Option<&str>| {
            let now = moment("2026-11-28T09:00", &TimeZone::UTC).expect("a time");
            let mailbox = mailbox.map(str::to_owned);
            let (mail, context) = sample(RAW, Surroundings { mailbox, now });
            let tried = route(&snapshot, mail, context, Duration::from_secs(10));
            tried.routed.routing.team
        };
        assert_eq!(team(None).as_deref(), Some("shop"));
        assert_eq!(team(Some("support")).as_deref(), Some("support"));
        assert_eq!(team(Some("Shop@Example.com")).as_deref(), Some("shop"));
        assert_eq!(team(Some("sales@example.com")).as_deref(), Some("all"));
    }

    #[test]
    fn a_mailboxs_own_file_answers_as_the_one_for_all() {
        let own = |entry: &str| format!("mailboxes/shop-example-com/{entry}");
        let files = vec![
            (
                own(entry::GATE),
                "fn ai_reply(mail, ctx) { off(\"own\") }".to_owned(),
            ),
            (
                own(entry::SIGNATURE),
                "fn signature(ctx) { \"own\" }".to_owned(),
            ),
            (
                own(entry::TIMERS),
                "fn on_timer(ctx) { team(\"own\") }".to_owned(),
            ),
        ];
        let snapshot = Snapshot::of(files, &crate::script::Limits::default()).expect("right");
        let answered = |name: &str| {
            let now = moment("2026-11-28T09:00", &TimeZone::UTC).expect("a time");
            let seen = sample(RAW, Surroundings { mailbox: None, now });
            answer_of(name, &snapshot, seen, Duration::from_secs(10))
        };
        let Some(Answered::Gate(gated)) = answered(&own(entry::GATE)) else {
            panic!("no gate");
        };
        assert_eq!(gated.outcome, Outcome::Decided);
        let Some(Answered::Signature(signed)) = answered(&own(entry::SIGNATURE)) else {
            panic!("no signature");
        };
        assert_eq!(signed.text, "own");
        let Some(Answered::Timer(routed)) = answered(&own(entry::TIMERS)) else {
            panic!("no timer");
        };
        assert_eq!(routed.routing.team.as_deref(), Some("own"));
        for none in [
            &own(entry::ROUTING),
            "lib/signature.rhai",
            "a/b/timers.rhai",
        ] {
            assert!(answered(none).is_none(), "{none}");
        }
    }
}
