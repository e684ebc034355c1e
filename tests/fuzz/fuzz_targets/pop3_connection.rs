//! Feeds the POP3 client machine with whatever a server may send.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod drive {
    include!("../pop3_connection.rs");
}

fuzz_target!(|data: &[u8]| drive::pop3_connection(data));
