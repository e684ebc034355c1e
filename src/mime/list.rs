//! Who wrote a mail that a list has put its own address into the From of, so that it passes
//! DMARC: Google Groups (`Ann via Support <support@...>`) and Mailman do.
//!
//! The header must prove that From is the list's own address; else anybody could be named in
//! a field that no check covers. It proves the writer no more than a From would.

use crate::domain::address::NamedAddress;

use super::header::HeaderBlock;
use super::header::address::parse_addresses;
use super::header::words::decode_text;

/// Fields in which a list keeps the From it replaced, best first.
const ORIGINAL: [&str; 3] = [
    "x-original-from",
    "x-google-original-from",
    "x-original-sender",
];
/// What stands between the writer's name and that of the list.
const VIA: [&str; 4] = [" via ", " über ", " 通过 ", " 透過 "];
/// Longest field that is looked at, in bytes.
const LENGTH_MAX: usize = 2_000;

/// The writer, where From is the address of the list that the mail came through.
pub(super) fn writer(
    header: &HeaderBlock,
    from: &NamedAddress,
    reply_to: &[NamedAddress],
) -> Option<NamedAddress> {
    if !is_of_list(header, from) {
        return None;
    }
    let list = from.address.folded();
    let name = from.name().and_then(|name| {
        let end = VIA.iter().filter_map(|via| name.find(via)).min()?;
        Some(name[..end].trim().trim_matches(['\'', '"']).to_owned())
    });
    let told = ORIGINAL.iter().find_map(|field| {
        let value = header.first(field)?;
        let value = &value[..value.len().min(LENGTH_MAX)];
        parse_addresses(value, None).addresses.into_iter().next()
    });
    // Without such a field a Reply-To that is not the list is whom it means.
    let told = told.or_else(|| match reply_to {
        [one] if name.is_some() => Some(one.clone()),
        _ => None,
    });
    let told = told.filter(|one| one.address.folded() != list)?;
    match told.name() {
        Some(_) => Some(told),
        None => Some(NamedAddress::new(name.as_deref(), told.address)),
    }
}

/// RFC 2919 section 2: the id of a list reads like its address with a dot for the `@`;
/// RFC 2369 section 3.4: List-Post has the address itself.
fn is_of_list(header: &HeaderBlock, from: &NamedAddress) -> bool {
    let text = |name: &str| {
        let value = header.first(name)?;
        let text = decode_text(&value[..value.len().min(LENGTH_MAX)], None);
        Some(text.to_lowercase())
    };
    let inside = |text: &str| {
        let (_, rest) = text.rsplit_once('<')?;
        let (inside, _) = rest.split_once('>')?;
        Some(inside.trim().to_owned())
    };
    let address = from.address.folded();
    let id = text("list-id").and_then(|text| inside(&text).or(Some(text)));
    let post = text("list-post").and_then(|text| inside(&text));
    id.is_some_and(|id| id.trim() == address.replace('@', "."))
        || post.is_some_and(|post| {
            let bare = post.strip_prefix("mailto:").unwrap_or_default();
            bare.split('?').next() == Some(address.as_str())
        })
}

#[cfg(test)]
mod tests {
    use crate::mime::read_bytes;

    fn read(header: &str) -> Option<String> {
        let head = read_bytes(format!("{header}\n\nHello\n").as_bytes()).head;
        head.writer
            .map(|one| format!("{} <{}>", one.name().unwrap_or_default(), one.address))
    }

    #[test]
    fn a_list_that_took_the_place_of_the_writer_tells_who_that_was() {
        let google = "From: 'Ann Smith' via Support <support@group.example.com>\n\
                      X-Original-From: Ann Smith <ann@example.net>\n\
                      List-ID: <support.group.example.com>\n";
        assert_eq!(read(google).as_deref(), Some("Ann Smith <ann@example.net>"));
        let sender = "From: Ann via Support <support@group.example.com>\n\
                      X-Original-Sender: ann@example.net\n\
                      List-Post: <https://groups.example.com/post>, <mailto:support@group.example.com>\n";
        assert_eq!(read(sender).as_deref(), Some("Ann <ann@example.net>"));
        let mailman = "From: Ann via Talk <talk@lists.example.org>\n\
                       Reply-To: ann@example.net\nList-Id: Talk <talk.lists.example.org>\n";
        assert_eq!(read(mailman).as_deref(), Some("Ann <ann@example.net>"));
    }

    #[test]
    fn nobody_is_believed_who_is_not_the_list() {
        for header in [
            // No list at all.
            "From: Eve <eve@example.net>\nX-Original-From: Boss <boss@example.com>",
            // A list, but From is not its address.
            "From: Eve <eve@example.net>\nX-Original-From: Boss <boss@example.com>\nList-Id: <talk.lists.example.org>",
            // Another address of its domain.
            "From: Eve <eve@lists.example.org>\nX-Original-From: b@example.com\nList-Id: <talk.lists.example.org>",
            // It names itself.
            "From: Talk <talk@lists.example.org>\nX-Original-From: talk@lists.example.org\nList-Id: <talk.lists.example.org>",
            // A list that writes itself and wants answers elsewhere.
            "From: Talk <talk@lists.example.org>\nReply-To: help@example.org\nList-Id: <talk.lists.example.org>",
        ] {
            assert_eq!(read(header), None, "{header}");
        }
    }
}
