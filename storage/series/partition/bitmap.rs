//! Sets of series numbers as the postings keep them.
//!
//! ```text
//! bitmap   crc32 u32, little-endian (of what follows), then the portable form of roaring bitmaps
//! ```

use roaring::RoaringBitmap;

use crate::chunk::Damaged;

/// Writes a set, replacing what `out` holds.
pub(crate) fn encode(set: &RoaringBitmap, out: &mut Vec<u8>) -> std::io::Result<()> {
    out.clear();
    out.extend_from_slice(&[0; 4]);
    set.serialize_into(&mut *out)?;
    let crc = crc32fast::hash(&out[4..]);
    out[..4].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// Reads a set.
pub(crate) fn decode(bytes: &[u8]) -> Result<RoaringBitmap, Damaged> {
    let (crc, set) = bytes.split_first_chunk::<4>().ok_or(Damaged("postings cut off"))?;
    if crc32fast::hash(set) != u32::from_le_bytes(*crc) {
        return Err(Damaged("checksum of postings differs"));
    }
    RoaringBitmap::deserialize_from(set).map_err(|_| Damaged("postings are not a bitmap"))
}
