//! Evaluates a group once: its rules in their order, all as of one time, each stored before the
//! next begins, so that a later rule sees what an earlier one recorded.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::caller::{Caller, Permission};
use kernel::clock::Time;
use kernel::stop::Stop;
use metric::{Labels, stale_nan};
use promql::VectorPoint;
use series::Batch;

use super::check::{Group, Rule};
use super::outcome::{recorded, vanished};
use super::state::{RuleHealth, SharedState};
use crate::Telemetry;
use crate::intake::{Intake, told};
use crate::query::QueryError;
use crate::sender::sender_of;

/// What an evaluation of a group brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub rules: u64,
    pub failures: u64,
    /// Samples recorded, markers left out.
    pub samples: u64,
}

/// What one rule recorded.
struct Recorded {
    alive: Option<Arc<HashSet<Labels>>>,
    samples: u64,
    /// Why something was not stored.
    wrong: Option<String>,
}

impl Telemetry {
    /// Evaluates all rules of `group` as of `at`, and keeps in `state` how it went.
    ///
    /// Ends early, between two rules, when `gone` is given: what was begun is stored and known.
    ///
    /// A rule that fails records nothing, and its series do not end: they only grow old, as in
    /// Prometheus. The rules behind it are evaluated all the same.
    pub(crate) async fn evaluate_rules(
        &self,
        who: &Caller,
        group: &Group,
        at: Time,
        state: &SharedState,
        gone: &Stop,
    ) -> Tally {
        let (started, started_at) = (Instant::now(), self.clock().now());
        let mut tally = Tally::default();
        let at_ms = at.minus(group.query_offset).as_millis();
        for (index, rule) in group.rules.iter().enumerate() {
            if gone.is_triggered() {
                break;
            }
            let (began, began_at) = (Instant::now(), self.clock().now());
            let before = state.lock().rules.get(index).map(|rule| Arc::clone(&rule.alive));
            let done = self.record(who, group, rule, at_ms, before.unwrap_or_default()).await;
            tally.rules += 1;
            let done = done.unwrap_or_else(|error| Recorded {
                alive: None,
                samples: 0,
                wrong: Some(error.to_string()),
            });
            tally.samples += done.samples;
            tally.failures += u64::from(done.wrong.is_some());
            self.rules().metrics().evaluation_seconds.observe(began.elapsed().as_secs_f64());
            show(state, index, group, began_at, began.elapsed(), done);
        }
        let mut state = state.lock();
        state.last_at = Some(started_at);
        state.last_ms = state.last_ms.max(Some(at_ms));
        state.duration = started.elapsed();
        state.evaluations += 1;
        tally
    }

    /// Evaluates one rule and stores what it gives, and the ends of what it gives no more.
    async fn record(
        &self,
        who: &Caller,
        group: &Group,
        rule: &Rule,
        at_ms: i64,
        before: Arc<HashSet<Labels>>,
    ) -> Result<Recorded, QueryError> {
        who.require(Permission::MetricsRead)?;
        who.require(Permission::MetricsWrite)?;
        let mut options = self.list_options();
        let latest = Instant::now() + self.rules().settings().timeout;
        options.deadline = Some(options.deadline.map_or(latest, |deadline| deadline.min(latest)));
        let (expr, record, labels) = (Arc::clone(&rule.expr), rule.record.clone(), &rule.labels);
        let (labels, series_max) = (labels.clone(), group.series_max);
        let series = self
            .run_query("rule", options, move |series, options| {
                let answer = promql::query_instant(series, &expr, at_ms, options)?;
                recorded(answer, &record, &labels, series_max)
                    .map_err(|wrong| QueryError::Execution(wrong.to_string()))
            })
            .await?;
        let (intake, sender) = (self.intake().clone(), sender_of(who));
        let store = move || store(&intake, &sender, &series, at_ms, &before);
        let stored = tokio::task::spawn_blocking(store).await;
        stored.map_err(QueryError::panicked)?
    }
}

/// Stores samples and markers in one batch; blocks until they are durable.
fn store(
    intake: &Intake,
    sender: &str,
    series: &[(Labels, VectorPoint)],
    at_ms: i64,
    before: &HashSet<Labels>,
) -> Result<Recorded, QueryError> {
    let alive: HashSet<Labels> = series.iter().map(|(labels, _)| labels.clone()).collect();
    let ended = vanished(before, &alive);
    let mut batch = Batch::with_capacity(alive.len() + ended.len()).from_source(sender);
    for (labels, point) in series {
        match &point.histogram {
            Some(histogram) => {
                batch.push_histogram(labels.encoded(), at_ms, Arc::clone(histogram));
            }
            None => batch.push(labels.encoded(), at_ms, point.value),
        }
    }
    for labels in &ended {
        batch.push(labels.encoded(), at_ms, stale_nan());
    }
    let mut wrong = None;
    let mut samples = alive.len() as u64;
    if !batch.is_empty() {
        let appended = intake
            .append_batch(&batch, "rules")
            .map_err(|error| QueryError::Execution(error.to_string()))?;
        if let Some(first) = appended.rejections.first() {
            samples = samples.saturating_sub(appended.rejected);
            let rejected = appended.rejected;
            wrong = Some(format!(
                "{rejected} samples were not stored; the first: {}: {}",
                first.series,
                told(&first.reason)
            ));
        }
    }
    Ok(Recorded { alive: Some(Arc::new(alive)), samples, wrong })
}

fn show(
    state: &SharedState,
    index: usize,
    group: &Group,
    at: Time,
    elapsed: Duration,
    done: Recorded,
) {
    let mut state = state.lock();
    let Some(rule) = state.rules.get_mut(index) else { return };
    if done.wrong.is_some() && done.wrong != rule.error {
        let record = group.rules.get(index).map(|rule| rule.record.as_str());
        tracing::warn!(group = group.spec.name, rule = record, error = done.wrong, "rule failed");
    }
    rule.health = if done.wrong.is_some() { RuleHealth::Error } else { RuleHealth::Ok };
    rule.error = done.wrong;
    rule.last_at = Some(at);
    rule.duration = elapsed;
    if let Some(alive) = done.alive {
        rule.alive = alive;
    }
}
