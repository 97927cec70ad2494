//! Who and what the series in memory are: the largest metrics, labels, values and sources, by
//! their series or by those that came lately.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use metric::METRIC_NAME;
use roaring::RoaringBitmap;

use crate::engine::Series;
use crate::head::{Head, RECENT_MINUTES};

/// What series are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Metric name.
    Metric,
    /// Label name.
    Label,
    /// Label name and value.
    Value,
    /// Who sends; see [`crate::Batch::from_source`].
    Source,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Most series in memory.
    Series,
    /// Most series that came lately.
    Churn,
    /// Most values, of labels; of all else as [`Order::Series`].
    Values,
}

/// One group of series. Groups in order of their fields: the order of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Metric, label or source; of a pair the label.
    pub name: String,
    /// The value of a pair.
    pub value: Option<String>,
    /// Series in memory.
    pub series: u64,
    /// Those among them that came within the span of [`Census::recent_minutes`].
    pub created: u64,
    /// Values of a label.
    pub values: Option<u64>,
}

/// The largest groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Series in memory.
    pub series: u64,
    /// Those among them that came lately.
    pub created: u64,
    /// How far back that goes in minutes; less when the engine was opened later.
    pub recent_minutes: u32,
    /// How many groups there are.
    pub total: u64,
    /// The largest groups, the largest first.
    pub groups: Vec<Group>,
}

impl Series {
    /// Counts the series in memory and gives the `top` largest groups. What the journal brought
    /// back when the engine was opened counts as known before.
    #[must_use]
    pub fn census(&self, by: By, order: Order, top: usize) -> Census {
        let engine = self.engine();
        let opened_minutes = engine.started.elapsed().as_secs().div_ceil(60);
        let head = engine.head();
        let recent = head.recent();
        let mut largest = Largest::new(order, top);
        match by {
            By::Metric => count_values(&head, &recent, &mut largest, |name| name == METRIC_NAME),
            By::Value => count_values(&head, &recent, &mut largest, |_| true),
            By::Label => count_labels(&head, &recent, &mut largest),
            By::Source => count_sources(&head, &recent, &mut largest),
        }
        Census {
            series: head.series.len() as u64,
            created: recent.len(),
            recent_minutes: RECENT_MINUTES.min(u32::try_from(opened_minutes).unwrap_or(u32::MAX)),
            total: largest.total,
            groups: largest.finish(),
        }
    }
}

/// Counts the values of the labels that are wanted; metrics are named by their value.
fn count_values(
    head: &Head,
    recent: &RoaringBitmap,
    largest: &mut Largest,
    wanted: impl Fn(&str) -> bool,
) {
    let as_metrics = !wanted("");
    let young = head.index.pairs_among(Some(recent));
    for ((name, value, series), (_, _, created)) in head.index.pairs().zip(young) {
        if !wanted(name) {
            continue;
        }
        largest.add([series, created, 1], || {
            let value = value.to_owned();
            let (name, value) =
                if as_metrics { (value, None) } else { (name.to_owned(), Some(value)) };
            Group { name, value, series, created, values: None }
        });
    }
}

fn count_labels(head: &Head, recent: &RoaringBitmap, largest: &mut Largest) {
    let mut labels: HashMap<&str, [u64; 3]> = HashMap::new();
    let young = head.index.pairs_among(Some(recent));
    for ((name, _, series), (_, _, created)) in head.index.pairs().zip(young) {
        // A series has one value of a label.
        let label = labels.entry(name).or_default();
        label[0] += series;
        label[1] += created;
        label[2] += 1;
    }
    for (name, counts) in labels {
        let [series, created, values] = counts;
        largest.add(counts, || Group {
            name: name.to_owned(),
            value: None,
            series,
            created,
            values: Some(values),
        });
    }
}

fn count_sources(head: &Head, recent: &RoaringBitmap, largest: &mut Largest) {
    let mut young: HashMap<u16, u64> = HashMap::new();
    for slot in recent {
        if let Some(series) = head.series.get(slot) {
            *young.entry(series.source).or_default() += 1;
        }
    }
    for (number, name, series) in head.sources.iter() {
        let created = young.get(&number).copied().unwrap_or(0);
        largest.add([series, created, 1], || Group {
            name: name.to_owned(),
            value: None,
            series,
            created,
            values: None,
        });
    }
}

/// The largest of many groups.
struct Largest {
    /// Which count goes first.
    rank: usize,
    top: usize,
    total: u64,
    heap: BinaryHeap<Reverse<([u64; 2], Reverse<Group>)>>,
}

impl Largest {
    fn new(order: Order, top: usize) -> Self {
        let rank = match order {
            Order::Series => 0,
            Order::Churn => 1,
            Order::Values => 2,
        };
        Self { rank, top, total: 0, heap: BinaryHeap::new() }
    }

    fn add(&mut self, counts: [u64; 3], group: impl FnOnce() -> Group) {
        self.total += 1;
        let rank = [counts[self.rank], counts[0]];
        let full = self.heap.len() >= self.top;
        if full && self.heap.peek().is_none_or(|Reverse((least, _))| rank < *least) {
            return;
        }
        self.heap.push(Reverse((rank, Reverse(group()))));
        if self.heap.len() > self.top {
            self.heap.pop();
        }
    }

    fn finish(self) -> Vec<Group> {
        let sorted = self.heap.into_sorted_vec();
        sorted.into_iter().map(|Reverse((_, Reverse(group)))| group).collect()
    }
}
