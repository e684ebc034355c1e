//! Tagged answers, untagged OK/NO/BAD/BYE/PREAUTH, and continuations, read by hand.
//!
//! Their text is prose, often Chinese in GBK, sometimes missing, and a grammar that
//! refuses prose would lose the answer to a command. So the codec never sees them.
//!
//! ```abnf
//! response-tagged = tag SP resp-cond-state CRLF
//! resp-text       = ["[" resp-text-code "]" SP] [text]
//! ```

use super::capability::Capabilities;
use super::event::Code;
use super::uid_set::UidSet;
use crate::domain::folder::{ModSeq, Uid, UidValidity};
use crate::protocol::prose;

/// Longest tag looked at, in bytes; ours are shorter.
const TAG_MAX: usize = 32;

/// The word that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

/// A status line without its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) word: Word,
    pub(super) code: Option<Code>,
    pub(super) text: String,
}

/// Whether a line ends in prose, so that nothing at its end means anything.
pub(super) fn is_status_line(line: &[u8]) -> bool {
    if line.starts_with(b"+") {
        return true;
    }
    split_word(line).is_some_and(|(_, rest)| status_word(rest).is_some())
}

/// Reads `tag SP (OK|NO|BAD) ...`; the tag is anything but `*` and `+`.
pub(super) fn tagged(line: &[u8]) -> Option<(&str, Status)> {
    let (tag, rest) = split_word(line)?;
    let tag = std::str::from_utf8(tag).ok()?;
    let fits = tag.len() <= TAG_MAX && tag != "*" && !tag.starts_with('+');
    let status = fits.then(|| status(rest)).flatten()?;
    matches!(status.word, Word::Ok | Word::No | Word::Bad).then_some((tag, status))
}

/// Reads `(OK|NO|BAD|BYE|PREAUTH) ...`, what follows the tag or `*`.
pub(super) fn status(rest: &[u8]) -> Option<Status> {
    let (word, rest) = status_word(rest)?;
    let (code, text) = split_code(rest.trim_ascii());
    Some(Status {
        word,
        code: code.map(parse_code),
        text: prose::decode(text),
    })
}

/// The first word and what follows it.
pub(super) fn split_word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii_start();
    let end = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    (end > 0).then(|| line.split_at(end))
}

fn status_word(rest: &[u8]) -> Option<(Word, &[u8])> {
    let (word, rest) = split_word(rest)?;
    let word = match word.to_ascii_uppercase().as_slice() {
        b"OK" => Word::Ok,
        b"NO" => Word::No,
        b"BAD" => Word::Bad,
        b"BYE" => Word::Bye,
        b"PREAUTH" => Word::Preauth,
        _ => return None,
    };
    Some((word, rest))
}

/// Cuts off `[...]`; brackets within are counted (`[WEBALERT https://[::1]/]`). A code
/// that is not closed is text.
fn split_code(rest: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(inner) = rest.strip_prefix(b"[") else {
        return (None, rest);
    };
    let mut depth = 1_u32;
    for (at, byte) in inner.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (Some(&inner[..at]), &inner[at + 1..]);
        }
    }
    (None, rest)
}

fn parse_code(code: &[u8]) -> Code {
    let (name, rest) = split_word(code).unwrap_or((b"", b""));
    let rest = rest.trim_ascii();
    let name = name.to_ascii_uppercase();
    let known = match name.as_slice() {
        b"APPENDUID" => append_uid(rest),
        b"CAPABILITY" => Some(Code::Capability(Capabilities::parse(rest))),
        b"HIGHESTMODSEQ" => number(rest).map(|n| Code::HighestModSeq(ModSeq(n))),
        b"UIDNEXT" => uid(rest).map(Code::UidNext),
        b"UIDVALIDITY" => validity(rest).map(Code::UidValidity),
        other => plain_code(other),
    };
    known.unwrap_or_else(|| Code::Other(prose::decode(code)))
}

fn plain_code(name: &[u8]) -> Option<Code> {
    Some(match name {
        b"ALERT" => Code::Alert,
        b"ALREADYEXISTS" => Code::AlreadyExists,
        b"AUTHENTICATIONFAILED" => Code::AuthenticationFailed,
        b"AUTHORIZATIONFAILED" => Code::AuthorizationFailed,
        b"CANNOT" => Code::Cannot,
        b"CLOSED" => Code::Closed,
        b"COMPRESSIONACTIVE" => Code::CompressionActive,
        b"CONTACTADMIN" => Code::ContactAdmin,
        b"EXPIRED" => Code::Expired,
        b"INUSE" => Code::InUse,
        b"LIMIT" => Code::Limit,
        b"NOMODSEQ" => Code::NoModSeq,
        b"NONEXISTENT" => Code::NonExistent,
        b"NOPERM" => Code::NoPerm,
        b"OVERQUOTA" => Code::OverQuota,
        b"PERMANENTFLAGS" => Code::PermanentFlags,
        b"PRIVACYREQUIRED" => Code::PrivacyRequired,
        b"READ-ONLY" => Code::ReadOnly,
        b"READ-WRITE" => Code::ReadWrite,
        b"SERVERBUG" => Code::ServerBug,
        b"TOOBIG" => Code::TooBig,
        b"TRYCREATE" => Code::TryCreate,
        b"UIDNOTSTICKY" => Code::UidNotSticky,
        b"UNAVAILABLE" => Code::Unavailable,
        b"UNSEEN" => Code::Unseen,
        _ => return None,
    })
}

/// RFC 4315 section 3: `APPENDUID <uidvalidity> <uid-set>`.
fn append_uid(rest: &[u8]) -> Option<Code> {
    let (first, uids) = split_word(rest)?;
    Some(Code::AppendUid {
        validity: validity(first)?,
        uids: uid_set(uids.trim_ascii())?,
    })
}

/// Reads `1:3,7`; `*` is no UID.
pub(super) fn uid_set(text: &[u8]) -> Option<UidSet> {
    let ranges = text
        .split(|byte| *byte == b',')
        .map(|range| {
            let mut ends = range.splitn(2, |byte| *byte == b':');
            let first = uid(ends.next()?)?.get();
            let last = ends
                .next()
                .map_or(Some(first), |end| Some(uid(end)?.get()))?;
            Some((first.min(last), first.max(last)))
        })
        .collect::<Option<Vec<_>>>()?;
    UidSet::of_ranges(ranges)
}

pub(super) fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

pub(super) fn uid(text: &[u8]) -> Option<Uid> {
    number(text).and_then(Uid::new)
}

fn validity(text: &[u8]) -> Option<UidValidity> {
    number(text).and_then(UidValidity::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, Word, Option<Code>, String)> {
        let (tag, status) = tagged(line.as_bytes())?;
        Some((tag.to_owned(), status.word, status.code, status.text))
    }

    fn expect(line: &str, word: Word, code: Option<Code>, text: &str) {
        let expected = ("A1".to_owned(), word, code, text.to_owned());
        assert_eq!(read(line), Some(expected), "{line:?}");
    }

    #[test]
    fn answers_of_every_manner() {
        expect("A1 OK done\r\n", Word::Ok, None, "done");
        expect("A1 NO\r\n", Word::No, None, "");
        expect("A1 ok  [READ-ONLY]\r\n", Word::Ok, Some(Code::ReadOnly), "");
        expect(
            "A1 NO [ALERT not closed\r\n",
            Word::No,
            None,
            "[ALERT not closed",
        );
        let weblink = Code::Other("WEBALERT https://x/[1]".to_owned());
        expect(
            "A1 NO [WEBALERT https://x/[1]] see\r\n",
            Word::No,
            Some(weblink),
            "see",
        );
        let uids = UidSet::one(Uid::new(7).expect("not zero"));
        let validity = UidValidity::new(3).expect("not zero");
        let code = Code::AppendUid { validity, uids };
        expect("A1 OK [APPENDUID 3 7] x\r\n", Word::Ok, Some(code), "x");
        let odd = Code::Other("UIDNEXT 0".to_owned());
        expect("A1 OK [UIDNEXT 0] x\r\n", Word::Ok, Some(odd), "x");
    }

    #[test]
    fn what_is_no_tagged_answer() {
        for line in [
            "* OK x\r\n",
            "+ OK x\r\n",
            "A1 BYE x\r\n",
            "A1\r\n",
            "\r\n",
            "A1 FINE\r\n",
        ] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    #[test]
    fn prose_announces_nothing() {
        for line in [
            "* OK {5}\r\n",
            "A1 NO {5}\r\n",
            "+ {5}\r\n",
            "* BYE x {5}\r\n",
        ] {
            assert!(is_status_line(line.as_bytes()), "{line:?}");
        }
        assert!(!is_status_line(b"* 1 FETCH (BODY[] {5}\r\n"));
    }
}
