//! Raw mail: compressed outside the writer thread, stored in chunks that fill
//! pages, read back in ranges.
//!
//! A mail is compressed in pieces of [`PIECE_LENGTH`], so that a range costs the
//! pieces it touches and a big mail is never whole in memory. The compressed bytes
//! are cut into chunks that just fill a database page (a value a byte longer than a
//! page takes one of twice the size); what is left over, less than the smallest
//! page, goes into a table where such tails share pages.
//! Deliberately absent: one copy for equal mails; the fingerprint sees to that.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::Store;
use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::record::RawRow;
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::key::RawKey;

/// Raw bytes of one compressed piece.
const PIECE_LENGTH: usize = 256 * 1024;
/// Marks the length of a piece that is stored as it is; pieces are far shorter.
const PLAIN: u32 = 1 << 31;
/// Speed over ratio: mail is mostly base64, where higher levels gain little.
const LEVEL: i32 = 1;
/// What a page of the database holds beside one value: header, lengths, our key.
const PAGE_OVERHEAD: usize = 32;
/// Pages that chunks fill, largest first. Larger ones would be copied whole by the
/// cache for a few bytes of a range.
const PAGES: [usize; 5] = [64 * 1024, 32 * 1024, 16 * 1024, 8 * 1024, 4 * 1024];
/// A big mail goes to the writer in portions of this many compressed bytes.
const PORTION_LENGTH: usize = 2 * 1024 * 1024;
/// Most orphans removed by one sweep; the rest goes at the next start.
const SWEEP_MAX: usize = 10_000;

thread_local! {
    /// A compressor costs more to make than a small mail to compress.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    /// The same on the way back.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends the piece compressed, or as it is where that is no longer (or the
/// compressor gets no memory). The answer is its length with [`PLAIN`] for the latter.
fn compress(piece: &[u8], out: &mut Vec<u8>) -> u32 {
    let packed = COMPRESSOR.with_borrow_mut(|slot| -> io::Result<Vec<u8>> {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        compressor.compress(piece)
    });
    match packed {
        Ok(packed) if packed.len() < piece.len() => {
            out.extend_from_slice(&packed);
            packed.len() as u32
        }
        _ => {
            out.extend_from_slice(piece);
            piece.len() as u32 | PLAIN
        }
    }
}

/// The `length` raw bytes of a piece.
fn decompress(packed: Vec<u8>, mark: u32, length: usize) -> Result<Vec<u8>, StoreError> {
    if mark & PLAIN != 0 {
        return Ok(packed);
    }
    let unpacked = DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress(&packed, length)
    });
    unpacked.map_err(|error| StoreError::Compression(Arc::new(error)))
}

/// Stored bytes of a piece.
fn stored_length(mark: u32) -> usize {
    (mark & !PLAIN) as usize
}

/// A whole mail, compressed and ready for the writer.
#[derive(Clone, Debug)]
pub struct CompressedRaw {
    size: u64,
    pieces: Vec<u32>,
    bytes: Vec<u8>,
}

impl CompressedRaw {
    /// Compresses; takes CPU time, so not for the writer thread.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut compressed = Self {
            size: bytes.len() as u64,
            pieces: Vec::new(),
            bytes: Vec::new(),
        };
        for piece in bytes.chunks(PIECE_LENGTH) {
            let length = compress(piece, &mut compressed.bytes);
            compressed.pieces.push(length);
        }
        compressed.bytes.shrink_to_fit();
        compressed
    }

    /// Bytes of the mail itself.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes it takes compressed.
    #[must_use]
    pub fn compressed_size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// The longest chunk that fits `length` bytes and fills a page; `None` for a tail.
fn chunk_length(length: usize) -> Option<usize> {
    PAGES
        .iter()
        .map(|page| page - PAGE_OVERHEAD)
        .find(|chunk| *chunk <= length)
}

fn chunk_key(raw: RawKey, chunk: usize) -> Key {
    Key::new(raw.0).number(chunk as u64)
}

/// Cuts chunks off `bytes`, as long as one fills a page of at least `page_min`.
fn put_chunks<'b>(
    transaction: &Transaction<'_>,
    raw: RawKey,
    row: &mut RawRow,
    mut bytes: &'b [u8],
    page_min: usize,
) -> Result<&'b [u8], StoreError> {
    while let Some(length) = chunk_length(bytes.len()) {
        if length + PAGE_OVERHEAD < page_min {
            break;
        }
        let (chunk, rest) = bytes.split_at(length);
        let key = chunk_key(raw, row.chunks.len());
        transaction.put(Table::RawChunks, key.as_ref(), chunk)?;
        row.chunks.push(length as u32);
        bytes = rest;
    }
    Ok(bytes)
}

fn finish_row(
    transaction: &Transaction<'_>,
    raw: RawKey,
    row: &mut RawRow,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let tail = put_chunks(transaction, raw, row, bytes, 0)?;
    if !tail.is_empty() {
        transaction.put(Table::RawTails, &raw.0.to_be_bytes(), tail)?;
    }
    transaction.put_record(Table::Raws, &raw.0.to_be_bytes(), row)
}

/// Stores a whole mail within the caller's transaction.
pub(super) fn put(
    transaction: &Transaction<'_>,
    compressed: &CompressedRaw,
) -> Result<RawKey, StoreError> {
    let raw = RawKey(transaction.next(Counter::Raw)?);
    let mut row = RawRow {
        size: compressed.size,
        pieces: compressed.pieces.clone(),
        chunks: Vec::new(),
    };
    finish_row(transaction, raw, &mut row, &compressed.bytes)?;
    Ok(raw)
}

/// A message names it now: the sweep will leave it.
pub(super) fn adopt(transaction: &Transaction<'_>, raw: RawKey) -> Result<(), StoreError> {
    if transaction
        .get(Table::Raws, &raw.0.to_be_bytes())?
        .is_none()
    {
        return Err(StoreError::Missing {
            what: "raw mail",
            key: raw.0,
        });
    }
    transaction.remove(Table::RawOrphans, &raw.0.to_be_bytes())?;
    Ok(())
}

/// Removes every trace of a raw mail.
pub(super) fn remove(transaction: &Transaction<'_>, raw: RawKey) -> Result<(), StoreError> {
    let key = raw.0.to_be_bytes();
    for chunk in transaction.keys(Table::RawChunks, &key, None, Order::Up, usize::MAX)? {
        transaction.remove(Table::RawChunks, &chunk)?;
    }
    for table in [Table::RawTails, Table::Raws, Table::RawOrphans] {
        transaction.remove(table, &key)?;
    }
    Ok(())
}

/// Removes what was sent ahead and never delivered, when a store is opened.
pub(super) fn sweep(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    for key in transaction.keys(Table::RawOrphans, &[], None, Order::Up, SWEEP_MAX)? {
        remove(transaction, RawKey(number_at(&key, 0)))?;
    }
    Ok(())
}

/// Takes a big mail ahead of its delivery, in portions, with bounded memory.
/// Dropped or never delivered, it is swept at the next start.
#[derive(Debug)]
pub struct RawWriter {
    store: Store,
    raw: Option<RawKey>,
    row: RawRow,
    /// Raw bytes of the piece under way.
    piece: Vec<u8>,
    /// Compressed bytes that are not with the writer yet.
    packed: Vec<u8>,
}

impl RawWriter {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the store cannot take them; the writer is of no more use then.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let room = PIECE_LENGTH - self.piece.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
            if self.piece.len() == PIECE_LENGTH {
                self.pack();
                if self.packed.len() >= PORTION_LENGTH {
                    self.send_portion().await?;
                }
            }
        }
        Ok(())
    }

    /// Makes the mail durable and names it.
    ///
    /// # Errors
    /// As for [`RawWriter::write`].
    pub async fn finish(mut self) -> Result<RawKey, StoreError> {
        if !self.piece.is_empty() {
            self.pack();
        }
        let (known, row, packed) = (self.raw, self.row, self.packed);
        self.store
            .write(move |transaction| {
                transaction.demand_space()?;
                let raw = orphan(transaction, known)?;
                finish_row(transaction, raw, &mut row.clone(), &packed)?;
                Ok(raw)
            })
            .await
    }

    /// Forgets the mail. What was sent ahead is removed at once, not only at the next start.
    ///
    /// # Errors
    /// When the store takes no write; the next start removes it then.
    pub async fn discard(self) -> Result<(), StoreError> {
        let Some(raw) = self.raw else { return Ok(()) };
        let removed = self
            .store
            .write(move |transaction| remove(transaction, raw));
        removed.await
    }

    fn pack(&mut self) {
        let length = compress(&self.piece, &mut self.packed);
        self.row.pieces.push(length);
        self.row.size += self.piece.len() as u64;
        self.piece.clear();
    }

    /// Sends whole large chunks; what is left waits for the next bytes.
    async fn send_portion(&mut self) -> Result<(), StoreError> {
        let (known, row) = (self.raw, std::mem::take(&mut self.row));
        let packed = std::mem::take(&mut self.packed);
        let (raw, row, rest) = self
            .store
            .write(move |transaction| {
                transaction.demand_space()?;
                let raw = orphan(transaction, known)?;
                let mut row = row.clone();
                let rest = put_chunks(transaction, raw, &mut row, &packed, PAGES[0])?;
                Ok::<_, StoreError>((raw, row, rest.to_vec()))
            })
            .await?;
        self.raw = Some(raw);
        self.row = row;
        self.packed = rest;
        Ok(())
    }
}

/// The key of a mail that no message names yet.
fn orphan(transaction: &Transaction<'_>, known: Option<RawKey>) -> Result<RawKey, StoreError> {
    if let Some(raw) = known {
        return Ok(raw);
    }
    let raw = RawKey(transaction.next(Counter::Raw)?);
    transaction.put(Table::RawOrphans, &raw.0.to_be_bytes(), &[])?;
    Ok(raw)
}

/// Compressed bytes `range` of a raw mail.
fn packed_range(
    rows: &impl Rows,
    raw: RawKey,
    row: &RawRow,
    range: Range<usize>,
) -> Result<Vec<u8>, StoreError> {
    let mut packed = Vec::with_capacity(range.len());
    let mut start = 0;
    let lengths = row.chunks.iter().map(|length| Some(*length as usize));
    for (chunk, length) in lengths.chain([None]).enumerate() {
        let end = length.map_or(usize::MAX, |length| start + length);
        if start < range.end && end > range.start {
            let bytes = match length {
                Some(_) => rows.get(Table::RawChunks, chunk_key(raw, chunk).as_ref())?,
                None => rows.get(Table::RawTails, &raw.0.to_be_bytes())?,
            }
            .unwrap_or_default();
            let from = range.start.saturating_sub(start).min(bytes.len());
            let to = (range.end - start).min(bytes.len());
            packed.extend_from_slice(&bytes[from..to]);
        }
        start = end;
    }
    Ok(packed)
}

/// Raw bytes `range`, by decompressing the pieces it touches.
fn read_range(
    rows: &impl Rows,
    raw: RawKey,
    row: &RawRow,
    range: Range<u64>,
) -> Result<Vec<u8>, StoreError> {
    let end = range.end.min(row.size);
    let start = range.start.min(end);
    let as_index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let (first, last) = (
        as_index(start / PIECE_LENGTH as u64),
        as_index(end.div_ceil(PIECE_LENGTH as u64)).min(row.pieces.len()),
    );
    let mut wanted = Vec::with_capacity(as_index(end - start));
    let mut at: usize = row.pieces[..first.min(last)]
        .iter()
        .map(|mark| stored_length(*mark))
        .sum();
    for piece in first..last {
        let length = stored_length(row.pieces[piece]);
        let packed = packed_range(rows, raw, row, at..at + length)?;
        at += length;
        let base = (piece * PIECE_LENGTH) as u64;
        let raw_length = as_index(row.size.saturating_sub(base)).min(PIECE_LENGTH);
        let bytes = decompress(packed, row.pieces[piece], raw_length)?;
        let from = as_index(start.saturating_sub(base)).min(bytes.len());
        let to = as_index(end.saturating_sub(base)).min(bytes.len());
        wanted.extend_from_slice(&bytes[from..to]);
    }
    Ok(wanted)
}

impl Store {
    /// Begins a mail that is too big to wait in memory.
    pub async fn begin_raw(&self) -> RawWriter {
        RawWriter {
            store: self.clone(),
            raw: None,
            row: RawRow::default(),
            piece: Vec::with_capacity(PIECE_LENGTH),
            packed: Vec::new(),
        }
    }

    /// The exact bytes of a mail of at most `max` bytes.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] for a bigger one; ask for ranges then.
    pub fn raw(&self, key: RawKey, max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|rows| {
            let Some(row) = rows.record::<RawRow>(Table::Raws, &key.0.to_be_bytes())? else {
                return Ok(None);
            };
            if row.size > max {
                return Err(StoreError::TooLarge {
                    size: row.size,
                    max,
                });
            }
            read_range(rows, key, &row, 0..row.size).map(Some)
        })
    }

    /// Bytes `range` of a mail; what lies beyond its end is left out.
    ///
    /// # Errors
    /// When there is no such mail, or it cannot be read.
    pub fn raw_range(&self, key: RawKey, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        self.read(|rows| {
            let row: RawRow = rows.named(Table::Raws, key.0, "raw mail")?;
            read_range(rows, key, &row, range)
        })
    }

    /// Bytes of a mail.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn raw_size(&self, key: RawKey) -> Result<Option<u64>, StoreError> {
        self.read(|rows| {
            let row = rows.record::<RawRow>(Table::Raws, &key.0.to_be_bytes())?;
            Ok(row.map(|row| row.size))
        })
    }
}
