//! A slow and obvious evaluator, against which the real one is tested with random queries over
//! random series.
//!
//! It is written from what Prometheus says and does, one step and one series at a time, and shares
//! nothing with the evaluator but the number type. Where the order of series tells something that
//! nothing prescribes (which of two equal values `topk` picks, the last bit of a sum that decides
//! a comparison), a query is set aside: it answers something else when the series come in the
//! other order.

mod aggregate;
mod ast;
mod data;
mod each;
mod eval;
mod over_time;
mod pairs;
mod strategy;

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::{Answer, QueryOptions, Value, parse, query_instant, query_range};
use ast::Vector;
use data::Stored;
use eval::{Error, Naive, Set, Values};

/// Queries that `cargo test` runs; `PROPTEST_CASES` asks for another number.
const CASES: u32 = 3_000;

/// At which times a query is evaluated.
#[derive(Debug, Clone, Copy)]
struct Times {
    start_ms: i64,
    /// Of an instant query there is none.
    step_ms: Option<i64>,
    steps: usize,
}

impl Times {
    fn all(self) -> Vec<i64> {
        (0..self.steps).map(|step| self.at(step)).collect()
    }

    fn at(self, step: usize) -> i64 {
        self.start_ms + step as i64 * self.step_ms.unwrap_or(0)
    }

    fn end_ms(self) -> i64 {
        self.at(self.steps - 1)
    }
}

/// Values by labels and time.
type Points = BTreeMap<(Set, i64), f64>;

fn naive(query: &Vector, data: &[Stored], times: Times, reversed: bool) -> Result<Points, Error> {
    let options = QueryOptions::default();
    let naive = Naive {
        data,
        bounds_ms: (times.start_ms, times.end_ms()),
        lookback_ms: options.lookback_ms,
        subquery_step_ms: options.subquery_step_ms,
        reversed,
    };
    let steps = times.all();
    let mut points = Points::new();
    for (at_ms, values) in steps.iter().zip(naive.vector(query, &steps)?) {
        let values: Values = values;
        points.extend(values.into_iter().map(|sample| ((sample.labels, *at_ms), sample.value)));
    }
    Ok(points)
}

fn real(query: &str, data: &[Stored], times: Times) -> Result<Answer, Error> {
    let expr = parse(query).map_err(|error| panic!("{query}: {error}")).unwrap();
    let (store, options) = (data::store(data), QueryOptions::default());
    let answer = match times.step_ms {
        None => query_instant(&store, &expr, times.start_ms, &options),
        Some(step_ms) => {
            query_range(&store, &expr, times.start_ms, times.end_ms(), step_ms, &options)
        }
    };
    answer.map_err(|error| error.to_string())
}

fn points(answer: &Answer) -> Points {
    let set = |labels: &metric::Labels| -> Set {
        labels.iter().map(|it| (it.name.to_owned(), it.value.to_owned())).collect()
    };
    match &answer.value {
        Value::Vector(vector) => vector
            .iter()
            .map(|(labels, point)| ((set(labels), point.timestamp_ms), point.value))
            .collect(),
        Value::Matrix(matrix) => matrix
            .iter()
            .flat_map(|series| {
                let labels = set(&series.labels);
                series.points.iter().map(move |p| ((labels.clone(), p.timestamp_ms), p.value))
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn close(a: f64, b: f64) -> bool {
    let distance = (a - b).abs();
    a == b || a.is_nan() && b.is_nan() || distance <= 1e-9 * a.abs().max(b.abs()) + 1e-12
}

/// Where two answers differ.
fn difference(a: &Points, b: &Points) -> Option<String> {
    let of = |points: &Points, key| points.get(key).map_or("nothing".to_owned(), f64::to_string);
    let same = |key| match (a.get(key), b.get(key)) {
        (Some(a), Some(b)) => close(*a, *b),
        _ => false,
    };
    let key = a.keys().chain(b.keys()).find(|key| !same(key))?;
    Some(format!("{key:?}: {}, expected {}", of(a, key), of(b, key)))
}

/// What is wrong with the order of an instant answer, where the query prescribes one.
fn disorder(query: &Vector, answer: &Answer) -> Option<String> {
    let Value::Vector(vector) = &answer.value else { return None };
    let descending = match query {
        Vector::Sort("sort", ..) | Vector::Aggregate("bottomk", None, ..) => false,
        Vector::Sort("sort_desc", ..) | Vector::Aggregate("topk", None, ..) => true,
        _ => return None,
    };
    let values: Vec<f64> = vector.iter().map(|(_, point)| point.value).collect();
    let ordered = values.windows(2).all(|pair| match (pair[0], pair[1]) {
        (_, b) if b.is_nan() => true,
        (a, b) if descending => a >= b,
        (a, b) => a <= b,
    });
    (!ordered).then(|| format!("out of order: {values:?}"))
}

/// What became of the cases: most must say something.
#[derive(Debug, Default)]
struct Tally {
    answers: Cell<u32>,
    empty: Cell<u32>,
    errors: Cell<u32>,
    undecided: Cell<u32>,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

fn check(query: &Vector, data: &[Stored], times: Times, tally: &Tally) -> TestCaseResult {
    let text = query.to_string();
    let expected = naive(query, data, times, false);
    let other = naive(query, data, times, true);
    let decided = match (&expected, &other) {
        (Ok(a), Ok(b)) => difference(a, b).is_none(),
        (Err(_), Err(_)) => true,
        _ => false,
    };
    if !decided {
        count(&tally.undecided);
        return Ok(());
    }
    let fail = |what: String| {
        let series = data.iter().map(|it| format!("{:?} {:?}\n", it.labels, it.samples));
        let series: String = series.collect();
        Err(TestCaseError::fail(format!("{text}\n{what}\n{times:?}\n{series}")))
    };
    match (real(&text, data, times), expected) {
        (Err(_), Err(_)) => {
            count(&tally.errors);
            Ok(())
        }
        (Ok(answer), Ok(expected)) => {
            count(if expected.is_empty() { &tally.empty } else { &tally.answers });
            let difference = difference(&points(&answer), &expected);
            match difference.or_else(|| disorder(query, &answer)) {
                None => Ok(()),
                Some(difference) => fail(difference),
            }
        }
        (Ok(_), Err(error)) => fail(format!("answered, expected {error}")),
        (Err(error), Ok(_)) => fail(format!("failed: {error}")),
    }
}

fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let asked = config.cases != ProptestConfig { cases: 256, ..config.clone() }.cases;
    let cases = if asked { config.cases } else { CASES };
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 1_000,
        max_shrink_time: 3_000,
        ..config
    }
}

fn times() -> impl Strategy<Value = Times> {
    let step_ms = proptest::sample::select(&[7_000_i64, 15_000, 30_000, 61_000][..]);
    let one = (0_i64..500_000).prop_map(|start_ms| Times { start_ms, step_ms: None, steps: 1 });
    let many = (0_i64..400, step_ms, 1_usize..9).prop_map(|(start_s, step_ms, steps)| Times {
        start_ms: start_s * 1000,
        step_ms: Some(step_ms),
        steps,
    });
    prop_oneof![1 => one, 2 => many]
}

/// Half of the cases lie around the epoch, half in our days.
fn cases() -> impl Strategy<Value = (Vector, Vec<Stored>, Times)> {
    let later_ms = prop_oneof![Just(0_i64), Just(1_700_000_000_000)];
    let parts = (strategy::queries(3), data::data(), times(), later_ms);
    parts.prop_map(|(query, mut data, mut times, later_ms)| {
        times.start_ms += later_ms;
        let samples = data.iter_mut().flat_map(|series| &mut series.samples);
        samples.for_each(|(at_ms, _)| *at_ms += later_ms);
        (query, data, times)
    })
}

/// Random queries are deep, and so are the strategies that make them: they need a larger stack.
const STACK_BYTES: usize = 256 << 20;

/// How often it is begun anew, so that one difference does not hide all others.
const ROUNDS: u32 = 5;

fn run() {
    let mut config = config();
    config.cases = config.cases.div_ceil(ROUNDS);
    let mut differences = String::new();
    let tally = Tally::default();
    for _ in 0..ROUNDS {
        let mut runner = TestRunner::new(config.clone());
        let outcome =
            runner.run(&cases(), |(query, data, times)| check(&query, &data, times, &tally));
        if let Err(error) = outcome {
            differences += &format!("{error}\n{runner}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
    assert!(tally.answers.get() > tally.empty.get() + tally.errors.get(), "{tally:?}");
}

#[test]
fn the_evaluator_agrees_with_the_naive_one() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
