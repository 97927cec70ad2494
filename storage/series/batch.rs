//! What is appended at once, and what became of it.

use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock};

use metric::{EncodedLabels, Exemplar, Histogram, LabelError, stale_nan};

/// One hasher for the whole process, seeded at random: senders cannot aim at collisions.
static HASHER: LazyLock<foldhash::quality::RandomState> =
    LazyLock::new(foldhash::quality::RandomState::default);

/// Rejections that an outcome lists; all are counted.
const REJECTIONS_SHOWN_MAX: usize = 100;

/// The hash by which a series is found.
pub(crate) fn hash_labels(bytes: &[u8]) -> u64 {
    HASHER.hash_one(bytes)
}

/// What a protocol demands of a label set beyond what the engine does; says what is wrong.
pub type LabelCheck = fn(&[u8]) -> Result<(), &'static str>;

/// Samples to append, borrowing the label bytes from where they arrived.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    entries: Vec<Entry<'a>>,
    /// Native histograms with their positions among the entries, ascending.
    histograms: Vec<(usize, Arc<Histogram>)>,
    exemplars: Vec<ExemplarEntry<'a>>,
    check: Option<LabelCheck>,
    source: &'a str,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) labels: &'a [u8],
    pub(crate) hash: u64,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
}

#[derive(Debug)]
pub(crate) struct ExemplarEntry<'a> {
    pub(crate) labels: &'a [u8],
    pub(crate) hash: u64,
    pub(crate) exemplar: Exemplar,
    /// How many samples were added before.
    behind: usize,
}

impl<'a> Batch<'a> {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for samples.
    #[must_use]
    pub fn with_capacity(samples: usize) -> Self {
        Self { entries: Vec::with_capacity(samples), ..Self::default() }
    }

    /// Puts label bytes to a check before they become a series. Those of a known series passed
    /// it when they came first, so that in the long run it costs nothing.
    #[must_use]
    pub fn checked(mut self, check: LabelCheck) -> Self {
        self.check = Some(check);
        self
    }

    /// Says who sends the batch. New series count for the source; one without a name has no
    /// limit.
    #[must_use]
    pub fn from_source(mut self, source: &'a str) -> Self {
        self.source = source;
        self
    }

    /// Adds a sample. Samples of one series that follow each other share the look-up when they
    /// share the label bytes.
    pub fn push(&mut self, labels: EncodedLabels<'a>, timestamp_ms: i64, value: f64) {
        let labels = labels.as_bytes();
        let hash = match self.entries.last() {
            Some(last) if std::ptr::eq(last.labels, labels) => last.hash,
            _ => hash_labels(labels),
        };
        self.entries.push(Entry { labels, hash, timestamp_ms, value });
    }

    /// Adds a native histogram as a sample. A stale one is the stale marker of any series.
    pub fn push_histogram(
        &mut self,
        labels: EncodedLabels<'a>,
        timestamp_ms: i64,
        histogram: Arc<Histogram>,
    ) {
        if histogram.is_stale() {
            self.push(labels, timestamp_ms, stale_nan());
            return;
        }
        self.histograms.push((self.entries.len(), histogram));
        self.push(labels, timestamp_ms, f64::NAN);
    }

    /// Adds an exemplar of a series that has samples, in this batch or from before. It is taken
    /// in after all samples.
    pub fn push_exemplar(&mut self, labels: EncodedLabels<'a>, exemplar: Exemplar) {
        let labels = labels.as_bytes();
        let hash = match self.entries.last() {
            Some(last) if std::ptr::eq(last.labels, labels) => last.hash,
            _ => hash_labels(labels),
        };
        let behind = self.entries.len();
        self.exemplars.push(ExemplarEntry { labels, hash, exemplar, behind });
    }

    /// Takes back all samples but the first `len`, and the exemplars that came behind those.
    pub fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
        self.histograms.truncate(self.histograms.partition_point(|(at, _)| *at < len));
        self.exemplars.truncate(self.exemplars.partition_point(|entry| entry.behind <= len));
    }

    /// The number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no sample was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn source(&self) -> &'a str {
        self.source
    }

    pub(crate) fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// The histograms from a position on, ascending.
    pub(crate) fn histograms_from(&self, from: usize) -> &[(usize, Arc<Histogram>)] {
        &self.histograms[self.histograms.partition_point(|(at, _)| *at < from)..]
    }

    pub(crate) fn exemplars(&self) -> &[ExemplarEntry<'a>] {
        &self.exemplars
    }

    /// Checks the labels of a series that memory does not know.
    pub(crate) fn check(&self, labels: &[u8]) -> Result<(), RejectReason> {
        self.check.map_or(Ok(()), |check| check(labels).map_err(RejectReason::Protocol))
    }
}

/// What became of a batch. Everything not rejected is durable.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Appended {
    /// Samples stored.
    pub accepted: u64,
    /// Samples that were there already, with the same value: nothing to do.
    pub duplicates: u64,
    /// Samples refused.
    pub rejected: u64,
    /// Series seen for the first time.
    pub new_series: u64,
    /// Native histograms among the stored samples and those that were there already.
    pub histograms: u64,
    /// Exemplars stored.
    pub exemplars: u64,
    /// Exemplars not stored: out of order, of no known series, too long, or more than memory may
    /// hold until the next flush.
    pub exemplars_dropped: u64,
    /// Samples refused, by [`RejectReason::code`].
    pub rejected_by_code: Vec<(&'static str, u64)>,
    /// Why samples were refused: the first hundred.
    pub rejections: Vec<Rejection>,
}

impl Appended {
    pub(crate) fn reject(&mut self, position: usize, entry: &Entry<'_>, reason: RejectReason) {
        self.rejected += 1;
        let code = reason.code();
        match self.rejected_by_code.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => self.rejected_by_code.push((code, 1)),
        }
        if self.rejections.len() < REJECTIONS_SHOWN_MAX {
            self.rejections.push(Rejection {
                position,
                series: show_labels(entry.labels),
                timestamp_ms: entry.timestamp_ms,
                value: entry.value,
                reason,
            });
        }
    }
}

/// Label bytes for a message; broken ones as far as they can be read.
fn show_labels(bytes: &[u8]) -> String {
    let shown = match EncodedLabels(bytes).to_labels(&metric::LabelLimits::UNLIMITED) {
        Ok(labels) => labels.to_string(),
        Err(_) => EncodedLabels(bytes).describe(),
    };
    shown.chars().take(300).collect()
}

/// One refused sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Position in the batch.
    pub position: usize,
    /// The series as PromQL writes it, shortened.
    pub series: String,
    /// Time of the sample.
    pub timestamp_ms: i64,
    /// Value of the sample.
    pub value: f64,
    /// Why.
    pub reason: RejectReason,
}

/// Why a sample was refused. None of these succeeds when it is sent again, except
/// [`RejectReason::TooManySeries`]; those of one metric or source do when others stand idle for
/// long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// The label set is wrong.
    #[error("{0}")]
    Labels(#[from] LabelError),
    /// The label set is not what the sender's protocol demands.
    #[error("{0}")]
    Protocol(&'static str),
    /// The label set is empty.
    #[error("the series has no labels")]
    NoLabels,
    /// Older than the retention, or than the engine can store.
    #[error("too old: the oldest time accepted now is {oldest_ms} ms")]
    TooOld {
        /// Oldest time accepted.
        oldest_ms: i64,
    },
    /// Too far ahead of the clock.
    #[error("too far in the future: the latest time accepted now is {latest_ms} ms")]
    TooFarInFuture {
        /// Latest time accepted.
        latest_ms: i64,
    },
    /// Further behind the newest sample of its series than the window allows.
    #[error("out of order: the newest sample of the series is at {newest_ms} ms")]
    OutOfOrder {
        /// Time of the newest sample of the series.
        newest_ms: i64,
    },
    /// The series has another value at this time; the first one stays.
    #[error("the series has a different value at this time")]
    DuplicateTimestamp,
    /// A new series beyond the limit.
    #[error("too many series: {max} are in memory already")]
    TooManySeries {
        /// The limit.
        max: usize,
    },
    /// A new series beyond the limit of its metric.
    #[error("too many series of the metric {metric:?}: {max} are in memory already")]
    TooManySeriesOfMetric {
        /// The metric's name.
        metric: Box<str>,
        /// The limit.
        max: usize,
    },
    /// A new series beyond the limit of its source.
    #[error("too many series of the source {source_name:?}: {max} are in memory already")]
    TooManySeriesOfSource {
        /// The name of the source.
        source_name: Box<str>,
        /// The limit.
        max: usize,
    },
}

impl RejectReason {
    /// A stable name for counters and answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Labels(_) | Self::Protocol(_) => "bad_labels",
            Self::NoLabels => "no_labels",
            Self::TooOld { .. } => "too_old",
            Self::TooFarInFuture { .. } => "too_far_in_future",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::DuplicateTimestamp => "duplicate_timestamp",
            Self::TooManySeries { .. } => "too_many_series",
            Self::TooManySeriesOfMetric { .. } => "too_many_series_of_metric",
            Self::TooManySeriesOfSource { .. } => "too_many_series_of_source",
        }
    }
}
