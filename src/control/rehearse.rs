//! The request to try scripts on mails that came before.

use serde_json::json;

use super::desk::{Desk, words};
use super::message::{Answer, RehearseAsked};
use super::row::{counted, moment};
use crate::domain::answered::both_in_words;
use crate::domain::decision::Outcome;
use crate::domain::user::Actor;
use crate::service::collecting::{begin_of, day};
use crate::service::rehearsal::{Answers, Candidate, Changed, LISTED_MAX, Question, Rehearsed};
use crate::wire::decision::{AnswersBody, RoutedBody};

impl Desk {
    pub(super) async fn rehearse(
        &self,
        asked: RehearseAsked,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let since = asked.since.as_deref().map(day).transpose()?;
        let question = Question {
            candidate: asked.folder.map_or(Candidate::Folder, Candidate::Elsewhere),
            last: asked.last,
            since: since.and_then(begin_of),
            mailbox: asked.mailbox,
        };
        let done = self.rehearsals.rehearse(&Actor::Console, question).await;
        let done = done.map_err(words)?;
        for changed in &done.listed {
            tell(item(changed));
        }
        tell(counts(&done));
        Ok(Answer::Done {
            words: summary(&done),
        })
    }
}

fn item(changed: &Changed) -> Answer {
    let mut words = format!(
        "{}  {}  {:?}",
        moment(changed.arrived_at),
        changed.from,
        changed.subject
    );
    if let Some((_, number)) = changed.conversation {
        words += &format!("  #{number}");
    }
    words += &format!(
        "\n  now   {}\n  then  {}",
        shown(&changed.old),
        shown(&changed.new)
    );
    for step in changed
        .new
        .routed
        .trace
        .iter()
        .chain(&changed.new.gating.trace)
    {
        let place = format!("{}:{}:{}", step.file, step.line, step.column);
        words += &format!("\n          {place:<24} {}", step.what);
    }
    Answer::Item {
        words,
        item: json!({
            "message_id": changed.message.to_string(),
            "conversation_id": changed.conversation.map(|(id, _)| id.to_string()),
            "conversation_number": changed.conversation.map(|(_, number)| number),
            "arrived_at": changed.arrived_at.to_string(),
            "from": changed.from,
            "subject": changed.subject,
            "old": body(&changed.old),
            "new": body(&changed.new),
        }),
    }
}

fn counts(done: &Rehearsed) -> Answer {
    let slowest = done.slowest.iter().map(|slow| {
        let ms = slow.took.as_secs_f64() * 1000.0;
        (format!("  {ms:9.3} ms  {:?}", slow.subject), slow)
    });
    let (lines, slowest): (Vec<_>, Vec<_>) = slowest.unzip();
    let slowest: Vec<_> = slowest
        .into_iter()
        .map(|slow| {
            json!({
                "message_id": slow.message.to_string(),
                "subject": slow.subject,
                "took_us": micros(slow.took),
            })
        })
        .collect();
    Answer::Item {
        words: format!("slowest:\n{}", lines.join("\n")),
        item: json!({
            "mails": done.mails,
            "changed": done.changed,
            "listed": done.listed.len(),
            "errors_old": done.errors_old,
            "errors_new": done.errors_new,
            "slowest": slowest,
            "took_us": micros(done.took),
            "cut_short": done.cut_short,
        }),
    }
}

fn summary(done: &Rehearsed) -> String {
    let mut words = format!(
        "{} looked at in {:.1} s: {} would be decided otherwise; the live scripts fail at {}, \
         these at {}.",
        counted(done.mails, "mail", "mails"),
        done.took.as_secs_f64(),
        done.changed,
        done.errors_old,
        done.errors_new
    );
    if done.same {
        words += " They are the same scripts: `--scripts DIR` tries others.";
    }
    if done.changed > done.listed.len() {
        words += &format!(" The latest {LISTED_MAX} are listed.");
    }
    if done.cut_short {
        words += " Older mails were not looked at: it would have taken too long.";
    }
    words
}

fn shown(answers: &Answers) -> String {
    let routed = &answers.routed;
    match &routed.outcome {
        Outcome::Failed(words) => format!("inbox; the script failed: {words}"),
        Outcome::Decided | Outcome::NoScript => both_in_words(&routed.routing, &answers.gating),
    }
}

fn body(answers: &Answers) -> AnswersBody {
    let routed = &answers.routed;
    let routed = RoutedBody::new(
        &routed.outcome,
        &routed.routing,
        &routed.warnings,
        &routed.trace,
    );
    AnswersBody::new(routed, &answers.gating)
}

fn micros(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
