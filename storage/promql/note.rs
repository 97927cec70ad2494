//! Warnings and infos that an evaluation gathers beside its values.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::Span;
use crate::format::{format_value, short_float};
use crate::quote::quote;

/// Most notes of one sort; a query over a million series must not make a million notes.
const NOTES_MAX: usize = 100;

/// Warnings and infos, each once, in order.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    warnings: BTreeSet<String>,
    infos: BTreeSet<String>,
    forced: BTreeMap<String, (Span, ForcedAtTimes)>,
    omitted: bool,
}

/// What was done to the counts of classic buckets that did not rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forced {
    /// Lowest upper bound of a bucket whose count was raised.
    pub(crate) lowest: f64,
    /// Highest upper bound of one.
    pub(crate) highest: f64,
    /// By how much a count was raised at most.
    pub(crate) difference: f64,
}

#[derive(Debug)]
struct ForcedAtTimes {
    forced: Forced,
    count: u64,
    first_ms: i64,
    last_ms: i64,
}

impl Notes {
    /// Adds to the one note about counts that were forced to rise, for each `text`.
    pub(crate) fn forced(&mut self, span: Span, text: String, at_ms: i64, forced: Forced) {
        if self.forced.len() >= NOTES_MAX && !self.forced.contains_key(&text) {
            self.omitted = true;
            return;
        }
        let fresh = ForcedAtTimes { forced, count: 0, first_ms: at_ms, last_ms: at_ms };
        let (_, all) = self.forced.entry(text).or_insert((span, fresh));
        all.forced.lowest = all.forced.lowest.min(forced.lowest);
        all.forced.highest = all.forced.highest.max(forced.highest);
        all.forced.difference = all.forced.difference.max(forced.difference);
        all.first_ms = all.first_ms.min(at_ms);
        all.last_ms = all.last_ms.max(at_ms);
        all.count += 1;
    }

    pub(crate) fn warn(&mut self, query: &str, span: Span, text: &str) {
        let note = format!("PromQL warning: {text} ({})", span.place(query));
        self.omitted |= !insert(&mut self.warnings, note);
    }

    pub(crate) fn info(&mut self, query: &str, span: Span, text: &str) {
        let note = format!("PromQL info: {text} ({})", span.place(query));
        self.omitted |= !insert(&mut self.infos, note);
    }

    /// Warnings and infos, sorted. `date` writes a time in seconds since the epoch.
    pub(crate) fn into_lists(
        mut self,
        query: &str,
        date: impl Fn(i64) -> String,
    ) -> (Vec<String>, Vec<String>) {
        for (text, (span, all)) in std::mem::take(&mut self.forced) {
            let [lowest, highest] = [all.forced.lowest, all.forced.highest].map(short_float);
            let difference = two_digits(all.forced.difference);
            let (first, last) = (date(all.first_ms / 1000), date(all.last_ms / 1000));
            let samples = all.count;
            let detail = format!(
                "{text}, from buckets {lowest} to {highest}, with a max diff of {difference}, \
                 over {samples} samples from {first} to {last}"
            );
            self.info(query, span, &detail);
        }
        let mut warnings: Vec<String> = self.warnings.into_iter().collect();
        if self.omitted {
            warnings.push("PromQL warning: more notes were omitted".to_owned());
        }
        (warnings, self.infos.into_iter().collect())
    }
}

fn insert(notes: &mut BTreeSet<String>, note: String) -> bool {
    if notes.contains(&note) {
        return true;
    }
    notes.len() < NOTES_MAX && notes.insert(note)
}

/// A number with two digits, and an exponent when it has more before the point.
fn two_digits(value: f64) -> String {
    let scientific = format!("{value:.1e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return format_value(value);
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..2).contains(&exponent) {
        return format_value(scientific.parse().unwrap_or(value));
    }
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The metric's name at the end of a note, if there is one.
pub(crate) fn for_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {}", quote(name)) }
}

#[cfg(test)]
mod tests {
    use super::two_digits;

    #[test]
    fn numbers_have_two_digits() {
        for (value, text) in [
            (10.0, "10"),
            (99.7, "1e+02"),
            (1234.0, "1.2e+03"),
            (7.5, "7.5"),
            (0.0123, "0.012"),
            (0.000_012, "1.2e-05"),
            (0.0, "0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(two_digits(value), text);
        }
    }
}
