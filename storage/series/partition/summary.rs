//! What a partition holds, in a few numbers.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Partition;
use crate::disk::DiskError;
use crate::tier::Built;

/// What a partition holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Series that are in answers; one with several numbers counts for each.
    pub(crate) series: u32,
    /// Samples, doubles included; `None` where an earlier release wrote some.
    pub(crate) samples: Option<u64>,
    /// Whether a compaction would bring nothing.
    pub(crate) compact: bool,
    /// Whether it was compacted once.
    pub(crate) compacted: bool,
    /// Whether something was deleted that still lies in the file.
    pub(crate) tombstones: bool,
    /// What it says has this number until it is changed; see [`next_revision`].
    pub(crate) revision: u64,
}

/// The revision after one; that of a new file begins a lineage of its own: what was deleted and
/// comes again is not what it was.
pub(super) fn next_revision(revision: Option<u64>) -> u64 {
    match revision {
        Some(revision) => revision.wrapping_add(1),
        // Every state is seeded at random.
        None => foldhash::quality::RandomState::default().hash_one(()) & !u64::from(u32::MAX),
    }
}

impl Partition {
    pub(crate) fn built_cache(&self) -> MutexGuard<'_, Option<(u64, Built)>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it holds; the file is opened for it only when it changed since the last time.
    pub(crate) fn summary(&self) -> Result<Summary, DiskError> {
        let changes = self.changes();
        let known = *self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, summary)) = known
            && at == changes
        {
            return Ok(summary);
        }
        let summary = self.reader()?.summary();
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = Some((changes, summary));
        Ok(summary)
    }

    /// How often the file was changed since the engine was opened.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// How long the file was not changed, at most since the engine was opened.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.changed_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    pub(super) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        *self.changed_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}
