//! Which rows answer for which time.
//!
//! Samples as they came answer as long as they are there. Where their partition is gone, the tier
//! answers that has rows of it: the coarsest that is fine enough for the query, else the finest. A
//! partition that is there again, with few samples that came late, hides rows of its own series
//! alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{BuiltOf, Tier};
use crate::disk::DiskError;
use crate::engine::Engine;
use crate::partition::Partition;

/// A partition of a tier and the spans of time for which it answers, ascending.
pub(crate) struct Chosen {
    pub(crate) partition: Arc<Partition>,
    pub(crate) spans: Vec<(i64, i64)>,
    pub(crate) resolution_ms: i64,
}

impl Engine {
    /// The rows that answer within a range, both ends inclusive.
    pub(crate) fn choose_tiers(
        &self,
        from_ms: i64,
        to_ms: i64,
        wanted_ms: i64,
    ) -> Result<Vec<Chosen>, DiskError> {
        let mut chosen = Vec::new();
        if from_ms > to_ms || self.covers(from_ms) {
            return Ok(chosen);
        }
        let oldest_ms = |tier: &Tier| tier.oldest_ms(self.options.now.read_ms());
        let mut taken = BTreeSet::new();
        for tier in in_order(&self.tiers, wanted_ms) {
            let from_ms = from_ms.max(oldest_ms(tier));
            for partition in tier.partitions.overlapping(from_ms, to_ms) {
                let mut spans = Vec::new();
                for (number, built) in partition.built()? {
                    let span = self.partitions.span_ms(number);
                    let outside = span.0 > to_ms || span.1 < from_ms;
                    if outside || self.is_there(number, built)? || !taken.insert(number) {
                        continue;
                    }
                    spans.push(span);
                }
                if !spans.is_empty() {
                    let resolution_ms = tier.resolution_ms;
                    chosen.push(Chosen { partition, spans, resolution_ms });
                }
            }
        }
        Ok(chosen)
    }

    /// Whether partitions of samples are there from a time on without a gap, so that no rows need
    /// be looked at.
    fn covers(&self, from_ms: i64) -> bool {
        if self.tiers.is_empty() {
            return true;
        }
        // Older ones are there for rules of the retention alone.
        if from_ms < self.keeping().oldest_without_rule_ms() {
            return false;
        }
        let numbers: Vec<i32> = self.partitions.list().iter().map(|p| p.number).collect();
        let first = self.partitions.number_of(from_ms);
        let tail = &numbers[numbers.partition_point(|number| *number < first)..];
        tail.first() == Some(&first) && tail.windows(2).all(|pair| pair[0] + 1 == pair[1])
    }

    /// Whether all samples are there that rows were made of.
    fn is_there(&self, number: i32, built: BuiltOf) -> Result<bool, DiskError> {
        match self.partitions.get(number) {
            Some(samples) => Ok(built.is_all_of(samples.summary()?.revision)),
            None => Ok(false),
        }
    }
}

/// The coarsest that is fine enough first, then finer ones, then coarser ones.
fn in_order(tiers: &[Tier], wanted_ms: i64) -> impl Iterator<Item = &Tier> {
    let fine = tiers.partition_point(|tier| tier.resolution_ms <= wanted_ms);
    let (fine, coarse) = tiers.split_at(fine);
    fine.iter().rev().chain(coarse)
}
