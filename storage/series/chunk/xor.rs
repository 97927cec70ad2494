//! Values by the bits that change from one to the next (Gorilla), for floats without a pattern.
//!
//! The first value takes 64 bits. Then, a value: bit 0 = the same as before; bits 1 0 = the
//! changed bits lie in the window of the one before; bits 1 1 = five bits of leading zeros, six
//! bits of length less one, then the changed bits. The last byte is filled with zeros.

use super::{Damaged, varint};

/// Encodes one value or more.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) {
    let mut last = values[0].to_bits();
    out.extend_from_slice(&last.to_le_bytes());
    let mut bits = BitWriter { out, word: 0, used: 0 };
    let (mut leading, mut trailing) = (u32::MAX, 0);
    for value in &values[1..] {
        let now = value.to_bits();
        let xor = now ^ last;
        last = now;
        if xor == 0 {
            bits.put(0, 1);
            continue;
        }
        let (zeros, below) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        if leading != u32::MAX && zeros >= leading && below >= trailing {
            bits.put(0b10, 2);
        } else {
            (leading, trailing) = (zeros, below);
            bits.put(0b11, 2);
            bits.put(u64::from(leading), 5);
            bits.put(u64::from(63 - leading - trailing), 6);
        }
        bits.put(xor >> trailing, 64 - leading - trailing);
    }
    bits.finish();
}

/// Appends the bits of `count` values.
pub(crate) fn decode(bytes: &mut &[u8], count: usize, out: &mut Vec<u64>) -> Result<(), Damaged> {
    let mut last = varint::take_u64(bytes)?;
    out.push(last);
    let mut bits = BitReader { bytes, word: 0, left: 0 };
    let (mut leading, mut len) = (0, 0);
    for _ in 1..count {
        if bits.take(1)? == 1 {
            if bits.take(1)? == 1 {
                leading = bits.take(5)? as u32;
                len = bits.take(6)? as u32 + 1;
            }
            if len == 0 || leading + len > 64 {
                return Err(Damaged("window of changed bits is impossible"));
            }
            last ^= bits.take(len)? << (64 - leading - len);
        }
        out.push(last);
    }
    Ok(())
}

struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    word: u64,
    used: u32,
}

impl BitWriter<'_> {
    /// Appends the low `len` bits of `value`, highest first; `len` is at most 64.
    fn put(&mut self, value: u64, len: u32) {
        let room = 64 - self.used;
        if len < room {
            self.word |= value << (room - len);
            self.used += len;
            return;
        }
        let over = len - room;
        self.word |= value >> over;
        self.out.extend_from_slice(&self.word.to_be_bytes());
        self.word = if over == 0 { 0 } else { value << (64 - over) };
        self.used = over;
    }

    fn finish(self) {
        let len = self.used.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.word.to_be_bytes()[..len]);
    }
}

struct BitReader<'a, 'b> {
    bytes: &'a mut &'b [u8],
    word: u64,
    left: u32,
}

impl BitReader<'_, '_> {
    /// Reads `len` bits, 1 to 64.
    fn take(&mut self, len: u32) -> Result<u64, Damaged> {
        let mut value = 0;
        let mut wanted = len;
        while wanted > 0 {
            if self.left == 0 {
                let (&byte, rest) = self.bytes.split_first().ok_or(Damaged("bits cut off"))?;
                *self.bytes = rest;
                self.word = u64::from(byte);
                self.left = 8;
            }
            let now = wanted.min(self.left);
            let low = self.word >> (self.left - now) & ((1 << now) - 1);
            value = value << now | low;
            self.left -= now;
            wanted -= now;
        }
        Ok(value)
    }
}
