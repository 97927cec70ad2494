//! The background thread: flushes, retention, idle series, and recovery after the disk refused.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::disk::DiskError;
use crate::engine::Engine;

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

    /// Deletes partitions beyond the retention by time and by size; returns how many.
    pub(crate) fn expire(&self) -> Result<usize, DiskError> {
        let _one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest_ms = self.oldest_ms(self.options.now.read_ms());
        let grace = Duration::from_millis(self.options.retention_grace_ms);
        let bytes_max = self.retention_bytes.load(Ordering::Relaxed);
        let (mut gone, mut outcome) = self.partitions.expire(oldest_ms, grace);
        if outcome.is_ok() {
            let (shed, shedding) = self.partitions.shed(bytes_max);
            gone.extend(shed);
            outcome = shedding;
        }
        for &number in &gone {
            tracing::info!(partition = number, "deleted an expired partition");
            self.head_mut().unlink(number);
        }
        outcome.map(|()| gone.len())
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
