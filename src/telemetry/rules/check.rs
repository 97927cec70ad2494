//! Whether a group can be evaluated, and what it is evaluated from. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use promql::{Expr, ParseError, ValueKind};

use super::model::GroupSpec;
use super::outcome::merged;
use crate::settings::RuleSettings;

/// The shortest interval.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// The longest interval, and the longest look back.
pub(crate) const INTERVAL_MAX: Duration = Duration::from_secs(86_400);
/// Bytes of a group's name.
const NAME_BYTES_MAX: usize = 500;
/// Bytes of the name of a metric or label.
const METRIC_BYTES_MAX: usize = 500;
/// Bytes of a label's value.
const VALUE_BYTES_MAX: usize = 4_000;
/// Labels that a group or a rule may set.
const LABELS_MAX: usize = 50;

/// Which part of a group is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Interval,
    QueryOffset,
    /// The list of rules.
    Rules,
    /// A label of the group, by name.
    Label(String),
    /// The name that a rule records, by the rule's number from 0.
    Record(usize),
    /// A rule's expression.
    Expr(usize),
    /// A label of a rule.
    RuleLabel(usize, String),
}

impl Part {
    /// The rule that the part belongs to.
    pub(crate) fn rule(&self) -> Option<usize> {
        match self {
            Self::Record(rule) | Self::Expr(rule) | Self::RuleLabel(rule, _) => Some(*rule),
            _ => None,
        }
    }

    /// The field of the API's JSON.
    pub(crate) fn field(&self) -> String {
        match self {
            Self::Name => "name".to_owned(),
            Self::Interval => "interval_s".to_owned(),
            Self::QueryOffset => "query_offset_s".to_owned(),
            Self::Rules => "rules".to_owned(),
            Self::Label(name) => format!("labels.{name}"),
            Self::Record(rule) => format!("rules.{rule}.record"),
            Self::Expr(rule) => format!("rules.{rule}.expr"),
            Self::RuleLabel(rule, name) => format!("rules.{rule}.labels.{name}"),
        }
    }
}

/// One thing that is wrong with a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub part: Part,
    pub message: String,
    /// The first byte at fault of an expression.
    pub at: Option<usize>,
}

impl Wrong {
    fn new(part: Part, message: impl Into<String>) -> Self {
        Self { part, message: message.into(), at: None }
    }
}

/// A group ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Group {
    pub spec: GroupSpec,
    pub interval: Duration,
    pub query_offset: Duration,
    /// Series that one rule may record.
    pub series_max: usize,
    pub rules: Vec<Rule>,
}

/// A rule ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Rule {
    pub record: String,
    pub expr: Arc<Expr>,
    /// Labels of the rule over those of its group.
    pub labels: BTreeMap<String, String>,
}

/// Checks an expression as that of a rule.
pub(crate) fn expression(text: &str, bytes_max: usize) -> Result<Expr, ParseError> {
    let wrong = |message: String| ParseError { message, start: 0, end: 0, line: 1, column: 1 };
    if text.trim().is_empty() {
        return Err(wrong("no expression found in input".to_owned()));
    }
    if text.len() > bytes_max {
        return Err(wrong(format!("the expression is longer than {bytes_max} bytes")));
    }
    let expr = promql::parse(text)?;
    match expr.value_kind() {
        ValueKind::Scalar | ValueKind::Vector => Ok(expr),
        kind @ (ValueKind::String | ValueKind::Matrix) => {
            let message = format!("expected an instant vector or a scalar to record, got a {kind}");
            Err(wrong(message))
        }
    }
}

/// Puts a group together, or says everything that is wrong with it.
pub(crate) fn compile(spec: &GroupSpec, settings: &RuleSettings) -> Result<Group, Vec<Wrong>> {
    let mut wrong = Vec::new();
    check_head(spec, settings, &mut wrong);
    let mut rules = Vec::with_capacity(spec.rules.len());
    for (at, rule) in spec.rules.iter().enumerate().take(settings.rules_per_group_max) {
        if let Some(message) = wrong_metric(&rule.record) {
            wrong.push(Wrong::new(Part::Record(at), message));
        }
        for (name, message) in wrong_labels(&rule.labels) {
            wrong.push(Wrong::new(Part::RuleLabel(at, name), message));
        }
        match expression(&rule.expr, settings.expr_bytes_max) {
            Ok(expr) => rules.push(Rule {
                record: rule.record.clone(),
                expr: Arc::new(expr),
                labels: merged(&spec.labels, &rule.labels),
            }),
            Err(error) => {
                let start = Some(error.start);
                let fault = Wrong::new(Part::Expr(at), error.to_string());
                wrong.push(Wrong { at: start, ..fault });
            }
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let limit = usize::try_from(spec.limit).unwrap_or(usize::MAX);
    Ok(Group {
        interval: spec.interval().unwrap_or(settings.interval),
        query_offset: spec.query_offset().unwrap_or_default(),
        series_max: if limit == 0 { settings.series_max } else { limit.min(settings.series_max) },
        rules,
        spec: spec.clone(),
    })
}

fn check_head(spec: &GroupSpec, settings: &RuleSettings, wrong: &mut Vec<Wrong>) {
    if spec.name.trim().is_empty() {
        wrong.push(Wrong::new(Part::Name, "the group needs a name"));
    }
    if spec.name.len() > NAME_BYTES_MAX {
        let message = format!("the name is longer than {NAME_BYTES_MAX} bytes");
        wrong.push(Wrong::new(Part::Name, message));
    }
    let allowed = INTERVAL_MIN..=INTERVAL_MAX;
    if spec.interval().is_some_and(|interval| !allowed.contains(&interval)) {
        let message = "the interval must be 100 ms to 1 day";
        wrong.push(Wrong::new(Part::Interval, message));
    }
    if spec.query_offset().is_some_and(|offset| offset > INTERVAL_MAX) {
        wrong.push(Wrong::new(Part::QueryOffset, "the query offset must be 0 to 1 day"));
    }
    for (name, message) in wrong_labels(&spec.labels) {
        wrong.push(Wrong::new(Part::Label(name), message));
    }
    let (found, most) = (spec.rules.len(), settings.rules_per_group_max);
    if found > most {
        let message = format!("the group has {found} rules, at most {most} are allowed");
        wrong.push(Wrong::new(Part::Rules, message));
    }
}

fn wrong_metric(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("the rule needs the name of the metric that it records".to_owned());
    }
    if name.len() > METRIC_BYTES_MAX {
        return Some(format!("the name of the metric is longer than {METRIC_BYTES_MAX} bytes"));
    }
    if name.contains(['{', '}']) {
        let message = format!("braces in the name to record {name:?}; should it be in expr?");
        return Some(message);
    }
    let spaced = name.trim() != name || name.contains(char::is_control);
    spaced.then(|| format!("invalid recording rule name: {name:?}"))
}

fn wrong_labels(labels: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    if labels.len() > LABELS_MAX {
        let message = format!("{} labels, at most {LABELS_MAX} can be set", labels.len());
        wrong.push((String::new(), message));
    }
    for (name, value) in labels.iter().take(LABELS_MAX) {
        if name.is_empty() || name == metric::METRIC_NAME || name.len() > METRIC_BYTES_MAX {
            let shown: String = name.chars().take(60).collect();
            wrong.push((name.clone(), format!("invalid label name: {shown:?}")));
        }
        if value.len() > VALUE_BYTES_MAX {
            let message = format!("the label {name} is longer than {VALUE_BYTES_MAX} bytes");
            wrong.push((name.clone(), message));
        }
    }
    wrong
}
