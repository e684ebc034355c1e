//! Message-IDs (RFC 5322 section 3.6.4): reading them, lists of them, and our own signed ones.
//!
//! An id that we issue carries workspace and conversation, masked and authenticated with a
//! keyed hash: an answer finds its conversation even when nothing else of the thread is known,
//! and nobody can place a mail into a conversation by guessing. It trusts the sender with nothing.

use std::collections::VecDeque;
use std::fmt;

use zeroize::Zeroizing;

use super::key::{ConversationKey, WorkspaceKey};

/// A Message-ID without its angle brackets: no blank, control or bracket inside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(String);

/// A numbered key of the gateway that signs ids; wiped when dropped.
#[derive(Clone)]
pub struct SigningKey {
    /// The number that stands in the id, so that keys can be changed.
    pub id: u32,
    bytes: Zeroizing<[u8; 32]>,
}

/// Bytes of masked keys and of the code behind them, in an issued id.
const PAYLOAD_LENGTH: usize = 16;
const CODE_LENGTH: usize = 16;
/// Random bytes of an issued id.
const RANDOM_LENGTH: usize = 12;
/// RFC 4648 section 6, lower case: survives programs that fold the case of ids.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// First bytes of what is hashed, so that mask and code never hash the same input.
const MASK_CONTEXT: &[u8] = b"postern message-id mask v1";
const CODE_CONTEXT: &[u8] = b"postern message-id code v1";

impl SigningKey {
    /// Takes the bytes over.
    #[must_use]
    pub fn new(id: u32, bytes: [u8; 32]) -> Self {
        Self {
            id,
            bytes: Zeroizing::new(bytes),
        }
    }

    /// Hides the payload from readers of the id; it is its own inverse.
    fn mask(&self, random: &[u8], payload: [u8; PAYLOAD_LENGTH]) -> [u8; PAYLOAD_LENGTH] {
        let mut masked = self.hash(MASK_CONTEXT, random, &[]);
        masked.iter_mut().zip(payload).for_each(|(m, p)| *m ^= p);
        masked
    }

    pub(super) fn hash(&self, context: &[u8], random: &[u8], payload: &[u8]) -> [u8; CODE_LENGTH] {
        let mut hasher = blake3::Hasher::new_keyed(&self.bytes);
        hasher.update(context);
        hasher.update(&self.id.to_le_bytes());
        hasher.update(random);
        hasher.update(payload);
        let mut code = [0; CODE_LENGTH];
        hasher.finalize_xof().fill(&mut code);
        code
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl MessageId {
    /// Longest id that is kept, in bytes (RFC 5322 section 2.1.1: one line).
    pub const LENGTH_MAX: usize = 998;
    /// Most ids of one References or In-Reply-To that are kept.
    pub const LIST_MAX: usize = 200;
    /// How many of those are the first ones (the root of the thread); the others are the last ones.
    pub const LIST_FIRST: usize = 20;

    /// Reads one id, with or without brackets; `None` for what cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let inside = text
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .unwrap_or(text);
        let right = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>');
        let fits = !inside.is_empty() && inside.len() <= Self::LENGTH_MAX;
        (fits && inside.chars().all(right)).then(|| Self(inside.to_owned()))
    }

    /// Reads the ids of a References or In-Reply-To field, in order and each once.
    ///
    /// Folds inside an id are closed, whatever stands outside brackets is passed over; without
    /// any bracket, words with an `@` count. Of overlong lists the first and the last remain.
    #[must_use]
    pub fn parse_list(value: &str) -> Vec<Self> {
        let mut kept = Kept::default();
        if value.contains('<') {
            for piece in value.split('<').skip(1) {
                let Some((inside, _)) = piece.split_once('>') else {
                    continue;
                };
                if inside.len() <= 2 * Self::LENGTH_MAX {
                    let closed: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
                    kept.extend(Self::parse(&closed));
                }
            }
        } else {
            for word in value.split_whitespace().filter(|word| word.contains('@')) {
                kept.extend(Self::parse(word.trim_matches([',', ';', '"'])));
            }
        }
        kept.into_list()
    }

    /// Makes an id of ours: `random.token.key@domain`. `None` when the domain cannot stand in an id.
    #[must_use]
    pub fn issue(
        workspace: WorkspaceKey,
        conversation: ConversationKey,
        random: [u8; RANDOM_LENGTH],
        key: &SigningKey,
        domain: &str,
    ) -> Option<Self> {
        let domain = idna::domain_to_ascii(domain).ok()?;
        let mut payload = [0; PAYLOAD_LENGTH];
        payload[..8].copy_from_slice(&workspace.0.to_le_bytes());
        payload[8..].copy_from_slice(&conversation.0.to_le_bytes());
        let mut token = key.mask(&random, payload).to_vec();
        token.extend_from_slice(&key.hash(CODE_CONTEXT, &random, &payload));
        let text = format!("{}.{}.{}@{domain}", encode(&random), encode(&token), key.id);
        Self::parse(&text).filter(|id| id.0.is_ascii())
    }

    /// The workspace and conversation of an id that we issued; `None` for any other.
    #[must_use]
    pub fn verify<'k>(
        &self,
        key_for: impl Fn(u32) -> Option<&'k SigningKey>,
    ) -> Option<(WorkspaceKey, ConversationKey)> {
        let (local, _) = self.0.split_once('@')?;
        let mut parts = local.split('.');
        let (random, token, id) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let random: [u8; RANDOM_LENGTH] = decode(random)?;
        let token: [u8; PAYLOAD_LENGTH + CODE_LENGTH] = decode(token)?;
        let key = key_for(id.parse().ok()?)?;
        let (masked, code) = token.split_first_chunk::<PAYLOAD_LENGTH>()?;
        let payload = key.mask(&random, *masked);
        if !equal(&key.hash(CODE_CONTEXT, &random, &payload), code) {
            return None;
        }
        let (workspace, conversation) = payload.split_first_chunk::<8>()?;
        Some((
            WorkspaceKey(u64::from_le_bytes(*workspace)),
            ConversationKey(u64::from_le_bytes(conversation.try_into().ok()?)),
        ))
    }

    /// Whether it looks like one that we issue; only [`MessageId::verify`] knows.
    #[must_use]
    pub fn may_be_issued(&self) -> bool {
        let mut parts = self.0.split('@').next().unwrap_or_default().split('.');
        let (random, token) = (parts.next(), parts.next());
        let number = parts.next().is_some_and(|id| id.parse::<u32>().is_ok());
        let random = random.and_then(decode::<RANDOM_LENGTH>).is_some();
        let token = token.and_then(decode::<{ PAYLOAD_LENGTH + CODE_LENGTH }>);
        random && token.is_some() && number && parts.next().is_none()
    }

    /// The id without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// With brackets, as it stands in a header.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The first and the last ids of a list, whatever its length.
#[derive(Default)]
struct Kept {
    first: Vec<MessageId>,
    last: VecDeque<MessageId>,
}

impl Kept {
    fn extend(&mut self, id: Option<MessageId>) {
        let Some(id) = id else { return };
        if self.first.contains(&id) || self.last.contains(&id) {
            return;
        }
        if self.first.len() < MessageId::LIST_FIRST {
            self.first.push(id);
            return;
        }
        if self.last.len() == MessageId::LIST_MAX - MessageId::LIST_FIRST {
            self.last.pop_front();
        }
        self.last.push_back(id);
    }

    fn into_list(mut self) -> Vec<MessageId> {
        self.first.extend(self.last);
        self.first
    }
}

/// Compares in a time that does not depend on where the two differ: `blake3::Hash` does.
fn equal(left: &[u8; CODE_LENGTH], right: &[u8]) -> bool {
    let widen = |code: &[u8]| {
        let mut wide = [0; 32];
        let length = code.len().min(32);
        wide[..length].copy_from_slice(&code[..length]);
        blake3::Hash::from_bytes(wide)
    };
    left.len() == right.len() && widen(left) == widen(right)
}

/// RFC 4648 section 6 without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(ALPHABET[(bits >> count) as usize & 31]));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - count)) as usize & 31]));
    }
    text
}

/// Takes back what [`encode`] gave, in either case; `None` for any other text.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let mut bytes = [0; N];
    let (mut bits, mut count, mut at) = (0_u32, 0, 0);
    for letter in text.bytes() {
        let letter = letter.to_ascii_lowercase();
        let value = match letter {
            b'a'..=b'z' => letter - b'a',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            *bytes.get_mut(at)? = u8::try_from(bits >> count & 0xFF).ok()?;
            at += 1;
        }
        bits &= (1 << count) - 1;
    }
    // Left-over bits other than zero would make two texts of one value.
    (bits == 0 && at == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: WorkspaceKey = WorkspaceKey(1);
    const CONVERSATION: ConversationKey = ConversationKey(4_711);

    fn key(id: u32) -> SigningKey {
        SigningKey::new(id, [u8::try_from(id).expect("a small number"); 32])
    }

    fn issued(random: u8) -> MessageId {
        MessageId::issue(
            WORKSPACE,
            CONVERSATION,
            [random; RANDOM_LENGTH],
            &key(3),
            "support.example.com",
        )
        .expect("a domain that fits")
    }

    fn list(value: &str) -> Vec<String> {
        let ids = MessageId::parse_list(value);
        ids.iter().map(|id| id.as_str().to_owned()).collect()
    }

    #[test]
    fn an_issued_id_is_recognised_even_when_its_case_was_folded() {
        let (id, three) = (issued(9), key(3));
        let find = |number| (number == 3).then_some(&three);
        assert_eq!(id.verify(find), Some((WORKSPACE, CONVERSATION)));
        let upper = MessageId::parse(&id.as_str().to_uppercase()).expect("still an id");
        assert_eq!(upper.verify(find), Some((WORKSPACE, CONVERSATION)));
        assert_eq!(id.verify(|_| None), None);
        assert!(id.may_be_issued() && upper.may_be_issued());
        assert!(MessageId::parse("a.b.3@x").is_some_and(|id| !id.may_be_issued()));
        assert!(id.as_str().ends_with(".3@support.example.com"));
        assert!(id.as_str().len() < 120, "fits on a line: {id}");
    }

    #[test]
    fn no_letter_of_an_issued_id_can_be_changed() {
        let (id, three) = (issued(9), key(3));
        let local = id.as_str().find('@').expect("an @");
        for at in 0..local {
            let mut bytes = id.as_str().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'b' { b'c' } else { b'b' };
            let text = String::from_utf8(bytes).expect("ASCII");
            let forged = MessageId::parse(&text).expect("still an id");
            assert_eq!(forged.verify(|_| Some(&three)), None, "{at}");
        }
        let four = SigningKey::new(3, [4; 32]);
        assert_eq!(id.verify(|_| Some(&four)), None);
    }

    #[test]
    fn the_payload_is_not_readable() {
        let left = issued(1).as_str().split('.').nth(1).map(str::to_owned);
        let right = issued(2).as_str().split('.').nth(1).map(str::to_owned);
        assert_ne!(
            left.map(|t| t[..25].to_owned()),
            right.map(|t| t[..25].to_owned())
        );
    }

    #[test]
    fn domains_that_cannot_stand_in_an_id_are_refused() {
        let issue =
            |domain| MessageId::issue(WORKSPACE, CONVERSATION, [0; RANDOM_LENGTH], &key(3), domain);
        assert!(issue("a b").is_none());
        assert!(issue("a>\r\nBcc: x").is_none());
        assert!(issue("例子.中国").is_some_and(|id| id.as_str().contains("@xn--")));
    }

    #[test]
    fn lists_are_read_through_folds_and_garbage() {
        for (value, ids) in [
            ("<a@b> <c@d>", vec!["a@b", "c@d"]),
            ("<a@b><c@d>,<a@b>", vec!["a@b", "c@d"]),
            ("<a@\r\n b>\r\n\t<c@d>", vec!["a@b", "c@d"]),
            ("Your mail of Monday <a@b> (really)", vec!["a@b"]),
            ("a@b, c@d", vec!["a@b", "c@d"]),
            ("<a@b <c@d>", vec!["c@d"]),
            ("<> <a b>", vec!["ab"]),
            ("nothing here", vec![]),
            ("<unclosed@x", vec![]),
        ] {
            assert_eq!(list(value), ids, "{value:?}");
        }
    }

    #[test]
    fn overlong_lists_keep_the_first_and_the_last() {
        let value: String = (0..1_000).map(|n| format!("<{n}@x> ")).collect();
        let ids = list(&value);
        assert_eq!(ids.len(), MessageId::LIST_MAX);
        assert_eq!((ids[0].as_str(), ids[19].as_str()), ("0@x", "19@x"));
        assert_eq!((ids[20].as_str(), ids[199].as_str()), ("820@x", "999@x"));
        assert!(MessageId::parse(&"x".repeat(999)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn encoded_bytes_come_back(bytes: [u8; 32]) {
            proptest::prop_assert_eq!(decode::<32>(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_stops_the_reader(text in "\\PC*") {
            let ids = MessageId::parse_list(&text);
            proptest::prop_assert!(ids.len() <= MessageId::LIST_MAX);
            for id in ids {
                proptest::prop_assert_eq!(id.verify(|_| None), None);
            }
        }
    }
}
