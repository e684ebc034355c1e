//! What a test expects, and how it compares with what came.

use std::fmt;

use serde::Deserialize;
use serde::de::Visitor;
use toml::Spanned;

use super::super::snapshot::Snapshot;
use super::super::snapshot::asked::Routed;
use super::super::view::{ContextView, MailView};
use super::judged::{Difference, Judged};
use super::word::{Wrong, priority, status, tag};
use crate::domain::answered::{assign_word, priority_word, status_word};
use crate::domain::decision::Outcome;

/// What nothing is called.
const NOTHING: &str = "nothing";

/// `true`, `false`, or a text that shall stand in what came.
#[derive(Clone, Debug)]
pub(super) enum Said {
    YesOrNo(bool),
    Words(String),
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a text")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Said, E> {
                Ok(Said::YesOrNo(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Said, E> {
                Ok(Said::Words(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectForm {
    team: Option<String>,
    assign: Option<String>,
    tags: Option<Vec<Spanned<String>>>,
    has_tags: Option<Vec<Spanned<String>>>,
    priority: Option<Spanned<String>>,
    status: Option<Spanned<String>>,
    note: Option<Said>,
    spam: Option<bool>,
    ignore: Option<Said>,
    no_warnings: Option<bool>,
    warning: Option<String>,
    fails: Option<Said>,
    signature: Option<String>,
}

/// What a test expects. Of what is absent it expects nothing.
#[derive(Debug)]
pub(super) struct Expected {
    route: Option<Vec<Wish>>,
    fails: Option<Said>,
    signature: Option<String>,
}

/// One thing that is expected of `route`.
#[derive(Debug)]
enum Wish {
    /// This word, or nothing when it is empty.
    Word(&'static str, String),
    /// These and no others.
    Tags(Vec<String>),
    /// These among others.
    HasTags(Vec<String>),
    /// Said or not, or said with these words in it.
    Said(&'static str, Said),
    Warning(String),
    NoWarnings,
}

impl ExpectForm {
    pub(super) fn read(form: Spanned<Self>) -> Result<Expected, Wrong> {
        let place = form.span();
        let form = form.into_inner();
        let mut wishes = Vec::new();
        let mut word = |name, value: Option<String>| {
            wishes.extend(value.map(|value| Wish::Word(name, value)));
        };
        word("team", form.team);
        word("assign", form.assign.map(|word| word.to_lowercase()));
        let priority = form.priority.as_ref().map(priority).transpose()?;
        word("priority", priority.map(priority_word).map(str::to_owned));
        let status = form.status.as_ref().map(status).transpose()?;
        word("status", status.map(status_word).map(str::to_owned));
        wishes.extend(tags(form.tags)?.map(Wish::Tags));
        wishes.extend(tags(form.has_tags)?.map(Wish::HasTags));
        wishes.extend(form.note.map(|said| Wish::Said("note", said)));
        wishes.extend(form.ignore.map(|said| Wish::Said("ignore", said)));
        let spam = form.spam.map(Said::YesOrNo);
        wishes.extend(spam.map(|said| Wish::Said("spam", said)));
        wishes.extend(form.warning.map(Wish::Warning));
        wishes.extend(
            form.no_warnings
                .and_then(|no| no.then_some(Wish::NoWarnings)),
        );
        let expected = Expected {
            route: (!wishes.is_empty() || form.fails.is_some()).then_some(wishes),
            fails: form.fails,
            signature: form.signature,
        };
        if expected.route.is_none() && expected.signature.is_none() {
            return Err(Wrong {
                at: place,
                words: "this test expects nothing".to_owned(),
                help: Some(
                    "write what shall come, such as expect = { team = \"billing\" }".to_owned(),
                ),
            });
        }
        Ok(expected)
    }
}

fn tags(words: Option<Vec<Spanned<String>>>) -> Result<Option<Vec<String>>, Wrong> {
    let Some(words) = words else { return Ok(None) };
    let mut tags = Vec::with_capacity(words.len());
    for word in &words {
        tags.push(tag(word)?.as_str().to_owned());
    }
    tags.sort();
    tags.dedup();
    Ok(Some(tags))
}

impl Expected {
    /// Whether it asks a function that is given a mail.
    pub(super) fn needs_mail(&self) -> bool {
        self.route.is_some()
    }

    pub(super) fn judge<E: Fn() -> bool + 'static>(
        &self,
        snapshot: &Snapshot,
        mail: &MailView,
        context: &ContextView,
        expired: impl Fn() -> E,
    ) -> Judged {
        let mut judged = Judged::default();
        if let Some(wishes) = &self.route {
            let routed = snapshot.route(mail.clone(), context.clone(), expired());
            self.outcome("route", &routed.outcome, &mut judged);
            if matches!(routed.outcome, Outcome::Decided | Outcome::NoScript) {
                for wish in wishes {
                    judged.differences.extend(wish.compare(&routed));
                }
            }
            judged.trace.extend(routed.trace);
        }
        if let Some(words) = &self.signature {
            let signed = snapshot.signature(context.clone(), expired());
            self.outcome("signature", &signed.outcome, &mut judged);
            let there = signed.text.contains(words.as_str());
            if !there || words.is_empty() && !signed.text.is_empty() {
                judged.differences.push(Difference {
                    what: "signature",
                    expected: shown(words),
                    came: shown(&signed.text),
                });
            }
            judged.trace.extend(signed.trace);
        }
        judged
    }

    /// A function that failed, or that did not though it should.
    fn outcome(&self, function: &'static str, outcome: &Outcome, judged: &mut Judged) {
        let came = match outcome {
            Outcome::Failed(words) => Some(words.as_str()),
            Outcome::Decided | Outcome::NoScript => None,
        };
        let expected = match &self.fails {
            None | Some(Said::YesOrNo(false)) => came.map(|_| "an answer".to_owned()),
            Some(Said::YesOrNo(true)) if came.is_none() => Some("a failure".to_owned()),
            Some(Said::Words(words)) if !came.is_some_and(|came| came.contains(words)) => {
                Some(format!("a failure with {words:?}"))
            }
            Some(_) => None,
        };
        judged
            .differences
            .extend(expected.map(|expected| Difference {
                what: function,
                expected,
                came: came.map_or_else(
                    || "an answer".to_owned(),
                    |words| format!("a failure: {words}"),
                ),
            }));
    }
}

impl Wish {
    fn compare(&self, routed: &Routed) -> Option<Difference> {
        let routing = &routed.routing;
        let came = |name: &str| match name {
            "team" => routing.team.clone(),
            "assign" => assign_word(&routing.assign),
            "priority" => routing.priority.map(priority_word).map(str::to_owned),
            "status" => routing.status.map(status_word).map(str::to_owned),
            "note" => routing.note.clone(),
            "ignore" => routing.ignore.clone(),
            _ => routing.spam.then(|| "yes".to_owned()),
        };
        let mut tags: Vec<String> = routing
            .tags
            .iter()
            .map(|tag| tag.as_str().to_owned())
            .collect();
        tags.sort();
        match self {
            Self::Word(name, wanted) => {
                let came = came(name).unwrap_or_default();
                different(came != *wanted, name, shown(wanted), shown(&came))
            }
            Self::Tags(wanted) => different(tags != *wanted, "tags", list(wanted), list(&tags)),
            Self::HasTags(wanted) => {
                let missing = wanted.iter().any(|one| !tags.contains(one));
                let expected = format!("with {}", list(wanted));
                different(missing, "tags", expected, list(&tags))
            }
            Self::Said(name, said) => {
                let came = came(name);
                let (met, expected) = match said {
                    Said::YesOrNo(wanted) => {
                        let words = if *wanted { "something" } else { NOTHING };
                        (came.is_some() == *wanted, words.to_owned())
                    }
                    Said::Words(words) => {
                        let there = came.as_ref().is_some_and(|came| came.contains(words));
                        (there, format!("with {words:?}"))
                    }
                };
                different(!met, name, expected, shown(&came.unwrap_or_default()))
            }
            Self::Warning(words) => {
                let there = routed.warnings.iter().any(|one| one.contains(words));
                let expected = format!("with {words:?}");
                different(!there, "warning", expected, list(&routed.warnings))
            }
            Self::NoWarnings => {
                let some = !routed.warnings.is_empty();
                different(some, "warning", NOTHING.to_owned(), list(&routed.warnings))
            }
        }
    }
}

fn different(
    differs: bool,
    what: &'static str,
    expected: String,
    came: String,
) -> Option<Difference> {
    differs.then_some(Difference {
        what,
        expected,
        came,
    })
}

fn shown(text: &str) -> String {
    if text.is_empty() {
        NOTHING.to_owned()
    } else {
        format!("{text:?}")
    }
}

fn list(all: &[String]) -> String {
    if all.is_empty() {
        NOTHING.to_owned()
    } else {
        all.join(", ")
    }
}
