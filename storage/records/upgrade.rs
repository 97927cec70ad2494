//! Rewriting a whole collection inside a transaction: what migration steps are made of.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ulid::Ulid;

use crate::collection::Collection;
use crate::error::Error;
use crate::read::{damaged, decode, id_of};
use crate::scan::{Bounds, Stored};
use crate::table::{COLLECTIONS, TableName, index_table};
use crate::write::Write;

impl Write {
    /// Rewrites every record of `from` as a record of `to`, keeping ids and revisions, and gives
    /// their number. The indexes of `to` are built anew; it may have the name of `from` or
    /// another one. Nothing happens when `from` is not stored.
    ///
    /// Only the schema version of `from` has to be right, not its indexes.
    pub fn upgrade<A: DeserializeOwned, B: Serialize>(
        &mut self,
        from: &Collection<A>,
        to: &Collection<B>,
        mut convert: impl FnMut(Stored<A>) -> Result<B, Error>,
    ) -> Result<u64, Error> {
        let Some(shape) = self.read.shape(from.name())? else { return Ok(0) };
        if shape.schema != from.schema() {
            return Err(Error::Schema {
                collection: from.name(),
                stored: shape.schema,
                expected: from.schema(),
            });
        }
        for index in &shape.indexes {
            self.clear_table(&index_table(from.name(), &index.name))?;
        }
        let ids = self.ids(from.name())?;
        let moves = from.name() != to.name();
        if moves {
            self.set_raw(COLLECTIONS, from.name().as_bytes(), None);
        }
        self.set_shape(to);
        for &id in &ids {
            let decoded = self
                .read
                .value(from.name(), &id.to_bytes(), |bytes| decode::<A>(from.name(), id, bytes))?;
            let Some(old) = decoded else { continue };
            if moves {
                self.read.overlay.set(&Cow::Borrowed(from.name()), &id.to_bytes(), None);
            }
            let rev = old.rev;
            let new = convert(old)?;
            self.store(to, id, rev, &[], &new)?;
        }
        Ok(ids.len() as u64)
    }

    /// Builds the indexes of a collection anew, after one was added, removed or changed.
    pub fn reindex<R: Serialize + DeserializeOwned>(
        &mut self,
        collection: &Collection<R>,
    ) -> Result<u64, Error> {
        self.upgrade(collection, collection, |stored| Ok(stored.value))
    }

    /// Removes a collection with all its records.
    pub fn drop_collection<R>(&mut self, collection: &Collection<R>) -> Result<(), Error> {
        let Some(shape) = self.read.shape(collection.name())? else { return Ok(()) };
        for index in &shape.indexes {
            self.clear_table(&index_table(collection.name(), &index.name))?;
        }
        self.clear_table(&Cow::Borrowed(collection.name()))?;
        self.set_raw(COLLECTIONS, collection.name().as_bytes(), None);
        self.read.checked.borrow_mut().clear();
        Ok(())
    }

    fn clear_table(&mut self, table: &TableName) -> Result<(), Error> {
        let mut keys = Vec::new();
        let mut pairs = self.read.pairs(table, &Bounds::ALL, false)?;
        while let Some((key, _)) = pairs.next()? {
            keys.push(key.as_slice().to_vec());
        }
        for key in keys {
            self.read.overlay.set(table, &key, None);
        }
        Ok(())
    }

    fn ids(&self, table: &str) -> Result<Vec<Ulid>, Error> {
        let mut ids = Vec::new();
        let mut pairs = self.read.pairs(table, &Bounds::ALL, false)?;
        while let Some((key, _)) = pairs.next()? {
            ids.push(id_of(key.as_slice()).ok_or_else(|| damaged(table, "an id"))?);
        }
        Ok(ids)
    }
}
