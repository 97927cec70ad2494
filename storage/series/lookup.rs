//! Label names and values for completion and the query API.

use std::collections::BTreeSet;

use metric::{Matcher, ReadError};
use roaring::RoaringBitmap;

use crate::engine::{Engine, Series};
use crate::postings::{self, Postings};

/// Names or values, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The names or values.
    pub items: Vec<String>,
    /// Whether there are more than the limit.
    pub truncated: bool,
}

impl Series {
    /// The label names of series that satisfy all matchers, about within a range of time.
    ///
    /// # Errors
    /// A damaged file.
    pub fn label_names(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<Found, ReadError> {
        let mut found = Collected::new(limit);
        self.engine().each_index(matchers, from_ms, to_ms, &mut |index, among| {
            index.names(among, &mut |name| found.add(name))
        })?;
        Ok(found.finish())
    }

    /// The values of a label among series that satisfy all matchers, about within a range.
    ///
    /// # Errors
    /// A damaged file.
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: usize,
    ) -> Result<Found, ReadError> {
        let mut found = Collected::new(limit);
        self.engine().each_index(matchers, from_ms, to_ms, &mut |index, among| {
            index.values(name, among, &mut |value, _| found.add(value))
        })?;
        Ok(found.finish())
    }
}

/// What is done with an index and the series of it that match (`None`: all).
type Visit<'a> = &'a mut dyn FnMut(&dyn Postings, Option<&RoaringBitmap>) -> Result<(), ReadError>;

impl Engine {
    fn each_index(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        visit: Visit<'_>,
    ) -> Result<(), ReadError> {
        {
            let head = self.head();
            if head.overlaps(from_ms, to_ms) {
                visit_index(&head.index, matchers, visit)?;
            }
        }
        for partition in self.partitions.overlapping(from_ms, to_ms) {
            visit_index(&partition.reader()?, matchers, visit)?;
        }
        for chosen in self.choose_tiers(from_ms, to_ms, 0)? {
            visit_index(&chosen.partition.reader()?, matchers, visit)?;
        }
        Ok(())
    }
}

fn visit_index(
    index: &impl Postings,
    matchers: &[Matcher],
    visit: Visit<'_>,
) -> Result<(), ReadError> {
    if matchers.is_empty() && index.gone().is_none() {
        return visit(index, None);
    }
    let among = postings::find(index, matchers)?;
    if among.is_empty() {
        return Ok(());
    }
    visit(index, Some(&among))
}

/// The first of a sorted set, bounded while it grows.
struct Collected {
    items: BTreeSet<String>,
    limit: usize,
    truncated: bool,
}

impl Collected {
    fn new(limit: usize) -> Self {
        Self { items: BTreeSet::new(), limit, truncated: false }
    }

    fn add(&mut self, item: &str) {
        if self.items.contains(item) {
            return;
        }
        self.items.insert(item.to_owned());
        if self.items.len() > self.limit {
            self.items.pop_last();
            self.truncated = true;
        }
    }

    fn finish(self) -> Found {
        Found { items: self.items.into_iter().collect(), truncated: self.truncated }
    }
}
