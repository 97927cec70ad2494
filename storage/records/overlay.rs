//! Changes that lie over a snapshot, with an undo list.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, btree_map};

use crate::scan::Bounds;
use crate::table::TableName;

/// The new values of one table's keys; `None` deletes.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
/// The changes of a transaction, or of a group of them, by table.
pub(crate) type WriteSet = BTreeMap<TableName, Changes>;

/// A write-set that can take back everything since the last [`Overlay::keep`].
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    tables: WriteSet,
    undo: Vec<Undo>,
    unkept_bytes: u64,
    kept_bytes: u64,
}

#[derive(Debug)]
struct Undo {
    table: TableName,
    key: Vec<u8>,
    before: Option<Option<Vec<u8>>>,
}

impl Overlay {
    /// The change of a key: `None` when it is untouched, `Some(None)` when it is deleted.
    pub(crate) fn get(&self, table: &str, key: &[u8]) -> Option<Option<&[u8]>> {
        self.tables.get(table)?.get(key).map(Option::as_deref)
    }

    /// The changed keys inside the bounds, in order.
    pub(crate) fn range(
        &self,
        table: &str,
        bounds: &Bounds,
    ) -> btree_map::Range<'_, Vec<u8>, Option<Vec<u8>>> {
        static EMPTY: Changes = BTreeMap::new();
        if bounds.is_empty() {
            return EMPTY.range::<[u8], _>(..);
        }
        self.tables.get(table).unwrap_or(&EMPTY).range::<[u8], _>(bounds.as_slices())
    }

    /// Sets or deletes a key.
    pub(crate) fn set(&mut self, table: &TableName, key: &[u8], value: Option<Vec<u8>>) {
        self.unkept_bytes += (key.len() + value.as_ref().map_or(0, Vec::len)) as u64;
        let changes = match self.tables.get_mut(table) {
            Some(changes) => changes,
            None => self.tables.entry(table.clone()).or_default(),
        };
        let before = match changes.entry(key.to_vec()) {
            Entry::Occupied(mut slot) => Some(slot.insert(value)),
            Entry::Vacant(slot) => {
                slot.insert(value);
                None
            }
        };
        self.undo.push(Undo { table: table.clone(), key: key.to_vec(), before });
    }

    /// Makes the changes since the last call permanent.
    pub(crate) fn keep(&mut self) {
        self.undo.clear();
        self.kept_bytes += std::mem::take(&mut self.unkept_bytes);
    }

    /// Takes back the changes since the last [`Overlay::keep`].
    pub(crate) fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            let Some(changes) = self.tables.get_mut(&undo.table) else { continue };
            match undo.before {
                Some(before) => changes.insert(undo.key, before),
                None => changes.remove(&undo.key),
            };
        }
        self.unkept_bytes = 0;
    }

    /// Bytes written since the last [`Overlay::keep`].
    pub(crate) fn unkept_bytes(&self) -> u64 {
        self.unkept_bytes
    }

    /// Bytes written and kept.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// The kept changes.
    pub(crate) fn into_write_set(mut self) -> WriteSet {
        self.roll_back();
        self.tables.retain(|_, changes| !changes.is_empty());
        self.tables
    }
}
