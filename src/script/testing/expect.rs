//! What a test expects, and how it compares with what came.

use std::fmt;

use serde::Deserialize;
use serde::de::Visitor;
use toml::Spanned;

use super::super::snapshot::Snapshot;
use super::super::snapshot::asked::Routed;
use super::super::view::{ContextView, MailView, ReplyView};
use super::judged::{Difference, Judged};
use super::word::{Wrong, one_of, priority, status, tag};
use crate::domain::answered::{assign_word, priority_word, status_word, wake_word};
use crate::domain::decision::{Asked, Gate, Outcome, Verdict};

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
    acknowledge: Option<String>,
    wake_in: Option<String>,
    ai: Option<Spanned<String>>,
    guidance: Option<String>,
    because: Option<String>,
    hold: Option<Said>,
    alert: Option<Said>,
}

/// What a test expects. Of what is absent it expects nothing.
#[derive(Debug)]
pub(super) struct Expected {
    route: Option<Vec<Wish>>,
    fails: Option<Said>,
    signature: Option<String>,
    gate: Option<GateWish>,
    hold: Option<Said>,
    alert: Option<Said>,
}

/// What is expected of `ai_reply`.
#[derive(Debug)]
struct GateWish {
    word: &'static str,
    guidance: Option<String>,
    because: Option<String>,
}

/// What the functions are asked about.
pub(super) struct Around<'a> {
    pub(super) mail: &'a MailView,
    pub(super) context: &'a ContextView,
    pub(super) reply: &'a ReplyView,
    /// `on_timer` is asked and not `route`.
    pub(super) by_timer: bool,
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
        word("acknowledge", form.acknowledge);
        word("wake_in", form.wake_in);
        word("assign", form.assign.map(|word| word.to_lowercase()));
        let known = |word: &Spanned<String>| priority(word).map(priority_word);
        word("priority", known_or_none(form.priority.as_ref(), known)?);
        let known = |word: &Spanned<String>| status(word).map(status_word);
        word("status", known_or_none(form.status.as_ref(), known)?);
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
        let words = [("off", "off"), ("draft", "draft"), ("send", "send")];
        let gate = match &form.ai {
            Some(word) => Some(GateWish {
                word: one_of("answer of `ai_reply`", word, &words)?,
                guidance: form.guidance,
                because: form.because,
            }),
            None => None,
        };
        let others = form.signature.is_some()
            || gate.is_some()
            || form.hold.is_some()
            || form.alert.is_some();
        let failing = form.fails.is_some() && !others;
        let expected = Expected {
            route: (!wishes.is_empty() || failing).then_some(wishes),
            fails: form.fails,
            signature: form.signature,
            gate,
            hold: form.hold,
            alert: form.alert,
        };
        if expected.route.is_none() && !others {
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
        self.route.is_some() || self.gate.is_some()
    }

    pub(super) fn judge<E: Fn() -> bool + 'static>(
        &self,
        snapshot: &Snapshot,
        around: &Around<'_>,
        expired: impl Fn() -> E,
    ) -> Judged {
        let mut judged = Judged::default();
        let Around { mail, context, .. } = *around;
        if let Some(wishes) = &self.route {
            let (function, routed) = if around.by_timer {
                ("on_timer", snapshot.on_timer(context.clone(), expired()))
            } else {
                let routed = snapshot.route(mail.clone(), context.clone(), expired());
                ("route", routed)
            };
            self.outcome(function, &routed.outcome, &mut judged);
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
        if let Some(wish) = &self.gate {
            let routed = snapshot.route(mail.clone(), context.clone(), expired());
            let gating = snapshot.gating(mail.clone(), context.clone(), &routed, expired());
            if let Asked::Yes(outcome) = &gating.asked {
                self.outcome("ai_reply", outcome, &mut judged);
            }
            if !gating.failed() {
                judged.differences.extend(wish.compare(&gating.gate));
            }
            judged.trace.extend(gating.trace);
        }
        if let Some(said) = &self.hold {
            let reply = around.reply.clone();
            let vetted = snapshot.before_send(reply, context.clone(), expired());
            self.outcome("before_send", &vetted.outcome, &mut judged);
            let came = match vetted.verdict {
                Verdict::Allow => None,
                Verdict::Hold(why) => Some(why),
            };
            judged.differences.extend(said.compare("hold", came));
            judged.trace.extend(vetted.trace);
        }
        if let Some(said) = &self.alert {
            let alerted = snapshot.on_mailbox_state(context.clone(), expired());
            self.outcome("on_mailbox_state", &alerted.outcome, &mut judged);
            let came = (!alerted.texts.is_empty()).then(|| alerted.texts.join("; "));
            judged.differences.extend(said.compare("alert", came));
            judged.trace.extend(alerted.trace);
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

impl Said {
    fn compare(&self, what: &'static str, came: Option<String>) -> Option<Difference> {
        let (met, expected) = match self {
            Self::YesOrNo(wanted) => {
                let words = if *wanted { "something" } else { NOTHING };
                (came.is_some() == *wanted, words.to_owned())
            }
            Self::Words(words) => {
                let there = came.as_ref().is_some_and(|came| came.contains(words));
                (there, format!("with {words:?}"))
            }
        };
        different(!met, what, expected, shown(&came.unwrap_or_default()))
    }
}

impl GateWish {
    fn compare(&self, gate: &Gate) -> Vec<Difference> {
        let (word, guidance, because) = match gate {
            Gate::Off { why } => ("off", "", why.as_str()),
            Gate::Draft { guidance, because } => ("draft", guidance.as_str(), because.as_str()),
            Gate::Send { guidance, because } => ("send", guidance.as_str(), because.as_str()),
        };
        let mut found = Vec::new();
        found.extend(different(
            word != self.word,
            "ai",
            shown(self.word),
            shown(word),
        ));
        if let Some(wanted) = &self.guidance {
            found.extend(different(
                guidance != wanted,
                "guidance",
                shown(wanted),
                shown(guidance),
            ));
        }
        if let Some(wanted) = &self.because {
            let missing = !because.contains(wanted.as_str());
            found.extend(different(
                missing,
                "because",
                format!("with {wanted:?}"),
                shown(because),
            ));
        }
        found
    }
}

/// A word of those that are known, or the empty one, which is none.
fn known_or_none(
    word: Option<&Spanned<String>>,
    known: impl Fn(&Spanned<String>) -> Result<&'static str, Wrong>,
) -> Result<Option<String>, Wrong> {
    let Some(word) = word else {
        return Ok(None);
    };
    if word.get_ref().is_empty() {
        return Ok(Some(String::new()));
    }
    Ok(Some(known(word)?.to_owned()))
}

impl Wish {
    fn compare(&self, routed: &Routed) -> Option<Difference> {
        let routing = &routed.routing;
        let came = |name: &str| match name {
            "team" => routing.team.clone(),
            "assign" => assign_word(&routing.assign),
            "priority" => routing.priority.map(priority_word).map(str::to_owned),
            "status" => routing.status.map(status_word).map(str::to_owned),
            "acknowledge" => routing.acknowledge.clone(),
            "wake_in" => routing.wake_in.map(wake_word),
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
            Self::Said(name, said) => said.compare(name, came(name)),
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
