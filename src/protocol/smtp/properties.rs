//! Whatever a client sends, and however it is cut: the server says and tells the same,
//! and takes a mail for nobody it was not told to.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

extern crate self as postern;

include!("../../../tests/fuzz/smtp_server.rs");

/// Words that a stream is put together from, so that deep states are reached.
const WORDS: [&str; 24] = [
    "EHLO c\r\n",
    "LHLO c\r\n",
    "HELO c\r\n",
    "MAIL FROM:<a@b.c>\r\n",
    "MAIL FROM:<> SIZE=300\r\n",
    "MAIL FROM:<a@b.c> BODY=8BITMIME\r\n",
    "RCPT TO:<d@e.f>\r\n",
    "RCPT TO:<nobody@e.f>\r\n",
    "DATA\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "QUIT\r\n",
    "STARTTLS\r\n",
    "AUTH PLAIN AA==\r\n",
    "BDAT 3 LAST\r\n",
    ".\r\n",
    "..\r\n",
    "\r\n.\r\n",
    "\n.\r\n",
    "\r.\r",
    "\n",
    "\0",
    "some text of a mail\r\n",
    "0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
];

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        20 => proptest::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    let words = proptest::collection::vec(word, 0..40);
    (any::<u8>(), words).prop_map(|(cut, words)| {
        let hello: &[u8] = if cut & 0x80 == 0 {
            b"EHLO c\r\n"
        } else {
            b"LHLO c\r\n"
        };
        [&[cut], hello, &words.concat()].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_cut_changes_nothing(data in stream()) {
        smtp_server(&data);
    }
}
