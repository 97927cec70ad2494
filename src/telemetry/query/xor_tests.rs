//! Tests of the chunk format against a decoder that follows its description, and of checksums.

use proptest::prelude::*;

use super::wire::crc32c;
use super::xor::XorChunk;

/// Reads bits, the highest first.
pub(super) struct Bits<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Bits<'_> {
    pub(super) fn take(&mut self, count: usize) -> u64 {
        let mut value = 0;
        for _ in 0..count {
            let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
            value = value << 1 | u64::from(bit);
            self.at += 1;
        }
        value
    }

    fn varint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.take(8);
            value |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    fn change(&mut self) -> i64 {
        let mut ones = 0;
        while ones < 4 && self.take(1) == 1 {
            ones += 1;
        }
        let width = [0, 14, 17, 20, 64][ones];
        let raw = self.take(width);
        let too_large = width > 0 && width < 64 && raw > 1 << (width - 1);
        if too_large { raw as i64 - (1 << width) } else { raw as i64 }
    }
}

/// The samples of a chunk.
pub(crate) fn decode(chunk: &[u8]) -> Vec<(i64, u64)> {
    let count = u16::from_be_bytes([chunk[0], chunk[1]]);
    let mut bits = Bits { bytes: &chunk[2..], at: 0 };
    let mut samples: Vec<(i64, u64)> = Vec::new();
    let (mut delta, mut leading, mut trailing) = (0_i64, 0, 0);
    for n in 0..count {
        let Some(&(last, before)) = samples.last() else {
            let raw = bits.varint();
            samples.push(((raw >> 1) as i64 ^ -((raw & 1) as i64), bits.take(64)));
            continue;
        };
        delta = if n == 1 { bits.varint() as i64 } else { delta.wrapping_add(bits.change()) };
        let mut value = before;
        if bits.take(1) == 1 {
            if bits.take(1) == 1 {
                leading = bits.take(5) as usize;
                let width = bits.take(6) as usize;
                trailing = 64 - leading - if width == 0 { 64 } else { width };
            }
            value ^= bits.take(64 - leading - trailing) << trailing;
        }
        samples.push((last.wrapping_add(delta), value));
    }
    samples
}

fn encode(samples: &[(i64, u64)]) -> Vec<u8> {
    let mut chunk = XorChunk::new();
    for (at, bits) in samples {
        chunk.push(*at, f64::from_bits(*bits));
    }
    chunk.finish()
}

#[test]
fn steady_samples_take_few_bits() {
    let samples: Vec<(i64, u64)> =
        (0..120).map(|n| (1_700_000_000_000 + n * 15_000, 1.5_f64.to_bits())).collect();
    let chunk = encode(&samples);
    assert_eq!(decode(&chunk), samples);
    // Two bytes of count, 6 + 8 + 3 of the first two samples, two bits for each of the others.
    assert!(chunk.len() <= 50, "{}", chunk.len());
}

/// Times at the edges of each width.
#[test]
fn every_width_of_changes() {
    let mut samples = vec![(0_i64, 0_u64), (1_000_000, 1)];
    let mut delta = 1_000_000_i64;
    let half = |bits: u32| 1_i64 << (bits - 1);
    let edges = [14, 17, 20].map(|bits| [half(bits), half(bits) + 1, 1 - half(bits), -half(bits)]);
    for (n, change) in edges.concat().into_iter().chain([0, 1 << 40]).enumerate() {
        delta += change;
        let last = samples.last().unwrap().0;
        samples.push((last + delta, u64::MAX >> n));
    }
    assert_eq!(decode(&encode(&samples)), samples);
}

#[test]
fn the_checksum_is_castagnolis() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(b""), 0);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
}

proptest! {
    #[test]
    fn any_samples_come_back(
        steps in prop::collection::vec((1_i64..5_000_000_000, any::<u64>(), 0..64_u32), 0..150),
        first in -1_000_000_000_000..4_000_000_000_000_i64,
    ) {
        let mut at = first;
        let samples: Vec<(i64, u64)> = steps
            .into_iter()
            .map(|(step, bits, shift)| {
                at += step;
                (at, bits >> shift)
            })
            .collect();
        prop_assert_eq!(decode(&encode(&samples)), samples);
    }
}
