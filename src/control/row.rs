//! Mailboxes and steps of a trial as a terminal shows them.

use std::fmt::Display;

use jiff::Timestamp;

use super::message::{Answer, MailboxRow};
use crate::domain::address::{Address, NamedAddress};
use crate::domain::mailbox::{
    Condition, Mailbox, MailboxHealth, MailboxSettings, Pop3Keep, Security, Server, WayIn, WayOut,
};
use crate::service::alerts::Worry;
use crate::service::connect::{Step, StepResult};

pub(super) fn told(step: &StepResult) -> Answer {
    let name = match step.step {
        Step::Incoming => "incoming server",
        Step::Folder => "folder",
        Step::Outgoing => "outgoing server",
    };
    let (passed, words) = match &step.outcome {
        Ok(words) => (true, words.clone()),
        Err(words) => (false, words.clone()),
    };
    let took_ms = u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX);
    Answer::Step {
        step: name.to_owned(),
        passed,
        words: words.to_string(),
        took_ms,
    }
}

/// `is_running`: whether what is known is what goes on.
pub(super) fn row(mailbox: &Mailbox, health: &MailboxHealth, is_running: bool) -> MailboxRow {
    MailboxRow {
        id: mailbox.id.to_string(),
        slug: mailbox.settings.slug.to_string(),
        address: mailbox.settings.address.to_string(),
        name: mailbox.settings.name.clone(),
        receiving: receiving(&mailbox.settings.way_in, health, is_running),
        sending: sending(&mailbox.settings, health, is_running),
        last_sign_of_life: health.last_sign_of_life.map(moment),
        last_mail_at: health.last_mail_at.map(moment),
        last_submission: health.last_submission.map(moment),
        code_created_on: mailbox.settings.code_created_on.map(|day| day.to_string()),
        expires_on: health.expiry.map(|(expiry, _)| expiry.ends_on.to_string()),
        days_left: health.expiry.map(|(_, days_left)| days_left),
        catching_up: health.catching_up,
        too_large: health.held.too_large,
        incomplete: health.held.incomplete,
        proven_at: health.proofs.proven_at.map(moment),
        canary_failure: health
            .proofs
            .canary
            .failure
            .as_ref()
            .map(ToString::to_string),
        canary_median_ms: health.proofs.canary.median_ms(),
    }
}

/// What is said of a way that nothing is known to be wrong with.
const NOT_RUNNING: &str = "the gateway is not running";

fn receiving(way_in: &WayIn, health: &MailboxHealth, is_running: bool) -> String {
    match (way_in, &health.receiving) {
        (_, Condition::Active | Condition::Connecting) if !is_running => NOT_RUNNING.to_owned(),
        (WayIn::Forwarding(_), Condition::Connecting) => match &health.receiving_address {
            Some(address) => format!("waits for the first mail forwarded to {address}"),
            None => "waits for the first forwarded mail; [smtp_listener] is off".to_owned(),
        },
        (_, receiving) => condition(receiving),
    }
}

/// A time for people: nobody needs more than seconds.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `1 mail`, `2 mails`.
pub(super) fn counted<N: PartialEq + From<u8> + Display>(
    number: N,
    one: &str,
    more: &str,
) -> String {
    let what = if number == N::from(1) { one } else { more };
    format!("{number} {what}")
}

/// Sending keeps no connection: what was never tried is not connecting.
fn sending(settings: &MailboxSettings, health: &MailboxHealth, is_running: bool) -> String {
    match &health.sending {
        Condition::Active | Condition::Connecting if !is_running => NOT_RUNNING.to_owned(),
        Condition::Connecting => "not used yet".to_owned(),
        Condition::Active if health.sending_is_in_doubt(settings) => {
            "worked when last used; the login is refused now".to_owned()
        }
        tried => condition(tried),
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Connecting => "connecting".to_owned(),
        Condition::Active => "active".to_owned(),
        Condition::Interrupted {
            reason,
            retry,
            retries_max,
            next_at,
        } => {
            let next = moment(*next_at);
            format!("interrupted, try {retry} of {retries_max}, next at {next}: {reason}")
        }
        Condition::Error { reason, next_at } => {
            format!("error, next try at {}: {reason}", moment(*next_at))
        }
        Condition::ReauthenticationNeeded { reason } => {
            format!("re-authentication needed: {reason}")
        }
        Condition::Offline => "offline".to_owned(),
        Condition::Unbound => "interrupted: unbound by a person".to_owned(),
    }
}

/// What an administrator should mend, so that people hear of a sick mailbox.
pub(super) fn worry(worry: &Worry) -> String {
    match worry {
        Worry::NoWayOut { addresses } => {
            let addresses: Vec<&str> = addresses.iter().map(Address::as_str).collect();
            format!(
                "nobody would hear when {} stops working: there is no other way out. Fill in \
                 [system_smtp] in the configuration and restart, or connect another mailbox",
                addresses.join(", ")
            )
        }
        Worry::NobodyToTell => "nobody would hear when a mailbox stops working: no administrator \
             has a mail address. `postern user add` makes one; also_to in [alerts] of the \
             configuration names others"
            .to_owned(),
        Worry::ScriptFails(failing) => {
            format!(
                "`{}` of the scripts has failed {} times, the last time with: {}",
                failing.function, failing.count, failing.last.words
            )
        }
        Worry::Unsent { count, failure } => {
            format!("{count} notices about mailboxes could not be sent yet: {failure}")
        }
    }
}

/// What is set, in words: for `mailbox show`.
pub(super) fn settings(mailbox: &Mailbox, health: &MailboxHealth) -> Vec<(String, String)> {
    let set = &mailbox.settings;
    let mut rows = vec![
        ("preset", set.preset.clone()),
        ("mail comes", way_in(&set.way_in, health)),
        ("replies leave", way_out(&set.way_out)),
        ("from", named(&set.identity)),
        ("connected", moment(mailbox.connected_at)),
    ];
    rows.extend(set.overlay.clone().map(|overlay| ("overlay", overlay)));
    let registered = set.registered_address.as_ref().map(|address| {
        let not_ours = set.sender(address).is_none();
        let warning = " (replies to buyers are refused: this mailbox does not send from it; `--alias` adds it)";
        format!("{address}{}", if not_ours { warning } else { "" })
    });
    rows.extend(registered.map(|shown| ("registered address", shown)));
    let receiving = health.receiving_address.clone();
    rows.extend(receiving.map(|address| ("receiving address", address)));
    if let Some(asked) = &health.confirmation {
        let account = asked
            .account
            .as_ref()
            .map(|account| format!(" for {account}"));
        let code = format!("{}{}", asked.code, account.unwrap_or_default());
        rows.push(("forwarding code", code));
        let link = asked.link.clone();
        rows.extend(link.map(|link| ("or open, if it was you", link)));
    }
    if let Some(two) = &health.two_ways {
        let words = format!(
            "{} and {}; each was kept once, switch one of the two off",
            two.first, two.second
        );
        rows.push(("mail arrives twice", words));
    }
    if let Some(way) = set.imap() {
        let mut folders = vec![way.folder.to_string()];
        folders.extend(way.more_folders.iter().map(ToString::to_string));
        folders.extend(way.junk.iter().map(|name| format!("{name} (spam)")));
        rows.push(("folders", folders.join(", ")));
    }
    if set.imap().is_none() {
        let words = "not filed: only a mailbox that is read by IMAP has folders";
        rows.push(("copies", words.to_owned()));
    } else if set.provider_files_sent {
        rows.push(("copies", "filed by the provider".to_owned()));
    } else if let Some(folder) = &set.sent_folder {
        rows.push(("copies", folder.to_string()));
    }
    rows.extend(set.aliases.iter().map(|alias| ("alias", named(alias))));
    let replies = super::replying::words(&set.replies, set.imap().is_some());
    rows.push(("replies", replies));
    rows.push(("conversations", super::threading::words(&set.threading)));
    let seconds = set.check_interval.map(|wait| wait.as_secs());
    rows.extend(seconds.map(|seconds| ("looks every", format!("{seconds} s"))));
    let attempts = set.attempts_max;
    rows.extend(attempts.map(|count| ("attempts before an error", count.to_string())));
    let rescue = set.rescue_address.as_ref();
    rows.extend(rescue.map(|address| ("rescue address", address.to_string())));
    let values = set.values.iter();
    rows.extend(values.map(|(name, value)| ("setting", format!("{name} = {value}"))));
    if !set.signature.is_empty() {
        rows.push(("signature", set.signature.clone()));
    }
    rows.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn named(one: &NamedAddress) -> String {
    match one.name() {
        Some(name) => format!("{name} <{}>", one.address),
        None => one.address.to_string(),
    }
}

fn way_in(way: &WayIn, health: &MailboxHealth) -> String {
    match way {
        WayIn::Imap(way) => format!("by IMAP from {}", server(&way.server)),
        WayIn::Pop3(way) => {
            let keep = match way.keep {
                Pop3Keep::Leave => "mail stays there".to_owned(),
                Pop3Keep::Days(days) => format!("mail is deleted there after {days} days"),
                Pop3Keep::DeleteOnceStored => "mail is deleted there once stored".to_owned(),
            };
            format!("by POP3 from {}; {keep}", server(&way.server))
        }
        WayIn::Forwarding(_) => match &health.receiving_address {
            Some(address) => format!("forwarded to {address}"),
            None => "forwarded to us, and [smtp_listener] of the configuration is off".to_owned(),
        },
    }
}

fn way_out(way: &WayOut) -> String {
    match way {
        WayOut::Own(own) => format!("by {}", server(own)),
        WayOut::System => "by the gateway's own mail server".to_owned(),
    }
}

pub(super) fn server(server: &Server) -> String {
    let security = match server.security {
        Security::Tls => "tls",
        Security::StartTls => "starttls",
        Security::None => "readable on the way",
    };
    format!("{}:{} ({security})", server.host, server.port)
}
