//! Property tests of the encodings: bit-exact, and never a panic on any bytes.

use metric::{STALE_NAN, Samples};
use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-1_000_000_i64..1_000_000).prop_map(|v| v as f64),
        4 => (-100_000_i64..100_000).prop_map(|v| v as f64 / 100.0),
        2 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(f64::from_bits(STALE_NAN)),
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE,
            9_007_199_254_740_993.0, 1e15, 0.1, 1e-9, 5e-324,
        ]),
    ]
}

fn series() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    let regular = (any::<i64>(), prop::sample::select(vec![0_i64, 1, 15_000, -7, i64::MIN]))
        .prop_map(|(start, step)| (start, vec![step; 300]));
    let jitter = (any::<i64>(), prop::collection::vec(14_990_i64..15_010, 300));
    let wild = (any::<i64>(), prop::collection::vec(any::<i64>(), 300));
    let times = prop_oneof![regular, jitter, wild];
    let values = prop_oneof![
        prop::collection::vec(value(), 1..300),
        (value(), 1_usize..300).prop_map(|(v, len)| vec![v; len]),
        (0_i64..1000, 0_i64..50, 1_usize..300)
            .prop_map(|(v, d, len)| (0..len as i64).map(|i| (v + i * d) as f64).collect()),
    ];
    (times, values).prop_map(|((start, steps), values)| {
        let mut at = start;
        let mut times = vec![start];
        for step in &steps[..values.len() - 1] {
            at = at.wrapping_add(*step);
            times.push(at);
        }
        (times, values)
    })
}

proptest! {
    #[test]
    fn packed_chunks_are_bit_exact((times, values) in series(), base in any::<i64>()) {
        let mut bytes = Vec::new();
        encode(base, &times, &values, &mut bytes);
        let mut samples = Samples::new();
        decode(base, &bytes, &mut samples).unwrap();
        prop_assert_eq!(samples.timestamps(), &times[..]);
        for (found, value) in samples.values().iter().zip(&values) {
            prop_assert_eq!(found.to_bits(), value.to_bits());
        }
    }

    #[test]
    fn streams_are_bit_exact((times, values) in series()) {
        let mut bytes = Vec::new();
        let mut state = StreamState::default();
        for (&time, value) in times.iter().zip(&values) {
            bytes.extend_from_slice(state.push(time, value.to_bits()).as_bytes());
        }
        let found: Vec<(i64, u64)> = StreamReader::resume(StreamState::default(), &bytes).collect();
        let wanted: Vec<(i64, u64)> =
            times.iter().zip(&values).map(|(&t, v)| (t, v.to_bits())).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), base in any::<i64>()) {
        let mut samples = Samples::new();
        let _outcome = decode(base, &bytes, &mut samples);
        prop_assert!(samples.len() <= SAMPLES_MAX);
        prop_assert!(StreamReader::resume(StreamState::default(), &bytes).count() <= bytes.len());
    }

    #[test]
    fn damaged_chunks_never_panic(
        (times, values) in series(),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        encode(0, &times, &values, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let mut samples = Samples::new();
        let _outcome = decode(0, &bytes, &mut samples);
        bytes.truncate(cut.index(bytes.len()));
        let _outcome = decode(0, &bytes, &mut samples);
    }
}

#[test]
fn ordinary_series_are_small() {
    let check = |values: Vec<f64>, most: usize| {
        let times: Vec<i64> = (0..values.len() as i64).map(|i| i * 15_000).collect();
        let mut bytes = Vec::new();
        encode(0, &times, &values, &mut bytes);
        assert!(bytes.len() <= most, "{} bytes for {} values", bytes.len(), values.len());
    };
    check(vec![5.0; 120], 10);
    check(vec![0.123_456_789; 120], 14);
    check((0..120).map(|i| f64::from(i) * 15.0).collect(), 11);
    check((0..120).map(|i| f64::from(i * i % 97)).collect(), 250);
    check((0..120).map(|i| f64::from(i * i % 97) / 100.0).collect(), 250);
    let mut with_end: Vec<f64> = (0..119).map(f64::from).collect();
    with_end.push(metric::stale_nan());
    check(with_end, 140);
}
