//! Settings of the engine, with the defaults of an appliance that serves one site.

use std::fmt;
use std::sync::Arc;

use metric::LabelLimits;

use crate::limits::SeriesLimits;

/// One hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Where the engine reads the time of day: milliseconds since the epoch, UTC.
#[derive(Clone)]
pub struct Now(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Now {
    /// Reads the time through a function.
    pub fn new(read: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time now.
    pub(crate) fn read_ms(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Now({})", self.read_ms())
    }
}

/// A tier: rows that are left of samples when these are thinned out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierOptions {
    /// The span of time that one row stands for.
    pub resolution_ms: i64,
    /// How long rows are kept; `None` keeps them for ever, 0 makes none. Changeable while running.
    pub retention_ms: Option<i64>,
    /// How many partitions of samples make one of the tier. Fixed when the directory is made.
    pub partitions: u16,
}

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The clock.
    pub now: Now,
    /// How long samples are kept; `None` keeps them for ever. Changeable while running.
    pub retention_ms: Option<i64>,
    /// Most bytes that partitions take together; the oldest go beyond it, the newest never does.
    /// `None` keeps them. Changeable while running.
    pub retention_bytes: Option<u64>,
    /// How long an expired partition still stays, so that a jump of the clock deletes nothing.
    pub retention_grace_ms: u64,
    /// What is kept of samples beyond their retention.
    pub tiers: Vec<TierOptions>,
    /// Length of a partition, at least one minute. Fixed when the directory is made.
    pub partition_ms: i64,
    /// How far a sample may lie behind the newest one of its series.
    pub out_of_order_ms: i64,
    /// How far a sample may lie ahead of the clock.
    pub future_ms: i64,
    /// Most series in memory. Changeable while running.
    pub series: SeriesLimits,
    /// Most exemplars in memory until the next flush; further ones are dropped and counted.
    pub exemplars_max: u64,
    /// Limits of one label set.
    pub labels: LabelLimits,
    /// Bytes that samples take in memory when a flush begins. The more, the longer the chunks on
    /// disk and the journal that is read again after a crash.
    pub flush_bytes: u64,
    /// Longest time between flushes.
    pub flush_interval_ms: u64,
    /// Samples in memory beyond which appends are refused until a flush succeeds.
    pub pending_samples_max: u64,
    /// How long a series without new samples stays in memory.
    pub idle_ms: u64,
    /// How long a flushed journal segment stays, so that a copy of the directory in progress
    /// still finds it.
    pub journal_keep_ms: u64,
    /// How long a partition whose time is over must stand unchanged before it is compacted.
    pub compact_quiet_ms: u64,
    /// Page cache of each open partition in bytes.
    pub cache_bytes: usize,
}

impl Options {
    /// The defaults, with a clock.
    pub fn new(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self {
            now: Now::new(now_ms),
            retention_ms: Some(30 * 24 * HOUR_MS),
            retention_bytes: None,
            retention_grace_ms: 600_000,
            tiers: vec![
                TierOptions {
                    resolution_ms: HOUR_MS / 12,
                    retention_ms: Some(365 * 24 * HOUR_MS),
                    partitions: 8,
                },
                TierOptions {
                    resolution_ms: HOUR_MS,
                    retention_ms: Some(5 * 365 * 24 * HOUR_MS),
                    partitions: 32,
                },
            ],
            partition_ms: 24 * HOUR_MS,
            out_of_order_ms: HOUR_MS,
            future_ms: HOUR_MS / 6,
            series: SeriesLimits::default(),
            exemplars_max: 200_000,
            labels: LabelLimits::default(),
            flush_bytes: 64 << 20,
            flush_interval_ms: 2 * HOUR_MS as u64,
            pending_samples_max: 64_000_000,
            idle_ms: HOUR_MS as u64,
            journal_keep_ms: 60_000,
            compact_quiet_ms: 600_000,
            cache_bytes: 8 << 20,
        }
    }
}
