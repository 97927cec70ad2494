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
    columns: Option<Columns>,
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
        let mut columns = None;
        if format == ExportFormat::Csv {
            let all = parts
                .iter()
                .flat_map(|part| (0..part.selection.len()).map(|at| part.selection.labels(at)));
            let found = Columns::of(all)?;
            found.push_header(&mut head);
            columns = Some(found);
        }
        Ok(Self {
            parts,
            part: 0,
            series: 0,
            samples: Samples::new(),
            sample: 0,
            words: Vec::new(),
            columns,
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
            if self.sample >= self.samples.len() && !self.next_series()? {
                break;
            }
            let Some(sample) = self.samples.get(self.sample) else { continue };
            // Native histograms have no form in the text format.
            let is_number = self.samples.histogram(self.sample).is_none();
            self.sample += 1;
            if !is_number || is_stale(sample.value) {
                continue;
            }
            if self.columns.is_some() {
                push_row(&mut out, &self.words, sample.timestamp_ms, sample.value);
            } else {
                out.extend_from_slice(&self.words);
                push_sample(&mut out, sample.value, sample.timestamp_ms);
            }
        }
        Ok((!out.is_empty()).then(|| Bytes::from(out)))
    }

    /// Reads the next series; `false` at the end.
    fn next_series(&mut self) -> Result<bool, QueryError> {
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
            self.words.clear();
            match &self.columns {
                Some(columns) => self.words = columns.cells(labels),
                None => push_series(&mut self.words, labels, &[]),
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether an earlier selector found the series too.
    fn is_written(&self, labels: &Labels) -> bool {
        let before = self.parts.iter().take(self.part);
        before.into_iter().any(|part| part.matchers.iter().all(|it| it.matches_labels(labels)))
    }
}
