//! Bounces without a form: any words of a mail system give a report within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern::domain::message::{Kind, REPORTED_MAX};
use postern::mime::read_bytes;

const HEADER: &[u8] = b"From: postmaster@example.com\r\nSubject: failure notice\r\n";

fuzz_target!(|data: &[u8]| {
    // The first byte chooses whether the bytes are the words or begin in the header.
    let Some((place, rest)) = data.split_first() else {
        return;
    };
    let gap: &[u8] = if place % 2 == 0 { b"\r\n" } else { b"" };
    let head = read_bytes(&[HEADER, gap, rest].concat()).head;
    let Some(report) = head.bounce else {
        assert_ne!(head.kind, Kind::Bounce, "a bounce without a report");
        return;
    };
    assert!(report.recipients.len() <= REPORTED_MAX);
    assert!(report.mentioned.len() <= REPORTED_MAX);
    assert!(report.text.chars().count() <= 1_000);
});
