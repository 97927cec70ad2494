//! Warnings and infos that an evaluation gathers beside its values.

use std::collections::BTreeSet;

use crate::expr::Span;
use crate::quote::quote;

/// Most notes of one sort; a query over a million series must not make a million notes.
const NOTES_MAX: usize = 100;

/// Warnings and infos, each once, in order.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    warnings: BTreeSet<String>,
    infos: BTreeSet<String>,
    omitted: bool,
}

impl Notes {
    pub(crate) fn warn(&mut self, query: &str, span: Span, text: &str) {
        let note = format!("PromQL warning: {text} ({})", span.place(query));
        self.omitted |= !insert(&mut self.warnings, note);
    }

    pub(crate) fn info(&mut self, query: &str, span: Span, text: &str) {
        let note = format!("PromQL info: {text} ({})", span.place(query));
        self.omitted |= !insert(&mut self.infos, note);
    }

    /// Warnings and infos, sorted.
    pub(crate) fn into_lists(self) -> (Vec<String>, Vec<String>) {
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

/// The metric's name at the end of a note, if there is one.
pub(crate) fn for_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {}", quote(name)) }
}
