//! Sums and means of histograms that lose little precision.

use metric::{Accumulator, Histogram, IncompatibleBuckets, Merged, ResetHint, Tally};

use super::kahan::Sum;
use super::noting::{Noting, Operation};

impl Tally for Sum {
    fn of(number: f64) -> Self {
        Self::of(number)
    }

    fn add(&mut self, number: f64) {
        Self::add(self, number);
    }

    fn join(&mut self, other: Self) {
        Self::add(self, other.value);
        self.compensation += other.compensation;
    }

    fn scale(&mut self, factor: f64) {
        self.value *= factor;
        self.compensation *= factor;
    }

    fn total(self) -> f64 {
        Self::total(self)
    }

    fn over(self, divisor: f64) -> f64 {
        self.value / divisor + self.compensation / divisor
    }

    fn overflows(self) -> bool {
        self.value.is_infinite()
    }
}

/// The sum or the mean of histograms.
#[derive(Debug, Clone)]
pub(crate) struct Gathered {
    sum: Accumulator<Sum>,
    count: f64,
    /// A mean: once the sum would overflow, the mean so far is kept in its place.
    incremental: bool,
    mean: bool,
    hints: Hints,
    bounds_reconciled: bool,
}

/// Which hints have been seen.
#[derive(Debug, Clone, Copy, Default)]
struct Hints {
    reset: bool,
    not_reset: bool,
}

impl Hints {
    fn see(&mut self, hint: ResetHint) {
        self.reset |= hint == ResetHint::Reset;
        self.not_reset |= hint == ResetHint::NotReset;
    }
}

impl Gathered {
    pub(crate) fn new(first: &Histogram, mean: bool) -> Self {
        let mut hints = Hints::default();
        hints.see(first.reset_hint);
        let sum = Accumulator::of(first);
        Self { sum, count: 1.0, incremental: false, mean, hints, bounds_reconciled: false }
    }

    /// All of a list that has at least one; nothing if they do not go together.
    pub(crate) fn of<'h>(
        histograms: impl IntoIterator<Item = &'h Histogram>,
        mean: bool,
    ) -> Result<Option<Self>, IncompatibleBuckets> {
        let mut histograms = histograms.into_iter();
        let Some(first) = histograms.next() else {
            return Ok(None);
        };
        let mut gathered = Self::new(first, mean);
        for histogram in histograms {
            gathered.add(histogram)?;
        }
        Ok(Some(gathered))
    }

    pub(crate) fn add(&mut self, histogram: &Histogram) -> Result<(), IncompatibleBuckets> {
        self.count += 1.0;
        let merged =
            if self.mean { self.add_to_mean(histogram) } else { self.sum.add(histogram, 1.0) };
        self.bounds_reconciled |= merged?.bounds_reconciled;
        self.hints.see(histogram.reset_hint);
        Ok(())
    }

    fn add_to_mean(&mut self, histogram: &Histogram) -> Result<Merged, IncompatibleBuckets> {
        if !self.incremental {
            let mut sum = self.sum.clone();
            let merged = sum.add(histogram, 1.0)?;
            if !sum.overflows() {
                self.sum = sum;
                return Ok(merged);
            }
            self.incremental = true;
            self.sum.scale(1.0 / (self.count - 1.0));
        }
        self.sum.scale((self.count - 1.0) / self.count);
        self.sum.add(histogram, 1.0 / self.count)
    }

    /// The result; says what was odd about it.
    pub(crate) fn finish(self, noting: &Noting<'_>) -> Histogram {
        if self.hints.reset && self.hints.not_reset {
            noting.hints_collide(Operation::Aggregation);
        }
        if self.bounds_reconciled {
            noting.bounds_reconciled(Operation::Aggregation);
        }
        if self.mean && !self.incremental {
            return self.sum.over(self.count);
        }
        self.sum.histogram()
    }
}
