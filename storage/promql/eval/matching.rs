//! Groups label sets by some of their labels.

use hashbrown::HashMap;
use metric::{Labels, METRIC_NAME};

use super::row::Row;
use crate::expr::Grouping;

impl Grouping {
    fn names(&self, name: &[u8]) -> bool {
        self.names.binary_search_by(|at| at.as_bytes().cmp(name)).is_ok()
    }

    /// The labels that identify a group. Without a list of what to keep, the metric's name goes.
    pub(crate) fn key(&self, labels: &Labels) -> Labels {
        let mut key = Vec::new();
        self.write_key(labels, &mut key);
        Labels::from_filtered(&key)
    }

    /// Replaces `out` with the encoding of the group's key.
    fn write_key(&self, labels: &Labels, out: &mut Vec<u8>) {
        if self.without {
            let kept = |name: &[u8]| !self.names(name) && name != METRIC_NAME.as_bytes();
            labels.filter_names(kept, out);
        } else if self.names.is_empty() {
            out.clear();
        } else {
            labels.filter_names(|name| self.names(name), out);
        }
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
        let mut key = Vec::new();
        let mut number = |row: &Row| {
            grouping.write_key(&row.labels, &mut key);
            match self.index.get(key.as_slice()) {
                Some(&number) => number,
                None => self.number(Labels::from_filtered(&key)),
            }
        };
        rows.iter().map(&mut number).collect()
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
