//! `reply`: what is about to leave, as `before_send` reads it.

use std::sync::Arc;

use rhai::Dynamic;

use super::values::{address, addresses, number, text};
use crate::domain::address::NamedAddress;
use crate::script::shape::{Shape, Sort, Type};
use crate::script::view::{FileView, ReplyView};

/// `reply`.
#[derive(Clone, Debug)]
pub(in crate::script) struct Reply(Arc<ReplyView>);

impl Reply {
    pub(in crate::script) fn new(view: ReplyView) -> Self {
        Self(Arc::new(view))
    }
}

/// One of `reply.attachments`.
#[derive(Clone, Debug)]
struct Enclosed(Arc<ReplyView>, usize);

impl Enclosed {
    fn read(&self, read: fn(&FileView) -> Dynamic) -> Dynamic {
        // The index comes from the same list; an empty value is for the compiler.
        let file = self.0.attachments.get(self.1);
        file.map_or(Dynamic::UNIT, read)
    }
}

/// Registers it.
pub(super) fn register(shape: &mut Shape) {
    shape.name::<Reply>(Sort::Reply);
    let mut add = |named, doc, read| shape.property::<Reply>(Sort::Reply, named, doc, read);
    add(
        ("from", Type::Text),
        "The address it leaves under, in lower case.",
        |r| address(r.0.from.as_ref()),
    );
    add(
        ("from_name", Type::Text),
        "The name it leaves under.",
        |r| {
            let name = r.0.from.as_ref().and_then(NamedAddress::name);
            text(name.unwrap_or_default())
        },
    );
    add(("to", Type::Texts), "Whom it is written to.", |r| {
        addresses(&r.0.to)
    });
    add(("cc", Type::Texts), "Who gets a copy.", |r| {
        addresses(&r.0.cc)
    });
    add(
        ("bcc", Type::Texts),
        "Who gets a copy that no header names.",
        |r| addresses(&r.0.bcc),
    );
    add(("subject", Type::Text), "The subject.", |r| {
        text(&r.0.subject)
    });
    add(
        ("text", Type::Text),
        "What was written, without signature and quoted text.",
        |r| text(&r.0.text),
    );
    add(("automatic", Type::YesNo), "A machine wrote it.", |r| {
        r.0.automatic.into()
    });
    let files = Type::Many(Sort::Enclosed);
    add(("attachments", files), "The files that go with it.", |r| {
        let of = |index| Dynamic::from(Enclosed(Arc::clone(&r.0), index));
        Dynamic::from_array((0..r.0.attachments.len()).map(of).collect())
    });
    shape.name::<Enclosed>(Sort::Enclosed);
    let mut add = |named, doc, read| shape.property::<Enclosed>(Sort::Enclosed, named, doc, read);
    add(("name", Type::Text), "The name of the file.", |file| {
        file.read(|f| text(&f.name))
    });
    add(
        ("type", Type::Text),
        "Its type, such as `application/pdf`.",
        |file| file.read(|f| text(&f.content_type)),
    );
    add(("size", Type::Number), "Bytes.", |file| {
        file.read(|f| number(f.size))
    });
}
