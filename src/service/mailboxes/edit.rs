//! What a person types to change a connected mailbox becomes its new settings; what is
//! wrong is refused with the name of its field. All doors come through here.
//!
//! Absent: the trial and the store; see `change`. The logins are in `given`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::given::GivenLogins;
use crate::domain::address::NamedAddress;
use crate::domain::mailbox::{MailboxSettings, Server, WayIn, WayOut};
use crate::domain::replying::ReplyChange;
use crate::domain::saying::{Saying, saying};
use crate::domain::slug::Slug;
use crate::domain::threading::ThreadingChange;
use crate::service::connect::sense::reaches_somebody;
use crate::service::connect::server::{Usual, read_server};
use crate::service::connect::threading::threading;
use crate::service::connect::wish::{
    WrongField, address, alias, folder, pop3_keep, replies, typed, wrong,
};

/// Seconds between two looks of one mailbox.
const INTERVAL_RANGE: RangeInclusive<u64> = 5..=86_400;
/// Failed attempts before a mailbox is in error.
const ATTEMPTS_RANGE: RangeInclusive<u32> = 1..=1_000;
/// Characters of a name.
const NAME_LENGTH_MAX: usize = 100;
/// Bytes of a signature.
const SIGNATURE_BYTES_MAX: usize = 20_000;
/// Further addresses.
const ALIASES_MAX: usize = 50;
/// Values for scripts.
const VALUES_MAX: usize = 32;
/// Bytes of the name of one.
const VALUE_NAME_BYTES_MAX: usize = 40;
/// Bytes of one.
const VALUE_BYTES_MAX: usize = 1_000;

/// New values as they were typed. What is absent stays as it is; what is empty is
/// taken away, or becomes what it is without anybody's choice.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// What the team calls it.
    pub name: Option<String>,
    /// Its id for people and scripts.
    pub slug: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// `host` or `host:port` mail is fetched from.
    pub incoming: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub incoming_security: Option<String>,
    /// The folder that is watched.
    pub folder: Option<String>,
    /// `leave`, `once-stored` or a number of days.
    pub pop3_keep: Option<String>,
    /// `host` or `host:port` replies are handed to.
    pub outgoing: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub outgoing_security: Option<String>,
    /// Replies leave by the gateway's own server.
    pub system_smtp: Option<bool>,
    /// Where copies of replies go.
    pub sent_folder: Option<String>,
    /// The provider files what it submits itself.
    pub provider_files_sent: Option<bool>,
    /// The name replies leave under.
    pub from_name: Option<String>,
    /// Further addresses replies may leave from, `a@b` or `Name <a@b>`.
    pub aliases: Option<Vec<String>>,
    /// Text under replies.
    pub signature: Option<String>,
    /// Who is written to when the login no longer works.
    pub rescue_address: Option<String>,
    /// Preset that lies over the provider's.
    pub overlay: Option<String>,
    /// The address that is registered there.
    pub registered_address: Option<String>,
    /// When the authorization code was made: `2026-01-31`.
    pub code_created_on: Option<String>,
    /// Seconds between looks at a server that does not push.
    pub check_interval: Option<String>,
    /// Failed attempts before an error.
    pub attempts_max: Option<String>,
    /// Values for scripts, by name; an empty one is taken away, and those that are not
    /// named stay.
    pub values: Vec<(String, String)>,
    /// How replies are written and filed.
    pub replies: ReplyChange,
    /// When a mail joins an older conversation.
    pub threading: ThreadingChange,
    /// New logins.
    pub logins: GivenLogins,
}

impl Edit {
    /// The settings with the new values.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub(super) fn over(&self, before: &MailboxSettings) -> Result<MailboxSettings, WrongField> {
        let mut after = before.clone();
        self.names(&mut after)?;
        self.servers(&mut after)?;
        self.folders(&mut after)?;
        self.rhythm(&mut after)?;
        if let Some(text) = &self.rescue_address {
            let text = typed(Some(text));
            after.rescue_address = text
                .map(|text| address("rescue_address", text))
                .transpose()?;
        }
        self.overlay(&mut after)?;
        self.values(&mut after)?;
        after.replies = replies(&self.replies, after.replies)?;
        after.threading = threading(&self.threading, after.threading)?;
        if let Some(text) = &self.code_created_on {
            let read = |text: &str| {
                let words = saying!("wish.day", typed = Saying::quoted(text));
                text.parse().map_err(|_| wrong("code_created_on", words))
            };
            after.code_created_on = typed(Some(text)).map(read).transpose()?;
        }
        reaches_somebody(&after)?;
        Ok(after)
    }

    /// Without an overlay nothing is registered.
    fn overlay(&self, after: &mut MailboxSettings) -> Result<(), WrongField> {
        if let Some(text) = &self.overlay {
            after.overlay = typed(Some(text)).map(str::to_owned);
            if after.overlay.is_none() {
                after.registered_address = None;
            }
        }
        if let Some(text) = &self.registered_address {
            let registered = typed(Some(text)).map(|text| address("registered_address", text));
            after.registered_address = registered.transpose()?;
        }
        Ok(())
    }

    fn values(&self, after: &mut MailboxSettings) -> Result<(), WrongField> {
        let refused = |words| wrong("settings", words);
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        for (name, value) in &self.values {
            let length = 1..=VALUE_NAME_BYTES_MAX;
            if !length.contains(&name.len()) || !name.chars().all(fits) {
                let (typed, most) = (Saying::quoted(name), VALUE_NAME_BYTES_MAX);
                return Err(refused(saying!("wish.setting_name", typed, most)));
            }
            let value = value.replace("\r\n", "\n");
            let strange = |c: char| c.is_control() && c != '\n' && c != '\t';
            if value.len() > VALUE_BYTES_MAX || value.contains(strange) {
                let most = VALUE_BYTES_MAX;
                return Err(refused(saying!("wish.setting", name, most)));
            }
            if value.is_empty() {
                after.values.remove(name);
            } else {
                after.values.insert(name.clone(), value);
            }
        }
        if after.values.len() > VALUES_MAX {
            return Err(refused(saying!("wish.settings", most = VALUES_MAX)));
        }
        Ok(())
    }

    fn names(&self, after: &mut MailboxSettings) -> Result<(), WrongField> {
        if let Some(text) = typed(self.address.as_ref()) {
            let address = address("address", text)?;
            if after.name == after.address.as_str() {
                address.as_str().clone_into(&mut after.name);
            }
            after.identity = NamedAddress::new(after.identity.name(), address.clone());
            after.address = address;
        }
        if let Some(name) = &self.name {
            let name = one_line("name", name)?;
            after.name = name.unwrap_or_else(|| after.address.as_str().to_owned());
        }
        if let Some(text) = &self.slug {
            after.slug = match typed(Some(text)) {
                None => Slug::of(&after.address),
                Some(text) => Slug::parse(text).ok_or_else(|| {
                    wrong("slug", saying!("wish.slug", typed = Saying::quoted(text)))
                })?,
            };
        }
        if let Some(name) = &self.from_name {
            let name = one_line("from_name", name)?;
            after.identity = NamedAddress::new(name.as_deref(), after.identity.address.clone());
        }
        if let Some(lines) = &self.aliases {
            let lines = lines.iter().map(|line| line.trim());
            let lines = lines.filter(|line| !line.is_empty());
            after.aliases = lines.map(alias).collect::<Result<_, _>>()?;
            if after.aliases.len() > ALIASES_MAX {
                let words = saying!("wish.aliases", most = ALIASES_MAX);
                return Err(wrong("aliases", words));
            }
        }
        if let Some(text) = &self.signature {
            if text.len() > SIGNATURE_BYTES_MAX {
                let words = saying!("wish.signature", most = SIGNATURE_BYTES_MAX);
                return Err(wrong("signature", words));
            }
            after.signature = text.replace("\r\n", "\n");
        }
        Ok(())
    }

    fn servers(&self, after: &mut MailboxSettings) -> Result<(), WrongField> {
        let incoming = Typed {
            field: "incoming",
            server: typed(self.incoming.as_ref()),
            security: typed(self.incoming_security.as_ref()),
        };
        if incoming.is_given() {
            match &mut after.way_in {
                WayIn::Imap(way) => way.server = incoming.over(Usual::IMAP, Some(&way.server))?,
                WayIn::Pop3(way) => way.server = incoming.over(Usual::POP3, Some(&way.server))?,
                WayIn::Forwarding(_) => {
                    return Err(wrong("incoming", saying!("wish.forwarded")));
                }
            }
        }
        let outgoing = Typed {
            field: "outgoing",
            server: typed(self.outgoing.as_ref()),
            security: typed(self.outgoing_security.as_ref()),
        };
        if self.system_smtp == Some(true) {
            after.way_out = WayOut::System;
        } else if outgoing.is_given() {
            let server = outgoing.over(Usual::SMTP, after.way_out.server())?;
            after.way_out = WayOut::Own(server);
        } else if self.system_smtp == Some(false) && after.way_out == WayOut::System {
            return Err(wrong("outgoing", saying!("wish.no_way_out")));
        }
        Ok(())
    }

    fn folders(&self, after: &mut MailboxSettings) -> Result<(), WrongField> {
        if let Some(watched) = folder("folder", self.folder.as_ref())? {
            match &mut after.way_in {
                WayIn::Imap(way) => way.folder = watched,
                WayIn::Pop3(_) | WayIn::Forwarding(_) => {
                    return Err(wrong("folder", saying!("wish.no_folders")));
                }
            }
        }
        if self.pop3_keep.is_some() {
            let WayIn::Pop3(way) = &mut after.way_in else {
                return Err(wrong("pop3_keep", saying!("wish.no_maildrop")));
            };
            way.keep = pop3_keep(self.pop3_keep.as_ref())?;
        }
        if let Some(text) = &self.sent_folder {
            after.sent_folder = folder("sent_folder", Some(text))?;
        }
        if let Some(files) = self.provider_files_sent {
            after.provider_files_sent = files;
        }
        Ok(())
    }

    fn rhythm(&self, after: &mut MailboxSettings) -> Result<(), WrongField> {
        if let Some(text) = &self.check_interval {
            let seconds = within("check_interval", text, INTERVAL_RANGE)?;
            after.check_interval = seconds.map(Duration::from_secs);
        }
        if let Some(text) = &self.attempts_max {
            after.attempts_max = within("attempts_max", text, ATTEMPTS_RANGE)?;
        }
        Ok(())
    }
}

/// A server as it was typed.
struct Typed<'a> {
    field: &'static str,
    server: Option<&'a str>,
    security: Option<&'a str>,
}

impl Typed<'_> {
    fn is_given(&self) -> bool {
        self.server.is_some() || self.security.is_some()
    }

    /// What is not said of it is as before.
    fn over(&self, usual: Usual, before: Option<&Server>) -> Result<Server, WrongField> {
        if self.server.is_none() && before.is_none() {
            return Err(wrong(self.field, saying!("wish.host")));
        }
        // The domain would only name a server that nobody has named.
        read_server(self.server, self.security, usual, before, "")
            .map_err(|words| wrong(self.field, words))
    }
}

/// A name, or none.
fn one_line(field: &'static str, text: &str) -> Result<Option<String>, WrongField> {
    let text = text.trim();
    if text.chars().count() > NAME_LENGTH_MAX || text.contains(char::is_control) {
        let words = saying!("wish.one_line", most = NAME_LENGTH_MAX);
        return Err(wrong(field, words));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A number, or none.
fn within<N>(
    field: &'static str,
    text: &str,
    range: RangeInclusive<N>,
) -> Result<Option<N>, WrongField>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.map(Some).ok_or_else(|| {
        let typed = Saying::quoted(text);
        let (least, most) = (least.to_string(), most.to_string());
        wrong(field, saying!("wish.number", typed, least, most))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::testing::settings;

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else() {
        let before = settings("help@shop.example");
        let edit = Edit {
            from_name: Some("Shop".to_owned()),
            check_interval: Some("30".to_owned()),
            aliases: Some(vec!["Sales <sales@shop.example>".to_owned()]),
            ..Edit::default()
        };
        let mut after = edit.over(&before).expect("fine");
        assert_eq!(after.identity.name(), Some("Shop"));
        assert_eq!(after.check_interval, Some(Duration::from_secs(30)));
        assert_eq!(after.aliases.len(), 1);
        let empty = Edit {
            from_name: Some(String::new()),
            check_interval: Some(String::new()),
            aliases: Some(Vec::new()),
            ..Edit::default()
        };
        after = empty.over(&after).expect("fine");
        assert_eq!(after, before);
    }

    #[test]
    fn values_for_scripts_are_set_one_by_one_within_bounds() {
        let before = settings("help@shop.example");
        let edit = |values: &[(&str, &str)]| Edit {
            values: values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Edit::default()
        };
        let after = edit(&[("vip_team", "gold"), ("greeting", "Hello\r\nyou")]);
        let after = after.over(&before).expect("fine");
        assert_eq!(after.values["greeting"], "Hello\nyou");
        let after = edit(&[("greeting", ""), ("absent", "")]).over(&after);
        let after = after.expect("fine");
        assert_eq!(after.values.len(), 1);
        let long = "x".repeat(1_001);
        for wrong in [
            ("", "a"),
            ("Vip", "a"),
            ("a-b", "a"),
            (&"n".repeat(41), "a"),
            ("a", &long),
            ("a", "\u{7}"),
        ] {
            let refused = edit(&[wrong]).over(&after).expect_err(wrong.0);
            assert_eq!(refused.field, "settings");
        }
        let names: Vec<String> = (0..32).map(|n| format!("n{n}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "a")).collect();
        assert!(edit(&many).over(&before).is_ok());
        assert_eq!(edit(&many).over(&after).expect_err("33").field, "settings");
    }

    #[test]
    fn without_an_overlay_nothing_is_registered() {
        let before = settings("help@shop.example");
        let edit = |overlay: &str, registered: Option<&str>| Edit {
            overlay: Some(overlay.to_owned()),
            registered_address: registered.map(str::to_owned),
            ..Edit::default()
        };
        let with = edit("market", Some("shop@shop.example"));
        let with = with.over(&before).expect("fine");
        assert_eq!(with.overlay.as_deref(), Some("market"));
        assert!(with.registered_address.is_some());
        assert_eq!(edit("", None).over(&with).expect("fine"), before);
    }

    #[test]
    fn a_server_keeps_what_is_not_said_of_it() {
        let before = settings("help@shop.example");
        let edit = Edit {
            incoming: Some("mail.shop.example:1993".to_owned()),
            incoming_security: Some("tls".to_owned()),
            outgoing_security: Some("starttls".to_owned()),
            ..Edit::default()
        };
        let after = edit.over(&before).expect("fine");
        let server = |server: Option<&Server>| {
            let server = server.expect("a server");
            format!("{}:{} {:?}", server.host, server.port, server.security)
        };
        let incoming = server(after.way_in.server());
        assert_eq!(incoming, "mail.shop.example:1993 Tls");
        assert_eq!(server(after.way_out.server()), "localhost:587 StartTls");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let before = settings("help@shop.example");
        let some = |text: &str| Some(text.to_owned());
        let wrong = [
            (
                "slug",
                Edit {
                    slug: some("A b"),
                    ..Edit::default()
                },
            ),
            (
                "name",
                Edit {
                    name: some("a\nb"),
                    ..Edit::default()
                },
            ),
            (
                "address",
                Edit {
                    address: some("nobody"),
                    ..Edit::default()
                },
            ),
            (
                "incoming",
                Edit {
                    incoming: some("https://x"),
                    ..Edit::default()
                },
            ),
            (
                "check_interval",
                Edit {
                    check_interval: some("1"),
                    ..Edit::default()
                },
            ),
            (
                "attempts_max",
                Edit {
                    attempts_max: some("0"),
                    ..Edit::default()
                },
            ),
            (
                "pop3_keep",
                Edit {
                    pop3_keep: some("leave"),
                    ..Edit::default()
                },
            ),
            (
                "code_created_on",
                Edit {
                    code_created_on: some("May"),
                    ..Edit::default()
                },
            ),
        ];
        for (field, edit) in wrong {
            let refused = edit.over(&before).expect_err(field);
            assert_eq!(refused.field, field);
        }
    }
}
