//! Warnings and infos that an evaluation gathers beside its values.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::Span;
use crate::format::{format_value, short_float};
use crate::quote::quote;

/// Most notes of one sort; a query over a million series must not make a million notes.
const NOTES_MAX: usize = 100;

/// Warnings and infos, each once, in order. Of too many the first in order are kept, whatever
/// the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    warnings: BTreeSet<String>,
    infos: BTreeSet<String>,
    forced: BTreeMap<String, (Span, ForcedAtTimes)>,
    omitted: bool,
    /// What parts of the query note, the innermost part last.
    recordings: Vec<Recording>,
}

/// What was noted during the evaluation of a part of a query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    notes: BTreeSet<(Span, bool, String)>,
    /// Something was noted that is not here.
    incomplete: bool,
}

impl Recording {
    /// Whether everything that was noted is here.
    pub(crate) fn is_whole(&self) -> bool {
        !self.incomplete
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Whether each note is about one of these places, or about none.
    pub(crate) fn speaks_of(&self, spans: &[Span]) -> bool {
        let known = |span: &Span| *span == Span::default() || spans.contains(span);
        self.notes.iter().all(|(span, _, _)| known(span))
    }

    fn add(&mut self, note: (Span, bool, String)) {
        if self.notes.len() < NOTES_MAX || self.notes.contains(&note) {
            self.notes.insert(note);
        } else {
            self.incomplete = true;
        }
    }
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
        // The times of those that were forced are not recorded.
        self.recordings.iter_mut().for_each(|recording| recording.incomplete = true);
        let fresh = ForcedAtTimes { forced, count: 0, first_ms: at_ms, last_ms: at_ms };
        let (_, all) = self.forced.entry(text).or_insert((span, fresh));
        all.forced.lowest = all.forced.lowest.min(forced.lowest);
        all.forced.highest = all.forced.highest.max(forced.highest);
        all.forced.difference = all.forced.difference.max(forced.difference);
        all.first_ms = all.first_ms.min(at_ms);
        all.last_ms = all.last_ms.max(at_ms);
        all.count += 1;
        if self.forced.len() > NOTES_MAX {
            self.forced.pop_last();
            self.omitted = true;
        }
    }

    /// From now on everything that is noted is recorded.
    pub(crate) fn begin_recording(&mut self) {
        self.recordings.push(Recording::default());
    }

    /// Ends the innermost recording, which is a part of the one around it.
    pub(crate) fn end_recording(&mut self) -> Recording {
        let recording = self.recordings.pop().unwrap_or_default();
        if let Some(around) = self.recordings.last_mut() {
            recording.notes.iter().for_each(|note| around.add(note.clone()));
            around.incomplete |= recording.incomplete;
        }
        recording
    }

    /// Notes again what was recorded, at the places of another part.
    pub(crate) fn repeat(&mut self, query: &str, of: &Recording, place: impl Fn(Span) -> Span) {
        for (span, is_warning, text) in &of.notes {
            if *is_warning {
                self.warn(query, place(*span), text);
            } else {
                self.info(query, place(*span), text);
            }
        }
    }

    fn record(&mut self, span: Span, is_warning: bool, text: &str) {
        if let Some(recording) = self.recordings.last_mut() {
            recording.add((span, is_warning, text.to_owned()));
        }
    }

    pub(crate) fn warn(&mut self, query: &str, span: Span, text: &str) {
        self.record(span, true, text);
        let note = format!("PromQL warning: {text} ({})", span.place(query));
        self.omitted |= !insert(&mut self.warnings, note);
    }

    pub(crate) fn info(&mut self, query: &str, span: Span, text: &str) {
        self.record(span, false, text);
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

/// Says whether nothing had to go for the note.
fn insert(notes: &mut BTreeSet<String>, note: String) -> bool {
    let beyond = notes.len() >= NOTES_MAX && notes.last().is_some_and(|last| note > *last);
    if beyond {
        return false;
    }
    notes.insert(note);
    notes.len() <= NOTES_MAX || notes.pop_last().is_none()
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
    use super::{NOTES_MAX, Notes, two_digits};
    use crate::expr::Span;

    /// Threads note in any order.
    #[test]
    fn the_same_notes_are_kept_in_any_order() {
        let lists = |order: &mut dyn Iterator<Item = usize>| {
            let mut notes = Notes::default();
            for i in order {
                notes.warn("x", Span::default(), &format!("{i:03}"));
                notes.info("x", Span::default(), &format!("{:03}", i % 7));
            }
            notes.into_lists("x", |_| String::new())
        };
        let (warnings, infos) = lists(&mut (0..150));
        assert_eq!((warnings.len(), infos.len()), (NOTES_MAX + 1, 7));
        assert_eq!(lists(&mut (0..150).rev()), (warnings, infos));
    }

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
