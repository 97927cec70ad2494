//! One series in memory: its labels, the samples of this epoch, and those of epochs before.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{Exemplar, Histogram, Labels, Sample};

use super::beside::{Beside, BesideEpoch};
use super::run::Run;
use super::sources::Sources;
use super::unflushed::{Epoch, Frozen, Unflushed};
use crate::chunk::{Encoded, StreamState};
use crate::journal::OpWriter;

/// A series in memory.
#[derive(Debug)]
pub(crate) struct HeadSeries {
    pub(crate) labels: Labels,
    pub(super) hash: u64,
    run: Run,
    /// Samples of this epoch behind the newest one: times and bits.
    late: BTreeMap<i64, u64>,
    /// Made when the first histogram or exemplar comes, and then there as long as the series.
    beside: Option<Box<Beside>>,
    pub(crate) frozen: Option<Arc<Frozen>>,
    /// Where the last two partitions keep this series.
    pub(crate) links: [Link; 2],
    pub(super) epoch: u32,
    pub(super) touched: u32,
    /// The slot whose sample came behind this one's the last time: senders keep their order.
    pub(super) follower: u32,
    /// Who sends it.
    pub(crate) source: u16,
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
    pub(super) fn new(labels: Labels, hash: u64, epoch: u32, touched: u32, source: u16) -> Self {
        let none = Link { partition: NO_PARTITION, local: 0 };
        Self {
            labels,
            hash,
            run: Run::new(),
            late: BTreeMap::new(),
            beside: None,
            frozen: None,
            links: [none; 2],
            epoch,
            touched,
            follower: u32::MAX,
            source,
        }
    }

    /// Time of the newest sample since the series came into memory, `i64::MIN` before the first.
    pub(super) fn newest_ms(&self) -> i64 {
        let histogram_ms = self.beside.as_ref().map_or(i64::MIN, |b| b.newest_histogram_ms());
        self.newest_value_ms().max(histogram_ms)
    }

    /// The same of samples that are numbers.
    pub(super) fn newest_value_ms(&self) -> i64 {
        self.run.state.timestamp_ms
    }

    /// The newest sample since the series came into memory, stored in a partition or not; of a
    /// series with histograms it is not known.
    pub(super) fn newest(&self) -> Option<Sample> {
        if self.beside.as_ref().is_some_and(|b| b.newest_histogram_ms() > i64::MIN) {
            return None;
        }
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

    /// Begins the epoch for this series, if it did not yet: what was before is frozen, and the
    /// journal is told what the slot means.
    pub(super) fn enter(
        &mut self,
        slot: u32,
        epoch: u32,
        tick: u32,
        ops: &mut OpWriter,
        sources: &mut Sources,
    ) {
        if self.epoch != epoch {
            self.freeze();
            self.epoch = epoch;
            sources.adopt(&mut self.source);
            ops.define(slot, self.labels.encoded().as_bytes());
        }
        self.touched = tick;
    }

    /// The histogram at a time, if memory knows it.
    pub(super) fn histogram_at(&self, timestamp_ms: i64) -> Option<Arc<Histogram>> {
        let beside = self.beside.as_ref()?;
        beside
            .histograms()
            .at(timestamp_ms)
            .or_else(|| self.frozen.as_ref()?.histogram_at(timestamp_ms))
    }

    /// Histograms and exemplars, to append to.
    pub(super) fn beside_mut(&mut self) -> &mut Beside {
        self.beside.get_or_insert_default()
    }

    /// The exemplars that no partition holds, oldest first.
    pub(crate) fn exemplars(&self) -> impl Iterator<Item = &Exemplar> {
        let frozen = self.frozen.iter().flat_map(|frozen| frozen.exemplars());
        frozen.chain(self.beside.iter().flat_map(|beside| beside.exemplars()))
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
        let beside_range = self.beside.as_ref().and_then(|beside| beside.range_ms());
        let range = widest(widest(self.run.range_ms(), late_range), beside_range);
        let Some((first_ms, last_ms)) = range else { return };
        let late: Vec<Sample> = late.into_iter().map(sample).collect();
        let beside = self.beside.as_mut().map_or_else(BesideEpoch::default, |b| b.take());
        let count = in_run + (late.len() + beside.histograms.len()) as u32;
        let run = self.run.take();
        let epoch = Epoch { run, in_run, late, beside, count, first_ms, last_ms };
        self.frozen = Some(Arc::new(Frozen::after(self.frozen.take(), epoch)));
    }

    /// Forgets the newest sample unless it is one of this epoch; says whether it did.
    pub(super) fn forget_newest(&mut self) -> bool {
        let beside_stored = self.beside.as_ref().is_none_or(|beside| beside.is_stored());
        let forgotten = self.frozen.is_none() && beside_stored && self.run.forget();
        if forgotten && let Some(beside) = &mut self.beside {
            beside.forget();
        }
        forgotten
    }

    /// Forgets the newest number, and the newest histogram, where it lies in a span and is stored.
    /// The newest of both stays: it lies elsewhere.
    pub(super) fn forget_older(&mut self, span: (i64, i64)) {
        let Some(beside) = self.beside.as_mut().filter(|_| self.frozen.is_none()) else { return };
        let within = |at: i64| (span.0..=span.1).contains(&at);
        if within(beside.newest_histogram_ms()) && beside.is_stored() {
            beside.forget();
        }
        if within(self.run.state.timestamp_ms) && self.late.is_empty() {
            self.run.forget();
        }
    }

    /// Whether partitions hold all its samples.
    pub(super) fn is_stored(&self) -> bool {
        self.frozen.is_none()
            && self.late.is_empty()
            && self.run.state.count == 0
            && self.beside.as_ref().is_none_or(|beside| beside.is_stored())
    }

    /// First and last time of the samples in memory.
    pub(crate) fn range_ms(&self) -> Option<(i64, i64)> {
        let frozen = self.frozen.as_ref().map(|frozen| frozen.range_ms());
        let late = self.late.first_key_value().zip(self.late.last_key_value());
        let late = late.map(|((first, _), (last, _))| (*first, *last));
        let beside = self.beside.as_ref().and_then(|beside| beside.range_ms());
        widest(widest(widest(frozen, self.run.range_ms()), late), beside)
    }

    /// The samples of a range in memory as they are now, and perhaps some more.
    pub(crate) fn unflushed(&self, from_ms: i64, to_ms: i64) -> Unflushed {
        let late = self.late.range(from_ms..=to_ms).map(|(at, bits)| sample((*at, *bits)));
        let active = self.run.blocks(from_ms, to_ms);
        let histograms = self.beside.as_ref().map(|beside| beside.histograms().clone());
        let frozen = self.frozen.clone();
        Unflushed {
            frozen,
            active,
            late: late.collect(),
            histograms: histograms.unwrap_or_default(),
        }
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
pub(super) fn widest(one: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

fn sample((timestamp_ms, bits): (i64, u64)) -> Sample {
    Sample { timestamp_ms, value: f64::from_bits(bits) }
}
