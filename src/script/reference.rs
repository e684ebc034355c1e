//! What scripts can read and call, for people, made from what is registered: as Markdown,
//! and in sections for whoever shows it otherwise.

use std::sync::LazyLock;

use super::limits::Limits;
use super::shape::{Member, Sort, Type};
use super::{data, engine};

/// Between these stands the reference in a longer text.
const BEGIN: &str = "<!-- reference: begin -->";
const END: &str = "<!-- reference: end -->";

/// Everything that is registered, in the order of the documentation.
pub(super) fn members() -> Vec<Member> {
    let (_, table) = engine::furnished(&Limits::default(), data::Shelf::default());
    table.into_walk()
}

/// What belongs to one sort of value; `None` of functions that are called by their name.
pub type Section = (Option<Type>, Vec<Member>);

/// All of it, in the order of the documentation.
#[must_use]
pub fn sections() -> &'static [Section] {
    static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(made);
    &SECTIONS
}

fn made() -> Vec<Section> {
    let members = members();
    let mut owners: Vec<Option<Type>> = Vec::new();
    for member in &members {
        if !owners.contains(&member.owner) {
            owners.push(member.owner);
        }
    }
    // Functions that are called by their name come first: answers begin with them.
    owners.sort_by_key(Option::is_some);
    let of = |owner| {
        let mine = members.iter().filter(|member| member.owner == owner);
        (owner, mine.copied().collect())
    };
    owners.into_iter().map(of).collect()
}

/// The reference.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for (owner, members) in sections() {
        let title = match owner {
            None => "Functions".to_owned(),
            Some(owner) => format!("Of {}", article(*owner)),
        };
        text += &format!("### {title}\n\n| | is | |\n|---|---|---|\n");
        for member in members {
            text += &row(member);
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

/// A text with the reference in its place; `None` when it has no place for it.
#[must_use]
pub fn with_reference(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let reference = reference();
    Some(format!("{before}{BEGIN}\n\n{reference}\n{END}{after}"))
}

impl Member {
    /// As it is written: `.tag(word: text)`.
    #[must_use]
    pub fn written(&self) -> String {
        let Some(parameters) = self.parameters else {
            return self.name.to_owned();
        };
        let all: Vec<String> = parameters
            .iter()
            .map(|(name, of)| format!("{name}: {}", word(*of)))
            .collect();
        let dot = if self.owner.is_some() { "." } else { "" };
        format!("{dot}{}({})", self.name, all.join(", "))
    }
}

fn row(member: &Member) -> String {
    let name = format!("`{}`", member.written());
    // A bar would end the cell.
    let doc = member.doc.replace('|', "\\|");
    format!("| {name} | {} | {doc} |\n", word(member.result))
}

fn article(of: Type) -> String {
    match of {
        Type::One(sort) => format!("`{}`", sort.shown()),
        other => format!("a {}", word(other)),
    }
}

/// How a type is called.
#[must_use]
pub fn word(of: Type) -> String {
    match of {
        Type::Text => "text".to_owned(),
        Type::Number => "number".to_owned(),
        Type::YesNo => "yes or no".to_owned(),
        Type::Texts => "list of texts".to_owned(),
        Type::One(Sort::Plain) => "any value".to_owned(),
        Type::One(sort) => sort.shown().to_owned(),
        Type::Many(sort) => format!("list of {}s", sort.shown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_in_the_documentation_is_what_is_registered() {
        let shipped = include_str!("../../scripts/README.md");
        let right = with_reference(shipped);
        assert_eq!(
            Some(shipped),
            right.as_deref(),
            "mend it: cargo run -q -- script reference --into scripts/README.md"
        );
    }

    #[test]
    fn everything_has_a_line_that_explains_it() {
        for member in members() {
            assert!(
                !member.doc.is_empty() && !member.doc.contains('\n'),
                "{member:?}"
            );
        }
    }
}
