//! Postern's turn: a mailbox is connected with all its history.
//!
//! The clock runs from `mailbox add`, with its probe of both servers, until the feed
//! has told of every mail that it is stored and routed; both are told only when durable.

use std::time::Instant;

use crate::gateway::Gateway;
use crate::measure::{Run, peak_of};
use crate::peers::dovecot::{Dovecot, USER};

/// Takes the mailbox over once.
pub fn run(dovecot: &Dovecot, mails: usize) -> Run {
    let gateway = Gateway::serve(&format!("ca_files = [{:?}]", dovecot.authority_file()));
    let token = gateway.token();
    let before = gateway.cpu();
    let start = Instant::now();
    gateway.add_mailbox(
        USER,
        &format!("localhost:{}", dovecot.ports.imaps),
        &format!("localhost:{}", dovecot.ports.submissions),
        &["--history", "all"],
    );
    let (wall, cpu) = gateway.wait_for(&token, mails, || (start.elapsed(), gateway.cpu()));
    Run {
        mails,
        wall,
        cpu: cpu.saturating_sub(before),
        peak_bytes: peak_of(&gateway.process()),
        store: Some(gateway.end()),
    }
}
