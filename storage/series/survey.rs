//! What is stored, about: for each rule of retention, and of series that satisfy matchers.
//!
//! Bytes and samples of some series of a partition are the share that they have of its series:
//! no block is read for it.

use std::collections::HashSet;
use std::io;

use metric::{Matcher, ReadError};
use roaring::RoaringBitmap;

use crate::batch::hash_labels;
use crate::delete::find_any;
use crate::engine::{Engine, Series};
use crate::partition::Partition;

/// Label sets that are read to count series; beyond it the count is a lower bound.
const LABELS_READ_MAX: u64 = if cfg!(test) { 50 } else { 1_000_000 };

/// What is stored, by the rules of retention.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// What each rule holds for, in their order, and then what none does.
    pub groups: Vec<Share>,
    /// All partitions, oldest first.
    pub partitions: Vec<PartitionShare>,
}

/// What is stored of a group of series.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Share {
    /// Series in memory.
    pub active_series: u64,
    /// Bytes in partitions, about.
    pub bytes: u64,
    /// Beginning of the oldest partition that holds some.
    pub oldest_ms: Option<i64>,
}

/// What a partition holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartitionShare {
    /// First millisecond.
    pub from_ms: i64,
    /// First millisecond after the end.
    pub to_ms: i64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Series.
    pub series: u64,
    /// Samples, deleted ones that still lie there included; `None` where an earlier release
    /// wrote some.
    pub samples: Option<u64>,
}

/// What matchers concern.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Series with samples about the span.
    pub series: u64,
    /// Whether that is their number and not a lower bound.
    pub series_exact: bool,
    /// Samples within the span, about.
    pub samples: u64,
    /// Bytes of these samples in partitions, about.
    pub bytes: u64,
    /// Partitions that hold some.
    pub partitions: usize,
}

impl Series {
    /// What is stored for each rule of the retention, and in each partition.
    ///
    /// # Errors
    /// A damaged file.
    pub fn survey(&self) -> Result<Survey, ReadError> {
        let engine = self.engine();
        let keeping = engine.keeping();
        let active = keeping.groups(&engine.head().index)?;
        let of = |slots: &RoaringBitmap| Share { active_series: slots.len(), ..Share::default() };
        let mut survey = Survey { groups: active.iter().map(of).collect(), partitions: Vec::new() };
        for partition in engine.partitions.list() {
            let counts = engine.group_counts(&partition, &keeping)?;
            let share = share_of(&partition)?;
            for (group, count) in survey.groups.iter_mut().zip(&*counts) {
                if *count > 0 {
                    group.bytes += part(share.bytes, *count, share.series);
                    group.oldest_ms = group.oldest_ms.or(Some(partition.from_ms));
                }
            }
            survey.partitions.push(share);
        }
        Ok(survey)
    }

    /// Free bytes and size of the disk that holds the engine's files.
    ///
    /// # Errors
    /// What the system says.
    pub fn disk(&self) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::statvfs(&self.engine().dir)?;
        Ok((
            stat.f_bavail.saturating_mul(stat.f_frsize),
            stat.f_blocks.saturating_mul(stat.f_frsize),
        ))
    }

    /// What a deletion of the same selectors and span would concern, about.
    ///
    /// # Errors
    /// A damaged file.
    pub fn estimate(
        &self,
        selectors: &[Vec<Matcher>],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Estimate, ReadError> {
        let mut estimate = Estimate { series_exact: true, ..Estimate::default() };
        if selectors.is_empty() || from_ms > to_ms {
            return Ok(estimate);
        }
        let mut seen = HashSet::new();
        self.engine().estimate_head(selectors, (from_ms, to_ms), &mut seen, &mut estimate)?;
        let mut left = LABELS_READ_MAX;
        let mut partitions = self.engine().partitions.overlapping(from_ms, to_ms);
        let samples = partitions.len();
        for tier in &self.engine().tiers {
            partitions.extend(tier.partitions.overlapping(from_ms, to_ms));
        }
        for (at, partition) in partitions.into_iter().enumerate() {
            let reader = partition.reader()?;
            let mut locals = find_any(&reader, selectors)?;
            if locals.is_empty() {
                continue;
            }
            let share = share_of(&partition)?;
            let of_span = |whole: u64| {
                let overlap =
                    to_ms.min(partition.to_ms - 1).abs_diff(from_ms.max(partition.from_ms));
                let length = partition.to_ms.abs_diff(partition.from_ms);
                part(part(whole, locals.len(), share.series), overlap.saturating_add(1), length)
            };
            // The rows of tiers are no samples, but they go with them.
            if at < samples {
                estimate.samples += of_span(share.samples.unwrap_or(share.bytes / 2));
            }
            estimate.bytes += of_span(share.bytes);
            estimate.partitions += 1;
            if locals.len() > left {
                estimate.series_exact = false;
                locals = locals.into_iter().take(usize::try_from(left).unwrap_or(0)).collect();
            }
            left -= locals.len();
            reader.labels_of(&locals, |_, labels| {
                seen.insert(hash_labels(labels.encoded().as_bytes()));
                Ok(())
            })?;
        }
        estimate.series = seen.len() as u64;
        Ok(estimate)
    }
}

impl Engine {
    /// Adds what memory holds and no partition does yet.
    fn estimate_head(
        &self,
        selectors: &[Vec<Matcher>],
        (from_ms, to_ms): (i64, i64),
        seen: &mut HashSet<u64>,
        estimate: &mut Estimate,
    ) -> Result<(), ReadError> {
        let head = self.head();
        let mut found = 0;
        for slot in find_any(&head.index, selectors)? {
            let Some(series) = head.series.get(slot) else { continue };
            if series.range_ms().is_some_and(|(first, last)| first <= to_ms && last >= from_ms) {
                seen.insert(hash_labels(series.labels.encoded().as_bytes()));
                found += 1;
            }
        }
        estimate.samples += part(head.pending_samples(), found, head.series.len() as u64);
        Ok(())
    }
}

fn share_of(partition: &Partition) -> Result<PartitionShare, ReadError> {
    let summary = partition.summary()?;
    Ok(PartitionShare {
        from_ms: partition.from_ms,
        to_ms: partition.to_ms,
        bytes: partition.size_bytes(),
        series: summary.series.into(),
        samples: summary.samples,
    })
}

/// So many parts of a whole that has `of`.
fn part(whole: u64, count: u64, of: u64) -> u64 {
    let shared = u128::from(whole) * u128::from(count) / u128::from(of.max(1));
    u64::try_from(shared).unwrap_or(u64::MAX).min(whole)
}
