//! Raw bytes come back exactly, whole and in ranges, and orphans are swept.

use proptest::prelude::*;
use redb::ReadableDatabase;

use super::super::table::{Order, Rows, Table};
use super::super::*;
use super::fixture::*;

/// Bytes between text and noise, so that pieces compress to odd lengths.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut noise = vec![0; length];
    blake3::Hasher::new()
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut noise);
    for (at, byte) in noise.iter_mut().enumerate() {
        if (at / 1_000) % 3 == 0 {
            *byte = b'a' + *byte % 8;
        }
    }
    noise
}

#[tokio::test]
async fn a_big_mail_goes_ahead_in_portions_and_reads_back_in_ranges() {
    let fixture = Fixture::new().await;
    let whole = bytes(9_000_001, 1);
    let mut writer = fixture.store.begin_raw().await;
    for chunk in whole.chunks(70_001) {
        writer.write(chunk).await.unwrap();
    }
    let raw = writer.finish().await.unwrap();
    let size = whole.len() as u64;
    assert_eq!(fixture.store.raw_size(raw).unwrap(), Some(size));
    assert!(matches!(
        fixture.store.raw(raw, size - 1),
        Err(StoreError::TooLarge { .. })
    ));
    assert_eq!(fixture.store.raw(raw, size).unwrap().unwrap(), whole);
    for range in [
        0..1,
        262_143..262_145,
        5_000_000..5_600_000,
        9_000_000..u64::MAX,
        5..5,
    ] {
        let expected = &whole[range.start as usize..range.end.min(size) as usize];
        assert_eq!(fixture.store.raw_range(raw, range).unwrap(), expected);
    }
    let mut arrival = mail(1, "anna@example.com", "Big");
    arrival.raw = ArrivalRaw::Stored(raw);
    let stored = fixture.receive(arrival).await;
    let fixture = fixture.reopen();
    assert_eq!(stored.raw, Some(raw));
    assert_eq!(fixture.store.raw_size(raw).unwrap(), Some(size));
}

#[tokio::test]
async fn what_no_message_names_is_swept_at_the_next_start() {
    let fixture = Fixture::new().await;
    let mut writer = fixture.store.begin_raw().await;
    writer.write(&bytes(6_000_000, 2)).await.unwrap();
    drop(writer);
    let mut writer = fixture.store.begin_raw().await;
    writer.write(b"short").await.unwrap();
    let raw = writer.finish().await.unwrap();
    assert!(fixture.store.raw(raw, 100).unwrap().is_some());
    let fixture = fixture.reopen();
    for table in [
        Table::Raws,
        Table::RawChunks,
        Table::RawTails,
        Table::RawOrphans,
    ] {
        let left = fixture
            .store
            .read(|rows| rows.keys(table, &[], None, Order::Up, 10))
            .unwrap();
        assert!(left.is_empty(), "{table:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_length_comes_back(lengths in prop::collection::vec(0usize..700_000, 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            for (number, length) in lengths.into_iter().enumerate() {
                let whole = bytes(length, number as u64);
                let mut arrival = mail(number as u32 + 1, "anna@example.com", "x");
                arrival.raw = ArrivalRaw::Whole(CompressedRaw::new(&whole));
                let stored = fixture.receive(arrival).await;
                let back = fixture.store.raw(stored.raw.unwrap(), u64::MAX).unwrap();
                prop_assert_eq!(back, Some(whole));
            }
            Ok(())
        })?;
    }
}

/// Prints what the file costs beside the compressed bytes. Run by hand:
/// `cargo test --lib store::tests::raw::figures -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn figures_of_ten_thousand_mails() {
    const MAILS: u32 = 10_000;
    const BATCH: usize = 100;
    let fixture = Fixture::new().await;
    let noise = bytes(4_000_000, 3);
    let mut prepared = Vec::new();
    let (mut plain, mut compressed) = (0, 0);
    let started = std::time::Instant::now();
    for number in 1..=MAILS {
        // Lengths between 2 KB and 3 MB, most of them short.
        let draw = u64::from_be_bytes(random(u64::from(number))) % 1_000;
        let length = 2_000 + (draw * draw * draw / 12_000) as usize;
        let start = (number as usize * 7_919) % (noise.len() - length.min(noise.len() - 1));
        let raw = CompressedRaw::new(&noise[start..start + length]);
        plain += length as u64;
        compressed += raw.compressed_size();
        let references = format!("{}@customers.example", number.saturating_sub(1));
        let from = format!("customer{}@example.com", number / 3);
        let mut arrival = answer(number, &from, "Your order", &[&references]);
        arrival.raw = ArrivalRaw::Whole(raw);
        arrival.size = length as u64;
        arrival
            .head
            .references
            .truncate(usize::from(number % 3 != 0));
        prepared.push(arrival);
    }
    println!(
        "{plain} bytes, {compressed} compressed in {:?}",
        started.elapsed()
    );
    let started = std::time::Instant::now();
    while !prepared.is_empty() {
        let rest = prepared.split_off(prepared.len().min(BATCH));
        let delivery = fixture.delivery(std::mem::replace(&mut prepared, rest));
        fixture.store.deliver(delivery).await.unwrap();
    }
    println!("delivered in {:?}", started.elapsed());
    let started = std::time::Instant::now();
    loop {
        let jobs = fixture
            .store
            .due_jobs(crate::domain::job::WorkKind::Triage, at(1_000_000), BATCH)
            .unwrap();
        if jobs.is_empty() {
            break;
        }
        let batch = jobs
            .iter()
            .map(|job| Triaged {
                job: job.key,
                message: message_of(job),
                extraction: None,
                decision: decision(Default::default()),
                acknowledgement: None,
            })
            .collect();
        fixture.store.triage(batch).await.unwrap();
    }
    println!("triaged in {:?}", started.elapsed());
    let file = std::fs::metadata(fixture.folder.path().join(DATABASE_FILE)).unwrap();
    println!(
        "file {} = {:.3} of the compressed bytes",
        file.len(),
        file.len() as f64 / compressed as f64
    );
    let blocks = std::os::unix::fs::MetadataExt::blocks(&file) * 512;
    println!("of which on disk {blocks}");
    let started = std::time::Instant::now();
    fixture.store.compact().unwrap();
    let file = std::fs::metadata(fixture.folder.path().join(DATABASE_FILE)).unwrap();
    println!(
        "compacted in {:?}: file {} = {:.3}",
        started.elapsed(),
        file.len(),
        file.len() as f64 / compressed as f64
    );
    let database = fixture.store.shared().database.read().unwrap();
    let reading = database.as_ref().unwrap().begin_read().unwrap();
    for table in Table::ALL {
        let stats = reading
            .open_table(table.definition())
            .and_then(|open| Ok(redb::ReadableTableMetadata::stats(&open)?))
            .unwrap();
        let (stored, lost) = (stats.stored_bytes(), stats.fragmented_bytes());
        if stored + lost > 500_000 {
            println!("{table:?}: {stored} stored, {lost} lost in pages");
        }
    }
}
