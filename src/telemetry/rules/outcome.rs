//! From the answer of an expression to the series that a rule records. Pure.

use std::collections::{BTreeMap, HashSet};

use metric::{Labels, LabelsBuilder, METRIC_NAME};
use promql::{Answer, Value, VectorPoint};

/// Why a rule records nothing this time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongOutcome {
    /// Two series of the answer are one with the rule's labels.
    #[error("vector contains metrics with the same labelset after applying rule labels: {0}")]
    SameLabels(String),
    /// More series than the group or the settings allow.
    #[error("exceeded limit of {limit} with {found} series")]
    TooMany {
        /// The limit.
        limit: usize,
        /// Series of the answer.
        found: usize,
    },
    /// The labels are more or longer than a series may have.
    #[error("the rule's labels do not fit: {0}")]
    Labels(#[from] metric::LabelError),
    /// A range or a string, which is nothing to record.
    #[error("rule result is not a vector or scalar")]
    NoVector,
}

/// The labels that a rule gives what it records: those of its group, and over them its own.
pub(crate) fn merged(
    group: &BTreeMap<String, String>,
    rule: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = group.clone();
    labels.extend(rule.iter().map(|(name, value)| (name.clone(), value.clone())));
    labels
}

/// The series to record: each series of the answer under the rule's name and labels. A label that
/// the rule sets to nothing is taken away.
///
/// # Errors
/// See [`WrongOutcome`]; then nothing is recorded and nothing ends, as in Prometheus.
pub(crate) fn recorded(
    answer: Answer,
    record: &str,
    labels: &BTreeMap<String, String>,
    limit: usize,
) -> Result<Vec<(Labels, VectorPoint)>, WrongOutcome> {
    let items = match answer.value {
        Value::Scalar(point) => vec![(Labels::empty(), VectorPoint::from(point))],
        Value::Vector(items) => items,
        Value::Matrix(_) | Value::String { .. } => return Err(WrongOutcome::NoVector),
    };
    let mut series = Vec::with_capacity(items.len());
    let mut seen = HashSet::with_capacity(items.len());
    for (found, point) in items {
        let mut builder = LabelsBuilder::from_labels(&found);
        builder.set(METRIC_NAME, record);
        for (name, value) in labels {
            builder.set(name, value);
        }
        let labels = builder.build()?;
        if !seen.insert(labels.clone()) {
            return Err(WrongOutcome::SameLabels(labels.to_string()));
        }
        series.push((labels, point));
    }
    if series.len() > limit {
        return Err(WrongOutcome::TooMany { limit, found: series.len() });
    }
    Ok(series)
}

/// Series that were there before and are not there now, in label order.
pub(crate) fn vanished(before: &HashSet<Labels>, now: &HashSet<Labels>) -> Vec<Labels> {
    let mut gone: Vec<Labels> = before.difference(now).cloned().collect();
    gone.sort();
    gone
}

#[cfg(test)]
mod tests {
    use promql::{EvalStats, Point};
    use proptest::prelude::*;

    use super::*;

    fn answer(value: Value) -> Answer {
        let stats = EvalStats::default();
        Answer { value, warnings: Vec::new(), infos: Vec::new(), stats, analysis: None }
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::new(pairs.iter().copied()).unwrap()
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn vector(series: &[&[(&str, &str)]]) -> Answer {
        let point = VectorPoint::from(Point { timestamp_ms: 1, value: 2.0 });
        answer(Value::Vector(series.iter().map(|it| (labels(it), point.clone())).collect()))
    }

    #[test]
    fn labels_of_the_rule_win_over_those_of_the_group_and_of_the_answer() {
        let set = merged(&map(&[("a", "group"), ("b", "group")]), &map(&[("b", "rule")]));
        let found = vector(&[&[("__name__", "m"), ("a", "0"), ("b", "0"), ("c", "0")]]);
        let series = recorded(found, "x", &set, 10).unwrap();
        let wanted = labels(&[("__name__", "x"), ("a", "group"), ("b", "rule"), ("c", "0")]);
        assert_eq!(series[0].0, wanted);
        let bare = recorded(vector(&[&[("a", "0")]]), "x", &map(&[("a", "")]), 10).unwrap();
        assert_eq!(bare[0].0, labels(&[("__name__", "x")]));
        let point = Point { timestamp_ms: 5, value: 7.0 };
        let one = recorded(answer(Value::Scalar(point)), "x", &map(&[]), 10).unwrap();
        assert_eq!(one, [(labels(&[("__name__", "x")]), VectorPoint::from(point))]);
    }

    #[test]
    fn what_cannot_be_recorded_is_named() {
        let two = || vector(&[&[("a", "0"), ("b", "0")], &[("a", "1"), ("b", "0")]]);
        let same = recorded(two(), "x", &map(&[("a", "")]), 10).unwrap_err();
        assert!(same.to_string().starts_with("vector contains metrics with the same labelset"));
        let many = recorded(two(), "x", &map(&[]), 1).unwrap_err();
        assert_eq!(many.to_string(), "exceeded limit of 1 with 2 series");
        assert_eq!(recorded(two(), "x", &map(&[]), 2).unwrap().len(), 2);
        for value in
            [Value::Matrix(Vec::new()), Value::String { timestamp_ms: 0, text: String::new() }]
        {
            let wrong = recorded(answer(value), "x", &map(&[]), 1);
            assert_eq!(wrong, Err(WrongOutcome::NoVector));
        }
    }

    proptest! {
        #[test]
        fn vanished_are_those_of_before_alone(
            before in proptest::collection::hash_set(0_u8..20, 0..20),
            now in proptest::collection::hash_set(0_u8..20, 0..20),
        ) {
            let set = |of: &HashSet<u8>| -> HashSet<Labels> {
                of.iter().map(|n| labels(&[("n", &n.to_string())])).collect()
            };
            let gone = vanished(&set(&before), &set(&now));
            let wanted: HashSet<Labels> = set(&before.difference(&now).copied().collect());
            prop_assert!(gone.is_sorted());
            prop_assert_eq!(gone.into_iter().collect::<HashSet<_>>(), wanted);
        }
    }
}
