//! Sums and means that lose little precision, step by step as Prometheus computes them.

/// A running sum with Neumaier's compensation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    pub(crate) compensation: f64,
}

impl Sum {
    pub(crate) fn of(value: f64) -> Self {
        Self { value, compensation: 0.0 }
    }

    pub(crate) fn add(&mut self, increment: f64) {
        let total = self.value + increment;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.value.abs() >= increment.abs() {
            self.compensation += (self.value - total) + increment;
        } else {
            self.compensation += (increment - total) + self.value;
        }
        self.value = total;
    }

    pub(crate) fn total(self) -> f64 {
        self.value + self.compensation
    }
}

/// A running mean: a sum as long as that does not overflow, then an incremental mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn of(value: f64) -> Self {
        Self { sum: Sum::of(value), count: 1.0, incremental: false }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut sum = self.sum;
            sum.add(value);
            if !sum.value.is_infinite() {
                self.sum = sum;
                return;
            }
            self.incremental = true;
            self.sum.value /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        self.sum.value *= share;
        self.sum.compensation *= share;
        self.sum.add(value / self.count);
    }

    pub(crate) fn mean(self) -> f64 {
        if self.incremental {
            return self.sum.total();
        }
        self.sum.value / self.count + self.sum.compensation / self.count
    }
}
