//! The one way of samples into the engine, counted. Blocks until they are durable.

use std::sync::Arc;

use kernel::metrics::Metrics;
use metric::{Exemplar, Labels, Metadata};
use series::{AppendError, Appended, Batch, RejectReason, Series};

use crate::own_metrics::IntakeMetrics;
use crate::scrape::fetch::ScrapeFailure;
use crate::scrape::series_cache::Row;

/// The way of scrapes in counters.
const SCRAPE: &str = "scrape";
/// Metadata entries written at one time.
const METADATA_SLICE: usize = 1_000;

/// Why a sample was refused; a limit with the key that sets it.
pub(crate) fn told(reason: &RejectReason) -> String {
    match reason {
        RejectReason::TooManySeries { .. } => format!("{reason} (metrics.active_series)"),
        RejectReason::TooManySeriesOfMetric { .. } => {
            format!("{reason} (metrics.active_series_per_metric)")
        }
        RejectReason::TooManySeriesOfSource { .. } => {
            format!("{reason} (metrics.active_series_per_source)")
        }
        _ => reason.to_string(),
    }
}

/// What was wrong in itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Histograms that are none.
    pub histograms: u64,
    /// Exemplars whose labels are wrong, or that have no place.
    pub exemplars: u64,
}

/// Appends samples and counts what became of them.
#[derive(Clone)]
pub(crate) struct Intake {
    series: Series,
    metrics: IntakeMetrics,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Intake")
    }
}

impl Intake {
    pub(crate) fn new(series: Series, metrics: &Metrics) -> Self {
        Self { series, metrics: IntakeMetrics::new(metrics) }
    }

    /// Appends the rows of a scrape of `sender`; gives what to tell of samples that were refused.
    pub(crate) fn append(
        &self,
        rows: &[Row],
        sender: &str,
    ) -> Result<Option<ScrapeFailure>, ScrapeFailure> {
        self.append_with(rows, &[], sender)
    }

    /// Appends the rows of a scrape with exemplars of their series.
    pub(crate) fn append_with(
        &self,
        rows: &[Row],
        exemplars: &[(Labels, Exemplar)],
        sender: &str,
    ) -> Result<Option<ScrapeFailure>, ScrapeFailure> {
        let mut batch = Batch::with_capacity(rows.len()).from_source(sender);
        for row in rows {
            let labels = row.labels.encoded();
            match &row.histogram {
                None => batch.push(labels, row.timestamp_ms, row.value),
                Some(it) => batch.push_histogram(labels, row.timestamp_ms, Arc::clone(it)),
            }
        }
        for (labels, exemplar) in exemplars {
            batch.push_exemplar(labels.encoded(), exemplar.clone());
        }
        let appended = self
            .append_batch(&batch, SCRAPE)
            .map_err(|error| ScrapeFailure::new("storage", error.to_string()))?;
        let Some(first) = appended.rejections.first() else { return Ok(None) };
        let detail = format!(
            "{} samples were not stored; the first: {}: {}",
            appended.rejected,
            first.series,
            told(&first.reason)
        );
        Ok(Some(ScrapeFailure::new("not_stored", detail)))
    }

    /// Appends a batch that came by `source`.
    pub(crate) fn append_batch(
        &self,
        batch: &Batch<'_>,
        source: &str,
    ) -> Result<Appended, AppendError> {
        let appended = self.series.append(batch)?;
        self.metrics.stored.with_label_values(&[source]).inc_by(appended.accepted);
        for (code, count) in &appended.rejected_by_code {
            self.metrics.refused.with_label_values(&[source, code]).inc_by(*count);
        }
        self.metrics.histograms.with_label_values(&[source]).inc_by(appended.histograms);
        self.metrics.exemplars.with_label_values(&[source]).inc_by(appended.exemplars);
        let dropped = appended.exemplars_dropped;
        self.metrics.exemplars_dropped.with_label_values(&[source]).inc_by(dropped);
        Ok(appended)
    }

    /// Counts what came by `source` and was wrong in itself, so that the engine did not see it.
    pub(crate) fn count_bad(&self, source: &str, bad: Bad) {
        let Bad { histograms, exemplars } = bad;
        if histograms > 0 {
            let labels = [source, "bad_histogram"];
            self.metrics.refused.with_label_values(&labels).inc_by(histograms);
        }
        self.metrics.exemplars_dropped.with_label_values(&[source]).inc_by(exemplars);
    }

    /// Counts exemplars of a scrape that were wrong or too many.
    pub(crate) fn count_bad_exemplars(&self, exemplars: u64) {
        self.count_bad(SCRAPE, Bad { histograms: 0, exemplars });
    }

    /// States what metrics mean.
    pub(crate) fn set_metadata(&self, stated: &[(&str, Metadata)]) -> Result<(), AppendError> {
        for slice in stated.chunks(METADATA_SLICE) {
            self.series.set_metadata(slice)?;
        }
        Ok(())
    }
}
