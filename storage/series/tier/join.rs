//! Rows of a tier and samples as they came, joined into one series.

use metric::{Aggregate, Samples, is_stale};

use super::thin::{Column, rise};

/// What of a series was read before it is joined.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// One column of the tier, or [`Column::Last`] for a counter.
    pub(crate) rows: Samples,
    /// [`Column::Rise`] for a counter, else empty.
    pub(crate) rises: Samples,
    /// Samples as they came; all are later than the rows before them, or between them.
    pub(crate) raw: Samples,
}

/// The columns that an aggregate is made of: what goes to `rows`, and whether rises are needed.
pub(crate) fn columns_of(aggregate: Aggregate) -> (Column, bool) {
    match aggregate {
        Aggregate::Last => (Column::Last, false),
        Aggregate::Min => (Column::Min, false),
        Aggregate::Max => (Column::Max, false),
        Aggregate::Sum => (Column::Sum, false),
        Aggregate::Count => (Column::Count, false),
        Aggregate::Counter => (Column::Last, true),
    }
}

/// Replaces `out` with the series; the parts are in order of time.
pub(crate) fn join(aggregate: Aggregate, parts: &Parts, out: &mut Samples) {
    out.clear();
    let mut counter = Counter::new(&parts.rises);
    let (rows, raw) = (&parts.rows, &parts.raw);
    let (mut row, mut at) = (0, 0);
    while row < rows.len() || at < raw.len() {
        let row_ms = rows.timestamps().get(row).copied().unwrap_or(i64::MAX);
        let raw_ms = raw.timestamps().get(at).copied().unwrap_or(i64::MAX);
        if row < rows.len() && row_ms < raw_ms {
            if aggregate == Aggregate::Counter {
                counter.push_row(rows, row, out);
            } else {
                push(rows, row, out);
            }
            row += 1;
            continue;
        }
        match aggregate {
            Aggregate::Counter => counter.push_raw(raw, at, out),
            Aggregate::Count if !is_stale(raw.values()[at]) => out.push(raw_ms, 1.0),
            _ => push(raw, at, out),
        }
        at += 1;
    }
}

fn push(from: &Samples, at: usize, out: &mut Samples) {
    match from.histogram(at) {
        Some(histogram) => out.push_histogram(from.timestamps()[at], histogram.clone()),
        None => out.push(from.timestamps()[at], from.values()[at]),
    }
}

/// Makes a counter that never falls where rows hid its resets. Where a reset is seen, between
/// samples as they came, it is left to be seen.
struct Counter<'a> {
    rises: &'a Samples,
    next: usize,
    /// The number before, as it was and as it was passed on.
    before: Option<(f64, f64)>,
}

impl<'a> Counter<'a> {
    fn new(rises: &'a Samples) -> Self {
        Self { rises, next: 0, before: None }
    }

    fn push_row(&mut self, rows: &Samples, row: usize, out: &mut Samples) {
        let (at_ms, value) = (rows.timestamps()[row], rows.values()[row]);
        let times = self.rises.timestamps();
        while times.get(self.next).is_some_and(|at| *at < at_ms) {
            self.next += 1;
        }
        let risen = (times.get(self.next) == Some(&at_ms)).then(|| self.rises.values()[self.next]);
        if rows.histogram(row).is_some() {
            push(rows, row, out);
            return;
        }
        // Of a row that ends in a stale marker the last number is not known; it rose all the same.
        let passed = match (self.before, risen) {
            (Some((_, passed)), Some(risen)) => passed + risen,
            (None, Some(_)) | (_, None) => value,
        };
        if is_stale(value) {
            out.push(at_ms, value);
            self.before = self.before.map(|(was, _)| (was, passed)).filter(|_| !is_stale(passed));
        } else {
            out.push(at_ms, passed);
            self.before = Some((value, passed));
        }
    }

    fn push_raw(&mut self, raw: &Samples, at: usize, out: &mut Samples) {
        let value = raw.values()[at];
        if raw.histogram(at).is_some() || is_stale(value) {
            push(raw, at, out);
            return;
        }
        let passed = match self.before {
            Some((was, passed)) if value >= was => passed + rise(was, value),
            _ => value,
        };
        out.push(raw.timestamps()[at], passed);
        self.before = Some((value, passed));
    }
}
