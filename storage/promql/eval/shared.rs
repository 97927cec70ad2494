//! Equal parts of a query are evaluated once: `sum(rate(x[5m])) / on () group_right () rate(x[5m])`
//! reads `x` once.
//!
//! Before the evaluation nodes are put into classes of equals: the same operation on equal nodes
//! below, at the same steps as far as the tree tells. What is kept says exactly at which steps it
//! was evaluated and what was wanted of histograms, and serves only what asks for the same. It is
//! kept no longer than another node of its class is to come, and only in room that the budget
//! has to spare.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use metric::Selection;

use super::budget::Amount;
use super::row::{Row, Rows};
use super::run::{HistogramUse, Scope};
use super::steps::Steps;
use super::trace::address;
use crate::error::EvalError;
use crate::expr::{Kind, Node, Span};
use crate::function::Function;
use crate::note::Recording;
use crate::print::{AggregateHead, Brackets, Operator};

/// Which nodes of a tree are equal, and which of them are still to come.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The class of each node that has an equal, by its address.
    classes: HashMap<usize, usize>,
    coming: Mutex<Coming>,
}

#[derive(Debug, Default)]
struct Coming {
    /// How many nodes of each class are still to be evaluated.
    pending: Vec<usize>,
    done: HashSet<usize>,
}

/// A result that will be asked for again.
#[derive(Debug)]
pub(crate) struct Kept {
    steps: Steps,
    histograms: HistogramUse,
    result: KeptResult,
    /// What it takes from the budget.
    pub(crate) held: Amount,
}

enum KeptResult {
    Rows {
        list: Vec<Row>,
        /// What was noted on the way, and the places of the nodes it may speak of.
        notes: Recording,
        spans: Vec<Span>,
    },
    Selection(Arc<dyn Selection>),
}

impl std::fmt::Debug for KeptResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows { list, .. } => write!(f, "{} rows", list.len()),
            Self::Selection(selection) => write!(f, "selection of {}", selection.len()),
        }
    }
}

impl Shared {
    pub(crate) fn new(root: &Node) -> Self {
        let mut classifier = Classifier::default();
        classifier.class(root, 0);
        let Classifier { nodes, counts, .. } = classifier;
        let classes: HashMap<usize, usize> =
            nodes.into_iter().filter(|(_, class)| counts[*class] > 1).collect();
        let pending = if classes.is_empty() { Vec::new() } else { counts };
        Self { classes, coming: Mutex::new(Coming { pending, done: HashSet::new() }) }
    }

    fn class(&self, node: &Node) -> Option<usize> {
        if self.classes.is_empty() { None } else { self.classes.get(&address(node)).copied() }
    }

    fn coming(&self) -> MutexGuard<'_, Coming> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a node of a class is still to come.
    fn awaits(&self, class: usize) -> bool {
        self.coming().pending.get(class).is_some_and(|pending| *pending > 0)
    }

    /// Nothing in the tree from a node on will be evaluated any more. Answers the classes of
    /// which no node is left.
    fn done(&self, node: &Node) -> Vec<usize> {
        let mut finished = Vec::new();
        if !self.classes.is_empty() {
            self.mark_done(node, &mut self.coming(), &mut finished);
        }
        finished
    }

    fn mark_done(&self, node: &Node, coming: &mut Coming, finished: &mut Vec<usize>) {
        if !coming.done.insert(address(node)) {
            return;
        }
        if let Some(class) = self.class(node)
            && let Some(pending) = coming.pending.get_mut(class)
        {
            *pending = pending.saturating_sub(1);
            if *pending == 0 {
                finished.push(class);
            }
        }
        node.children().into_iter().for_each(|child| self.mark_done(child, coming, finished));
    }
}

/// Puts nodes into classes. A class is known by what its nodes do and by the classes below.
#[derive(Debug, Default)]
struct Classifier {
    known: HashMap<(usize, String, Vec<usize>), usize>,
    /// How many nodes each class has; none where it is not worth it to share.
    counts: Vec<usize>,
    /// Whether nodes of a class read samples.
    reading: Vec<bool>,
    nodes: Vec<(usize, usize)>,
    contexts: HashMap<(usize, String), usize>,
    /// The contexts of a single step.
    single: HashSet<usize>,
}

impl Classifier {
    /// The class of a node. The context tells the steps at which it is evaluated.
    fn class(&mut self, node: &Node, context: usize) -> usize {
        if let Kind::Paren(inner) = &node.kind {
            return self.class(inner, context);
        }
        let below = match &node.kind {
            Kind::Subquery { .. } => self.context(context, Brackets(node).to_string()),
            _ if node.steady => self.once(context),
            _ => context,
        };
        let children: Vec<usize> =
            node.children().into_iter().map(|child| self.class(child, below)).collect();
        let reads = matches!(node.kind, Kind::Select(_) | Kind::Range { .. })
            || children.iter().any(|child| self.reading[*child]);
        let next = self.counts.len();
        let class = *self.known.entry((context, operation(node), children)).or_insert(next);
        if class == next {
            self.counts.push(0);
            self.reading.push(reads);
        }
        // A subquery is no result of its own, but what it evaluates is.
        if reads && !matches!(node.kind, Kind::Subquery { .. }) {
            self.counts[class] += 1;
            self.nodes.push((address(node), class));
        }
        class
    }

    fn context(&mut self, around: usize, what: String) -> usize {
        let next = self.contexts.len() + 1;
        *self.contexts.entry((around, what)).or_insert(next)
    }

    /// The context below a node that is evaluated at a single step.
    fn once(&mut self, context: usize) -> usize {
        if self.single.contains(&context) {
            return context;
        }
        let once = self.context(context, String::new());
        self.single.insert(once);
        once
    }
}

/// What a node does to the nodes below, as text.
fn operation(node: &Node) -> String {
    match &node.kind {
        Kind::Call { function, args } => {
            let mut text = function.name().to_owned();
            let absent = matches!(function, Function::Absent | Function::AbsentOverTime);
            if absent
                && let Some(Kind::Select(selector) | Kind::Range { selector, .. }) =
                    args.first().map(|arg| &arg.unparen().kind)
            {
                // The order of matchers tells which labels the answer has.
                for matcher in &selector.matchers {
                    let written = write!(text, " {matcher:?}");
                    debug_assert!(written.is_ok(), "texts take anything");
                }
            }
            text
        }
        Kind::Aggregate(aggregate) => AggregateHead(aggregate).to_string(),
        Kind::Binary(binary) => Operator(binary).to_string(),
        Kind::Subquery { .. } => Brackets(node).to_string(),
        Kind::Negate(_) => "-".to_owned(),
        Kind::Plus(_) => "+".to_owned(),
        _ => node.to_string(),
    }
}

/// The places of a node and all nodes below; equal nodes have equally many.
fn spans(node: &Node) -> Vec<Span> {
    let mut spans = Vec::new();
    gather_spans(node, &mut spans);
    spans
}

fn gather_spans(node: &Node, spans: &mut Vec<Span>) {
    let node = node.unparen();
    spans.push(node.span);
    node.children().into_iter().for_each(|child| gather_spans(child, spans));
}

impl Scope<'_> {
    /// The rows of a node, evaluated by `evaluate` unless an equal node was evaluated before.
    /// Answers too whether that was so.
    pub(crate) fn shared_rows(
        &self,
        node: &Node,
        evaluate: impl FnOnce() -> Result<Rows, EvalError>,
    ) -> Result<(Rows, bool), EvalError> {
        let shared = &self.run.shared;
        let Some(class) = shared.class(node) else {
            let rows = evaluate()?;
            self.forget(shared.done(node));
            return Ok((rows, false));
        };
        if let Some(rows) = self.recall(class, node) {
            return Ok((rows, true));
        }
        self.run.begin_recording();
        let rows = evaluate()?;
        let notes = self.run.end_recording();
        self.forget(shared.done(node));
        if shared.awaits(class) && notes.is_whole() {
            self.keep_rows(class, node, &rows, notes);
        }
        Ok((rows, false))
    }

    /// Looks for the rows of an equal node; the last that asks gets them without a copy.
    fn recall(&self, class: usize, node: &Node) -> Option<Rows> {
        let budget = &self.run.budget;
        let is_it = |kept: &Kept| kept.steps == self.steps && kept.histograms == self.histograms;
        let held =
            budget.with_kept(|kept| kept.get(&class).filter(|it| is_it(it)).map(|it| it.held))?;
        let finished = self.run.shared.done(node);
        let last = !self.run.shared.awaits(class);
        let (list, notes, from) = budget.with_kept(|kept| {
            // Without room for a copy, those who come later evaluate again.
            if last || budget.take_spare(held).is_err() {
                let KeptResult::Rows { list, notes, spans } = kept.remove(&class)?.result else {
                    return None;
                };
                return Some((list, notes, spans));
            }
            let Some(KeptResult::Rows { list, notes, spans }) =
                kept.get(&class).map(|it| &it.result)
            else {
                budget.give_back(held);
                return None;
            };
            Some((list.clone(), notes.clone(), spans.clone()))
        })?;
        self.forget(finished);
        if !notes.is_empty() {
            let places: HashMap<Span, Span> = from.into_iter().zip(spans(node)).collect();
            self.run.repeat_notes(&notes, |span| places.get(&span).copied().unwrap_or(span));
        }
        Some(Rows::of(budget, self.steps.count, list, held))
    }

    fn keep_rows(&self, class: usize, node: &Node, rows: &Rows, notes: Recording) {
        let held = rows.held();
        let spans = if notes.is_empty() { Vec::new() } else { spans(node) };
        if !notes.speaks_of(&spans) || self.run.budget.take_spare(held).is_err() {
            return;
        }
        let result = KeptResult::Rows { list: rows.list.clone(), notes, spans };
        self.keep(class, result, held);
    }

    /// The selection that an equal node made before.
    pub(crate) fn recall_selection(&self, node: &Node) -> Option<Arc<dyn Selection>> {
        let class = self.run.shared.class(node)?;
        self.run.budget.with_kept(|kept| match kept.get(&class) {
            Some(Kept { steps, result: KeptResult::Selection(it), .. }) if *steps == self.steps => {
                Some(Arc::clone(it))
            }
            _ => None,
        })
    }

    /// Keeps a selection if another node will ask for it; `held` is what it takes.
    pub(crate) fn keep_selection(&self, node: &Node, it: &Arc<dyn Selection>, held: Amount) {
        self.forget(self.run.shared.done(node));
        let class = self.run.shared.class(node);
        if let Some(class) = class.filter(|class| self.run.shared.awaits(*class))
            && self.run.budget.with_kept(|kept| !kept.contains_key(&class))
            && self.run.budget.take_spare(held).is_ok()
        {
            self.keep(class, KeptResult::Selection(Arc::clone(it)), held);
        }
    }

    fn keep(&self, class: usize, result: KeptResult, held: Amount) {
        let kept = Kept { steps: self.steps, histograms: self.histograms, result, held };
        if let Some(old) = self.run.budget.with_kept(|all| all.insert(class, kept)) {
            self.run.budget.give_back(old.held);
        }
    }

    fn forget(&self, classes: Vec<usize>) {
        for class in classes {
            if let Some(old) = self.run.budget.with_kept(|kept| kept.remove(&class)) {
                self.run.budget.give_back(old.held);
            }
        }
    }
}
