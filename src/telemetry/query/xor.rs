//! The chunk format that Prometheus keeps samples in, as its streamed `remote_read` sends it:
//! times as differences of differences, values as what changed of their bits.

use super::bits::{Bits, XorValue};

/// Writes one chunk.
#[derive(Debug)]
pub(super) struct XorChunk {
    bits: Bits,
    count: u16,
    first_ms: i64,
    last_ms: i64,
    delta_ms: i64,
    value: XorValue,
}

impl XorChunk {
    /// A chunk without samples.
    pub(super) fn new() -> Self {
        let (count, delta_ms, value) = (0, 0, XorValue::default());
        Self { bits: Bits::behind(&[0, 0]), count, first_ms: 0, last_ms: 0, delta_ms, value }
    }

    /// The number of samples.
    pub(super) fn len(&self) -> u16 {
        self.count
    }

    /// The first and last time.
    pub(super) fn span_ms(&self) -> (i64, i64) {
        (self.first_ms, self.last_ms)
    }

    /// Appends a sample; times ascend.
    pub(super) fn push(&mut self, timestamp_ms: i64, value: f64) {
        match self.count {
            0 => {
                self.first_ms = timestamp_ms;
                self.bits.push_varint((timestamp_ms << 1 ^ timestamp_ms >> 63).cast_unsigned());
                self.value.push_first(value, &mut self.bits);
            }
            1 => {
                self.delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
                self.bits.push_varint(self.delta_ms.cast_unsigned());
                self.value.push(value, &mut self.bits);
            }
            _ => {
                let delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
                self.push_change(delta_ms.wrapping_sub(self.delta_ms));
                self.delta_ms = delta_ms;
                self.value.push(value, &mut self.bits);
            }
        }
        self.last_ms = timestamp_ms;
        self.count += 1;
    }

    /// The difference of differences, in as few bits as one of five widths has.
    fn push_change(&mut self, change: i64) {
        let fits = |bits: u32| {
            let half = 1_i64 << (bits - 1);
            (1 - half..=half).contains(&change)
        };
        let (sign, sign_bits, bits) = match change {
            0 => (0b0, 1, 0),
            _ if fits(14) => (0b10, 2, 14),
            _ if fits(17) => (0b110, 3, 17),
            _ if fits(20) => (0b1110, 4, 20),
            _ => (0b1111, 4, 64),
        };
        self.bits.push(sign, sign_bits);
        self.bits.push(change.cast_unsigned(), bits);
    }

    /// The chunk's bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bits.finish(&self.count.to_be_bytes())
    }
}
