//! What the header of a part says about its body (RFC 2045, RFC 2183, RFC 2392).

use crate::domain::message::TransferEncoding;
use crate::mime::header::HeaderBlock;
use crate::mime::header::parameter::Parameterized;
use crate::mime::transfer::transfer_encoding;

/// Longest content type, charset, content id or boundary that is kept, in bytes.
const VALUE_LENGTH_MAX: usize = 512;
/// Longest file name that is kept, in characters; `read` cuts it further for showing.
const NAME_LENGTH_MAX: usize = 1_024;

/// The fields of a part's header that are needed to read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartHeader {
    /// `type/subtype` in lower case.
    pub content_type: String,
    /// The charset as declared.
    pub charset: Option<String>,
    /// Separates the parts of a multipart.
    pub boundary: Option<String>,
    /// RFC 3676: the lines may be joined.
    pub flowed: bool,
    /// `report-type` of a multipart/report (RFC 6522).
    pub report_type: Option<String>,
    /// How the body is wrapped.
    pub encoding: TransferEncoding,
    /// Content-Disposition said `attachment`.
    pub attached: bool,
    /// Content-Disposition said `inline`.
    pub inline: bool,
    /// The file name as sent. Not yet fit to be shown.
    pub name: Option<String>,
    /// Without angle brackets.
    pub content_id: Option<String>,
}

impl PartHeader {
    /// Reads the fields; `default_type` is what a part without Content-Type is (RFC 2046 section 5.1.5).
    #[must_use]
    pub fn new(header: &HeaderBlock, default_type: &str) -> Self {
        let parse = |name| Parameterized::parse(header.first(name).unwrap_or_default());
        let content_type = parse("content-type");
        let disposition = parse("content-disposition");
        let content_type_value = |boundary: Option<&str>| {
            // A multipart that does not say how it is divided can only be read as it is.
            let divided = boundary.is_some() || !content_type.value.starts_with("multipart/");
            let value = if divided {
                content_type.value.as_str()
            } else {
                ""
            };
            usable_type(value, default_type)
        };
        let owned = |value: Option<&str>| {
            value
                .filter(|value| !value.is_empty() && value.len() <= VALUE_LENGTH_MAX)
                .map(str::to_owned)
        };
        let name = disposition
            .parameter("filename")
            .or_else(|| content_type.parameter("name"))
            .filter(|name| !name.trim().is_empty())
            .map(|name| name.chars().take(NAME_LENGTH_MAX).collect());
        let content_id = header
            .first("content-id")
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(|value| value.trim().trim_matches(['<', '>']));
        Self {
            charset: owned(content_type.parameter("charset")),
            boundary: owned(content_type.parameter("boundary")),
            flowed: content_type
                .parameter("format")
                .is_some_and(|format| format.eq_ignore_ascii_case("flowed")),
            report_type: owned(content_type.parameter("report-type")),
            encoding: header
                .first("content-transfer-encoding")
                .map_or_else(TransferEncoding::default, transfer_encoding),
            attached: disposition.value == "attachment",
            inline: disposition.value == "inline",
            name,
            content_id: owned(content_id),
            content_type: content_type_value(content_type.parameter("boundary")),
        }
    }

    /// Whether it is a multipart that can be taken apart.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        self.content_type.starts_with("multipart/") && self.boundary.is_some()
    }

    /// Whether it is offered as a file even where it is text.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.attached || self.name.is_some()
    }
}

/// RFC 2045 section 5.2: what names no type is plain text.
fn usable_type(value: &str, default_type: &str) -> String {
    let right = value.len() <= VALUE_LENGTH_MAX
        && value.split_once('/').is_some_and(|(kind, subtype)| {
            !kind.is_empty()
                && !subtype.is_empty()
                && value.bytes().all(|byte| byte.is_ascii_graphic())
        });
    match value {
        _ if right => value.to_owned(),
        "text" | "" => default_type.to_owned(),
        _ => "application/octet-stream".to_owned(),
    }
}
