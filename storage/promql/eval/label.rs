//! `label_replace` and `label_join`.

use metric::{LabelsBuilder, METRIC_NAME};
use regex::{Regex, RegexBuilder};

use super::call::argument;
use super::row::{Row, Rows};
use super::run::Scope;
use crate::error::EvalError;
use crate::expr::{Kind, Node};

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

impl Scope<'_> {
    pub(crate) fn label_replace(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let (target, template) = (text(args, 1)?, text(args, 2)?);
        let (source, pattern) = (text(args, 3)?, text(args, 4)?);
        let regex = anchored(pattern).ok_or_else(|| {
            let message = format!("invalid regular expression in label_replace(): {pattern}");
            EvalError::invalid(message)
        })?;
        if target.is_empty() {
            let message = "invalid destination label name in label_replace(): ";
            return Err(EvalError::invalid(message));
        }
        let mut rows = self.rows(argument(args, 0)?)?;
        let mut list = std::mem::take(&mut rows.list);
        let references = template.matches('$').count();
        for row in &mut list {
            self.run.check()?;
            let value = row.labels.get(source).unwrap_or("");
            let Some(captures) = regex.captures(value) else {
                continue;
            };
            let mut replaced = String::new();
            // No reference stands for more than the whole value.
            rows.reserve_text(
                template.len().saturating_add(references.saturating_mul(value.len())),
            )?;
            captures.expand(template, &mut replaced);
            set_label(row, target, &replaced);
        }
        rows.list = list;
        rows.unite_same_labels()?;
        Ok(rows)
    }

    pub(crate) fn label_join(&self, args: &[Node]) -> Result<Rows, EvalError> {
        let (target, separator) = (text(args, 1)?, text(args, 2)?);
        let sources = (3..args.len()).map(|i| text(args, i)).collect::<Result<Vec<_>, _>>()?;
        if sources.iter().any(|name| name.is_empty()) {
            return Err(EvalError::invalid("invalid source label name in label_join(): "));
        }
        if target.is_empty() {
            return Err(EvalError::invalid("invalid destination label name in label_join(): "));
        }
        let mut rows = self.rows(argument(args, 0)?)?;
        let mut list = std::mem::take(&mut rows.list);
        for row in &mut list {
            self.run.check()?;
            let values: Vec<&str> =
                sources.iter().map(|name| row.labels.get(name).unwrap_or("")).collect();
            let joints = separator.len().saturating_mul(sources.len());
            rows.reserve_text(values.iter().map(|value| value.len()).sum::<usize>() + joints)?;
            let joined = values.join(separator);
            set_label(row, target, &joined);
        }
        rows.list = list;
        rows.unite_same_labels()?;
        Ok(rows)
    }
}

fn set_label(row: &mut Row, name: &str, value: &str) {
    let mut labels = LabelsBuilder::from_labels(&row.labels);
    labels.set(name, value);
    row.labels = labels.build().unwrap_or_default();
    if name == METRIC_NAME {
        row.drop_name = false;
    }
}

/// A text argument.
pub(crate) fn text(args: &[Node], i: usize) -> Result<&str, EvalError> {
    match &argument(args, i)?.kind {
        Kind::Text(text) => Ok(text),
        _ => Err(EvalError::invalid("expected a string literal")),
    }
}

fn anchored(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(REGEX_BYTES_MAX).build().ok()
}
