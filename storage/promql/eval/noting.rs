//! What there is to say about histograms in the course of an evaluation, in Prometheus' words.

use metric::Labels;

use super::run::Run;
use crate::expr::Span;
use crate::note::{Forced, for_metric};
use crate::quote::quote;

/// Notes about one series, or about none, at one place of the query.
#[derive(Clone, Copy)]
pub(crate) struct Noting<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) span: Span,
    /// The metric's name; empty if there is none.
    pub(crate) metric: &'a str,
}

/// What two histograms were put together for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Addition,
    Subtraction,
    Aggregation,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

impl<'a> Noting<'a> {
    pub(crate) fn new(run: &'a Run<'a>, span: Span, labels: &'a Labels) -> Self {
        Self { run, span, metric: labels.metric_name().unwrap_or("") }
    }

    /// Notes that name no metric.
    pub(crate) fn unnamed(run: &'a Run<'a>, span: Span) -> Self {
        Self { run, span, metric: "" }
    }

    fn warn(&self, text: &str) {
        self.run.warn(self.span, text);
    }

    fn info(&self, text: &str) {
        self.run.info(self.span, text);
    }

    pub(crate) fn mixed_with_floats(&self) {
        let metric = quote(self.metric);
        self.warn(&format!("encountered a mix of histograms and floats for metric name {metric}"));
    }

    pub(crate) fn mixed_with_floats_in_aggregation(&self) {
        self.warn("encountered a mix of histograms and floats for aggregation");
    }

    pub(crate) fn mixed_with_classic(&self) {
        let of = for_metric(self.metric);
        self.warn(&format!("vector contains a mix of classic and native histograms{of}"));
    }

    pub(crate) fn mixed_schemas(&self) {
        let text = "vector contains a mix of histograms with exponential and custom buckets \
                    schemas for metric name";
        self.warn(&format!("{text} {}", quote(self.metric)));
    }

    pub(crate) fn not_a_counter(&self) {
        self.warn(&format!(
            "this native histogram metric is not a counter: {}",
            quote(self.metric)
        ));
    }

    pub(crate) fn not_a_gauge(&self) {
        self.warn(&format!("this native histogram metric is not a gauge: {}", quote(self.metric)));
    }

    pub(crate) fn hints_collide(&self, operation: Operation) {
        let operation = operation.name();
        self.warn(&format!("conflicting counter resets during histogram {operation}"));
    }

    pub(crate) fn bounds_reconciled(&self, operation: Operation) {
        let operation = operation.name();
        self.info(&format!("mismatched custom buckets were reconciled during {operation}"));
    }

    pub(crate) fn ignored_in_range(&self) {
        let text = "ignored histograms in a range containing both floats and histograms for \
                    metric name";
        self.info(&format!("{text} {}", quote(self.metric)));
    }

    pub(crate) fn ignored_in(&self, aggregation: &str) {
        self.info(&format!("ignored histogram in {aggregation} aggregation"));
    }

    pub(crate) fn incompatible_layout(&self, operator: &str) {
        let text = "incompatible bucket layout encountered for binary operator";
        self.warn(&format!("{text} {operator}"));
    }

    pub(crate) fn incompatible_types(&self, left: &str, operator: &str, right: &str) {
        let text = "incompatible sample types encountered for binary operator";
        self.info(&format!("{text} {operator:?}: {left} {operator} {right}"));
    }

    pub(crate) fn forced_monotonicity(&self, at_ms: i64, forced: Forced) {
        let of = for_metric(self.metric);
        let text = format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see \
             https://prometheus.io/docs/prometheus/latest/querying/functions/\
             #histogram_quantile){of}"
        );
        self.run.note_forced(self.span, text, at_ms, forced);
    }

    pub(crate) fn quantile_is_nan(&self) {
        let of = for_metric(self.metric);
        self.info(&format!("input to histogram_quantile has NaN observations, result is NaN{of}"));
    }

    pub(crate) fn quantile_is_skewed(&self) {
        let of = for_metric(self.metric);
        self.info(&format!(
            "input to histogram_quantile has NaN observations, result is skewed higher{of}"
        ));
    }

    pub(crate) fn fraction_without_nan(&self) {
        let of = for_metric(self.metric);
        self.info(&format!(
            "input to histogram_fraction has NaN observations, which are excluded from all \
             fractions{of}"
        ));
    }
}
