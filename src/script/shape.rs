//! Registers what scripts see with Rhai and notes it in a table, in one breath,
//! so that the checks before a run, the run itself, the definitions for editors and the
//! reference know the same names.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{Dynamic, Engine, ImmutableString, NativeCallContext, Variant};

use super::trace::{self, Name};

/// A sort of value, as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
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
    /// `ctx.mailbox.settings`.
    Settings,
    /// A point in time.
    Moment,
    /// A reply that is about to leave.
    Reply,
    /// One of `reply.attachments`.
    Enclosed,
    /// What stands in a file of `data/`.
    Data,
    /// What `route` and `on_timer` answer.
    Answer,
    /// What `ai_reply` answers.
    Gate,
    /// What `before_send` answers.
    Verdict,
    /// What `on_mailbox_state` answers.
    Alert,
    /// Something of Rhai's own: text, number, array.
    Plain,
}

impl Sort {
    /// How messages and traces call it.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Context => "ctx",
            Self::Conversation => "conversation",
            Self::Contact => "contact",
            Self::Mailbox => "mailbox",
            Self::Operator => "operator",
            Self::Attachment => "attachment",
            Self::Fields => "fields",
            Self::Settings => "settings",
            Self::Moment => "time",
            Self::Reply => "reply",
            Self::Enclosed => "file",
            Self::Data => "data",
            Self::Answer => "answer",
            Self::Gate => "gate",
            Self::Verdict => "verdict",
            Self::Alert => "alert",
            Self::Plain => "value",
        }
    }
}

/// What a value is, as the documentation says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    YesNo,
    /// A list of texts.
    Texts,
    /// One of the values of the table.
    One(Sort),
    /// A list of such.
    Many(Sort),
}

impl Type {
    /// How messages call it.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::YesNo => "yes or no",
            Self::Texts | Self::Many(_) => "list",
            Self::One(sort) => sort.shown(),
        }
    }

    /// How the table knows it.
    #[must_use]
    pub fn sort(self) -> Sort {
        match self {
            Self::One(sort) => sort,
            Self::Text | Self::Number | Self::YesNo | Self::Texts | Self::Many(_) => Sort::Plain,
        }
    }
}

/// A parameter: its name and what it is.
pub type Parameter = (&'static str, Type);

/// Something that scripts can read or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What stands before the dot; `None` of a function that is called by its name.
    pub owner: Option<Type>,
    /// Its name.
    pub name: &'static str,
    /// What it is given; `None` of a property.
    pub parameters: Option<&'static [Parameter]>,
    /// What comes out.
    pub result: Type,
    /// What it is, in one line of Markdown.
    pub doc: &'static str,
}

/// The names of one sort of value.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// Read as `value.name`, with what comes out.
    pub(super) properties: BTreeMap<&'static str, Type>,
    /// Called as `value.name(...)`; what comes out is of the same table.
    pub(super) methods: BTreeMap<&'static str, Sort>,
    /// There are more properties than are known here; they are texts.
    pub(super) open: bool,
}

/// All names, by sort.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    sorts: BTreeMap<Sort, Members>,
    walk: Vec<Member>,
    /// By function or method: the names of files that it can be given.
    offered: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Table {
    /// The names of a sort; `None` for Rhai's own values.
    pub(super) fn members(&self, sort: Sort) -> Option<&Members> {
        self.sorts.get(&sort)
    }

    /// What is given to something of this name, once for each way to call it.
    pub(super) fn overloads<'t>(
        &'t self,
        owner: Option<Sort>,
        name: &'t str,
    ) -> impl Iterator<Item = &'static [Parameter]> + 't {
        let owner = owner.map(Type::One);
        let mine = move |member: &&Member| member.owner == owner && member.name == name;
        self.walk
            .iter()
            .filter(mine)
            .filter_map(|member| member.parameters)
    }

    /// What has a method of this name that is given so many values.
    pub(super) fn owner_of(&self, method: &str, count: usize) -> Option<Type> {
        let is = |member: &&Member| {
            let given = member.parameters.map(<[Parameter]>::len);
            member.owner.is_some() && member.name == method && given == Some(count)
        };
        self.walk.iter().find(is)?.owner
    }

    /// What a function that is called by its name answers; `None` when there is none.
    pub(super) fn answered(&self, name: &str) -> Option<Sort> {
        let mut functions = self.walk.iter().filter(|member| member.owner.is_none());
        let found = functions.find(|member| member.name == name)?;
        Some(found.result.sort())
    }

    /// Notes which names a function or method can be given.
    pub(super) fn offer(&mut self, function: &'static str, names: impl Iterator<Item = String>) {
        self.offered.insert(function, names.collect());
    }

    /// The names that a function or method can be given, where that is known.
    pub(super) fn offered(&self, function: &str) -> Option<&BTreeSet<String>> {
        self.offered.get(function)
    }

    /// Everything, in the order of the documentation.
    pub(super) fn into_walk(self) -> Vec<Member> {
        self.walk
    }

    fn note(&mut self, member: Member) {
        if let Some(Type::One(owner)) = member.owner {
            let members = self.sorts.entry(owner).or_default();
            match member.parameters {
                None => {
                    members.properties.insert(member.name, member.result);
                }
                Some(_) => {
                    members.methods.insert(member.name, member.result.sort());
                }
            }
        }
        self.walk.push(member);
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
        self.table.sorts.entry(sort).or_default();
    }

    /// A property that can be read, and whose reading is traced.
    pub(super) fn property<T: Variant + Clone>(
        &mut self,
        owner: Sort,
        (name, result): Parameter,
        doc: &'static str,
        read: fn(&T) -> Dynamic,
    ) {
        let getter = move |context: NativeCallContext<'_>, value: &mut T| -> Dynamic {
            let found = read(value);
            trace::read(&context, Name::Property(owner.shown(), name), &found);
            found
        };
        self.engine.register_get(name, getter);
        self.table.note(Member {
            owner: Some(Type::One(owner)),
            name,
            parameters: None,
            result,
            doc,
        });
    }

    /// Texts under names that nobody knows beforehand, read as `value.name`.
    pub(super) fn texts<T: Variant + Clone>(
        &mut self,
        owner: Sort,
        read: fn(&T, &str) -> ImmutableString,
    ) {
        let getter = move |context: NativeCallContext<'_>, value: &mut T, name: ImmutableString| {
            let found = read(value, &name);
            trace::read_text(&context, Name::Given(owner.shown(), name), &found);
            found
        };
        self.engine.register_indexer_get(getter);
        self.open(owner);
    }

    /// Notes that any name can be read, as the caller has registered it.
    pub(super) fn open(&mut self, owner: Sort) {
        self.table.sorts.entry(owner).or_default().open = true;
    }

    /// Notes a method that the caller has registered with the engine.
    pub(super) fn method(
        &mut self,
        owner: Type,
        (name, result): Parameter,
        parameters: &'static [Parameter],
        doc: &'static str,
    ) {
        self.table.note(Member {
            owner: Some(owner),
            name,
            parameters: Some(parameters),
            result,
            doc,
        });
    }

    /// Notes a function, called by its name, that the caller has registered.
    pub(super) fn function(
        &mut self,
        (name, result): Parameter,
        parameters: &'static [Parameter],
        doc: &'static str,
    ) {
        self.table.note(Member {
            owner: None,
            name,
            parameters: Some(parameters),
            result,
            doc,
        });
    }
}
