//! Writing: changes of one transaction over any collections.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Serialize;
use ulid::Ulid;

use crate::collection::Collection;
use crate::error::Error;
use crate::overlay::WriteSet;
use crate::read::{DATA_VERSION, Read, damaged};
use crate::row::{Entry, Row, Shape};
use crate::table::{COLLECTIONS, META, Snapshot, TableName, index_table};

/// The longest index key in bytes.
pub const KEY_BYTES_MAX: u64 = 1024;
/// The largest encoded record in bytes.
pub const RECORD_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The largest transaction after [`Write::allow_large`], in bytes of keys and values.
pub const LARGE_TRANSACTION_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A write transaction: everything that [`Read`] offers, and changes.
///
/// Each operation either does all of its work or, when it fails, none of it; the closure may go
/// on after a failure.
#[derive(Debug)]
pub struct Write {
    pub(crate) read: Read,
    /// The limit of [`crate::Options`].
    bytes_max: u64,
    is_large: bool,
}

impl Deref for Write {
    type Target = Read;

    fn deref(&self) -> &Read {
        &self.read
    }
}

impl Write {
    pub(crate) fn new(snapshot: Snapshot, bytes_max: u64) -> Self {
        Self { read: Read::new(snapshot), bytes_max, is_large: false }
    }

    /// Keeps what the last closure did, or takes it back.
    pub(crate) fn settle(&mut self, keep: bool) {
        self.is_large = false;
        if keep {
            self.read.overlay.keep();
        } else {
            self.read.overlay.roll_back();
            self.read.checked.borrow_mut().clear();
        }
    }

    /// Bytes of the closures that were kept.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.read.overlay.kept_bytes()
    }

    /// All that was kept.
    pub(crate) fn into_write_set(self) -> WriteSet {
        self.read.overlay.into_write_set()
    }

    /// Stores a new record; its revision is 1.
    pub fn insert<R: Serialize>(
        &mut self,
        collection: &Collection<R>,
        id: Ulid,
        record: &R,
    ) -> Result<u64, Error> {
        let exists = self.read.exists(collection)?;
        if exists && self.read.value(collection.name(), &id.to_bytes(), |_| Ok(()))?.is_some() {
            return Err(Error::AlreadyExists { collection: collection.name(), id });
        }
        self.store(collection, id, 1, &[], record)
    }

    /// Replaces a record and gives its new revision; with `expected`, only at that revision.
    pub fn update<R: Serialize>(
        &mut self,
        collection: &Collection<R>,
        id: Ulid,
        expected: Option<u64>,
        record: &R,
    ) -> Result<u64, Error> {
        let (rev, entries) = self.current(collection, id, expected)?;
        self.store(collection, id, rev + 1, &entries, record)
    }

    /// Inserts the record, or replaces the one with this id; gives the revision.
    pub fn put<R: Serialize>(
        &mut self,
        collection: &Collection<R>,
        id: Ulid,
        record: &R,
    ) -> Result<u64, Error> {
        match self.current(collection, id, None) {
            Ok((rev, entries)) => self.store(collection, id, rev + 1, &entries, record),
            Err(Error::NotFound { .. }) => self.store(collection, id, 1, &[], record),
            Err(error) => Err(error),
        }
    }

    /// Deletes a record; with `expected`, only at that revision.
    pub fn remove<R>(
        &mut self,
        collection: &Collection<R>,
        id: Ulid,
        expected: Option<u64>,
    ) -> Result<(), Error> {
        let (_, entries) = self.current(collection, id, expected)?;
        let tables = index_tables(collection);
        self.room_for(collection, 64 * (entries.len() as u64 + 1))?;
        for entry in &entries {
            self.set_entry(&tables, entry, id, false);
        }
        self.read.overlay.set(&Cow::Borrowed(collection.name()), &id.to_bytes(), None);
        Ok(())
    }

    /// Lets this transaction grow to [`LARGE_TRANSACTION_BYTES_MAX`]: for migrations, which rewrite
    /// whole collections while nobody else writes.
    pub fn allow_large(&mut self) {
        self.is_large = true;
    }

    /// Sets the version of the stored data as a whole.
    pub fn set_data_version(&mut self, version: u32) {
        let bytes = version.to_le_bytes().to_vec();
        self.read.overlay.set(&Cow::Borrowed(META), DATA_VERSION, Some(bytes));
    }

    /// The revision and index keys of a stored record.
    pub(crate) fn current<R>(
        &self,
        collection: &Collection<R>,
        id: Ulid,
        expected: Option<u64>,
    ) -> Result<(u64, Vec<Entry>), Error> {
        let name = collection.name();
        let mut found = None;
        if self.read.exists(collection)? {
            found = self.read.value(name, &id.to_bytes(), |bytes| {
                let row = Row::parse(bytes).ok_or_else(|| damaged(name, &id.to_string()))?;
                Ok((row.rev, row.entries()))
            })?;
        }
        let (rev, entries) = found.ok_or(Error::NotFound { collection: name, id })?;
        match expected {
            Some(expected) if expected != rev => {
                Err(Error::Conflict { collection: name, id, expected, found: rev })
            }
            _ => Ok((rev, entries)),
        }
    }

    /// Writes a row and brings the indexes from the old keys to the new ones.
    pub(crate) fn store<R: Serialize>(
        &mut self,
        collection: &Collection<R>,
        id: Ulid,
        rev: u64,
        old: &[Entry],
        record: &R,
    ) -> Result<u64, Error> {
        let name = collection.name();
        let value = rmp_serde::to_vec_named(record)
            .map_err(|error| Error::Encode { collection: name, cause: error.to_string() })?;
        within(name, "a record", value.len() as u64, RECORD_BYTES_MAX)?;
        let tables = index_tables(collection);
        let new = self.entries(collection, &tables, id, record)?;
        let row = Row::encode(rev, &new, &value);
        let keys_bytes: usize = old.iter().chain(&new).map(|(_, key)| key.len() + 64).sum();
        self.room_for(collection, (row.len() + keys_bytes) as u64)?;

        if !self.read.exists(collection)? {
            self.set_shape(collection);
        }
        for entry in old.iter().filter(|entry| new.binary_search(entry).is_err()) {
            self.set_entry(&tables, entry, id, false);
        }
        for entry in new.iter().filter(|entry| old.binary_search(entry).is_err()) {
            self.set_entry(&tables, entry, id, true);
        }
        self.read.overlay.set(&Cow::Borrowed(name), &id.to_bytes(), Some(row));
        Ok(rev)
    }

    /// Records the program's shape of a collection.
    pub(crate) fn set_shape<R>(&mut self, collection: &Collection<R>) {
        let shape = Shape::of(collection).encode();
        self.set_raw(COLLECTIONS, collection.name().as_bytes(), Some(shape));
        self.read.checked.borrow_mut().clear();
    }

    /// Sets or deletes a key of one of the engine's own tables.
    pub(crate) fn set_raw(&mut self, table: &'static str, key: &[u8], value: Option<Vec<u8>>) {
        self.read.overlay.set(&Cow::Borrowed(table), key, value);
    }

    /// The index entries of a record, ascending; fails where another record holds a unique key.
    fn entries<R>(
        &self,
        collection: &Collection<R>,
        tables: &[IndexTable],
        id: Ulid,
        record: &R,
    ) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for index in collection.indexes() {
            let ordinal = collection.ordinal(index);
            for key in index.keys_of(record) {
                within(collection.name(), "an index key", key.len() as u64, KEY_BYTES_MAX)?;
                if index.is_unique() {
                    let table = &tables[ordinal as usize].name;
                    let holder = self.read.holder(table, &key)?;
                    if let Some(holder) = holder.filter(|holder| *holder != id) {
                        let (collection, index) = (collection.name(), index.name());
                        return Err(Error::Unique { collection, index, holder });
                    }
                }
                entries.push((ordinal, key));
            }
        }
        entries.sort_unstable();
        Ok(entries)
    }

    fn set_entry(&mut self, tables: &[IndexTable], entry: &Entry, id: Ulid, present: bool) {
        let (ordinal, key) = entry;
        let Some(table) = tables.get(*ordinal as usize) else { return };
        if table.unique {
            let value = present.then(|| id.to_bytes().to_vec());
            self.read.overlay.set(&table.name, key, value);
        } else {
            let mut full_key = key.clone();
            full_key.extend_from_slice(&id.to_bytes());
            self.read.overlay.set(&table.name, &full_key, present.then(Vec::new));
        }
    }

    fn room_for<R>(&self, collection: &Collection<R>, bytes: u64) -> Result<(), Error> {
        let total = self.read.overlay.unkept_bytes() + bytes;
        let limit = if self.is_large { LARGE_TRANSACTION_BYTES_MAX } else { self.bytes_max };
        within(collection.name(), "a transaction", total, limit)
    }
}

/// The table of an index, at the position of the index's ordinal.
pub(crate) struct IndexTable {
    pub(crate) name: TableName,
    pub(crate) unique: bool,
}

/// The tables of a collection's indexes in the order of their names.
pub(crate) fn index_tables<R>(collection: &Collection<R>) -> Vec<IndexTable> {
    let mut tables = Vec::with_capacity(collection.indexes().len());
    for index in collection.indexes() {
        let name = index_table(collection.name(), index.name());
        tables.push(IndexTable { name, unique: index.is_unique() });
    }
    tables.sort_by(|left, right| left.name.cmp(&right.name));
    tables
}

fn within(
    collection: &'static str,
    what: &'static str,
    bytes: u64,
    limit: u64,
) -> Result<(), Error> {
    if bytes > limit {
        return Err(Error::TooLarge { collection, what, bytes, limit });
    }
    Ok(())
}
