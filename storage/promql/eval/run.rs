//! What a query shares during its evaluation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use metric::{Select, Selection, SeriesReader, Thinned};

use super::budget::Budget;
use super::date;
use super::shared::Shared;
use super::steps::{References, Steps};
use super::thin::Asked;
use super::trace::{Trace, Watch};
use crate::answer::{Answer, EvalStats, Series, Value};
use crate::error::EvalError;
use crate::expr::{Expr, Node, Selector, Shift, Span};
use crate::note::{Forced, Notes, Recording};
use crate::options::QueryOptions;

/// One query's evaluation: shared by all its parts, usable from many threads.
pub(crate) struct Run<'a> {
    reader: &'a dyn SeriesReader,
    expr: &'a Expr,
    pub(crate) options: &'a QueryOptions,
    /// First and last time of the whole query.
    pub(crate) bounds_ms: (i64, i64),
    /// The step of the whole query; 0 for an instant query.
    pub(crate) step_ms: i64,
    pub(crate) budget: Budget,
    pub(crate) shared: Shared,
    pub(crate) trace: Option<Trace>,
    notes: Mutex<Notes>,
    series: AtomicU64,
    samples: AtomicU64,
}

/// A run at certain steps.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) steps: Steps,
    pub(crate) histograms: HistogramUse,
}

/// What the expressions around this one make of histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum HistogramUse {
    #[default]
    Whole,
    /// They look at nothing but count and sum, so that selectors need not keep buckets.
    Counts,
    /// Some of them look at the buckets, whatever others do.
    Buckets,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        reader: &'a dyn SeriesReader,
        expr: &'a Expr,
        options: &'a QueryOptions,
        bounds_ms: (i64, i64),
        step_ms: i64,
    ) -> Self {
        Self {
            reader,
            expr,
            options,
            bounds_ms,
            step_ms,
            budget: Budget::new(&options.limits),
            shared: Shared::new(&expr.root),
            trace: options.analyze.then(|| Trace::new(&expr.root)),
            notes: Mutex::default(),
            series: AtomicU64::new(0),
            samples: AtomicU64::new(0),
        }
    }

    /// Fails when the query is cancelled or out of time; to be called for every series.
    pub(crate) fn check(&self) -> Result<(), EvalError> {
        if self.options.cancel.is_cancelled() {
            return Err(EvalError::Cancelled);
        }
        match self.options.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(EvalError::DeadlineExceeded),
            _ => Ok(()),
        }
    }

    pub(crate) fn warn(&self, span: Span, text: &str) {
        self.with_notes(|notes| notes.warn(&self.expr.query, span, text));
    }

    pub(crate) fn info(&self, span: Span, text: &str) {
        self.with_notes(|notes| notes.info(&self.expr.query, span, text));
    }

    pub(crate) fn note_forced(&self, span: Span, text: String, at_ms: i64, forced: Forced) {
        self.with_notes(|notes| notes.forced(span, text, at_ms, forced));
    }

    pub(crate) fn begin_recording(&self) {
        self.with_notes(Notes::begin_recording);
    }

    pub(crate) fn end_recording(&self) -> Recording {
        self.with_notes(Notes::end_recording)
    }

    /// Notes again what was noted about an equal part.
    pub(crate) fn repeat_notes(&self, recording: &Recording, place: impl Fn(Span) -> Span) {
        self.with_notes(|notes| notes.repeat(&self.expr.query, recording, place));
    }

    fn with_notes<T>(&self, f: impl FnOnce(&mut Notes) -> T) -> T {
        f(&mut self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Begins to watch a node, if anybody wants to know what it costs.
    pub(crate) fn watch(&self, node: &Node) -> Option<Watch<'_>> {
        self.trace.as_ref()?.watch(node, &self.budget)
    }

    /// Finds series; the bounds are inclusive. With `last_only` reading may leave out all samples
    /// of the range but the last.
    pub(crate) fn find(
        &self,
        selector: &Selector,
        (from_ms, to_ms): (i64, i64),
        last_only: bool,
        asked: Asked,
    ) -> Result<Arc<dyn Selection>, EvalError> {
        let series_max = self.options.limits.series_max;
        // Rows meet by their labels, and answers are ordered at the end.
        let Asked { aggregate, resolution_ms, .. } = asked;
        let how = Select { series_max, last_only, any_order: true, aggregate, resolution_ms };
        let selection = self.reader.select(&selector.matchers, from_ms, to_ms, how)?;
        self.series.fetch_add(selection.len() as u64, Ordering::Relaxed);
        self.count_series(selection.len());
        Ok(Arc::from(selection))
    }

    /// What a selection of a range would read that was thinned out.
    pub(crate) fn thinned(&self, (from_ms, to_ms): (i64, i64), wanted_ms: i64) -> Option<Thinned> {
        self.reader.thinned(from_ms, to_ms, wanted_ms)
    }

    /// Tells that old samples stand for many.
    pub(crate) fn note_thinned(&self, span: Span, thinned: Thinned) {
        let seconds = thinned.resolution_ms / 1000;
        let until = date::rfc3339(thinned.until_ms.div_euclid(1000));
        self.info(span, &format!("samples up to {until} were thinned out to one each {seconds} s"));
    }

    /// Counts series for the node at work.
    pub(crate) fn count_series(&self, series: usize) {
        if let Some(trace) = &self.trace {
            trace.count_series(series);
        }
    }

    pub(crate) fn count_samples(&self, samples: usize) {
        self.samples.fetch_add(samples as u64, Ordering::Relaxed);
        if let Some(trace) = &self.trace {
            trace.count_samples(samples);
        }
    }

    pub(crate) fn answer(self, value: Value) -> Answer {
        let points = match &value {
            Value::Scalar(_) | Value::String { .. } => 1,
            Value::Vector(vector) => vector.len() as u64,
            Value::Matrix(matrix) => {
                let len = |series: &Series| (series.points.len() + series.histograms.len()) as u64;
                matrix.iter().map(len).sum()
            }
        };
        let stats = EvalStats {
            series: self.series.into_inner(),
            samples: self.samples.into_inner(),
            samples_peak: self.budget.peak(),
            memory_bytes_peak: self.budget.bytes_peak(),
            points,
        };
        let notes = self.notes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (warnings, infos) = notes.into_lists(&self.expr.query, date::rfc3339);
        let analysis = self.trace.map(|trace| Box::new(trace.tree(&self.expr.root)));
        Answer { value, warnings, infos, stats, analysis }
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(run: &'a Run<'a>, steps: Steps) -> Self {
        Self { run, steps, histograms: HistogramUse::Whole }
    }

    /// The same at other steps.
    pub(crate) fn at(&self, steps: Steps) -> Self {
        Self { steps, ..*self }
    }

    /// The same within an expression that makes this of histograms.
    pub(crate) fn using(&self, histograms: HistogramUse) -> Self {
        match (self.histograms, histograms) {
            (HistogramUse::Buckets, _) | (_, HistogramUse::Whole) => *self,
            _ => Self { histograms, ..*self },
        }
    }

    pub(crate) fn references(&self, shift: Shift) -> References {
        References::new(self.steps, shift, self.run.bounds_ms)
    }
}
