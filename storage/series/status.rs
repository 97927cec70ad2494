//! What the engine says about itself: sizes, totals and where the series come from.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use metric::METRIC_NAME;

use crate::engine::Series;
use crate::partition::Partition;
use crate::partitions::Partitions;
use crate::tier::Tier;

/// Totals and sizes at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Series in memory.
    pub active_series: usize,
    /// Most series that memory takes.
    pub series_max: usize,
    /// Series seen for the first time since the engine was opened.
    pub created_series: u64,
    /// Series that left memory because they stood idle.
    pub evicted_series: u64,
    /// Samples stored since the engine was opened.
    pub accepted_samples: u64,
    /// Samples that were there already.
    pub duplicate_samples: u64,
    /// Samples refused.
    pub rejected_samples: u64,
    /// Exemplars stored since the engine was opened.
    pub exemplars: u64,
    /// Exemplars that were not stored.
    pub dropped_exemplars: u64,
    /// Samples in memory that no partition holds yet.
    pub pending_samples: u64,
    /// Time of the newest sample since the engine was opened.
    pub newest_ms: Option<i64>,
    /// Time of the oldest sample that no partition holds yet.
    pub oldest_pending_ms: Option<i64>,
    /// Flushes that succeeded.
    pub flushes: u64,
    /// Flushes that failed.
    pub flush_failures: u64,
    /// Partitions that were compacted since the engine was opened.
    pub compactions: u64,
    /// Compactions that failed.
    pub compaction_failures: u64,
    /// Bytes on disk of compacted partitions before.
    pub compacted_from_bytes: u64,
    /// Bytes on disk of compacted partitions after.
    pub compacted_to_bytes: u64,
    /// Syncs of the journal.
    pub journal_syncs: u64,
    /// Why appends are refused or the last flush failed, if so.
    pub trouble: Option<String>,
    /// Directories of partitions that were damaged and set aside: their samples are not read.
    pub set_aside: Vec<String>,
    /// Files.
    pub sizes: Sizes,
}

/// Bytes on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Journal, flushed segments that still stay included.
    pub journal_bytes: u64,
    /// Catalogue.
    pub catalog_bytes: u64,
    /// Partitions, oldest first.
    pub partitions: Vec<PartitionSize>,
    /// What is left of older samples, finest first.
    pub tiers: Vec<TierSize>,
}

/// The partitions of a tier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TierSize {
    /// The span of time that one row stands for.
    pub resolution_ms: i64,
    /// How long rows are kept in milliseconds; `i64::MAX` is for ever, 0 makes none.
    pub keep_ms: i64,
    /// Oldest first.
    pub partitions: Vec<PartitionSize>,
}

impl Sizes {
    /// Everything together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        let tiers = self.tiers.iter().flat_map(|tier| &tier.partitions);
        let partitions: u64 = self.partitions.iter().chain(tiers).map(|of| of.bytes).sum();
        self.journal_bytes + self.catalog_bytes + partitions
    }
}

/// A partition's span and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSize {
    /// First millisecond.
    pub from_ms: i64,
    /// First millisecond after the end.
    pub to_ms: i64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Where the series in memory come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// Series in memory.
    pub series: usize,
    /// Label names.
    pub label_names: usize,
    /// Pairs of label name and value.
    pub label_pairs: usize,
    /// Metrics with most series.
    pub series_by_metric: Vec<(String, u64)>,
    /// Label names with most values.
    pub values_by_label: Vec<(String, u64)>,
    /// Pairs `name=value` with most series.
    pub series_by_pair: Vec<(String, u64)>,
    /// Label names by the bytes of their values, each value counted once a series.
    pub value_bytes_by_label: Vec<(String, u64)>,
}

fn partition_sizes(partitions: &Partitions) -> Vec<PartitionSize> {
    let size = |partition: &Arc<Partition>| PartitionSize {
        from_ms: partition.from_ms,
        to_ms: partition.to_ms,
        bytes: partition.size_bytes(),
    };
    partitions.list().iter().map(size).collect()
}

impl Series {
    /// Totals and sizes.
    #[must_use]
    pub fn status(&self) -> Status {
        let engine = self.engine();
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let failed = {
            let state = engine.flushing.try_lock();
            state.ok().and_then(|state| state.failed.as_ref().map(|(_, reason)| reason.clone()))
        };
        let refused = engine.journal.check().err().map(|reason| reason.to_string());
        let head = engine.head();
        Status {
            active_series: head.series.len(),
            series_max: self.series_limits().all,
            created_series: head.created_total,
            evicted_series: read(&engine.counters.evicted),
            accepted_samples: read(&engine.counters.accepted),
            duplicate_samples: read(&engine.counters.duplicates),
            rejected_samples: read(&engine.counters.rejected),
            exemplars: read(&engine.counters.exemplars),
            dropped_exemplars: read(&engine.counters.exemplars_dropped),
            pending_samples: head.pending_samples(),
            newest_ms: head.newest_ms,
            oldest_pending_ms: head.oldest_ms(),
            flushes: read(&engine.counters.flushes),
            flush_failures: read(&engine.counters.flush_failures),
            compactions: read(&engine.counters.compactions),
            compaction_failures: read(&engine.counters.compaction_failures),
            compacted_from_bytes: read(&engine.counters.compacted_from_bytes),
            compacted_to_bytes: read(&engine.counters.compacted_to_bytes),
            journal_syncs: engine.journal.syncs(),
            trouble: refused.or(failed),
            set_aside: engine
                .partitions
                .list_aside()
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            sizes: self.sizes(),
        }
    }

    /// Bytes on disk.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        let engine = self.engine();
        let journal = std::fs::read_dir(engine.journal.dir()).into_iter().flatten().flatten();
        let journal_bytes =
            journal.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum();
        let tier = |tier: &Tier| TierSize {
            resolution_ms: tier.resolution_ms,
            keep_ms: tier.retention_ms(),
            partitions: partition_sizes(&tier.partitions),
        };
        Sizes {
            journal_bytes,
            catalog_bytes: engine.catalog.size_bytes(),
            partitions: partition_sizes(&engine.partitions),
            tiers: engine.tiers.iter().map(tier).collect(),
        }
    }

    /// Where the series in memory come from: the first `top` of each list.
    #[must_use]
    pub fn cardinality(&self, top: usize) -> Cardinality {
        let head = self.engine().head();
        let (mut metrics, mut pairs) = (Top::new(top), Top::new(top));
        let (mut labels, mut bytes) = (Top::new(top), Top::new(top));
        let mut answer = Cardinality { series: head.series.len(), ..Cardinality::default() };
        for (name, values) in head.index.value_counts() {
            answer.label_names += 1;
            answer.label_pairs += values;
            labels.add(values as u64, || name.to_owned());
        }
        let mut bytes_of: Option<(&str, u64)> = None;
        for (name, value, count) in head.index.pairs() {
            // The pairs of one name follow each other.
            let add = count * value.len() as u64;
            match &mut bytes_of {
                Some((at, sum)) if *at == name => *sum += add,
                other => {
                    if let Some((name, sum)) = other.replace((name, add)) {
                        bytes.add(sum, || name.to_owned());
                    }
                }
            }
            if name == METRIC_NAME {
                metrics.add(count, || value.to_owned());
            }
            pairs.add(count, || format!("{name}={value}"));
        }
        if let Some((name, sum)) = bytes_of {
            bytes.add(sum, || name.to_owned());
        }
        answer.value_bytes_by_label = bytes.finish();
        answer.series_by_metric = metrics.finish();
        answer.values_by_label = labels.finish();
        answer.series_by_pair = pairs.finish();
        answer
    }

    /// How long samples are kept; `None` is for ever.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        let stored = self.engine().retention_ms.load(Ordering::Relaxed);
        (stored != i64::MAX).then(|| Duration::from_millis(stored.unsigned_abs()))
    }

    /// Most bytes that partitions take together; `None` is no bound.
    #[must_use]
    pub fn retention_bytes(&self) -> Option<u64> {
        let stored = self.engine().retention_bytes.load(Ordering::Relaxed);
        (stored != u64::MAX).then_some(stored)
    }

    /// Whether appends are refused now, and why.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let engine = self.engine();
        let state = engine.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = state.failed.as_ref().map(|(_, reason)| reason.clone());
        engine.journal.check().err().map(|reason| reason.to_string()).or(failed)
    }
}

/// The largest of many counts.
pub(crate) struct Top {
    heap: BinaryHeap<Reverse<(u64, Reverse<String>)>>,
    len: usize,
}

impl Top {
    pub(crate) fn new(len: usize) -> Self {
        Self { heap: BinaryHeap::new(), len }
    }

    pub(crate) fn add(&mut self, count: u64, name: impl FnOnce() -> String) {
        let full = self.heap.len() >= self.len;
        if full && self.heap.peek().is_none_or(|Reverse((least, _))| count <= *least) {
            return;
        }
        self.heap.push(Reverse((count, Reverse(name()))));
        if self.heap.len() > self.len {
            self.heap.pop();
        }
    }

    pub(crate) fn finish(self) -> Vec<(String, u64)> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|Reverse((count, Reverse(name)))| (name, count)).collect()
    }
}
