//! Samples on their way to the engine, for protocols that do not send them in its form.
//!
//! Labels are encoded into one buffer; when it is full, its samples are appended and are durable,
//! so that a body of any kind takes bounded memory whatever it unfolds to.

use std::ops::Range;
use std::sync::Arc;

use metric::{EncodedLabels, Exemplar, Histogram, LabelLimits};
use series::{AppendError, Batch};

use super::label_set::LabelSet;
use super::remote_write::Refused;
use super::work::Workshop;
use crate::intake::{Bad, Intake};

/// Samples that are appended together.
const SAMPLES_A_BATCH: usize = 50_000;
/// Label bytes that are held at one time.
const LABELS_A_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of histograms that are held at one time.
const HISTOGRAMS_A_BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Label bytes that one request may unfold to: a bound on its work, not on memory.
const LABELS_A_REQUEST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Why a request cannot go on; what was taken before is stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    /// The engine takes nothing now.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The request unfolds to more than one may.
    #[error("its labels unfold to more than {LABELS_A_REQUEST_BYTES} bytes, send less at a time")]
    TooMuch,
}

/// What became of the samples of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Samples stored now.
    pub stored: u64,
    /// Samples that were there already.
    pub duplicates: u64,
    /// Native histograms among those two.
    pub histograms: u64,
    /// Exemplars stored, now or before.
    pub exemplars: u64,
    /// Samples that were refused.
    pub refused: Refused,
    /// Places of refused samples, as far as the engine lists them.
    pub refused_places: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    labels: Range<usize>,
    place: usize,
    timestamp_ms: i64,
    value: f64,
}

/// Takes samples and appends them in batches.
#[derive(Debug)]
pub(crate) struct Sink<'i> {
    intake: &'i Intake,
    sender: &'i str,
    /// The name of the protocol in counters.
    source: &'static str,
    /// What a place is: `line`, `data point`.
    place_word: &'static str,
    limits: LabelLimits,
    labels: Vec<u8>,
    series: Range<usize>,
    entries: Vec<Entry>,
    /// Native histograms with their positions among the entries, ascending.
    histograms: Vec<(usize, Arc<Histogram>)>,
    histograms_bytes: usize,
    exemplars: Vec<(Range<usize>, Exemplar)>,
    unfolded_bytes: u64,
    bad: Bad,
    taken: Taken,
}

impl<'i> Sink<'i> {
    pub(crate) fn new(shop: &Workshop<'i>, source: &'static str, place_word: &'static str) -> Self {
        Self {
            intake: shop.intake,
            sender: shop.sender,
            source,
            place_word,
            limits: LabelLimits::default(),
            labels: Vec::new(),
            series: 0..0,
            entries: Vec::new(),
            histograms: Vec::new(),
            histograms_bytes: 0,
            exemplars: Vec::new(),
            unfolded_bytes: 0,
            bad: Bad::default(),
            taken: Taken::default(),
        }
    }

    /// Begins a series, to which the samples that follow belong; says what is wrong with it.
    pub(crate) fn begin(&mut self, labels: &LabelSet<'_>) -> Result<Result<(), String>, SinkError> {
        if self.is_full() || self.labels.len() >= LABELS_A_BATCH_BYTES {
            self.flush()?;
        }
        let from = self.labels.len();
        if let Err(reason) = labels.encode(&self.limits, &mut self.labels) {
            return Ok(Err(reason));
        }
        self.series = from..self.labels.len();
        self.unfolded_bytes += self.series.len() as u64;
        if self.unfolded_bytes > LABELS_A_REQUEST_BYTES {
            self.flush()?;
            return Err(SinkError::TooMuch);
        }
        Ok(Ok(()))
    }

    /// Takes a sample of the series begun last; `place` is where it stands in the request.
    pub(crate) fn push(
        &mut self,
        place: usize,
        timestamp_ms: i64,
        value: f64,
    ) -> Result<(), SinkError> {
        self.entries.push(Entry { labels: self.series.clone(), place, timestamp_ms, value });
        self.flush_if_full()
    }

    /// Takes a native histogram as a sample of the series begun last.
    pub(crate) fn push_histogram(
        &mut self,
        place: usize,
        timestamp_ms: i64,
        histogram: Arc<Histogram>,
    ) -> Result<(), SinkError> {
        self.histograms_bytes += histogram.memory_bytes();
        self.histograms.push((self.entries.len(), histogram));
        self.push(place, timestamp_ms, f64::NAN)
    }

    /// Takes an exemplar of the series begun last, or counts one that is none.
    pub(crate) fn push_exemplar(&mut self, exemplar: Option<Exemplar>) -> Result<(), SinkError> {
        match exemplar {
            Some(exemplar) => self.exemplars.push((self.series.clone(), exemplar)),
            None => self.bad.exemplars += 1,
        }
        self.flush_if_full()
    }

    /// Counts exemplars that are dropped.
    pub(crate) fn drop_exemplars(&mut self, exemplars: u64) {
        self.bad.exemplars += exemplars;
    }

    /// Counts a native histogram that is none.
    pub(crate) fn refuse_histogram(&mut self, place: usize, reason: &str) {
        self.bad.histograms += 1;
        self.refuse(1, place, reason);
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= SAMPLES_A_BATCH
            || self.exemplars.len() >= SAMPLES_A_BATCH
            || self.histograms_bytes >= HISTOGRAMS_A_BATCH_BYTES
    }

    fn flush_if_full(&mut self) -> Result<(), SinkError> {
        if !self.is_full() {
            return Ok(());
        }
        // The series goes on: its labels stay.
        let series = self.labels.get(self.series.clone()).unwrap_or_default().to_vec();
        self.flush()?;
        self.labels = series;
        self.series = 0..self.labels.len();
        Ok(())
    }

    /// Counts samples that cannot be taken.
    pub(crate) fn refuse(&mut self, samples: u64, place: usize, reason: &str) {
        let word = self.place_word;
        self.taken.refused.add(samples, || format!("{word} {place}: {reason}"));
    }

    /// Appends what is left.
    pub(crate) fn finish(mut self) -> Result<Taken, SinkError> {
        self.flush()?;
        Ok(self.taken)
    }

    /// What became of the samples that were appended; those still held are dropped.
    pub(crate) fn into_taken(self) -> Taken {
        self.taken
    }

    /// Appends what is held; all of it is durable then.
    pub(crate) fn flush(&mut self) -> Result<(), SinkError> {
        let mut batch = Batch::with_capacity(self.entries.len()).from_source(self.sender);
        let encoded = |range: &Range<usize>| {
            EncodedLabels(self.labels.get(range.clone()).unwrap_or_default())
        };
        let mut histograms = self.histograms.iter().peekable();
        for (at, entry) in self.entries.iter().enumerate() {
            let (labels, timestamp_ms) = (encoded(&entry.labels), entry.timestamp_ms);
            match histograms.next_if(|(position, _)| *position == at) {
                Some((_, histogram)) => {
                    batch.push_histogram(labels, timestamp_ms, Arc::clone(histogram));
                }
                None => batch.push(labels, timestamp_ms, entry.value),
            }
        }
        for (labels, exemplar) in &self.exemplars {
            batch.push_exemplar(encoded(labels), exemplar.clone());
        }
        if !batch.is_empty() || !self.exemplars.is_empty() {
            let appended = self.intake.append_batch(&batch, self.source)?;
            self.taken.histograms += appended.histograms;
            let exemplars = self.exemplars.len() as u64;
            self.taken.exemplars += exemplars.saturating_sub(appended.exemplars_dropped);
            self.taken.stored += appended.accepted;
            self.taken.duplicates += appended.duplicates;
            let place = |position: usize| self.entries.get(position).map_or(0, |entry| entry.place);
            let places = appended.rejections.iter().map(|rejection| place(rejection.position));
            self.taken.refused_places.extend(places);
            let word = self.place_word;
            let name = |position| format!("{word} {}: ", place(position));
            self.taken.refused.add_appended(&appended, name);
        }
        self.intake.count_bad(self.source, std::mem::take(&mut self.bad));
        self.entries.clear();
        self.histograms.clear();
        self.histograms_bytes = 0;
        self.exemplars.clear();
        self.labels.clear();
        self.series = 0..0;
        Ok(())
    }
}
