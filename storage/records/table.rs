//! Names of the engine's tables, and a snapshot of them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTableMetadata, TableDefinition};

use crate::error::Error;
use crate::scan::Bounds;

/// Keys and values of every table are plain bytes.
pub(crate) type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;
/// A table of a snapshot.
type Opened = ReadOnlyTable<&'static [u8], &'static [u8]>;
/// A pair in a snapshot's table.
pub(crate) type Guard = AccessGuard<'static, &'static [u8]>;

/// Facts about the store itself.
pub(crate) const META: &str = "records/meta";
/// Collection name to shape.
pub(crate) const COLLECTIONS: &str = "records/collections";

/// A table's name: a collection's own, or `collection#index`.
pub(crate) type TableName = Cow<'static, str>;

/// The table that holds an index.
pub(crate) fn index_table(collection: &str, index: &str) -> TableName {
    let mut name = String::with_capacity(collection.len() + index.len() + 1);
    name.push_str(collection);
    name.push('#');
    name.push_str(index);
    Cow::Owned(name)
}

/// A consistent view of all tables at one instant.
pub(crate) struct Snapshot {
    txn: ReadTransaction,
    opened: RefCell<Vec<(String, Option<Rc<Opened>>)>>,
    suspect: Arc<AtomicBool>,
}

impl Snapshot {
    /// Wraps a read transaction; `suspect` is raised when the file misbehaves.
    pub(crate) fn new(txn: ReadTransaction, suspect: Arc<AtomicBool>) -> Self {
        Self { txn, opened: RefCell::default(), suspect }
    }

    /// The value under a key.
    pub(crate) fn get(&self, table: &str, key: &[u8]) -> Result<Option<Guard>, Error> {
        match self.table(table)? {
            Some(opened) => opened.get(key).map_err(|error| self.failed(error.into())),
            None => Ok(None),
        }
    }

    /// The pairs inside the bounds; `None` when the table does not exist.
    pub(crate) fn range(&self, table: &str, bounds: &Bounds) -> Result<Option<Range>, Error> {
        let Some(opened) = self.table(table)? else { return Ok(None) };
        let range = opened.range::<&[u8]>(bounds.as_slices());
        range.map(Some).map_err(|error| self.failed(error.into()))
    }

    /// The number of pairs in a table.
    pub(crate) fn len(&self, table: &str) -> Result<u64, Error> {
        match self.table(table)? {
            Some(opened) => opened.len().map_err(|error| self.failed(error.into())),
            None => Ok(0),
        }
    }

    /// Translates an error of the engine, noting when the file must be opened anew.
    pub(crate) fn failed(&self, error: redb::Error) -> Error {
        match error {
            redb::Error::Corrupted(detail) => {
                Error::Damaged { place: "the record file".to_owned(), detail }
            }
            redb::Error::DatabaseClosed => {
                Error::Unavailable { cause: "the record file was closed meanwhile".to_owned() }
            }
            other => {
                self.suspect.store(true, Ordering::Release);
                Error::Unavailable { cause: other.to_string() }
            }
        }
    }

    fn table(&self, name: &str) -> Result<Option<Rc<Opened>>, Error> {
        let known = self.opened.borrow().iter().find(|(other, _)| other == name).cloned();
        if let Some((_, opened)) = known {
            return Ok(opened);
        }
        let opened = match self.txn.open_table(Definition::new(name)) {
            Ok(table) => Some(Rc::new(table)),
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(self.failed(error.into())),
        };
        self.opened.borrow_mut().push((name.to_owned(), opened.clone()));
        Ok(opened)
    }
}

/// An iterator over pairs of a snapshot's table.
pub(crate) type Range = redb::Range<'static, &'static [u8], &'static [u8]>;
