//! What an address probably needs, as a terminal shows it.

use serde_json::json;

use super::message::Answer;
use super::row::server;
use crate::domain::address::Address;
use crate::domain::mailbox::Server;
use crate::service::connect::Remarks;
use crate::service::connect::suggestion::{How, Suggestion};

/// How the provider was found, and its servers.
pub(super) fn found(address: &str, suggestion: &Suggestion, remarks: &Remarks) -> Answer {
    let domain = address
        .rsplit_once('@')
        .map_or(address, |(_, domain)| domain);
    let (known, plugin) = (&suggestion.known, suggestion.plugin.as_ref());
    let name = plugin.map_or("a provider without a plugin", |plugin| {
        &plugin.preset.name.en
    });
    let how = match &suggestion.how {
        How::Chosen => format!("{name}, as you chose"),
        How::Domain => format!("{name}, by the domain {domain}"),
        How::Mx(host) => format!("{name}, since {host} receives mail of {domain}"),
        How::Autoconfig => format!("{name}; {domain} publishes these servers"),
        How::Srv => format!("{name}; DNS of {domain} names these servers"),
        How::Guess => format!("nothing is known of {domain}; the usual names are a guess"),
    };
    let shown = |known: &Option<Server>, usual: &str| match known {
        Some(known) => server(known),
        None => format!("{usual}.{domain} (guessed)"),
    };
    let (imap, pop3, smtp) = (
        shown(&known.imap, "imap"),
        known.pop3.as_ref().map(server),
        shown(&known.smtp, "smtp"),
    );
    let outside = match known.foreign.as_slice() {
        [] => String::new(),
        hosts => format!(
            "; outside {domain}: {}, which you have to name yourself, if that is right:{}",
            hosts.join(", "),
            known.options_for_foreign()
        ),
    };
    let or_pop3 = pop3.as_ref().map(|pop3| format!(" (or POP3 {pop3})"));
    Answer::Item {
        words: format!(
            "{how}: reads at {imap}{}, sends by {smtp}{outside}",
            or_pop3.unwrap_or_default()
        ),
        item: json!({
            "how": how,
            "preset": plugin.map(|plugin| &plugin.preset.id),
            "imap": imap,
            "pop3": pop3,
            "smtp": smtp,
            "foreign": known.foreign,
            "did_you_mean": remarks.meant.as_ref().map(ToString::to_string),
            "no_such_domain": remarks.no_domain,
            "connected_as": remarks.connected.as_ref().map(|taken| &taken.settings.name),
        }),
    }
}

/// What is to be looked at before anything else.
pub(super) fn warnings(address: &Address, remarks: &Remarks) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(taken) = &remarks.connected {
        words.push(format!(
            "{address} is already connected as \"{}\"; an address is connected once",
            taken.settings.name
        ));
    }
    if let Some(meant) = &remarks.meant {
        words.push(format!("{meant} was meant, perhaps"));
    }
    if remarks.no_domain {
        let domain = address.domain();
        words.push(format!("DNS knows no domain {domain}; check the spelling"));
    }
    words
}
