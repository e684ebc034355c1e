//! Registers what scripts see with Rhai and notes it in a table, in one breath,
//! so that the checks before a run and the run itself know the same names.

use std::collections::BTreeMap;

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext, Variant};

use super::trace;

/// A sort of value, as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// An inbound mail.
    Mail,
    /// What surrounds it.
    Context,
    /// `ctx.conversation`.
    Conversation,
    /// `ctx.contact`.
    Contact,
    /// `ctx.mailbox`.
    Mailbox,
    /// `ctx.operator`.
    Operator,
    /// One of `mail.attachments`.
    Attachment,
    /// `mail.fields`.
    Fields,
    /// A point in time.
    Moment,
    /// What `route` answers.
    Answer,
    /// Something of Rhai's own: text, number, array.
    Plain,
}

impl Sort {
    /// How messages and traces call it.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Context => "ctx",
            Self::Conversation => "conversation",
            Self::Contact => "contact",
            Self::Mailbox => "mailbox",
            Self::Operator => "operator",
            Self::Attachment => "attachment",
            Self::Fields => "fields",
            Self::Moment => "time",
            Self::Answer => "answer",
            Self::Plain => "value",
        }
    }
}

/// The names of one sort of value.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// Read as `value.name`, with the sort of what comes out.
    pub(super) properties: BTreeMap<&'static str, Sort>,
    /// Called as `value.name(...)`; what comes out is of the same table.
    pub(super) methods: BTreeMap<&'static str, Sort>,
    /// There are more properties than are known here; they are texts.
    pub(super) open: bool,
}

/// All names, by sort.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(BTreeMap<Sort, Members>);

impl Table {
    /// The names of a sort; `None` for Rhai's own values.
    pub(super) fn members(&self, sort: Sort) -> Option<&Members> {
        self.0.get(&sort)
    }
}

/// An engine being furnished, and the table of its furniture.
pub(super) struct Shape {
    pub(super) engine: Engine,
    pub(super) table: Table,
}

impl Shape {
    /// Names a type in messages.
    pub(super) fn name<T: Variant + Clone>(&mut self, sort: Sort) {
        self.engine.register_type_with_name::<T>(sort.shown());
        self.table.0.entry(sort).or_default();
    }

    /// A property that can be read, and whose reading is traced.
    pub(super) fn property<T: Variant + Clone>(
        &mut self,
        owner: Sort,
        name: &'static str,
        result: Sort,
        read: fn(&T) -> Dynamic,
    ) {
        let getter = move |context: NativeCallContext<'_>, value: &mut T| -> Dynamic {
            let found = read(value);
            // Views are not worth a step: what is read of them is.
            if let Some(shown) = trace::shown(&found) {
                trace::step(&context, || format!("{}.{name} = {shown}", owner.shown()));
            }
            found
        };
        self.engine.register_get(name, getter);
        let members = self.table.0.entry(owner).or_default();
        members.properties.insert(name, result);
    }

    /// Texts under names that nobody knows beforehand, read as `value.name`.
    pub(super) fn texts<T: Variant + Clone>(
        &mut self,
        owner: Sort,
        read: fn(&T, &str) -> ImmutableString,
    ) {
        let getter = move |context: NativeCallContext<'_>, value: &mut T, name: ImmutableString| {
            let found = read(value, &name);
            trace::step(&context, || {
                let shown = trace::quoted(&found);
                format!("{}.{name} = {shown}", owner.shown())
            });
            found
        };
        self.engine.register_indexer_get(getter);
        self.table.0.entry(owner).or_default().open = true;
    }

    /// Notes a method that the caller has registered with the engine.
    pub(super) fn method(&mut self, owner: Sort, name: &'static str, result: Sort) {
        let members = self.table.0.entry(owner).or_default();
        members.methods.insert(name, result);
    }
}
