//! Queries over a store that thinned old samples out, against what the samples said.

use metric::{Aggregate, Labels};
use metric::{Matcher, ReadError, Samples, Select, Selection, SeriesReader, Thinned};

use crate::{QueryOptions, Value, parse, query_instant, query_range};

const MINUTE: i64 = 60_000;
const RESOLUTION: i64 = 5 * MINUTE;
/// Samples up to here were thinned out.
const UNTIL: i64 = 600 * MINUTE;

/// One counter with a sample each quarter of a minute that rises by 2 a second and is reset each
/// 100 minutes.
struct Store;

struct Found(Labels, Samples);

fn raw(at_ms: i64) -> f64 {
    (at_ms.rem_euclid(100 * MINUTE)) as f64 / 500.0
}

impl SeriesReader for Store {
    fn select(
        &self,
        _: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        how: Select,
    ) -> Result<Box<dyn Selection>, ReadError> {
        let mut samples = Samples::new();
        let spans = (from_ms.max(0) / RESOLUTION)..=(to_ms.min(UNTIL) / RESOLUTION);
        for span in spans.map(|span| span * RESOLUTION) {
            let times: Vec<i64> = (1..=20).map(|at| span - RESOLUTION + at * 15_000).collect();
            let values = || times.iter().map(|at| raw(*at));
            let value = match how.aggregate {
                Aggregate::Last => raw(span),
                Aggregate::Min => values().fold(f64::INFINITY, f64::min),
                Aggregate::Max => values().fold(f64::NEG_INFINITY, f64::max),
                Aggregate::Sum => values().sum(),
                Aggregate::Count => 20.0,
                Aggregate::Counter => span as f64 / 500.0,
            };
            if (from_ms..=to_ms).contains(&span) && span > 0 {
                samples.push(span, value);
            }
        }
        let first_ms = (from_ms.max(UNTIL + 1) + 14_999) / 15_000 * 15_000;
        for at in (first_ms..=to_ms).step_by(15_000) {
            let value = match how.aggregate {
                Aggregate::Count => 1.0,
                Aggregate::Counter => at as f64 / 500.0,
                _ => raw(at),
            };
            samples.push(at, value);
        }
        Ok(Box::new(Found(Labels::new([("__name__", "c_total")]).unwrap(), samples)))
    }

    fn thinned(&self, from_ms: i64, _: i64, _: i64) -> Option<Thinned> {
        (from_ms <= UNTIL).then_some(Thinned { resolution_ms: RESOLUTION, until_ms: UNTIL })
    }
}

impl Selection for Found {
    fn len(&self) -> usize {
        1
    }

    fn is_thinned(&self) -> bool {
        true
    }

    fn labels(&self, _: usize) -> &Labels {
        &self.0
    }

    fn read(&self, _: usize, out: &mut Samples) -> Result<(), ReadError> {
        out.clone_from(&self.1);
        Ok(())
    }
}

fn at(query: &str, at_ms: i64) -> Option<f64> {
    let answer =
        query_instant(&Store, &parse(query).unwrap(), at_ms, &QueryOptions::default()).unwrap();
    match answer.value {
        Value::Vector(vector) => vector.first().map(|(_, point)| point.value),
        Value::Scalar(point) => Some(point.value),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(query: &str, at_ms: i64, wanted: f64) {
    let found = at(query, at_ms).unwrap();
    assert!((found - wanted).abs() <= 1e-9 * wanted.abs(), "{query}: {found}, wanted {wanted}");
}

#[test]
fn functions_ask_for_what_they_need() {
    let old = 350 * MINUTE;
    let values: Vec<f64> = (1..=240).map(|at| raw(old - 60 * MINUTE + at * 15_000)).collect();
    let sum: f64 = values.iter().sum();
    check("rate(c_total[1h])", old, 2.0);
    check("increase(c_total[1h])", old, 7200.0);
    check("min_over_time(c_total[1h])", old, values.iter().copied().fold(f64::MAX, f64::min));
    check("max_over_time(c_total[1h])", old, values.iter().copied().fold(f64::MIN, f64::max));
    check("sum_over_time(c_total[1h])", old, sum);
    check("count_over_time(c_total[1h])", old, 240.0);
    check("avg_over_time(c_total[1h])", old, sum / 240.0);
    check("last_over_time(c_total[1h])", old, raw(old));
}

#[test]
fn windows_over_both_kinds_of_samples_are_whole() {
    let both = UNTIL + 30 * MINUTE;
    check("rate(c_total[1h])", both, 2.0);
    check("count_over_time(c_total[1h])", both, 240.0);
    let values: Vec<f64> = (1..=240).map(|at| raw(both - 60 * MINUTE + at * 15_000)).collect();
    check("avg_over_time(c_total[1h])", both, values.iter().sum::<f64>() / 240.0);
}

#[test]
fn windows_that_are_too_short_are_stretched_where_samples_are_thinned_out_alone() {
    let old = 352 * MINUTE;
    check("rate(c_total[1m])", old, 2.0);
    check("increase(c_total[1m])", old, 120.0);
    check("irate(c_total[1m])", old, 2.0);
    check("max_over_time(c_total[1m])", old, raw(350 * MINUTE));
    let young = UNTIL + 30 * MINUTE;
    check("rate(c_total[1m])", young, 2.0);
    check("count_over_time(c_total[1m])", young, 4.0);
    assert_eq!(at("rate(c_total[15s])", young), None, "as ever");
}

#[test]
fn instant_selectors_look_back_as_far_as_samples_lie_apart() {
    let options = QueryOptions { lookback_ms: MINUTE, ..QueryOptions::default() };
    let expr = parse("c_total").unwrap();
    let (from, to) = (UNTIL - 60 * MINUTE, UNTIL + 60 * MINUTE);
    let answer = query_range(&Store, &expr, from, to, MINUTE, &options).unwrap();
    let Value::Matrix(matrix) = &answer.value else { panic!("{answer:?}") };
    let points = &matrix[0].points;
    assert_eq!(points.len(), 121);
    for point in points {
        let at_ms = point.timestamp_ms;
        let seen_ms = if at_ms <= UNTIL { at_ms / RESOLUTION * RESOLUTION } else { at_ms };
        assert_eq!(point.value, raw(seen_ms), "{at_ms}");
    }
    let told = "samples up to 1970-01-01T10:00:00Z were thinned out to one each 300 s";
    assert!(answer.infos.iter().any(|info| info.contains(told)), "{:?}", answer.infos);
}
