//! Deleting samples by matchers and time.
//!
//! Everything is flushed first, so that the journal holds nothing of what is deleted; then each
//! partition notes in one durable commit what it hides from its readers. Compaction frees the
//! space later.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use metric::{Matcher, ReadError};
use roaring::RoaringBitmap;

use crate::batch::hash_labels;
use crate::engine::{Engine, Series};
use crate::partition::{Deletion, Partition, PartitionReader};
use crate::postings;

/// What a deletion found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Series that satisfied a selector in a partition of the span.
    pub series: u64,
    /// Partitions that hide something now.
    pub partitions: usize,
}

/// Why a deletion failed. Some partitions may have done it already; asking again is right.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// A file is damaged, or the disk refuses.
    #[error(transparent)]
    Disk(#[from] ReadError),
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
}

impl Series {
    /// Deletes the samples within a span, both ends inclusive, of the series that satisfy all
    /// matchers of one of the selectors. What was acknowledged before the call is in no answer
    /// when it returns, durably; what is appended later is kept, at the same times too. The
    /// space is free after the compaction.
    ///
    /// # Errors
    /// A damaged file, a disk that refuses, or a closed engine.
    pub fn delete(
        &self,
        selectors: &[Vec<Matcher>],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Deleted, DeleteError> {
        self.engine().delete(selectors, from_ms, to_ms)
    }
}

impl Engine {
    fn delete(
        &self,
        selectors: &[Vec<Matcher>],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Deleted, DeleteError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(DeleteError::Closed);
        }
        let mut deleted = Deleted::default();
        if selectors.is_empty() || from_ms > to_ms {
            return Ok(deleted);
        }
        let mut state = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        self.flush_locked(&mut state).map_err(ReadError::from)?;
        let outcome = self.hide(selectors, (from_ms, to_ms), &mut deleted);
        // After a failure too: what some partitions hide must be no duplicate.
        let mut head = self.head_mut();
        let slots = find_any(&head.index, selectors)?;
        head.forget(&slots, (from_ms, to_ms), self.partitions.length_ms());
        outcome.map(|()| deleted)
    }

    /// Has the partitions hide what matches.
    fn hide(
        &self,
        selectors: &[Vec<Matcher>],
        span: (i64, i64),
        deleted: &mut Deleted,
    ) -> Result<(), DeleteError> {
        let mut seen = HashSet::new();
        let mut partitions = self.partitions.overlapping(span.0, span.1);
        for tier in &self.tiers {
            partitions.extend(tier.partitions.overlapping(span.0, span.1));
        }
        for partition in partitions {
            let reader = partition.reader().map_err(ReadError::from)?;
            let locals = find_any(&reader, selectors)?;
            if locals.is_empty() {
                continue;
            }
            reader.labels_of(&locals, |_, labels| {
                seen.insert(hash_labels(labels.encoded().as_bytes()));
                Ok(())
            })?;
            let deletion = deletion(&partition, &reader, locals, span);
            drop(reader);
            partition.delete(deletion).map_err(ReadError::from)?;
            deleted.partitions += 1;
        }
        deleted.series = seen.len() as u64;
        Ok(())
    }
}

/// The series that satisfy one of the selectors.
pub(crate) fn find_any(
    index: &impl postings::Postings,
    selectors: &[Vec<Matcher>],
) -> Result<RoaringBitmap, ReadError> {
    let mut found = RoaringBitmap::new();
    for matchers in selectors {
        found |= postings::find(index, matchers)?;
    }
    Ok(found)
}

/// What is to be deleted from a partition; all of a series where the span holds the partition.
fn deletion(
    partition: &Partition,
    reader: &PartitionReader,
    locals: RoaringBitmap,
    (from_ms, to_ms): (i64, i64),
) -> Deletion {
    let last_ms = reader.newest_ms().unwrap_or(i64::MAX).min(partition.to_ms - 1);
    let whole = from_ms <= partition.from_ms && to_ms >= last_ms;
    let (from_ms, to_ms) = if whole { (i64::MIN, i64::MAX) } else { (from_ms, to_ms) };
    Deletion { locals, from_ms, to_ms, whole, begins_lineage: false }
}
