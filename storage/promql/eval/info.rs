//! `info`: series get labels of the info series, such as `target_info`, that describe what they
//! come from: those with the same `instance` and `job`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use metric::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};

use super::budget::Charge;
use super::call::argument;
use super::row::{Column, Row, Rows};
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::{Edges, Kind, Node, Selector, Shift, Span};

/// The labels by which series and info series find each other.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// The info metric unless matchers name others.
const TARGET_INFO: &str = "target_info";

/// What the second argument asks for.
struct Wanted<'n> {
    /// Matchers of the info metric's name.
    names: Vec<&'n Matcher>,
    /// Matchers of labels; without any, all labels are taken.
    labels: Vec<&'n Matcher>,
}

impl<'n> Wanted<'n> {
    fn of(arg: Option<&'n Node>) -> Self {
        let matchers = match arg.map(|arg| &arg.kind) {
            Some(Kind::Select(selector)) => selector.matchers.as_slice(),
            _ => &[],
        };
        let (names, labels) = matchers.iter().partition(|it| it.name() == METRIC_NAME);
        Self { names, labels }
    }

    fn takes(&self, label: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|matcher| matcher.name() == label)
    }

    /// Whether a series may stay without any info series.
    fn may_miss(&self) -> bool {
        self.labels.iter().all(|matcher| matcher.matches_empty())
    }
}

/// The info series by metric name and identifying labels, the newest of each at each step.
struct Known {
    rows: Rows,
    /// Names of info metrics, in order.
    names: Vec<String>,
    newest: HashMap<Labels, Vec<Option<usize>>>,
    /// What they take from the budget.
    _charge: Charge,
}

impl Scope<'_> {
    pub(crate) fn info(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let base = self.rows(argument(args, 0)?)?;
        let wanted = Wanted::of(args.get(1));
        let is_info = |row: &Row| {
            let name = row.labels.metric_name().unwrap_or("");
            let default = args.len() < 2 && name == TARGET_INFO;
            default || !wanted.names.is_empty() && wanted.names.iter().all(|it| it.matches(name))
        };
        let known = self.known(&base, &wanted, is_info)?;
        let mut out = Rows::new(&self.run.budget, self.steps.count);
        let mut places: HashMap<Labels, usize> = HashMap::new();
        for row in &base.list {
            self.run.check()?;
            let mut labels = Enriched::new(row, &wanted, &known);
            for step in row.column.present() {
                let enriched =
                    if is_info(row) { Some(row.labels.clone()) } else { labels.at(step)? };
                let (Some(enriched), Some(datum)) = (enriched, row.column.datum(step)) else {
                    continue;
                };
                let place = match places.entry(enriched) {
                    Entry::Occupied(entry) => *entry.get(),
                    Entry::Vacant(entry) => {
                        out.reserve(1)?;
                        out.reserve_text(entry.key().encoded().0.len())?;
                        let (labels, drop_name) = (entry.key().clone(), row.drop_name);
                        let column = Column::absent(self.steps.count);
                        out.list.push(Row { labels, drop_name, column });
                        *entry.insert(out.list.len() - 1)
                    }
                };
                if out.list[place].column.has(step) {
                    return Err(EvalError::same_labels());
                }
                out.list[place].column.set_datum(step, datum);
            }
        }
        Ok(out)
    }

    /// Reads the info series that any of the rows may need.
    fn known(
        &self,
        base: &Rows,
        wanted: &Wanted<'_>,
        is_info: impl Fn(&Row) -> bool,
    ) -> Result<Known, EvalError> {
        let mut matchers = Vec::new();
        for name in IDENTIFYING {
            let values = base.list.iter().filter(|row| !is_info(row));
            let mut values: Vec<&str> = values.filter_map(|row| row.labels.get(name)).collect();
            values.sort_unstable();
            values.dedup();
            if !values.is_empty() {
                let escaped: Vec<String> = values.into_iter().map(regex::escape).collect();
                let any = Matcher::new(MatchOp::Matches, name, &escaped.join("|"));
                matchers.push(any.map_err(|error| EvalError::invalid(error.to_string()))?);
            }
        }
        if matchers.is_empty() {
            return self.newest(Rows::new(&self.run.budget, self.steps.count));
        }
        if wanted.names.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, TARGET_INFO));
        }
        matchers.extend(wanted.names.iter().chain(&wanted.labels).map(|it| (*it).clone()));
        let (shift, edges) = (Shift::default(), Edges::default());
        let rows =
            self.select_times(&Selector { name: None, matchers, shift, edges }, Span::default())?;
        self.newest(rows)
    }

    fn newest(&self, rows: Rows) -> Result<Known, EvalError> {
        let mut newest: HashMap<Labels, Vec<Option<usize>>> = HashMap::new();
        let mut names = Vec::new();
        let mut charge = self.run.budget.charge();
        for (at, row) in rows.list.iter().enumerate() {
            self.run.check()?;
            names.extend(row.labels.metric_name().map(str::to_owned));
            let key = row
                .labels
                .filter(|label| label.name == METRIC_NAME || IDENTIFYING.contains(&label.name));
            if !newest.contains_key(&key) {
                charge.grow_bytes(self.steps.count * size_of::<Option<usize>>())?;
            }
            let slots = newest.entry(key).or_insert_with(|| vec![None; self.steps.count]);
            for (step, time_s) in row.column.floats() {
                let Some(other) = slots[step] else {
                    slots[step] = Some(at);
                    continue;
                };
                let other_s = rows.list[other].column.number(step);
                if other_s == time_s {
                    let time_ms = (time_s * 1000.0).round();
                    return Err(EvalError::invalid(format!(
                        "found duplicate series for info metric: existing {} @ {time_ms}, new {} \
                         @ {time_ms}",
                        rows.list[other].labels, row.labels,
                    )));
                }
                if other_s < time_s {
                    slots[step] = Some(at);
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(Known { rows, names, newest, _charge: charge })
    }
}

/// The labels of one row, with those of the info series at each step.
struct Enriched<'r> {
    row: &'r Row,
    wanted: &'r Wanted<'r>,
    known: &'r Known,
    /// The info series of each info metric that may have one.
    candidates: Vec<&'r Vec<Option<usize>>>,
    /// The last answer, which is nearly always the next one too.
    last: Option<(Vec<usize>, Option<Labels>)>,
}

impl<'r> Enriched<'r> {
    fn new(row: &'r Row, wanted: &'r Wanted<'r>, known: &'r Known) -> Self {
        let mut candidates = Vec::new();
        for name in &known.names {
            let identity = row.labels.filter(|label| IDENTIFYING.contains(&label.name));
            let mut key = LabelsBuilder::from_labels(&identity);
            key.set(METRIC_NAME, name);
            candidates.extend(known.newest.get(&key.build().unwrap_or_default()));
        }
        Self { row, wanted, known, candidates, last: None }
    }

    /// The labels at a step; nothing if the row is to go for want of an info series.
    fn at(&mut self, step: usize) -> Result<Option<Labels>, EvalError> {
        let found: Vec<usize> = self.candidates.iter().filter_map(|slots| slots[step]).collect();
        match &self.last {
            Some((last, labels)) if *last == found => return Ok(labels.clone()),
            _ => {}
        }
        let labels = self.with(&found)?;
        self.last = Some((found, labels.clone()));
        Ok(labels)
    }

    fn with(&self, found: &[usize]) -> Result<Option<Labels>, EvalError> {
        if found.is_empty() && !self.wanted.may_miss() {
            return Ok(None);
        }
        let mut more = LabelsBuilder::new();
        for at in found {
            let labels = &self.known.rows.list[*at].labels;
            let new = |name: &str| name != METRIC_NAME && self.wanted.takes(name);
            for label in labels.iter().filter(|label| new(label.name)) {
                if more.get(label.name).is_some_and(|value| value != label.value) {
                    let message = format!("conflicting label: {}", label.name);
                    return Err(EvalError::invalid(message));
                }
                if self.row.labels.get(label.name).is_none() {
                    more.set(label.name, label.value);
                }
            }
        }
        let mut labels = LabelsBuilder::from_labels(&self.row.labels);
        for label in more.iter() {
            labels.set(label.name, label.value);
        }
        Ok(Some(labels.build().unwrap_or_default()))
    }
}
