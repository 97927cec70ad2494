//! Adds up what senders report as differences, for the engine stores running totals.
//!
//! The totals live in memory alone: after a start they begin at the first difference again, which
//! functions such as `rate` take for the reset of a counter. A total changes only when the samples
//! made of it are durable, so that a request that is sent again changes nothing.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{MutexGuard, PoisonError};

use super::super::Receiver;

/// Values that are remembered for all series together, some for each series.
const WEIGHT_MAX: usize = 4_000_000;
/// What a series takes beside its values, in values.
const WEIGHT_OF_SERIES: usize = 12;
/// A series without a difference for so long is forgotten when room is needed.
const IDLE_MS: i64 = 3_600_000;
/// How often room is made at most.
const SWEEP_MS: i64 = 10_000;

/// A hash of labels wide enough to stand for them; seeded, so that nobody finds two of a kind.
type Key = (u64, u64);

/// Running totals of series.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    totals: HashMap<Key, Total>,
    weight: usize,
    swept_ms: i64,
    seeds: (RandomState, RandomState),
}

#[derive(Clone, Debug)]
struct Total {
    /// The end of the last difference.
    end_ns: u64,
    /// When it arrived.
    seen_ms: i64,
    /// Tells apart differences that cannot be added, such as of other buckets.
    shape: u64,
    values: Vec<f64>,
}

impl Total {
    fn weight(&self) -> usize {
        self.values.len() + WEIGHT_OF_SERIES
    }
}

/// Totals as a request changes them; nobody else changes them meanwhile.
pub(super) struct Adding<'d> {
    deltas: MutexGuard<'d, Deltas>,
    changed: HashMap<Key, Total>,
    weight: usize,
    now_ms: i64,
}

impl Receiver {
    /// Begins to add differences.
    pub(super) fn add_deltas(&self, now_ms: i64) -> Adding<'_> {
        let deltas = self.deltas.lock().unwrap_or_else(PoisonError::into_inner);
        Adding { deltas, changed: HashMap::new(), weight: 0, now_ms }
    }
}

impl Adding<'_> {
    /// The name of a series among totals.
    pub(super) fn key(&self, labels: &[u8]) -> Key {
        let (left, right) = &self.deltas.seeds;
        (left.hash_one(labels), right.hash_one(labels))
    }

    /// Adds a difference that ends at `end_ns` and gives the totals.
    ///
    /// # Errors
    /// It is older than the last one; there are too many series.
    pub(super) fn add(
        &mut self,
        key: Key,
        shape: u64,
        end_ns: u64,
        values: &[f64],
    ) -> Result<Vec<f64>, String> {
        let known = self.changed.get(&key).or_else(|| self.deltas.totals.get(&key));
        let fresh = || Total { end_ns, seen_ms: self.now_ms, shape, values: values.to_vec() };
        let total = match known {
            // The same difference again: its total is known.
            Some(total) if total.end_ns == end_ns && total.shape == shape => {
                return Ok(total.values.clone());
            }
            Some(total) if total.end_ns >= end_ns => {
                return Err("the delta is not newer than the last one of its series".to_owned());
            }
            Some(total) if total.shape == shape && total.values.len() == values.len() => {
                let sums = total.values.iter().zip(values).map(|(total, more)| total + more);
                Total { end_ns, seen_ms: self.now_ms, shape, values: sums.collect() }
            }
            Some(_) => fresh(),
            None => {
                let total = fresh();
                self.make_room(total.weight())?;
                total
            }
        };
        let values = total.values.clone();
        if let Some(before) = self.changed.insert(key, total) {
            self.weight -= before.weight();
        }
        self.weight += values.len() + WEIGHT_OF_SERIES;
        Ok(values)
    }

    fn make_room(&mut self, more: usize) -> Result<(), String> {
        let (weight, now_ms) = (self.weight, self.now_ms);
        let deltas = &mut *self.deltas;
        let is_full = |deltas: &Deltas| deltas.weight + weight + more > WEIGHT_MAX;
        if is_full(deltas) && now_ms.saturating_sub(deltas.swept_ms).abs() >= SWEEP_MS {
            deltas.swept_ms = now_ms;
            let oldest_ms = now_ms.saturating_sub(IDLE_MS);
            deltas.totals.retain(|_, total| total.seen_ms >= oldest_ms);
            deltas.weight = deltas.totals.values().map(Total::weight).sum();
        }
        if is_full(deltas) {
            return Err("too many series of deltas are being added up".to_owned());
        }
        Ok(())
    }

    /// The samples made of the totals are durable.
    pub(super) fn commit(mut self) {
        for (key, total) in std::mem::take(&mut self.changed) {
            self.deltas.weight += total.weight();
            if let Some(before) = self.deltas.totals.insert(key, total) {
                self.deltas.weight -= before.weight();
            }
        }
    }
}
