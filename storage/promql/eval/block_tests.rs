//! Threads change nothing but the time.

use metric::{Labels, METRIC_NAME, Matcher, ReadError, Samples, Select, Selection, SeriesReader};

use crate::{Answer, Cancel, EvalError, QueryOptions, parse, query_range};

const SERIES: usize = 3_000;
const SAMPLES: i64 = 240;

/// Many series, made as they are read; something may happen at one of them.
struct Made {
    labels: Vec<Labels>,
    at: usize,
    event: Event,
}

#[derive(Clone)]
enum Event {
    Nothing,
    Damage,
    Panic,
    Cancel(Cancel),
}

impl Made {
    fn new(at: usize, event: Event) -> Self {
        let label = |i: usize| {
            let (host, zone) = (format!("h{i}"), format!("z{}", i % 7));
            let pairs = [(METRIC_NAME, "x"), ("host", host.as_str()), ("zone", zone.as_str())];
            Labels::new(pairs).unwrap()
        };
        Self { labels: (0..SERIES).map(label).collect(), at, event }
    }
}

struct MadeSelection(Made);

impl SeriesReader for Made {
    fn select(
        &self,
        _: &[Matcher],
        _: i64,
        _: i64,
        _: Select,
    ) -> Result<Box<dyn Selection>, ReadError> {
        let (labels, event) = (self.labels.clone(), self.event.clone());
        Ok(Box::new(MadeSelection(Self { labels, at: self.at, event })))
    }
}

impl Selection for MadeSelection {
    fn len(&self) -> usize {
        self.0.labels.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        &self.0.labels[i]
    }

    fn read(&self, i: usize, out: &mut Samples) -> Result<(), ReadError> {
        match &self.0.event {
            Event::Damage if i == self.0.at || i == self.0.at + 500 => {
                let file = i.to_string();
                return Err(ReadError::Corrupt { file, detail: "made so".to_owned() });
            }
            Event::Panic if i == self.0.at => panic!("made so"),
            Event::Cancel(cancel) if i == self.0.at => cancel.cancel(),
            _ => {}
        }
        out.clear();
        for t in 0..SAMPLES {
            let value = (t * (i as i64 % 97 + 1)) % 1009;
            out.push(t * 15_000, value as f64 + 0.1);
        }
        Ok(())
    }
}

fn run(reader: &Made, query: &str, options: &QueryOptions) -> Result<Answer, EvalError> {
    let expr = parse(query).unwrap();
    query_range(reader, &expr, 600_000, 3_600_000, 30_000, options)
}

fn threads(threads_max: usize) -> QueryOptions {
    QueryOptions { threads_max, ..QueryOptions::default() }
}

#[test]
fn answers_are_the_same_with_any_number_of_threads() {
    let reader = Made::new(0, Event::Nothing);
    for query in [
        "sum by (zone) (rate(x[5m]))",
        "stddev(x)",
        "topk(5, increase(x[2m]))",
        "max_over_time(x[5m:1m]) > 1000",
        "x smoothed",
        "label_replace(avg_over_time(x[3m]), \"a\", \"$1\", \"host\", \"(.*)7\") / 3",
        "quantile_over_time(7, x[1m])",
    ] {
        let alone = run(&reader, query, &threads(1)).unwrap();
        for count in [2, 5] {
            let divided = run(&reader, query, &threads(count)).unwrap();
            assert_eq!(format!("{:?}", divided.value), format!("{:?}", alone.value), "{query}");
            assert_eq!(divided.warnings, alone.warnings, "{query}");
            assert_eq!(divided.infos, alone.infos, "{query}");
            assert_eq!(divided.stats.samples, alone.stats.samples, "{query}");
        }
    }
}

/// The error is that of the first series at fault.
#[test]
fn errors_are_the_same_with_any_number_of_threads() {
    let reader = Made::new(1_700, Event::Damage);
    for count in [1, 2, 5] {
        let error = run(&reader, "sum(rate(x[5m]))", &threads(count)).unwrap_err();
        assert_eq!(error.to_string(), "damaged data in 1700: made so");
    }
}

#[test]
fn limits_hold_in_threads() {
    let reader = Made::new(0, Event::Nothing);
    for (samples_max, bytes_max, name) in
        [(100_000, u64::MAX, "samples_max"), (u64::MAX, 1 << 20, "memory_bytes_max")]
    {
        let mut options = threads(4);
        options.limits.samples_max = samples_max;
        options.limits.memory_bytes_max = bytes_max;
        let error = run(&reader, "rate(x[5m])", &options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the query exceeds {name} (")), "{error}");
    }
}

#[test]
fn a_query_is_stopped_in_threads() {
    let mut options = threads(4);
    options.cancel = Cancel::default();
    let reader = Made::new(200, Event::Cancel(options.cancel.clone()));
    let error = run(&reader, "rate(x[5m])", &options).unwrap_err();
    assert!(matches!(error, EvalError::Cancelled), "{error}");
}

/// A panic in a thread is one of the caller, and harms no other query.
#[test]
fn a_panic_in_a_thread_is_the_callers() {
    let reader = Made::new(2_000, Event::Panic);
    let panic = std::panic::catch_unwind(|| run(&reader, "rate(x[5m])", &threads(4)));
    assert!(panic.is_err());
    run(&Made::new(0, Event::Nothing), "sum(x)", &threads(4)).unwrap();
}
