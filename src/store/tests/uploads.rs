//! Files from the moment they are handed in to that of the mail that takes them along.

use super::super::*;
use super::fixture::*;
use crate::domain::key::{PublicId, RawKey, WorkspaceKey};
use crate::domain::message::Head;
use crate::domain::upload::Upload;

async fn handed_in(fixture: &Fixture, number: u8, at_minutes: i64) -> Upload {
    let mut writer = fixture.store.begin_raw().await;
    writer.write(&[number; 3_000]).await.unwrap();
    let upload = Upload {
        id: PublicId::new(at(at_minutes), [number; 10]),
        workspace: WorkspaceKey::DEFAULT,
        by: None,
        name: format!("{number}.bin"),
        content_type: "application/zip".to_owned(),
        raw: writer.finish().await.unwrap(),
        size: 3_000,
        at: at(at_minutes),
    };
    assert!(fixture.store.keep_upload(upload.clone()).await.unwrap());
    upload
}

fn bytes(fixture: &Fixture, raw: RawKey) -> Option<Vec<u8>> {
    fixture.store.raw(raw, 10_000).unwrap()
}

#[tokio::test]
async fn a_file_waits_through_a_restart_and_goes_with_one_mail() {
    let fixture = Fixture::new().await;
    let message = fixture.receive(mail(1, "anna@example.com", "Late")).await;
    let upload = handed_in(&fixture, 1, 50).await;
    let fixture = fixture.reopen();
    assert_eq!(bytes(&fixture, upload.raw), Some(vec![1; 3_000]));
    let other = WorkspaceKey(7);
    assert_eq!(fixture.store.upload(other, upload.id).unwrap(), None);

    let with = |number: u64, ids: &[PublicId]| NewReply {
        files: ids
            .iter()
            .map(|id| NewFile::Upload {
                id: *id,
                content_id: None,
            })
            .collect(),
        ..reply(&message, number)
    };
    let twice = with(1, &[upload.id, upload.id]);
    let refused = fixture.store.accept_reply(twice).await;
    assert!(matches!(refused, Err(AcceptError::NoSuchUpload(id)) if id == upload.id));
    let taken = fixture.store.accept_reply(with(2, &[upload.id])).await;
    let outgoing = taken.unwrap().outgoing;
    assert_eq!(outgoing.files[0].raw, upload.raw);
    let found = fixture.store.upload(upload.workspace, upload.id).unwrap();
    assert_eq!(found, None);
    // The same request again is the same reply, though the file is gone.
    let again = fixture.store.accept_reply(with(2, &[upload.id])).await;
    assert!(again.unwrap().replayed);
    let refused = fixture.store.accept_reply(with(3, &[upload.id])).await;
    assert!(matches!(refused, Err(AcceptError::NoSuchUpload(_))));

    // A day later the sweep leaves what a mail has taken; once it is composed, the bytes
    // stand in it alone.
    let day = at(50 + 25 * 60);
    assert_eq!(fixture.store.sweep_uploads(day).await.unwrap(), 0);
    let fixture = fixture.reopen();
    assert_eq!(bytes(&fixture, upload.raw), Some(vec![1; 3_000]));
    let job = fixture.jobs(crate::domain::job::WorkKind::Compose)[0].key;
    let raw = CompressedRaw::new(b"Subject: Re: Late\r\n\r\nHere.\r\n");
    let composed =
        fixture
            .store
            .composed(job, outgoing.key, raw, Head::default(), Vec::new(), at(101));
    composed.await.unwrap();
    assert_eq!(bytes(&fixture, upload.raw), None);
}

#[tokio::test]
async fn what_nobody_came_for_goes_after_a_day() {
    let fixture = Fixture::new().await;
    let (old, new) = (
        handed_in(&fixture, 1, 0).await,
        handed_in(&fixture, 2, 120).await,
    );
    let swept = |hours: i64| fixture.store.sweep_uploads(at(hours * 60));
    assert_eq!(swept(23).await.unwrap(), 0);
    assert_eq!(swept(24).await.unwrap(), 1);
    assert_eq!(bytes(&fixture, old.raw), None);
    assert!(bytes(&fixture, new.raw).is_some());
    assert_eq!(
        fixture.store.upload(new.workspace, new.id).unwrap(),
        Some(new)
    );
}
