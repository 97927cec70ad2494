//! How a query is to be evaluated, and how much it may cost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// How a query is to be evaluated.
#[derive(Debug, Clone)]
pub struct QueryOptions {
    /// How far an instant selector looks back for a sample.
    pub lookback_ms: i64,
    /// The step of a subquery that names none.
    pub subquery_step_ms: i64,
    /// Keep the metric's name until the end of the evaluation, so that series which differ only
    /// in their names can pass through functions. Off by default, as in Prometheus.
    pub delayed_name_removal: bool,
    /// Gather what each node of the tree costs, for [`crate::Answer::analysis`].
    pub analyze: bool,
    /// Most threads that work on a query; none is started for little work.
    pub threads_max: usize,
    /// What the query may cost.
    pub limits: Limits,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Set by the caller when the answer is no longer wanted.
    pub cancel: Cancel,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self {
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            delayed_name_removal: false,
            analyze: false,
            threads_max: threads_max(),
            limits: Limits::default(),
            deadline: None,
            cancel: Cancel::default(),
        }
    }
}

/// Threads of a query unless the caller says otherwise: one a core, but leaving some of a large
/// machine to others.
fn threads_max() -> usize {
    static THREADS_MAX: OnceLock<usize> = OnceLock::new();
    let counted = || std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4));
    *THREADS_MAX.get_or_init(counted)
}

/// What a query may cost. Exceeding one is an error, never a truncated answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most samples and values held at one time.
    pub samples_max: u64,
    /// Most bytes that samples, values and the labels beside them take at one time, about.
    pub memory_bytes_max: u64,
    /// Most series found by one selector.
    pub series_max: usize,
    /// Most points in one series of an answer.
    pub points_per_series_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            samples_max: 50_000_000,
            memory_bytes_max: 512 << 20,
            series_max: 500_000,
            points_per_series_max: 11_000,
        }
    }
}

/// A flag that stops a running query. Cheap to clone; clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the query to stop; it notices within a few milliseconds.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the query was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
