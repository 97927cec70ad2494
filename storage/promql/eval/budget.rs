//! Accounts for the samples and values that a query holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{EvalError, LimitName};

/// The budget of one query; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    max: u64,
    held: AtomicU64,
    peak: AtomicU64,
}

impl Budget {
    pub(crate) fn new(max: u64) -> Self {
        Self(Arc::new(Account { max, held: AtomicU64::new(0), peak: AtomicU64::new(0) }))
    }

    /// A charge of nothing yet.
    pub(crate) fn charge(&self) -> Charge {
        Charge { budget: self.clone(), held: 0 }
    }

    pub(crate) fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn exceeded(&self) -> EvalError {
        EvalError::Limit { limit: LimitName::Samples, max: self.0.max }
    }

    fn take(&self, amount: u64) -> Result<(), EvalError> {
        if amount > self.0.max {
            return Err(self.exceeded());
        }
        let held = self.0.held.fetch_add(amount, Ordering::Relaxed) + amount;
        if held > self.0.max {
            self.give_back(amount);
            return Err(self.exceeded());
        }
        self.0.peak.fetch_max(held, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, amount: u64) {
        self.0.held.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// What one holder takes from the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    held: u64,
}

impl Charge {
    pub(crate) fn grow(&mut self, amount: u64) -> Result<(), EvalError> {
        self.budget.take(amount)?;
        self.held += amount;
        Ok(())
    }

    /// Takes over what another charge holds.
    pub(crate) fn join(&mut self, other: &mut Self) {
        self.held += std::mem::take(&mut other.held);
    }

    /// Makes the charge exactly this large.
    pub(crate) fn resize(&mut self, amount: u64) -> Result<(), EvalError> {
        if amount >= self.held {
            return self.grow(amount - self.held);
        }
        self.budget.give_back(self.held - amount);
        self.held = amount;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.held);
    }
}
