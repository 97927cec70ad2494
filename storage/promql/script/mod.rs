//! Runs test scripts in the language that Prometheus' own query tests are written in.
//!
//! A script loads series in a short notation, evaluates queries at one time or over a range, and
//! says what to expect: values, order, failures, warnings. Each evaluation is one case.

mod check;
mod classic;
mod command;
mod histogram;
mod notation;
pub(crate) mod store;

use std::path::Path;

use crate::{Answer, EvalError, Expr, QueryOptions, parse, query_instant, query_range};
use check::Outcome;
use command::{Command, Eval, Times};
use store::MemoryStore;

/// What came of one script.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) cases: usize,
    pub(crate) failures: Vec<Failure>,
}

/// A case that did not give what it should.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Line of the script, from 1.
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) reason: String,
}

impl Report {
    pub(crate) fn passed(&self) -> usize {
        self.cases - self.failures.len()
    }
}

/// Runs a script; an error is one of the script itself.
pub(crate) fn run(script: &str, options: &QueryOptions) -> Result<Report, String> {
    let mut store = MemoryStore::default();
    let mut report = Report::default();
    for command in command::parse_script(script)? {
        match command {
            Command::Clear => store = MemoryStore::default(),
            Command::Load { interval_ms, series, with_custom_buckets } => {
                store.load(interval_ms, &series);
                if with_custom_buckets {
                    store.load(interval_ms, &classic::converted(&series)?);
                }
            }
            Command::Eval(eval) => {
                report.cases += 1;
                if let Err(reason) = run_case(&store, &eval, options) {
                    let failure = Failure { line: eval.line, query: eval.query.clone(), reason };
                    report.failures.push(failure);
                }
            }
        }
    }
    Ok(report)
}

/// Runs the script in a file.
pub(crate) fn run_file(path: &Path, options: &QueryOptions) -> Result<Report, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    run(&String::from_utf8_lossy(&bytes), options)
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn run_case(store: &MemoryStore, eval: &Eval, options: &QueryOptions) -> Result<(), String> {
    let expr = match parse(&eval.query) {
        Ok(expr) => expr,
        Err(error) => return check::outcome(eval, &Outcome::Error(error.to_string())),
    };
    let result = evaluate(store, &expr, eval.times, options);
    let outcome = match result {
        Ok(answer) => Outcome::Answer(answer),
        Err(error) => Outcome::Error(error.to_string()),
    };
    check::outcome(eval, &outcome)?;
    match (eval.times, outcome) {
        (Times::Instant(at_ms), Outcome::Answer(answer)) if check::also_as_range(eval, &answer) => {
            let around =
                Times::Range { start_ms: at_ms - 60_000, end_ms: at_ms + 60_000, step_ms: 60_000 };
            // Errors at the neighbouring steps say nothing about this one.
            evaluate(store, &expr, around, options)
                .map_or(Ok(()), |range| check::same_at(at_ms, &answer, &range))
        }
        _ => Ok(()),
    }
}

fn evaluate(
    store: &MemoryStore,
    expr: &Expr,
    times: Times,
    options: &QueryOptions,
) -> Result<Answer, EvalError> {
    match times {
        Times::Instant(at_ms) => query_instant(store, expr, at_ms, options),
        Times::Range { start_ms, end_ms, step_ms } => {
            query_range(store, expr, start_ms, end_ms, step_ms, options)
        }
    }
}
