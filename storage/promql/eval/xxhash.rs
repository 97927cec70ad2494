//! `XXH64`, by which `limit_ratio` picks series, so that it picks those that Prometheus picks.
//!
//! After <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>, with seed 0.

use metric::Labels;

const PRIMES: [u64; 5] = [
    0x9e37_79b1_85eb_ca87,
    0xc2b2_ae3d_27d4_eb4f,
    0x1656_67b1_9e37_79f9,
    0x85eb_ca77_c2b2_ae63,
    0x27d4_eb2f_1656_67c5,
];

/// The hash of a label set as Prometheus lays it out in memory: each name and each value behind
/// its length.
pub(crate) fn of_labels(labels: &Labels) -> u64 {
    let mut bytes = Vec::new();
    for label in labels {
        for text in [label.name, label.value] {
            match u8::try_from(text.len()) {
                Ok(length) if length < u8::MAX => bytes.push(length),
                _ => {
                    bytes.push(u8::MAX);
                    bytes.extend_from_slice(&text.len().to_le_bytes()[..3]);
                }
            }
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    of_bytes(&bytes)
}

pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let [prime1, prime2, prime3, prime4, prime5] = PRIMES;
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut hash = prime5;
    if !stripes.is_empty() {
        let mut lanes = [prime1.wrapping_add(prime2), prime2, 0, 0_u64.wrapping_sub(prime1)];
        for stripe in stripes {
            for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
                *lane = round(*lane, u64::from_le_bytes(*word));
            }
        }
        let [a, b, c, d] = lanes;
        hash = a.rotate_left(1);
        for (lane, bits) in [(b, 7), (c, 12), (d, 18)] {
            hash = hash.wrapping_add(lane.rotate_left(bits));
        }
        for lane in lanes {
            hash = (hash ^ round(0, lane)).wrapping_mul(prime1).wrapping_add(prime4);
        }
    }
    hash = hash.wrapping_add(bytes.len() as u64);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        hash ^= round(0, u64::from_le_bytes(*word));
        hash = hash.rotate_left(27).wrapping_mul(prime1).wrapping_add(prime4);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        hash ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(prime1);
        hash = hash.rotate_left(23).wrapping_mul(prime2).wrapping_add(prime3);
    }
    for byte in rest {
        hash ^= u64::from(*byte).wrapping_mul(prime5);
        hash = hash.rotate_left(11).wrapping_mul(prime1);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(prime2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(prime3);
    hash ^ (hash >> 32)
}

fn round(lane: u64, word: u64) -> u64 {
    let [prime1, prime2, ..] = PRIMES;
    lane.wrapping_add(word.wrapping_mul(prime2)).rotate_left(31).wrapping_mul(prime1)
}
