//! The frame around compressed samples: what it holds is found by time without decompressing.
//!
//! ```text
//! header    version u8   first time i64   last time i64   raw length u32   crc32 u32 (of the
//!           header before it and the payload as stored), all little-endian
//! payload   zstd
//! ```

use crate::chunk::{Damaged, varint};

const HEADER_LEN: usize = 25;
/// Largest payload, raw.
const RAW_LEN_MAX: usize = 256 << 20;
const LEVEL: i32 = 1;

/// Makes frames; one compressor serves all.
pub(crate) struct Framer {
    compressor: zstd::bulk::Compressor<'static>,
}

impl Framer {
    /// Prepares the compressor.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { compressor: zstd::bulk::Compressor::new(LEVEL)? })
    }

    /// Writes a frame, replacing what `out` holds.
    pub(crate) fn seal(
        &mut self,
        version: u8,
        (first_ms, last_ms): (i64, i64),
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let payload = self.compressor.compress(raw)?;
        out.clear();
        out.push(version);
        out.extend_from_slice(&first_ms.to_le_bytes());
        out.extend_from_slice(&last_ms.to_le_bytes());
        out.extend_from_slice(&(raw.len() as u32).to_le_bytes());
        out.extend_from_slice(&checksum(out, &payload).to_le_bytes());
        out.extend_from_slice(&payload);
        Ok(())
    }
}

/// The checksum of a header up to its own place and of the payload.
pub(crate) fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}

/// First and last time of what a frame holds, without decompressing it.
pub(crate) fn range_ms(frame: &[u8], version: u8) -> Result<(i64, i64), Damaged> {
    let (&found, mut rest) = frame.split_first().ok_or(Damaged("block cut off"))?;
    if found != version {
        return Err(Damaged("block of an unknown version"));
    }
    let first_ms = varint::take_u64(&mut rest)? as i64;
    Ok((first_ms, varint::take_u64(&mut rest)? as i64))
}

/// Checks a frame and decompresses what it holds.
pub(crate) fn open(frame: &[u8], version: u8) -> Result<Vec<u8>, Damaged> {
    range_ms(frame, version)?;
    let (header, payload) = frame.split_at_checked(HEADER_LEN).ok_or(Damaged("block cut off"))?;
    let word = |at: usize| header[at..].first_chunk::<4>().map(|w| u32::from_le_bytes(*w));
    let (raw_len, crc) = (word(17).unwrap_or(0) as usize, word(21).unwrap_or(0));
    if checksum(&header[..HEADER_LEN - 4], payload) != crc {
        return Err(Damaged("checksum of a block differs"));
    }
    if raw_len > RAW_LEN_MAX {
        return Err(Damaged("block too large"));
    }
    let raw = zstd::bulk::decompress(payload, raw_len)
        .map_err(|_| Damaged("block does not decompress"))?;
    if raw.len() != raw_len {
        return Err(Damaged("block of another length than stated"));
    }
    Ok(raw)
}
