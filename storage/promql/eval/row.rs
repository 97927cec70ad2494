//! Rows: the intermediate values of an evaluation, one value per step for each label set.

use std::sync::Arc;

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use metric::{Histogram, Labels, Samples, is_stale, stale_nan};

use super::budget::{Amount, Budget, Charge};
use crate::error::EvalError;

/// One value per step, some of them absent: numbers, and beside them histograms.
///
/// An absent number is stored as the stale marker: no reader's sample reaches a column with it
/// and no arithmetic makes it, because arithmetic quiets a signalling NaN. Where there is a
/// histogram there is no number, so that whatever works on numbers passes it over.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    values: Vec<f64>,
    /// One for each step, or none at all.
    histograms: Vec<Option<Arc<Histogram>>>,
}

/// A value of a column.
#[derive(Debug, Clone)]
pub(crate) enum Datum {
    Float(f64),
    Histogram(Arc<Histogram>),
}

impl Column {
    pub(crate) fn absent(steps: usize) -> Self {
        Self::constant(stale_nan(), steps)
    }

    pub(crate) fn constant(value: f64, steps: usize) -> Self {
        Self { values: vec![value; steps], histograms: Vec::new() }
    }

    pub(crate) fn from_fn(steps: usize, value: impl FnMut(usize) -> f64) -> Self {
        Self { values: (0..steps).map(value).collect(), histograms: Vec::new() }
    }

    pub(crate) fn steps(&self) -> usize {
        self.values.len()
    }

    /// The number at a step.
    pub(crate) fn get(&self, step: usize) -> Option<f64> {
        let value = self.values[step];
        if is_stale(value) { None } else { Some(value) }
    }

    /// The value of a scalar, which is present at every step.
    pub(crate) fn number(&self, step: usize) -> f64 {
        self.get(step).unwrap_or(f64::NAN)
    }

    /// The histogram at a step.
    pub(crate) fn histogram(&self, step: usize) -> Option<&Arc<Histogram>> {
        self.histograms.get(step)?.as_ref()
    }

    /// Whatever is at a step.
    pub(crate) fn datum(&self, step: usize) -> Option<Datum> {
        let number = self.get(step).map(Datum::Float);
        number.or_else(|| self.histogram(step).cloned().map(Datum::Histogram))
    }

    /// Whether anything is at a step.
    pub(crate) fn has(&self, step: usize) -> bool {
        !is_stale(self.values[step]) || self.histogram(step).is_some()
    }

    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms.iter().any(Option::is_some)
    }

    pub(crate) fn set(&mut self, step: usize, value: f64) {
        self.values[step] = value;
        if let Some(histogram) = self.histograms.get_mut(step) {
            *histogram = None;
        }
    }

    pub(crate) fn set_datum(&mut self, step: usize, datum: Datum) {
        let histogram = match datum {
            Datum::Float(value) => return self.set(step, value),
            Datum::Histogram(histogram) => histogram,
        };
        if self.histograms.is_empty() {
            self.histograms.resize(self.values.len(), None);
        }
        self.values[step] = stale_nan();
        self.histograms[step] = Some(histogram);
    }

    pub(crate) fn remove(&mut self, step: usize) {
        self.set(step, stale_nan());
    }

    pub(crate) fn remove_histograms(&mut self) {
        self.histograms.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(|value| is_stale(*value)) && !self.has_histograms()
    }

    /// The numbers with their steps.
    pub(crate) fn floats(&self) -> impl Iterator<Item = (usize, f64)> {
        self.values.iter().copied().enumerate().filter(|(_, value)| !is_stale(*value))
    }

    /// The histograms with their steps.
    pub(crate) fn histograms(&self) -> impl Iterator<Item = (usize, &Arc<Histogram>)> {
        self.histograms.iter().enumerate().filter_map(|(step, h)| Some((step, h.as_ref()?)))
    }

    /// The steps at which anything is.
    pub(crate) fn present(&self) -> impl Iterator<Item = usize> {
        (0..self.values.len()).filter(|step| self.has(*step))
    }

    /// Replaces each number.
    pub(crate) fn map(&mut self, mut f: impl FnMut(usize, f64) -> f64) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if !is_stale(*value) {
                *value = f(step, *value);
            }
        }
    }

    /// Replaces each number, or removes it.
    pub(crate) fn filter_map(&mut self, mut f: impl FnMut(usize, f64) -> Option<f64>) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if !is_stale(*value) {
                *value = f(step, *value).unwrap_or_else(stale_nan);
            }
        }
    }

    /// Replaces each histogram, or removes it.
    pub(crate) fn map_histograms(
        &mut self,
        mut f: impl FnMut(usize, &Arc<Histogram>) -> Option<Datum>,
    ) {
        for step in 0..self.histograms.len() {
            if let Some(histogram) = self.histograms[step].take()
                && let Some(datum) = f(step, &histogram)
            {
                self.set_datum(step, datum);
            }
        }
    }

    /// Removes what is at the steps that are not to be kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        self.filter_map(|step, value| keep(step).then_some(value));
        for (step, histogram) in self.histograms.iter_mut().enumerate() {
            if histogram.is_some() && !keep(step) {
                *histogram = None;
            }
        }
    }

    /// The first value at every step.
    pub(crate) fn repeat_first(&self, steps: usize) -> Self {
        let histograms = match self.histogram(0) {
            Some(histogram) => vec![Some(Arc::clone(histogram)); steps],
            None => Vec::new(),
        };
        Self { values: vec![self.values[0]; steps], histograms }
    }

    /// How many budget units the histograms take; one that stands at many steps counts once.
    fn histogram_units(&self) -> u64 {
        let mut units = self.histograms.len();
        let mut last: Option<&Arc<Histogram>> = None;
        for (_, histogram) in self.histograms() {
            if !last.is_some_and(|last| Arc::ptr_eq(last, histogram)) {
                units += histogram_units(histogram);
            }
            last = Some(histogram);
        }
        units as u64
    }
}

/// What the samples of a series take from the budget; a time stands beside each value.
pub(crate) fn amount_of(samples: &Samples) -> Amount {
    let histograms = samples.histograms().iter().map(|(_, it)| histogram_units(it)).sum::<usize>();
    let times = Amount::bytes(8 * samples.len() as u64);
    Amount::values((samples.len() + histograms) as u64).and(times)
}

/// How many budget units, of 8 bytes each, a histogram takes.
pub(crate) fn histogram_units(histogram: &Histogram) -> usize {
    histogram.memory_bytes() / 8
}

/// What a row takes beside its values and the text of its labels, in bytes, about.
const ROW_BYTES: usize = 128;

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

    /// Rows for which the budget gave an amount already.
    pub(crate) fn of(budget: &Budget, steps: usize, list: Vec<Row>, held: Amount) -> Self {
        let mut charge = budget.charge();
        charge.adopt(held);
        Self { list, steps, charge }
    }

    /// What the rows take from the budget.
    pub(crate) fn held(&self) -> Amount {
        self.charge.held()
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
        let around = Amount::bytes((rows * ROW_BYTES) as u64);
        self.charge.grow(Amount::values(rows as u64 * self.steps as u64).and(around))
    }

    /// Accounts for the text of labels before they are made.
    pub(crate) fn reserve_text(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.charge.grow_bytes(bytes)
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
        self.reserve_text(labels.encoded().0.len())?;
        self.charge.grow_values(column.histogram_units())?;
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
        let mut seen = HashSet::with_capacity(self.list.len());
        if self.list.iter().all(|row| seen.insert(&row.labels)) {
            return Ok(());
        }
        Err(EvalError::same_labels())
    }
}

fn unite(into: &mut Column, from: &Column) -> Result<(), EvalError> {
    for step in from.present() {
        if into.has(step) {
            return Err(EvalError::same_labels());
        }
        if let Some(datum) = from.datum(step) {
            into.set_datum(step, datum);
        }
    }
    Ok(())
}

/// Sets the flags of the steps at which a column has a value.
pub(crate) fn mark_present(column: &Column, flags: &mut [bool]) {
    for step in column.present() {
        flags[step] = true;
    }
}
