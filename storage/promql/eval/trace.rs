//! Gathers what each node of a tree costs, for those who ask. Without a trace no clock is read.
//!
//! Nodes are evaluated one after another, only the series of a node at the same time: so the
//! node that is at work is known, and what a reader finds and reads counts for it.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::budget::Budget;
use super::row::Rows;
use crate::analysis::NodeCost;
use crate::expr::{Kind, Node};

/// Longest text of a node, in bytes; each node's text holds those of all nodes below it.
const TEXT_BYTES_MAX: usize = 1024;

/// What the nodes of one tree cost so far.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The places of nodes by their addresses: a tree stays where it is while it is evaluated.
    places: HashMap<usize, usize>,
    costs: Vec<Cost>,
    /// The place of the node at work.
    current: AtomicUsize,
}

#[derive(Debug, Default)]
struct Cost {
    nanos: AtomicU64,
    series_in: AtomicU64,
    series_out: AtomicU64,
    samples: AtomicU64,
    points: AtomicU64,
    peak: AtomicU64,
    shared: AtomicBool,
}

/// A node at work; the node before it is at work again when this one is finished.
#[derive(Debug)]
pub(crate) struct Watch<'t> {
    trace: &'t Trace,
    budget: &'t Budget,
    place: usize,
    before: usize,
    peak_before: u64,
    started: Instant,
}

/// Adds up the time of parts of a loop; reads no clock if nobody asks.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    wanted: bool,
    total: Duration,
}

impl Trace {
    pub(crate) fn new(root: &Node) -> Self {
        let mut places = HashMap::new();
        number(root, &mut places);
        let costs = (0..places.len()).map(|_| Cost::default()).collect();
        Self { places, costs, current: AtomicUsize::new(usize::MAX) }
    }

    fn cost(&self, place: usize) -> Option<&Cost> {
        self.costs.get(place)
    }

    fn current(&self) -> Option<&Cost> {
        self.cost(self.current.load(Ordering::Relaxed))
    }

    /// Begins with a node, unless it is none that is traced.
    pub(crate) fn watch<'t>(&'t self, node: &Node, budget: &'t Budget) -> Option<Watch<'t>> {
        let place = *self.places.get(&address(node))?;
        let before = self.current.swap(place, Ordering::Relaxed);
        let peak_before = budget.restart_peak();
        Some(Watch { trace: self, budget, place, before, peak_before, started: Instant::now() })
    }

    pub(crate) fn count_series(&self, series: usize) {
        if let Some(cost) = self.current() {
            cost.series_in.fetch_add(series as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_samples(&self, samples: usize) {
        if let Some(cost) = self.current() {
            cost.samples.fetch_add(samples as u64, Ordering::Relaxed);
        }
    }

    /// What the nodes from `root` on cost.
    pub(crate) fn tree(&self, root: &Node) -> NodeCost {
        self.subtree(root.unparen(), false)
    }

    /// Below a shared node there is nothing that was evaluated.
    fn subtree(&self, root: &Node, below_shared: bool) -> NodeCost {
        let none = Cost::default();
        let place = self.places.get(&address(root));
        let cost = place.and_then(|place| self.cost(*place)).unwrap_or(&none);
        let shared = below_shared || cost.shared.load(Ordering::Relaxed);
        let mut children = Vec::new();
        self.gather_below(root, shared, &mut children);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let wall = Duration::from_nanos(get(&cost.nanos));
        let below: Duration = children.iter().map(|child| child.wall).sum();
        let given: u64 = children.iter().map(|child| child.series_out).sum();
        NodeCost {
            text: shortened(root),
            span: root.span,
            kind: root.kind.api_name(),
            value_kind: root.value_kind(),
            series_in: get(&cost.series_in) + given,
            series_out: get(&cost.series_out),
            samples: get(&cost.samples),
            points: get(&cost.points),
            wall,
            own: wall.saturating_sub(below),
            shared,
            samples_peak: get(&cost.peak),
            children,
        }
    }

    fn gather_below(&self, node: &Node, shared: bool, out: &mut Vec<NodeCost>) {
        for child in node.children() {
            let child = child.unparen();
            if is_traced(child) {
                out.push(self.subtree(child, shared));
            } else {
                self.gather_below(child, shared, out);
            }
        }
    }
}

impl Watch<'_> {
    fn cost(&self) -> Option<&Cost> {
        self.trace.cost(self.place)
    }

    /// Ends with the rows that the node produced.
    pub(crate) fn finish(self, rows: &Rows, shared: bool) {
        if let Some(cost) = self.cost() {
            let points: usize = rows.list.iter().map(|row| row.column.present().count()).sum();
            cost.points.fetch_add(points as u64, Ordering::Relaxed);
            cost.series_out.fetch_add(rows.list.len() as u64, Ordering::Relaxed);
            cost.shared.fetch_or(shared, Ordering::Relaxed);
        }
        let spent = self.started.elapsed();
        self.end(spent);
    }

    /// Ends with a range of stored samples, all of which it hands on. The time of the loop over
    /// its series is that of the function around it, but for `spent`.
    pub(crate) fn finish_range(self, spent: Duration, shared: bool) {
        if let Some(cost) = self.cost() {
            let samples = cost.samples.load(Ordering::Relaxed);
            cost.points.store(samples, Ordering::Relaxed);
            cost.series_out.store(cost.series_in.load(Ordering::Relaxed), Ordering::Relaxed);
            cost.shared.fetch_or(shared, Ordering::Relaxed);
        }
        self.end(spent);
    }

    fn end(self, spent: Duration) {
        let nanos = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        if let Some(cost) = self.cost() {
            cost.nanos.fetch_add(nanos, Ordering::Relaxed);
            cost.peak.fetch_max(self.budget.peak(), Ordering::Relaxed);
        }
        self.budget.restore_peak(self.peak_before);
        self.trace.current.store(self.before, Ordering::Relaxed);
    }
}

impl Stopwatch {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, total: Duration::ZERO }
    }

    /// Runs a part that counts.
    pub(crate) fn time<T>(&mut self, part: impl FnOnce() -> T) -> T {
        if !self.wanted {
            return part();
        }
        let started = Instant::now();
        let result = part();
        self.total += started.elapsed();
        result
    }

    pub(crate) fn total(&self) -> Duration {
        self.total
    }
}

/// What tells a node from all others of its tree.
pub(crate) fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

fn is_traced(node: &Node) -> bool {
    let literal = matches!(
        node.kind,
        Kind::Number(_) | Kind::Duration(_) | Kind::Text(_) | Kind::Bytes(_) | Kind::Paren(_)
    );
    !literal
}

fn number(node: &Node, places: &mut HashMap<usize, usize>) {
    if is_traced(node) {
        places.insert(address(node), places.len());
    }
    node.children().into_iter().for_each(|child| number(child, places));
}

/// The text of a node, cut off at its bound without being written whole.
fn shortened(node: &Node) -> String {
    let mut text = Shortened(String::new());
    if write!(text, "{node}").is_err() {
        text.0.push('\u{2026}');
    }
    text.0
}

struct Shortened(String);

impl fmt::Write for Shortened {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let mut end = TEXT_BYTES_MAX.saturating_sub(self.0.len()).min(part.len());
        while !part.is_char_boundary(end) {
            end -= 1;
        }
        let kept = &part[..end];
        self.0.push_str(kept);
        if kept.len() < part.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
