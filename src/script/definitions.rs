//! What scripts can read and call, for editors: definition files (`.d.rhai`) as rhai-lsp reads
//! them. Ours are made from the table, those of the language by Rhai itself.

use rhai::Engine;

use super::reference;
use super::shape::{Member, Sort, Type};

/// The file that holds what Postern offers.
const OURS: &str = "postern.d.rhai";

/// Names of files and their texts.
#[must_use]
pub fn definitions() -> Vec<(String, String)> {
    let engine = Engine::new();
    let mut files: Vec<(String, String)> = engine.definitions().iter_files().collect();
    files.push((OURS.to_owned(), ours(&reference::members())));
    files
}

fn ours(members: &[Member]) -> String {
    let mut text = "module static;\n".to_owned();
    for member in members {
        text += &format!("\n/// {}\n{}\n", member.doc, signature(member));
    }
    text
}

fn signature(member: &Member) -> String {
    let own = member.owner.map(|owner| format!("self: {}", word(owner)));
    let Some(parameters) = member.parameters else {
        let own = own.unwrap_or_default();
        return format!("fn get {}({own}) -> {};", member.name, word(member.result));
    };
    let given = parameters
        .iter()
        .map(|(name, of)| format!("{name}: {}", word(*of)));
    let all: Vec<String> = own.into_iter().chain(given).collect();
    format!(
        "fn {}({}) -> {};",
        member.name,
        all.join(", "),
        word(member.result)
    )
}

/// As the language names a type.
fn word(of: Type) -> String {
    match of {
        Type::Text => "String".to_owned(),
        Type::Number => "int".to_owned(),
        Type::YesNo => "bool".to_owned(),
        Type::Texts => "Array<String>".to_owned(),
        Type::One(Sort::Plain) => "?".to_owned(),
        Type::One(sort) => sort.shown().to_owned(),
        Type::Many(sort) => format!("Array<{}>", sort.shown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_registered_is_defined_for_editors() {
        let files = definitions();
        let (_, ours) = files.iter().find(|(name, _)| name == OURS).expect("ours");
        assert!(ours.starts_with("module static;\n"), "{ours}");
        for line in [
            "fn get subject(self: mail) -> String;",
            "fn get conversation(self: ctx) -> conversation;",
            "fn get attachments(self: mail) -> Array<attachment>;",
            "fn team(name: String) -> answer;",
        ] {
            assert!(ours.contains(line), "{line}: {ours}");
        }
        for member in reference::members() {
            assert!(ours.contains(&signature(&member)), "{member:?}");
        }
        assert!(
            files.iter().any(|(_, text)| text.contains("fn to_upper(")),
            "the language's own"
        );
    }
}
