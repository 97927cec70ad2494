//! What this room counts about itself.

use kernel::metrics::Metrics;
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGaugeVec};

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
    /// What was received and has no store yet: exemplars, native histograms.
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
