//! The questions that the gateway asks of scripts, one by one, and what their answers
//! come to. A script that fails, or answers with something else, has the answer that
//! does no harm: mail to the inbox, no assistant, a reply that waits for a person.

use rhai::{Array, Dynamic, FuncArgs};

use super::programs::Whose;
use super::{Called, Snapshot};
use crate::domain::decision::{self, Gate, Gating, NotAsked, Outcome, Routing, TraceStep, Verdict};
use crate::domain::slug::Slug;
use crate::script::answer::alert::{self, Alert};
use crate::script::answer::verdict::Judged;
use crate::script::answer::{self, Answer, Building};
use crate::script::entry;
use crate::script::reading::{Context, Mail, Reply};
use crate::script::view::{ContextView, MailView, ReplyView};

/// Longest signature, in bytes; more is a mistake in the script.
const SIGNATURE_BYTES_MAX: usize = 16 * 1024;

const ROUTING: Asked = Asked {
    file: entry::ROUTING,
    function: "route",
    wanted: entry::WANTED[0].1,
};
const GATE: Asked = Asked {
    file: entry::GATE,
    function: "ai_reply",
    wanted: entry::WANTED[1].1,
};
const SIGNATURE: Asked = Asked {
    file: entry::SIGNATURE,
    function: "signature",
    wanted: entry::WANTED[2].1,
};
const BEFORE_SEND: Asked = Asked {
    file: entry::BEFORE_SEND,
    function: "before_send",
    wanted: entry::WANTED[3].1,
};
const TIMER: Asked = Asked {
    file: entry::TIMERS,
    function: "on_timer",
    wanted: entry::WANTED[4].1,
};
const STATE: Asked = Asked {
    file: entry::STATES,
    function: "on_mailbox_state",
    wanted: entry::WANTED[5].1,
};

/// A function that is asked for, and what it should answer with.
struct Asked {
    file: &'static str,
    function: &'static str,
    wanted: &'static str,
}

/// What `route` or `on_timer` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// Whether it answered.
    pub outcome: Outcome,
    /// What it asks for; the default route when it did not answer.
    pub routing: Routing,
    /// What is odd about the answer.
    pub warnings: Vec<String>,
    /// What it read and built.
    pub trace: Vec<TraceStep>,
}

/// What `ai_reply` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gated {
    /// What the assistant may do; nothing when the script did not answer.
    pub gate: Gate,
    /// Whether it answered.
    pub outcome: Outcome,
    /// What is odd about the answer.
    pub warnings: Vec<String>,
    /// What it read and built.
    pub trace: Vec<TraceStep>,
}

impl From<Gated> for Gating {
    fn from(gated: Gated) -> Self {
        Self {
            gate: gated.gate,
            asked: decision::Asked::Yes(gated.outcome),
            warnings: gated.warnings,
            trace: gated.trace,
        }
    }
}

/// What `signature` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The signature; the mailbox's own when the script did not answer.
    pub text: String,
    /// Whether it answered.
    pub outcome: Outcome,
    /// What it read.
    pub trace: Vec<TraceStep>,
}

/// What `before_send` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vetted {
    /// Whether the reply may leave; it is held when the script failed.
    pub verdict: Verdict,
    /// Whether it answered.
    pub outcome: Outcome,
    /// What it read and built.
    pub trace: Vec<TraceStep>,
}

/// What `on_mailbox_state` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerted {
    /// What people are to be told, also when the script failed after it.
    pub texts: Vec<String>,
    /// Whether it answered.
    pub outcome: Outcome,
    /// What it read and built.
    pub trace: Vec<TraceStep>,
}

impl Snapshot {
    /// Asks `route(mail, ctx)`. `expired` is asked now and then and ends the call
    /// when it says yes; it owns what it needs, since Rhai keeps no borrowed hook.
    #[must_use]
    pub fn route(
        &self,
        mail: MailView,
        context: ContextView,
        expired: impl Fn() -> bool + 'static,
    ) -> Routed {
        let whose = Whose::of(&context);
        self.routed(
            &whose,
            &ROUTING,
            self.shown(mail, context),
            expired,
            "so the mail stays in the inbox; end it with `inbox()`",
        )
    }

    /// Asks `on_timer(ctx)`, as [`Self::route`] does.
    #[must_use]
    pub fn on_timer(&self, context: ContextView, expired: impl Fn() -> bool + 'static) -> Routed {
        let whose = Whose::of(&context);
        let arguments = (Context::new(context),);
        self.routed(
            &whose,
            &TIMER,
            arguments,
            expired,
            "so the conversation stays as it is; end it with `inbox()`",
        )
    }

    /// Asks `ai_reply(mail, ctx)`.
    #[must_use]
    pub fn ai_reply(
        &self,
        mail: MailView,
        context: ContextView,
        expired: impl Fn() -> bool + 'static,
    ) -> Gated {
        let whose = Whose::of(&context);
        let called = self.ask(&whose, &GATE, self.shown(mail, context), expired);
        let (answer, trace, file) = parts(called);
        let mut warnings = Vec::new();
        let off = |why: &str| Gate::Off {
            why: why.to_owned(),
        };
        let (outcome, gate) = match answer {
            None => (Outcome::NoScript, off("no ai_gate.rhai")),
            Some(Ok(value)) if value.is_unit() => {
                let words =
                    "`ai_reply` answered nothing, which is off; say why with `off(\"...\")`";
                warnings.push(words.to_owned());
                (Outcome::Decided, off("`ai_reply` answered nothing"))
            }
            Some(answer) => {
                match answer.and_then(|value| self.cast::<Building<Gate>>(&GATE, file, value)) {
                    Ok(gate) => (Outcome::Decided, gate.built()),
                    Err(failure) => (Outcome::Failed(failure.clone()), off(&failure)),
                }
            }
        };
        Gated {
            gate,
            outcome,
            warnings,
            trace,
        }
    }

    /// What the assistant may do about a mail that was routed so. `ai_reply` is not asked about
    /// what machines never answer.
    #[must_use]
    pub fn gating(
        &self,
        mail: MailView,
        context: ContextView,
        routed: &Routed,
        expired: impl Fn() -> bool + 'static,
    ) -> Gating {
        let (kind, imported, late) = (mail.head.kind, mail.imported, mail.late);
        let not_asked = NotAsked::of(kind, imported, late, &routed.outcome, &routed.routing);
        not_asked.map_or_else(
            || self.ai_reply(mail, context, expired).into(),
            Gating::not_asked,
        )
    }

    /// Asks `signature(ctx)`.
    #[must_use]
    pub fn signature(&self, context: ContextView, expired: impl Fn() -> bool + 'static) -> Signed {
        let fallback = context.mailbox.signature.clone();
        let whose = Whose::of(&context);
        let arguments = (Context::new(context),);
        let called = self.ask(&whose, &SIGNATURE, arguments, expired);
        let (answer, trace, file) = parts(called);
        let text = answer.map(|answer| answer.and_then(|value| self.text(file, value)));
        let (text, outcome) = match text {
            None => (fallback, Outcome::NoScript),
            Some(Err(failure)) => (fallback, Outcome::Failed(failure)),
            Some(Ok(text)) => (text, Outcome::Decided),
        };
        Signed {
            text,
            outcome,
            trace,
        }
    }

    /// Asks `before_send(reply, ctx)`.
    #[must_use]
    pub fn before_send(
        &self,
        reply: ReplyView,
        context: ContextView,
        expired: impl Fn() -> bool + 'static,
    ) -> Vetted {
        let whose = Whose::of(&context);
        let arguments = (Reply::new(reply), Context::new(context));
        let called = self.ask(&whose, &BEFORE_SEND, arguments, expired);
        let (answer, trace, file) = parts(called);
        let judged = |value| self.cast::<Judged>(&BEFORE_SEND, file, value);
        let verdict = answer.map(|answer| answer.and_then(judged));
        let (verdict, outcome) = match verdict {
            None => (Verdict::Allow, Outcome::NoScript),
            Some(Err(failure)) => (Verdict::Hold(failure.clone()), Outcome::Failed(failure)),
            Some(Ok(Judged(verdict))) => (verdict, Outcome::Decided),
        };
        Vetted {
            verdict,
            outcome,
            trace,
        }
    }

    /// Asks `on_mailbox_state(ctx)`.
    #[must_use]
    pub fn on_mailbox_state(
        &self,
        context: ContextView,
        expired: impl Fn() -> bool + 'static,
    ) -> Alerted {
        let whose = Whose::of(&context);
        let arguments = (Context::new(context),);
        let (called, texts) = alert::gather(|| self.ask(&whose, &STATE, arguments, expired));
        let (answer, trace, file) = parts(called);
        let outcome = match answer {
            None => Outcome::NoScript,
            Some(answer) => match answer.and_then(|value| self.alerts(file, value)) {
                Ok(()) => Outcome::Decided,
                Err(failure) => Outcome::Failed(failure),
            },
        };
        Alerted {
            texts,
            outcome,
            trace,
        }
    }

    /// Whether `ai_reply` is there to be asked about a mail of this mailbox.
    #[must_use]
    pub fn asks_about_answers(&self, context: &ContextView) -> bool {
        let program = self.programs.of_whom(GATE.file, &Whose::of(context));
        program.is_some_and(|program| program.owner(GATE.function).is_some())
    }

    /// Whether `on_mailbox_state` is there to be asked about a mailbox.
    #[must_use]
    pub fn answers_mailbox_state(&self, workspace: &str, mailbox: &Slug) -> bool {
        let whose = Whose::named(workspace, mailbox);
        let program = self.programs.of_whom(STATE.file, &whose);
        program.is_some_and(|program| program.owner(STATE.function).is_some())
    }

    fn shown(&self, mail: MailView, context: ContextView) -> (Mail, Context) {
        let zone = context.now.time_zone().clone();
        let mail = Mail::new(mail, zone, self.limits.text_bytes_max);
        (mail, Context::new(context))
    }

    fn ask(
        &self,
        whose: &Whose,
        asked: &Asked,
        arguments: impl FuncArgs,
        expired: impl Fn() -> bool + 'static,
    ) -> Option<Called<'_>> {
        self.call(whose, asked.file, asked.function, arguments, expired)
    }

    fn routed(
        &self,
        whose: &Whose,
        asked: &Asked,
        arguments: impl FuncArgs,
        expired: impl Fn() -> bool + 'static,
        nothing: &str,
    ) -> Routed {
        let (answer, trace, file) = parts(self.ask(whose, asked, arguments, expired));
        let mut warnings = Vec::new();
        let (outcome, routing) = match answer {
            None => (Outcome::NoScript, Routing::default()),
            Some(Ok(value)) if value.is_unit() => {
                warnings.push(format!("`{}` answered nothing, {nothing}", asked.function));
                (Outcome::Decided, Routing::default())
            }
            Some(answer) => {
                match answer.and_then(|value| self.cast::<Answer>(asked, file, value)) {
                    Ok(answer) => (Outcome::Decided, answer.built()),
                    Err(failure) => (Outcome::Failed(failure), Routing::default()),
                }
            }
        };
        Routed {
            outcome,
            routing,
            warnings,
            trace,
        }
    }

    fn text(&self, file: &str, value: Dynamic) -> Result<String, String> {
        if !value.is_string() {
            return Err(self.wrong_type(&SIGNATURE, file, &value));
        }
        let text = value.into_string().unwrap_or_default();
        if text.len() > SIGNATURE_BYTES_MAX {
            return Err(format!(
                "{file}: a signature of more than {SIGNATURE_BYTES_MAX} bytes"
            ));
        }
        Ok(text)
    }

    /// An alert has counted when it was raised; here it is only told from other values.
    fn alerts(&self, file: &str, value: Dynamic) -> Result<(), String> {
        if value.is_unit() || value.is::<Alert>() {
            return Ok(());
        }
        match value.try_cast_result::<Array>() {
            Ok(all) => match all.iter().find(|one| !one.is::<Alert>()) {
                Some(other) => Err(self.wrong_type(&STATE, file, other)),
                None => Ok(()),
            },
            Err(other) => Err(self.wrong_type(&STATE, file, &other)),
        }
    }

    fn cast<T: Clone + Send + Sync + 'static>(
        &self,
        asked: &Asked,
        file: &str,
        value: Dynamic,
    ) -> Result<T, String> {
        value
            .try_cast_result::<T>()
            .map_err(|other| self.wrong_type(asked, file, &other))
    }

    fn wrong_type(&self, asked: &Asked, file: &str, value: &Dynamic) -> String {
        let Asked {
            function, wanted, ..
        } = asked;
        let found = match answer::meant_for(value) {
            Some(others) => format!("an answer for {others}"),
            None if value.is_unit() => "nothing".to_owned(),
            None => {
                let name = self.engine.map_type_name(value.type_name());
                format!("a value of type {name}")
            }
        };
        format!("{file}: `{function}` must answer with {wanted}, not with {found}")
    }
}

/// Answer and trace, and the file that they are of.
fn parts(called: Option<Called<'_>>) -> (Option<Result<Dynamic, String>>, Vec<TraceStep>, &str) {
    match called {
        Some(called) => (Some(called.answer), called.trace, called.file),
        None => (None, Vec::new(), ""),
    }
}
