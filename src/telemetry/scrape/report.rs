//! The series that the scraper adds to each target: `up` and the `scrape_…` ones.

use std::time::Duration;

use metric::{Labels, LabelsBuilder, METRIC_NAME, stale_nan};

use super::series_cache::Row;

const NAMES: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// How a scrape went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub up: bool,
    pub duration: Duration,
    pub scraped: usize,
    pub kept: usize,
    pub added: usize,
}

impl Report {
    /// Adds the report's rows.
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
    pub(crate) fn append(&self, target: &Labels, at_ms: i64, rows: &mut Vec<Row>) {
        let values = [
            f64::from(u8::from(self.up)),
            self.duration.as_secs_f64(),
            self.scraped as f64,
            self.kept as f64,
            self.added as f64,
        ];
        for (name, value) in NAMES.into_iter().zip(values) {
            rows.extend(row(target, name, at_ms, value));
        }
    }

    /// Adds the markers that end the report of a target that is gone.
    pub(crate) fn end(target: &Labels, at_ms: i64, rows: &mut Vec<Row>) {
        for name in NAMES {
            rows.extend(row(target, name, at_ms, stale_nan()));
        }
    }
}

fn row(target: &Labels, name: &str, timestamp_ms: i64, value: f64) -> Option<Row> {
    let mut builder = LabelsBuilder::from_labels(target);
    builder.set(METRIC_NAME, name);
    Some(Row::number(builder.build().ok()?, timestamp_ms, value))
}
