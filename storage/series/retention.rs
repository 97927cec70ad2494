//! How long samples are kept: a time for all, and rules for series that satisfy matchers.
//!
//! Of a series the first rule that it satisfies holds. A partition whose time is over for every
//! rule is deleted. One whose time is over for some is *pruned*: the series that only those rules
//! could keep are hidden as by a deletion, and compaction frees their space. What was pruned is
//! remembered as long as the partition does not change, so that looking again costs nothing;
//! after a start it is looked for once more and found gone.
//!
//! Tiers keep rows beyond the retention of samples, also of series that were pruned, until the tier
//! ends. A rule shorter than the default means to be rid of its series: tiers have no rows of them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use metric::{EncodedLabels, LabelLimits, Labels, Matcher, ReadError};
use roaring::RoaringBitmap;

use crate::disk::DiskError;
use crate::engine::{Engine, Series};
use crate::partition::{Deletion, Partition};
use crate::postings::{self, Postings};

/// Series that satisfy all matchers keep their samples for a time of their own.
#[derive(Debug, Clone)]
pub struct RetentionRule {
    /// What the series satisfy.
    pub matchers: Vec<Matcher>,
    /// How long their samples are kept in milliseconds; `i64::MAX` is for ever.
    pub keep_ms: i64,
}

/// The rules in force, and what was done for them.
#[derive(Default)]
pub(crate) struct RuleBook {
    rules: RwLock<Arc<[RetentionRule]>>,
    pruned: Mutex<Pruned>,
}

/// What is known of partitions under the rules in force.
#[derive(Default)]
struct Pruned {
    partitions: HashMap<i32, Pruning>,
    /// For the resolution of a tier and a partition of it the change after which it has no rows of
    /// series with a short rule.
    tiers: HashMap<(i64, i32), u64>,
    /// How many series each rule and then no rule has in a partition, at a change of it.
    counts: HashMap<i32, (u64, Arc<[u64]>)>,
}

/// How far a partition is pruned.
struct Pruning {
    /// For each rule, and then for all other series, whether their time is over.
    over: Vec<bool>,
    /// Since when that is seen.
    since: Instant,
    /// The change of the partition after which nothing was left to prune.
    done_at: Option<u64>,
}

/// The retention at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    default_ms: i64,
    rules: Arc<[RetentionRule]>,
    now_ms: i64,
}

impl Keeping {
    /// How long each rule, and then what no rule holds for, is kept.
    fn each_ms(&self) -> impl Iterator<Item = i64> {
        self.rules.iter().map(|rule| rule.keep_ms).chain([self.default_ms])
    }

    /// Where a time begins that ends now.
    fn since(&self, keep_ms: i64) -> i64 {
        if keep_ms == i64::MAX { i64::MIN } else { self.now_ms.saturating_sub(keep_ms) }
    }

    /// The oldest time that some series keeps.
    pub(crate) fn oldest_ms(&self) -> i64 {
        self.since(self.each_ms().max().unwrap_or(i64::MAX))
    }

    /// The oldest time that every series keeps.
    pub(crate) fn oldest_of_all_ms(&self) -> i64 {
        self.since(self.each_ms().min().unwrap_or(i64::MAX))
    }

    /// The oldest time that series keep for which no rule holds.
    pub(crate) fn oldest_without_rule_ms(&self) -> i64 {
        self.since(self.default_ms)
    }

    /// Whether the rule of a series is shorter than the default: tiers have no rows of it.
    pub(crate) fn is_short(&self, labels: &Labels) -> bool {
        self.keep_ms_of(labels) < self.default_ms
    }

    /// Which rules are shorter than the default.
    fn short(&self) -> Vec<bool> {
        self.each_ms().map(|keep_ms| keep_ms < self.default_ms).collect()
    }

    /// The oldest time that a series keeps, by its label bytes as they arrived; broken ones keep
    /// everything, for they are refused anyway.
    pub(crate) fn oldest_of_ms(&self, labels: &[u8]) -> i64 {
        let decoded = EncodedLabels(labels).to_labels(&LabelLimits::UNLIMITED);
        decoded.map_or(i64::MIN, |labels| self.since(self.keep_ms_of(&labels)))
    }

    fn keep_ms_of(&self, labels: &Labels) -> i64 {
        let holds = |rule: &&RetentionRule| rule.matchers.iter().all(|m| m.matches_labels(labels));
        self.rules.iter().find(holds).map_or(self.default_ms, |rule| rule.keep_ms)
    }

    /// For which rules, and then for what no rule holds for, a partition's time is over.
    fn over(&self, partition: &Partition) -> Vec<bool> {
        self.each_ms().map(|keep_ms| partition.to_ms <= self.since(keep_ms)).collect()
    }

    /// Whether only rules shorter than the default are over.
    fn is_short_alone(&self, over: &[bool]) -> bool {
        self.short().iter().zip(over).all(|(short, over)| *short || !over)
    }

    /// The series for which each rule holds, and then those without one.
    pub(crate) fn groups(&self, index: &impl Postings) -> Result<Vec<RoaringBitmap>, ReadError> {
        let mut groups = Vec::with_capacity(self.rules.len() + 1);
        let mut left = postings::find(index, &[])?;
        for rule in &*self.rules {
            let found = postings::find(index, &rule.matchers)? & &left;
            left -= &found;
            groups.push(found);
        }
        groups.push(left);
        Ok(groups)
    }

    /// The series whose rule is one of those marked.
    fn marked(&self, index: &impl Postings, mark: &[bool]) -> Result<RoaringBitmap, ReadError> {
        let mut found = RoaringBitmap::new();
        for (group, _) in self.groups(index)?.into_iter().zip(mark).filter(|(_, mark)| **mark) {
            found |= group;
        }
        Ok(found)
    }
}

impl Series {
    /// Sets the rules, the strongest first; what no rule holds for is kept as
    /// [`Series::set_retention_ms`] says.
    pub fn set_retention_rules(&self, rules: Vec<RetentionRule>) {
        let book = &self.engine().rules;
        *book.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.into();
        *book.pruned() = Pruned::default();
    }
}

impl RuleBook {
    fn pruned(&self) -> MutexGuard<'_, Pruned> {
        self.pruned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that some series have in a partition.
fn all_of(locals: RoaringBitmap, begins_lineage: bool) -> Deletion {
    Deletion { locals, from_ms: i64::MIN, to_ms: i64::MAX, whole: true, begins_lineage }
}

impl Engine {
    /// The retention now.
    pub(crate) fn keeping(&self) -> Keeping {
        Keeping {
            default_ms: self.retention_ms.load(Ordering::Relaxed),
            rules: Arc::clone(&self.rules.rules.read().unwrap_or_else(PoisonError::into_inner)),
            now_ms: self.options.now.read_ms(),
        }
    }

    /// Hides in each partition the series whose rule no longer keeps them there; the first
    /// failure is given when all partitions were seen to.
    pub(crate) fn prune(&self) -> Result<(), DiskError> {
        let keeping = self.keeping();
        let mut outcome = Ok(());
        let partitions = self.partitions.list();
        self.rules
            .pruned()
            .partitions
            .retain(|number, _| partitions.iter().any(|partition| partition.number == *number));
        for partition in partitions {
            let over = keeping.over(&partition);
            if self.is_to_be_pruned(&partition, &over)
                && self.may_be_pruned(&partition, &keeping, &over)
            {
                let pruned = self.prune_partition(&partition, &keeping, &over);
                outcome = outcome.and(pruned);
            }
        }
        outcome.and(self.prune_tiers(&keeping))
    }

    /// Whether rows are made of what is to be pruned, where rows are wanted.
    fn may_be_pruned(&self, partition: &Partition, keeping: &Keeping, over: &[bool]) -> bool {
        keeping.is_short_alone(over)
            || self.may_go(partition, keeping.oldest_without_rule_ms(), keeping.now_ms)
    }

    /// Hides the rows of series whose rule is shorter than the default.
    fn prune_tiers(&self, keeping: &Keeping) -> Result<(), DiskError> {
        let short = keeping.short();
        if !short.contains(&true) {
            return Ok(());
        }
        for tier in &self.tiers {
            for partition in tier.partitions.list() {
                let place = (tier.resolution_ms, partition.number);
                let known = self.rules.pruned().tiers.get(&place).copied();
                if known == Some(partition.changes()) {
                    continue;
                }
                let _no_flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
                let locals = keeping.marked(&partition.reader()?, &short)?;
                if !locals.is_empty() {
                    partition.delete(all_of(locals, false))?;
                }
                self.rules.pruned().tiers.insert(place, partition.changes());
            }
        }
        Ok(())
    }

    /// Whether the time of some rules, not of all, is over, was so for the grace, and something
    /// may be left of them.
    fn is_to_be_pruned(&self, partition: &Partition, over: &[bool]) -> bool {
        let mut pruned = self.rules.pruned();
        if !over.contains(&true) || !over.contains(&false) {
            pruned.partitions.remove(&partition.number);
            return false;
        }
        let begin = || Pruning { over: over.to_vec(), since: Instant::now(), done_at: None };
        let known = pruned.partitions.entry(partition.number).or_insert_with(begin);
        if known.over != over {
            *known = begin();
        }
        let grace = Duration::from_millis(self.options.retention_grace_ms);
        known.since.elapsed() >= grace && known.done_at != Some(partition.changes())
    }

    fn prune_partition(
        &self,
        partition: &Arc<Partition>,
        keeping: &Keeping,
        over: &[bool],
    ) -> Result<(), DiskError> {
        let _no_flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.partitions.is_current(partition) {
            return Ok(());
        }
        let locals = keeping.marked(&partition.reader()?, over)?;
        if !locals.is_empty() {
            let series = locals.len();
            partition.delete(all_of(locals, !keeping.is_short_alone(over)))?;
            tracing::info!(partition = partition.number, series, "pruned a partition by rules");
        }
        let changes = partition.changes();
        {
            let mut head = self.head_mut();
            let slots = keeping.marked(&head.index, over)?;
            let span = (partition.from_ms, partition.to_ms - 1);
            head.forget(&slots, span, self.partitions.length_ms());
        }
        if let Some(known) = self.rules.pruned().partitions.get_mut(&partition.number)
            && known.over == over
        {
            known.done_at = Some(changes);
        }
        Ok(())
    }

    /// How many series each rule, and then no rule, has in a partition; kept until it changes.
    pub(crate) fn group_counts(
        &self,
        partition: &Partition,
        keeping: &Keeping,
    ) -> Result<Arc<[u64]>, ReadError> {
        let changes = partition.changes();
        let known = self.rules.pruned().counts.get(&partition.number).cloned();
        if let Some((at, counts)) = known
            && at == changes
            && counts.len() == keeping.rules.len() + 1
        {
            return Ok(counts);
        }
        let groups = keeping.groups(&partition.reader()?)?;
        let counts: Arc<[u64]> = groups.iter().map(RoaringBitmap::len).collect();
        self.rules.pruned().counts.insert(partition.number, (changes, Arc::clone(&counts)));
        Ok(counts)
    }
}
