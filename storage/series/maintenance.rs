//! The background thread: flushes, retention, idle series, and recovery after the disk refused.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::disk::DiskError;
use crate::engine::Engine;
use crate::partition::Partition;
use crate::tier::{self, Tier};

/// How often the thread looks whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often partitions and idle series are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How long to wait after a flush that failed.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Slots handled under one hold of the head's lock.
const SLICE: u32 = 4096;
const TICK_SECONDS: u64 = 60;

/// Starts the thread.
pub(crate) fn start(engine: Arc<Engine>) -> io::Result<JoinHandle<()>> {
    Builder::new().name("series-upkeep".to_owned()).spawn(move || run(&engine))
}

fn run(engine: &Engine) {
    let mut last_sweep = Instant::now();
    while !wait(engine) {
        if engine.flush_is_due() {
            // Logged and counted there; tried again after a while.
            drop(engine.flush());
        }
        engine.tick();
        if last_sweep.elapsed() >= SWEEP_EVERY {
            last_sweep = Instant::now();
            if let Err(error) = engine.expire() {
                tracing::error!(%error, "deleting expired partitions failed");
            }
            engine.evict_idle();
        }
    }
}

/// Waits until something may be due; says whether to stop.
fn wait(engine: &Engine) -> bool {
    let (stop, wake) = &engine.wake;
    let guard = stop.lock().unwrap_or_else(PoisonError::into_inner);
    if *guard {
        return true;
    }
    let (guard, _) = wake.wait_timeout(guard, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner);
    *guard
}

impl Engine {
    fn flush_is_due(&self) -> bool {
        let state = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed.as_ref().is_some_and(|(at, _)| at.elapsed() < RETRY_AFTER) {
            return false;
        }
        let interval = Duration::from_millis(self.options.flush_interval_ms);
        let overdue = state.failed.is_some() || state.last.elapsed() >= interval;
        let full = self.head().is_full(self.options.flush_bytes);
        full || overdue || self.journal.check().is_err()
    }

    /// Moves the slow clock of the head on and lets old segments go.
    fn tick(&self) {
        let minutes = self.started.elapsed().as_secs() / TICK_SECONDS;
        self.head_mut().set_tick(u32::try_from(minutes).unwrap_or(u32::MAX));
        let mut state = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        self.delete_retired(&mut state);
    }

    /// Deletes partitions beyond the retention by time and by size, and prunes others; returns
    /// how many were deleted.
    pub(crate) fn expire(&self) -> Result<usize, DiskError> {
        let one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest_ms = self.keeping().oldest_ms();
        let grace = Duration::from_millis(self.options.retention_grace_ms);
        let bytes_max = self.retention_bytes.load(Ordering::Relaxed);
        let now_ms = self.options.now.read_ms();
        let may_go = |samples: &Partition| self.may_go(samples, oldest_ms, now_ms);
        let (mut gone, mut outcome) = self.partitions.expire(oldest_ms, grace, may_go);
        if outcome.is_ok() {
            let (shed, shedding) = self.partitions.shed(bytes_max);
            gone.extend(shed);
            outcome = shedding;
        }
        for &number in &gone {
            tracing::info!(partition = number, "deleted an expired partition");
            let mut head = self.head_mut();
            head.unlink(number);
            let (all, length_ms) = (head.index.all_slots().clone(), self.partitions.length_ms());
            let from_ms = i64::from(number) * length_ms;
            // The retention may grow again: what is gone must be no duplicate then.
            head.forget(&all, (from_ms, from_ms + length_ms - 1), length_ms);
        }
        let mut deleted = gone.len();
        for tier in &self.tiers {
            let (thinned, expiring) =
                tier.partitions.expire(tier.oldest_ms(now_ms), grace, |_| true);
            deleted += thinned.len();
            outcome = outcome.and(expiring);
        }
        drop(one_at_a_time);
        outcome.and(self.prune()).map(|()| deleted)
    }

    /// Whether samples beyond their retention may be deleted: their rows are made, or are not
    /// wanted, or could not be made for long.
    pub(crate) fn may_go(&self, samples: &Partition, oldest_ms: i64, now_ms: i64) -> bool {
        let overdue = samples.to_ms.saturating_add(tier::WAIT_MS) <= oldest_ms;
        let thinned = |tier: &Tier| {
            let wanted = tier.wants(samples, now_ms);
            !wanted || tier.has(samples).unwrap_or(false)
        };
        overdue || self.tiers.iter().all(thinned)
    }

    /// Takes series out of memory that stood idle for long; partitions keep their samples.
    fn evict_idle(&self) {
        let ticks = (self.options.idle_ms / 1000).div_ceil(TICK_SECONDS).max(1);
        self.evict(u32::try_from(ticks).unwrap_or(u32::MAX));
    }

    /// Takes series out of memory that stood idle for so many ticks.
    pub(crate) fn evict(&self, ticks: u32) {
        let end = self.head().series.end();
        let mut evicted = 0;
        for from in (0..end).step_by(SLICE as usize) {
            let to = end.min(from + SLICE);
            evicted += self.head_mut().evict(from, to, ticks, self.partitions.length_ms());
        }
        self.counters.evicted.fetch_add(evicted as u64, Ordering::Relaxed);
    }
}
