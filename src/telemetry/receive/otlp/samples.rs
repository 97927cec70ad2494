//! The samples of one data point that becomes several series.

use metric::{Exemplar, METRIC_NAME, stale_nan};

use super::super::label_set::LabelSet;
use super::super::sink::SinkError;
use super::points::Stamp;
use super::translate::Walk;

/// The samples of one point that has several.
pub(super) struct Samples<'w, 's, 'l> {
    walk: &'w mut Walk<'s>,
    labels: LabelSet<'l>,
    name: &'w str,
    stamp: Stamp,
    pub(super) outcome: Result<(), String>,
}

impl<'w, 's, 'l> Samples<'w, 's, 'l> {
    pub(super) fn new(
        walk: &'w mut Walk<'s>,
        labels: LabelSet<'l>,
        name: &'w str,
        stamp: Stamp,
    ) -> Self {
        Self { walk, labels, name, stamp, outcome: Ok(()) }
    }

    pub(super) fn push(
        &mut self,
        suffix: &str,
        label: Option<(&'static str, String)>,
        value: f64,
    ) -> Result<(), SinkError> {
        self.push_with(suffix, label, value, &mut Vec::new())
    }

    /// Pushes a sample with the exemplars of its series, which are taken out.
    pub(super) fn push_with(
        &mut self,
        suffix: &str,
        label: Option<(&'static str, String)>,
        value: f64,
        exemplars: &mut Vec<Exemplar>,
    ) -> Result<(), SinkError> {
        if self.outcome.is_err() {
            return Ok(());
        }
        let len = self.labels.len();
        self.labels.add(METRIC_NAME, format!("{}{suffix}", self.name));
        if let Some((name, text)) = label {
            self.labels.add(name, text);
        }
        let value = if self.stamp.is_end() { stale_nan() } else { value };
        self.outcome = self.walk.push(&self.labels, self.stamp, value)?;
        self.labels.truncate(len);
        if self.outcome.is_ok() {
            self.walk.push_exemplars(exemplars.drain(..).map(Some))?;
        }
        Ok(())
    }
}

/// A bound as Prometheus writes it.
pub(super) fn bound_text(bound: f64) -> String {
    if bound == f64::INFINITY {
        return "+Inf".to_owned();
    }
    if bound == f64::NEG_INFINITY { "-Inf".to_owned() } else { bound.to_string() }
}
