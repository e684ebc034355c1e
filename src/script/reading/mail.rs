//! `mail` and its attachments, as a script reads them.

use std::sync::{Arc, OnceLock};

use jiff::{Timestamp, tz::TimeZone};
use rhai::{Dynamic, ImmutableString, NativeCallContext};

use super::moment::Moment;
use super::values::{address, addresses, number, optional, text};
use crate::domain::address::NamedAddress;
use crate::domain::authentication::Verdict;
use crate::domain::message::{Attachment, Kind};
use crate::mime::header::address::parse_addresses;
use crate::script::found::Fields;
use crate::script::shape::{Shape, Sort, Type};
use crate::script::trace::{self, Name};
use crate::script::view::MailView;

/// Fields in which servers note the recipient of the envelope. They are put on top; those
/// below may be a stranger's.
const RECIPIENT_FIELDS: [&str; 3] = ["Delivered-To", "X-Original-To", "Envelope-To"];
/// Fields in which servers note that they take a mail for spam.
const SPAM_FIELDS: [&str; 2] = ["X-Spam-Flag", "X-Spam-Status"];

/// `mail`.
#[derive(Clone, Debug)]
pub(in crate::script) struct Mail(Arc<MailRead>);

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
    pub(in crate::script) fn new(view: MailView, zone: TimeZone, text_bytes_max: usize) -> Self {
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

    fn envelope_recipient(&self) -> Option<String> {
        let content = &self.0.view.content;
        if let Some(address) = content.handed_over_for() {
            return Some(address.folded());
        }
        if self.0.view.head.delivered_to.is_empty() {
            return None;
        }
        first_address(&content.topmost(&RECIPIENT_FIELDS)?)
    }

    /// The first address in a header field.
    fn address_in(&self, name: &str) -> Option<String> {
        first_address(&self.0.view.content.header(name)?)
    }

    fn is_spam(&self) -> bool {
        let content = &self.0.view.content;
        let says_yes = |name: &&str| {
            let value = content.header(name).unwrap_or_default();
            value.trim().to_ascii_lowercase().starts_with("yes")
        };
        content.was_junk() || SPAM_FIELDS.iter().any(says_yes)
    }

    fn dmarc(&self) -> &'static str {
        match self.0.view.content.dmarc() {
            Some(Verdict::Pass) => "pass",
            Some(Verdict::Fail) => "fail",
            Some(Verdict::None) => "none",
            // Neither of the others says anything of the author.
            Some(_) | None => "",
        }
    }

    fn moment(&self, at: Timestamp) -> Dynamic {
        Dynamic::from(Moment(Arc::new(at.to_zoned(self.0.zone.clone()))))
    }

    fn attachments(&self) -> Dynamic {
        let of = |index| Dynamic::from(File(Arc::clone(&self.0), index));
        Dynamic::from_array((0..self.0.view.head.attachments.len()).map(of).collect())
    }
}

fn first_address(value: &str) -> Option<String> {
    let found = parse_addresses(value.as_bytes(), None);
    found.addresses.first().map(|one| one.address.folded())
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

/// Registers them.
pub(super) fn register(shape: &mut Shape) {
    mail(shape);
    mail_way(shape);
    mail_sort(shape);
    attachment(shape);
}

fn mail(shape: &mut Shape) {
    shape.name::<Mail>(Sort::Mail);
    let mut add = |named, doc, read| shape.property::<Mail>(Sort::Mail, named, doc, read);
    add(
        ("from", Type::Text),
        "The address of the author, in lower case.",
        |m| address(m.0.view.head.from.as_ref()),
    );
    add(("from_name", Type::Text), "The name of the author.", |m| {
        let name = m.0.view.head.from.as_ref().and_then(NamedAddress::name);
        text(name.unwrap_or_default())
    });
    add(
        ("to", Type::Texts),
        "Whom it is written to: `\"shop@example.com\" in mail.to`.",
        |m| addresses(&m.0.view.head.to),
    );
    add(("cc", Type::Texts), "Who has a copy.", |m| {
        addresses(&m.0.view.head.cc)
    });
    add(
        ("reply_to", Type::Texts),
        "Where answers are wanted, when that is not `from`.",
        |m| addresses(&m.0.view.head.reply_to),
    );
    add(
        ("delivered_to", Type::Texts),
        "Addresses it came through.",
        |m| addresses(&m.0.view.head.delivered_to),
    );
    add(("subject", Type::Text), "The subject as written.", |m| {
        text(&m.0.view.head.subject)
    });
    add(
        ("base_subject", Type::Text),
        "The subject without `Re:`, `回复：` and the like, in lower case.",
        |m| text(&m.0.view.base_subject),
    );
    add(
        ("text", Type::Text),
        "What is new in it, without what it quotes.",
        |m| m.text().into(),
    );
    add(
        ("whole_text", Type::Text),
        "The whole text, with what it quotes.",
        |m| m.whole_text().into(),
    );
    add(
        ("language", Type::Text),
        "`en`, `zh`, ... or `und` when it cannot be told.",
        |m| text(&m.0.view.head.language),
    );
    add(("size", Type::Number), "Bytes of the raw mail.", |m| {
        number(m.0.view.size)
    });
    add(
        ("late", Type::YesNo),
        "It came to us long after it came to the server.",
        |m| m.0.view.late.into(),
    );
    add(
        ("imported", Type::YesNo),
        "It was there before the mailbox was connected.",
        |m| m.0.view.imported.into(),
    );
    add(
        ("new_participant", Type::YesNo),
        "Its sender had no part in the conversation before.",
        |m| m.0.view.new_participant.into(),
    );
    let doc = "What the plugin of the mailbox read in it: `mail.fields.order_id` and whatever else it has.";
    shape.property::<Mail>(Sort::Mail, ("fields", Type::One(Sort::Fields)), doc, |m| {
        Dynamic::from(Fields(Arc::clone(&m.0.view.fields)))
    });
    let moment = Type::One(Sort::Moment);
    shape.property::<Mail>(
        Sort::Mail,
        ("date", moment),
        "When it says it was written.",
        |m| m.moment(m.0.view.head.date.unwrap_or(m.0.view.arrived_at)),
    );
    shape.property::<Mail>(
        Sort::Mail,
        ("received_at", moment),
        "When it came to us.",
        |m| m.moment(m.0.view.arrived_at),
    );
    let header = |context: NativeCallContext<'_>, mail: &mut Mail, name: ImmutableString| {
        let value = mail.header(&name);
        trace::read_text(&context, Name::Header(name), &value);
        value
    };
    shape.engine.register_fn("header", header);
    let doc = "The first header field of that name, decoded; case does not matter.";
    let owner = Type::One(Sort::Mail);
    shape.method(owner, ("header", Type::Text), &[("name", Type::Text)], doc);
}

/// What is known of its way to us, and of its author. All of it is looked for when asked.
fn mail_way(shape: &mut Shape) {
    let mut add = |named, doc, read| shape.property::<Mail>(Sort::Mail, named, doc, read);
    add(
        ("envelope_recipient", Type::Text),
        "The address it was handed over for: of forwarded mail the receiving address, of other mail what the topmost of the fields `Delivered-To`, `X-Original-To` and `Envelope-To` says, which anybody may have written where the provider puts none on top; `\"\"` when nothing tells.",
        |m| optional(m.envelope_recipient().as_deref()),
    );
    add(
        ("sender", Type::Text),
        "Who sent it for the author, in lower case: the `Sender` field; `\"\"` when there is none.",
        |m| optional(m.address_in("Sender").as_deref()),
    );
    add(
        ("spam", Type::YesNo),
        "It was taken for spam before it came to us: it lay in the provider's folder for that, or `X-Spam-Flag` or `X-Spam-Status` says yes.",
        |m| m.is_spam().into(),
    );
    add(
        ("dmarc", Type::Text),
        "`pass`, `fail`, or `none` when the author's domain asks for nothing; `\"\"` when it was not checked: mail that is fetched is not, and forwarded mail only after `route`.",
        |m| text(m.dmarc()),
    );
}

fn mail_sort(shape: &mut Shape) {
    let mut add = |named, doc, read| shape.property::<Mail>(Sort::Mail, named, doc, read);
    add(
        ("charset", Type::Text),
        "The charset that its text declares, in lower case.",
        |m| {
            let part = m.0.view.head.text.as_ref().or(m.0.view.head.html.as_ref());
            let charset = part.and_then(|part| part.charset.as_deref());
            text(&charset.unwrap_or_default().to_lowercase())
        },
    );
    add(("has_html", Type::YesNo), "It has an HTML part.", |m| {
        m.0.view.head.html.is_some().into()
    });
    add(
        ("kind", Type::Text),
        "`personal`, `automatic_reply`, `automatic`, `bounce`, `list`, `read_receipt` or `invitation`.",
        |m| text(kind_word(m.0.view.head.kind)),
    );
    add(
        ("is_list", Type::YesNo),
        "It came through a mailing list.",
        |m| (m.0.view.head.kind == Kind::List).into(),
    );
    add(
        ("is_bounce", Type::YesNo),
        "It says that another mail was not delivered.",
        |m| (m.0.view.head.kind == Kind::Bounce).into(),
    );
    add(
        ("is_automatic", Type::YesNo),
        "A machine sent it: an automatic reply, a notice, a bounce or a read receipt.",
        |m| m.0.view.head.kind.is_by_machine().into(),
    );
    add(
        ("attachments", Type::Many(Sort::Attachment)),
        "Its files.",
        Mail::attachments,
    );
}

fn attachment(shape: &mut Shape) {
    shape.name::<File>(Sort::Attachment);
    let mut add = |named, doc, read| shape.property::<File>(Sort::Attachment, named, doc, read);
    add(("name", Type::Text), "The name of the file.", |file| {
        file.read(|a| text(&a.name))
    });
    add(
        ("type", Type::Text),
        "Its type, such as `application/pdf`.",
        |file| file.read(|a| text(&a.part.content_type)),
    );
    add(("size", Type::Number), "Bytes, decoded.", |file| {
        file.read(|a| number(a.size))
    });
    add(
        ("inline", Type::YesNo),
        "It is shown within the text.",
        |file| file.read(|a| a.inline.into()),
    );
}

/// Every kind of mail, as scripts read it.
pub(in crate::script) const KINDS: [(&str, Kind); 7] = [
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
