//! Tiers: what is left of samples when they are gone.

use std::collections::BTreeMap;

use metric::{Aggregate, Labels, Matcher, Samples, Select, SeriesReader};
use proptest::prelude::*;

use super::{Bed, HOUR, MINUTE, START, append, histogram, store, up};
use crate::{Batch, Series, TierOptions};

/// Partitions of an hour; a fine tier of 5 minutes and a coarse one of 20.
fn bed() -> Bed {
    let mut bed = Bed::new();
    let tier = |resolution_ms, partitions| TierOptions {
        resolution_ms,
        retention_ms: Some(1000 * HOUR),
        partitions,
    };
    bed.options.tiers = vec![tier(20 * MINUTE, 8), tier(5 * MINUTE, 4)];
    bed.options.out_of_order_ms = 10 * HOUR;
    bed
}

/// A counter that moves every half minute and is reset now and then.
fn fill(series: &Series, labels: &Labels, from_ms: i64, to_ms: i64) -> Vec<(i64, f64)> {
    let mut samples = Vec::new();
    let mut value = 0.0;
    for at in (from_ms..to_ms).step_by(30_000) {
        let step = at / 30_000;
        value = if step % 137 == 0 { 1.0 } else { value + (step % 7) as f64 };
        samples.push((at, value));
    }
    let batch: Vec<_> = samples.iter().map(|(at, value)| (labels, *at, *value)).collect();
    assert_eq!(append(series, &batch).rejected, 0);
    samples
}

fn query(
    series: &Series,
    labels: &Labels,
    range: (i64, i64),
    aggregate: Aggregate,
    resolution_ms: i64,
) -> (bool, Vec<(i64, f64)>) {
    let matchers: Vec<Matcher> =
        labels.iter().map(|label| Matcher::equal(label.name, label.value)).collect();
    let how = Select { aggregate, resolution_ms, ..Select::default() };
    let selection = series.select(&matchers, range.0, range.1, how).unwrap();
    assert!(selection.len() <= 1);
    let mut samples = Samples::new();
    if selection.len() == 1 {
        selection.read(0, &mut samples).unwrap();
    }
    let found = samples.iter().map(|sample| (sample.timestamp_ms, sample.value)).collect();
    (selection.is_thinned(), found)
}

fn resolution_ms(series: &Series, from_ms: i64, to_ms: i64, wanted_ms: i64) -> i64 {
    series.thinned(from_ms, to_ms, wanted_ms).map_or(0, |thinned| thinned.resolution_ms)
}

/// The rows that samples should leave; spans end at partitions too.
fn thinned(samples: &[(i64, f64)], step: i64, tell: impl Fn(&[f64]) -> f64) -> Vec<(i64, f64)> {
    let mut spans: BTreeMap<(i64, i64), Vec<(i64, f64)>> = BTreeMap::new();
    for &(at, value) in samples {
        let span = (at + step - 1).div_euclid(step);
        spans.entry((span, at.div_euclid(HOUR))).or_default().push((at, value));
    }
    let row = |span: Vec<(i64, f64)>| {
        let values: Vec<f64> = span.iter().map(|(_, value)| *value).collect();
        (span[span.len() - 1].0, tell(&values))
    };
    spans.into_values().map(row).collect()
}

fn risen(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    let rise = |pair: &[f64]| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] };
    values.windows(2).map(rise).sum()
}

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

#[test]
fn rows_answer_when_samples_are_gone() {
    let bed = bed();
    let series = bed.open();
    let samples = fill(&series, &up(1), START - 6 * HOUR, START);
    series.flush().unwrap();
    series.set_retention_ms(Some(3 * HOUR));
    series.expire().unwrap();
    assert_eq!(bed.partitions().len(), 6, "nothing goes before it is thinned out");
    series.thin().unwrap();
    assert_eq!(query(&series, &up(1), ALL, Aggregate::Max, 0).1, samples, "samples come first");
    assert_eq!(series.expire().unwrap(), 3);
    let cut = samples.partition_point(|(at, _)| *at < START - 3 * HOUR);
    let (gone, kept) = samples.split_at(cut);
    for series in [series, bed.crashed().open()] {
        for (wanted, step) in [(0, 5), (5, 5), (19, 5), (20, 20), (60, 20)] {
            let step = step * MINUTE;
            assert_eq!(resolution_ms(&series, ALL.0, ALL.1, wanted * MINUTE), step);
            let ask = |aggregate| {
                let (is_thinned, found) = query(&series, &up(1), ALL, aggregate, wanted * MINUTE);
                assert!(is_thinned);
                found
            };
            let expect = |tell: &dyn Fn(&[f64]) -> f64, raw: &dyn Fn(f64) -> f64| {
                let mut rows = thinned(gone, step, tell);
                rows.extend(kept.iter().map(|(at, value)| (*at, raw(*value))));
                rows
            };
            let same = |value: f64| value;
            let fold = |values: &[f64], pick: fn(f64, f64) -> f64| {
                values.iter().copied().fold(f64::NAN, pick)
            };
            assert_eq!(ask(Aggregate::Last), expect(&|v| v[v.len() - 1], &same));
            assert_eq!(ask(Aggregate::Min), expect(&|v| fold(v, f64::min), &same));
            assert_eq!(ask(Aggregate::Max), expect(&|v| fold(v, f64::max), &same));
            assert_eq!(ask(Aggregate::Sum), expect(&|v| v.iter().sum(), &same));
            assert_eq!(ask(Aggregate::Count), expect(&|v| v.len() as f64, &|_| 1.0));
            let counter = ask(Aggregate::Counter);
            let first = samples.iter().skip_while(|(at, _)| *at < counter[0].0);
            let wanted = risen(first.map(|(_, value)| *value));
            assert_eq!(risen(counter.iter().map(|(_, value)| *value)), wanted);
        }
        let young = (START - 3 * HOUR, START);
        assert_eq!(resolution_ms(&series, young.0, young.1, HOUR), 0);
        assert_eq!(query(&series, &up(1), young, Aggregate::Last, HOUR), (false, kept.to_vec()));
    }
}

#[test]
fn late_and_deleted_samples_change_their_rows() {
    let bed = bed();
    let series = bed.open();
    let samples = fill(&series, &up(1), START - 3 * HOUR, START);
    fill(&series, &up(2), START - 3 * HOUR, START);
    series.flush().unwrap();
    series.thin().unwrap();
    // A late sample, a deletion of samples, and one of a series.
    let late = START - 2 * HOUR + 7;
    store(&series, &up(1), late, 1e6);
    series.flush().unwrap();
    let span = (START - 3 * HOUR, START - 2 * HOUR - 1);
    series.delete(&[vec![Matcher::equal("instance", "1")]], span.0, span.1).unwrap();
    series.delete(&[vec![Matcher::equal("instance", "2")]], ALL.0, ALL.1).unwrap();
    series.thin().unwrap();
    series.set_retention_ms(Some(0));
    assert_eq!(series.expire().unwrap(), 3);
    let mut left: Vec<_> = samples.into_iter().filter(|(at, _)| *at > span.1).collect();
    left.push((late, 1e6));
    left.sort_by_key(|(at, _)| *at);
    for series in [series, bed.crashed().open()] {
        let wanted = thinned(&left, 5 * MINUTE, |values| values.len() as f64);
        assert_eq!(query(&series, &up(1), ALL, Aggregate::Count, 0).1, wanted);
        assert_eq!(query(&series, &up(2), ALL, Aggregate::Count, 0).1, []);
    }
}

#[test]
fn what_is_deleted_when_only_rows_are_left_is_gone() {
    let bed = bed();
    let series = bed.open();
    let samples = fill(&series, &up(1), START - 2 * HOUR, START);
    series.flush().unwrap();
    series.thin().unwrap();
    series.set_retention_ms(Some(0));
    assert_eq!(series.expire().unwrap(), 2);
    series.delete(&[vec![]], START - 2 * HOUR, START - HOUR - 1).unwrap();
    let left: Vec<_> = samples.into_iter().filter(|(at, _)| *at >= START - HOUR).collect();
    let wanted = thinned(&left, 5 * MINUTE, |values| values.len() as f64);
    let count = |series: &Series| query(series, &up(1), ALL, Aggregate::Count, 0).1;
    assert_eq!(count(&series), wanted);
    series.clean().unwrap();
    assert_eq!(count(&series), wanted);
    assert_eq!(count(&bed.crashed().open()), wanted);
    assert!(!series.engine().tiers.iter().any(|tier| {
        tier.partitions.list().iter().any(|home| home.summary().unwrap().tombstones)
    }));
}

#[test]
fn samples_that_come_when_only_rows_are_left_hide_rows_of_their_series_alone() {
    let bed = bed();
    let series = bed.open();
    for instance in 1..=2 {
        fill(&series, &up(instance), START - 2 * HOUR, START);
    }
    series.flush().unwrap();
    series.thin().unwrap();
    series.set_retention_ms(Some(0));
    assert_eq!(series.expire().unwrap(), 2);
    series.set_retention_ms(None);
    let late = START - 2 * HOUR + 3;
    store(&series, &up(2), late, 5.0);
    series.flush().unwrap();
    for _ in 0..2 {
        let (_, rows) = query(&series, &up(1), ALL, Aggregate::Last, 0);
        assert_eq!(rows.len(), 2 * 13, "two hours of twelve spans and one instant each");
        let (_, rows) = query(&series, &up(2), (late, START - HOUR - 1), Aggregate::Last, 0);
        assert_eq!(rows, [(late, 5.0)]);
        // Thinned out again, the rows of the other series stay.
        series.thin().unwrap();
    }
}

#[test]
fn histograms_leave_the_last_of_each_span() {
    let bed = bed();
    let series = bed.open();
    let labels = up(1);
    let mut batch = Batch::new();
    for number in 0..60_u32 {
        let at = START - HOUR + i64::from(number) * MINUTE;
        batch.push_histogram(labels.encoded(), at, std::sync::Arc::new(histogram(number)));
    }
    series.append(&batch).unwrap();
    series.flush().unwrap();
    series.thin().unwrap();
    series.set_retention_ms(Some(0));
    assert_eq!(series.expire().unwrap(), 1);
    let selection = series.select(&[], ALL.0, ALL.1, Select::default()).unwrap();
    let mut samples = Samples::new();
    selection.read(0, &mut samples).unwrap();
    let numbers: Vec<u32> =
        samples.histograms().iter().map(|(_, found)| (found.count / 5.0) as u32).collect();
    assert_eq!(numbers, [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 59]);
}

#[test]
fn rows_end_with_their_own_retention() {
    let bed = bed();
    let series = bed.open();
    fill(&series, &up(1), START - 20 * HOUR, START);
    series.flush().unwrap();
    series.thin().unwrap();
    series.set_retention_ms(Some(0));
    series.expire().unwrap();
    series.set_tier_retention_ms(5 * MINUTE, Some(4 * HOUR));
    series.expire().unwrap();
    assert_eq!(resolution_ms(&series, START - 2 * HOUR, START, 0), 5 * MINUTE);
    assert_eq!(resolution_ms(&series, START - 20 * HOUR, START - 10 * HOUR, 0), 20 * MINUTE);
    series.set_tier_retention_ms(20 * MINUTE, Some(0));
    series.expire().unwrap();
    assert_eq!(resolution_ms(&series, START - 20 * HOUR, START - 10 * HOUR, 0), 0);
    assert!(query(&series, &up(1), ALL, Aggregate::Last, 0).1[0].0 >= START - 4 * HOUR);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    /// Whatever happens in between, the rows are those of the samples that were there last.
    #[test]
    fn rows_are_those_of_the_samples(
        steps in prop::collection::vec((0_u8..6, -240_i64..0, 1_i64..90), 1..14),
    ) {
        let mut bed = bed();
        let mut series = bed.open();
        let mut model: BTreeMap<i64, f64> = BTreeMap::new();
        for (kind, minute, len) in steps {
            let (from_ms, to_ms) = (START + minute * MINUTE, START + (minute + len).min(0) * MINUTE);
            match kind {
                0..=1 => {
                    for at in (from_ms..=to_ms).step_by(45_000) {
                        let value = (at % 1000) as f64;
                        if append(&series, &[(&up(1), at, value)]).accepted == 1 {
                            model.entry(at).or_insert(value);
                        }
                    }
                }
                2 => series.flush().unwrap(),
                3 => series.thin().unwrap(),
                4 => {
                    series.delete(&[vec![]], from_ms, to_ms).unwrap();
                    model.retain(|at, _| !(from_ms..=to_ms).contains(at));
                }
                _ => {
                    bed = bed.crashed();
                    series = bed.open();
                }
            }
        }
        series.flush().unwrap();
        // The last partition is not over yet; it is never thinned out.
        series.thin().unwrap();
        series.set_retention_ms(Some(0));
        series.expire().unwrap();
        let samples: Vec<(i64, f64)> =
            model.into_iter().filter(|(at, _)| *at < START).collect();
        let wanted = thinned(&samples, 5 * MINUTE, |values| values.iter().sum());
        let (_, found) = query(&series, &up(1), (i64::MIN, START - 1), Aggregate::Sum, 0);
        prop_assert_eq!(found, wanted);
    }
}
