//! Handing out what strangers sent: always as a file, never shown on our origin.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::service::conversations::Conversations;
use crate::service::conversations::content::{File, Raw};
use crate::service::mailboxes::Export;

/// Bytes read from the store at a time.
const PIECE_BYTES: u64 = 256 * 1024;
/// Should a browser show it after all, it runs nothing and loads nothing.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

/// The exact bytes of a mail, piece by piece.
pub(super) fn raw(conversations: Conversations, raw: Raw, name: &str) -> Response {
    let pieces = stream::unfold(0_u64, move |at| {
        let piece = next_piece(&conversations, raw, at);
        async move { piece }
    });
    let mut response = as_file(Body::from_stream(pieces), &format!("{name}.eml"));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("message/rfc822"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(raw.size));
    response
}

/// All mails of a mailbox as one file, piece by piece.
pub(super) fn mbox(export: Export, name: &str) -> Response {
    let pieces = stream::unfold(Some(export), |export| async {
        let mut export = export?;
        match export.next_piece() {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(Bytes::from(piece)), Some(export))),
            // It cuts the connection, so that nobody takes half for the whole.
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut response = as_file(Body::from_stream(pieces), &format!("{name}.mbox"));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/mbox"),
    );
    response
}

type Piece = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

fn next_piece(conversations: &Conversations, raw: Raw, at: u64) -> Option<(Piece, u64)> {
    if at >= raw.size {
        return None;
    }
    let end = raw.size.min(at + PIECE_BYTES);
    let piece = conversations.raw_piece(raw, at..end);
    // An error cuts the connection: the length promised is not reached, and the client sees it.
    Some((piece.map(Bytes::from).map_err(Into::into), end))
}

/// A file of a mail. What type the sender claims is told, but `nosniff`,
/// `attachment` and the sandbox keep it from being opened here.
pub(super) fn file(file: File) -> Response {
    let content_type = HeaderValue::try_from(&file.content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response = as_file(Body::from(file.bytes), &file.name);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// A text of ours, in which servers are quoted.
pub(super) fn text(text: String, name: &str) -> Response {
    let mut response = as_file(Body::from(text), name);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn as_file(body: Body, name: &str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, disposition(name));
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    response
}

/// RFC 6266 section 4.3: a plain name for old readers, and the whole in UTF-8.
fn disposition(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_. ".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let value = format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        percent_encoded(name)
    );
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// RFC 8187 section 3.2.1: all but `attr-char`.
pub(super) fn percent_encoded(name: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _: Result<(), std::fmt::Error> = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_header() {
        for (name, expected) in [
            (
                "a.pdf",
                "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf",
            ),
            (
                "x\"\r\nSet-Cookie: a",
                "attachment; filename=\"x___Set-Cookie_ a\"; filename*=UTF-8''x%22%0D%0ASet-Cookie%3A%20a",
            ),
            (
                "发票.pdf",
                "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E5%8F%91%E7%A5%A8.pdf",
            ),
        ] {
            assert_eq!(disposition(name), expected);
        }
    }
}
