//! Series in memory, for scripts.

use std::collections::BTreeMap;

use metric::{Labels, Matcher, ReadError, Samples, SelectLimit, Selection, SeriesReader};

use super::notation::{SeriesLine, Slot};

/// Series in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    series: BTreeMap<Labels, BTreeMap<i64, f64>>,
}

impl MemoryStore {
    /// Adds series whose samples are `interval_ms` apart from time 0.
    pub(crate) fn load(&mut self, interval_ms: i64, lines: &[SeriesLine]) {
        for line in lines {
            let samples = self.series.entry(line.labels.clone()).or_default();
            let mut time_ms = 0;
            for slot in &line.slots {
                if let Slot::Float(value) = slot {
                    samples.insert(time_ms, *value);
                }
                time_ms += interval_ms;
            }
        }
        self.series.retain(|_, samples| !samples.is_empty());
    }

    /// Adds one sample.
    pub(crate) fn add(&mut self, labels: &Labels, time_ms: i64, value: f64) {
        self.series.entry(labels.clone()).or_default().insert(time_ms, value);
    }
}

impl SeriesReader for MemoryStore {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: SelectLimit,
    ) -> Result<Box<dyn Selection>, ReadError> {
        let mut found = Vec::new();
        for (labels, samples) in &self.series {
            if matchers.iter().all(|matcher| matcher.matches_labels(labels)) && from_ms <= to_ms {
                let mut part = Samples::new();
                for (time_ms, value) in samples.range(from_ms..=to_ms) {
                    part.push(*time_ms, *value);
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
