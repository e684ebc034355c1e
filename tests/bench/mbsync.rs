//! `mbsync` (isync) on the same mailbox, into a fresh Maildir each time.

use std::fs;
use std::process::Command;

use crate::measure::{Run, run_command};
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};

pub fn run(dovecot: &Dovecot, fsync: bool) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let near = dir.path().display();
    let port = dovecot.ports.imaps;
    let authority = dovecot.authority_file();
    let authority = authority.display();
    let fsync = if fsync { "yes" } else { "no" };
    let conf = format!(
        "FSync {fsync}\n\n\
         IMAPStore far\nHost localhost\nPort {port}\nUser {USER}\nPass \"{PASSWORD}\"\n\
         SSLType IMAPS\nSystemCertificates no\nCertificateFile {authority}\n\n\
         MaildirStore near\nPath {near}/\nInbox {near}/INBOX\n\n\
         Channel one\nFar :far:\nNear :near:\nPatterns INBOX\nSync Pull\nCreate Near\nSyncState *\n"
    );
    let file = dir.path().join("mbsyncrc");
    fs::write(&file, conf).unwrap();
    let mut command = Command::new("mbsync");
    command.arg("-q").arg("-c").arg(file).arg("one");
    run_command(&command, || {
        let parts = ["cur", "new"].map(|part| dir.path().join("INBOX").join(part));
        parts
            .iter()
            .map(|part| fs::read_dir(part).unwrap().count())
            .sum()
    })
}
