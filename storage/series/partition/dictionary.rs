//! The label sets of a partition's series, 64 to a compressed block.
//!
//! ```text
//! block   version u8 = 2   count u8   raw length u32   crc32 u32 (of the header before it and
//!         the payload as stored), all little-endian
//!         payload: zstd of, for each series, varint length and label bytes
//! ```

use metric::{EncodedLabels, LabelLimits, Labels};

use super::block::PACK;
use super::frame::checksum;
use crate::chunk::{Damaged, varint};

const VERSION: u8 = 2;
const HEADER_LEN: usize = 10;
const RAW_LEN_MAX: usize = 256 << 20;
const LEVEL: i32 = 3;

/// Encodes up to 64 label sets.
pub(crate) fn encode(sets: &[Labels]) -> std::io::Result<Vec<u8>> {
    debug_assert!(sets.len() <= PACK as usize);
    let mut raw = Vec::with_capacity(sets.len() * 160);
    for labels in sets {
        let bytes = labels.encoded().as_bytes();
        varint::put(&mut raw, bytes.len() as u64);
        raw.extend_from_slice(bytes);
    }
    seal(sets.len() as u8, &raw)
}

/// Puts the bytes of `count` label sets behind a header.
pub(super) fn seal(count: u8, raw: &[u8]) -> std::io::Result<Vec<u8>> {
    let payload = zstd::bulk::compress(raw, LEVEL)?;
    let mut out = Vec::with_capacity(HEADER_LEN + payload.len());
    out.extend_from_slice(&[VERSION, count]);
    out.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    let crc = checksum(&out, &payload);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&payload);
    Ok(out)
}

/// A dictionary block, decompressed.
#[derive(Debug)]
pub(crate) struct DictionaryBlock {
    raw: Vec<u8>,
    /// Begin and end of each set in `raw`.
    places: Vec<(usize, usize)>,
}

impl DictionaryBlock {
    /// Decompresses and checks a block.
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, Damaged> {
        let (header, payload) =
            bytes.split_at_checked(HEADER_LEN).ok_or(Damaged("dictionary block cut off"))?;
        if header[0] != VERSION {
            return Err(Damaged("dictionary block of an unknown version"));
        }
        let word = |at: usize| header[at..].first_chunk::<4>().map(|w| u32::from_le_bytes(*w));
        let (raw_len, crc) = (word(2).unwrap_or(0) as usize, word(6).unwrap_or(0));
        if checksum(&header[..HEADER_LEN - 4], payload) != crc {
            return Err(Damaged("checksum of a dictionary block differs"));
        }
        if raw_len > RAW_LEN_MAX {
            return Err(Damaged("dictionary block too large"));
        }
        let raw = zstd::bulk::decompress(payload, raw_len)
            .map_err(|_| Damaged("dictionary block does not decompress"))?;
        let mut places = Vec::with_capacity(usize::from(header[1]));
        let mut rest = &raw[..];
        for _ in 0..header[1] {
            let len = varint::take_len(&mut rest, raw.len())?;
            let from = raw.len() - rest.len();
            varint::take_bytes(&mut rest, len)?;
            places.push((from, from + len));
        }
        Ok(Self { raw, places })
    }

    /// The encoded label sets in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|&(from, to)| &self.raw[from..to])
    }

    /// The label set at a position.
    pub(crate) fn labels(&self, position: usize) -> Result<Labels, Damaged> {
        let &(from, to) = self.places.get(position).ok_or(Damaged("series without labels"))?;
        EncodedLabels(&self.raw[from..to])
            .to_labels(&LabelLimits::UNLIMITED)
            .map_err(|_| Damaged("stored labels are wrong"))
    }
}
