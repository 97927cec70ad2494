//! Compaction: partitions that many flushes wrote, or from which something was deleted, are
//! written anew into a file beside, which then takes the place of the old one.
//!
//! Flushes and deletions go on meanwhile. One that changed the partition wins: the new file is
//! thrown away and made again later. The change of files itself happens under the lock of the
//! flush; a crash before it leaves a file that is deleted at opening, a crash after it the new
//! file, which holds the same.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::delete::DeleteError;
use crate::disk::DiskError;
use crate::engine::{Engine, Series};
use crate::partition::{Pace, Partition, Summary};
use metric::ReadError;

/// How often the thread looks whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long a partition is left alone after its compaction failed.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(3600);
/// So many times longer than the first time a partition must stand unchanged before it is
/// compacted again because of late samples.
const AGAIN_QUIET_FACTOR: u32 = 36;
/// Work between two pauses.
const WORK_AT_ONCE: Duration = Duration::from_millis(20);
/// Samples a second from which on appends count as busy.
const BUSY_SAMPLES_PER_S: f64 = 50_000.0;
/// Pauses last so many times as long as the work before them.
const REST_FACTOR: u32 = 1;
/// The same while appends are busy.
const BUSY_REST_FACTOR: u32 = 4;
/// Bytes that must stay free on the disk beside the new file.
const SPARE_BYTES: u64 = 256 << 20;
/// How often a partition that is written to is tried before cleaning gives up.
const CLEAN_TRIES: u32 = 5;

/// When partitions whose compaction failed are tried again.
#[derive(Debug, Default)]
pub(crate) struct Compacting {
    not_before: HashMap<i32, Instant>,
}

impl Compacting {
    /// Whether a partition is to be left alone.
    pub(crate) fn waits(&self, number: i32, now: Instant) -> bool {
        self.not_before.get(&number).is_some_and(|at| *at > now)
    }

    /// Leaves a partition alone until a time.
    pub(crate) fn wait(&mut self, number: i32, until: Instant) {
        self.not_before.insert(number, until);
    }
}

/// What cleaning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Partitions that were written anew or deleted.
    pub partitions: usize,
    /// Bytes on disk that they took before.
    pub from_bytes: u64,
    /// Bytes on disk that they take now.
    pub to_bytes: u64,
}

/// What became of one compaction.
enum Outcome {
    /// Bytes before and after.
    Done(u64, u64),
    /// Something wrote to the partition meanwhile, or it was deleted.
    Overtaken,
}

impl Series {
    /// Frees the space of what was deleted: compacts every partition with tombstones now.
    ///
    /// # Errors
    /// A damaged file, a disk that refuses or is too full, or a closed engine.
    pub fn clean(&self) -> Result<Cleaned, DeleteError> {
        if self.engine().closed.load(Ordering::SeqCst) {
            return Err(DeleteError::Closed);
        }
        let cleaned = self.engine().compact_where(|_, summary| summary.tombstones);
        Ok(cleaned.map_err(ReadError::from)?)
    }
}

/// Starts the thread.
pub(crate) fn start(engine: Arc<Engine>) -> io::Result<JoinHandle<()>> {
    Builder::new().name("series-compact".to_owned()).spawn(move || {
        while !engine.rest(LOOK_EVERY) {
            engine.compact_due();
            engine.thin_due();
        }
    })
}

impl Engine {
    /// Compacts the newest partition that is due, slowly.
    pub(crate) fn compact_due(&self) {
        let mut state = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.not_before.retain(|_, at| *at > now);
        let due = self
            .partitions
            .list()
            .into_iter()
            .rev()
            .find(|partition| !state.waits(partition.number, now) && self.is_due(partition));
        let Some(partition) = due else { return };
        let mut pace = Pacer::new(self);
        let compacted = self.compact(&partition, &mut || pace.step());
        if self.is_stopping() {
            return;
        }
        match compacted {
            Ok(Outcome::Done(..) | Outcome::Overtaken) => {}
            Err(error) => {
                self.counters.note_compaction_failure();
                tracing::error!(%error, "compacting a partition failed");
                state.wait(partition.number, now + RETRY_AFTER);
            }
        }
    }

    /// Whether a partition's time is over and it stands unchanged.
    pub(crate) fn is_over(&self, partition: &Partition) -> bool {
        let over_ms = partition.to_ms.saturating_add(self.options.out_of_order_ms);
        over_ms <= self.options.now.read_ms() && partition.quiet_for() >= self.compact_quiet()
    }

    /// Whether a partition's time is over and a compaction brings something.
    fn is_due(&self, partition: &Partition) -> bool {
        if !self.is_over(partition) {
            return false;
        }
        let quiet = self.compact_quiet();
        // What cannot be read is named when it is queried.
        let Ok(summary) = partition.summary() else { return false };
        let late_only = summary.compacted && !summary.tombstones;
        !summary.compact
            && (!late_only || partition.quiet_for() >= quiet.saturating_mul(AGAIN_QUIET_FACTOR))
    }

    /// Compacts all partitions of which that is wanted, without pauses.
    pub(crate) fn compact_where(
        &self,
        wanted: impl Fn(&Partition, &Summary) -> bool,
    ) -> Result<Cleaned, DiskError> {
        self.hurry.store(true, Ordering::SeqCst);
        let _one_at_a_time = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        self.hurry.store(false, Ordering::SeqCst);
        let mut cleaned = Cleaned::default();
        for partition in self.partitions.list() {
            for _ in 0..CLEAN_TRIES {
                if !wanted(&partition, &partition.summary()?) {
                    break;
                }
                let stop = &mut || self.go_on();
                if let Outcome::Done(from_bytes, to_bytes) = self.compact(&partition, stop)? {
                    cleaned.partitions += 1;
                    cleaned.from_bytes += from_bytes;
                    cleaned.to_bytes += to_bytes;
                    break;
                }
            }
        }
        self.clean_tiers(wanted)?;
        Ok(cleaned)
    }

    /// Writes one partition anew.
    fn compact(&self, partition: &Arc<Partition>, pace: Pace<'_>) -> Result<Outcome, DiskError> {
        let (changes, reader) = {
            // Not between a change and its count.
            let _no_flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.partitions.is_current(partition) {
                return Ok(Outcome::Overtaken);
            }
            (partition.changes(), partition.reader()?)
        };
        let started = Instant::now();
        let from_bytes = partition.size_bytes();
        check_space(partition, from_bytes)?;
        let rewritten = match partition.rewrite(&reader, pace) {
            // Its directory was renamed meanwhile.
            Err(_) if !self.partitions.is_current(partition) => return Ok(Outcome::Overtaken),
            rewritten => rewritten?,
        };
        drop(reader);
        let _no_flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.partitions.is_current(partition) || partition.changes() != changes {
            partition.discard_new()?;
            return Ok(Outcome::Overtaken);
        }
        if rewritten.series == 0 {
            partition.discard_new()?;
            let removed = self.partitions.remove(partition);
            removed.map_err(|error| DiskError::io(partition.dir(), &error))?;
            self.head_mut().unlink(partition.number);
        } else {
            self.take_place(partition)?;
        }
        let to_bytes = if rewritten.series == 0 { 0 } else { partition.size_bytes() };
        self.counters.compactions.fetch_add(1, Ordering::Relaxed);
        self.counters.compacted_from_bytes.fetch_add(from_bytes, Ordering::Relaxed);
        self.counters.compacted_to_bytes.fetch_add(to_bytes, Ordering::Relaxed);
        tracing::info!(
            partition = partition.number,
            series = rewritten.series,
            samples = rewritten.samples,
            from_bytes,
            to_bytes,
            ms = started.elapsed().as_millis(),
            "compacted a partition"
        );
        Ok(Outcome::Done(from_bytes, to_bytes))
    }

    /// Changes the files under the lock of the flush. A selection that looked at memory before
    /// and opens the partition after does not believe its links; see `select.rs`.
    fn take_place(&self, partition: &Partition) -> Result<(), DiskError> {
        let renumbered = self.head().renumbered + 1;
        let replaced = partition.replace(renumbered);
        let mut head = self.head_mut();
        head.unlink(partition.number);
        head.renumbered = renumbered;
        replaced
    }

    /// Compacts one partition; says whether it was not overtaken.
    #[cfg(test)]
    pub(crate) fn compact_with(
        &self,
        partition: &Arc<Partition>,
        pace: Pace<'_>,
    ) -> Result<bool, DiskError> {
        Ok(matches!(self.compact(partition, pace)?, Outcome::Done(..)))
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.wake.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error when the engine is being closed.
    pub(crate) fn go_on(&self) -> Result<(), DiskError> {
        let stopped = io::Error::new(io::ErrorKind::Interrupted, "the engine is closed");
        if self.is_stopping() { Err(DiskError::io(&self.dir, &stopped)) } else { Ok(()) }
    }
}

/// Refuses when the disk has no room for the new file.
pub(crate) fn check_space(partition: &Partition, bytes: u64) -> Result<(), DiskError> {
    let failed = |error: io::Error| DiskError::io(partition.dir(), &error);
    let stat = rustix::fs::statvfs(partition.dir()).map_err(|error| failed(error.into()))?;
    let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free_bytes < bytes.saturating_add(SPARE_BYTES) {
        let detail = format!("{free_bytes} bytes are free, too few to compact {bytes} bytes");
        return Err(failed(io::Error::other(detail)));
    }
    Ok(())
}

/// Alternates work with pauses.
pub(crate) struct Pacer<'a> {
    engine: &'a Engine,
    since: Instant,
    accepted: u64,
    rest_factor: u32,
}

impl<'a> Pacer<'a> {
    /// Begins to work.
    pub(crate) fn new(engine: &'a Engine) -> Self {
        let accepted = engine.counters.accepted.load(Ordering::Relaxed);
        Self { engine, since: Instant::now(), accepted, rest_factor: REST_FACTOR }
    }

    /// Pauses when it is time; an error when the engine is being closed.
    pub(crate) fn step(&mut self) -> Result<(), DiskError> {
        let worked = self.since.elapsed();
        if worked < WORK_AT_ONCE {
            return Ok(());
        }
        if !self.engine.hurry.load(Ordering::SeqCst) {
            self.engine.rest(worked * self.rest_factor);
        }
        let accepted = self.engine.counters.accepted.load(Ordering::Relaxed);
        let rate = (accepted - self.accepted) as f64 / self.since.elapsed().as_secs_f64();
        self.rest_factor = if rate > BUSY_SAMPLES_PER_S { BUSY_REST_FACTOR } else { REST_FACTOR };
        self.accepted = accepted;
        self.since = Instant::now();
        self.engine.go_on()
    }
}
