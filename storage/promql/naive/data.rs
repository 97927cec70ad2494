//! Random series: counters that reset, gauges, buckets; with gaps, stale markers, NaN and infinite
//! values.

use metric::{Labels, stale_nan};
use proptest::prelude::*;

use super::eval::{NAME, Set};
use crate::script::store::MemoryStore;

/// One series: its samples by time in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) labels: Set,
    pub(super) samples: Vec<(i64, f64)>,
}

/// The series that there may be.
fn label_sets() -> Vec<Vec<(&'static str, &'static str)>> {
    let mut sets = Vec::new();
    for a in ["1", "2"] {
        for b in ["x", "y"] {
            sets.push(vec![(NAME, "c_total"), ("a", a), ("b", b)]);
            sets.push(vec![(NAME, "g"), ("a", a), ("b", b)]);
        }
        sets.push(vec![(NAME, "k"), ("a", a), ("z", "7")]);
        for le in ["1", "2.5", "4", "+Inf"] {
            sets.push(vec![(NAME, "h_bucket"), ("a", a), ("le", le)]);
        }
    }
    sets.push(vec![(NAME, "g"), ("b", "x")]);
    sets
}

/// How far the next sample is away in milliseconds, what sort it is of, and a number for its value.
type Move = (i64, u32, i32);

/// A move out of bits, of which none are ever set in the simplest one.
fn moved(bits: u32) -> Move {
    let distance_ms = match bits % 32 {
        0..24 => 15_000,
        24..29 => i64::from(1_000 + bits / 32 % 39_000),
        29 | 30 => 45_000,
        _ => 320_000,
    };
    let number = (bits >> 20) as i32 % 17;
    (distance_ms, bits / 32 % 60, if number > 8 { 8 - number } else { number })
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(any::<u32>().prop_map(moved), 0..50)
}

fn samples(name: &str, start_ms: i64, moves: &[Move]) -> Vec<(i64, f64)> {
    let (mut at_ms, mut level) = (start_ms, 0.0_f64);
    let mut samples = Vec::new();
    for (distance_ms, sort, number) in moves {
        let number = f64::from(*number);
        let value = match (sort, name) {
            (59, _) => stale_nan(),
            (58, "g" | "c_total") => f64::NAN,
            (57, "g") => f64::INFINITY,
            (56, "g") => f64::NEG_INFINITY,
            (51..56, "c_total" | "h_bucket") => {
                level = number.abs();
                level
            }
            (_, "c_total" | "h_bucket") => {
                level += number.abs();
                level
            }
            (46..56, _) => number / 4.0,
            _ => number,
        };
        samples.push((at_ms, value));
        at_ms += distance_ms;
    }
    samples
}

/// Series, the first samples of which lie around time 0.
pub(super) fn data() -> impl Strategy<Value = Vec<Stored>> {
    let sets = label_sets();
    let series: Vec<_> = sets
        .into_iter()
        .map(|set| {
            let there = prop::option::weighted(0.9, (moves(), -400_000_i64..100_000));
            there.prop_map(move |there| {
                let (moves, later_ms) = there?;
                let name = set[0].1;
                let labels = set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
                let samples = samples(name, later_ms, &moves);
                Some(Stored { labels, samples })
            })
        })
        .collect();
    series.prop_map(|all| all.into_iter().flatten().collect())
}

/// The same series for the evaluator under test.
pub(super) fn store(data: &[Stored]) -> MemoryStore {
    let mut store = MemoryStore::default();
    for series in data {
        let pairs = series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let labels = Labels::new(pairs).unwrap();
        for (at_ms, value) in &series.samples {
            store.add(&labels, *at_ms, *value);
        }
    }
    store
}
