//! The views as a script reads them: properties without setters, texts read at
//! most once and only when asked for. What is absent reads as an empty text, so
//! that no rule needs to ask first.

use std::sync::{Arc, OnceLock};

use jiff::civil::Weekday;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use rhai::{Dynamic, ImmutableString, NativeCallContext};

use super::found::{self, Fields};
use super::shape::{Shape, Sort};
use super::trace;
use super::view::{
    ContactView, ContextView, ConversationView, MailView, MailboxView, OperatorView,
};
use crate::domain::address::NamedAddress;
use crate::domain::conversation::{Priority, Status};
use crate::domain::message::{Attachment, Kind};

/// `mail`.
#[derive(Clone, Debug)]
pub(super) struct Mail(Arc<MailRead>);

#[derive(Debug)]
struct MailRead {
    view: MailView,
    zone: TimeZone,
    text_bytes_max: usize,
    text: OnceLock<ImmutableString>,
    whole_text: OnceLock<ImmutableString>,
}

impl Mail {
    /// Texts are cut to half of `text_bytes_max`, so that a rule can still add to them.
    pub(super) fn new(view: MailView, zone: TimeZone, text_bytes_max: usize) -> Self {
        Self(Arc::new(MailRead {
            view,
            zone,
            text_bytes_max,
            text: OnceLock::new(),
            whole_text: OnceLock::new(),
        }))
    }

    fn cut(&self, text: String) -> ImmutableString {
        let end = text.floor_char_boundary(self.0.text_bytes_max / 2);
        text[..end].into()
    }

    fn text(&self) -> ImmutableString {
        let read = || self.cut(self.0.view.content.text());
        self.0.text.get_or_init(read).clone()
    }

    fn whole_text(&self) -> ImmutableString {
        let read = || self.cut(self.0.view.content.whole_text());
        self.0.whole_text.get_or_init(read).clone()
    }

    fn header(&self, name: &str) -> ImmutableString {
        let value = self.0.view.content.header(name).unwrap_or_default();
        self.cut(value)
    }

    fn moment(&self, at: Timestamp) -> Dynamic {
        Dynamic::from(Moment(Arc::new(at.to_zoned(self.0.zone.clone()))))
    }

    fn attachments(&self) -> Dynamic {
        let of = |index| Dynamic::from(File(Arc::clone(&self.0), index));
        Dynamic::from_array((0..self.0.view.head.attachments.len()).map(of).collect())
    }
}

/// One of `mail.attachments`.
#[derive(Clone, Debug)]
struct File(Arc<MailRead>, usize);

impl File {
    fn read(&self, read: fn(&Attachment) -> Dynamic) -> Dynamic {
        // The index comes from the same list; an empty value is for the compiler.
        let attachment = self.0.view.head.attachments.get(self.1);
        attachment.map_or(Dynamic::UNIT, read)
    }
}

/// `ctx` and its parts share one view.
#[derive(Clone, Debug)]
pub(super) struct Context(Arc<ContextRead>);

#[derive(Debug)]
struct ContextRead {
    conversation: Option<ConversationView>,
    conversation_or_none: ConversationView,
    contact: ContactView,
    mailbox: MailboxView,
    operator: OperatorView,
    now: Arc<Zoned>,
    workspace: String,
}

impl Context {
    pub(super) fn new(view: ContextView) -> Self {
        Self(Arc::new(ContextRead {
            conversation: view.conversation,
            conversation_or_none: ConversationView::default(),
            contact: view.contact.unwrap_or_default(),
            mailbox: view.mailbox,
            operator: view.operator.unwrap_or_default(),
            now: Arc::new(view.now),
            workspace: view.workspace,
        }))
    }
}

impl ContextRead {
    fn conversation(&self) -> &ConversationView {
        self.conversation
            .as_ref()
            .unwrap_or(&self.conversation_or_none)
    }
}

#[derive(Clone, Debug)]
struct InConversation(Arc<ContextRead>);
#[derive(Clone, Debug)]
struct InContact(Arc<ContextRead>);
#[derive(Clone, Debug)]
struct InMailbox(Arc<ContextRead>);
#[derive(Clone, Debug)]
struct InOperator(Arc<ContextRead>);

/// A point in time in its zone.
#[derive(Clone, Debug)]
struct Moment(Arc<Zoned>);

/// Registers all views.
pub(super) fn register(shape: &mut Shape) {
    register_mail(shape);
    context(shape);
    conversation(shape);
    people(shape);
}

/// Registers a mail and what hangs on it.
pub(super) fn register_mail(shape: &mut Shape) {
    mail(shape);
    mail_sort(shape);
    attachment(shape);
    found::register(shape);
    moment(shape);
}

fn mail(shape: &mut Shape) {
    shape.name::<Mail>(Sort::Mail);
    let mut add = |name, read| shape.property::<Mail>(Sort::Mail, name, Sort::Plain, read);
    add("from", |m| address(m.0.view.head.from.as_ref()));
    add("from_name", |m| {
        let name = m.0.view.head.from.as_ref().and_then(NamedAddress::name);
        text(name.unwrap_or_default())
    });
    add("to", |m| addresses(&m.0.view.head.to));
    add("cc", |m| addresses(&m.0.view.head.cc));
    add("reply_to", |m| addresses(&m.0.view.head.reply_to));
    add("delivered_to", |m| addresses(&m.0.view.head.delivered_to));
    add("subject", |m| text(&m.0.view.head.subject));
    add("base_subject", |m| text(&m.0.view.base_subject));
    add("text", |m| m.text().into());
    add("whole_text", |m| m.whole_text().into());
    add("language", |m| text(&m.0.view.head.language));
    add("size", |m| number(m.0.view.size));
    add("late", |m| m.0.view.late.into());
    add("imported", |m| m.0.view.imported.into());
    add("new_participant", |m| m.0.view.new_participant.into());
    shape.property::<Mail>(Sort::Mail, "fields", Sort::Fields, |m| {
        Dynamic::from(Fields(Arc::clone(&m.0.view.fields)))
    });
    shape.property::<Mail>(Sort::Mail, "date", Sort::Moment, |m| {
        m.moment(m.0.view.head.date.unwrap_or(m.0.view.arrived_at))
    });
    shape.property::<Mail>(Sort::Mail, "received_at", Sort::Moment, |m| {
        m.moment(m.0.view.arrived_at)
    });
    let header = |context: NativeCallContext<'_>, mail: &mut Mail, name: ImmutableString| {
        let value = mail.header(&name);
        trace::step(&context, || {
            let (name, value) = (trace::quoted(&name), trace::quoted(&value));
            format!("mail.header({name}) = {value}")
        });
        value
    };
    shape.engine.register_fn("header", header);
    shape.method(Sort::Mail, "header", Sort::Plain);
}

fn mail_sort(shape: &mut Shape) {
    let mut add = |name, read| shape.property::<Mail>(Sort::Mail, name, Sort::Plain, read);
    add("has_html", |m| m.0.view.head.html.is_some().into());
    add("kind", |m| text(kind_word(m.0.view.head.kind)));
    add("is_list", |m| (m.0.view.head.kind == Kind::List).into());
    add("is_bounce", |m| (m.0.view.head.kind == Kind::Bounce).into());
    add("is_automatic", |m| {
        let kind = m.0.view.head.kind;
        matches!(
            kind,
            Kind::Automatic | Kind::AutomaticReply | Kind::Bounce | Kind::ReadReceipt
        )
        .into()
    });
    add("attachments", Mail::attachments);
}

fn attachment(shape: &mut Shape) {
    shape.name::<File>(Sort::Attachment);
    let mut add = |name, read| shape.property::<File>(Sort::Attachment, name, Sort::Plain, read);
    add("name", |file| file.read(|a| text(&a.name)));
    add("type", |file| file.read(|a| text(&a.part.content_type)));
    add("size", |file| file.read(|a| number(a.size)));
    add("inline", |file| file.read(|a| a.inline.into()));
}

fn context(shape: &mut Shape) {
    shape.name::<Context>(Sort::Context);
    let mut add = |name, sort, read| shape.property::<Context>(Sort::Context, name, sort, read);
    add("conversation", Sort::Conversation, |c| {
        Dynamic::from(InConversation(Arc::clone(&c.0)))
    });
    add("contact", Sort::Contact, |c| {
        Dynamic::from(InContact(Arc::clone(&c.0)))
    });
    add("mailbox", Sort::Mailbox, |c| {
        Dynamic::from(InMailbox(Arc::clone(&c.0)))
    });
    add("operator", Sort::Operator, |c| {
        Dynamic::from(InOperator(Arc::clone(&c.0)))
    });
    add("now", Sort::Moment, |c| {
        Dynamic::from(Moment(Arc::clone(&c.0.now)))
    });
    add("workspace", Sort::Plain, |c| text(&c.0.workspace));
}

fn conversation(shape: &mut Shape) {
    shape.name::<InConversation>(Sort::Conversation);
    let mut add = |name, read| {
        shape.property::<InConversation>(Sort::Conversation, name, Sort::Plain, read);
    };
    add("number", |c| number(c.0.conversation().number));
    add("subject", |c| text(&c.0.conversation().subject));
    add("status", |c| text(status_word(c.0.conversation().status)));
    add("priority", |c| {
        text(priority_word(c.0.conversation().priority))
    });
    add("tags", |c| {
        let tags = c.0.conversation().tags.iter();
        Dynamic::from_array(tags.map(|tag| text(tag.as_str())).collect())
    });
    add("team", |c| optional(c.0.conversation().team.as_deref()));
    add("assignee", |c| {
        optional(c.0.conversation().assignee.as_deref())
    });
    add("message_count", |c| {
        number(u64::from(c.0.conversation().message_count))
    });
    add("is_new", |c| (c.0.conversation().message_count <= 1).into());
}

fn people(shape: &mut Shape) {
    shape.name::<InContact>(Sort::Contact);
    let mut add = |name, read| shape.property::<InContact>(Sort::Contact, name, Sort::Plain, read);
    add("name", |c| text(&c.0.contact.name));
    add("address", |c| text(&c.0.contact.address));
    add("conversation_count", |c| {
        number(c.0.contact.conversation_count)
    });
    shape.name::<InMailbox>(Sort::Mailbox);
    let mut add = |name, read| shape.property::<InMailbox>(Sort::Mailbox, name, Sort::Plain, read);
    add("id", |c| text(&c.0.mailbox.id));
    add("name", |c| text(&c.0.mailbox.name));
    add("address", |c| text(&c.0.mailbox.address));
    add("signature", |c| text(&c.0.mailbox.signature));
    add("preset", |c| text(&c.0.mailbox.preset));
    shape.name::<InOperator>(Sort::Operator);
    let mut add =
        |name, read| shape.property::<InOperator>(Sort::Operator, name, Sort::Plain, read);
    add("name", |c| text(&c.0.operator.name));
    add("address", |c| text(&c.0.operator.address));
}

fn moment(shape: &mut Shape) {
    shape.name::<Moment>(Sort::Moment);
    let mut add = |name, read| shape.property::<Moment>(Sort::Moment, name, Sort::Plain, read);
    add("year", |m| i64::from(m.0.year()).into());
    add("month", |m| i64::from(m.0.month()).into());
    add("day", |m| i64::from(m.0.day()).into());
    add("hour", |m| i64::from(m.0.hour()).into());
    add("minute", |m| i64::from(m.0.minute()).into());
    add("weekday", |m| text(weekday_word(m.0.weekday())));
    add("is_weekend", |m| {
        matches!(m.0.weekday(), Weekday::Saturday | Weekday::Sunday).into()
    });
    add("unix", |m| m.0.timestamp().as_second().into());
    let shown = |m: &mut Moment| m.0.strftime("%Y-%m-%d %H:%M").to_string();
    shape.engine.register_fn("to_string", shown);
    shape.method(Sort::Moment, "to_string", Sort::Plain);
}

fn text(text: &str) -> Dynamic {
    ImmutableString::from(text).into()
}

fn optional(value: Option<&str>) -> Dynamic {
    text(value.unwrap_or_default())
}

fn number(value: u64) -> Dynamic {
    i64::try_from(value).unwrap_or(i64::MAX).into()
}

fn address(from: Option<&NamedAddress>) -> Dynamic {
    // Folded: rules compare addresses, and nobody tells `Anna@` from `anna@`.
    from.map_or_else(|| text(""), |from| text(&from.address.folded()))
}

fn addresses(all: &[NamedAddress]) -> Dynamic {
    Dynamic::from_array(all.iter().map(|one| address(Some(one))).collect())
}

/// Every kind of mail, as scripts read it.
pub(super) const KINDS: [(&str, Kind); 7] = [
    ("personal", Kind::Personal),
    ("automatic_reply", Kind::AutomaticReply),
    ("automatic", Kind::Automatic),
    ("bounce", Kind::Bounce),
    ("list", Kind::List),
    ("read_receipt", Kind::ReadReceipt),
    ("invitation", Kind::Invitation),
];

fn kind_word(kind: Kind) -> &'static str {
    let found = KINDS.iter().find(|(_, own)| *own == kind);
    found.map_or("personal", |(word, _)| word)
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Pending => "pending",
        Status::Snoozed => "snoozed",
        Status::Closed => "closed",
    }
}

fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

fn weekday_word(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}
