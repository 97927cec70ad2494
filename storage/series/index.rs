//! The label index of the series in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use metric::{Labels, ReadError};
use roaring::RoaringBitmap;

use crate::postings::Postings;

/// The series that carry one label; most values of most labels have one series.
#[derive(Debug)]
enum Ids {
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Ids {
    fn add_to(&self, into: &mut RoaringBitmap) {
        match self {
            Self::One(id) => {
                into.insert(*id);
            }
            Self::Many(ids) => *into |= &**ids,
        }
    }

    fn count_among(&self, among: Option<&RoaringBitmap>) -> u64 {
        match (self, among) {
            (Self::One(_), None) => 1,
            (Self::One(id), Some(among)) => u64::from(among.contains(*id)),
            (Self::Many(ids), None) => ids.len(),
            (Self::Many(ids), Some(among)) => ids.intersection_len(among),
        }
    }
}

/// For each name, for each value: the slots of the series that carry it.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    names: BTreeMap<Box<str>, BTreeMap<Box<str>, Ids>>,
    all: RoaringBitmap,
}

impl MemoryIndex {
    /// Enters a series.
    pub(crate) fn insert(&mut self, id: u32, labels: &Labels) {
        self.all.insert(id);
        for label in labels {
            if !self.names.contains_key(label.name) {
                self.names.insert(label.name.into(), BTreeMap::new());
            }
            let Some(values) = self.names.get_mut(label.name) else { continue };
            match values.get_mut(label.value) {
                None => {
                    values.insert(label.value.into(), Ids::One(id));
                }
                Some(Ids::Many(ids)) => {
                    ids.insert(id);
                }
                Some(one @ Ids::One(_)) => {
                    if let Ids::One(first) = *one {
                        *one = Ids::Many(Box::new(RoaringBitmap::from_iter([first, id])));
                    }
                }
            }
        }
    }

    /// Takes a series out; values and names that nobody carries any more vanish.
    pub(crate) fn remove(&mut self, id: u32, labels: &Labels) {
        self.all.remove(id);
        for label in labels {
            let Some(values) = self.names.get_mut(label.name) else { continue };
            let empty = match values.get_mut(label.value) {
                None => false,
                Some(Ids::One(_)) => true,
                Some(Ids::Many(ids)) => {
                    ids.remove(id);
                    ids.is_empty()
                }
            };
            if empty {
                values.remove(label.value);
                if values.is_empty() {
                    self.names.remove(label.name);
                }
            }
        }
    }

    /// The slots of all series.
    pub(crate) fn all_slots(&self) -> &RoaringBitmap {
        &self.all
    }

    /// How many series carry a value.
    pub(crate) fn series_of(&self, name: &str, value: &str) -> u64 {
        let ids = self.names.get(name).and_then(|values| values.get(value));
        ids.map_or(0, |ids| ids.count_among(None))
    }

    /// Each name with the number of its values.
    pub(crate) fn value_counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.names.iter().map(|(name, values)| (&**name, values.len()))
    }

    /// Each name, value and number of series.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.pairs_among(None)
    }

    /// Each name, value and number of series among those given (`None`: all), 0 included.
    pub(crate) fn pairs_among<'a>(
        &'a self,
        among: Option<&'a RoaringBitmap>,
    ) -> impl Iterator<Item = (&'a str, &'a str, u64)> {
        self.names.iter().flat_map(move |(name, values)| {
            values.iter().map(move |(value, ids)| (&**name, &**value, ids.count_among(among)))
        })
    }
}

impl Postings for MemoryIndex {
    fn all(&self) -> Result<RoaringBitmap, ReadError> {
        Ok(self.all.clone())
    }

    fn add(&self, name: &str, value: &str, into: &mut RoaringBitmap) -> Result<(), ReadError> {
        if let Some(ids) = self.names.get(name).and_then(|values| values.get(value)) {
            ids.add_to(into);
        }
        Ok(())
    }

    fn add_where(
        &self,
        name: &str,
        prefix: &str,
        keep: &mut dyn FnMut(&str) -> bool,
        into: &mut RoaringBitmap,
    ) -> Result<(), ReadError> {
        let Some(values) = self.names.get(name) else { return Ok(()) };
        let from = (Bound::Included(prefix), Bound::Unbounded);
        for (value, ids) in values.range::<str, _>(from) {
            if !value.starts_with(prefix) {
                break;
            }
            if keep(value) {
                ids.add_to(into);
            }
        }
        Ok(())
    }

    fn names(
        &self,
        among: Option<&RoaringBitmap>,
        visit: &mut dyn FnMut(&str),
    ) -> Result<(), ReadError> {
        for (name, values) in &self.names {
            if among.is_none() || values.values().any(|ids| ids.count_among(among) > 0) {
                visit(name);
            }
        }
        Ok(())
    }

    fn values(
        &self,
        name: &str,
        among: Option<&RoaringBitmap>,
        visit: &mut dyn FnMut(&str, u64),
    ) -> Result<(), ReadError> {
        for (value, ids) in self.names.get(name).into_iter().flatten() {
            let count = ids.count_among(among);
            if count > 0 {
                visit(value, count);
            }
        }
        Ok(())
    }
}
