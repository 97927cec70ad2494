//! The series in memory and the samples that no partition holds yet.
//!
//! A series' samples lie in a *run*: one stream in order of time. A flush begins an *epoch*: the
//! runs of the epoch before are frozen as they are, new samples go into new runs, and when the
//! partitions hold the frozen ones they are dropped. An epoch is a journal segment: its first
//! sample of a series is preceded by the series' definition.

mod beside;
mod forget;
mod recent;
mod run;
mod series;
mod sources;
mod unflushed;
mod window;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashTable;
use metric::{EncodedLabels, LabelLimits, Labels, METRIC_NAME, Sample};
use roaring::RoaringBitmap;

use crate::batch::{Appended, Batch, Entry, RejectReason, hash_labels};
use crate::index::MemoryIndex;
use crate::journal::OpWriter;
use crate::limits::SeriesLimits;
use crate::slab::Slab;

use recent::Recent;
use sources::Sources;
use window::{OldSeries, outside};

pub(crate) use recent::RECENT_MINUTES;
pub(crate) use series::{HeadSeries, Link};
pub(crate) use unflushed::{Frozen, Unflushed};
pub(crate) use window::Window;

/// What a late sample takes in memory, about.
const LATE_BYTES: u64 = 48;

/// All series in memory.
pub(crate) struct Head {
    table: HashTable<u32>,
    pub(crate) series: Slab<HeadSeries>,
    pub(crate) index: MemoryIndex,
    pub(crate) ops: OpWriter,
    /// Who sends, and how many series each.
    pub(crate) sources: Sources,
    recent: Recent,
    epoch: u32,
    /// Minutes since the engine was opened, by a clock that never jumps.
    tick: u32,
    /// Samples of this epoch.
    pub(crate) active_samples: u64,
    /// What they take in memory.
    active_bytes: u64,
    /// Samples of epochs before that are not stored yet.
    pub(crate) frozen_samples: u64,
    /// Exemplars that are not stored yet.
    exemplars: u64,
    pub(crate) created_total: u64,
    pub(crate) newest_ms: Option<i64>,
    /// For the beginning of each partition, up to when it holds samples of series whose past is
    /// not in memory.
    unknown_until_ms: BTreeMap<i64, i64>,
    /// Number of the last compaction whose partition is forgotten in all links.
    pub(crate) renumbered: u64,
    /// Oldest sample of this epoch.
    oldest_active_ms: i64,
    /// Oldest sample of epochs before that may not be stored yet.
    oldest_frozen_ms: i64,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            series: Slab::default(),
            index: MemoryIndex::default(),
            ops: OpWriter::default(),
            sources: Sources::default(),
            recent: Recent::default(),
            epoch: 0,
            tick: 0,
            active_samples: 0,
            active_bytes: 0,
            frozen_samples: 0,
            exemplars: 0,
            created_total: 0,
            newest_ms: None,
            unknown_until_ms: BTreeMap::new(),
            renumbered: 0,
            oldest_active_ms: i64::MAX,
            oldest_frozen_ms: i64::MAX,
        }
    }
}

impl Head {
    /// Appends what is good, says what is not, and leaves the operations in [`Head::ops`].
    pub(crate) fn append(
        &mut self,
        batch: &Batch<'_>,
        range: Range<usize>,
        window: &Window,
        outcome: &mut Appended,
    ) {
        let mut last: Option<(&[u8], u32)> = None;
        let mut old = OldSeries::default();
        let created_before = self.created_total;
        self.sources.enter(batch.source());
        let entries = &batch.entries()[range.clone()];
        let mut histograms = batch.histograms_from(range.start).iter().peekable();
        for (position, entry) in range.zip(entries) {
            let histogram = histograms.next_if(|(at, _)| *at == position);
            if let Some(reason) = outside(entry, window, &mut old) {
                outcome.reject(position, entry, reason);
                continue;
            }
            let slot = match last {
                Some((labels, slot)) if std::ptr::eq(labels, entry.labels) => slot,
                last => match self.find_after(last.map(|(_, slot)| slot), batch, entry, window) {
                    Ok(slot) => slot,
                    Err(reason) => {
                        outcome.reject(position, entry, reason);
                        continue;
                    }
                },
            };
            last = Some((entry.labels, slot));
            let (at_ms, window_ms) = (entry.timestamp_ms, window.out_of_order_ms);
            let pushed = match histogram {
                None => self.push(slot, at_ms, entry.value, window_ms),
                Some((_, histogram)) => self.push_histogram(slot, at_ms, histogram, window_ms),
            };
            if histogram.is_some() && !matches!(pushed, Pushed::Refused(_)) {
                outcome.histograms += 1;
            }
            match pushed {
                Pushed::Stored => outcome.accepted += 1,
                Pushed::Known => outcome.duplicates += 1,
                Pushed::Refused(reason) => outcome.reject(position, entry, reason),
            }
        }
        self.sources.leave();
        outcome.new_series += self.created_total - created_before;
    }

    /// Samples that no partition holds yet.
    pub(crate) fn pending_samples(&self) -> u64 {
        self.active_samples + self.frozen_samples
    }

    /// Whether the samples since the last flush take so much that another one is due.
    pub(crate) fn is_full(&self, flush_bytes: u64) -> bool {
        self.active_bytes >= flush_bytes
    }

    /// Whether samples appended since the last flushes may lie in a range of time.
    pub(crate) fn overlaps(&self, from_ms: i64, to_ms: i64) -> bool {
        self.newest_ms.is_some_and(|newest_ms| newest_ms >= from_ms)
            && self.oldest_ms().is_some_and(|oldest_ms| oldest_ms <= to_ms)
    }

    /// Time of the oldest sample that may not be stored yet.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let oldest_ms = self.oldest_active_ms.min(self.oldest_frozen_ms);
        (oldest_ms < i64::MAX).then_some(oldest_ms)
    }

    /// A partition holds samples up to `until_ms` of series that are not in memory.
    pub(crate) fn know_nothing(&mut self, partition_from_ms: i64, until_ms: i64) {
        let known = self.unknown_until_ms.entry(partition_from_ms).or_insert(until_ms);
        *known = until_ms.max(*known);
    }

    /// The newest sample of a series in memory, if it is sure that none newer up to `to_ms` and
    /// no other of its time is stored.
    pub(crate) fn newest_of(&self, series: &HeadSeries, to_ms: i64) -> Option<Sample> {
        let newest = series.newest()?;
        let mut before = self.unknown_until_ms.range(..=to_ms).rev();
        // Partitions end where the next one begins, so that only few are looked at.
        let unknown = before.find_map(|(from_ms, until_ms)| {
            let doubt = *until_ms >= newest.timestamp_ms;
            (doubt || *from_ms <= newest.timestamp_ms).then_some(doubt)
        });
        (unknown != Some(true)).then_some(newest)
    }

    fn find(&self, hash: u64, labels: &[u8]) -> Option<u32> {
        self.table.find(hash, |slot| self.is(*slot, hash, labels)).copied()
    }

    /// Finds or creates a series whose sample comes behind one of `last`.
    fn find_after(
        &mut self,
        last: Option<u32>,
        batch: &Batch<'_>,
        entry: &Entry<'_>,
        window: &Window,
    ) -> Result<u32, RejectReason> {
        let follower = last.and_then(|last| Some(self.series.get(last)?.follower));
        if let Some(guess) = follower
            && self.is(guess, entry.hash, entry.labels)
        {
            return Ok(guess);
        }
        let slot = self.find_or_create(batch, entry, window)?;
        if let Some(series) = last.and_then(|last| self.series.get_mut(last)) {
            series.follower = slot;
        }
        Ok(slot)
    }

    /// The series with these labels, in whatever form they came.
    fn find_known(&self, hash: u64, labels: &[u8], limits: &LabelLimits) -> Option<u32> {
        self.find(hash, labels).or_else(|| {
            let labels = EncodedLabels(labels).to_labels(limits).ok()?;
            let canonical = labels.encoded().as_bytes();
            self.find(hash_labels(canonical), canonical)
        })
    }

    /// Whether the series in a slot has these labels.
    fn is(&self, slot: u32, hash: u64, labels: &[u8]) -> bool {
        let series = self.series.get(slot);
        series.is_some_and(|s| s.hash == hash && s.labels.encoded().as_bytes() == labels)
    }

    fn find_or_create(
        &mut self,
        batch: &Batch<'_>,
        entry: &Entry<'_>,
        window: &Window,
    ) -> Result<u32, RejectReason> {
        if let Some(slot) = self.find(entry.hash, entry.labels) {
            return Ok(slot);
        }
        batch.check(entry.labels)?;
        let labels = EncodedLabels(entry.labels).to_labels(&window.labels)?;
        if labels.is_empty() {
            return Err(RejectReason::NoLabels);
        }
        let canonical = labels.encoded().as_bytes();
        let hash = if canonical == entry.labels { entry.hash } else { hash_labels(canonical) };
        if let Some(slot) = self.find(hash, canonical) {
            return Ok(slot);
        }
        self.check_limits(&labels, &window.limits)?;
        let slot = self.create(hash, &labels);
        self.recent.insert(slot, self.tick);
        Ok(slot)
    }

    /// Whether one more series may come.
    fn check_limits(&self, labels: &Labels, limits: &SeriesLimits) -> Result<(), RejectReason> {
        if self.series.len() >= limits.all {
            return Err(RejectReason::TooManySeries { max: limits.all });
        }
        let max = limits.per_source;
        if let Some(name) = self.sources.full(max) {
            return Err(RejectReason::TooManySeriesOfSource { source_name: name.into(), max });
        }
        let max = limits.per_metric;
        let metric = labels.get(METRIC_NAME).unwrap_or("");
        if !metric.is_empty() && self.index.series_of(METRIC_NAME, metric) >= max as u64 {
            return Err(RejectReason::TooManySeriesOfMetric { metric: metric.into(), max });
        }
        Ok(())
    }

    fn create(&mut self, hash: u64, labels: &Labels) -> u32 {
        let epoch = self.epoch.wrapping_sub(1);
        let source = self.sources.add();
        let series = HeadSeries::new(labels.clone(), hash, epoch, self.tick, source);
        let slot = self.series.insert(series);
        let series = &self.series;
        let rehash = |slot: &u32| series.get(*slot).map_or(0, |s| s.hash);
        self.table.insert_unique(hash, slot, rehash);
        self.index.insert(slot, labels);
        self.created_total += 1;
        slot
    }

    fn push(&mut self, slot: u32, timestamp_ms: i64, value: f64, window_ms: i64) -> Pushed {
        let Some(series) = self.series.get_mut(slot) else { return Pushed::Known };
        let bits = value.to_bits();
        let newest_ms = series.newest_ms();
        if timestamp_ms <= newest_ms {
            if timestamp_ms < newest_ms.saturating_sub(window_ms) {
                return Pushed::Refused(RejectReason::OutOfOrder { newest_ms });
            }
            if let Some(known) = series.value_at(timestamp_ms) {
                return Pushed::same(bits == known);
            }
            if series.histogram_at(timestamp_ms).is_some() {
                return Pushed::same(false);
            }
        }
        series.enter(slot, self.epoch, self.tick, &mut self.ops, &mut self.sources);
        if timestamp_ms > series.newest_value_ms() {
            let encoded = series.push(timestamp_ms, bits);
            self.active_bytes += encoded.as_bytes().len() as u64;
            self.ops.sample(slot, encoded.as_bytes());
        } else {
            series.push_late(timestamp_ms, bits);
            self.active_bytes += LATE_BYTES;
            self.ops.late(slot, timestamp_ms, bits);
        }
        self.note_sample(timestamp_ms);
        Pushed::Stored
    }

    fn note_sample(&mut self, timestamp_ms: i64) {
        self.active_samples += 1;
        self.newest_ms = self.newest_ms.max(Some(timestamp_ms));
        self.oldest_active_ms = self.oldest_active_ms.min(timestamp_ms);
    }

    /// Takes a series from the journal.
    pub(crate) fn restore_series(&mut self, labels: &[u8]) -> Result<u32, RejectReason> {
        let hash = hash_labels(labels);
        if let Some(slot) = self.find(hash, labels) {
            return Ok(slot);
        }
        let labels = EncodedLabels(labels).to_labels(&LabelLimits::UNLIMITED)?;
        Ok(self.create(hash, &labels))
    }

    /// Takes a sample from the journal; what is known already changes nothing.
    pub(crate) fn restore_sample(&mut self, slot: u32, timestamp_ms: i64, bits: u64) {
        self.push(slot, timestamp_ms, f64::from_bits(bits), i64::MAX);
        self.ops.clear();
    }

    /// Begins a new epoch and thereby a new segment.
    pub(crate) fn begin_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.ops.begin_segment();
        // The runs themselves are frozen when their series is touched or collected.
        if self.frozen_samples == 0 {
            self.oldest_frozen_ms = i64::MAX;
        }
        self.oldest_frozen_ms = self.oldest_frozen_ms.min(self.oldest_active_ms);
        self.oldest_active_ms = i64::MAX;
        self.frozen_samples += std::mem::take(&mut self.active_samples);
        self.active_bytes = 0;
    }

    /// Freezes the runs of epochs before in slots `from..to` and passes what waits to be stored.
    pub(crate) fn collect(&mut self, from: u32, to: u32, mut take: impl FnMut(u32, &HeadSeries)) {
        for slot in from..to {
            let Some(series) = self.series.get_mut(slot) else { continue };
            if series.epoch != self.epoch {
                series.freeze();
            }
            if series.frozen.is_some() {
                take(slot, series);
            }
        }
    }

    /// Drops samples that partitions hold now.
    pub(crate) fn release(&mut self, slot: u32, stored: &Arc<Frozen>) {
        let Some(series) = self.series.get_mut(slot) else { return };
        if series.frozen.as_ref().is_some_and(|frozen| Arc::ptr_eq(frozen, stored)) {
            series.frozen = None;
            self.frozen_samples = self.frozen_samples.saturating_sub(stored.total());
            self.exemplars = self.exemplars.saturating_sub(stored.exemplars().count() as u64);
        }
    }

    /// Remembers where a partition keeps a series.
    pub(crate) fn link(&mut self, slot: u32, link: Link) {
        let Some(series) = self.series.get_mut(slot) else { return };
        series.link(link);
    }

    /// Forgets links into a partition that is gone.
    pub(crate) fn unlink(&mut self, partition: i32) {
        for slot in 0..self.series.end() {
            let Some(series) = self.series.get_mut(slot) else { continue };
            series.unlink(partition);
        }
    }

    /// Sets the minutes since the engine was opened.
    pub(crate) fn set_tick(&mut self, tick: u32) {
        self.tick = tick;
        self.recent.set_tick(tick);
    }

    /// The series that came into memory within the last [`RECENT_MINUTES`], without those that
    /// the journal brought.
    pub(crate) fn recent(&self) -> RoaringBitmap {
        self.recent.slots()
    }

    /// Takes series out that stood idle for `ticks` and hold nothing; returns how many.
    pub(crate) fn evict(&mut self, from: u32, to: u32, ticks: u32, partition_ms: i64) -> usize {
        let mut evicted = 0;
        for slot in from..to {
            let Some(series) = self.series.get(slot) else { continue };
            let idle = self.tick.saturating_sub(series.touched) >= ticks;
            if !idle || !series.is_stored() {
                continue;
            }
            self.take_out(slot, partition_ms);
            evicted += 1;
        }
        evicted
    }
}

enum Pushed {
    Stored,
    Known,
    Refused(RejectReason),
}

impl Pushed {
    fn same(same: bool) -> Self {
        if same { Self::Known } else { Self::Refused(RejectReason::DuplicateTimestamp) }
    }
}
