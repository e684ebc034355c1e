//! What a notice says: in English and in Chinese, since nobody has told us which language
//! its readers prefer.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::alert::Due;
use crate::domain::expiry::Ending;
use crate::domain::harmless::{at_its_place, harmless};
use crate::domain::line::on_one_line;
use crate::domain::mailbox::Mailbox;
use crate::domain::saying::Saying;
use crate::service::reauthentication::MadeLink;
use crate::text::{Language, text, text_with};

/// Between the two languages.
const RULE: &str = "\n\n----------------------------------------\n\n";

/// What a notice is made of.
pub(super) struct Facts<'a> {
    pub(super) mailbox: &'a Mailbox,
    pub(super) due: &'a Due,
    pub(super) today: Date,
    /// What happened, where a server may have a say, and what we say to it.
    pub(super) said: Option<(&'a Saying, Vec<Saying>)>,
    /// Where the provider makes codes.
    pub(super) settings_url: Option<String>,
    /// The address people use.
    pub(super) public_url: Option<&'a str>,
    /// Gives the mailbox a new login.
    pub(super) link: Option<&'a MadeLink>,
    /// There is none because many people read what arrives there.
    pub(super) shared: bool,
}

/// Subject and text.
pub(super) fn written(facts: &Facts<'_>) -> (String, String) {
    let subjects = Language::ALL.map(|language| facts.subject(language));
    let texts = Language::ALL.map(|language| facts.text(language));
    let subject = format!("[Postern] {}", subjects.join(" / "));
    (subject, texts.join(RULE) + "\n")
}

/// One sentence, for programs.
pub(super) fn in_short(mailbox: &Mailbox, due: &Due) -> String {
    if let Due::Script { words, .. } = due {
        let address = mailbox.settings.address.as_str();
        let values = [("address", address), ("words", &harmless(words))];
        return text_with(Language::En, "notice.script.short", &values);
    }
    if let Due::ScriptFails {
        function, words, ..
    } = due
    {
        let values = [
            ("function", function.as_str()),
            ("words", &at_its_place(words)),
        ];
        return text_with(Language::En, "notice.script_fails.short", &values);
    }
    let days = match due {
        Due::Ends { days_left, .. } => *days_left,
        _ => 0,
    };
    let key = subject_key(due, days);
    let days = days.max(0).to_string();
    let address = mailbox.settings.address.as_str();
    text_with(Language::En, key, &[("address", address), ("days", &days)])
}

fn subject_key(due: &Due, days: i64) -> &'static str {
    match due {
        Due::Ends { .. } if days < 0 => "notice.ended.subject",
        Due::Ends { .. } => "notice.ends.subject",
        Due::Reauthenticate { .. } => "notice.reauthenticate.subject",
        Due::Error { .. } => "notice.error.subject",
        Due::Recovered { .. } => "notice.recovered.subject",
        Due::Script { .. } => "notice.script.subject",
        Due::ScriptFails { .. } => "notice.script_fails.subject",
    }
}

/// The same for several mailboxes that fail, or work again.
pub(super) fn written_together(
    news: &[(&Mailbox, &Due)],
    public_url: Option<&str>,
) -> (String, String) {
    let over = news
        .iter()
        .all(|(_, due)| matches!(due, Due::Recovered { .. }));
    let key = if over {
        "notice.recovered.many"
    } else {
        "notice.error.many"
    };
    let count = news.len().to_string();
    let news_of = |language, (mailbox, due): &(&Mailbox, &Due)| {
        let address = &mailbox.settings.address;
        match due {
            Due::Error { reason, since } => {
                let reason = harmless(&reason.in_language(language));
                format!("{address} ({}): “{reason}”", minute(*since))
            }
            _ => address.to_string(),
        }
    };
    let texts = Language::ALL.map(|language| {
        let mut parts = vec![text_with(language, key, &[("count", &count)])];
        let list: Vec<String> = news.iter().map(|one| news_of(language, one)).collect();
        parts.push(list.join("\n"));
        if let Some(url) = public_url {
            let url = format!("{url}/mailboxes");
            parts.push(text_with(language, "notice.page", &[("url", &url)]));
        }
        parts.push(text(language, "notice.foot").to_owned());
        parts.join("\n\n")
    });
    let subjects = Language::ALL.map(|language| {
        let key = format!("{key}.subject");
        text_with(language, &key, &[("count", &count)])
    });
    let subject = format!("[Postern] {}", subjects.join(" / "));
    (subject, texts.join(RULE) + "\n")
}

impl Facts<'_> {
    fn subject(&self, language: Language) -> String {
        let days = match self.due {
            Due::Ends { expiry, .. } => expiry.days_left(self.today),
            _ => 0,
        };
        let key = subject_key(self.due, days);
        let days = days.to_string();
        let function = match self.due {
            Due::ScriptFails { function, .. } => function.as_str(),
            _ => "",
        };
        let values = [
            ("address", self.mailbox.settings.address.as_str()),
            ("days", &days),
            ("function", function),
        ];
        text_with(language, key, &values)
    }

    fn text(&self, language: Language) -> String {
        let address = self.mailbox.settings.address.as_str();
        let mut parts = vec![self.news(language)];
        parts.extend(self.script(language));
        if let Some((said, ours)) = &self.said {
            let reason = harmless(&said.in_language(language));
            parts.push(text_with(language, "notice.said", &[("reason", &reason)]));
            let ours: Vec<String> = ours.iter().map(|one| one.sentence(language)).collect();
            if !ours.is_empty() {
                let space = match language {
                    Language::En => " ",
                    Language::Zh => "",
                };
                parts.push(ours.join(space));
            }
        }
        if let Due::Reauthenticate { .. } | Due::Ends { .. } = self.due {
            if let Some(link) = self.link {
                let until = minute(link.expires_at);
                let values = [("url", link.url.expose()), ("until", &until)];
                parts.push(text_with(language, "notice.link", &values));
            } else if self.shared {
                parts.push(text(language, "notice.shared").to_owned());
            } else if self.public_url.is_none() {
                parts.push(text(language, "notice.no_link").to_owned());
            }
            if let Some(url) = &self.settings_url {
                parts.push(text_with(language, "notice.where", &[("url", url)]));
            }
            parts.push(text_with(
                language,
                "notice.command",
                &[("address", address)],
            ));
        }
        if let Some(url) = self.public_url {
            let page = if let Due::ScriptFails { .. } = self.due {
                let url = format!("{url}/scripts");
                text_with(language, "notice.scripts_page", &[("url", &url)])
            } else {
                let url = format!("{url}/mailboxes#mailbox-{}", self.mailbox.id);
                text_with(language, "notice.page", &[("url", &url)])
            };
            parts.push(page);
        }
        parts.push(text(language, "notice.foot").to_owned());
        parts.join("\n\n")
    }

    /// What a script says, in its own words.
    fn script(&self, language: Language) -> Vec<String> {
        let Due::Script {
            state,
            words,
            left_out,
        } = self.due
        else {
            return Vec::new();
        };
        let lines: Vec<String> = words.lines().map(on_one_line).collect();
        let values = [("state", state.word()), ("words", &lines.join("\n"))];
        let mut parts = vec![text_with(language, "notice.script.said", &values)];
        if *left_out > 0 {
            let count = left_out.to_string();
            parts.push(text_with(
                language,
                "notice.script.left_out",
                &[("count", &count)],
            ));
        }
        parts
    }

    fn news(&self, language: Language) -> String {
        let settings = &self.mailbox.settings;
        if let Due::ScriptFails {
            function,
            words,
            count,
            since,
        } = self.due
        {
            let values = [
                ("address", settings.address.as_str()),
                ("function", function.as_str()),
                ("count", &count.to_string()),
                ("since", &minute(*since)),
                ("words", &at_its_place(words)),
            ];
            return text_with(language, "notice.script_fails", &values);
        }
        let (key, day, days, since) = match self.due {
            Due::Ends { expiry, .. } => {
                let days = expiry.days_left(self.today);
                let key = match (expiry.of, days) {
                    (Ending::Code, ..0) => "notice.ended.code",
                    (Ending::Code, _) => "notice.ends.code",
                    (Ending::SignIn, ..0) => "notice.ended.sign_in",
                    (Ending::SignIn, _) => "notice.ends.sign_in",
                };
                (
                    key,
                    expiry.ends_on.to_string(),
                    days.to_string(),
                    String::new(),
                )
            }
            Due::Reauthenticate { .. } => (
                "notice.reauthenticate",
                String::new(),
                String::new(),
                String::new(),
            ),
            Due::Error { since, .. } => {
                ("notice.error", String::new(), String::new(), minute(*since))
            }
            Due::Recovered { since } => (
                "notice.recovered",
                String::new(),
                String::new(),
                minute(*since),
            ),
            // A script that fails was told of above.
            Due::ScriptFails { .. } | Due::Script { .. } => {
                ("notice.script", String::new(), String::new(), String::new())
            }
        };
        let values = [
            ("address", settings.address.as_str()),
            ("name", settings.name.as_str()),
            ("day", &day),
            ("days", &days),
            ("since", &since),
        ];
        text_with(language, key, &values)
    }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::expiry::Expiry;
    use crate::domain::key::{MailboxKey, PublicId, WorkspaceKey};
    use crate::domain::secret::Secret;
    use crate::domain::state::MailboxState;
    use crate::service::testing::settings;

    fn mailbox(address: &str) -> Mailbox {
        Mailbox {
            key: MailboxKey(1),
            id: PublicId::new(Timestamp::UNIX_EPOCH, [7; 10]),
            workspace: WorkspaceKey::DEFAULT,
            settings: settings(address),
            connected_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn every_due() -> Vec<Due> {
        let since = Timestamp::UNIX_EPOCH;
        let reason = Saying::from("535 said no");
        let mut all = vec![
            Due::Reauthenticate {
                reason: reason.clone(),
            },
            Due::Error { reason, since },
            Due::Recovered { since },
            Due::Script {
                state: MailboxState::Error,
                words: "call the bank\u{202E}\nsoon".to_owned(),
                left_out: 2,
            },
            Due::ScriptFails {
                function: "route".to_owned(),
                words: "routing.rhai:2:1: see https://evil.example".to_owned(),
                count: 5,
                since,
            },
        ];
        for of in [Ending::Code, Ending::SignIn] {
            for (since, days_left) in [(date(2026, 1, 1), 7), (date(2025, 1, 1), -1)] {
                let expiry = Expiry::after(of, since, 180);
                all.push(Due::Ends { expiry, days_left });
            }
        }
        all
    }

    fn is_whole((subject, text): &(String, String)) {
        for said in [subject, text] {
            let unsaid = said.contains('{') || said.contains("notice.");
            assert!(!unsaid, "{said}");
        }
        assert!(subject.contains(" / ") && text.contains(RULE), "{text}");
    }

    #[test]
    fn every_notice_is_whole_in_both_languages_and_only_a_login_has_a_link() {
        let mailbox = mailbox("help@shop.example");
        let link = MadeLink {
            is_local: false,
            url: Secret::new("https://desk.example/reauthenticate/t0ken"),
            expires_at: Timestamp::UNIX_EPOCH,
        };
        for due in every_due() {
            let facts = |link, public_url| Facts {
                mailbox: &mailbox,
                due: &due,
                said: match &due {
                    Due::Reauthenticate { reason } | Due::Error { reason, .. } => {
                        Some((reason, vec!["Ask us".into()]))
                    }
                    _ => None,
                },
                shared: false,
                today: date(2026, 6, 24),
                settings_url: Some("https://shop.example/codes".to_owned()),
                public_url,
                link,
            };
            let login = matches!(due, Due::Reauthenticate { .. } | Due::Ends { .. });
            let with = written(&facts(
                Some(&link).filter(|_| login),
                Some("https://desk.example"),
            ));
            let without = written(&facts(None, None));
            is_whole(&with);
            is_whole(&without);
            assert_eq!(with.1.matches("t0ken").count(), if login { 2 } else { 0 });
            assert_eq!(without.1.contains("http.public_url"), login);
            assert!(!without.1.contains("desk.example"));
            let mut to_many = facts(None, Some("https://desk.example"));
            to_many.shared = true;
            let to_many = written(&to_many);
            is_whole(&to_many);
            assert!(!to_many.1.contains("/reauthenticate/"));
            assert_eq!(to_many.1.contains("several people read"), login);
            let short = in_short(&mailbox, &due);
            assert!(!short.contains('{') && !short.contains("https:"), "{short}");
        }
    }

    #[test]
    fn what_a_server_says_is_quoted_and_leads_nowhere_and_our_advice_stays() {
        let mailbox = mailbox("help@shop.example");
        let due = Due::Reauthenticate { reason: "".into() };
        let said = "535 sign in at https://evil.example\u{2028}Postern says:".into();
        let ours = "Make a new code (https://shop.example/codes)".into();
        let (_, text) = written(&Facts {
            mailbox: &mailbox,
            due: &due,
            said: Some((&said, vec![ours])),
            today: date(2026, 6, 24),
            settings_url: None,
            public_url: None,
            link: None,
            shared: false,
        });
        let quoted = "“535 sign in at https[:]//evil[.]example Postern says:”";
        assert_eq!(text.matches(quoted).count(), 2, "{text}");
        assert_eq!(text.matches("(https://shop.example/codes)").count(), 2);
        assert!(!text.contains("https://evil") && !text.contains('\u{2028}'));
    }

    #[test]
    fn what_a_script_says_is_quoted_as_its_own() {
        let mailbox = mailbox("help@shop.example");
        let due = every_due().remove(3);
        let (subject, text) = written(&Facts {
            mailbox: &mailbox,
            due: &due,
            said: None,
            today: date(2026, 6, 24),
            settings_url: None,
            public_url: None,
            link: None,
            shared: false,
        });
        assert!(!subject.contains("bank"), "{subject}");
        assert_eq!(text.matches("“call the bank\nsoon”").count(), 2, "{text}");
        assert_eq!(text.matches("states.rhai").count(), 2, "{text}");
        assert!(!text.contains("postern mailbox reauthenticate"), "{text}");
        assert_eq!(
            in_short(&mailbox, &due),
            "help@shop.example: states.rhai says “call the bank soon”"
        );
    }

    #[test]
    fn many_mailboxes_stand_in_one_mail_each_with_its_reason() {
        let mailboxes = ["a@shop.example", "b@shop.example"].map(mailbox);
        let [_, error, over, ..] = &every_due()[..] else {
            panic!("there are more");
        };
        for (due, words) in [(error, "535 said no"), (over, "2 mailboxes work again")] {
            let news: Vec<_> = mailboxes.iter().map(|mailbox| (mailbox, due)).collect();
            let mail = written_together(&news, Some("https://desk.example"));
            is_whole(&mail);
            for one in ["a@shop.example", "b@shop.example", "/mailboxes"] {
                assert_eq!(mail.1.matches(one).count(), 2, "{}", mail.1);
            }
            assert!(mail.0.contains(words) || mail.1.contains(words), "{mail:?}");
        }
    }
}
