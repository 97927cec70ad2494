//! Accounts for the samples and values that a query holds, and for the memory they take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use super::shared::Kept;
use crate::error::{EvalError, LimitName};
use crate::options::Limits;

/// What a number of a column takes, in bytes.
const VALUE_BYTES: u64 = 8;

/// The budget of one query; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    samples: Counter,
    bytes: Counter,
    /// Results that are held only to save work, by their class: they go when anything else needs
    /// their room.
    kept: Mutex<HashMap<usize, Kept>>,
}

#[derive(Debug)]
struct Counter {
    max: u64,
    held: AtomicU64,
    peak: AtomicU64,
}

/// An amount of what is accounted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    /// Samples and values.
    pub(crate) samples: u64,
    /// The memory they take, and that of what is around them.
    pub(crate) bytes: u64,
}

impl Amount {
    /// Numbers of columns, or anything else of 8 bytes.
    pub(crate) fn values(count: u64) -> Self {
        Self { samples: count, bytes: count.saturating_mul(VALUE_BYTES) }
    }

    pub(crate) fn bytes(bytes: u64) -> Self {
        Self { samples: 0, bytes }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_add(other.samples),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl Counter {
    fn new(max: u64) -> Self {
        Self { max, held: AtomicU64::new(0), peak: AtomicU64::new(0) }
    }

    fn take(&self, amount: u64) -> bool {
        if amount > self.max {
            return false;
        }
        let held = self.held.fetch_add(amount, Ordering::Relaxed) + amount;
        if held > self.max {
            self.give_back(amount);
            return false;
        }
        self.peak.fetch_max(held, Ordering::Relaxed);
        true
    }

    fn give_back(&self, amount: u64) {
        self.held.fetch_sub(amount, Ordering::Relaxed);
    }
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Account {
            samples: Counter::new(limits.samples_max),
            bytes: Counter::new(limits.memory_bytes_max),
            kept: Mutex::default(),
        }))
    }

    /// A charge of nothing yet.
    pub(crate) fn charge(&self) -> Charge {
        Charge { budget: self.clone(), held: Amount::default() }
    }

    /// Most samples and values held at one time.
    pub(crate) fn peak(&self) -> u64 {
        self.0.samples.peak.load(Ordering::Relaxed)
    }

    /// Forgets the peak; answers what it was, for [`Budget::restore_peak`].
    pub(crate) fn restart_peak(&self) -> u64 {
        let held = self.0.samples.held.load(Ordering::Relaxed);
        self.0.samples.peak.swap(held, Ordering::Relaxed)
    }

    /// Remembers a peak from before.
    pub(crate) fn restore_peak(&self, before: u64) {
        self.0.samples.peak.fetch_max(before, Ordering::Relaxed);
    }

    pub(crate) fn bytes_peak(&self) -> u64 {
        self.0.bytes.peak.load(Ordering::Relaxed)
    }

    /// Works on the results that are held only to save work.
    pub(crate) fn with_kept<T>(&self, f: impl FnOnce(&mut HashMap<usize, Kept>) -> T) -> T {
        f(&mut self.0.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes an amount if it is there without any result having to go.
    pub(crate) fn take_spare(&self, amount: Amount) -> Result<(), EvalError> {
        if !self.0.samples.take(amount.samples) {
            return Err(self.exceeded(LimitName::Samples));
        }
        if !self.0.bytes.take(amount.bytes) {
            self.0.samples.give_back(amount.samples);
            return Err(self.exceeded(LimitName::MemoryBytes));
        }
        Ok(())
    }

    fn take(&self, amount: Amount) -> Result<(), EvalError> {
        let error = match self.take_spare(amount) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let kept = self.with_kept(std::mem::take);
        if kept.is_empty() {
            return Err(error);
        }
        kept.values().for_each(|kept| self.give_back(kept.held));
        drop(kept);
        self.take_spare(amount)
    }

    pub(crate) fn give_back(&self, amount: Amount) {
        self.0.samples.give_back(amount.samples);
        self.0.bytes.give_back(amount.bytes);
    }

    fn exceeded(&self, limit: LimitName) -> EvalError {
        let bytes = limit == LimitName::MemoryBytes;
        let max = if bytes { self.0.bytes.max } else { self.0.samples.max };
        EvalError::Limit { limit, max }
    }
}

/// What one holder takes from the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    held: Amount,
}

impl Charge {
    pub(crate) fn grow(&mut self, amount: Amount) -> Result<(), EvalError> {
        self.budget.take(amount)?;
        self.held = self.held.and(amount);
        Ok(())
    }

    /// As [`Charge::grow`], for values.
    pub(crate) fn grow_values(&mut self, count: u64) -> Result<(), EvalError> {
        self.grow(Amount::values(count))
    }

    /// As [`Charge::grow`], for memory that holds no values.
    pub(crate) fn grow_bytes(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.grow(Amount::bytes(bytes as u64))
    }

    pub(crate) fn held(&self) -> Amount {
        self.held
    }

    /// Becomes the holder of what was taken already.
    pub(crate) fn adopt(&mut self, amount: Amount) {
        self.held = self.held.and(amount);
    }

    /// Takes over what another charge holds.
    pub(crate) fn join(&mut self, other: &mut Self) {
        self.adopt(std::mem::take(&mut other.held));
    }

    /// Makes the charge exactly this large.
    pub(crate) fn resize(&mut self, amount: Amount) -> Result<(), EvalError> {
        let less = |held: u64, wanted: u64| held.saturating_sub(wanted);
        let more = Amount {
            samples: less(amount.samples, self.held.samples),
            bytes: less(amount.bytes, self.held.bytes),
        };
        self.grow(more)?;
        self.budget.give_back(Amount {
            samples: less(self.held.samples, amount.samples),
            bytes: less(self.held.bytes, amount.bytes),
        });
        self.held = amount;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.held);
    }
}
