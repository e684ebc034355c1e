//! What becomes of forwarded mail when the gateway restarts, dies, is switched off, loses
//! its login or fills its disk: the forwarder keeps it in its queue, and every mail comes once.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::missed::Line;
use crate::peers::sender::Queue;
use crate::smtp_in::{ADDRESS, Forwarded, holds, mail};

/// Mails of one outage.
const MAILS: usize = 60;

/// Sends while `outage` goes on, and then until the queue is empty; everything must be
/// there once, and nobody was answered.
fn through(scenario: &str, mut forwarded: Forwarded, outage: impl FnOnce(&mut Forwarded)) {
    let mut queue = forwarded.queue();
    queue.waiting = (0..MAILS / 2).map(mail).collect();
    queue.run();
    assert!(queue.waiting.is_empty(), "{:?}", queue.deferred);
    queue.waiting = (MAILS / 2..MAILS).map(mail).collect();
    let over = AtomicBool::new(false);
    let queue: Queue = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                queue.run();
            }
            queue.drain();
            queue
        });
        outage(&mut forwarded);
        over.store(true, Ordering::SeqCst);
        sending.join().unwrap()
    });
    assert_eq!(
        queue.bounced, [""; 0],
        "nothing may come back to its sender"
    );
    holds(&forwarded.gateway, 0..MAILS);
    assert_eq!(forwarded.sink.kept().len(), 0, "nobody was answered");
    let ids = forwarded.gateway.api().message_ids();
    let apart: std::collections::BTreeSet<_> = ids.iter().collect();
    Line {
        reason: scenario,
        way: "forwarding",
        sent: MAILS,
        collected: apart.len(),
        doubled: ids.len() - apart.len(),
        answered: forwarded.sink.kept().len(),
    }
    .print();
}

#[test]
fn a_restart() {
    through("gateway restarted", Forwarded::start(), |forwarded| {
        for _ in 0..3 {
            assert!(forwarded.gateway.stop().success());
            forwarded.gateway.launch();
        }
    });
}

#[test]
fn a_power_failure() {
    through("power fails", Forwarded::start(), |forwarded| {
        for _ in 0..5 {
            forwarded.gateway.kill();
            forwarded.gateway.launch();
        }
    });
}

#[test]
fn switched_off_and_on() {
    through("switched off and on", Forwarded::start(), |forwarded| {
        forwarded
            .gateway
            .run(&["mailbox", "offline", ADDRESS])
            .good();
        still_kept_back(forwarded, "451 4.2.1");
        forwarded
            .gateway
            .run(&["mailbox", "online", ADDRESS])
            .good();
    });
}

#[test]
fn unbound_and_bound() {
    through("unbound and bound", Forwarded::start(), |forwarded| {
        forwarded
            .gateway
            .run(&["mailbox", "unbind", ADDRESS])
            .good();
        still_kept_back(forwarded, "451 4.2.1");
        let bind = format!("/mailboxes/{ADDRESS}/bind");
        let bound = forwarded.gateway.api().post(&bind, &[], &json!({}));
        assert_eq!(bound.status, 200, "{bound:?}");
    });
}

/// A further mail is told to come later.
fn still_kept_back(forwarded: &Forwarded, code: &str) {
    let mut late = forwarded.queue();
    late.waiting.push(mail(0));
    late.run();
    assert!(late.deferred[0].starts_with(code), "{:?}", late.deferred);
}

#[test]
fn a_full_disk() {
    let place = tempfile::tempdir().unwrap();
    if !mount(
        &["-t", "tmpfs", "-o", "size=60m", "postern-tests"],
        place.path(),
    ) {
        println!("skipped: only root may mount the small disk this needs");
        return;
    }
    let disk = Mounted(place.path());
    let data = place.path().join("data");
    let forwarded = Forwarded::start_with("", |gateway| gateway.keep_data_in(&data, 20));
    through("disk full", forwarded, |forwarded| {
        let filler = place.path().join("filler");
        std::fs::write(&filler, vec![1_u8; 45 * 1024 * 1024]).unwrap();
        still_kept_back(forwarded, "452 4.3.1");
        assert!(forwarded.gateway.is_running());
        std::fs::remove_file(&filler).unwrap();
    });
    drop(disk);
}

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let status = Command::new("mount").args(arguments).arg(at).status();
    status.is_ok_and(|status| status.success())
}
