//! What plugins know, for everybody who asks: what an address probably needs, and what
//! a server meant when it refused.

use std::path::Path;

use jiff::SignedDuration;

use crate::domain::address::Address;
use crate::domain::alert::day_of;
use crate::domain::condition::Failure;
use crate::domain::expiry::{Ending, Expiry};
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{Credentials, MailboxLogins, MailboxSettings, OTHER_PRESET, Server};
use crate::domain::preset::{FilesSent, Limits, Preset, ReplyRule, UserName};
use crate::domain::refusal::{Bilingual, Dialogue, Verdict};
use crate::domain::saying::{Saying, saying};
use crate::domain::similar::distance;
use crate::plugin::{Catalogue, Plugin, Plugins};
use crate::script::MailView;
use crate::service::connect::known::Known;
use crate::service::connect::wish::{WrongField, wrong};
use crate::service::hooks::{self, HookShelf, Read};

/// An access token lasts no longer; so it came, and its sign-in was used, no earlier than
/// this before its end.
const ACCESS_TOKEN_LIFE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The service. A cheap clone.
#[derive(Clone, Debug)]
pub struct Presets {
    plugins: Plugins,
    hooks: HookShelf,
}

/// A refusal, understood.
#[derive(Clone, Debug)]
pub struct Understood {
    /// What happened, and what the provider says to do.
    pub reason: Saying,
    /// What it means for the condition of the mailbox.
    pub failure: Failure,
    /// By which rule; `None` when nobody knows these words.
    pub verdict: Option<Verdict>,
}

impl Presets {
    /// A service over the shipped plugins and those of a folder.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        Self {
            plugins: Plugins::open(folder, hooks::check),
            hooks: HookShelf::default(),
        }
    }

    /// The plugins themselves, for lists.
    #[must_use]
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// A plugin by id, or who takes its place.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Plugin> {
        self.plugins.current().get(id).cloned()
    }

    /// The provider of an address, by its domain alone.
    #[must_use]
    pub fn by_domain(&self, address: &Address) -> Option<Plugin> {
        self.plugins.current().by_domain(address.domain()).cloned()
    }

    /// The domain of a provider that somebody probably meant who typed this one. `None`
    /// for one that a provider has, and for one that is like none of them.
    #[must_use]
    pub fn similar_domain(&self, typed: &str) -> Option<String> {
        /// In so short a domain two wrong letters make another one.
        const SHORT_MAX: usize = 8;
        let catalogue = self.plugins.current();
        if catalogue.by_domain(typed).is_some() {
            return None;
        }
        let most = if typed.chars().count() <= SHORT_MAX {
            1
        } else {
            2
        };
        let domains = catalogue.iter().flat_map(|plugin| &plugin.preset.domains);
        let near = domains.filter_map(|domain| {
            let apart = distance(typed, domain)?;
            (apart <= most).then_some((apart, domain))
        });
        near.min().map(|(_, domain)| domain.clone())
    }

    /// The provider that receives the mail of a domain, by the name of its MX host.
    #[must_use]
    pub fn by_mx(&self, host: &str) -> Option<Plugin> {
        self.plugins.current().by_mx(host).cloned()
    }

    /// The provider that reads mail at this server. Where several do, the one that has no
    /// domains of its own is meant: it serves those of others.
    #[must_use]
    pub fn by_server(&self, host: &str) -> Option<Plugin> {
        let catalogue = self.plugins.current();
        let here = |server: Option<&Server>| {
            server.is_some_and(|server| server.host.eq_ignore_ascii_case(host))
        };
        let mut found: Vec<&Plugin> = catalogue
            .iter()
            .filter(|Plugin { preset, .. }| {
                !preset.overlay
                    && (here(preset.imap.as_ref().map(|imap| &imap.server))
                        || here(preset.pop3.as_ref().map(|pop3| &pop3.server)))
            })
            .collect();
        if found.len() > 1 {
            found.retain(|plugin| plugin.preset.domains.is_empty());
        }
        match found.as_slice() {
            [one] => Some((*one).clone()),
            _ => None,
        }
    }

    /// What a preset fills in when a mailbox is connected.
    #[must_use]
    pub fn known(&self, id: &str, domain: &str) -> Known {
        let found = self.get(id).filter(|plugin| !plugin.preset.overlay);
        found
            .map(|plugin| known(&plugin.preset, domain))
            .unwrap_or_default()
    }

    /// Codes of that provider end after so many days, where they end by age.
    #[must_use]
    pub fn code_valid_days(&self, id: &str) -> Option<u16> {
        self.get(id)?.preset.sign_in.code_valid_days
    }

    /// Whether logins at that provider can end by age at all.
    #[must_use]
    pub fn logins_end(&self, id: &str) -> bool {
        self.get(id).is_some_and(|plugin| {
            let sign_in = &plugin.preset.sign_in;
            let oauth = sign_in.oauth.as_ref();
            sign_in.code_valid_days.is_some()
                || oauth.is_some_and(|oauth| oauth.refresh_valid_days.is_some())
        })
    }

    /// When the login of a mailbox ends by age, where that is known.
    #[must_use]
    pub fn expiry(&self, settings: &MailboxSettings, logins: &MailboxLogins) -> Option<Expiry> {
        let sign_in = self.get(&settings.preset)?.preset.sign_in;
        let login = logins.incoming.as_ref().or(logins.outgoing.as_ref())?;
        match &login.credentials {
            Credentials::Password(_) => Some(Expiry::after(
                Ending::Code,
                settings.code_created_on?,
                sign_in.code_valid_days?,
            )),
            Credentials::AccessToken(_) => None,
            Credentials::OAuth(grant) => {
                let renewed = grant.access_expires_at.checked_sub(ACCESS_TOKEN_LIFE_MAX);
                let used = renewed.map_or(grant.obtained_at, |at| at.max(grant.obtained_at));
                let days = sign_in.oauth?.refresh_valid_days?;
                Some(Expiry::after(Ending::SignIn, day_of(used), days))
            }
        }
    }

    /// What the refusal of a login means for a mailbox: the sentence gets the provider's
    /// own advice, and the page where it can be followed. `clear` says what to think of
    /// words that no rule knows.
    #[must_use]
    pub fn understand(
        &self,
        settings: &MailboxSettings,
        dialogue: Dialogue,
        text: &str,
        sentence: Saying,
        clear: bool,
    ) -> Understood {
        let catalogue = self.plugins.current();
        let verdict = catalogue
            .classify(&settings.preset, dialogue, text)
            .or_else(|| self.by_hooks(&catalogue, settings, dialogue, text));
        let Some(verdict) = verdict else {
            let reason = sentence.clone();
            let failure = if clear {
                Failure::Refused(sentence)
            } else {
                Failure::RefusedPerhaps(sentence)
            };
            return Understood {
                reason,
                failure,
                verdict: None,
            };
        };
        let mut reason = sentence;
        if verdict.class.needs_a_person() {
            let page = catalogue.get(&settings.preset);
            let page = page.and_then(|plugin| plugin.preset.settings_url.clone());
            reason = advised(reason, verdict.advice.clone(), page);
        }
        Understood {
            failure: verdict.failure(reason.clone()),
            reason,
            verdict: Some(verdict),
        }
    }
}

/// What happened, and what the provider says to do about it.
fn advised(what: Saying, advice: Option<Bilingual>, page: Option<String>) -> Saying {
    match (advice, page) {
        (None, None) => what,
        (None, Some(url)) => saying!("login.page", what, url),
        (Some(advice), None) => saying!("login.advised", what, advice),
        (Some(advice), Some(url)) => {
            let advice = saying!("login.page", what = advice, url);
            saying!("login.advised", what, advice)
        }
    }
}

/// The login is left alone from now on, and a person has to know.
pub(super) fn resting(what: Saying) -> Saying {
    saying!("login.resting", what)
}

/// Parts the words of a condition into what happened, where a server may have a say, and
/// what plugins and this house added behind it.
pub(super) fn parted(reason: &Saying) -> (&Saying, Vec<Saying>) {
    let Saying::Sentence { key, .. } = reason else {
        return (reason, Vec::new());
    };
    let Some(what) = reason.value("what") else {
        return (reason, Vec::new());
    };
    let ours = match (key.as_ref(), reason.value("advice"), reason.value("url")) {
        ("login.advised", Some(advice), _) => advice.clone(),
        ("login.page", _, Some(url)) => saying!("login.see", url),
        ("login.resting", _, _) => saying!("login.rests"),
        _ => return (reason, Vec::new()),
    };
    let (said, mut added) = parted(what);
    added.push(ours);
    (said, added)
}

impl Presets {
    /// What the provider calls the folder for what was sent.
    #[must_use]
    pub fn sent_folder(&self, settings: &MailboxSettings) -> Option<String> {
        let catalogue = self.plugins.current();
        plugins_of(settings).find_map(|id| catalogue.get(id)?.preset.folders.sent.clone())
    }

    /// What the provider of a mailbox allows.
    #[must_use]
    pub fn limits(&self, settings: &MailboxSettings) -> Limits {
        let plugin = self.get(&settings.preset);
        plugin
            .map(|plugin| plugin.preset.limits)
            .unwrap_or_default()
    }

    /// From where replies of a mailbox must leave, when its overlay or its provider say so.
    #[must_use]
    pub fn reply_rule(&self, settings: &MailboxSettings) -> Option<ReplyRule> {
        let catalogue = self.plugins.current();
        plugins_of(settings).find_map(|id| catalogue.get(id)?.preset.replies.clone())
    }

    /// The largest mail the provider takes, in bytes, where that is known and replies leave by it.
    #[must_use]
    pub fn mail_bytes_max(&self, settings: &MailboxSettings) -> Option<u64> {
        settings.way_out.server()?;
        let smtp = self.get(&settings.preset)?.preset.smtp?;
        smtp.message_mb_max.map(|mb| u64::from(mb) * 1024 * 1024)
    }

    /// Whether the overlay of a mailbox is one, and its question is answered.
    ///
    /// # Errors
    /// The field that cannot be used.
    pub(super) fn overlay_fits(&self, settings: &MailboxSettings) -> Result<(), WrongField> {
        let catalogue = self.plugins.current();
        let overlays = || {
            let ids = catalogue.iter().filter(|plugin| plugin.preset.overlay);
            let ids: Vec<&str> = ids.map(|plugin| plugin.preset.id.as_str()).collect();
            ids.join(", ")
        };
        let Some(id) = &settings.overlay else {
            return match &settings.registered_address {
                None => Ok(()),
                Some(address) => {
                    let words = saying!("wish.unasked", address, overlays = overlays());
                    Err(wrong("registered_address", words))
                }
            };
        };
        let Some(plugin) = catalogue.get(id).filter(|plugin| plugin.preset.overlay) else {
            let typed = Saying::quoted(id);
            let words = saying!("wish.overlay", typed, overlays = overlays());
            return Err(wrong("overlay", words));
        };
        match &plugin.preset.asks_registered_address {
            Some(question) if settings.registered_address.is_none() => {
                let (name, question) = (plugin.preset.name.clone(), question.clone());
                let words = saying!("wish.asked", name, question);
                Err(wrong("registered_address", words))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What the hooks of a mailbox read in a mail: those of its overlay, else those of
    /// its provider. `None` when neither has some.
    pub(super) fn extract(&self, settings: &MailboxSettings, mail: &MailView) -> Option<Read> {
        let catalogue = self.plugins.current();
        let mut ids = plugins_of(settings);
        ids.find_map(|id| self.hooks.extract(catalogue.get(id)?, mail))
    }

    /// What hooks think of words that no rule knows.
    fn by_hooks(
        &self,
        catalogue: &Catalogue,
        settings: &MailboxSettings,
        dialogue: Dialogue,
        text: &str,
    ) -> Option<Verdict> {
        let mut ids = plugins_of(settings);
        ids.find_map(|id| self.hooks.classify(catalogue.get(id)?, dialogue, text))
    }
}

/// The overlay of a mailbox before its provider.
fn plugins_of(settings: &MailboxSettings) -> impl Iterator<Item = &str> {
    let ids = [settings.overlay.as_deref(), Some(settings.preset.as_str())];
    ids.into_iter().flatten()
}

fn known(preset: &Preset, domain: &str) -> Known {
    let server = |server: &Server| Server {
        host: server.host.replace("{domain}", domain),
        ..server.clone()
    };
    let local = |form: Option<UserName>| form == Some(UserName::LocalPart);
    let smtp = preset.smtp.as_ref();
    // What is known of any server is known of none.
    let other_too = preset.id == OTHER_PRESET
        || preset
            .imap
            .as_ref()
            .is_some_and(|imap| imap.user_name_other.is_some());
    let files_sent = smtp.map(|smtp| smtp.files_sent);
    Known {
        preset: if preset.id == OTHER_PRESET {
            String::new()
        } else {
            preset.id.clone()
        },
        imap: preset.imap.as_ref().map(|imap| server(&imap.server)),
        pop3: preset.pop3.as_ref().map(|pop3| server(&pop3.server)),
        smtp: smtp.map(|smtp| server(&smtp.server)),
        user_is_local_part: (
            local(preset.imap.as_ref().map(|imap| imap.user_name)),
            local(smtp.map(|smtp| smtp.user_name)),
        ),
        other_user_too: (other_too, other_too),
        provider_files_sent: files_sent == Some(FilesSent::Yes),
        sent_folder: preset.folders.sent.as_deref().and_then(FolderName::new),
        foreign: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mailbox::{OAuthGrant, TokenMechanism};
    use crate::domain::refusal::FailureClass;
    use crate::domain::secret::Secret;
    use crate::service::testing::settings;
    use crate::text::Language;

    fn presets() -> (Presets, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let plugin = folder.path().join("shop");
        std::fs::create_dir(&plugin).expect("made");
        let text = r#"format = 1
id = "shop"
domains = ["shop.example"]
settings_url = "https://shop.example/codes"
[imap]
host = "imap.shop.example"
port = 993
security = "tls"
user_name = "local_part"
[smtp]
host = "smtp.shop.example"
port = 587
security = "starttls"
files_sent = "yes"
[[failure]]
protocol = "imap"
text = "code ended"
class = "authorization_expired"
advice = { en = "Make a new code", zh = "重新生成授权码" }
[[failure]]
protocol = "imap"
text = "busy or wrong"
class = "bad_credentials"
may_be = ["temporary"]
"#;
        std::fs::write(plugin.join("plugin.toml"), text).expect("written");
        let presets = Presets::open(folder.path());
        let problems = presets.plugins().problems();
        assert!(problems.is_empty(), "{problems:?}");
        (presets, folder)
    }

    #[test]
    fn codes_end_by_their_day_and_sign_ins_by_their_last_use() {
        let presets = Presets::open(Path::new("none"));
        let day = |text: &str| text.parse::<jiff::civil::Date>().expect("a day");
        let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a moment");
        let mut settings = settings("help@163.com");
        settings.preset = "netease-163".to_owned();
        let password = crate::service::testing::logins();
        assert_eq!(
            presets.expiry(&settings, &password),
            None,
            "nobody knows the day"
        );
        settings.code_created_on = Some(day("2026-01-31"));
        let expiry = presets.expiry(&settings, &password).expect("it ends");
        assert_eq!(
            (expiry.of, expiry.ends_on),
            (Ending::Code, day("2026-07-30"))
        );
        let grant = |obtained: &str, ends: &str| {
            let mut logins = password.clone();
            let login = logins.incoming.as_mut().expect("a login");
            login.credentials = Credentials::OAuth(OAuthGrant {
                client: "microsoft".to_owned(),
                refresh_token: Secret::new("r"),
                access_token: Secret::new("a"),
                access_expires_at: at(ends),
                account: "help".to_owned(),
                obtained_at: at(obtained),
                mechanism: TokenMechanism::XOAuth2,
            });
            logins
        };
        // The day of the code says nothing about a sign-in.
        settings.preset = "outlook".to_owned();
        let fresh = grant("2026-02-01T10:00:00Z", "2026-02-01T11:00:00Z");
        let expiry = presets.expiry(&settings, &fresh).expect("it ends");
        assert_eq!(
            (expiry.of, expiry.ends_on),
            (Ending::SignIn, day("2026-05-02"))
        );
        let used = grant("2026-02-01T10:00:00Z", "2026-03-03T11:00:00Z");
        let expiry = presets.expiry(&settings, &used).expect("it ends");
        assert_eq!(expiry.since, day("2026-03-02"));
        settings.preset = "qq".to_owned();
        assert_eq!(presets.expiry(&settings, &password), None);
        assert!(presets.logins_end("netease-163") && !presets.logins_end("qq"));
    }

    #[test]
    fn hooks_are_asked_last_and_change_with_their_file() {
        let (presets, folder) = presets();
        let mut settings = settings("help@shop.example");
        settings.preset = "shop".to_owned();
        let write = |class: &str| {
            let source = format!(
                "fn classify(protocol, phase, text) {{ if protocol + phase == \"imaplogin\" {{ {class} }} }}"
            );
            let file = folder.path().join("shop").join("hooks.rhai");
            std::fs::write(file, source).expect("written");
        };
        let ask = |dialogue, text| {
            let found = presets.understand(&settings, dialogue, text, "it said no".into(), true);
            found.verdict.map(|verdict| (verdict.class, verdict.rule))
        };
        write("\"policy\"");
        assert_eq!(presets.plugins().reload(), crate::plugin::Reloaded::Live);
        let (class, rule) = ask(Dialogue::Imap, "nobody knows").expect("by hooks");
        assert_eq!(class, FailureClass::Policy);
        assert!(rule.ends_with("shop/hooks.rhai"), "{rule}");
        assert_eq!(ask(Dialogue::Smtp, "nobody knows"), None);
        let (class, _) = ask(Dialogue::Imap, "code ended").expect("by a rule");
        assert_eq!(class, FailureClass::AuthorizationExpired);

        write("\"network\"");
        assert_eq!(presets.plugins().reload(), crate::plugin::Reloaded::Live);
        let (class, _) = ask(Dialogue::Imap, "nobody knows").expect("by hooks");
        assert_eq!(class, FailureClass::Network);

        // A broken file leaves the last good one in use, and a wrong word knows nothing.
        write("text.");
        let refused = presets.plugins().reload();
        assert!(
            matches!(refused, crate::plugin::Reloaded::Refused(_)),
            "{refused:?}"
        );
        let (class, _) = ask(Dialogue::Imap, "nobody knows").expect("by hooks");
        assert_eq!(class, FailureClass::Network);
        write("\"angry\"");
        assert_eq!(presets.plugins().reload(), crate::plugin::Reloaded::Live);
        assert_eq!(ask(Dialogue::Imap, "nobody knows"), None);
    }

    #[test]
    fn an_overlay_is_one_and_its_question_is_answered() {
        let folder = tempfile::tempdir().expect("a folder");
        let presets = Presets::open(folder.path());
        let check = |overlay: Option<&str>, registered: Option<&str>, wrong: Option<&str>| {
            let mut settings = settings("help@shop.example");
            settings.overlay = overlay.map(str::to_owned);
            let address = |text: &str| Address::parse(text).expect("an address");
            settings.registered_address = registered.map(address);
            let found = presets.overlay_fits(&settings).map_err(|wrong| wrong.field);
            assert_eq!(found.err(), wrong, "{overlay:?} {registered:?}");
        };
        check(None, None, None);
        check(Some("amazon-seller"), Some("a@shop.example"), None);
        check(Some("amazon-seller"), None, Some("registered_address"));
        check(Some("qq"), Some("a@shop.example"), Some("overlay"));
        check(Some("nothing"), None, Some("overlay"));
        check(None, Some("a@shop.example"), Some("registered_address"));
    }

    #[test]
    fn a_preset_fills_the_gaps() {
        let (presets, _folder) = presets();
        let address = Address::parse("help@shop.example").expect("an address");
        let found = presets.by_domain(&address).expect("known");
        let known = presets.known(&found.preset.id, "shop.example");
        assert_eq!(known.preset, "shop");
        assert_eq!(known.imap.map(|server| server.port), Some(993));
        assert_eq!(known.user_is_local_part, (true, false));
        assert!(known.provider_files_sent);
    }

    #[test]
    fn a_refusal_is_understood_and_says_what_to_do() {
        let (presets, _folder) = presets();
        let mut settings = settings("help@shop.example");
        settings.preset = "shop".to_owned();
        let understand = |text, clear| {
            presets
                .understand(&settings, Dialogue::Imap, text, "it said no".into(), clear)
                .failure
        };
        let Failure::Refused(reason) = understand("NO Code ended", false) else {
            panic!("no person is asked");
        };
        assert_eq!(
            reason.to_string(),
            "it said no. Make a new code (https://shop.example/codes)"
        );
        let zh = reason.in_language(Language::Zh);
        assert_eq!(
            zh,
            "it said no。重新生成授权码（https://shop.example/codes）"
        );
        let ours = |reason: &Saying| {
            let (said, ours) = parted(reason);
            assert_eq!(*said, Saying::from("it said no"));
            ours.iter().map(Saying::to_string).collect::<Vec<_>>()
        };
        let advice = "Make a new code (https://shop.example/codes)";
        assert_eq!(ours(&reason), [advice]);
        let rests = "nothing is tried again by itself; give the mailbox its new password or \
                     authorization code (re-authenticate)";
        assert_eq!(ours(&resting(reason)), [advice, rests]);
        // What a server says is never ours, however it looks.
        let theirs = "no. Make a new code (https://shop.example/codes)".into();
        assert_eq!(parted(&theirs), (&theirs, Vec::new()));
        assert!(matches!(
            understand("busy or wrong", true),
            Failure::RefusedPerhaps(_)
        ));
        assert!(matches!(
            understand("NO [UNAVAILABLE] x", true),
            Failure::Passing(_)
        ));
        assert!(matches!(
            understand("nobody knows", true),
            Failure::Refused(_)
        ));
        assert!(matches!(
            understand("nobody knows", false),
            Failure::RefusedPerhaps(_)
        ));
    }
}
