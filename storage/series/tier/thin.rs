//! Thinning out: many samples of one series become one row a span of time.
//!
//! Spans are left-open, `(k·r - r, k·r]`, as PromQL's ranges are, so that a range that begins and
//! ends at multiples of the resolution `r` covers whole spans. A row has the time of the last
//! sample of its span. Stale markers count for nothing, but as the last of a span they stay.

use metric::{Sample, Samples, is_stale};

use crate::partition::HistogramSample;

/// How many numbers a row has.
pub(crate) const COLUMNS: usize = 6;

/// The numbers of a row, in the order in which partitions keep them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// The last value; a native histogram lies beside.
    Last = 0,
    Min = 1,
    Max = 2,
    Sum = 3,
    /// How many values.
    Count = 4,
    /// What a counter rose by since the last value before the span, resets taken into account.
    Rise = 5,
}

/// The rows of one series, column by column, ascending in time.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) columns: [Vec<Sample>; COLUMNS],
    pub(crate) histograms: Vec<HistogramSample>,
}

/// A number of a series and its time, from which the next one rises.
pub(crate) type Before = Option<Sample>;

impl Rows {
    /// Removes all rows.
    pub(crate) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Vec::clear);
        self.histograms.clear();
    }

    fn push(&mut self, column: Column, timestamp_ms: i64, value: f64) {
        self.columns[column as usize].push(Sample { timestamp_ms, value });
    }

    /// Adds the rows of samples, which come behind those that are there; `before` is the number
    /// before them.
    pub(crate) fn add(&mut self, resolution_ms: i64, before: Before, samples: &Samples) {
        let mut before = before.map(|sample| sample.value);
        let mut from = 0;
        let times = samples.timestamps();
        while let Some(&first_ms) = times.get(from) {
            let end_ms = span_end_ms(first_ms, resolution_ms);
            let to = from + times[from..].partition_point(|at| *at <= end_ms);
            self.add_span(samples, from..to, &mut before);
            from = to;
        }
    }

    fn add_span(
        &mut self,
        samples: &Samples,
        span: std::ops::Range<usize>,
        before: &mut Option<f64>,
    ) {
        let Some(&last_ms) = samples.timestamps().get(span.end - 1) else { return };
        let mut sums = Sums::default();
        let histograms = samples.histograms();
        let mut next = histograms.partition_point(|(at, _)| *at < span.start);
        for at in span.clone() {
            let value = samples.values()[at];
            if histograms.get(next).is_some_and(|(position, _)| *position == at) {
                next += 1;
            } else if !is_stale(value) {
                sums.add(value, *before);
                *before = Some(value);
            }
        }
        match samples.histogram(span.end - 1) {
            Some(histogram) => self.histograms.push((last_ms, histogram.clone())),
            None => self.push(Column::Last, last_ms, samples.values()[span.end - 1]),
        }
        if sums.count > 0.0 {
            self.push(Column::Min, last_ms, sums.min);
            self.push(Column::Max, last_ms, sums.max);
            self.push(Column::Sum, last_ms, sums.sum);
            self.push(Column::Count, last_ms, sums.count);
            self.push(Column::Rise, last_ms, sums.rise);
        }
    }
}

/// The end of the span that holds a time.
pub(crate) fn span_end_ms(timestamp_ms: i64, resolution_ms: i64) -> i64 {
    let rest = timestamp_ms.rem_euclid(resolution_ms);
    if rest == 0 { timestamp_ms } else { timestamp_ms.saturating_add(resolution_ms - rest) }
}

/// What a row says, in the making. NaN is smaller and larger than nothing else, as in PromQL.
struct Sums {
    min: f64,
    max: f64,
    sum: f64,
    count: f64,
    rise: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self { min: f64::NAN, max: f64::NAN, sum: 0.0, count: 0.0, rise: 0.0 }
    }
}

impl Sums {
    fn add(&mut self, value: f64, before: Option<f64>) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.count += 1.0;
        self.rise += before.map_or(0.0, |before| rise(before, value));
    }
}

/// What a counter rose by from one value to the next; one that fell began anew at 0.
pub(crate) fn rise(before: f64, value: f64) -> f64 {
    if before.is_nan() || value.is_nan() {
        0.0
    } else if value < before {
        value
    } else {
        value - before
    }
}
