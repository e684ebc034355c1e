//! A disk that is really full: a small file system of its own, so that the database
//! itself meets the end of it, without the reserve that keeps it from that. Needs the right to mount; without it nothing is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::*;
use super::fixture::*;
use crate::domain::change::Event;
use crate::domain::key::{MailboxKey, MessageKey, Sequence};

const DISK: &str = "size=32m";
/// What somebody deletes later to make room.
const BALLAST_LENGTH: usize = 8 * 1024 * 1024;
/// Raw bytes of one mail; they do not compress.
const MAIL_LENGTH: usize = 300_000;
/// More mails than the disk can hold.
const MAILS_MAX: u32 = 200;

/// A file system in memory, taken away at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        let path = folder.join("disk");
        std::fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "postern-test"]);
        let mounted = mount.arg(&path).output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ended = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn noise(number: u32) -> Vec<u8> {
    let mut bytes = vec![0; MAIL_LENGTH];
    blake3::Hasher::new()
        .update(&number.to_be_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

fn big_mail(number: u32) -> Arrival {
    let mut arrival = mail(number, "anna@example.com", &format!("Subject {number}"));
    arrival.raw = ArrivalRaw::Whole(CompressedRaw::new(&noise(number)));
    arrival
}

/// A store on the small disk, and what it said yes to.
struct Taken<'s> {
    store: &'s Store,
    mailbox: MailboxKey,
    mails: Vec<(u32, MessageKey)>,
}

impl Taken<'_> {
    async fn take(&mut self, number: u32) -> Result<(), StoreError> {
        let delivery = Delivery {
            mailbox: self.mailbox,
            is_junk: false,
            is_sent: false,
            also_for: Vec::new(),
            arrivals: vec![big_mail(number)],
            cursor: None,
            maildrop: Vec::new(),
            passed: Vec::new(),
        };
        match self.store.deliver(delivery).await?[0] {
            Delivered::Stored { message, .. } => self.mails.push((number, message)),
            other => panic!("mail {number} is new, not {other:?}"),
        }
        Ok(())
    }

    /// Until the disk is full; the first number that was refused, and why.
    async fn take_all(&mut self, from: u32) -> (u32, StoreError) {
        for number in from..MAILS_MAX {
            if let Err(error) = self.take(number).await {
                return (number, error);
            }
        }
        panic!("the disk never fills up");
    }

    /// Everything it said yes to is there, and nothing else.
    fn check(&self) {
        let store = self.store;
        for (number, key) in &self.mails {
            let message = store.message(*key).unwrap().unwrap();
            let raw = store.raw(message.raw.unwrap(), 1 << 20).unwrap().unwrap();
            assert!(raw == noise(*number), "mail {number} came back altered");
            assert!(store.conversation(message.conversation).unwrap().is_some());
        }
        let changes = store.changes(Sequence(0), usize::MAX).unwrap();
        let received = changes
            .iter()
            .filter(|change| matches!(change.event, Event::MessageReceived { .. }));
        assert_eq!(received.count(), self.mails.len());
    }
}

/// Fills the disk, frees some of it and fills it again, with one open store.
async fn fill_and_free(cache_bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("not tested: nothing can be mounted here");
        return;
    };
    let ballast = ["first", "second"].map(|name| disk.0.join(name));
    for file in &ballast {
        std::fs::write(file, vec![1; BALLAST_LENGTH]).unwrap();
    }
    let data = disk.0.join("data");
    let options = Options {
        cache_bytes,
        ..OPTIONS
    };
    let store = Store::open(&data, options.clone()).unwrap();
    let mailbox = store
        .add_mailbox(
            settings("help@shop.example"),
            &logins(),
            WORKSPACE,
            None,
            at(0),
            random(0),
        )
        .await
        .unwrap();
    let mut taken = Taken {
        store: &store,
        mailbox: mailbox.key,
        mails: Vec::new(),
    };

    let (refused, error) = taken.take_all(1).await;
    assert!(refused > 1);
    assert!(matches!(error, StoreError::NoSpace), "{error}");
    for _ in 0..3 {
        let again = taken.take(refused).await.unwrap_err();
        assert!(matches!(again, StoreError::NoSpace), "{again}");
    }

    std::fs::remove_file(&ballast[0]).unwrap();
    for number in refused..refused + 3 {
        taken.take(number).await.unwrap();
    }
    taken.check();
    let (_, error) = taken.take_all(refused + 3).await;
    assert!(matches!(error, StoreError::NoSpace), "{error}");

    // A restart while not a byte is free.
    let mails = std::mem::take(&mut taken.mails);
    drop(store);
    let plug = disk.0.join("plug");
    let full = std::fs::write(plug, vec![1; 2 * BALLAST_LENGTH]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    // Nothing is left to write to, but everything can be read.
    let store = Store::open(&data, options).unwrap();
    let mut taken = Taken {
        store: &store,
        mailbox: mailbox.key,
        mails,
    };
    taken.check();
    let error = taken.take(MAILS_MAX).await.unwrap_err();
    assert!(matches!(error, StoreError::NoSpace), "{error}");
    std::fs::remove_file(&ballast[1]).unwrap();
    taken.take(MAILS_MAX).await.unwrap();
    taken.check();
}

#[tokio::test]
async fn a_disk_that_fills_up_in_a_commit_loses_nothing_and_work_goes_on() {
    fill_and_free(OPTIONS.cache_bytes).await;
}

#[tokio::test]
async fn a_disk_that_fills_up_within_a_command_loses_nothing_and_work_goes_on() {
    // So little that pages are written before the commit.
    fill_and_free(64 * 1024).await;
}
