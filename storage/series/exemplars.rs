//! Finding exemplars, in memory and in partitions.

use std::collections::BTreeMap;

use metric::{Exemplar, Labels, Matcher, ReadError};

use crate::engine::{Engine, Series};
use crate::postings;

/// How many exemplars an answer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExemplarLimits {
    /// Most series.
    pub series_max: usize,
    /// Most exemplars of all series together.
    pub exemplars_max: usize,
}

/// Exemplars by series, both in order.
type Found = BTreeMap<Labels, Vec<Exemplar>>;

impl Series {
    /// The exemplars within `[from_ms, to_ms]` of the series that satisfy all matchers of one of
    /// the selectors, in the order of labels and then of time.
    ///
    /// # Errors
    /// More series or exemplars than the limits, or a damaged file.
    pub fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        from_ms: i64,
        to_ms: i64,
        limits: ExemplarLimits,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, ReadError> {
        let mut found = Found::new();
        let range = (from_ms, to_ms);
        for matchers in selectors {
            // Memory first: a flush that ends in between shows its exemplars twice.
            self.engine().exemplars_in_memory(matchers, range, &mut found)?;
            self.engine().exemplars_on_disk(matchers, range, limits, &mut found)?;
        }
        let mut total = 0;
        for exemplars in found.values_mut() {
            exemplars.sort_by_key(|exemplar| exemplar.timestamp_ms);
            exemplars.dedup();
            total += exemplars.len();
        }
        limits.check(found.len(), total)?;
        Ok(found.into_iter().collect())
    }
}

impl ExemplarLimits {
    fn check(self, series: usize, exemplars: usize) -> Result<(), ReadError> {
        if series > self.series_max {
            return Err(ReadError::Limit { limit: "series_max", max: self.series_max });
        }
        if exemplars > self.exemplars_max {
            return Err(ReadError::Limit { limit: "exemplars_max", max: self.exemplars_max });
        }
        Ok(())
    }
}

impl Engine {
    /// What memory holds is bounded by itself.
    fn exemplars_in_memory(
        &self,
        matchers: &[Matcher],
        (from_ms, to_ms): (i64, i64),
        found: &mut Found,
    ) -> Result<(), ReadError> {
        let head = self.head();
        for slot in postings::find(&head.index, matchers)? {
            let Some(series) = head.series.get(slot) else { continue };
            let within = |exemplar: &&Exemplar| (from_ms..=to_ms).contains(&exemplar.timestamp_ms);
            let mut exemplars = series.exemplars().filter(within).peekable();
            if exemplars.peek().is_some() {
                found.entry(series.labels.clone()).or_default().extend(exemplars.cloned());
            }
        }
        Ok(())
    }

    fn exemplars_on_disk(
        &self,
        matchers: &[Matcher],
        range: (i64, i64),
        limits: ExemplarLimits,
        found: &mut Found,
    ) -> Result<(), ReadError> {
        let oldest_ms = self.keeping().oldest_ms();
        let range = (range.0.max(oldest_ms), range.1);
        for partition in self.partitions.overlapping(range.0, range.1) {
            let reader = partition.reader()?;
            let Some(holders) = reader.with_exemplars() else { continue };
            let locals = postings::find(&reader, matchers)? & holders;
            let mut total = 0;
            reader.labels_of(&locals, |local, labels| {
                let mut exemplars = Vec::new();
                reader.read_exemplars(local, range, &mut exemplars)?;
                if exemplars.is_empty() {
                    return Ok(());
                }
                total += exemplars.len();
                found.entry(labels).or_default().append(&mut exemplars);
                limits.check(found.len(), total)
            })?;
        }
        Ok(())
    }
}
