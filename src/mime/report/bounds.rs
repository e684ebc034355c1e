//! What is kept of a report at most, and what a status looks like.

/// Longest diagnostic text that is kept, in characters.
pub(super) const TEXT_LENGTH_MAX: usize = 1_000;
/// Longest recipient that is kept, in characters.
pub(super) const RECIPIENT_LENGTH_MAX: usize = 320;

/// RFC 3463 section 2.
pub(super) fn is_status(code: &str) -> bool {
    let digits = |part: &str| {
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    code.split('.').count() == 3 && code.split('.').all(digits)
}

/// The beginning of a text.
pub(super) fn short(text: &str, length_max: usize) -> String {
    text.chars().take(length_max).collect()
}
