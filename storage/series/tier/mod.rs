//! Tiers: what is left of samples when they are thinned out, kept longer than the samples.
//!
//! A tier keeps one row a span of time of each series (see thin.rs), in partitions of its own that
//! hold as many partitions of samples as make a file worth having. A partition of samples is
//! thinned out when its time is over and it stands unchanged, long before its retention ends; the
//! tier's partition is then written anew with those rows, and notes which revision they are of. When
//! samples come late or are deleted, the revision differs and the rows are made again.
//!
//! Queries take samples as long as they are there, and rows where they are not: see choose.rs.

mod build;
mod choose;
mod join;
mod thin;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::disk::DiskError;
use crate::options::TierOptions;
use crate::partition::{Partition, Shape};
use crate::partitions::Partitions;

pub(crate) use join::{Parts, columns_of, join};
pub(crate) use thin::{COLUMNS, Column};

/// How long a partition of samples stays beyond its retention when it cannot be thinned out.
pub(crate) const WAIT_MS: i64 = 7 * 24 * 3_600_000;

/// One tier.
pub(crate) struct Tier {
    pub(crate) resolution_ms: i64,
    /// `i64::MAX` keeps rows for ever, 0 makes none.
    retention_ms: AtomicI64,
    pub(crate) partitions: Partitions,
}

impl Tier {
    /// Opens the tiers of a directory, finest first.
    pub(crate) fn open_all(
        dir: &Path,
        wanted: &[TierOptions],
        samples: Shape,
    ) -> Result<Vec<Self>, DiskError> {
        let mut tiers = Vec::with_capacity(wanted.len());
        for options in wanted {
            let dir = dir.join(options.resolution_ms.to_string());
            fs::create_dir_all(&dir).map_err(|error| DiskError::io(&dir, &error))?;
            let shape = Shape {
                length_ms: samples.length_ms * i64::from(options.partitions.max(1)),
                columns: COLUMNS,
                ..samples
            };
            tiers.push(Self {
                resolution_ms: options.resolution_ms.max(1),
                retention_ms: AtomicI64::new(options.retention_ms.unwrap_or(i64::MAX).max(0)),
                partitions: Partitions::open(&dir, shape)?,
            });
        }
        tiers.sort_by_key(|tier| tier.resolution_ms);
        Ok(tiers)
    }

    /// Changes how long rows are kept; `None` keeps them for ever, 0 makes none.
    pub(crate) fn set_retention_ms(&self, retention_ms: Option<i64>) {
        self.retention_ms.store(retention_ms.unwrap_or(i64::MAX).max(0), Ordering::Relaxed);
    }

    /// How long rows are kept; `i64::MAX` is for ever, 0 makes none.
    pub(crate) fn retention_ms(&self) -> i64 {
        self.retention_ms.load(Ordering::Relaxed)
    }

    /// The oldest time whose rows are kept.
    pub(crate) fn oldest_ms(&self, now_ms: i64) -> i64 {
        match self.retention_ms() {
            i64::MAX => i64::MIN,
            retention_ms => now_ms.saturating_sub(retention_ms),
        }
    }

    /// Whether rows of a partition of samples are to be made, or to be kept, now.
    pub(crate) fn wants(&self, samples: &Partition, now_ms: i64) -> bool {
        samples.to_ms > self.oldest_ms(now_ms)
    }

    /// Whether the rows of a partition of samples are those of its present revision.
    pub(crate) fn has(&self, samples: &Partition) -> Result<bool, DiskError> {
        let Some(home) = self.home_of(samples) else { return Ok(false) };
        let built = home.built()?.get(&samples.number).map(|of| of.revision);
        Ok(built == Some(samples.summary()?.revision))
    }

    /// The partition that has, or would have, the rows of a partition of samples.
    fn home_of(&self, samples: &Partition) -> Option<Arc<Partition>> {
        self.partitions.get(self.partitions.number_of(samples.from_ms))
    }
}

/// Numbers of partitions of samples and what of them a partition of a tier has rows of.
pub(crate) type Built = BTreeMap<i32, BuiltOf>;

/// What rows were made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BuiltOf {
    /// The revision of the partition of samples.
    pub(crate) revision: u64,
    /// Whether rows lie among them of an earlier partition of the same time that is gone.
    pub(crate) mixed: bool,
}

impl BuiltOf {
    /// Whether two revisions are of one partition and not of one that came when the other was gone.
    fn same_lineage(self, revision: u64) -> bool {
        self.revision >> 32 == revision >> 32
    }

    /// Whether a partition of samples has all that the rows were made of.
    pub(crate) fn is_all_of(self, revision: u64) -> bool {
        !self.mixed && self.same_lineage(revision)
    }

    /// What rows are made of when those of a revision are put among these.
    fn renewed(self, revision: u64) -> Self {
        Self { revision, mixed: self.mixed || !self.same_lineage(revision) }
    }
}

#[cfg(test)]
mod tests;
