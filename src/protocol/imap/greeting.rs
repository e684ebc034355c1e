//! Tells who answers where IMAP was expected, from the first bytes.

use super::event::Peer;

/// Who speaks, when `start` cannot become an IMAP greeting; `None` while it can.
pub(super) fn foreign(start: &[u8]) -> Option<Peer> {
    // RFC 8446 section 5.1: alert (21) and handshake (22) records.
    if matches!(start, [0x15 | 0x16, ..]) {
        return Some(Peer::Tls);
    }
    let known: [(&[u8], Peer); 7] = [
        (b"+OK", Peer::Pop3),
        (b"-ERR", Peer::Pop3),
        (b"220", Peer::Smtp),
        (b"421", Peer::Smtp),
        (b"554", Peer::Smtp),
        (b"HTTP/", Peer::Http),
        (b"SSH-", Peer::Ssh),
    ];
    known
        .into_iter()
        .find(|(prefix, _)| start.starts_with(prefix))
        .map(|(_, peer)| peer)
}

/// Who speaks, when the first line is no greeting.
pub(super) fn foreign_line(line: &[u8]) -> Peer {
    let looks_like_html = line.trim_ascii_start().starts_with(b"<");
    foreign(line).unwrap_or(if looks_like_html {
        Peer::Http
    } else {
        Peer::Unknown
    })
}
