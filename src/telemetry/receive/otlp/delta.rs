//! Adds up what senders report as differences, for the engine stores running totals.
//!
//! The totals live in memory alone: after a start they begin at the first difference again, which
//! functions such as `rate` take for the reset of a counter. A total changes only when the samples
//! made of it are durable, so that a request that is sent again changes nothing.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, MutexGuard, PoisonError};

use metric::Histogram;

use super::super::Receiver;

/// Values that are remembered for all series together, some for each series.
const WEIGHT_MAX: usize = 4_000_000;
/// What a series takes beside its values, in values.
const WEIGHT_OF_SERIES: usize = 12;
/// A series without a difference for so long is forgotten when room is needed.
const IDLE_MS: i64 = 3_600_000;
/// How often room is made at most.
const SWEEP_MS: i64 = 10_000;

/// Buckets of a total: one that would have more begins anew.
const BUCKETS_MAX: usize = 65_536;

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
    amounts: Amounts,
}

/// What is added up.
#[derive(Clone, Debug)]
enum Amounts {
    Numbers {
        /// Tells apart differences that cannot be added, such as of other buckets.
        shape: u64,
        values: Vec<f64>,
    },
    Histogram(Arc<Histogram>),
}

impl Total {
    fn weight(&self) -> usize {
        let values = match &self.amounts {
            Amounts::Numbers { values, .. } => values.len(),
            Amounts::Histogram(histogram) => histogram.memory_bytes().div_ceil(size_of::<f64>()),
        };
        values + WEIGHT_OF_SERIES
    }
}

impl Amounts {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Numbers { shape, values },
                Self::Numbers { shape: other_shape, values: others },
            ) => shape == other_shape && values.len() == others.len(),
            (Self::Histogram(_), Self::Histogram(_)) => true,
            _ => false,
        }
    }

    /// The sum, unless the two cannot be added.
    fn plus(&self, more: &Self) -> Option<Self> {
        match (self, more) {
            (Self::Numbers { shape, values }, Self::Numbers { values: others, .. })
                if self.is_like(more) =>
            {
                let values = values.iter().zip(others).map(|(total, more)| total + more).collect();
                Some(Self::Numbers { shape: *shape, values })
            }
            (Self::Histogram(total), Self::Histogram(more)) => {
                let mut sum = Histogram::clone(total);
                sum.add(more).ok()?;
                sum.compact();
                let fits = sum.positive.len().max(sum.negative.len()) <= BUCKETS_MAX;
                fits.then(|| Self::Histogram(Arc::new(sum)))
            }
            _ => None,
        }
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
        let more = Amounts::Numbers { shape, values: values.to_vec() };
        match self.add_amounts(key, end_ns, more)? {
            Amounts::Numbers { values, .. } => Ok(values),
            Amounts::Histogram(_) => Err("its total is of another kind".to_owned()),
        }
    }

    /// Adds a histogram that ends at `end_ns` and gives the total. Its resolution is that of the
    /// coarsest one added, its zero bucket as wide as the widest.
    ///
    /// # Errors
    /// As [`Adding::add`].
    pub(super) fn add_histogram(
        &mut self,
        key: Key,
        end_ns: u64,
        more: Histogram,
    ) -> Result<Arc<Histogram>, String> {
        match self.add_amounts(key, end_ns, Amounts::Histogram(Arc::new(more)))? {
            Amounts::Histogram(histogram) => Ok(histogram),
            Amounts::Numbers { .. } => Err("its total is of another kind".to_owned()),
        }
    }

    fn add_amounts(&mut self, key: Key, end_ns: u64, more: Amounts) -> Result<Amounts, String> {
        let known = self.changed.get(&key).or_else(|| self.deltas.totals.get(&key));
        let amounts = match known {
            // The same difference again: its total is known.
            Some(total) if total.end_ns == end_ns && total.amounts.is_like(&more) => {
                return Ok(total.amounts.clone());
            }
            Some(total) if total.end_ns >= end_ns => {
                return Err("the delta is not newer than the last one of its series".to_owned());
            }
            Some(total) => total.amounts.plus(&more).unwrap_or(more),
            None => more,
        };
        let weight_before = known.map_or(0, Total::weight);
        let total = Total { end_ns, seen_ms: self.now_ms, amounts: amounts.clone() };
        let weight = total.weight();
        // Numbers stay as many as they are; a histogram may grow.
        if weight > weight_before {
            self.make_room(weight - weight_before)?;
        }
        if let Some(before) = self.changed.insert(key, total) {
            self.weight -= before.weight();
        }
        self.weight += weight;
        Ok(amounts)
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
