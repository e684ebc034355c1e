//! Text that a server writes for people.
//!
//! Chinese servers write it in GBK without saying so; a line of prose is never a
//! reason to fail.

use crate::domain::address::is_direction_mark;
use crate::domain::secret::Secret;

/// Longest text kept, in bytes; what follows is cut.
const TEXT_MAX: usize = 2_000;

/// Shortest secret that is looked for in texts; shorter ones would blot out words.
const SECRET_LENGTH_MIN: usize = 4;

/// The text as UTF-8: taken as UTF-8 if it is, else as GB18030; controls become blanks,
/// and marks that hide or reorder text are left out.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(TEXT_MAX)];
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(bytes),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0,
    };
    let seen = text.chars().filter(|c| !is_direction_mark(*c));
    let printable = seen.map(|c| if c.is_control() { ' ' } else { c });
    printable.collect::<String>().trim().to_owned()
}

/// Secrets that were sent, to be masked where a server repeats them.
#[derive(Clone, Debug, Default)]
pub struct Masks(Vec<Secret>);

impl Masks {
    /// Looks for this one from now on.
    pub fn add(&mut self, secret: &Secret) {
        if secret.expose().len() >= SECRET_LENGTH_MIN {
            self.0.push(secret.clone());
        }
    }

    /// The text with every secret as an ellipsis.
    #[must_use]
    pub fn cover(&self, text: String) -> String {
        self.0
            .iter()
            .filter(|secret| !secret.expose().is_empty())
            .fold(text, |text, secret| covered(text, secret.expose()))
    }
}

/// The text without `secret`, also where a server repeats it in other letters.
fn covered(text: String, secret: &str) -> String {
    let (folded, wanted) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let mut parts = Vec::new();
    let mut from = 0;
    // Folding ASCII moves no byte.
    for (at, _) in folded.match_indices(&wanted) {
        parts.push(&text[from..at]);
        from = at + wanted.len();
    }
    if parts.is_empty() {
        return text;
    }
    parts.push(&text[from..]);
    parts.join("…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_of_any_charset() {
        assert_eq!(decode("登录失败".as_bytes()), "登录失败");
        let (gbk, _, _) = encoding_rs::GBK.encode("登录失败");
        assert_eq!(decode(&gbk), "登录失败");
        assert_eq!(decode(b" a\x07b\r\n"), "a b");
        assert_eq!(decode("a\u{202E}b\u{200B}c".as_bytes()), "abc");
        assert_eq!(decode(&b"x".repeat(TEXT_MAX + 1)).len(), TEXT_MAX);
    }

    #[test]
    fn repeated_secrets_are_masked() {
        let mut masks = Masks::default();
        masks.add(&Secret::new("hunter2"));
        masks.add(&Secret::new("abc"));
        assert_eq!(masks.cover("no hunter2, abc".to_owned()), "no …, abc");
        let again = "登录 HUNTER2 Hunter2hunter2".to_owned();
        assert_eq!(masks.cover(again), "登录 … ……");
    }
}
