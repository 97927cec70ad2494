//! Rows against what they are defined to be, on random samples.

use std::collections::BTreeMap;

use metric::{Aggregate, Sample, Samples, is_stale, stale_nan};
use proptest::prelude::*;

use super::thin::{COLUMNS, Column, Rows, rise, span_end_ms};
use super::{Parts, join};

const STEP: i64 = 100;

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (0_u8..50).prop_map(f64::from),
        1 => Just(stale_nan()),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ]
}

/// Samples at ascending times.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::btree_map(-1000_i64..1000, value(), 0..60).prop_map(|map| {
        map.into_iter().map(|(timestamp_ms, value)| Sample { timestamp_ms, value }).collect()
    })
}

fn rows(samples: &[Sample]) -> Rows {
    let mut rows = Rows::default();
    rows.add(STEP, None, &samples.iter().copied().collect());
    rows
}

fn column(rows: &Rows, column: Column) -> BTreeMap<i64, u64> {
    let column = &rows.columns[column as usize];
    column.iter().map(|row| (row.timestamp_ms, row.value.to_bits())).collect()
}

/// The spans of samples, each with the time of its last one.
fn spans(samples: &[Sample]) -> BTreeMap<i64, Vec<Sample>> {
    let mut spans: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    for sample in samples {
        let end = (sample.timestamp_ms as f64 / STEP as f64).ceil() as i64;
        spans.entry(end).or_default().push(*sample);
    }
    spans.into_values().map(|span| (span[span.len() - 1].timestamp_ms, span)).collect()
}

proptest! {
    #[test]
    fn a_row_tells_of_its_span(samples in samples()) {
        let rows = rows(&samples);
        let expect = |tell: &dyn Fn(&[f64]) -> f64| -> BTreeMap<i64, u64> {
            let spans = spans(&samples).into_iter().filter_map(|(at, span)| {
                let values: Vec<f64> =
                    span.iter().map(|s| s.value).filter(|v| !is_stale(*v)).collect();
                (!values.is_empty()).then(|| (at, tell(&values).to_bits()))
            });
            spans.collect()
        };
        let fold = |values: &[f64], pick: fn(f64, f64) -> f64| {
            values.iter().copied().fold(f64::NAN, pick)
        };
        let last: BTreeMap<i64, u64> =
            samples.iter().map(|s| (s.timestamp_ms, s.value.to_bits())).collect();
        for (at, bits) in column(&rows, Column::Last) {
            prop_assert_eq!(last.get(&at), Some(&bits));
        }
        prop_assert_eq!(rows.columns[0].len(), spans(&samples).len());
        prop_assert_eq!(column(&rows, Column::Min), expect(&|values| fold(values, f64::min)));
        prop_assert_eq!(column(&rows, Column::Max), expect(&|values| fold(values, f64::max)));
        prop_assert_eq!(column(&rows, Column::Count), expect(&|values| values.len() as f64));
        let sums = expect(&|values| values.iter().fold(0.0, |sum, value| sum + value));
        prop_assert_eq!(column(&rows, Column::Sum), sums);
    }

    #[test]
    fn a_counter_rises_as_much_in_rows_as_in_samples(
        samples in samples(),
        cut in 0_usize..60,
    ) {
        let numbers: Vec<Sample> = samples.into_iter().filter(|s| s.value.is_finite()).collect();
        let (thinned, raw) = numbers.split_at(cut.min(numbers.len()));
        let made = rows(thinned);
        let parts = Parts {
            rows: made.columns[Column::Last as usize].iter().copied().collect(),
            rises: made.columns[Column::Rise as usize].iter().copied().collect(),
            raw: raw.iter().copied().collect(),
        };
        let mut joined = Samples::new();
        join(Aggregate::Counter, &parts, &mut joined);
        let risen = |values: &[f64]| -> f64 {
            values.windows(2).map(|pair| rise(pair[0], pair[1])).sum()
        };
        // The first row hides what rose before its end.
        let first_ms = joined.timestamps().first().copied().unwrap_or(i64::MAX);
        let from = numbers.partition_point(|s| s.timestamp_ms < first_ms);
        let wanted: Vec<f64> = numbers[from..].iter().map(|s| s.value).collect();
        prop_assert_eq!(risen(joined.values()), risen(&wanted));
    }

    #[test]
    fn rows_in_pieces_are_rows_of_the_whole(samples in samples(), cut in -10_i64..10) {
        // Pieces that meet between spans.
        let cut_ms = cut * STEP;
        let place = samples.partition_point(|s| s.timestamp_ms <= cut_ms);
        let mut pieces = Rows::default();
        let (first, second) = samples.split_at(place);
        pieces.add(STEP, None, &first.iter().copied().collect());
        let before = first.iter().rev().find(|s| !is_stale(s.value)).copied();
        pieces.add(STEP, before, &second.iter().copied().collect());
        let whole = rows(&samples);
        for at in 0..COLUMNS {
            prop_assert_eq!(&pieces.columns[at], &whole.columns[at]);
        }
    }
}

#[test]
fn spans_are_open_on_the_left() {
    for (at, end) in [(0, 0), (1, 100), (100, 100), (101, 200), (-1, 0), (-100, -100)] {
        assert_eq!(span_end_ms(at, STEP), end);
    }
}
