//! Text and HTML of a mail from one source, and its files in the order in which they stand.

use super::composition::{Composition, File};
use super::html::{Picture, to_html};
use super::wire::{BYTE_ORDER_MARK, Wire};

/// What people read, with CRLF.
pub(super) struct Body {
    pub(super) text: String,
    pub(super) html: Option<String>,
}

impl Body {
    /// Text and HTML from one source.
    pub(super) fn new(composition: &Composition<'_>, wire: &Wire) -> Self {
        let written = with_line_feeds(composition.text);
        let mut history = String::new();
        if let Some(quotation) = &composition.quotation {
            quotation.write(&mut history);
        }
        if let Some(below) = composition.below {
            history.push_str(below);
        }
        let history = with_line_feeds(&history);
        let files = composition.files.iter().zip(&wire.file_names);
        let pictures: Vec<Picture<'_>> = files
            .zip(&wire.content_ids)
            .filter_map(|((file, name), id)| {
                Some(Picture {
                    called: file.content_id?,
                    id: id.as_deref()?,
                    name,
                })
            })
            .collect();
        let html = composition
            .with_html
            .then(|| to_html(&written, &history, &pictures));
        let mut text = written;
        for picture in &pictures {
            let named = format!("[cid:{}]", picture.called);
            text = text.replace(&named, &format!("[{}]", picture.name));
        }
        if !history.is_empty() {
            text.push('\n');
            text.push_str(&history);
        }
        Self {
            text: text.replace('\n', "\r\n"),
            html: html.map(|html| html.replace('\n', "\r\n")),
        }
    }
}

/// Lines ended by LF, without blanks at the end and characters that no text holds; empty of
/// nothing.
fn with_line_feeds(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 1);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.replace(BYTE_ORDER_MARK, "");
    for line in text.trim_end().lines() {
        lines.extend(
            line.chars()
                .map(|c| if c.is_control() && c != '\t' { ' ' } else { c }),
        );
        lines.push('\n');
    }
    lines
}

/// Files with name and Content-ID as they stand in the mail: those first that the HTML shows.
pub(super) fn in_order<'a>(
    wire: &'a Wire,
    composition: &'a Composition<'_>,
) -> impl Iterator<Item = (&'a File<'a>, &'a str, Option<&'a str>)> {
    let names = wire.file_names.iter().map(String::as_str);
    let ids = wire.content_ids.iter().map(Option::as_deref);
    let all = composition.files.iter().zip(names).zip(ids);
    let all = all.map(|((file, name), id)| (file, name, id));
    let (shown, files): (Vec<_>, Vec<_>) = all.partition(|(_, _, id)| id.is_some());
    shown.into_iter().chain(files)
}
