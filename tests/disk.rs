//! disk: the disk is full in the middle of a sync; nothing is lost, and it goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;
use crate::peers::until;

/// Too small for the mails below, and big enough for all of them.
const SMALL: &str = "size=12m";
const BIG: &str = "size=300m";
const MAILS: u32 = 600;
/// Random bytes of each, which no compression makes smaller.
const BYTES: u32 = 40_000;

/// A file system of its own; it goes with this value.
struct Disk(PathBuf);

impl Disk {
    /// `None` where we may not mount.
    fn mount(at: &Path) -> Option<Self> {
        mount(&["-t", "tmpfs", "-o", SMALL, "postern-tests"], at).then(|| Self(at.to_owned()))
    }

    fn grow(&self) {
        let remount = format!("remount,{BIG}");
        assert!(
            mount(&["-o", &remount], &self.0),
            "it cannot be made bigger"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let status = Command::new("mount").args(arguments).arg(at).status();
    status.is_ok_and(|status| status.success())
}

fn mail(number: u32) -> Vec<u8> {
    let mut noise = Vec::new();
    let mut state = u64::from(number) + 1;
    while noise.len() < BYTES as usize {
        // xorshift64: other bytes for every mail.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    let body: Vec<_> = STANDARD
        .encode(noise)
        .into_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!(
        "From: c{number}@example.net\r\nTo: {USER}\r\nSubject: {number}\r\n\
         Message-ID: <{number}@example.net>\r\n\r\n{}\r\n",
        body.join("\r\n")
    )
    .into_bytes()
}

#[test]
fn a_full_disk_holds_mail_up_and_loses_none() {
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(place.path()) else {
        println!("skipped: only root may mount the small disk this needs");
        return;
    };
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    dovecot.fill(USER, (0..MAILS).map(mail));
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    gateway.keep_data_in(&place.path().join("data"), 0);
    gateway.launch();
    gateway.add(&Mailbox::of(&dovecot, &sink)).good();
    let list = until("the full disk is shown", || {
        let list = gateway.run(&["mailbox", "list"]).good().out;
        (list.contains("interrupted") || list.contains("error")).then_some(list)
    });
    println!("{list}");
    assert!(gateway.is_running());
    let before = gateway.api().message_ids().len();
    assert!(before < MAILS as usize, "{before} mails fitted");

    disk.grow();
    let mut ids: Vec<_> = (0..MAILS).map(|n| format!("<{n}@example.net>")).collect();
    ids.sort();
    gateway.api().feed().until_routed(MAILS as usize);
    assert_eq!(gateway.api().message_ids(), ids);
}
