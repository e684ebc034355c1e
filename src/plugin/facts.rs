//! A file's values become the words of `domain`; what makes no sense is named with its
//! place.

use std::time::Duration;

use super::file::{
    At, FailureTable, FilesSentWord, IdWord, IdleWord, ImapTable, Kind, MechanismWord, OAuthTable,
    PluginFile, Pop3Table, SecurityWord, ServerTable, SmtpTable,
};
use super::problem::{Problem, Text};
use super::words::{bilingual, class, dialogue, method, user_name};
use crate::domain::extraction::FIELDS_MAX;
use crate::domain::mailbox::{Security, Server, TokenMechanism};
use crate::domain::oauth::OAuthModule;
use crate::domain::preset::{
    FailureRule, Field, FilesSent, Folders, IdleQuality, ImapFacts, ImapId, Limits, Pop3Facts,
    ReplyRule, SignIn, SmtpFacts, Words,
};
use crate::domain::refusal::Bilingual;

/// What `unverified` can be about.
pub(super) const UNVERIFIABLE: [&str; 12] = [
    "domains",
    "mx",
    "settings_url",
    "imap",
    "pop3",
    "smtp",
    "sign_in",
    "oauth",
    "folders",
    "limits",
    "failure",
    "guide",
];

/// The form that this program reads.
const FORMAT: u32 = 1;
/// Bytes of a plugin's name.
pub(super) const ID_BYTES_MAX: usize = 40;
/// Memory that one pattern of a failure may take, in bytes.
const PATTERN_SIZE_MAX: usize = 256 * 1024;
/// Failures, domains, fields of one plugin.
const LIST_MAX: usize = 500;
/// Seconds that an interval may have.
const INTERVAL_SECONDS_MAX: u32 = 86_400;

/// What a file says by itself, before it is joined with the one it extends.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) extends: Option<Named>,
    pub(super) replaces: Option<Named>,
    pub(super) name: Option<Bilingual>,
    pub(super) overlay: bool,
    pub(super) domains: Option<Vec<Named>>,
    pub(super) mx: Option<Vec<Named>>,
    pub(super) settings_url: Option<String>,
    pub(super) verified: Option<bool>,
    pub(super) unverified: Vec<String>,
    pub(super) sources: usize,
    pub(super) imap: Option<ImapFacts>,
    pub(super) pop3: Option<Pop3Facts>,
    pub(super) smtp: Option<SmtpFacts>,
    pub(super) sign_in: Option<SignIn>,
    pub(super) oauth: Option<OAuthModule>,
    pub(super) folders: Option<Folders>,
    pub(super) limits: Option<Limits>,
    pub(super) failures: Vec<FailureRule>,
    pub(super) fields: Vec<Field>,
    pub(super) notices: Vec<Field>,
    pub(super) replies: Option<ReplyRule>,
    pub(super) asks_registered_address: Option<Bilingual>,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) at: (usize, usize),
}

/// Reads a `plugin.toml`; `folder` is the name of the folder it stands in.
pub(super) fn read(text: Text<'_>, folder: &str) -> Result<Facts, Vec<Problem>> {
    let file: PluginFile = toml::from_str(text.text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        vec![text.problem(span, error.message().trim_end())]
    })?;
    let mut reader = Reader {
        text,
        problems: Vec::new(),
    };
    let facts = reader.facts(file, folder);
    if reader.problems.is_empty() {
        Ok(facts)
    } else {
        Err(reader.problems)
    }
}

/// Whether a text can be the id of a plugin.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(usual)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

pub(super) struct Reader<'t> {
    text: Text<'t>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn facts(&mut self, file: PluginFile, folder: &str) -> Facts {
        if *file.format.get_ref() != FORMAT {
            let words = format!(
                "format is {}; this program reads {FORMAT}",
                file.format.get_ref()
            );
            self.wrong(&file.format, words);
        }
        let id = file.id.get_ref().clone();
        if !is_id(&id) {
            let words = format!(
                "{id:?} is no id; write lower-case letters, digits and hyphens, at most {ID_BYTES_MAX}"
            );
            self.wrong(&file.id, words);
        } else if id != folder {
            let words =
                format!("the id is {id:?} and the folder {folder:?}; they must be the same");
            self.wrong(&file.id, words);
        }
        let overlay = file.kind == Kind::Overlay;
        if overlay && (file.imap.is_some() || file.smtp.is_some() || file.pop3.is_some()) {
            let words = "an overlay has no servers; they come from the provider of the address";
            self.wrong(&file.id, words);
        }
        self.short("failure", file.failure.len(), &file.id);
        self.short("notices", file.notices.len(), &file.id);
        if file.fields.len() > FIELDS_MAX {
            let words = format!("a mail has at most {FIELDS_MAX} fields");
            self.wrong(&file.id, words);
        }
        let asks = file.ask.as_ref();
        // The plugin it extends may ask.
        let asks =
            file.extends.is_some() || asks.is_some_and(|ask| ask.registered_address.is_some());
        let mut sign_in = file.sign_in.map(|table| SignIn {
            methods: table.methods.into_iter().map(method).collect(),
            code_valid_days: table.code_valid_days,
            code_shape: table.code_shape.map(bilingual),
            oauth: None,
        });
        let oauth = file.oauth.map(|table| self.oauth(table));
        if let Some(sign_in) = &mut sign_in {
            sign_in.methods.dedup();
        }
        Facts {
            extends: file.extends.map(|id| self.plugin_id(&id)),
            replaces: file.replaces.map(|id| self.plugin_id(&id)),
            name: file.name.map(bilingual),
            overlay,
            domains: file.domains.map(|names| self.names(&names, "domain")),
            mx: file.mx.map(|names| self.names(&names, "MX host")),
            settings_url: file.settings_url.map(|url| self.url(&url)),
            verified: file.verified,
            unverified: file.unverified,
            sources: file.source.len(),
            imap: file.imap.map(|table| self.imap(table)),
            pop3: file.pop3.map(|table| self.pop3(table)),
            smtp: file.smtp.map(|table| self.smtp(table)),
            sign_in,
            oauth,
            folders: file.folders.map(|table| Folders {
                sent: table.sent,
                drafts: table.drafts,
                trash: table.trash,
                junk: table.junk,
            }),
            limits: file.limits.map(|table| Limits {
                messages_per_day: table.messages_per_day,
                recipients_per_message: table.recipients_per_message,
            }),
            failures: file
                .failure
                .into_iter()
                .filter_map(|table| self.failure(table))
                .collect(),
            fields: self.words_of_hooks(file.fields, "field"),
            notices: self.words_of_hooks(file.notices, "notice"),
            replies: file.replies.map(|table| self.replies(table, asks)),
            asks_registered_address: file
                .ask
                .and_then(|ask| ask.registered_address)
                .map(|question| bilingual(question.label)),
            id,
        }
    }

    pub(super) fn wrong<T>(&mut self, value: &At<T>, words: impl Into<String>) {
        self.problems.push(self.text.problem(value.span(), words));
    }

    fn short(&mut self, what: &str, count: usize, at: &At<String>) {
        if count > LIST_MAX {
            self.wrong(
                at,
                format!("{what} has {count} entries; at most {LIST_MAX} are read"),
            );
        }
    }

    fn named(&self, value: &At<String>) -> Named {
        Named {
            name: value.get_ref().clone(),
            at: self.text.place(value.span().start),
        }
    }

    fn plugin_id(&mut self, value: &At<String>) -> Named {
        if !is_id(value.get_ref()) {
            self.wrong(value, format!("{:?} is no id of a plugin", value.get_ref()));
        }
        self.named(value)
    }

    pub(super) fn names(&mut self, values: &[At<String>], what: &str) -> Vec<Named> {
        if values.len() > LIST_MAX
            && let Some(first) = values.first()
        {
            self.wrong(first, format!("more than {LIST_MAX} names"));
        }
        for value in values {
            if !is_host(value.get_ref()) || !value.get_ref().contains('.') {
                let words = format!(
                    "{:?} is no {what}; write it in lower case, such as \"example.com\"",
                    value.get_ref()
                );
                self.wrong(value, words);
            }
        }
        values.iter().map(|value| self.named(value)).collect()
    }

    fn server(&mut self, host: &At<String>, port: &At<u16>, security: SecurityWord) -> Server {
        if !is_host(host.get_ref()) {
            let words = format!(
                "{:?} is no host; write a name in lower case, without port or https://",
                host.get_ref()
            );
            self.wrong(host, words);
        }
        if *port.get_ref() == 0 {
            self.wrong(port, "port 0 is no port");
        }
        Server {
            host: host.get_ref().clone(),
            port: *port.get_ref(),
            security: match security {
                SecurityWord::Tls => Security::Tls,
                SecurityWord::StartTls => Security::StartTls,
                SecurityWord::None => Security::None,
            },
        }
    }

    fn imap(&mut self, table: ImapTable) -> ImapFacts {
        ImapFacts {
            server: self.server(&table.host, &table.port, table.security),
            user_name: user_name(table.user_name),
            user_name_other: table.user_name_other.map(|word| user_name(Some(word))),
            idle: match table.idle {
                Some(IdleWord::Push) => IdleQuality::Push,
                Some(IdleWord::None) => IdleQuality::None,
                Some(IdleWord::Silent) => IdleQuality::Silent,
                Some(IdleWord::Advertised) => IdleQuality::Advertised,
                Some(IdleWord::Unknown) | None => IdleQuality::Unknown,
            },
            check_every_min: self.interval(table.check_seconds, &table.host),
            id: match table.id {
                Some(IdWord::Required) => ImapId::Required,
                Some(IdWord::Recommended) => ImapId::Recommended,
                Some(IdWord::No) | None => ImapId::No,
            },
            connections_max: table.connections_max,
        }
    }

    fn pop3(&mut self, table: Pop3Table) -> Pop3Facts {
        Pop3Facts {
            server: self.server(&table.host, &table.port, table.security),
            user_name: user_name(table.user_name),
            check_every_min: self.interval(table.check_seconds_min, &table.host),
            discouraged: table.discouraged.map(bilingual),
        }
    }

    fn interval(&mut self, seconds: Option<u32>, at: &At<String>) -> Option<Duration> {
        let seconds = seconds?;
        if seconds > INTERVAL_SECONDS_MAX {
            self.wrong(
                at,
                format!("an interval of {seconds} s is longer than a day"),
            );
        }
        Some(Duration::from_secs(seconds.into()))
    }

    fn smtp(&mut self, table: SmtpTable) -> SmtpFacts {
        let also = |reader: &mut Self, server: &ServerTable| {
            reader.server(&server.host, &server.port, server.security)
        };
        SmtpFacts {
            server: self.server(&table.host, &table.port, table.security),
            also: table.also.iter().map(|server| also(self, server)).collect(),
            user_name: user_name(table.user_name),
            files_sent: match table.files_sent {
                Some(FilesSentWord::Yes) => FilesSent::Yes,
                Some(FilesSentWord::No) => FilesSent::No,
                Some(FilesSentWord::Setting) => FilesSent::Setting,
                Some(FilesSentWord::Unknown) | None => FilesSent::Unknown,
            },
            message_mb_max: table.message_mb_max,
            from_must_match: table.from_must_match.unwrap_or(false),
        }
    }

    fn oauth(&mut self, table: OAuthTable) -> OAuthModule {
        if !is_id(table.client.get_ref()) {
            let words = format!(
                "{:?} can be no [oauth.*] of the configuration",
                table.client.get_ref()
            );
            self.wrong(&table.client, words);
        }
        OAuthModule {
            client: table.client.get_ref().clone(),
            authorize: self.url(&table.authorize),
            token: self.url(&table.token),
            device: table.device.map(|url| self.url(&url)),
            scopes: table.scopes,
            parameters: table.parameters.into_iter().collect(),
            pkce: table.pkce.unwrap_or(true),
            mechanism: match table.mechanism {
                Some(MechanismWord::OAuthBearer) => TokenMechanism::OAuthBearer,
                Some(MechanismWord::XOAuth2) | None => TokenMechanism::XOAuth2,
            },
            userinfo: table.userinfo.map(|url| self.url(&url)),
            issuer: table.issuer.map(|url| self.url(&url)),
            refresh_valid_days: table.refresh_valid_days,
            registration: table.registration.map(bilingual),
        }
    }

    fn url(&mut self, value: &At<String>) -> String {
        let url = value.get_ref();
        let rest = url.strip_prefix("https://").or_else(|| loopback(url));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        let strange = |c: char| c.is_whitespace() || c.is_control() || "\"<>\\`".contains(c);
        if host.is_none_or(|host| host.is_empty() || host.contains('@')) || url.contains(strange) {
            self.wrong(
                value,
                format!("{url:?} is no address that begins with https://"),
            );
        }
        url.clone()
    }

    fn failure(&mut self, table: FailureTable) -> Option<FailureRule> {
        let at = self.text.place(table.protocol.span().start);
        let words = match (table.text, table.pattern) {
            (Some(text), None) if !text.trim().is_empty() => Words::Text(text.to_lowercase()),
            (None, Some(pattern)) => Words::Pattern(self.pattern(&pattern)?),
            _ => {
                let words = "a failure has either `text` or `pattern`, and it is not empty";
                self.wrong(&table.protocol, words);
                return None;
            }
        };
        Some(FailureRule {
            dialogue: dialogue(*table.protocol.get_ref()),
            words,
            class: class(table.class),
            may_be: table.may_be.into_iter().map(class).collect(),
            verified: table.verified.unwrap_or(true),
            advice: table.advice.map(bilingual),
            place: format!("{}:{}", self.text.file, at.0),
        })
    }

    fn pattern(&mut self, pattern: &At<String>) -> Option<regex::Regex> {
        let built = regex::RegexBuilder::new(pattern.get_ref())
            .case_insensitive(true)
            .size_limit(PATTERN_SIZE_MAX)
            .build();
        match built {
            Ok(regex) => Some(regex),
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default();
                self.wrong(pattern, format!("this pattern cannot be used: {reason}"));
                None
            }
        }
    }
}

/// An address of this machine, for practice and for tests.
fn loopback(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://")?;
    let local = rest.starts_with("127.0.0.1") || rest.starts_with("localhost");
    local.then_some(rest)
}

/// A host; `imap.{domain}` stands for one below the domain of the address.
fn is_host(text: &str) -> bool {
    let text = text.strip_suffix(".{domain}").unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}
