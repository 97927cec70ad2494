//! Reading: a snapshot of all collections, below a write also its own changes.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::btree_map;
use std::ops::ControlFlow;

use serde::de::DeserializeOwned;
use ulid::Ulid;

use crate::collection::{Collection, Index};
use crate::error::Error;
use crate::key::Key;
use crate::overlay::Overlay;
use crate::row::{Row, Shape};
use crate::scan::{Bounds, Page, Scan, Stored};
use crate::table::{COLLECTIONS, Guard, META, Range, Snapshot, index_table};

/// Bytes of an id at the end of a plain index's key, or as a unique index's value.
const ID_BYTES: usize = 16;
/// Key of the data version in the engine's own table.
pub(crate) const DATA_VERSION: &[u8] = b"data_version";

/// A consistent view of all collections; inside a write it includes what was written so far.
pub struct Read {
    pub(crate) snapshot: Snapshot,
    pub(crate) overlay: Overlay,
    /// Collections whose shape was found right, by the addresses of their constants.
    pub(crate) checked: RefCell<Vec<(usize, usize, u32)>>,
}

impl Read {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, overlay: Overlay::default(), checked: RefCell::default() }
    }

    /// The record with this id.
    pub fn get<R: DeserializeOwned>(
        &self,
        collection: &Collection<R>,
        id: Ulid,
    ) -> Result<Option<Stored<R>>, Error> {
        if !self.exists(collection)? {
            return Ok(None);
        }
        self.record(collection, id)
    }

    /// The record that stands under this key of a unique index.
    pub fn find<R: DeserializeOwned>(
        &self,
        collection: &Collection<R>,
        index: &Index<R>,
        key: Key,
    ) -> Result<Option<Stored<R>>, Error> {
        if !is_unique(collection, index.name())? {
            return Err(Error::UnknownIndex { collection: collection.name(), index: index.name() });
        }
        if !self.exists(collection)? {
            return Ok(None);
        }
        let table = index_table(collection.name(), index.name());
        let key = key.into_bytes();
        let Some(holder) = self.holder(&table, &key)? else { return Ok(None) };
        let record = self.record(collection, holder)?;
        record.map(Some).ok_or_else(|| stray(&table, holder))
    }

    /// One page of records.
    #[expect(clippy::needless_pass_by_value, reason = "a scan is made for one call")]
    pub fn scan<R: DeserializeOwned>(
        &self,
        collection: &Collection<R>,
        scan: Scan,
    ) -> Result<Page<R>, Error> {
        let mut items = Vec::new();
        let mut last_key = Vec::new();
        let mut next = None;
        self.walk(collection, &scan, |key, stored| {
            if items.len() == scan.limit {
                next = Some(scan.cursor(collection.name(), &last_key));
                return Ok(ControlFlow::Break(()));
            }
            if items.len() + 1 == scan.limit {
                last_key = key.to_vec();
            }
            items.push(stored()?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Page { items, next })
    }

    /// Hands all scanned records, one after the other, to `visit`; the page limit is ignored.
    #[expect(clippy::needless_pass_by_value, reason = "a scan is made for one call")]
    pub fn visit<R: DeserializeOwned>(
        &self,
        collection: &Collection<R>,
        scan: Scan,
        mut visit: impl FnMut(Stored<R>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.walk(collection, &scan, |_, stored| Ok(visit(stored()?)))
    }

    /// The number of records in the collection.
    pub fn count<R>(&self, collection: &Collection<R>) -> Result<u64, Error> {
        if !self.exists(collection)? {
            return Ok(0);
        }
        let mut count = self.snapshot.len(collection.name())?;
        for (key, change) in self.overlay.range(collection.name(), &Bounds::ALL) {
            let before = self.snapshot.get(collection.name(), key)?.is_some();
            match (before, change.is_some()) {
                (false, true) => count += 1,
                (true, false) => count -= 1,
                _ => {}
            }
        }
        Ok(count)
    }

    /// The version of the stored data as a whole, set by migration steps; 0 in a new store.
    pub fn data_version(&self) -> Result<u32, Error> {
        let version = self.value(META, DATA_VERSION, |bytes| {
            bytes.try_into().map(u32::from_le_bytes).map_err(|_| damaged(META, "data version"))
        })?;
        Ok(version.unwrap_or(0))
    }

    /// Whether the collection is stored at all; fails when it is stored in another shape.
    pub(crate) fn exists<R>(&self, collection: &Collection<R>) -> Result<bool, Error> {
        let mark = (
            collection.name().as_ptr() as usize,
            collection.indexes().as_ptr() as usize,
            collection.schema(),
        );
        if self.checked.borrow().contains(&mark) {
            return Ok(true);
        }
        let Some(shape) = self.shape(collection.name())? else { return Ok(false) };
        shape.check(collection)?;
        self.checked.borrow_mut().push(mark);
        Ok(true)
    }

    /// The stored shape of a collection.
    pub(crate) fn shape(&self, collection: &str) -> Result<Option<Shape>, Error> {
        self.value(COLLECTIONS, collection.as_bytes(), |bytes| {
            Shape::parse(bytes).ok_or_else(|| damaged(COLLECTIONS, collection))
        })
    }

    /// The record that holds a key of a unique index.
    pub(crate) fn holder(&self, table: &str, key: &[u8]) -> Result<Option<Ulid>, Error> {
        self.value(table, key, |bytes| id_of(bytes).ok_or_else(|| damaged(table, "an entry")))
    }

    /// Looks a key up in the changes, then in the snapshot.
    pub(crate) fn value<T>(
        &self,
        table: &str,
        key: &[u8],
        take: impl FnOnce(&[u8]) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match self.overlay.get(table, key) {
            Some(change) => change.map(take).transpose(),
            None => self.snapshot.get(table, key)?.map(|guard| take(guard.value())).transpose(),
        }
    }

    /// The pairs of a table inside the bounds, changes included.
    pub(crate) fn pairs(
        &self,
        table: &str,
        bounds: &Bounds,
        reverse: bool,
    ) -> Result<Pairs<'_>, Error> {
        let stored = if bounds.is_empty() { None } else { self.snapshot.range(table, bounds)? };
        let mut pairs = Pairs {
            snapshot: &self.snapshot,
            stored,
            changes: self.overlay.range(table, bounds),
            reverse,
            next_stored: None,
            next_change: None,
        };
        pairs.next_stored = pairs.pull_stored()?;
        pairs.next_change = pairs.pull_change();
        Ok(pairs)
    }

    fn record<R: DeserializeOwned>(
        &self,
        collection: &Collection<R>,
        id: Ulid,
    ) -> Result<Option<Stored<R>>, Error> {
        self.value(collection.name(), &id.to_bytes(), |bytes| decode(collection.name(), id, bytes))
    }

    /// Calls `step` with each table key of the scan and a function that loads its record.
    fn walk<R: DeserializeOwned>(
        &self,
        collection: &Collection<R>,
        scan: &Scan,
        mut step: impl FnMut(
            &[u8],
            &mut dyn FnMut() -> Result<Stored<R>, Error>,
        ) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        let name = collection.name();
        let unique = match scan.index {
            Some(index) => Some(is_unique(collection, index)?),
            None => None,
        };
        let bounds = scan.bounds(name)?;
        if !self.exists(collection)? {
            return Ok(());
        }
        let table = scan.index.map_or(name.into(), |index| index_table(name, index));
        let mut pairs = self.pairs(&table, &bounds, scan.reverse)?;
        while let Some((key, value)) = pairs.next()? {
            let id_bytes = match unique {
                Some(true) => value.as_slice(),
                Some(false) => key.as_slice().last_chunk::<ID_BYTES>().map_or(&[][..], |id| id),
                None => key.as_slice(),
            };
            let id = id_of(id_bytes).ok_or_else(|| damaged(&table, "an entry"))?;
            let mut load = || match unique {
                None => decode(name, id, value.as_slice()),
                Some(_) => self.record(collection, id)?.ok_or_else(|| stray(&table, id)),
            };
            if step(key.as_slice(), &mut load)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Read")
    }
}

/// Bytes of the snapshot or of a change.
pub(crate) enum Bytes<'a> {
    Stored(Guard),
    Change(&'a [u8]),
}

impl Bytes<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Stored(guard) => guard.value(),
            Self::Change(bytes) => bytes,
        }
    }
}

/// The pairs of a table with the changes merged in, in either direction.
pub(crate) struct Pairs<'a> {
    snapshot: &'a Snapshot,
    stored: Option<Range>,
    changes: btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>,
    reverse: bool,
    next_stored: Option<(Guard, Guard)>,
    next_change: Option<(&'a Vec<u8>, &'a Option<Vec<u8>>)>,
}

impl<'a> Pairs<'a> {
    /// The next pair in the direction of the scan.
    pub(crate) fn next(&mut self) -> Result<Option<(Bytes<'a>, Bytes<'a>)>, Error> {
        loop {
            let order = match (&self.next_stored, &self.next_change) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((stored, _)), Some((change, _))) => {
                    let order = stored.value().cmp(change.as_slice());
                    if self.reverse { order.reverse() } else { order }
                }
            };
            let stored = if order.is_le() { self.take_stored()? } else { None };
            let change = if order.is_ge() { self.take_change() } else { None };
            match (stored, change) {
                (_, Some((key, Some(value)))) => {
                    return Ok(Some((Bytes::Change(key), Bytes::Change(value))));
                }
                (Some((key, value)), None) => {
                    return Ok(Some((Bytes::Stored(key), Bytes::Stored(value))));
                }
                (_, Some((_, None))) | (None, None) => {}
            }
        }
    }

    fn take_stored(&mut self) -> Result<Option<(Guard, Guard)>, Error> {
        let following = self.pull_stored()?;
        Ok(std::mem::replace(&mut self.next_stored, following))
    }

    fn take_change(&mut self) -> Option<(&'a Vec<u8>, &'a Option<Vec<u8>>)> {
        let following = self.pull_change();
        std::mem::replace(&mut self.next_change, following)
    }

    fn pull_stored(&mut self) -> Result<Option<(Guard, Guard)>, Error> {
        let Some(range) = &mut self.stored else { return Ok(None) };
        let pair = if self.reverse { range.next_back() } else { range.next() };
        pair.transpose().map_err(|error| self.snapshot.failed(error.into()))
    }

    fn pull_change(&mut self) -> Option<(&'a Vec<u8>, &'a Option<Vec<u8>>)> {
        if self.reverse { self.changes.next_back() } else { self.changes.next() }
    }
}

/// Whether an index of the collection is unique; fails when the collection does not declare it.
fn is_unique<R>(collection: &Collection<R>, index: &'static str) -> Result<bool, Error> {
    let declared = collection.indexes().iter().find(|other| other.name() == index);
    declared
        .map(|index| index.is_unique())
        .ok_or(Error::UnknownIndex { collection: collection.name(), index })
}

/// Decodes a row of the collection.
pub(crate) fn decode<R: DeserializeOwned>(
    collection: &str,
    id: Ulid,
    bytes: &[u8],
) -> Result<Stored<R>, Error> {
    let row = Row::parse(bytes).ok_or_else(|| damaged(collection, &id.to_string()))?;
    let value = rmp_serde::from_slice(row.value).map_err(|error| Error::Damaged {
        place: collection.to_owned(),
        detail: format!("record {id} cannot be decoded: {error}"),
    })?;
    Ok(Stored { id, rev: row.rev, value })
}

/// The id in 16 bytes.
pub(crate) fn id_of(bytes: &[u8]) -> Option<Ulid> {
    bytes.try_into().ok().map(Ulid::from_bytes)
}

pub(crate) fn damaged(place: &str, what: &str) -> Error {
    Error::Damaged { place: place.to_owned(), detail: format!("{what} cannot be read") }
}

fn stray(index: &str, id: Ulid) -> Error {
    Error::Damaged {
        place: index.to_owned(),
        detail: format!("an entry names record {id}, which does not exist"),
    }
}
