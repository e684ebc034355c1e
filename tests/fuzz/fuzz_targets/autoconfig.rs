//! Files that a domain announces its servers with (autoconfig): any bytes give servers
//! or a reason.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern::protocol::autoconfig;

fuzz_target!(|data: &[u8]| {
    let Ok(announced) = autoconfig::parse(data) else {
        return;
    };
    for server in [announced.imap, announced.pop3, announced.smtp]
        .into_iter()
        .flatten()
    {
        assert!(!server.server.host.is_empty(), "a server without a name");
    }
});
