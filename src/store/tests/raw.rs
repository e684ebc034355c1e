//! Raw bytes come back exactly, whole and in ranges, and orphans are swept.

use proptest::prelude::*;

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
