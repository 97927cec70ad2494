//! Queries over histograms and numbers: what a range gives at a step is what an instant gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{Buckets, CUSTOM_BUCKETS, Histogram, Labels, METRIC_NAME, ResetHint};
use proptest::prelude::*;

use crate::script::store::MemoryStore;
use crate::{Answer, Limits, QueryOptions, Value, parse, query_instant, query_range};

/// The histogram of a series at a time: counters that reset now and then, of several
/// resolutions, gauges, and custom buckets whose bounds change.
fn histogram(series: i64, at: i64) -> Histogram {
    let count = f64::from(((at + series * 3) % 7 + 1) as i32);
    let counts = vec![count, 2.0 * count, count];
    let positive = Buckets::dense((series % 3) as i32, counts).unwrap();
    let mut histogram = Histogram { positive, count: 4.0 * count, ..Histogram::default() };
    histogram.sum = histogram.count * 1.5;
    match series % 4 {
        0 => histogram.schema = if at < 6 { 2 } else { 1 },
        1 => histogram.reset_hint = ResetHint::Gauge,
        2 => {
            histogram.schema = CUSTOM_BUCKETS;
            histogram.custom_values =
                Arc::from(if at < 8 { [1.0, 2.0, 4.0, 8.0] } else { [1.0, 2.0, 5.0, 9.0] });
            histogram.positive = Buckets::dense(0, histogram.positive.counts().to_vec()).unwrap();
        }
        _ => {
            histogram.zero_count = 1.0;
            histogram.zero_threshold = if at < 5 { 0.001 } else { 1.0 };
            histogram.count += 1.0;
        }
    }
    histogram
}

fn store() -> MemoryStore {
    let mut store = MemoryStore::default();
    for i in 0..8_i64 {
        let (name, text) = (if i < 5 { "h" } else { "m" }, i.to_string());
        let labels = Labels::new([(METRIC_NAME, name), ("i", text.as_str())]).unwrap();
        for at in 0..16 {
            // The last of each name is a mix of both.
            if name == "m" && (i > 5 || at % 3 > 0) || i == 4 && at % 4 == 0 {
                store.add(&labels, at * 10_000, at as f64);
            } else {
                store.add_histogram(&labels, at * 10_000, histogram(i, at));
            }
        }
    }
    store
}

fn expressions() -> impl Strategy<Value = String> {
    let function = prop_oneof![
        Just("rate"),
        Just("increase"),
        Just("delta"),
        Just("irate"),
        Just("idelta"),
        Just("resets"),
        Just("changes"),
        Just("sum_over_time"),
        Just("avg_over_time"),
        Just("max_over_time"),
        Just("last_over_time"),
        Just("count_over_time"),
        Just("ts_of_first_over_time"),
    ];
    let leaf = prop_oneof![
        Just("h".to_owned()),
        Just("m".to_owned()),
        Just("h{i=\"0\"} offset 15s".to_owned()),
        Just("h{i=~\"[13]\"} smoothed".to_owned()),
        (function, 15_u32..70).prop_map(|(name, range)| format!("{name}(h[{range}s])")),
        Just("rate(h{i!=\"4\"}[45s] anchored)".to_owned()),
        Just("increase(m[35s])".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| format!("sum by (i) ({e})")),
            inner.clone().prop_map(|e| format!("avg({e})")),
            inner.clone().prop_map(|e| format!("histogram_count({e})")),
            inner.clone().prop_map(|e| format!("histogram_quantile(0.7, {e})")),
            inner.clone().prop_map(|e| format!("histogram_fraction(0.5, 3, {e})")),
            inner.clone().prop_map(|e| format!("sum_over_time(({e})[50s:20s])")),
            inner.clone().prop_map(|e| format!("limitk(2, {e})")),
            inner.clone().prop_map(|e| format!("count_values(\"v\", {e})")),
            inner.clone().prop_map(|e| format!("-({e}) * 2")),
            inner.clone().prop_map(|e| format!("({e}) </ 2")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) - on (i) ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) == on (i) ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) or ({b})")),
        ]
    })
}

/// The values of an answer by labels and time, as text that shows every bit.
fn values(answer: &Answer) -> BTreeMap<(Labels, i64), String> {
    let number = |value: f64| if value.is_nan() { "NaN".to_owned() } else { format!("{value:?}") };
    let mut values = BTreeMap::new();
    match &answer.value {
        Value::Vector(vector) => values.extend(vector.iter().map(|(labels, point)| {
            let text = match &point.histogram {
                Some(histogram) => format!("{histogram:?}"),
                None => number(point.value),
            };
            ((labels.clone(), point.timestamp_ms), text)
        })),
        Value::Matrix(matrix) => {
            for series in matrix {
                let key = |at: i64| (series.labels.clone(), at);
                values.extend(series.points.iter().map(|p| (key(p.timestamp_ms), number(p.value))));
                let histograms = series.histograms.iter();
                values.extend(
                    histograms.map(|p| (key(p.timestamp_ms), format!("{:?}", p.histogram))),
                );
            }
        }
        Value::Scalar(_) | Value::String { .. } => {}
    }
    values
}

#[test]
fn histograms_count_for_what_they_hold() {
    let limits = Limits { samples_max: 100, ..Limits::default() };
    let options = QueryOptions { limits, ..QueryOptions::default() };
    let expr = parse("h{i=\"0\"}").unwrap();
    let error = query_range(&store(), &expr, 0, 20_000, 10_000, &options).unwrap_err();
    assert!(error.to_string().contains("samples_max"), "{error}");
}

#[test]
fn extreme_times_are_no_panic() {
    let (store, options) = (store(), QueryOptions::default());
    for query in [
        "h smoothed",
        "rate(h[5m] anchored)",
        "increase(m[5m] smoothed offset -1y)",
        "h[1h] offset 1y",
        "m[1h] smoothed",
        "histogram_count(sum_over_time(h[1h:1m] @ 0))",
        "info(h)",
    ] {
        let expr = parse(query).unwrap();
        for at_ms in [i64::MIN, i64::MAX, 0, -1] {
            // Some of it is an error, which is as good.
            drop(query_instant(&store, &expr, at_ms, &options));
        }
    }
}

proptest! {
    #[test]
    fn ranges_agree_with_instants(query in expressions(), start_s in 0_i64..60) {
        let (store, options) = (store(), QueryOptions::default());
        let expr = parse(&query).unwrap();
        let (start_ms, step_ms) = (start_s * 1000, 25_000);
        let end_ms = start_ms + 4 * step_ms;
        let Ok(range) = query_range(&store, &expr, start_ms, end_ms, step_ms, &options) else {
            return Ok(());
        };
        let mut wanted = BTreeMap::new();
        for step in 0..=4 {
            let at_ms = start_ms + step * step_ms;
            let answer = query_instant(&store, &expr, at_ms, &options);
            wanted.extend(values(&answer.map_err(|e| TestCaseError::fail(e.to_string()))?));
        }
        prop_assert_eq!(values(&range), wanted, "{}", query);
    }
}
