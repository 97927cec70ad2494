//! Histograms on their way into an aggregation, beside the numbers of the same groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{Histogram, IncompatibleBuckets, Labels};

use super::aggregate::Cell;
use super::budget::Charge;
use super::histogram_sum::Gathered;
use super::noting::Noting;
use super::row::histogram_units;
use super::run::Run;
use crate::error::EvalError;
use crate::expr::{AggregateOp, Span};

/// The histograms of all groups and steps.
pub(crate) struct Gathering<'a> {
    run: &'a Run<'a>,
    op: AggregateOp,
    span: Span,
    /// By number of the cell; nothing is left where histograms do not go together.
    cells: BTreeMap<usize, Option<Gathered>>,
}

impl<'a> Gathering<'a> {
    pub(crate) fn new(run: &'a Run<'a>, op: AggregateOp, span: Span) -> Self {
        Self { run, op, span, cells: BTreeMap::new() }
    }

    /// Adds the histogram of a series to a cell, or notes that it is ignored.
    pub(crate) fn add(
        &mut self,
        cell: usize,
        histogram: &Histogram,
        labels: &Labels,
        charge: &mut Charge,
    ) -> Result<(), EvalError> {
        let mean = match self.op {
            AggregateOp::Sum => false,
            AggregateOp::Avg => true,
            op => {
                Noting::unnamed(self.run, self.span).ignored_in(name(op));
                return Ok(());
            }
        };
        match self.cells.get_mut(&cell) {
            None => {
                charge.grow_values(2 * histogram_units(histogram) as u64)?;
                self.cells.insert(cell, Some(Gathered::new(histogram, mean)));
            }
            Some(slot) => {
                let added = slot.as_mut().map_or(Ok(()), |gathered| gathered.add(histogram));
                if added == Err(IncompatibleBuckets) {
                    Noting::new(self.run, self.span, labels).mixed_schemas();
                    *slot = None;
                }
            }
        }
        Ok(())
    }

    /// The results by number of the cell. Where there are numbers too there is no result.
    pub(crate) fn finish(self, cells: &mut [Option<Cell>]) -> BTreeMap<usize, Arc<Histogram>> {
        let noting = Noting::unnamed(self.run, self.span);
        let mut out = BTreeMap::new();
        for (cell, gathered) in self.cells {
            if cells[cell].take().is_some() {
                noting.mixed_with_floats_in_aggregation();
            } else if let Some(gathered) = gathered {
                let mut histogram = gathered.finish(&noting);
                histogram.compact();
                out.insert(cell, Arc::new(histogram));
            }
        }
        out
    }
}

/// The aggregations that ignore histograms.
fn name(op: AggregateOp) -> &'static str {
    match op {
        AggregateOp::Min => "min",
        AggregateOp::Max => "max",
        AggregateOp::Stddev => "stddev",
        _ => "stdvar",
    }
}
