//! The engine: the head, the journal and the partitions under one handle.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metric::Metadata;

use crate::batch::{Appended, Batch};
use crate::catalog::{Catalog, MetadataBook};
use crate::compaction::Compacting;
use crate::disk::DiskError;
use crate::flush::FlushState;
use crate::head::{Head, Window};
use crate::journal::Journal;
use crate::limits::SeriesLimits;
use crate::options::Options;
use crate::partitions::Partitions;
use crate::retention::RuleBook;
use crate::tier::Tier;
use crate::{compaction, maintenance, open};

/// Times beyond year 5138 in either direction are refused: partition numbers stay small.
const TIME_MS_MAX: i64 = 100_000_000_000_000;
/// Samples appended under one hold of the head's lock.
const SLICE: usize = 16_384;
/// Longest help text of a metric in bytes.
const HELP_BYTES_MAX: usize = 4096;

/// Why the engine could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// A file does not hold what it should.
    #[error("damaged data in {file}: {detail}")]
    Corrupt {
        /// Path of the file.
        file: String,
        /// What was wrong.
        detail: String,
    },
    /// A newer release wrote the files.
    #[error("{file} has format version {version}, newer than this release knows")]
    Newer {
        /// Path of the file.
        file: String,
        /// The version found.
        version: u64,
    },
    /// The disk or the system refuses.
    #[error("{detail}")]
    Io {
        /// What the system says, with the path.
        detail: String,
    },
}

impl From<DiskError> for OpenError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Damaged { file, detail } => Self::Corrupt { file, detail },
            DiskError::Newer { file, version } => Self::Newer { file, version },
            error @ DiskError::Io { .. } => Self::Io { detail: error.to_string() },
        }
    }
}

/// Why a whole batch was not taken. Sending it again later is right: what of it was stored is
/// then known as a duplicate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk refuses; the engine recovers by itself when it no longer does.
    #[error("samples cannot be stored now: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// More samples wait to be flushed than memory may hold.
    #[error("{pending} samples wait to be flushed, at most {max} may")]
    Overloaded {
        /// Samples waiting.
        pending: u64,
        /// The limit.
        max: u64,
    },
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
}

/// Why a flush or the close failed. Nothing acknowledged is lost by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("flushing failed: {reason}")]
pub struct FlushError {
    /// Why.
    pub reason: String,
}

/// The time-series engine. Cheap to clone; the last clone dropped stops the background threads.
#[derive(Clone)]
pub struct Series {
    owner: Arc<Owner>,
}

struct Owner {
    engine: Arc<Engine>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What all handles and the background threads share.
pub(crate) struct Engine {
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) head: RwLock<Head>,
    pub(crate) journal: Journal,
    pub(crate) catalog: Catalog,
    pub(crate) partitions: Partitions,
    /// Finest first.
    pub(crate) tiers: Vec<Tier>,
    pub(crate) metadata: Mutex<MetadataBook>,
    pub(crate) flushing: Mutex<FlushState>,
    /// Held by the compaction that runs.
    pub(crate) compacting: Mutex<Compacting>,
    /// Whether somebody waits for it.
    pub(crate) hurry: AtomicBool,
    pub(crate) counters: Counters,
    /// `i64::MAX` keeps for ever.
    pub(crate) retention_ms: AtomicI64,
    /// `u64::MAX` keeps everything.
    pub(crate) retention_bytes: AtomicU64,
    pub(crate) limits: RwLock<SeriesLimits>,
    pub(crate) rules: RuleBook,
    pub(crate) started: Instant,
    pub(crate) closed: AtomicBool,
    pub(crate) wake: (Mutex<bool>, Condvar),
}

/// Totals since the engine was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) exemplars: AtomicU64,
    pub(crate) exemplars_dropped: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) flush_failures: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) compactions: AtomicU64,
    pub(crate) compaction_failures: AtomicU64,
    pub(crate) compacted_from_bytes: AtomicU64,
    pub(crate) compacted_to_bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn note_compaction_failure(&self) {
        self.compaction_failures.fetch_add(1, Ordering::Relaxed);
    }
}

impl Series {
    /// Opens the directory, makes it if need be, and takes back what the journal holds.
    ///
    /// # Errors
    /// A damaged or newer file, or a disk that refuses.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let engine = Arc::new(open::open(dir, options)?);
        let owner = Owner { engine: Arc::clone(&engine), threads: Mutex::default() };
        let failed = |error: std::io::Error| OpenError::Io { detail: error.to_string() };
        owner.keep(maintenance::start(Arc::clone(&engine)).map_err(failed)?);
        owner.keep(compaction::start(engine).map_err(failed)?);
        Ok(Self { owner: Arc::new(owner) })
    }

    /// Appends samples and returns when they are durable. Good samples are kept, bad ones are
    /// listed in the outcome; the first value at a time wins.
    ///
    /// # Errors
    /// The whole batch was not acknowledged: the disk refuses, or too much waits to be flushed.
    pub fn append(&self, batch: &Batch<'_>) -> Result<Appended, AppendError> {
        self.engine().append(batch)
    }

    /// States what metrics mean; durable when it returns. What is known already costs nothing.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_metadata(&self, stated: &[(&str, Metadata)]) -> Result<(), AppendError> {
        self.engine().set_metadata(stated)
    }

    /// What is known about one metric, or about the first `limit` metrics by name.
    #[must_use]
    pub fn metadata(&self, metric: Option<&str>, limit: usize) -> Vec<(String, Metadata)> {
        let book = self.engine().metadata();
        let pair = |(name, known): (&String, &Metadata)| (name.clone(), known.clone());
        match metric {
            Some(metric) => book.known.get_key_value(metric).map(pair).into_iter().collect(),
            None => book.known.iter().take(limit).map(pair).collect(),
        }
    }

    /// Stores all samples in memory into partitions.
    ///
    /// # Errors
    /// The disk refuses. The samples stay in memory and in the journal.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.engine().flush().map_err(|error| FlushError { reason: error.to_string() })
    }

    /// Deletes partitions that are older, or take more, than the retention, and of others the
    /// series that their rule no longer keeps; the background thread does so every minute.
    /// Returns how many partitions were deleted.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn expire(&self) -> Result<usize, FlushError> {
        self.engine().expire().map_err(|error| FlushError { reason: error.to_string() })
    }

    /// How long samples are kept that no rule holds for; `None` keeps them for ever.
    pub fn set_retention_ms(&self, retention_ms: Option<i64>) {
        let stored = retention_ms.unwrap_or(i64::MAX).max(0);
        self.engine().retention_ms.store(stored, Ordering::Relaxed);
    }

    /// How long the rows of the tier with a resolution are kept; `None` keeps them for ever, 0 makes
    /// none. A resolution that no tier has is passed over.
    pub fn set_tier_retention_ms(&self, resolution_ms: i64, retention_ms: Option<i64>) {
        let tiers = &self.engine().tiers;
        if let Some(tier) = tiers.iter().find(|tier| tier.resolution_ms == resolution_ms) {
            tier.set_retention_ms(retention_ms);
        }
    }

    /// Most bytes that partitions take together; `None` sets no bound.
    pub fn set_retention_bytes(&self, bytes: Option<u64>) {
        self.engine().retention_bytes.store(bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Refuses further appends, flushes, and stops the background thread. Other handles may
    /// still read.
    ///
    /// # Errors
    /// The flush failed: what it should have stored lies in the journal.
    pub fn close(&self) -> Result<(), FlushError> {
        self.engine().closed.store(true, Ordering::SeqCst);
        self.owner.stop();
        self.flush()?;
        // A journal that failed during the flush leaves samples for another one.
        if self.engine().journal.check().is_err() { self.flush() } else { Ok(()) }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.owner.engine
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("dir", &self.engine().dir).finish_non_exhaustive()
    }
}

impl Owner {
    fn keep(&self, thread: JoinHandle<()>) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    fn stop(&self) {
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        self.engine.stop_threads();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a background thread of the series engine panicked");
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Engine {
    fn append(&self, batch: &Batch<'_>) -> Result<Appended, AppendError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(AppendError::Closed);
        }
        let window = self.window();
        let mut outcome = Appended::default();
        let mut ticket = None;
        let mut from = 0;
        while from < batch.len() {
            let to = batch.len().min(from + SLICE);
            let mut head = self.head_mut();
            self.may_append(&head)?;
            head.append(batch, from..to, &window, &mut outcome);
            ticket = Some(self.journal.enqueue(head.ops.bytes()));
            head.ops.clear();
            let full = head.is_full(self.options.flush_bytes);
            drop(head);
            if full {
                self.wake();
            }
            from = to;
        }
        if !batch.exemplars().is_empty() {
            let mut head = self.head_mut();
            self.may_append(&head)?;
            head.append_exemplars(batch, &window, &mut outcome);
            ticket = Some(self.journal.enqueue(head.ops.bytes()));
            head.ops.clear();
        }
        if let Some(ticket) = ticket {
            self.journal.sync(ticket).map_err(|reason| self.unavailable(&reason))?;
        }
        self.counters.accepted.fetch_add(outcome.accepted, Ordering::Relaxed);
        self.counters.duplicates.fetch_add(outcome.duplicates, Ordering::Relaxed);
        self.counters.rejected.fetch_add(outcome.rejected, Ordering::Relaxed);
        self.counters.exemplars.fetch_add(outcome.exemplars, Ordering::Relaxed);
        self.counters.exemplars_dropped.fetch_add(outcome.exemplars_dropped, Ordering::Relaxed);
        Ok(outcome)
    }

    fn may_append(&self, head: &Head) -> Result<(), AppendError> {
        self.journal.check().map_err(|reason| self.unavailable(&reason))?;
        let (pending, max) = (head.pending_samples(), self.options.pending_samples_max);
        if pending > max {
            self.wake();
            return Err(AppendError::Overloaded { pending, max });
        }
        Ok(())
    }

    fn unavailable(&self, reason: &str) -> AppendError {
        self.wake();
        AppendError::Unavailable { reason: reason.to_owned() }
    }

    fn set_metadata(&self, stated: &[(&str, Metadata)]) -> Result<(), AppendError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(AppendError::Closed);
        }
        let ticket = {
            let mut head = self.head_mut();
            self.may_append(&head)?;
            let mut book = self.metadata();
            for (name, metadata) in stated {
                let mut metadata = metadata.clone();
                let end = HELP_BYTES_MAX.min(metadata.help.len());
                let end = (0..=end).rev().find(|at| metadata.help.is_char_boundary(*at));
                metadata.help.truncate(end.unwrap_or(0));
                let fits = name.len() <= self.options.labels.value_bytes_max
                    && metadata.unit.len() <= self.options.labels.value_bytes_max;
                if fits
                    && book.set(name, &metadata)
                    && let Ok(json) = serde_json::to_vec(&(name, &metadata))
                {
                    head.ops.metadata(&json);
                }
            }
            let ticket = self.journal.enqueue(head.ops.bytes());
            head.ops.clear();
            ticket
        };
        self.journal.sync(ticket).map_err(|reason| self.unavailable(&reason))
    }

    fn window(&self) -> Window {
        let now_ms = self.options.now.read_ms();
        let keeping = self.keeping();
        Window {
            oldest_ms: keeping.oldest_ms().max(-TIME_MS_MAX),
            oldest_of_all_ms: keeping.oldest_of_all_ms(),
            keeping,
            latest_ms: now_ms.saturating_add(self.options.future_ms).min(TIME_MS_MAX),
            out_of_order_ms: self.options.out_of_order_ms,
            limits: *self.limits.read().unwrap_or_else(PoisonError::into_inner),
            exemplars_max: self.options.exemplars_max,
            labels: self.options.labels,
        }
    }

    pub(crate) fn head(&self) -> RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn head_mut(&self) -> RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn metadata(&self) -> MutexGuard<'_, MetadataBook> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the background thread to look now.
    pub(crate) fn wake(&self) {
        self.wake.1.notify_all();
    }

    /// Waits, at most until the engine is closed; says whether it is.
    pub(crate) fn rest(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut stop = self.wake.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if *stop || left.is_zero() {
                return *stop;
            }
            let waited = self.wake.1.wait_timeout(stop, left);
            (stop, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop_threads(&self) {
        *self.wake.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.1.notify_all();
    }
}
