//! Function calls: evaluates arguments and hands them to the function.

use metric::Labels;

use super::noting::Noting;
use super::quantile::is_quantile;
use super::rate::{self, RateKind};
use super::row::{Column, Datum, Rows};
use super::run::{HistogramUse, Scope};
use super::thin;
use super::window::{Track, Window};
use super::{date, extended, float, mixed, over_time, regression};
use crate::error::EvalError;
use crate::expr::{Edges, Kind, Node, Span, ValueKind};
use crate::format::short_float;
use crate::function::{Family, Function};
use crate::quote::quote;

/// How many samples go by before a deadline or a cancellation is noticed.
const CHECK_SAMPLES: usize = 1 << 20;
/// How many samples' work a histogram is.
const HISTOGRAM_WORK: usize = 100;

impl Scope<'_> {
    pub(crate) fn call(
        &self,
        function: Function,
        args: &[Node],
        span: Span,
    ) -> Result<Rows, EvalError> {
        let sorts = matches!(
            function,
            Function::Sort | Function::SortDesc | Function::SortByLabel | Function::SortByLabelDesc
        );
        if sorts && !self.steps.is_instant() {
            let text = "sort is ineffective for range queries since results are always ordered \
                        by labels";
            self.run.warn(span, text);
        }
        match function.family() {
            Family::Range => self.call_range(function, args),
            Family::Float => self.call_float(function, args),
            Family::Date => self.call_date(function, args),
            Family::Clock => self.call_clock(function),
            Family::Native => self.call_native(function, argument(args, 0)?),
            Family::Special => self.call_special(function, args),
        }
    }

    fn call_special(&self, function: Function, args: &[Node]) -> Result<Rows, EvalError> {
        match function {
            Function::Absent => self.absent(argument(args, 0)?),
            Function::Info => self.info(args),
            Function::LabelReplace => self.label_replace(args),
            Function::LabelJoin => self.label_join(args),
            Function::Sort | Function::SortDesc => {
                self.sort_by_value(argument(args, 0)?, function == Function::SortDesc)
            }
            Function::SortByLabel | Function::SortByLabelDesc => {
                self.sort_by_label(args, function == Function::SortByLabelDesc)
            }
            Function::HistogramQuantile => {
                self.using(HistogramUse::Buckets).histogram_quantile(args)
            }
            Function::HistogramQuantiles => {
                self.using(HistogramUse::Buckets).histogram_quantiles(args)
            }
            Function::HistogramFraction => {
                self.using(HistogramUse::Buckets).histogram_fraction(args)
            }
            Function::Scalar => self.scalar_of(argument(args, 0)?),
            Function::Vector => self.rows(argument(args, 0)?),
            Function::Timestamp => self.timestamp(argument(args, 0)?),
            Function::MinOf | Function::MaxOf => {
                let a = self.number(args, 0)?;
                let b = self.number(args, 1)?;
                let pick = if function == Function::MinOf { float::min } else { float::max };
                Rows::scalar(&self.run.budget, self.steps.count, |step| {
                    pick(a.number(step), b.number(step))
                })
            }
            _ => Err(unsupported(function)),
        }
    }

    /// A scalar argument.
    pub(crate) fn number(&self, args: &[Node], i: usize) -> Result<Column, EvalError> {
        Ok(self.rows(argument(args, i)?)?.into_scalar())
    }

    fn call_clock(&self, function: Function) -> Result<Rows, EvalError> {
        let seconds = |time_ms: i64| time_ms as f64 / 1000.0;
        let (start_ms, end_ms) = self.run.bounds_ms;
        let (step_ms, steps) = (self.run.step_ms, self.steps);
        Rows::scalar(&self.run.budget, steps.count, |step| match function {
            Function::Pi => std::f64::consts::PI,
            Function::Start => seconds(start_ms),
            Function::End => seconds(end_ms),
            Function::RangeLength => seconds(end_ms.saturating_sub(start_ms)),
            Function::Step => seconds(step_ms),
            _ => seconds(steps.at(step)),
        })
    }

    fn call_date(&self, function: Function, args: &[Node]) -> Result<Rows, EvalError> {
        let Some(arg) = args.first() else {
            let steps = self.steps;
            return Rows::scalar(&self.run.budget, steps.count, |step| {
                date::part(function, steps.at(step).div_euclid(1000) as f64)
            });
        };
        let mut rows = self.rows(arg)?;
        for row in &mut rows.list {
            row.column.remove_histograms();
            row.column.map(|_, value| date::part(function, value));
        }
        rows.remove_empty();
        self.drop_names(&mut rows)?;
        Ok(rows)
    }

    fn call_float(&self, function: Function, args: &[Node]) -> Result<Rows, EvalError> {
        let params =
            (1..args.len()).map(|i| self.number(args, i)).collect::<Result<Vec<_>, _>>()?;
        let param = |i: usize, step: usize, default: f64| {
            params.get(i).map_or(default, |column| column.number(step))
        };
        let mut rows = self.rows(argument(args, 0)?)?;
        for row in &mut rows.list {
            row.column.remove_histograms();
            match function {
                Function::Round => {
                    row.column.map(|step, v| float::round(v, param(0, step, 1.0)));
                }
                Function::Clamp => row.column.filter_map(|step, v| {
                    float::clamp(v, param(0, step, f64::NAN), param(1, step, f64::NAN))
                }),
                Function::ClampMin => row
                    .column
                    .filter_map(|step, v| float::clamp(v, param(0, step, f64::NAN), f64::INFINITY)),
                Function::ClampMax => row.column.filter_map(|step, v| {
                    float::clamp(v, f64::NEG_INFINITY, param(0, step, f64::NAN))
                }),
                _ => {
                    let apply = float::of(function);
                    row.column.map(|_, value| apply(value));
                }
            }
        }
        rows.remove_empty();
        self.drop_names(&mut rows)?;
        Ok(rows)
    }

    /// The only number at each step, or NaN.
    fn scalar_of(&self, arg: &Node) -> Result<Rows, EvalError> {
        let rows = self.rows(arg)?;
        Rows::scalar(&self.run.budget, self.steps.count, |step| {
            let mut values = rows.list.iter().filter_map(|row| row.column.get(step));
            match (values.next(), values.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        })
    }

    /// The times of a selector's samples; of anything else, the evaluation time.
    fn timestamp(&self, arg: &Node) -> Result<Rows, EvalError> {
        let mut rows = if let Kind::Select(selector) = &arg.unparen().kind {
            self.select_times(selector, arg.span)?
        } else {
            let mut rows = self.rows(arg)?;
            let seconds = |step: usize| Datum::Float(self.steps.at(step) as f64 / 1000.0);
            for row in &mut rows.list {
                row.column.map(|step, _| self.steps.at(step) as f64 / 1000.0);
                row.column.map_histograms(|step, _| Some(seconds(step)));
            }
            rows
        };
        self.drop_names(&mut rows)?;
        Ok(rows)
    }

    fn call_range(&self, function: Function, args: &[Node]) -> Result<Rows, EvalError> {
        let is_range = |arg: &&Node| arg.value_kind() == ValueKind::Matrix;
        let range = args
            .iter()
            .find(is_range)
            .ok_or_else(|| EvalError::invalid("expected a range vector"))?
            .unparen();
        let mut params = Vec::new();
        for arg in args.iter().filter(|arg| !is_range(arg)) {
            params.push(self.rows(arg)?.into_scalar());
        }
        let edges = match &range.kind {
            Kind::Range { selector, .. } => selector.edges,
            _ => Edges::Open,
        };
        extended::check(function, edges)?;
        if function == Function::AbsentOverTime {
            return self.absent_over_time(range);
        }
        let mut rows = self.rows_of_range(function, range, (&params, args))?;
        if function == Function::AvgOverTime && self.reads_thinned(range) {
            let sums = self.rows_of_range(Function::SumOverTime, range, (&params, args))?;
            let counts = self.rows_of_range(Function::CountOverTime, range, (&params, args))?;
            Self::weigh(&mut rows, &sums, &counts);
        }
        if !self.run.options.delayed_name_removal {
            rows.refuse_same_labels()?;
        }
        Ok(rows)
    }

    fn rows_of_range(
        &self,
        function: Function,
        range: &Node,
        (params, args): (&[Column], &[Node]),
    ) -> Result<Rows, EvalError> {
        let edges = match &range.kind {
            Kind::Range { selector, .. } => selector.edges,
            _ => Edges::Open,
        };
        let delayed = self.run.options.delayed_name_removal;
        self.rows_of_tracks(range, function, &|track, rows| {
            let column = match edges {
                Edges::Open => self.range_column(function, track, params, args, range.span)?,
                _ => self.extended_column(function, track, edges, range.span)?,
            };
            let drop_name = track.drop_name || !function.keeps_name();
            self.note_non_counter(function, track.labels, &column, range.span);
            let labels = if function.keeps_name() || delayed {
                track.labels.clone()
            } else {
                track.labels.without_name()
            };
            rows.push(labels, drop_name, column)
        })
    }

    /// The function's value for one series at each step.
    fn range_column(
        &self,
        function: Function,
        track: &Track<'_>,
        params: &[Column],
        args: &[Node],
        span: Span,
    ) -> Result<Column, EvalError> {
        let mut column = Column::absent(self.steps.count);
        let noting = Noting::new(self.run, span, track.labels);
        // Of samples that stand for many each says for how many.
        let sums_counts = function == Function::CountOverTime && track.shape.stretch.is_some();
        let counted_as = if sums_counts { Function::SumOverTime } else { function };
        let mut work = 0;
        track.each_window(|step, window| {
            work += window.times.len() + window.histograms.times.len() * HISTOGRAM_WORK;
            if work > CHECK_SAMPLES {
                work = 0;
                self.run.check()?;
            }
            let param = |i: usize| params.get(i).map_or(f64::NAN, |column| column.number(step));
            let parameters = [param(0), param(1)];
            if !window.histograms.is_empty() {
                if let Some(datum) = mixed::value(function, window, parameters, &noting)? {
                    column.set_datum(step, datum);
                }
            } else if let Some(value) = float_value(counted_as, window, parameters)? {
                column.set(step, thin::scaled(function, value, window.share));
            }
            let quantile = function == Function::QuantileOverTime && !window.times.is_empty();
            if quantile && !is_quantile(parameters[0]) {
                let span = args.first().map_or(Span::default(), |arg| arg.unparen().span);
                self.warn_quantile(span, parameters[0]);
            }
            Ok(())
        })?;
        Ok(column)
    }

    /// The function's value for one series at each step, with values at the edges of the range.
    fn extended_column(
        &self,
        function: Function,
        track: &Track<'_>,
        edges: Edges,
        span: Span,
    ) -> Result<Column, EvalError> {
        let mut column = Column::absent(self.steps.count);
        let noting = Noting::new(self.run, span, track.labels);
        track.each_window(|step, window| {
            if window.histograms.is_empty() {
                if let Some(value) = extended::float_value(function, window, edges) {
                    column.set(step, value);
                }
            } else if let Some(datum) = mixed::extended_value(function, window, edges, &noting) {
                column.set_datum(step, datum);
            }
            Ok(())
        })?;
        Ok(column)
    }

    pub(crate) fn warn_quantile(&self, span: Span, q: f64) {
        let q = short_float(q);
        self.run.warn(span, &format!("quantile value should be between 0 and 1, got {q}"));
    }

    fn note_non_counter(&self, function: Function, labels: &Labels, column: &Column, span: Span) {
        let of_counters = matches!(function, Function::Rate | Function::Increase);
        if !of_counters || column.floats().next().is_none() {
            return;
        }
        let name = labels.metric_name().unwrap_or("");
        let counter = ["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end));
        if !name.is_empty() && !counter {
            let text = "metric might not be a counter, name does not end in \
                        _total/_sum/_count/_bucket:";
            self.run.info(span, &format!("{text} {}", quote(name)));
        }
    }
}

/// An argument that the parser has promised.
pub(crate) fn argument(args: &[Node], i: usize) -> Result<&Node, EvalError> {
    args.get(i).map(Node::unparen).ok_or_else(|| EvalError::invalid("an argument is missing"))
}

/// The value of a range function for the numbers of one window, if it has one.
pub(crate) fn float_value(
    function: Function,
    window: &Window<'_>,
    params: [f64; 2],
) -> Result<Option<f64>, EvalError> {
    let rate = |counter, per_second| rate::extrapolated(window, RateKind { counter, per_second });
    let last = window.times.len() - 1;
    Ok(match function {
        Function::Rate => rate(true, true),
        Function::Increase => rate(true, false),
        Function::Delta => rate(false, false),
        Function::Irate => rate::instantaneous(window, true),
        Function::Idelta => rate::instantaneous(window, false),
        Function::Resets => Some(rate::resets(window)),
        Function::Changes => Some(rate::changes(window)),
        Function::Deriv => regression::slope(window),
        Function::PredictLinear => regression::predict(window, params[0]),
        Function::HoltWinters | Function::DoubleExponentialSmoothing => {
            check_factor("smoothing", "sf", params[0])?;
            check_factor("trend", "tf", params[1])?;
            regression::smooth(window, params[0], params[1])
        }
        Function::SumOverTime => Some(over_time::sum(window)),
        Function::AvgOverTime => Some(over_time::avg(window)),
        Function::MinOverTime => Some(over_time::min(window)),
        Function::MaxOverTime => Some(over_time::max(window)),
        Function::CountOverTime => Some(window.times.len() as f64),
        Function::PresentOverTime => Some(1.0),
        Function::FirstOverTime => Some(window.values[0]),
        Function::LastOverTime => Some(window.values[last]),
        Function::StdvarOverTime => Some(over_time::stdvar(window)),
        Function::StddevOverTime => Some(over_time::stdvar(window).sqrt()),
        Function::QuantileOverTime => Some(over_time::quantile_over_time(window, params[0])),
        Function::MadOverTime => Some(over_time::mad(window)),
        Function::TsOfFirstOverTime => Some(window.times[0] as f64 / 1000.0),
        Function::TsOfLastOverTime => Some(window.times[last] as f64 / 1000.0),
        Function::TsOfMinOverTime => Some(over_time::time_of_min(window)),
        Function::TsOfMaxOverTime => Some(over_time::time_of_max(window)),
        _ => return Err(unsupported(function)),
    })
}

fn unsupported(function: Function) -> EvalError {
    EvalError::invalid(format!("function {} is not supported", function.name()))
}

fn check_factor(what: &str, short: &str, factor: f64) -> Result<(), EvalError> {
    if factor > 0.0 && factor < 1.0 || factor.is_nan() {
        return Ok(());
    }
    let message = format!("invalid {what} factor. Expected: 0 < {short} < 1, got: {factor:.6}");
    Err(EvalError::invalid(message))
}
