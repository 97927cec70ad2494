//! One series in memory: its labels, the samples of this epoch, and those of epochs before.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{Labels, Sample};

use super::run::Run;
use super::unflushed::{Epoch, Frozen, Unflushed};
use crate::chunk::{Encoded, StreamState};

/// A series in memory.
#[derive(Debug)]
pub(crate) struct HeadSeries {
    pub(crate) labels: Labels,
    pub(super) hash: u64,
    run: Run,
    /// Samples of this epoch behind the newest one: times and bits.
    late: BTreeMap<i64, u64>,
    pub(crate) frozen: Option<Arc<Frozen>>,
    /// Where the last two partitions keep this series.
    pub(crate) links: [Link; 2],
    pub(super) epoch: u32,
    pub(super) touched: u32,
    /// The slot whose sample came behind this one's the last time: senders keep their order.
    pub(super) follower: u32,
}

/// A series' number within a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    /// Number of the partition: its beginning divided by the length of partitions.
    pub(crate) partition: i32,
    /// Number of the series in it.
    pub(crate) local: u32,
}

/// No partition has this number: the times that are accepted end long before.
const NO_PARTITION: i32 = i32::MIN;

impl Link {
    /// Forgets the place when it is in this partition.
    pub(crate) fn forget(&mut self, partition: i32) {
        if self.partition == partition {
            self.partition = NO_PARTITION;
        }
    }
}

impl HeadSeries {
    /// A series without samples.
    pub(super) fn new(labels: Labels, hash: u64, epoch: u32, touched: u32) -> Self {
        let none = Link { partition: NO_PARTITION, local: 0 };
        Self {
            labels,
            hash,
            run: Run::new(),
            late: BTreeMap::new(),
            frozen: None,
            links: [none; 2],
            epoch,
            touched,
            follower: u32::MAX,
        }
    }

    /// Time of the newest sample since the series came into memory, `i64::MIN` before the first.
    pub(super) fn newest_ms(&self) -> i64 {
        self.run.state.timestamp_ms
    }

    /// The newest sample since the series came into memory, stored in a partition or not.
    pub(super) fn newest(&self) -> Option<Sample> {
        let StreamState { timestamp_ms, bits, .. } = self.run.state;
        (timestamp_ms > i64::MIN).then(|| sample((timestamp_ms, bits)))
    }

    /// The bits of the sample at a time up to the newest one, if memory knows it.
    pub(super) fn value_at(&self, timestamp_ms: i64) -> Option<u64> {
        let state = &self.run.state;
        if timestamp_ms == state.timestamp_ms {
            return Some(state.bits);
        }
        self.late
            .get(&timestamp_ms)
            .copied()
            .or_else(|| self.run.value_at(timestamp_ms))
            .or_else(|| self.frozen.as_ref()?.value_at(timestamp_ms))
    }

    /// Appends a sample behind the newest one and returns its streaming form.
    pub(super) fn push(&mut self, timestamp_ms: i64, bits: u64) -> Encoded {
        self.run.push(timestamp_ms, bits)
    }

    /// Adds a sample before the newest one, at a time that has none.
    pub(super) fn push_late(&mut self, timestamp_ms: i64, bits: u64) {
        self.late.insert(timestamp_ms, bits);
    }

    /// Moves the samples of the epoch that ended aside.
    pub(super) fn freeze(&mut self) {
        let late = std::mem::take(&mut self.late);
        let in_run = self.run.state.count;
        let late_range = late.first_key_value().zip(late.last_key_value());
        let late_range = late_range.map(|((first, _), (last, _))| (*first, *last));
        let Some((first_ms, last_ms)) = widest(self.run.range_ms(), late_range) else { return };
        let late: Vec<Sample> = late.into_iter().map(sample).collect();
        let count = in_run + late.len() as u32;
        let epoch = Epoch { run: self.run.take(), in_run, late, count, first_ms, last_ms };
        self.frozen = Some(Arc::new(Frozen::after(self.frozen.take(), epoch)));
    }

    /// Forgets the newest sample unless it is one of this epoch; says whether it did.
    pub(super) fn forget_newest(&mut self) -> bool {
        self.frozen.is_none() && self.run.forget()
    }

    /// Whether partitions hold all its samples.
    pub(super) fn is_stored(&self) -> bool {
        self.frozen.is_none() && self.late.is_empty() && self.run.state.count == 0
    }

    /// First and last time of the samples in memory.
    pub(crate) fn range_ms(&self) -> Option<(i64, i64)> {
        let frozen = self.frozen.as_ref().map(|frozen| frozen.range_ms());
        let late = self.late.first_key_value().zip(self.late.last_key_value());
        let late = late.map(|((first, _), (last, _))| (*first, *last));
        widest(widest(frozen, self.run.range_ms()), late)
    }

    /// The samples of a range in memory as they are now, and perhaps some more.
    pub(crate) fn unflushed(&self, from_ms: i64, to_ms: i64) -> Unflushed {
        let late = self.late.range(from_ms..=to_ms).map(|(at, bits)| sample((*at, *bits)));
        let active = self.run.blocks(from_ms, to_ms);
        Unflushed { frozen: self.frozen.clone(), active, late: late.collect() }
    }

    /// Remembers where a partition keeps it.
    pub(super) fn link(&mut self, link: Link) {
        if let Some(known) = self.links.iter_mut().find(|l| l.partition == link.partition) {
            *known = link;
        } else if link.partition > self.links[0].partition {
            self.links = [link, self.links[0]];
        } else {
            self.links[1] = link;
        }
    }

    /// Forgets where a partition kept it.
    pub(super) fn unlink(&mut self, partition: i32) {
        self.links.iter_mut().for_each(|link| link.forget(partition));
    }
}

/// The range that holds both.
fn widest(one: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

fn sample((timestamp_ms, bits): (i64, u64)) -> Sample {
    Sample { timestamp_ms, value: f64::from_bits(bits) }
}
