//! Bytes of a journal segment; FORMAT.md draws them.

use std::borrow::Cow;

use crate::overlay::WriteSet;
use crate::row::{Reader, put_varint};

/// First bytes of every segment.
const SEGMENT_MAGIC: [u8; 8] = *b"OM-RJRNL";
/// Version of the segment format.
pub(crate) const SEGMENT_FORMAT: u32 = 1;
/// Length of a segment's header.
pub(crate) const HEADER_BYTES: u64 = 40;
/// First bytes of every record.
pub(crate) const RECORD_MAGIC: [u8; 4] = *b"rec\x01";
/// Length of a record's header.
pub(crate) const RECORD_HEADER_BYTES: usize = 20;
/// The largest payload: a few times the largest transaction.
pub(crate) const PAYLOAD_BYTES_MAX: u32 = 1 << 30;

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The store that the journal belongs to.
    pub(crate) store: u128,
    /// Number of the first record.
    pub(crate) first_seq: u64,
}

impl Header {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = SEGMENT_MAGIC.to_vec();
        bytes.extend_from_slice(&SEGMENT_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.store.to_le_bytes());
        bytes.extend_from_slice(&self.first_seq.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header in these bytes, or what is wrong with them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let header: &[u8; HEADER_BYTES as usize] =
            bytes.first_chunk().ok_or("the header is cut off")?;
        let (body, crc) = header.split_at(HEADER_BYTES as usize - 4);
        if !body.starts_with(&SEGMENT_MAGIC) {
            return Err("this is not a journal segment");
        }
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Err("the header's checksum is wrong");
        }
        let mut reader = Reader(&body[SEGMENT_MAGIC.len()..]);
        if reader.u32() != Some(SEGMENT_FORMAT) {
            return Err("the segment has a newer format");
        }
        let (store, first_seq) = reader.0.split_at(16);
        Ok(Self {
            store: u128::from_le_bytes(store.try_into().map_err(|_| "the header is cut off")?),
            first_seq: u64::from_le_bytes(
                first_seq.try_into().map_err(|_| "the header is cut off")?,
            ),
        })
    }
}

/// The file name of the segment that begins with a record; names sort like numbers.
pub(crate) fn segment_name(first_seq: u64) -> String {
    format!("{first_seq:020}.journal")
}

/// The number in a segment's file name.
pub(crate) fn segment_seq(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".journal")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// The header of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordHeader {
    pub(crate) len: u32,
    pub(crate) seq: u64,
    crc: u32,
}

impl RecordHeader {
    /// The header in these bytes, when they begin with the magic and state a sane length.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; RECORD_HEADER_BYTES] = bytes.first_chunk()?;
        let rest = header.strip_prefix(&RECORD_MAGIC)?;
        let (len, rest) = rest.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (crc, _) = rest.split_first_chunk()?;
        let len = u32::from_le_bytes(*len);
        let (seq, crc) = (u64::from_le_bytes(*seq), u32::from_le_bytes(*crc));
        (len <= PAYLOAD_BYTES_MAX).then_some(Self { len, seq, crc })
    }

    /// Whether this is the payload that the header was made for.
    pub(crate) fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.len as usize && checksum(self.seq, payload) == self.crc
    }
}

/// A whole record.
pub(crate) fn encode_record(seq: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORD_HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&RECORD_MAGIC);
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&seq.to_le_bytes());
    bytes.extend_from_slice(&checksum(seq, payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(&seq.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// The payload of a record: all changes of a group.
pub(crate) fn encode_changes(changes: &WriteSet) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    put_varint(&mut bytes, changes.len() as u64);
    for (table, keys) in changes {
        put_bytes(&mut bytes, table.as_bytes());
        put_varint(&mut bytes, keys.len() as u64);
        for (key, value) in keys {
            bytes.push(u8::from(value.is_some()));
            put_bytes(&mut bytes, key);
            if let Some(value) = value {
                put_bytes(&mut bytes, value);
            }
        }
    }
    bytes
}

/// Merges the changes of a payload into a write-set; `None` when the payload makes no sense.
pub(crate) fn decode_changes(payload: &[u8], into: &mut WriteSet) -> Option<()> {
    let mut reader = Reader(payload);
    for _ in 0..reader.varint()? {
        let table = std::str::from_utf8(reader.bytes()?).ok()?;
        let changes = into.entry(Cow::Owned(table.to_owned())).or_default();
        for _ in 0..reader.varint()? {
            let is_put = reader.u8()? == 1;
            let key = reader.bytes()?.to_vec();
            let value = if is_put { Some(reader.bytes()?.to_vec()) } else { None };
            changes.insert(key, value);
        }
    }
    reader.0.is_empty().then_some(())
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
