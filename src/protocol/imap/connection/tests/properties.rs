//! However a stream is cut, the machine tells the same: the fuzz target's function on
//! streams put together from what servers say.

#![allow(
    clippy::duplicate_mod,
    reason = "the fuzz crate includes the same file"
)]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

extern crate self as postern;

include!("../../../../../tests/fuzz/imap_connection.rs");

/// Words that a stream is put together from, so that deep states are reached.
const WORDS: [&str; 40] = [
    "* ",
    "P1 ",
    "P2 ",
    "P3 ",
    "P4 ",
    "+ ",
    "OK ",
    "NO ",
    "BAD ",
    "BYE ",
    "PREAUTH ",
    "1 ",
    "5 ",
    "FETCH (",
    "UID 7 ",
    "FLAGS (\\Seen) ",
    "BODY[] ",
    "BODY[]<3> ",
    "RFC822.SIZE ",
    "INTERNALDATE ",
    "\"4-Jan-2026 10:03:04 +0800\" ",
    "{3}\r\n",
    "{30}\r\n",
    "{300}\r\n",
    "{3+}\r\n",
    "~{3}\r\n",
    "abc",
    ")",
    "(",
    "\"",
    "\r\n",
    "\n",
    "SEARCH ",
    "LIST () \"/\" ",
    "EXISTS",
    "[ALERT] ",
    "NIL ",
    "CAPABILITY ",
    "VANISHED 3:5",
    "\\",
];

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..400),
    ]
}

proptest! {
    // The same streams each time; new ones are the fuzzer's to find.
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_cut_tells_the_same(cut in any::<u8>(), words in prop::collection::vec(word(), 0..60)) {
        let mut data = vec![cut];
        data.extend(words.concat());
        imap_connection(&data);
    }

    #[test]
    fn noise_does_no_harm(data in prop::collection::vec(any::<u8>(), 0..300)) {
        imap_connection(&data);
    }
}
