//! Collections without their types: what is stored, for listings, dumps and checks.

use std::ops::ControlFlow;

use ulid::Ulid;

use crate::error::Error;
use crate::read::{Read, damaged, id_of};
use crate::row::{Row, Shape};
use crate::scan::Bounds;
use crate::table::COLLECTIONS;

/// A stored collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// The schema version of its records.
    pub schema: u32,
    /// Its indexes by name.
    pub indexes: Vec<IndexInfo>,
}

/// A stored index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexInfo {
    /// Its name within the collection.
    pub name: String,
    /// Whether a key belongs to one record at most.
    pub unique: bool,
}

/// A record without its type.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// The id within the collection.
    pub id: Ulid,
    /// The revision.
    pub rev: u64,
    /// The record in `MessagePack`, structs as maps.
    pub value: &'a [u8],
}

impl Read {
    /// The stored collections by name.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>, Error> {
        let mut found = Vec::new();
        let mut pairs = self.pairs(COLLECTIONS, &Bounds::ALL, false)?;
        while let Some((key, value)) = pairs.next()? {
            let name = std::str::from_utf8(key.as_slice())
                .map_err(|_| damaged(COLLECTIONS, "a name"))?
                .to_owned();
            let shape =
                Shape::parse(value.as_slice()).ok_or_else(|| damaged(COLLECTIONS, &name))?;
            let mut indexes = Vec::new();
            for index in shape.indexes {
                indexes.push(IndexInfo { name: index.name, unique: index.unique });
            }
            found.push(CollectionInfo { name, schema: shape.schema, indexes });
        }
        Ok(found)
    }

    /// Hands all records of a collection to `visit` by id; none when it is not stored.
    pub fn visit_raw(
        &self,
        collection: &str,
        mut visit: impl FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut pairs = self.pairs(collection, &Bounds::ALL, false)?;
        while let Some((key, value)) = pairs.next()? {
            let id = id_of(key.as_slice()).ok_or_else(|| damaged(collection, "an id"))?;
            let row =
                Row::parse(value.as_slice()).ok_or_else(|| damaged(collection, &id.to_string()))?;
            if visit(RawRecord { id, rev: row.rev, value: row.value }).is_break() {
                break;
            }
        }
        Ok(())
    }
}
