//! One journal file: a header, then records, each the operations of one group of appends.
//!
//! ```text
//! header   "OMSERJNL"   version u16 = 2   reserved u16   reserved u32   segment number u64
//! record   magic u32    stored length u32   raw length u32   record number u32   crc32 u32
//!          payload: zstd of the operations
//! ```
//!
//! All integers are little-endian. The checksum covers the first sixteen bytes of the record and
//! the payload. Record numbers count from 0.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::chunk::Damaged;

const FILE_MAGIC: &[u8; 8] = b"OMSERJNL";
/// Version 1 knew neither histograms nor exemplars; it is read.
const VERSION: u16 = 2;
const HEADER_LEN: usize = 24;
const RECORD_MAGIC: u32 = 0x4c52_4a53;
const RECORD_HEADER_LEN: usize = 20;
/// Largest group of operations in bytes, raw.
pub(crate) const RAW_LEN_MAX: usize = 512 << 20;
const LEVEL: i32 = 1;

/// Path of a segment; the names sort as the numbers do.
pub(crate) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}.journal"))
}

/// The segments of a directory in ascending order.
pub(crate) fn list_segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A segment being written.
pub(crate) struct SegmentWriter {
    file: File,
    number: u64,
    records: u32,
    compressor: zstd::bulk::Compressor<'static>,
    frame: Vec<u8>,
}

impl SegmentWriter {
    /// Creates a segment and makes it durable, so that only its records need syncing.
    pub(crate) fn create(dir: &Path, number: u64) -> io::Result<Self> {
        let path = segment_path(dir, number);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend_from_slice(FILE_MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&[0; 6]);
        header.extend_from_slice(&number.to_le_bytes());
        file.write_all(&header)?;
        file.sync_all()?;
        sync_dir(dir)?;
        let compressor = zstd::bulk::Compressor::new(LEVEL)?;
        Ok(Self { file, number, records: 0, compressor, frame: vec![] })
    }

    /// The segment's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Appends one record and makes it durable. After an error the segment is at an end.
    pub(crate) fn write(&mut self, raw: &[u8]) -> io::Result<()> {
        if raw.len() > RAW_LEN_MAX {
            return Err(io::Error::other("group of appends too large for a record"));
        }
        self.frame.clear();
        let bound = zstd::zstd_safe::compress_bound(raw.len());
        self.frame.resize(RECORD_HEADER_LEN + bound, 0);
        let payload = &mut self.frame[RECORD_HEADER_LEN..];
        let stored = self.compressor.compress_to_buffer(raw, payload)?;
        self.frame.truncate(RECORD_HEADER_LEN + stored);
        self.frame[0..4].copy_from_slice(&RECORD_MAGIC.to_le_bytes());
        self.frame[4..8].copy_from_slice(&(stored as u32).to_le_bytes());
        self.frame[8..12].copy_from_slice(&(raw.len() as u32).to_le_bytes());
        self.frame[12..16].copy_from_slice(&self.records.to_le_bytes());
        let crc = checksum(&self.frame[..16], &self.frame[RECORD_HEADER_LEN..]);
        self.frame[16..20].copy_from_slice(&crc.to_le_bytes());
        self.file.write_all(&self.frame)?;
        self.file.sync_data()?;
        self.records += 1;
        self.frame.shrink_to(1 << 20);
        Ok(())
    }
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

/// What a segment held beyond its whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing: the file ends with a whole record.
    Whole,
    /// A record that was being written when the process or the machine stopped.
    Torn {
        /// Offset where it begins.
        offset: usize,
    },
}

/// Why a segment cannot be read.
#[derive(Debug)]
pub(crate) enum SegmentError {
    /// The disk failed.
    Io(io::Error),
    /// The bytes are wrong at an offset.
    Damaged(usize, Damaged),
    /// Written by a newer release.
    Newer(u16),
}

/// Reads a segment and passes the operations of each record to `visit`.
///
/// A broken record with no whole record after it is a torn tail; one in the middle is damage.
pub(crate) fn read_segment(
    path: &Path,
    number: u64,
    mut visit: impl FnMut(&[u8]) -> Result<(), Damaged>,
) -> Result<Tail, SegmentError> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(SegmentError::Io)?;
    if bytes.len() < HEADER_LEN || bytes[..HEADER_LEN].iter().all(|&byte| byte == 0) {
        return Ok(Tail::Torn { offset: 0 });
    }
    let damaged = |offset, detail| Err(SegmentError::Damaged(offset, Damaged(detail)));
    if bytes[..8] != FILE_MAGIC[..] {
        return damaged(0, "not a journal segment");
    }
    let version = u16::from_le_bytes([bytes[8], bytes[9]]);
    if version > VERSION {
        return Err(SegmentError::Newer(version));
    }
    if u64_at(&bytes, 16) != Some(number) {
        return damaged(16, "segment number differs from the file name");
    }
    let mut offset = HEADER_LEN;
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(SegmentError::Io)?;
    let mut raw = Vec::new();
    let mut records = 0;
    while offset < bytes.len() {
        let Some((payload, raw_len)) = whole_record(&bytes[offset..], Some(records)) else {
            return match another_record(&bytes[offset + 1..]) {
                true => damaged(offset, "a record in the middle is broken"),
                false => Ok(Tail::Torn { offset }),
            };
        };
        raw.clear();
        raw.reserve(raw_len);
        match decompressor.decompress_to_buffer(payload, &mut raw) {
            Ok(len) if len == raw_len => {}
            _ => return damaged(offset, "a record does not decompress"),
        }
        visit(&raw).map_err(|error| SegmentError::Damaged(offset, error))?;
        offset += RECORD_HEADER_LEN + payload.len();
        records += 1;
    }
    Ok(Tail::Whole)
}

/// Payload and raw length when a whole record begins here.
fn whole_record(bytes: &[u8], record: Option<u32>) -> Option<(&[u8], usize)> {
    if u32_at(bytes, 0)? != RECORD_MAGIC {
        return None;
    }
    let stored = u32_at(bytes, 4)? as usize;
    let raw_len = u32_at(bytes, 8)? as usize;
    let payload = bytes.get(RECORD_HEADER_LEN..)?.get(..stored)?;
    let numbered = record.is_none_or(|record| u32_at(bytes, 12) == Some(record));
    let whole =
        raw_len <= RAW_LEN_MAX && numbered && u32_at(bytes, 16)? == checksum(&bytes[..16], payload);
    whole.then_some((payload, raw_len))
}

/// Whether any whole record lies in the bytes, at whatever offset.
fn another_record(bytes: &[u8]) -> bool {
    let magic = RECORD_MAGIC.to_le_bytes();
    (0..bytes.len())
        .any(|at| bytes[at..].starts_with(&magic) && { whole_record(&bytes[at..], None).is_some() })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| u32::from_le_bytes(*four))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|eight| u64::from_le_bytes(*eight))
}
