//! Runs queries on the blocking pool: a bounded number at a time, cancelled with their caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::caller::{Caller, Permission};
use kernel::clock::Time;
use kernel::metrics::Metrics;
use promql::{Answer, Cancel, Expr, Limits, QueryOptions, ValueKind};
use series::Series;
use tokio::sync::Semaphore;

use super::error::QueryError;
use crate::Telemetry;
use crate::own_metrics::QueryMetrics;
use crate::settings::QuerySettings;

/// The step of a subquery that names none.
const SUBQUERY_STEP_MS: i64 = 60_000;

/// Exports that run at one time.
const EXPORTS_MAX: usize = 4;

/// What a query may take, below what the settings allow, and what is to be told of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueryBounds {
    /// How long it may take, the wait for its turn included.
    pub timeout: Option<Duration>,
    /// How far instant selectors look back.
    pub lookback: Option<Duration>,
    /// Whether to gather what each node of the expression costs.
    pub analyze: bool,
}

/// A query at one time.
#[derive(Clone, Debug)]
pub struct InstantQuery {
    /// The expression.
    pub query: String,
    /// When; now when absent.
    pub at: Option<Time>,
    /// What it may take.
    pub bounds: QueryBounds,
}

/// A query over a range of times.
#[derive(Clone, Debug)]
pub struct RangeQuery {
    /// The expression.
    pub query: String,
    /// The first time.
    pub start: Time,
    /// The last time.
    pub end: Time,
    /// The distance of times.
    pub step: Duration,
    /// What it may take.
    pub bounds: QueryBounds,
}

/// What queries share.
#[derive(Debug)]
pub(crate) struct Queries {
    pub settings: QuerySettings,
    /// Turns of exports, which last as long as their clients read.
    pub exports: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    metrics: QueryMetrics,
}

impl Queries {
    pub(crate) fn new(settings: QuerySettings, metrics: &Metrics) -> Self {
        Self {
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
            turns: Arc::new(Semaphore::new(settings.concurrency_max.max(1))),
            metrics: QueryMetrics::new(metrics),
            settings,
        }
    }
}

#[cfg(test)]
impl Queries {
    /// Queries that could begin at once.
    pub(crate) fn free_turns(&self) -> usize {
        self.turns.available_permits()
    }
}

/// Stops the evaluation when the future that waits for it is dropped.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Whether work may go on: its caller is there and its time is not over.
pub(crate) fn check(options: &QueryOptions) -> Result<(), QueryError> {
    if options.cancel.is_cancelled() {
        return Err(QueryError::Cancelled);
    }
    if options.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        return Err(QueryError::Timeout("query timed out while reading".to_owned()));
    }
    Ok(())
}

impl Telemetry {
    /// Evaluates an expression at one time.
    ///
    /// # Errors
    /// A wrong expression, a limit, a time-out, a missing permission.
    pub async fn query_instant(
        &self,
        who: &Caller,
        query: InstantQuery,
    ) -> Result<Answer, QueryError> {
        who.require(Permission::MetricsRead)?;
        let expr = self.parse(query.query).await?;
        let at_ms = query.at.unwrap_or_else(|| self.clock().now()).as_millis();
        let options = self.options(&query.bounds);
        self.run_query("query", options, move |series, options| {
            promql::query_instant(series, &expr, at_ms, options).map_err(QueryError::from)
        })
        .await
    }

    /// Evaluates an expression over a range of times.
    ///
    /// # Errors
    /// As [`Telemetry::query_instant`]; and a step of zero, an end before the start, too many
    /// points.
    pub async fn query_range(&self, who: &Caller, query: RangeQuery) -> Result<Answer, QueryError> {
        who.require(Permission::MetricsRead)?;
        let (start_ms, end_ms) = (query.start.as_millis(), query.end.as_millis());
        let step_ms = i64::try_from(query.step.as_millis()).unwrap_or(i64::MAX);
        if end_ms < start_ms {
            return Err(QueryError::parameter(
                "end",
                "end timestamp must not be before start time",
            ));
        }
        if step_ms == 0 {
            return Err(QueryError::parameter(
                "step",
                "zero or negative query resolution step widths are not accepted. \
                 Try a positive integer",
            ));
        }
        let points_max = self.queries().settings.points_max;
        let points = end_ms.abs_diff(start_ms) / step_ms.unsigned_abs();
        if points > points_max as u64 {
            return Err(QueryError::BadData(format!(
                "exceeded maximum resolution of {points_max} points per timeseries. \
                 Try decreasing the query resolution (?step=XX)"
            )));
        }
        let expr = self.parse(query.query).await?;
        let kind = expr.value_kind();
        if matches!(kind, ValueKind::Matrix | ValueKind::String) {
            let reason = format!(
                "invalid expression type \"{kind}\" for range query, must be Scalar or instant \
                 Vector"
            );
            return Err(QueryError::parameter("query", reason));
        }
        let options = self.options(&query.bounds);
        self.run_query("query_range", options, move |series, options| {
            promql::query_range(series, &expr, start_ms, end_ms, step_ms, options)
                .map_err(QueryError::from)
        })
        .await
    }

    /// Parses on the blocking pool when the text is long.
    pub(super) async fn parse(&self, query: String) -> Result<Expr, QueryError> {
        let bytes_max = self.queries().settings.text_bytes_max;
        if query.len() > bytes_max {
            let reason = format!("longer than {bytes_max} bytes");
            return Err(QueryError::parameter("query", reason));
        }
        let parse =
            move || promql::parse(&query).map_err(|error| QueryError::parse("query", &error));
        tokio::task::spawn_blocking(parse).await.map_err(QueryError::panicked)?
    }

    fn options(&self, bounds: &QueryBounds) -> QueryOptions {
        let settings = &self.queries().settings;
        let timeout = bounds.timeout.map_or(settings.timeout, |it| it.min(settings.timeout));
        let lookback = bounds.lookback.filter(|it| !it.is_zero()).unwrap_or(settings.lookback);
        QueryOptions {
            lookback_ms: i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX),
            subquery_step_ms: SUBQUERY_STEP_MS,
            analyze: bounds.analyze,
            limits: Limits {
                samples_max: settings.samples_max,
                memory_bytes_max: settings.memory_bytes_max,
                series_max: settings.series_max,
                points_per_series_max: settings.points_max.saturating_add(1),
            },
            deadline: Instant::now().checked_add(timeout),
            ..QueryOptions::default()
        }
    }

    /// Runs work that reads the engine, in its turn and until its deadline.
    pub(crate) async fn run_query<T, F>(
        &self,
        endpoint: &str,
        options: QueryOptions,
        work: F,
    ) -> Result<T, QueryError>
    where
        T: Send + 'static,
        F: FnOnce(&Series, &QueryOptions) -> Result<T, QueryError> + Send + 'static,
    {
        let queries = self.queries();
        let started = Instant::now();
        let outcome = self.run_in_turn(options, work).await;
        let label = match &outcome {
            Ok(_) => "ok",
            Err(QueryError::BadData(_)) => "bad_data",
            Err(QueryError::Execution(_)) => "execution",
            Err(QueryError::Timeout(_)) => "timeout",
            Err(QueryError::Cancelled) => "cancelled",
            Err(QueryError::Refused(_)) => "refused",
        };
        queries.metrics.queries.with_label_values(&[endpoint, label]).inc();
        queries.metrics.seconds.observe(started.elapsed().as_secs_f64());
        outcome
    }

    async fn run_in_turn<T, F>(&self, options: QueryOptions, work: F) -> Result<T, QueryError>
    where
        T: Send + 'static,
        F: FnOnce(&Series, &QueryOptions) -> Result<T, QueryError> + Send + 'static,
    {
        let queued = || QueryError::Timeout("query timed out in query queue".to_owned());
        let deadline = options.deadline.unwrap_or_else(Instant::now);
        let turn = Arc::clone(&self.queries().turns).acquire_owned();
        let turn = tokio::time::timeout_at(deadline.into(), turn)
            .await
            .map_err(|_| queued())?
            .map_err(|_| queued())?;
        let _cancel = CancelOnDrop(options.cancel.clone());
        let series = self.series().clone();
        let run = move || {
            let outcome = work(&series, &options);
            drop(turn);
            outcome
        };
        tokio::task::spawn_blocking(run).await.map_err(QueryError::panicked)?
    }

    /// The options of work that is no query: a list of names or series.
    pub(crate) fn list_options(&self) -> QueryOptions {
        self.options(&QueryBounds::default())
    }
}
