//! Limits of metrics and sources, and who has how many series.

use metric::Labels;

use super::{Bed, MINUTE, START, store};
use crate::{Appended, Batch, By, Group, Order, RejectReason, Series, SeriesLimits};

const FREE: SeriesLimits =
    SeriesLimits { all: usize::MAX, per_metric: usize::MAX, per_source: usize::MAX };

fn of(metric: &str, n: u32) -> Labels {
    super::set(&[("__name__", metric), ("n", &n.to_string())])
}

fn send(series: &Series, source: &str, samples: &[(Labels, i64)]) -> Appended {
    let mut batch = Batch::new().from_source(source);
    for (labels, at) in samples {
        batch.push(labels.encoded(), *at, 1.0);
    }
    series.append(&batch).unwrap()
}

/// New series of a metric by a source.
fn bring(
    series: &Series,
    source: &str,
    metric: &str,
    numbers: std::ops::Range<u32>,
    at: i64,
) -> Appended {
    let samples: Vec<_> = numbers.map(|n| (of(metric, n), at)).collect();
    send(series, source, &samples)
}

fn groups(series: &Series, by: By, order: Order) -> Vec<(String, u64, u64)> {
    let census = series.census(by, order, 100);
    assert_eq!(census.total, census.groups.len() as u64);
    let triple = |group: Group| {
        let value = group.value.map(|value| format!("={value}")).unwrap_or_default();
        (group.name + &value, group.series, group.created)
    };
    census.groups.into_iter().map(triple).collect()
}

fn wanted(list: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
    list.iter().map(|&(name, series, created)| (name.to_owned(), series, created)).collect()
}

#[test]
fn a_metric_beyond_its_limit_gets_no_new_series_and_others_do() {
    let mut bed = Bed::new();
    bed.options.series = SeriesLimits { per_metric: 3, ..FREE };
    let series = bed.open();
    let outcome = bring(&series, "a", "big", 0..5, START);
    assert_eq!((outcome.accepted, outcome.rejected), (3, 2));
    assert_eq!(outcome.rejected_by_code, [("too_many_series_of_metric", 2)]);
    let reason = RejectReason::TooManySeriesOfMetric { metric: "big".into(), max: 3 };
    assert_eq!(outcome.rejections[0].reason, reason);
    assert!(reason.to_string().contains("\"big\": 3"), "{reason}");
    assert_eq!(bring(&series, "a", "small", 0..3, START).accepted, 3);
    assert_eq!(bring(&series, "b", "big", 0..5, START + 1).accepted, 3, "known ones go on");
    series.set_series_limits(FREE);
    assert_eq!(bring(&series, "b", "big", 0..5, START + 2).accepted, 5);
}

#[test]
fn a_source_beyond_its_limit_gets_no_new_series_and_others_do() {
    let mut bed = Bed::new();
    bed.options.series = SeriesLimits { per_source: 3, ..FREE };
    let series = bed.open();
    let outcome = bring(&series, "token:loud", "m", 0..5, START);
    assert_eq!((outcome.accepted, outcome.rejected), (3, 2));
    assert_eq!(outcome.rejected_by_code, [("too_many_series_of_source", 2)]);
    assert!(outcome.rejections[0].reason.to_string().contains("\"token:loud\": 3"));
    assert_eq!(bring(&series, "token:calm", "m", 10..13, START).accepted, 3);
    assert_eq!(bring(&series, "token:loud", "m", 0..3, START + 1).accepted, 3);
    assert_eq!(bring(&series, "", "m", 20..30, START).accepted, 10, "without a name, no limit");
    // Its series stand idle and go: there is room again.
    series.flush().unwrap();
    series.engine().evict(0);
    assert_eq!(groups(&series, By::Source, Order::Series), []);
    assert_eq!(bring(&series, "token:loud", "m", 5..9, START + 2).accepted, 3);
}

#[test]
fn who_sends_a_series_now_is_its_source() {
    let bed = Bed::new();
    let series = bed.open();
    bring(&series, "a", "m", 0..4, START);
    bring(&series, "b", "m", 0..2, START + 1);
    assert_eq!(groups(&series, By::Source, Order::Series), wanted(&[("a", 4, 4)]));
    series.flush().unwrap();
    bring(&series, "b", "m", 0..3, START + 2);
    let now = wanted(&[("b", 3, 3), ("a", 1, 1)]);
    assert_eq!(groups(&series, By::Source, Order::Series), now);
    // After a crash nobody is known until the next sample comes.
    let bed = bed.crashed();
    let series = bed.open();
    assert_eq!(groups(&series, By::Source, Order::Series), wanted(&[("", 3, 0)]));
    bring(&series, "c", "m", 0..2, START + 3);
    let now = wanted(&[("c", 2, 0), ("", 1, 0)]);
    assert_eq!(groups(&series, By::Source, Order::Series), now);
    series.flush().unwrap();
    series.engine().evict(0);
    assert_eq!(groups(&series, By::Source, Order::Series), []);
}

#[test]
fn sources_beyond_their_number_are_one() {
    let mut bed = Bed::new();
    bed.options.series = SeriesLimits { per_source: 3, ..FREE };
    let series = bed.open();
    for source in 0..6 {
        bring(&series, &source.to_string(), "m", source * 10..source * 10 + 1, START);
    }
    let list = wanted(&[("other", 2, 2), ("0", 1, 1), ("1", 1, 1), ("2", 1, 1), ("3", 1, 1)]);
    assert_eq!(groups(&series, By::Source, Order::Series), list);
    assert_eq!(bring(&series, "7", "m", 100..110, START).accepted, 1, "limited as one");
    // A source whose last series has gone leaves its place to another.
    series.flush().unwrap();
    series.engine().evict(0);
    bring(&series, "8", "m", 0..1, START + 1);
    assert_eq!(groups(&series, By::Source, Order::Series), wanted(&[("8", 1, 1)]));
    // One that stores nothing takes no place.
    for source in 20..40 {
        send(&series, &source.to_string(), &[(of("m", 0), i64::MAX)]);
        bring(&series, &source.to_string(), "m", 0..1, START + 2);
    }
    bring(&series, "9", "m", 1..2, START + 1);
    assert_eq!(groups(&series, By::Source, Order::Series).len(), 2);
    // A long name is cut between letters.
    bring(&series, &"é".repeat(300), "m", 2..3, START + 1);
    let longest = groups(&series, By::Source, Order::Series);
    assert!(longest.iter().any(|(name, ..)| *name == "é".repeat(100)), "{longest:?}");
}

#[test]
fn the_largest_are_listed_by_series_by_churn_and_by_values() {
    let bed = Bed::new();
    let series = bed.open();
    bring(&series, "old", "stays", 0..6, START);
    series.engine().head_mut().set_tick(30);
    bring(&series, "new", "young", 0..4, START);
    store(&series, &super::set(&[("__name__", "stays"), ("only", "x")]), START, 1.0);
    let check = |by, order, list: &[(&str, u64, u64)]| {
        assert_eq!(groups(&series, by, order), wanted(list), "{by:?} {order:?}");
    };
    check(By::Metric, Order::Series, &[("stays", 7, 7), ("young", 4, 4)]);
    series.engine().head_mut().set_tick(66);
    check(By::Metric, Order::Series, &[("stays", 7, 1), ("young", 4, 4)]);
    check(By::Metric, Order::Churn, &[("young", 4, 4), ("stays", 7, 1)]);
    check(By::Label, Order::Series, &[("__name__", 11, 5), ("n", 10, 4), ("only", 1, 1)]);
    check(By::Label, Order::Values, &[("n", 10, 4), ("__name__", 11, 5), ("only", 1, 1)]);
    check(By::Source, Order::Churn, &[("new", 4, 4), ("", 1, 1), ("old", 6, 0)]);
    let two = series.census(By::Value, Order::Series, 2);
    assert_eq!((two.series, two.created, two.total), (11, 5, 9));
    assert_eq!(two.groups[1].name, "__name__");
    assert_eq!(two.groups[1].value.as_deref(), Some("young"));
    let labels = series.census(By::Label, Order::Series, 3);
    let values: Vec<_> = labels.groups.iter().map(|group| group.values.unwrap()).collect();
    assert_eq!(values, [2, 6, 1]);
    assert_eq!(series.census(By::Metric, Order::Series, 0).groups, []);
    series.engine().head_mut().set_tick(200);
    assert_eq!(series.census(By::Metric, Order::Churn, 1).created, 0);
    // Young ones that go are no longer counted, whoever has their slots.
    bring(&series, "new", "gone", 0..3, START);
    series.flush().unwrap();
    series.engine().evict(0);
    assert_eq!(series.census(By::Metric, Order::Churn, 1).created, 0);
    bed.set_now(START + MINUTE);
}
