//! Series in memory, for scripts.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{
    Histogram, Labels, Matcher, ReadError, ResetHint, Samples, Select, Selection, SeriesReader,
};

use super::notation::{SeriesLine, Slot};

/// Series in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    series: BTreeMap<Labels, BTreeMap<i64, Stored>>,
}

#[derive(Debug)]
enum Stored {
    Float(f64),
    Histogram(Arc<Histogram>),
}

impl MemoryStore {
    /// Adds series whose samples are `interval_ms` apart from time 0.
    pub(crate) fn load(&mut self, interval_ms: i64, lines: &[SeriesLine]) {
        for line in lines {
            let samples = self.series.entry(line.labels.clone()).or_default();
            let mut time_ms = 0;
            for slot in &line.slots {
                match slot {
                    Slot::Empty => {}
                    Slot::Float(value) => drop(samples.insert(time_ms, Stored::Float(*value))),
                    Slot::Histogram(text) => {
                        let histogram = Arc::new(text.histogram.clone());
                        samples.insert(time_ms, Stored::Histogram(histogram));
                    }
                }
                time_ms += interval_ms;
            }
            settle_hints(samples);
        }
        self.series.retain(|_, samples| !samples.is_empty());
    }

    /// Adds one sample.
    pub(crate) fn add(&mut self, labels: &Labels, time_ms: i64, value: f64) {
        self.series.entry(labels.clone()).or_default().insert(time_ms, Stored::Float(value));
    }

    /// Adds one histogram, its hint as it is.
    pub(crate) fn add_histogram(&mut self, labels: &Labels, time_ms: i64, histogram: Histogram) {
        let samples = self.series.entry(labels.clone()).or_default();
        samples.insert(time_ms, Stored::Histogram(Arc::new(histogram)));
    }
}

/// Says of each counter what Prometheus' storage knows when it is read again: within a run of
/// histograms that only grow there is no reset, and of the first of a run nothing is known.
fn settle_hints(samples: &mut BTreeMap<i64, Stored>) {
    let mut previous: Option<Arc<Histogram>> = None;
    for stored in samples.values_mut() {
        let Stored::Histogram(histogram) = stored else {
            previous = None;
            continue;
        };
        let mut settled = Histogram::clone(histogram);
        if settled.reset_hint == ResetHint::Gauge {
            previous = None;
            continue;
        }
        let explicit = settled.reset_hint == ResetHint::Reset;
        settled.reset_hint = ResetHint::Unknown;
        let goes_on = |before: &Arc<Histogram>| {
            before.schema == settled.schema
                && before.zero_threshold == settled.zero_threshold
                && before.custom_values == settled.custom_values
                && !settled.reset_since(before)
        };
        if !explicit && previous.as_ref().is_some_and(goes_on) {
            settled.reset_hint = ResetHint::NotReset;
        }
        *histogram = Arc::new(settled);
        previous = Some(Arc::clone(histogram));
    }
}

impl SeriesReader for MemoryStore {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: Select,
    ) -> Result<Box<dyn Selection>, ReadError> {
        let mut found = Vec::new();
        for (labels, samples) in &self.series {
            if matchers.iter().all(|matcher| matcher.matches_labels(labels)) && from_ms <= to_ms {
                let mut part = Samples::new();
                for (time_ms, stored) in samples.range(from_ms..=to_ms) {
                    match stored {
                        Stored::Float(value) => part.push(*time_ms, *value),
                        Stored::Histogram(it) => part.push_histogram(*time_ms, Arc::clone(it)),
                    }
                }
                found.push((labels.clone(), part));
            }
        }
        if found.len() > limit.series_max {
            return Err(ReadError::Limit { limit: "series", max: limit.series_max });
        }
        Ok(Box::new(Found(found)))
    }
}

struct Found(Vec<(Labels, Samples)>);

impl Selection for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        &self.0[i].0
    }

    fn read(&self, i: usize, out: &mut Samples) -> Result<(), ReadError> {
        out.clone_from(&self.0[i].1);
        Ok(())
    }
}
