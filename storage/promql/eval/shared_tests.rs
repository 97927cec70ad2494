//! Equal parts are evaluated once, and nobody can tell but by the reader.

use std::sync::atomic::{AtomicUsize, Ordering};

use metric::{Labels, METRIC_NAME, Matcher, ReadError, Samples, Select, Selection, SeriesReader};
use proptest::prelude::*;

use crate::script::store::MemoryStore;
use crate::{Answer, QueryOptions, parse, query_range};

/// Counts selections and series read.
#[derive(Default)]
struct Counting {
    store: MemoryStore,
    selections: AtomicUsize,
    reads: std::sync::Arc<AtomicUsize>,
}

struct CountingSelection(Box<dyn Selection>, std::sync::Arc<AtomicUsize>);

impl SeriesReader for Counting {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        how: Select,
    ) -> Result<Box<dyn Selection>, ReadError> {
        self.selections.fetch_add(1, Ordering::Relaxed);
        let found = self.store.select(matchers, from_ms, to_ms, how)?;
        Ok(Box::new(CountingSelection(found, std::sync::Arc::clone(&self.reads))))
    }
}

impl Selection for CountingSelection {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        self.0.labels(i)
    }

    fn read(&self, i: usize, out: &mut Samples) -> Result<(), ReadError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read(i, out)
    }
}

/// Four series of `x`.
fn counting() -> Counting {
    let mut counting = Counting::default();
    for i in 0..4_i32 {
        let text = i.to_string();
        let labels = Labels::new([(METRIC_NAME, "x"), ("i", text.as_str())]).unwrap();
        for t in 0..60 {
            counting.store.add(&labels, t * 10_000, f64::from(t as i32 * (i + 1) % 37));
        }
    }
    counting
}

fn evaluate(reader: &Counting, query: &str) -> Answer {
    let expr = parse(query).unwrap();
    query_range(reader, &expr, 100_000, 500_000, 20_000, &QueryOptions::default()).unwrap()
}

#[test]
fn equal_parts_are_read_once() {
    for (query, selections, reads) in [
        ("sum(rate(x[5m])) / on () group_right () rate(x[5m])", 1, 4),
        ("x + x", 1, 4),
        ("x - x offset 1m", 2, 8),
        ("x + (x)", 1, 4),
        ("x + x + x + (x * x)", 1, 4),
        // What is around tells: the windows are those of other functions.
        ("rate(x[1m]) + increase( x[60s] )", 1, 8),
        ("rate(x[1m]) + rate(x[2m])", 2, 8),
        ("x{i=\"1\", i!=\"2\"} + x{i!=\"2\", i=\"1\"}", 1, 1),
        // Other steps.
        ("x + sum_over_time(x[1m:10s])", 2, 8),
        ("sum_over_time(x[1m:10s]) + max_over_time(x[1m:10s])", 1, 4),
        ("sum_over_time(x[1m:10s]) + max_over_time(x[2m:10s])", 2, 8),
        ("sum(x @ 100) + sum(x @ 100)", 1, 4),
        ("timestamp(x) + x", 2, 8),
        ("x + x - timestamp(x)", 2, 8),
    ] {
        let reader = counting();
        evaluate(&reader, query);
        let found = (reader.selections.into_inner(), reader.reads.load(Ordering::Relaxed));
        assert_eq!(found, (selections, reads), "{query}");
    }
}

/// What is kept is forgotten with its last use, and goes when its room is needed.
#[test]
fn kept_results_take_no_room_that_is_wanted() {
    let reader = counting();
    let expr = parse("sum(x) + sum(abs(x)) + sum(-x) + sum(x)").unwrap();
    let run = |samples_max| {
        let mut options = QueryOptions::default();
        options.limits.samples_max = samples_max;
        query_range(&reader, &expr, 0, 590_000, 10_000, &options)
    };
    let roomy = run(1_000_000).unwrap();
    let mut least = 1;
    while run(least).is_err() {
        least += 1;
    }
    // With less room than both take there is still an answer, and the same.
    assert!(least < roomy.stats.samples_peak, "{least} of {}", roomy.stats.samples_peak);
    assert_eq!(run(least).unwrap().value, roomy.value);
}

#[test]
fn notes_stand_at_each_place() {
    let answer = evaluate(&counting(), "rate(x[1m]) + on (i) (rate( x[1m]))");
    let places: Vec<&str> =
        answer.infos.iter().filter_map(|note| Some(note.rsplit_once('(')?.1)).collect();
    assert_eq!(places, ["1:29)", "1:6)"], "{:?}", answer.infos);
}

fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x"),
        Just("rate(x[1m])"),
        Just("x{i=\"2\"} @ 300"),
        Just("histogram_quantile(7, x)"),
        Just("quantile_over_time(3, x[1m])"),
        Just("histogram_quantile(0.5, label_replace(x, \"le\", \"$1\", \"i\", \"(.*)\"))"),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| format!("sum by (i) ({e})")),
            inner.clone().prop_map(|e| format!("abs( {e})")),
            inner.clone().prop_map(|e| format!("quantile(1.5, {e})")),
            inner.clone().prop_map(|e| format!("increase(({e})[40s:20s])")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) * on (i) ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) or ({b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// An expression twice gives what it gives at either place, notes included.
    #[test]
    fn sharing_shows_in_nothing(part in expressions()) {
        let reader = counting();
        let blank = format!("x{{i=\"9\"}}{}", " ".repeat(part.len()));
        let blank = &blank[..part.len().max(8)];
        let part = format!("{part:8}");
        let query = |a: &str, b: &str| parse(&format!("({a}) or ({b})")).unwrap();
        let run = |expr| query_range(&reader, &expr, 100_000, 500_000, 20_000,
            &QueryOptions::default());
        let (Ok(both), Ok(left), Ok(right)) =
            (run(query(&part, &part)), run(query(&part, blank)), run(query(blank, &part)))
        else {
            return Ok(());
        };
        prop_assert_eq!(format!("{:?}", both.value), format!("{:?}", left.value));
        for (all, some, others) in [
            (both.infos, left.infos, right.infos),
            (both.warnings, left.warnings, right.warnings),
        ] {
            let mut wanted: Vec<String> = some.into_iter().chain(others).collect();
            wanted.sort();
            wanted.dedup();
            prop_assert_eq!(all, wanted);
        }
    }
}
