//! Reads any bytes as a mail: in one piece and in small ones, which must tell the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

use postern::mime::html::{Remote, sanitise};
use postern::mime::read;
use postern::mime::walk::{Limits, Walk};

fuzz_target!(|data: &[u8]| {
    let Some((cut, raw)) = data.split_first() else {
        return;
    };
    let mut whole = Walk::new(Limits::default());
    whole.feed(raw);
    let whole = whole.finish();
    let mut pieces = Walk::new(Limits::default());
    raw.chunks(usize::from(*cut % 16) + 1)
        .for_each(|piece| pieces.feed(piece));
    assert_eq!(whole, pieces.finish(), "the cut changed what was found");
    let mail = read(whole);
    assert!(
        mail.quoted_from
            .is_none_or(|from| mail.text.is_char_boundary(from))
    );
    let shown = sanitise(&mail.text, Remote::Blocked).html;
    assert!(!shown.contains("<script"));
});
