//! `mail.fields`: what the plugin of the mailbox has read in a mail. Names come from
//! plugins, so any name can be asked for, and what is absent reads as an empty text.

use std::sync::Arc;

use rhai::{Dynamic, ImmutableString};

use super::shape::{Shape, Sort, Type};
use crate::domain::extraction::{Extraction, MailSort};

/// `mail.fields`.
#[derive(Clone, Debug)]
pub(super) struct Fields(pub(super) Arc<Extraction>);

impl Fields {
    fn sort(&self, read: fn(&MailSort) -> &str) -> Dynamic {
        let text = self.0.sort.as_ref().map(read).unwrap_or_default();
        ImmutableString::from(text).into()
    }

    fn field(&self, name: &str) -> ImmutableString {
        let mut fields = self.0.fields.iter();
        let found = fields.find(|(field, _)| field == name);
        found.map_or_else(ImmutableString::new, |(_, value)| value.into())
    }
}

pub(super) fn register(shape: &mut Shape) {
    shape.name::<Fields>(Sort::Fields);
    let mut add = |named, doc, read| shape.property::<Fields>(Sort::Fields, named, doc, read);
    let doc = "`buyer_message`, `notice`, `own_answer` or `undeliverable`.";
    add(("kind", Type::Text), doc, |fields| {
        fields.sort(|sort| sort.name())
    });
    add(
        ("notice", Type::Text),
        "What a notice is about.",
        |fields| fields.sort(MailSort::notice),
    );
    shape.texts::<Fields>(Sort::Fields, Fields::field);
}
