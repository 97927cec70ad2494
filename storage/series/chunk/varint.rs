//! Variable-length integers: seven bits a byte, small first; signed ones in zigzag form.

use super::Damaged;

/// Most bytes that an integer takes.
pub(crate) const LEN_MAX: usize = 10;

/// Writes a signed integer to the beginning of a buffer of at least [`LEN_MAX`] bytes; returns
/// how many it took.
pub(crate) fn write_signed(out: &mut [u8], value: i64) -> usize {
    let mut rest = zigzag(value);
    let mut len = 0;
    while rest >= 0x80 {
        out[len] = rest as u8 | 0x80;
        rest >>= 7;
        len += 1;
    }
    out[len] = rest as u8;
    len + 1
}

/// Appends an unsigned integer in 1 to [`LEN_MAX`] bytes.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer; small absolute values take few bytes.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// The number of bytes that [`put_signed`] takes.
pub(crate) fn signed_len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Reads an unsigned integer and moves past it.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().enumerate() {
        if i == 10 || (i == 9 && byte > 1) {
            return Err(Damaged("integer too long"));
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Ok(value);
        }
    }
    Err(Damaged("integer cut off"))
}

/// Reads a signed integer and moves past it.
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Result<i64, Damaged> {
    take(bytes).map(unzigzag)
}

/// Reads a length or count that must not exceed `max`.
pub(crate) fn take_len(bytes: &mut &[u8], max: usize) -> Result<usize, Damaged> {
    match usize::try_from(take(bytes)?) {
        Ok(len) if len <= max => Ok(len),
        _ => Err(Damaged("length beyond its limit")),
    }
}

/// Reads `len` bytes and moves past them.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Damaged> {
    let (taken, rest) = bytes.split_at_checked(len).ok_or(Damaged("bytes cut off"))?;
    *bytes = rest;
    Ok(taken)
}

/// Reads a 64-bit little-endian integer and moves past it.
pub(crate) fn take_u64(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let (taken, rest) = bytes.split_first_chunk::<8>().ok_or(Damaged("bytes cut off"))?;
    *bytes = rest;
    Ok(u64::from_le_bytes(*taken))
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
