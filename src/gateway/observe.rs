//! What the gateway counts about itself.

use std::time::Duration;

use kernel::metrics::Metrics;
use prometheus::{HistogramVec, IntCounterVec, IntGauge};

/// Upper bounds of the duration histogram's buckets, in seconds.
const DURATION_BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The gateway's self-metrics; clones share them.
#[derive(Clone)]
pub(crate) struct Instruments {
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    connections: IntGauge,
    refused: IntCounterVec,
}

impl Instruments {
    /// Registers the metrics.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.counters(
                "onemonitor_http_requests_total",
                "Requests answered, by route, method and status.",
                &["route", "method", "status"],
            ),
            durations: metrics.histograms(
                "onemonitor_http_request_duration_seconds",
                "Time until the answer's head, by route.",
                &DURATION_BUCKETS,
                &["route"],
            ),
            in_flight: metrics
                .gauge("onemonitor_http_requests_in_flight", "Requests being answered."),
            connections: metrics.gauge("onemonitor_http_connections", "Open connections."),
            refused: metrics.counters(
                "onemonitor_http_refused_total",
                "Connections and requests over a limit, by limit.",
                &["limit"],
            ),
        }
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[route, method, &status.to_string()]).inc();
        self.durations.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// Counts something over a limit.
    pub(crate) fn refused(&self, limit: &str) {
        self.refused.with_label_values(&[limit]).inc();
    }

    /// Counts a connection as open while the value lives.
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// Counts a request as being answered while the value lives.
    pub(crate) fn request(&self) -> Counted {
        Counted::new(&self.in_flight)
    }
}

/// Raises a gauge by one while it lives.
pub(crate) struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
