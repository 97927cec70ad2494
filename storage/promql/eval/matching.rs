//! Groups label sets by some of their labels.

use std::collections::HashMap;

use metric::{Labels, METRIC_NAME};

use super::row::Row;
use crate::expr::Grouping;

impl Grouping {
    fn names(&self, name: &str) -> bool {
        self.names.binary_search_by(|at| at.as_str().cmp(name)).is_ok()
    }

    /// The labels that identify a group. Without a list of what to keep, the metric's name goes.
    pub(crate) fn key(&self, labels: &Labels) -> Labels {
        if self.without {
            return labels.filter(|label| !self.names(label.name) && label.name != METRIC_NAME);
        }
        if self.names.is_empty() {
            return Labels::empty();
        }
        labels.filter(|label| self.names(label.name))
    }
}

/// Numbers groups in the order in which they are met.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    index: HashMap<Labels, usize>,
    keys: Vec<Labels>,
}

impl Groups {
    /// The number of the group with this key.
    pub(crate) fn number(&mut self, key: Labels) -> usize {
        let next = self.keys.len();
        let number = *self.index.entry(key.clone()).or_insert(next);
        if number == next {
            self.keys.push(key);
        }
        number
    }

    /// The group of each row.
    pub(crate) fn of_rows(&mut self, rows: &[Row], grouping: &Grouping) -> Vec<usize> {
        rows.iter().map(|row| self.number(grouping.key(&row.labels))).collect()
    }

    /// The number of a group that is there already.
    pub(crate) fn find(&self, key: &Labels) -> Option<usize> {
        self.index.get(key).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn key(&self, number: usize) -> &Labels {
        &self.keys[number]
    }
}
