//! Which part is the text, which the HTML, and what is offered as files.

use crate::domain::message::{ATTACHMENTS_MAX, Attachment, Defect, Part, TransferEncoding};
use crate::mime::name::clean_name;
use crate::mime::text::{ReadText, read_text};
use crate::mime::walk::{Walked, WalkedPart};

/// The body of a mail.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) text: String,
    pub(super) text_part: Option<Part>,
    pub(super) html_part: Option<Part>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) defects: Vec<Defect>,
    /// The charset of the body, as a hint for raw 8-bit headers.
    pub(super) hint: Option<String>,
}

pub(super) fn read_body(walked: &Walked) -> Body {
    let mut body = Body {
        hint: walked
            .parts
            .iter()
            .find_map(|part| part.header.charset.clone()),
        ..Body::default()
    };
    let text = chosen(walked, "text/plain").or_else(|| chosen_other(walked));
    let html = chosen(walked, "text/html");
    body.text_part = text.map(|at| to_part(&walked.parts[at]));
    body.html_part = html.map(|at| to_part(&walked.parts[at]));
    for at in [text, html].into_iter().flatten() {
        let read = read_kept(&walked.parts[at]);
        if read.damaged {
            body.defects.push(Defect::Charset);
        }
        if read.cut {
            body.defects.push(Defect::TextCut);
        }
        body.text = read.text;
        // HTML is only read where the plain text says nothing.
        if !body.text.trim().is_empty() {
            break;
        }
    }
    for (at, part) in walked.parts.iter().enumerate() {
        if Some(at) == text || Some(at) == html || !is_offered(part) {
            continue;
        }
        if body.attachments.len() == ATTACHMENTS_MAX {
            body.defects.push(Defect::TooComplex);
            break;
        }
        body.attachments.push(to_attachment(part));
    }
    body
}

/// The first part of that type that is no file; one that says something goes before an empty one.
fn chosen(walked: &Walked, content_type: &str) -> Option<usize> {
    let fits = |part: &WalkedPart| {
        part.kept.is_some() && part.header.content_type == content_type && !part.header.is_file()
    };
    let blank = |part: &WalkedPart| {
        part.kept
            .as_ref()
            .is_none_or(|kept| kept.trim_ascii().is_empty())
    };
    let parts = &walked.parts;
    parts
        .iter()
        .position(|part| fits(part) && !blank(part))
        .or_else(|| parts.iter().position(fits))
}

/// Mail that is neither plain nor HTML text, such as text/enriched, is still text.
fn chosen_other(walked: &Walked) -> Option<usize> {
    walked.parts.iter().position(|part| {
        let kind = part.header.content_type.as_str();
        part.kept.is_some()
            && kind.starts_with("text/")
            && !matches!(kind, "text/html" | "text/rfc822-headers")
            && !part.header.is_file()
    })
}

fn read_kept(part: &WalkedPart) -> ReadText {
    let read = read_text(part.kept.as_deref().unwrap_or_default(), &to_part(part));
    ReadText {
        cut: read.cut || part.cut,
        // A cut in the middle of a character is not damage of the mail.
        damaged: read.damaged && !part.cut,
        ..read
    }
}

fn is_offered(part: &WalkedPart) -> bool {
    let header = &part.header;
    let told_otherwise = matches!(
        header.content_type.as_str(),
        "message/delivery-status" | "message/disposition-notification"
    );
    let empty_text = part
        .kept
        .as_ref()
        .is_some_and(|kept| kept.trim_ascii().is_empty());
    // A multipart that was taken apart is told by its parts.
    !part.divided && !told_otherwise && !empty_text
}

fn to_part(part: &WalkedPart) -> Part {
    Part {
        range: part.body_range.clone(),
        content_type: part.header.content_type.clone(),
        charset: part.header.charset.clone(),
        encoding: part.header.encoding,
        flowed: part.header.flowed,
    }
}

fn to_attachment(part: &WalkedPart) -> Attachment {
    let length = part.body_range.end - part.body_range.start;
    let size = match part.header.encoding {
        TransferEncoding::Base64 => length.saturating_sub(part.breaks) / 4 * 3,
        TransferEncoding::Identity | TransferEncoding::QuotedPrintable => length,
    };
    Attachment {
        name: clean_name(part.header.name.as_deref(), &part.header.content_type),
        part: to_part(part),
        size,
        content_id: part.header.content_id.clone(),
        inline: part.header.inline,
    }
}
