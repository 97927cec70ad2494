//! `absent` and `absent_over_time`: a value where there is none.

use std::collections::HashSet;

use metric::{Labels, LabelsBuilder, METRIC_NAME, MatchOp};

use super::row::{Column, Rows};
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::{Kind, Node};
use crate::function::Function;

impl Scope<'_> {
    pub(crate) fn absent(&self, arg: &Node) -> Result<Rows, EvalError> {
        let present = self.rows(arg)?.any_present();
        self.ones_where_absent(arg, &present)
    }

    pub(crate) fn absent_over_time(&self, range: &Node) -> Result<Rows, EvalError> {
        let mut present = vec![false; self.steps.count];
        self.each_track(range, Function::AbsentOverTime, &mut |track| {
            track.each_window(|step, _| {
                present[step] = true;
                Ok(())
            })
        })?;
        self.ones_where_absent(range, &present)
    }

    fn ones_where_absent(&self, arg: &Node, present: &[bool]) -> Result<Rows, EvalError> {
        let mut column = Column::constant(1.0, self.steps.count);
        for (step, present) in present.iter().enumerate() {
            if *present {
                column.remove(step);
            }
        }
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        rows.push(labels_of(arg), false, column)?;
        Ok(rows)
    }
}

/// The labels that the series would surely have, by the first `=` on each name; any further
/// matcher on the name takes the label away again.
fn labels_of(arg: &Node) -> Labels {
    let (Kind::Select(selector) | Kind::Range { selector, .. }) = &arg.kind else {
        return Labels::empty();
    };
    let mut labels = LabelsBuilder::new();
    let mut seen = HashSet::new();
    for matcher in selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        if matcher.op() == MatchOp::Equal && seen.insert(matcher.name()) {
            labels.set(matcher.name(), matcher.value());
        } else {
            labels.remove(matcher.name());
        }
    }
    labels.build().unwrap_or_default()
}
