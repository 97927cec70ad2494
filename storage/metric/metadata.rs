//! What a metric means: its type, help text and unit.

use serde::{Deserialize, Serialize};

/// The type that an exporter states for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    /// Not stated.
    #[default]
    Unknown,
    /// A value that only grows, apart from resets.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Buckets of observations that accumulate.
    Histogram,
    /// Buckets of observations that do not accumulate.
    GaugeHistogram,
    /// Quantiles computed by the exporter.
    Summary,
    /// Facts in labels, value 1.
    Info,
    /// One of several states, as booleans.
    StateSet,
}

impl MetricType {
    /// The name as Prometheus writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// Reads the name as exposition formats write it; anything else is unknown.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            _ => Self::Unknown,
        }
    }
}

/// What is known about a metric, the same for all its series.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Metadata {
    /// Type.
    #[serde(rename = "type")]
    pub metric_type: MetricType,
    /// Help text; may be empty.
    pub help: String,
    /// Unit, as `bytes` or `seconds`; may be empty.
    pub unit: String,
}
