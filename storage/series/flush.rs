//! The flush: samples move from memory into partitions, then their journal may go.
//!
//! Order is what makes it safe. A new epoch and segment begin together; partitions are committed
//! one by one; then the catalogue says which segments are stored; only then do samples leave
//! memory, and segments leave the disk a while later. A crash in between replays segments whose
//! samples some partitions hold already: readers drop doubles, the first stored wins.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use metric::{Exemplar, Labels, Sample};

use crate::disk::DiskError;
use crate::engine::Engine;
use crate::head::{Frozen, Link};
use crate::journal::{SegmentWriter, list_segments, segment_path};
use crate::partition::{Partition, PartitionWriter, Stored};

/// Slots handled under one hold of the head's lock.
const SLICE: u32 = 4096;
/// The dictionary is searched for unknown series when it has at most so many times their number:
/// then the search costs little for each.
const SEARCH_FACTOR: usize = 16;

/// What only the flushing thread touches.
pub(crate) struct FlushState {
    next_segment: u64,
    /// Segments that are stored, and since when; deleted after a delay.
    retired: VecDeque<(u64, Instant)>,
    pub(crate) last: Instant,
    pub(crate) failed: Option<(Instant, String)>,
}

impl FlushState {
    /// `flushed` are segments that were stored before the engine was opened.
    pub(crate) fn new(next_segment: u64, flushed: &[u64]) -> Self {
        let now = Instant::now();
        let retired = flushed.iter().map(|&number| (number, now)).collect();
        Self { next_segment, retired, last: now, failed: None }
    }
}

/// A series with samples to store.
struct Item {
    slot: u32,
    labels: Labels,
    frozen: Arc<Frozen>,
    links: [Link; 2],
}

impl Engine {
    /// Stores all samples in memory. One flush runs at a time.
    pub(crate) fn flush(&self) -> Result<(), DiskError> {
        self.flush_locked(&mut self.flushing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stores all samples in memory, for a caller that goes on before another flush may run.
    pub(crate) fn flush_locked(&self, state: &mut FlushState) -> Result<(), DiskError> {
        let nothing = self.head().pending_samples() == 0
            && self.metadata().is_stored()
            && self.journal.check().is_ok();
        if nothing {
            state.last = Instant::now();
            return Ok(());
        }
        let outcome = self.flush_with(state);
        match &outcome {
            Ok(()) => {
                self.counters.flushes.fetch_add(1, Ordering::Relaxed);
                state.failed = None;
                state.last = Instant::now();
            }
            Err(error) => {
                self.counters.flush_failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "flushing series failed");
                state.failed = Some((Instant::now(), error.to_string()));
            }
        }
        outcome
    }

    fn flush_with(&self, state: &mut FlushState) -> Result<(), DiskError> {
        let mut writer = self.create_segment(state);
        let mut number = state.next_segment - 1;
        let (end, changed, failed_before) = {
            let mut head = self.head_mut();
            head.begin_epoch();
            self.journal.rotate(writer.take());
            let failed = self.journal.check().is_err();
            (head.series.end(), self.metadata().take_changed(), failed)
        };
        let stored = self.store_frozen(end).and_then(|stored| {
            // A journal that had failed before took nothing since: the head is stored whole, and
            // a fresh segment may take over. One that failed meanwhile waits for the next flush,
            // for its segment holds what this one does not store.
            if failed_before {
                let next = self.create_segment(state);
                number = state.next_segment - 1;
                let path = segment_path(self.journal.dir(), number);
                let refused = std::io::Error::other("a journal segment could not be begun");
                writer = Some(next.ok_or_else(|| DiskError::io(&path, &refused))?);
            }
            self.catalog.store(number - 1, &changed)?;
            Ok(stored)
        });
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => {
                self.metadata().put_back(changed);
                return Err(error);
            }
        };
        self.release(&stored);
        if let Some(writer) = writer {
            let _head = self.head_mut();
            self.journal.revive(writer);
        }
        self.retire(state, number - 1);
        Ok(())
    }

    /// Makes the next segment; its number is used up even when that fails.
    fn create_segment(&self, state: &mut FlushState) -> Option<SegmentWriter> {
        let number = state.next_segment;
        state.next_segment += 1;
        match SegmentWriter::create(self.journal.dir(), number) {
            Ok(writer) => Some(writer),
            Err(error) => {
                tracing::error!(%error, number, "creating a journal segment failed");
                None
            }
        }
    }

    /// Collects what is frozen and writes it to its partitions, durably.
    fn store_frozen(&self, end: u32) -> Result<Flushed, DiskError> {
        let mut items: Vec<Item> = Vec::new();
        for from in (0..end).step_by(SLICE as usize) {
            self.head_mut().collect(from, end.min(from + SLICE), |slot, series| {
                if let Some(frozen) = &series.frozen {
                    items.push(Item {
                        slot,
                        labels: series.labels.clone(),
                        frozen: Arc::clone(frozen),
                        links: series.links,
                    });
                }
            });
        }
        let mut links = Vec::new();
        for (number, members) in self.by_partition(&items) {
            let started = Instant::now();
            let stored = match self.store_in(number, &items, &members, &mut links) {
                Err(error @ DiskError::Damaged { .. }) => {
                    self.partitions.set_aside(number, &error)?;
                    self.head_mut().unlink(number);
                    for &position in &members {
                        items[position].links.iter_mut().for_each(|link| link.forget(number));
                    }
                    self.store_in(number, &items, &members, &mut links)?
                }
                stored => stored?,
            };
            tracing::debug!(
                partition = number,
                series = members.len(),
                samples = stored.samples,
                bytes = stored.bytes,
                ms = started.elapsed().as_millis(),
                "flushed series"
            );
        }
        Ok(Flushed { items, links })
    }

    /// Writes the items at `members` into a partition and notes where it keeps them.
    fn store_in(
        &self,
        number: i32,
        items: &[Item],
        members: &[usize],
        links: &mut Vec<(u32, Link)>,
    ) -> Result<Stored, DiskError> {
        let partition = self.partitions.get_or_create(number)?;
        let mut found = Vec::with_capacity(members.len());
        let stored = partition
            .write(|writer| store_members(writer, &partition, items, members, &mut found))?;
        links.append(&mut found);
        Ok(stored)
    }

    /// The partitions that items have samples in, each with the positions of those items.
    fn by_partition(&self, items: &[Item]) -> BTreeMap<i32, Vec<usize>> {
        let mut parts: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        let mut samples = Vec::new();
        for (position, item) in items.iter().enumerate() {
            let (first_ms, last_ms) = item.frozen.range_ms();
            let (first, last) =
                (self.partitions.number_of(first_ms), self.partitions.number_of(last_ms));
            if first == last {
                parts.entry(first).or_default().push(position);
                continue;
            }
            samples.clear();
            item.frozen.copy_to(&mut samples);
            let times = samples.iter().map(|sample| sample.timestamp_ms);
            let times = times.chain(item.frozen.times_beside());
            let mut numbers: Vec<i32> = times.map(|at| self.partitions.number_of(at)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            for number in numbers {
                parts.entry(number).or_default().push(position);
            }
        }
        parts
    }

    /// Lets stored samples leave memory.
    fn release(&self, flushed: &Flushed) {
        // Links come first: a series without samples may be evicted and its slot be another's.
        for links in flushed.links.chunks(SLICE as usize) {
            let mut head = self.head_mut();
            for &(slot, link) in links {
                head.link(slot, link);
            }
        }
        for items in flushed.items.chunks(SLICE as usize) {
            let mut head = self.head_mut();
            for item in items {
                head.release(item.slot, &item.frozen);
            }
        }
    }

    /// Notes that segments up to `flushed` are stored, and deletes those retired long enough.
    fn retire(&self, state: &mut FlushState, flushed: u64) {
        let known = state.retired.back().map_or(0, |(number, _)| *number);
        // A directory that cannot be listed now is listed at the next flush.
        let listed = list_segments(self.journal.dir()).unwrap_or_default();
        let fresh = listed.into_iter().filter(|number| (known + 1..=flushed).contains(number));
        let now = Instant::now();
        state.retired.extend(fresh.map(|number| (number, now)));
        self.delete_retired(state);
    }

    /// Deletes segments that were stored long enough ago for any copy of the directory.
    pub(crate) fn delete_retired(&self, state: &mut FlushState) {
        let keep = Duration::from_millis(self.options.journal_keep_ms);
        while let Some((number, since)) = state.retired.front().copied() {
            if since.elapsed() < keep {
                break;
            }
            let path = segment_path(self.journal.dir(), number);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(%error, path = %path.display(), "deleting a segment failed");
                    break;
                }
                _ => state.retired.pop_front(),
            };
        }
    }
}

/// What a flush stored and where.
struct Flushed {
    items: Vec<Item>,
    links: Vec<(u32, Link)>,
}

/// Writes the items at `members` into a partition.
fn store_members(
    writer: &mut PartitionWriter<'_>,
    partition: &Partition,
    items: &[Item],
    members: &[usize],
    links: &mut Vec<(u32, Link)>,
) -> Result<Stored, DiskError> {
    let mut located: Vec<(u32, usize)> = Vec::with_capacity(members.len());
    let mut unknown: Vec<usize> = Vec::new();
    for &position in members {
        match items[position].links.iter().find(|link| link.partition == partition.number) {
            Some(link) => located.push((link.local, position)),
            None => unknown.push(position),
        }
    }
    let known = writer.series_len() as usize;
    if known > 0 && unknown.len() * SEARCH_FACTOR >= known {
        search_dictionary(writer, items, &mut unknown, &mut located)?;
    }
    // Any order that brings like labels together will do.
    unknown.sort_unstable_by_key(|at| items[*at].labels.encoded().as_bytes());
    let first = writer.series_len();
    let new: Vec<Labels> = unknown.iter().map(|&at| items[at].labels.clone()).collect();
    writer.add_series(&new)?;
    located.extend((first..).zip(unknown));
    located.sort_unstable();
    let mut samples: Vec<Sample> = Vec::new();
    for &(local, position) in &located {
        let item = &items[position];
        samples.clear();
        item.frozen.copy_to(&mut samples);
        settle(&mut samples, partition.from_ms, partition.to_ms);
        writer.add_samples(local, &samples)?;
        store_beside(writer, partition, local, &item.frozen)?;
        links.push((item.slot, Link { partition: partition.number, local }));
    }
    Ok(writer.stored())
}

/// Writes the histograms and exemplars of a series that belong into a partition.
fn store_beside(
    writer: &mut PartitionWriter<'_>,
    partition: &Partition,
    local: u32,
    frozen: &Frozen,
) -> Result<(), DiskError> {
    let span = partition.from_ms..partition.to_ms;
    let mut histograms = Vec::new();
    frozen.copy_histograms_to(&mut histograms);
    histograms.sort_by_key(|(at, _)| *at);
    histograms.dedup_by_key(|(at, _)| *at);
    histograms.retain(|(at, _)| span.contains(at));
    writer.add_histograms(local, &histograms)?;
    let within = |exemplar: &&Exemplar| span.contains(&exemplar.timestamp_ms);
    let exemplars: Vec<Exemplar> = frozen.exemplars().filter(within).cloned().collect();
    writer.add_exemplars(local, &exemplars)
}

/// Finds unknown series in the dictionary: after a restart all of them are unknown.
fn search_dictionary(
    writer: &PartitionWriter<'_>,
    items: &[Item],
    unknown: &mut Vec<usize>,
    located: &mut Vec<(u32, usize)>,
) -> Result<(), DiskError> {
    let mut wanted: hashbrown::HashMap<&[u8], usize> =
        unknown.iter().map(|&at| (items[at].labels.encoded().as_bytes(), at)).collect();
    writer.each_series(|local, labels| {
        if let Some(position) = wanted.remove(labels) {
            located.push((local, position));
        }
    })?;
    *unknown = wanted.into_values().collect();
    Ok(())
}

/// Brings samples into order, keeps the first of each time and those within `[from_ms, to_ms)`.
fn settle(samples: &mut Vec<Sample>, from_ms: i64, to_ms: i64) {
    let ascending = samples.windows(2).all(|pair| pair[0].timestamp_ms < pair[1].timestamp_ms);
    if !ascending {
        samples.sort_by_key(|sample| sample.timestamp_ms);
        samples.dedup_by_key(|sample| sample.timestamp_ms);
    }
    samples.retain(|sample| (from_ms..to_ms).contains(&sample.timestamp_ms));
}
