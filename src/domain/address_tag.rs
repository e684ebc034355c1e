//! The tag behind the plus sign of a Reply-To of ours: it says which conversation an answer
//! belongs to where every header of the thread was lost.
//!
//! Signed by the keys that sign Message-IDs, and as little trusted: it finds a conversation,
//! and makes nobody a part of it. Short, since a local part has 64 bytes, and in letters that
//! survive programs that fold their case.

use super::address::Address;
use super::key::{ConversationKey, WorkspaceKey};
use super::message_id::{SigningKey, decode, encode};

/// What stands between the local part and the tag.
const MARK: &str = "+p-";
/// Random bytes of a tag.
const RANDOM_LENGTH: usize = 5;
/// Bytes of the masked keys: a workspace of 16 bits, a conversation of 40.
const PAYLOAD_LENGTH: usize = 7;
/// Bytes of the code: whoever guesses needs a mail for each guess.
const CODE_LENGTH: usize = 8;
/// All of it, with the number of the key.
const LENGTH: usize = RANDOM_LENGTH + 1 + PAYLOAD_LENGTH + CODE_LENGTH;
/// First bytes of what is hashed, apart from those of Message-IDs.
const MASK_CONTEXT: &[u8] = b"postern address tag mask v1";
const CODE_CONTEXT: &[u8] = b"postern address tag code v1";

/// The address with a tag. `None` where it does not fit, or has a tag of its own.
#[must_use]
pub fn tagged(
    address: &Address,
    workspace: WorkspaceKey,
    conversation: ConversationKey,
    random: [u8; RANDOM_LENGTH],
    key: &SigningKey,
) -> Option<Address> {
    let local = address.local();
    if local.contains(['+', '"']) {
        return None;
    }
    let mut payload = [0; PAYLOAD_LENGTH];
    payload[..2].copy_from_slice(&u16::try_from(workspace.0).ok()?.to_be_bytes());
    let [0, 0, 0, low @ ..] = conversation.0.to_be_bytes() else {
        return None;
    };
    payload[2..].copy_from_slice(&low);
    let mut tag = random.to_vec();
    tag.push(u8::try_from(key.id).ok()?);
    tag.extend(masked(key, &random, payload));
    tag.extend_from_slice(&key.hash(CODE_CONTEXT, &random, &payload)[..CODE_LENGTH]);
    let text = format!("{local}{MARK}{}@{}", encode(&tag), address.domain());
    Address::parse(&text).ok()
}

/// The conversation of a tag that we issued; `None` for every other address.
#[must_use]
pub fn conversation_of<'k>(
    address: &Address,
    key_for: impl Fn(u32) -> Option<&'k SigningKey>,
) -> Option<(WorkspaceKey, ConversationKey)> {
    let lower = address.local().to_ascii_lowercase();
    let (_, text) = lower.split_once(MARK)?;
    let tag: [u8; LENGTH] = decode(text)?;
    let (random, rest) = tag.split_first_chunk::<RANDOM_LENGTH>()?;
    let (key, rest) = rest.split_first()?;
    let key = key_for(u32::from(*key))?;
    let (hidden, code) = rest.split_first_chunk::<PAYLOAD_LENGTH>()?;
    let payload = masked(key, random, *hidden);
    let right = key.hash(CODE_CONTEXT, random, &payload);
    // In a time that does not depend on where they differ.
    let differs = right
        .iter()
        .zip(code)
        .fold(0, |differs, (one, other)| differs | (one ^ other));
    if differs != 0 {
        return None;
    }
    let workspace = u64::from(u16::from_be_bytes([payload[0], payload[1]]));
    let conversation = payload[2..]
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Some((WorkspaceKey(workspace), ConversationKey(conversation)))
}

/// Hides the payload; it is its own inverse.
fn masked(
    key: &SigningKey,
    random: &[u8; RANDOM_LENGTH],
    mut payload: [u8; PAYLOAD_LENGTH],
) -> [u8; PAYLOAD_LENGTH] {
    let mask = key.hash(MASK_CONTEXT, random, &[]);
    payload.iter_mut().zip(mask).for_each(|(p, m)| *p ^= m);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::new(3, [7; 32])
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    fn read(text: &str) -> Option<(u64, u64)> {
        let key = key();
        let known = |id| (id == 3).then_some(&key);
        conversation_of(&address(text), known)
            .map(|(workspace, conversation)| (workspace.0, conversation.0))
    }

    #[test]
    fn a_tag_says_its_conversation_in_either_case_and_to_nobody_else() {
        let support = address("support@shop.example");
        let made = tagged(
            &support,
            WorkspaceKey(1),
            ConversationKey(0xAB_CDEF),
            [1; 5],
            &key(),
        );
        let made = made.expect("it fits").to_string();
        assert!(made.starts_with("support+p-") && made.ends_with("@shop.example"));
        assert_eq!(read(&made), Some((1, 0xAB_CDEF)));
        let (local, domain) = made.split_once('@').expect("an address");
        assert_eq!(
            read(&format!("{}@{domain}", local.to_uppercase())),
            Some((1, 0xAB_CDEF))
        );
        for at in 10..local.len() {
            let mut forged = local.as_bytes().to_vec();
            forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(forged).expect("ASCII");
            let read = read(&format!("{forged}@{domain}"));
            // The last letter holds bits that are not read.
            assert!(read.is_none() || at + 1 == local.len(), "{at}");
        }
        assert_eq!(read("support+p-abc@shop.example"), None);
        assert_eq!(read("support@shop.example"), None);
    }

    #[test]
    fn what_does_not_fit_gets_none() {
        for text in [
            "a-very-long-name-of-a-support-address@shop.example",
            "support+x@shop.example",
            "\"odd\"@shop.example",
        ] {
            let made = tagged(
                &address(text),
                WorkspaceKey(1),
                ConversationKey(1),
                [1; 5],
                &key(),
            );
            assert_eq!(made, None, "{text}");
        }
        let made = tagged(
            &address("a@b.c"),
            WorkspaceKey(1),
            ConversationKey(1 << 40),
            [1; 5],
            &key(),
        );
        assert_eq!(made, None);
    }
}
