//! Tests of the chunk format of histograms against a decoder that follows its description.

use std::sync::Arc;

use metric::{Buckets, CUSTOM_BUCKETS, Histogram, ResetHint, Span};
use proptest::prelude::*;

use super::bits::Bits as Writer;
use super::histogram_chunk::HistogramChunk;
use super::xor_tests::Bits;

/// Chunks that Prometheus 2.42 made of [`growing`] histograms and streamed by `remote_read`: with
/// schema -4, a second apart, and with schema 8, ever farther apart.
const OF_PROMETHEUS: [&str; 2] = [
    "000500ff3f50624dd2f1a9fcde4a558d231c2ff0000d10da230d0200e0000000000001ff800000000000\
     01fdccccccccccccd1ff800000000000020000000000000001ff8000000000000200400000000000078f\
     a3505e12fffe90fe12fffeb06d60dac5cec07af4d555555555557d80f6036a17a93ac2e5555555555557\
     d617a83e8ad247ded07ab5e666666666666ed07b41a180",
    "00050000c44a558d231c2ff0000d10da230d0200e0000000000001ff80000000000001fdcccccccccccc\
     d1ff800000000000020000000000000001ff800000000000020040000000000007c07d06a0bc25fffd21\
     fc25fffd60dac1fc0bb86b173b01ebd3555555555555f603d80da85efc0bb849d6172aaaaaaaaaaabeb0\
     bd41f45f81770d247ded07ab5e666666666666ed07b41a18",
];
/// Their first time.
const BASE_MS: i64 = 1_795_753_796_000;

/// Bits of a number of variable size, and the number.
fn number(bits: &mut Bits<'_>) -> (usize, u64) {
    let mut ones = 0;
    while ones < 8 && bits.take(1) == 1 {
        ones += 1;
    }
    let width = [0, 3, 6, 9, 12, 18, 25, 56, 64][ones];
    (width, bits.take(width))
}

fn signed(bits: &mut Bits<'_>) -> i64 {
    let (width, raw) = number(bits);
    let too_large = width > 0 && width < 64 && raw > 1 << (width - 1);
    if too_large { raw.wrapping_sub(1 << width) as i64 } else { raw as i64 }
}

fn double(bits: &mut Bits<'_>) -> f64 {
    f64::from_bits(bits.take(64))
}

/// A value with the zeros around its last change.
#[derive(Clone, Copy, Default)]
struct Value(u64, usize, usize);

impl Value {
    fn next(&mut self, bits: &mut Bits<'_>) -> f64 {
        if bits.take(1) == 1 {
            if bits.take(1) == 1 {
                self.1 = bits.take(5) as usize;
                let width = bits.take(6) as usize;
                self.2 = 64 - self.1 - if width == 0 { 64 } else { width };
            }
            self.0 ^= bits.take(64 - self.1 - self.2) << self.2;
        }
        f64::from_bits(self.0)
    }
}

fn spans(bits: &mut Bits<'_>) -> Vec<Span> {
    let count = number(bits).1;
    let span = |_| {
        let length = number(bits).1 as u32;
        Span { length, offset: signed(bits) as i32 }
    };
    (0..count).map(span).collect()
}

/// The histograms of a chunk with their times.
pub(crate) fn decode(chunk: &[u8]) -> Vec<(i64, Histogram)> {
    let count = u16::from_be_bytes([chunk[0], chunk[1]]);
    let head = chunk[2];
    let bits = &mut Bits { bytes: &chunk[3..], at: 0 };
    let zero_threshold = match bits.take(8) {
        0 => 0.0,
        255 => double(bits),
        byte => 0.5 * 2_f64.powi(byte as i32 - 243),
    };
    let schema = signed(bits) as i8;
    let (positive, negative) = (spans(bits), spans(bits));
    let mut custom_values = Vec::new();
    if schema == CUSTOM_BUCKETS {
        for _ in 0..number(bits).1 {
            custom_values.push(match number(bits).1 {
                0 => double(bits),
                thousandths => (thousandths - 1) as f64 / 1000.0,
            });
        }
    }
    let length = |spans: &[Span]| spans.iter().map(|span| span.length as usize).sum::<usize>();
    let (len, negatives) = (length(&positive), length(&negative));
    let mut values = vec![Value::default(); 3 + len + negatives];
    let (mut at, mut delta) = (0, 0);
    let mut found = Vec::new();
    for n in 0..count {
        let mut numbers = Vec::new();
        if n == 0 {
            at = signed(bits);
            values.iter_mut().for_each(|value| value.0 = bits.take(64));
            numbers.extend(values.iter().map(|value| f64::from_bits(value.0)));
        } else {
            delta += signed(bits);
            at += delta;
            numbers.extend(values.iter_mut().map(|value| value.next(bits)));
        }
        let reset_hint = match (head, n) {
            (0b1100_0000, _) => ResetHint::Gauge,
            (0b1000_0000, 0) => ResetHint::Reset,
            (_, 1..) | (0b0100_0000, 0) => ResetHint::NotReset,
            (head, 0) => {
                assert_eq!(head, 0);
                ResetHint::Unknown
            }
        };
        let side = |spans: &[Span], from: usize, len: usize| {
            Buckets::new(spans.to_vec(), numbers[from..from + len].to_vec()).unwrap()
        };
        let histogram = Histogram {
            reset_hint,
            schema,
            zero_threshold,
            zero_count: numbers[1],
            count: numbers[0],
            sum: numbers[2],
            positive: side(&positive, 3, len),
            negative: side(&negative, 3 + len, negatives),
            custom_values: Arc::from(custom_values.clone()),
        };
        found.push((at, histogram));
    }
    found
}

/// Writes what a chunk takes and reads it back; gives how many that were.
fn check(histograms: &[(i64, Histogram)]) -> usize {
    let (first_ms, first) = &histograms[0];
    let mut chunk = HistogramChunk::begin(*first_ms, first, false);
    let mut taken = 1;
    for (at, histogram) in &histograms[1..] {
        if !chunk.takes(histogram) {
            break;
        }
        chunk.push(*at, histogram);
        taken += 1;
    }
    assert_eq!(chunk.span_ms(), (*first_ms, histograms[taken - 1].0));
    let found = decode(&chunk.finish());
    assert_eq!(found.len(), taken);
    for ((at, found), (expected_at, expected)) in found.iter().zip(histograms) {
        assert_eq!(at, expected_at);
        assert!(found.same(expected), "{found:?} {expected:?}");
        assert_eq!(found.custom_values, expected.custom_values);
    }
    taken
}

fn growing(n: f64) -> Histogram {
    let spans = vec![Span { offset: -3, length: 2 }, Span { offset: 4, length: 1 }];
    Histogram {
        schema: 3,
        zero_threshold: 2_f64.powi(-128),
        zero_count: n,
        count: 7.0 * n,
        sum: 0.1 * n,
        positive: Buckets::new(spans, vec![n, 2.0 * n, 1.0]).unwrap(),
        negative: Buckets::dense(5, vec![3.0 * n]).unwrap(),
        ..Histogram::default()
    }
}

#[test]
fn histograms_read_back() {
    let many: Vec<(i64, Histogram)> =
        (0..200).map(|n| (1_700_000_000_000 + i64::from(n) * 15_000, growing(n.into()))).collect();
    assert_eq!(check(&many), 120);
    // Times that jump, a value with all its bits changed, and thresholds of every form.
    for threshold in [0.0, 1e-128, 2_f64.powi(-243), 2_f64.powi(-244), 1024.0, 2048.0, 0.001] {
        let with = |n: f64, sum: f64| Histogram { zero_threshold: threshold, sum, ..growing(n) };
        let jumping = [
            (-5, with(1.0, f64::NAN)),
            (-4, with(1.0, -f64::NAN)),
            (1 << 40, with(2.0, f64::NEG_INFINITY)),
        ];
        assert_eq!(check(&jumping), 3);
    }
    let bounds = [-1.0, 0.0, 0.001, 0.0015, 2.5, 33_554.430, 33_554.431, 1e300];
    let custom = Histogram {
        schema: CUSTOM_BUCKETS,
        count: 3.0,
        positive: Buckets::dense(0, vec![1.0, 0.0, 2.0]).unwrap(),
        custom_values: Arc::from(bounds),
        ..Histogram::default()
    };
    assert_eq!(check(&[(1, custom.clone()), (2, custom)]), 2);
    assert_eq!(check(&[(0, Histogram::default())]), 1);
}

#[test]
fn chunks_are_those_of_prometheus() {
    let check_bytes = |at: &dyn Fn(i64) -> i64, schema: i8, threshold: f64, expected: &str| {
        let of =
            |n: i64| Histogram { schema, zero_threshold: threshold, ..growing((n + 1) as f64) };
        let all: Vec<Histogram> = (0..5).map(of).collect();
        let mut chunk = HistogramChunk::begin(BASE_MS + at(0), &all[0], false);
        for (n, histogram) in (1..).zip(&all[1..]) {
            assert!(chunk.takes(histogram));
            chunk.push(BASE_MS + at(n), histogram);
        }
        let hex: String = chunk.finish().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    };
    check_bytes(&|n| n * 1000, -4, 0.001, OF_PROMETHEUS[0]);
    check_bytes(&|n| n * 1000 + n * n * 3000, 8, 0.0, OF_PROMETHEUS[1]);
}

#[test]
fn a_chunk_takes_no_other_layout_and_no_reset() {
    let hinted = |hint: ResetHint, n: f64| Histogram { reset_hint: hint, ..growing(n) };
    let first = growing(5.0);
    let refused = [
        growing(4.0),
        hinted(ResetHint::Reset, 9.0),
        hinted(ResetHint::Gauge, 9.0),
        Histogram { schema: 2, ..growing(9.0) },
        Histogram { zero_threshold: 0.5, ..growing(9.0) },
        Histogram { negative: Buckets::default(), ..growing(9.0) },
    ];
    for other in refused {
        assert_eq!(check(&[(1, first.clone()), (2, other)]), 1);
    }
    assert_eq!(check(&[(1, first.clone()), (2, hinted(ResetHint::NotReset, 1.0))]), 2);
    // A gauge may fall.
    let gauges = [5.0, 4.0, 9.0].map(|n| (n as i64, hinted(ResetHint::Gauge, n)));
    assert_eq!(check(&gauges), 3);
    let hints: Vec<ResetHint> =
        [(first, true), (hinted(ResetHint::NotReset, 1.0), false), (growing(1.0), false)]
            .iter()
            .map(|(it, reset)| {
                decode(&HistogramChunk::begin(1, it, *reset).finish())[0].1.reset_hint
            })
            .collect();
    assert_eq!(hints, [ResetHint::Reset, ResetHint::NotReset, ResetHint::Unknown]);
}

proptest! {
    #[test]
    fn numbers_read_back(value in any::<i64>(), shift in 0..64_u32) {
        let value = value >> shift;
        for value in [value, value.wrapping_neg(), 1 << shift.min(62), -(1 << shift.min(62))] {
            let mut bits = Writer::behind(&[]);
            bits.push_signed(value);
            bits.push_number(value.cast_unsigned());
            let bytes = bits.finish(&[]);
            let reader = &mut Bits { bytes: &bytes, at: 0 };
            prop_assert_eq!(signed(reader), value);
            prop_assert_eq!(number(reader).1, value.cast_unsigned());
        }
    }
}
