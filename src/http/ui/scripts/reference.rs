//! `/scripts/reference`: everything that scripts can read and call, from the table that the
//! checks and the engine share.

use askama::Template;
use axum::extract::Extension;
use axum::response::Response;

use super::super::super::error::Problem;
use super::super::page::{Frame, render};
use super::must_be_operator;
use crate::domain::user::Actor;
use crate::script::{Member, Sort, Type, sections, type_word};

#[derive(Template)]
#[template(path = "script_reference.html")]
struct ReferencePage {
    frame: Frame,
    sections: Vec<Section>,
}

/// What belongs to one sort of value.
struct Section {
    /// What stands before the dot; nothing of functions that are called by their name.
    owner: Option<String>,
    members: Vec<Described>,
}

/// Something that can be read or called.
struct Described {
    written: String,
    result: String,
    /// Pieces of the text; what is a piece of a script is true.
    doc: Vec<(bool, &'static str)>,
}

pub(in crate::http::ui) async fn show(
    Extension(actor): Extension<Actor>,
    frame: Frame,
) -> Result<Response, Problem> {
    must_be_operator(&actor)?;
    let sections = sections().iter().map(|(owner, members)| Section {
        owner: owner.map(type_word),
        members: members
            .iter()
            .map(|member| Described::new(member, &frame))
            .collect(),
    });
    Ok(render(&ReferencePage {
        sections: sections.collect(),
        frame,
    }))
}

impl Described {
    fn new(member: &Member, frame: &Frame) -> Self {
        // In Markdown every other piece between backticks is code.
        let pieces = member.doc.split('`').enumerate();
        let pieces = pieces.map(|(index, piece)| (index % 2 == 1, piece));
        Self {
            written: member.written(),
            result: in_words(member.result, frame),
            doc: pieces.filter(|(_, piece)| !piece.is_empty()).collect(),
        }
    }
}

fn in_words(of: Type, frame: &Frame) -> String {
    match of {
        Type::Text => frame.of("type", "text"),
        Type::Number => frame.of("type", "number"),
        Type::YesNo => frame.of("type", "yes_no"),
        Type::Texts => frame.of("type", "texts"),
        Type::One(Sort::Plain) => frame.of("type", "any"),
        Type::One(sort) => sort.shown().to_owned(),
        Type::Many(sort) => frame.words.with("type.many", &[("of", sort.shown())]),
    }
}
