//! Stored samples as they are, streamed: one series is in memory at a time, and only as fast as
//! the client reads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kernel::caller::{Caller, Permission};
use kernel::error::Error;
use metric::{Labels, Matcher, Samples, Select, Selection, SeriesReader, is_stale};
use tokio::sync::OwnedSemaphorePermit;

use super::csv::{Columns, push_row};
use super::error::QueryError;
use super::exposition::{push_sample, push_series};
use super::parquet::ParquetFile;
use crate::Telemetry;

/// About how many bytes a piece has.
const PIECE_BYTES: usize = 256 * 1024;
/// How long an export waits for its turn.
const WAIT: Duration = Duration::from_secs(10);
/// How long an export may take in all, however slowly its client reads.
const EXPORT_MAX: Duration = Duration::from_secs(3600);

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// The text format of Prometheus, with times.
    Text,
    /// A row a sample.
    Csv,
    /// A row a sample, in columns, with native histograms.
    Parquet,
}

/// What a form needs to know while it is written.
enum Form {
    Text,
    Csv(Columns),
    /// Nothing when the footer is written.
    Parquet(Option<Box<ParquetFile>>),
}

/// Series being written.
pub(crate) struct Export {
    parts: Vec<Part>,
    part: usize,
    series: usize,
    samples: Samples,
    sample: usize,
    /// What each line of the series begins with, or has after its time.
    words: Vec<u8>,
    form: Form,
    head: Vec<u8>,
    until: Instant,
    _turn: OwnedSemaphorePermit,
}

/// What one selector found.
struct Part {
    matchers: Vec<Matcher>,
    selection: Box<dyn Selection>,
}

impl Telemetry {
    /// Begins to export the series that satisfy one of the selectors.
    pub(crate) async fn export(
        &self,
        who: &Caller,
        selectors: Vec<Vec<Matcher>>,
        (from_ms, to_ms): (i64, i64),
        format: ExportFormat,
    ) -> Result<Export, QueryError> {
        who.require(Permission::MetricsRead)?;
        let turn = Arc::clone(&self.queries().exports).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(WAIT, turn).await else {
            let detail = "as many exports as may run at one time are running";
            return Err(Error::unavailable("export.busy", detail).retry_after_s(30).into());
        };
        let series_max = self.queries().settings.series_max;
        self.run_query("export", self.list_options(), move |series, _| {
            let mut parts = Vec::new();
            for matchers in selectors {
                let limit = Select { series_max, ..Select::default() };
                let selection = series.select(&matchers, from_ms, to_ms, limit)?;
                parts.push(Part { matchers, selection });
            }
            Export::new(parts, format, turn)
        })
        .await
    }
}

impl Export {
    fn new(
        parts: Vec<Part>,
        format: ExportFormat,
        turn: OwnedSemaphorePermit,
    ) -> Result<Self, QueryError> {
        let mut head = Vec::new();
        let columns = || {
            let all = parts
                .iter()
                .flat_map(|part| (0..part.selection.len()).map(|at| part.selection.labels(at)));
            Columns::of(all)
        };
        let form = match format {
            ExportFormat::Text => Form::Text,
            ExportFormat::Csv => {
                let columns = columns()?;
                columns.push_header(&mut head);
                Form::Csv(columns)
            }
            // Whether there are histograms shows only when they are read.
            ExportFormat::Parquet => {
                Form::Parquet(Some(Box::new(ParquetFile::new(columns()?, true)?)))
            }
        };
        Ok(Self {
            parts,
            part: 0,
            series: 0,
            samples: Samples::new(),
            sample: 0,
            words: Vec::new(),
            form,
            head,
            until: Instant::now() + EXPORT_MAX,
            _turn: turn,
        })
    }

    /// The next piece, and whether there may be more. Reads the disk.
    ///
    /// # Errors
    /// A damaged file; the time is over.
    pub(crate) fn piece(&mut self) -> Result<Option<Bytes>, QueryError> {
        if Instant::now() >= self.until {
            let detail = format!("the export took longer than {} s", EXPORT_MAX.as_secs());
            return Err(QueryError::Timeout(detail));
        }
        let mut out = std::mem::take(&mut self.head);
        while out.len() < PIECE_BYTES {
            if self.sample >= self.samples.len() {
                match self.next_series()? {
                    Some(labels) => self.begin_series(&labels),
                    None => {
                        self.finish(&mut out)?;
                        break;
                    }
                }
            }
            self.push_next(&mut out)?;
        }
        Ok((!out.is_empty()).then(|| Bytes::from(out)))
    }

    fn begin_series(&mut self, labels: &Labels) {
        self.words.clear();
        match &mut self.form {
            Form::Text => push_series(&mut self.words, labels, &[]),
            Form::Csv(columns) => self.words = columns.cells(labels),
            Form::Parquet(file) => {
                if let Some(file) = file {
                    file.begin(labels);
                }
            }
        }
    }

    /// Writes the next sample of the series, if there is one.
    fn push_next(&mut self, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let Some(sample) = self.samples.get(self.sample) else { return Ok(()) };
        let (at_ms, value) = (sample.timestamp_ms, sample.value);
        let histogram = self.samples.histogram(self.sample);
        self.sample += 1;
        if is_stale(value) {
            return Ok(());
        }
        match (&mut self.form, histogram) {
            (Form::Parquet(Some(file)), histogram) => {
                let is_ready = match histogram {
                    Some(histogram) => file.push_histogram(at_ms, histogram)?,
                    None => file.push(at_ms, value)?,
                };
                if is_ready {
                    out.extend(file.take()?);
                }
            }
            (Form::Text, None) => {
                out.extend_from_slice(&self.words);
                push_sample(out, value, at_ms);
            }
            (Form::Csv(_), None) => push_row(out, &self.words, at_ms, value),
            // Native histograms have no form in text.
            (Form::Text | Form::Csv(_) | Form::Parquet(None), _) => {}
        }
        Ok(())
    }

    /// Writes what stands behind the last series.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), QueryError> {
        if let Form::Parquet(file) = &mut self.form
            && let Some(mut file) = file.take()
        {
            file.finish()?;
            out.extend(file.take()?);
        }
        Ok(())
    }

    /// Reads the next series; nothing at the end.
    fn next_series(&mut self) -> Result<Option<Labels>, QueryError> {
        while let Some(part) = self.parts.get(self.part) {
            if self.series >= part.selection.len() {
                self.part += 1;
                self.series = 0;
                continue;
            }
            let at = self.series;
            self.series += 1;
            let labels = part.selection.labels(at);
            if self.is_written(labels) {
                continue;
            }
            part.selection.read(at, &mut self.samples)?;
            self.sample = 0;
            return Ok(Some(labels.clone()));
        }
        Ok(None)
    }

    /// Whether an earlier selector found the series too.
    fn is_written(&self, labels: &Labels) -> bool {
        let before = self.parts.iter().take(self.part);
        before.into_iter().any(|part| part.matchers.iter().all(|it| it.matches_labels(labels)))
    }
}
