//! Feeds the SMTP server machine with whatever a client may send.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod drive {
    include!("../smtp_server.rs");
}

fuzz_target!(|data: &[u8]| drive::smtp_server(data));
