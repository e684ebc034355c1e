//! Feeds the IMAP client machine with whatever a server may send.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod drive {
    include!("../imap_connection.rs");
}

fuzz_target!(|data: &[u8]| drive::imap_connection(data));
