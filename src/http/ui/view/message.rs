//! A message of the conversation page, with its text, files, fate and decisions.

use super::super::language::Words;
use super::marks::FieldsView;
use super::outgoing::OutgoingView;
use super::scripts::{ByView, StepView, gate_in_words};
use super::{Moment, size};
use crate::domain::address::NamedAddress;
use crate::domain::answered::{assign_word, wake_word};
use crate::domain::authentication::Authentication;
use crate::domain::decision::{Asked, Assign, Decision, Gating, Occasion, Outcome};
use crate::domain::message::{Attachment, Defect, Direction, Kind, Message};
use crate::http::api::{direction_name, kind_name, priority_name, status_name, verdict_name};
use crate::service::conversations::content::Text;
use crate::wire::decision::hexadecimal;
use crate::wire::decision::not_asked_word;

/// Bytes of the line that closes a part: two hyphens, a letter, two hyphens.
const BOUNDARY_BYTES_MIN: u64 = 5;

/// A message.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct MessageView {
    pub(in crate::http::ui) id: String,
    pub(in crate::http::ui) direction: &'static str,
    pub(in crate::http::ui) from: String,
    pub(in crate::http::ui) from_address: String,
    pub(in crate::http::ui) to: String,
    pub(in crate::http::ui) cc: String,
    pub(in crate::http::ui) at: Moment,
    /// Only when a machine wrote it.
    pub(in crate::http::ui) kind: Option<&'static str>,
    pub(in crate::http::ui) late: bool,
    pub(in crate::http::ui) imported: bool,
    pub(in crate::http::ui) new_participant: bool,
    /// The list whose address stands in From.
    pub(in crate::http::ui) by_list: Option<String>,
    /// Where answers are wanted, when that is elsewhere.
    pub(in crate::http::ui) answers_to: Option<String>,
    /// Another program sent it from the mailbox.
    pub(in crate::http::ui) is_elsewhere: bool,
    /// A machine answered for somebody: nobody has to read it.
    pub(in crate::http::ui) is_folded: bool,
    pub(in crate::http::ui) text: String,
    pub(in crate::http::ui) quoted: Option<String>,
    pub(in crate::http::ui) cut: bool,
    pub(in crate::http::ui) has_html: bool,
    pub(in crate::http::ui) has_raw: bool,
    pub(in crate::http::ui) defective: bool,
    /// What it proves of its sender, in one word of DMARC and in all words.
    pub(in crate::http::ui) proves: Option<(&'static str, String)>,
    /// What a plugin read in it.
    pub(in crate::http::ui) found: Option<FieldsView>,
    /// Only the beginning is here: the size of the whole, and whether that is coming.
    pub(in crate::http::ui) rest: Option<(String, bool)>,
    pub(in crate::http::ui) files: Vec<FileView>,
    pub(in crate::http::ui) outgoing: Option<OutgoingView>,
    pub(in crate::http::ui) decisions: Vec<DecisionView>,
}

/// A file.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct FileView {
    pub(in crate::http::ui) place: usize,
    pub(in crate::http::ui) name: String,
    pub(in crate::http::ui) size: String,
    /// Only the beginning of the mail is here, and it ends within this file.
    pub(in crate::http::ui) is_cut: bool,
}

/// Why a mail is where it is.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct DecisionView {
    pub(in crate::http::ui) outcome: &'static str,
    pub(in crate::http::ui) error: Option<String>,
    /// `team billing`, `tag invoice` and so on, each a kind and a value.
    pub(in crate::http::ui) answers: Vec<(&'static str, String)>,
    pub(in crate::http::ui) warnings: Vec<String>,
    /// Of the scripts that decided.
    pub(in crate::http::ui) version: Option<String>,
    /// Which line decided, and why, where the trace tells.
    pub(in crate::http::ui) by: Option<ByView>,
    pub(in crate::http::ui) steps: Vec<StepView>,
    /// It was made at the end of a timer.
    pub(in crate::http::ui) is_timer: bool,
    /// How the gate of the assistant stands, where there is one.
    pub(in crate::http::ui) assistant: Option<AssistantView>,
}

impl DecisionView {
    /// In the words of a sentence, without its full stop.
    pub(in crate::http::ui) fn sentence(&self, words: Words) -> String {
        let value = |wanted: &str| {
            let mut answers = self.answers.iter();
            let found = answers.find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        if value("spam").is_some() {
            words.t("why.to_spam").to_owned()
        } else if let Some(reason) = value("ignore") {
            words.with("why.to_nobody", &[("reason", reason)])
        } else if let Some(team) = value("team") {
            words.with("why.to_team", &[("team", team)])
        } else {
            words.t("why.to_inbox").to_owned()
        }
    }
}

/// How the gate of the assistant stands.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct AssistantView {
    /// In a sentence.
    pub(in crate::http::ui) words: String,
    pub(in crate::http::ui) warnings: Vec<String>,
    pub(in crate::http::ui) steps: Vec<StepView>,
}

impl AssistantView {
    /// Absent where no script opens or closes it: there is nothing to tell.
    fn new(gating: &Gating, words: Words) -> Option<Self> {
        if gating.asked == Asked::Yes(Outcome::NoScript) {
            return None;
        }
        let not_asked = match &gating.asked {
            Asked::No(reason) => {
                let key = format!("assistant.not.{}", not_asked_word(*reason));
                Some(words.t(&key).to_owned())
            }
            Asked::Yes(_) => None,
        };
        Some(Self {
            words: gate_in_words(&gating.gate, not_asked.as_deref(), words),
            warnings: gating.warnings.clone(),
            steps: gating.trace.iter().map(StepView::new).collect(),
        })
    }
}

impl MessageView {
    /// `writer` is the colleague who wrote a note or reply, where known.
    pub(in crate::http::ui) fn new(
        message: &Message,
        text: Text,
        decisions: Vec<DecisionView>,
        outgoing: Option<OutgoingView>,
        writer: Option<&str>,
    ) -> Self {
        let head = &message.head;
        let from = head.author();
        let list = head.from.as_ref().filter(|_| head.writer.is_some());
        let is_outbound = message.direction == Direction::Outbound;
        Self {
            id: message.id.to_string(),
            direction: direction_name(message.direction),
            from: writer
                .or_else(|| from.map(NamedAddress::shown))
                .unwrap_or_default()
                .to_owned(),
            from_address: from
                .filter(|_| message.direction == Direction::Inbound)
                .map(|from| from.address.to_string())
                .unwrap_or_default(),
            to: joined(&head.to),
            cc: joined(&head.cc),
            at: Moment::new(message.arrived_at),
            kind: (head.kind != Kind::Personal && message.direction == Direction::Inbound)
                .then(|| kind_name(head.kind)),
            late: message.late,
            imported: message.imported,
            new_participant: message.new_participant,
            by_list: list.map(|list| list.address.to_string()),
            answers_to: head
                .answers_go_elsewhere()
                .then(|| joined_addresses(&head.reply_to)),
            is_elsewhere: is_outbound && outgoing.is_none(),
            is_folded: matches!(head.kind, Kind::AutomaticReply | Kind::ReadReceipt)
                && message.direction == Direction::Inbound,
            text: text.fresh,
            quoted: text.quoted,
            cut: text.cut,
            has_html: text.has_html && message.direction == Direction::Inbound,
            has_raw: message.raw.is_some(),
            proves: None,
            found: None,
            rest: None,
            defective: head.defects.iter().any(is_worth_telling),
            files: head
                .attachments
                .iter()
                .enumerate()
                .map(FileView::new)
                .collect(),
            outgoing,
            decisions,
        }
    }
}

impl MessageView {
    /// Only the beginning of the mail is here: which files end with it.
    pub(in crate::http::ui) fn mark_cut(&mut self, message: &Message) {
        let files = self.files.iter_mut().zip(&message.head.attachments);
        for (file, attachment) in files {
            // A part that is closed is followed by its boundary at least.
            file.is_cut = attachment.part.range.end + BOUNDARY_BYTES_MIN > message.size;
        }
    }
}

/// For the page; the names of the methods are the same in every language.
pub(in crate::http::ui) fn proves(found: &Authentication) -> (&'static str, String) {
    let spf = verdict_name(found.spf);
    let dkim = verdict_name(found.dkim);
    let dmarc = verdict_name(found.dmarc);
    let arc = verdict_name(found.arc);
    let signer = found.dkim_domain.as_deref().unwrap_or("-");
    let all = format!(
        "SPF {spf} ({}), DKIM {dkim} ({signer}), DMARC {dmarc} ({}), ARC {arc}",
        found.spf_domain, found.dmarc_domain
    );
    (dmarc, all)
}

/// A missing date or closing line changes nothing for the reader.
fn is_worth_telling(defect: &Defect) -> bool {
    match defect {
        Defect::TooComplex | Defect::Charset | Defect::Unreadable => true,
        // That only the beginning is here has a line of its own.
        Defect::TooLarge | Defect::NoSender | Defect::TextCut | Defect::Unclosed | Defect::Date => {
            false
        }
    }
}

/// Names can be chosen freely; here it is about where a mail would go.
fn joined_addresses(list: &[NamedAddress]) -> String {
    let addresses: Vec<&str> = list.iter().map(|one| one.address.as_str()).collect();
    addresses.join(", ")
}

fn joined(list: &[NamedAddress]) -> String {
    list.iter()
        .map(NamedAddress::shown)
        .collect::<Vec<_>>()
        .join(", ")
}

impl FileView {
    fn new((place, attachment): (usize, &Attachment)) -> Self {
        Self {
            place,
            name: attachment.name.clone(),
            size: size(attachment.size),
            is_cut: false,
        }
    }
}

impl DecisionView {
    /// `files` are those of the version that decided.
    pub(in crate::http::ui) fn new(
        decision: &Decision,
        files: &[(String, String)],
        words: Words,
    ) -> Self {
        let (outcome, error) = match &decision.outcome {
            Outcome::Decided => ("decided", None),
            Outcome::NoScript => ("no_script", None),
            Outcome::Failed(failure) => ("failed", Some(failure.clone())),
        };
        Self {
            outcome,
            error,
            answers: answers(decision),
            warnings: decision.warnings.clone(),
            version: decision.version.map(|version| hexadecimal(&version.0)),
            by: ByView::new(decision, files, words),
            steps: decision.trace.iter().map(StepView::new).collect(),
            is_timer: decision.occasion == Occasion::Timer,
            assistant: decision
                .gating
                .as_ref()
                .and_then(|gating| AssistantView::new(gating, words)),
        }
    }
}

fn answers(decision: &Decision) -> Vec<(&'static str, String)> {
    let routing = &decision.routing;
    let mut answers = Vec::new();
    answers.extend(routing.team.clone().map(|team| ("team", team)));
    if routing.assign != Assign::Unchanged {
        answers.extend(assign_word(&routing.assign).map(|assign| ("assign", assign)));
    }
    answers.extend(
        routing
            .tags
            .iter()
            .map(|tag| ("tag", tag.as_str().to_owned())),
    );
    answers.extend(
        routing
            .priority
            .map(|priority| ("priority", priority_name(priority).to_owned())),
    );
    answers.extend(
        routing
            .status
            .map(|status| ("status", status_name(status).to_owned())),
    );
    answers.extend(routing.ignore.clone().map(|reason| ("ignore", reason)));
    answers.extend(
        routing
            .acknowledge
            .clone()
            .map(|template| ("acknowledge", template)),
    );
    answers.extend(routing.wake_in.map(|after| ("wake_in", wake_word(after))));
    if routing.spam {
        answers.push(("spam", String::new()));
    }
    answers
}
