//! Text that a server writes for people.
//!
//! Chinese servers write it in GBK without saying so; a line of prose is never a
//! reason to fail.

use crate::domain::secret::Secret;

/// Longest text kept, in bytes; what follows is cut.
const TEXT_MAX: usize = 2_000;

/// Shortest secret that is looked for in texts; shorter ones would blot out words.
const SECRET_LENGTH_MIN: usize = 4;

/// The text as UTF-8: taken as UTF-8 if it is, else as GB18030; controls become blanks.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(TEXT_MAX)];
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(bytes),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0,
    };
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
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
            .fold(text, |text, secret| {
                if text.contains(secret.expose()) {
                    text.replace(secret.expose(), "…")
                } else {
                    text
                }
            })
    }
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
        assert_eq!(decode(&b"x".repeat(TEXT_MAX + 1)).len(), TEXT_MAX);
    }

    #[test]
    fn repeated_secrets_are_masked() {
        let mut masks = Masks::default();
        masks.add(&Secret::new("hunter2"));
        masks.add(&Secret::new("abc"));
        assert_eq!(masks.cover("no hunter2, abc".to_owned()), "no …, abc");
    }
}
