//! What templates show, converted by hand from the words of `domain/`. Texts stay
//! plain: the templates escape them.

pub(super) mod conversation;
pub(super) mod ledger;
pub(super) mod mailbox;
pub(super) mod marks;
pub(super) mod message;
pub(super) mod outgoing;
pub(super) mod proof;
pub(super) mod regrouping;
pub(in crate::http::ui) mod scripts;
mod threading;

use jiff::Timestamp;

/// A moment: the exact form for machines (and the page's script, which shows it in
/// the reader's zone), and one to read without a script.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) exact: String,
    pub(super) shown: String,
}

impl Moment {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            exact: at.to_string(),
            shown: at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }
}

/// `12 KB`, for files.
pub(super) fn size(bytes: u64) -> String {
    const STEP: u64 = 1024;
    match bytes {
        0..STEP => format!("{bytes} B"),
        _ if bytes < STEP * STEP => format!("{} KB", bytes.div_ceil(STEP)),
        _ => format!(
            "{}.{} MB",
            bytes / (STEP * STEP),
            bytes % (STEP * STEP) * 10 / (STEP * STEP)
        ),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_short() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_025, "2 KB"),
            (1_572_864, "1.5 MB"),
        ] {
            assert_eq!(super::size(bytes), shown);
        }
    }
}
