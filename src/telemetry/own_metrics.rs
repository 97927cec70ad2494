//! What this room counts about itself.

use std::time::Duration;

use kernel::clock::Time;
use kernel::metrics::Metrics;
use prometheus::{GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::rules::check::Group;
use crate::rules::evaluate::Tally;
use crate::rules::manager::GroupKey;

const SECONDS: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Counters of the scraper.
#[derive(Clone, Debug)]
pub(crate) struct ScrapeMetrics {
    /// Scrapes by outcome: `ok` or the code of the failure.
    pub scrapes: IntCounterVec,
    /// Duration of scrapes.
    pub seconds: Histogram,
    /// Samples after relabelling.
    pub samples: IntCounter,
    /// Targets by what became of them.
    pub targets: IntGaugeVec,
}

impl ScrapeMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            scrapes: metrics.counters(
                "onemonitor_telemetry_scrapes_total",
                "Scrapes by outcome.",
                &["outcome"],
            ),
            seconds: metrics.histogram(
                "onemonitor_telemetry_scrape_seconds",
                "Duration of scrapes until the answer was read.",
                &SECONDS,
            ),
            samples: metrics.counter(
                "onemonitor_telemetry_scraped_samples_total",
                "Samples of scrapes after relabelling.",
            ),
            targets: metrics.gauges(
                "onemonitor_telemetry_scrape_targets",
                "Scrape targets by state.",
                &["state"],
            ),
        }
    }
}

/// Counters of what is stored, whatever way it came.
#[derive(Clone, Debug)]
pub(crate) struct IntakeMetrics {
    /// Samples stored, by the way they came.
    pub stored: IntCounterVec,
    /// Samples refused, by the way they came and the reason.
    pub refused: IntCounterVec,
    /// Native histograms among the samples that are stored, by the way they came.
    pub histograms: IntCounterVec,
    /// Exemplars stored, by the way they came.
    pub exemplars: IntCounterVec,
    /// Exemplars dropped, by the way they came.
    pub exemplars_dropped: IntCounterVec,
}

impl IntakeMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            stored: metrics.counters(
                "onemonitor_telemetry_samples_stored_total",
                "Samples stored, by the way they came.",
                &["source"],
            ),
            refused: metrics.counters(
                "onemonitor_telemetry_samples_refused_total",
                "Samples refused, by the way they came and the reason.",
                &["source", "reason"],
            ),
            histograms: metrics.counters(
                "onemonitor_telemetry_histograms_stored_total",
                "Native histograms among the samples that are stored, by the way they came.",
                &["source"],
            ),
            exemplars: metrics.counters(
                "onemonitor_telemetry_exemplars_stored_total",
                "Exemplars stored, by the way they came.",
                &["source"],
            ),
            exemplars_dropped: metrics.counters(
                "onemonitor_telemetry_exemplars_dropped_total",
                "Exemplars dropped, by the way they came: out of order, wrong or too many.",
                &["source"],
            ),
        }
    }
}

/// Counters of the receiver.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveMetrics {
    /// Requests by protocol and status.
    pub requests: IntCounterVec,
    /// Bytes of bodies as they arrived.
    pub bytes: IntCounter,
    /// What was received and has no store.
    pub not_stored: IntCounterVec,
}

impl ReceiveMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counters(
                "onemonitor_telemetry_receive_requests_total",
                "Requests of receivers by protocol and status.",
                &["protocol", "status"],
            ),
            bytes: metrics.counter(
                "onemonitor_telemetry_receive_bytes_total",
                "Bytes of received bodies before decompression.",
            ),
            not_stored: metrics.counters(
                "onemonitor_telemetry_receive_not_stored_total",
                "Items received that nothing stores yet, by kind.",
                &["kind"],
            ),
        }
    }
}

/// Counters of queries.
#[derive(Clone, Debug)]
pub(crate) struct QueryMetrics {
    /// Queries by endpoint and outcome.
    pub queries: IntCounterVec,
    /// Duration of queries, the wait for their turn included.
    pub seconds: Histogram,
}

impl QueryMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            queries: metrics.counters(
                "onemonitor_telemetry_queries_total",
                "Queries by endpoint and outcome.",
                &["endpoint", "outcome"],
            ),
            seconds: metrics.histogram(
                "onemonitor_telemetry_query_seconds",
                "Duration of queries.",
                &SECONDS,
            ),
        }
    }
}

/// Counters of recording rules. What Prometheus calls `prometheus_rule_…` is here
/// `onemonitor_telemetry_rule_…`; a group is named `file;name` as there.
#[derive(Clone, Debug)]
pub(crate) struct RuleMetrics {
    /// Groups at work.
    pub groups: IntGauge,
    /// Evaluations of groups that began.
    pub iterations: IntCounter,
    /// Evaluations of groups that did not happen because the one before took too long.
    pub missed: IntCounter,
    /// Duration of evaluations of one rule, the storing included.
    pub evaluation_seconds: Histogram,
    group_seconds: Histogram,
    evaluations: IntCounterVec,
    failures: IntCounterVec,
    samples: IntGaugeVec,
    rules: IntGaugeVec,
    interval: GaugeVec,
    duration: GaugeVec,
    last: GaugeVec,
}

impl RuleMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let group = &["rule_group"];
        let named = |what: &str| format!("onemonitor_telemetry_rule_{what}");
        let gauge = |what: &str, help: &str| metrics.gauges(&named(what), help, group);
        let float = |what: &str, help: &str| metrics.float_gauges(&named(what), help, group);
        let counter = |what: &str, help: &str| metrics.counters(&named(what), help, group);
        let total = |what: &str, help: &str| metrics.counter(&named(what), help);
        let seconds = |what: &str, help: &str| metrics.histogram(&named(what), help, &SECONDS);
        Self {
            groups: metrics.gauge(&named("groups"), "Groups of recording rules at work."),
            iterations: total("group_iterations_total", "Evaluations of groups."),
            missed: total(
                "group_iterations_missed_total",
                "Evaluations of groups left out because the one before took too long.",
            ),
            evaluation_seconds: seconds("evaluation_seconds", "Duration of a rule's evaluation."),
            group_seconds: seconds("group_seconds", "Duration of a group's evaluation."),
            evaluations: counter("evaluations_total", "Evaluations of rules, by group."),
            failures: counter("evaluation_failures_total", "Evaluations that failed, by group."),
            samples: gauge("group_last_evaluation_samples", "Samples last recorded, by group."),
            rules: gauge("group_rules", "Rules, by group."),
            interval: float("group_interval_seconds", "Interval of evaluations, by group."),
            duration: float("group_last_duration_seconds", "Last evaluation's time, by group."),
            last: float("group_last_evaluation_timestamp_seconds", "Last evaluation, by group."),
        }
    }

    /// Shows how an evaluation of a group went.
    pub(crate) fn show(
        &self,
        key: &GroupKey,
        group: &Group,
        tally: &Tally,
        duration: Duration,
        at: Time,
    ) {
        let name = key.to_string();
        let name = &[name.as_str()];
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.group_seconds.observe(duration.as_secs_f64());
        self.evaluations.with_label_values(name).inc_by(tally.rules);
        self.failures.with_label_values(name).inc_by(tally.failures);
        self.samples.with_label_values(name).set(whole(tally.samples));
        self.rules.with_label_values(name).set(whole(tally.rules));
        self.interval.with_label_values(name).set(group.interval.as_secs_f64());
        self.duration.with_label_values(name).set(duration.as_secs_f64());
        self.last.with_label_values(name).set(at.as_secs_f64());
    }

    /// Shows a group no more.
    pub(crate) fn forget(&self, key: &GroupKey) {
        let name = key.to_string();
        let name = &[name.as_str()];
        // A group that was never evaluated has nothing to take away.
        for counters in [&self.evaluations, &self.failures] {
            drop(counters.remove_label_values(name));
        }
        for gauges in [&self.samples, &self.rules] {
            drop(gauges.remove_label_values(name));
        }
        for gauges in [&self.interval, &self.duration, &self.last] {
            drop(gauges.remove_label_values(name));
        }
    }
}
