//! Rows: the intermediate values of an evaluation, one value per step for each label set.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use metric::{Labels, is_stale, stale_nan};

use super::budget::{Budget, Charge};
use crate::error::EvalError;

/// One value per step, some of them absent.
///
/// An absent value is stored as the stale marker: no reader's sample reaches a column with it
/// and no arithmetic makes it, because arithmetic quiets a signalling NaN.
#[derive(Debug, Clone)]
pub(crate) struct Column(Vec<f64>);

impl Column {
    pub(crate) fn absent(steps: usize) -> Self {
        Self(vec![stale_nan(); steps])
    }

    pub(crate) fn constant(value: f64, steps: usize) -> Self {
        Self(vec![value; steps])
    }

    pub(crate) fn from_fn(steps: usize, value: impl FnMut(usize) -> f64) -> Self {
        Self((0..steps).map(value).collect())
    }

    pub(crate) fn steps(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, step: usize) -> Option<f64> {
        let value = self.0[step];
        if is_stale(value) { None } else { Some(value) }
    }

    /// The value of a scalar, which is present at every step.
    pub(crate) fn number(&self, step: usize) -> f64 {
        self.get(step).unwrap_or(f64::NAN)
    }

    pub(crate) fn has(&self, step: usize) -> bool {
        !is_stale(self.0[step])
    }

    pub(crate) fn set(&mut self, step: usize, value: f64) {
        self.0[step] = value;
    }

    pub(crate) fn remove(&mut self, step: usize) {
        self.0[step] = stale_nan();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|value| is_stale(*value))
    }

    /// The present values with their steps.
    pub(crate) fn present(&self) -> impl Iterator<Item = (usize, f64)> {
        self.0.iter().copied().enumerate().filter(|(_, value)| !is_stale(*value))
    }

    /// Replaces each present value.
    pub(crate) fn map(&mut self, mut f: impl FnMut(usize, f64) -> f64) {
        for (step, value) in self.0.iter_mut().enumerate() {
            if !is_stale(*value) {
                *value = f(step, *value);
            }
        }
    }

    /// Replaces each present value, or removes it.
    pub(crate) fn filter_map(&mut self, mut f: impl FnMut(usize, f64) -> Option<f64>) {
        for (step, value) in self.0.iter_mut().enumerate() {
            if !is_stale(*value) {
                *value = f(step, *value).unwrap_or_else(stale_nan);
            }
        }
    }

    /// The first value at every step.
    pub(crate) fn repeat_first(&self, steps: usize) -> Self {
        Self(vec![self.0[0]; steps])
    }
}

/// A label set with its values.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    /// Whether the metric's name is to be removed at the end, when removal is delayed.
    pub(crate) drop_name: bool,
    pub(crate) column: Column,
}

/// Rows of the same number of steps, and the charge for the memory they take.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) list: Vec<Row>,
    steps: usize,
    charge: Charge,
}

impl Rows {
    pub(crate) fn new(budget: &Budget, steps: usize) -> Self {
        Self { list: Vec::new(), steps, charge: budget.charge() }
    }

    /// One row without labels, present at every step: a scalar.
    pub(crate) fn scalar(
        budget: &Budget,
        steps: usize,
        value: impl FnMut(usize) -> f64,
    ) -> Result<Self, EvalError> {
        let mut rows = Self::new(budget, steps);
        rows.reserve(1)?;
        rows.list.push(Row {
            labels: Labels::empty(),
            drop_name: false,
            column: Column::from_fn(steps, value),
        });
        Ok(rows)
    }

    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Accounts for more rows before they are made.
    pub(crate) fn reserve(&mut self, rows: usize) -> Result<(), EvalError> {
        self.charge.grow(rows as u64 * self.steps as u64)
    }

    /// Adds a row, unless nothing is present in it.
    pub(crate) fn push(
        &mut self,
        labels: Labels,
        drop_name: bool,
        column: Column,
    ) -> Result<(), EvalError> {
        if column.is_empty() {
            return Ok(());
        }
        self.reserve(1)?;
        self.list.push(Row { labels, drop_name, column });
        Ok(())
    }

    /// The column of a scalar.
    pub(crate) fn into_scalar(mut self) -> Column {
        let steps = self.steps;
        self.list.pop().map_or_else(|| Column::constant(f64::NAN, steps), |row| row.column)
    }

    /// Adds all rows of another set.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
        self.charge.join(&mut other.charge);
    }

    /// Removes rows in which nothing is left.
    pub(crate) fn remove_empty(&mut self) {
        self.list.retain(|row| !row.column.is_empty());
    }

    /// At which steps any row has a value.
    pub(crate) fn any_present(&self) -> Vec<bool> {
        let mut any = vec![false; self.steps];
        for row in &self.list {
            mark_present(&row.column, &mut any);
        }
        any
    }

    /// Unites rows with the same labels; fails where two of them have a value at the same step.
    pub(crate) fn unite_same_labels(&mut self) -> Result<(), EvalError> {
        if self.list.len() < 2 {
            return Ok(());
        }
        let mut index: HashMap<Labels, usize> = HashMap::with_capacity(self.list.len());
        let mut united: Vec<Row> = Vec::with_capacity(self.list.len());
        for row in self.list.drain(..) {
            match index.entry(row.labels.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(united.len());
                    united.push(row);
                }
                Entry::Occupied(entry) => unite(&mut united[*entry.get()].column, &row.column)?,
            }
        }
        self.list = united;
        Ok(())
    }

    /// Fails if two rows have the same labels, whatever their steps.
    pub(crate) fn refuse_same_labels(&self) -> Result<(), EvalError> {
        let mut seen = std::collections::HashSet::with_capacity(self.list.len());
        if self.list.iter().all(|row| seen.insert(&row.labels)) {
            return Ok(());
        }
        Err(EvalError::same_labels())
    }
}

fn unite(into: &mut Column, from: &Column) -> Result<(), EvalError> {
    for (step, value) in from.present() {
        if into.has(step) {
            return Err(EvalError::same_labels());
        }
        into.set(step, value);
    }
    Ok(())
}

/// Sets the flags of the steps at which a column has a value.
pub(crate) fn mark_present(column: &Column, flags: &mut [bool]) {
    for (step, _) in column.present() {
        flags[step] = true;
    }
}
