//! The bytes of a stored record and of a collection's description; FORMAT.md draws them.

use std::fmt::Write as _;

use crate::collection::Collection;
use crate::error::Error;

/// First byte of every row.
const ROW_FORMAT: u8 = 1;
/// First byte of every collection description.
const SHAPE_FORMAT: u8 = 1;

/// Appends an unsigned number, seven bits a byte, low bits first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads bytes from the front of a slice; every method gives `None` where the slice ends early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A length and that many bytes.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// An index key under which a record stands: the index's ordinal and the key.
pub(crate) type Entry = (u64, Vec<u8>);

/// A decoded row: its revision, the index keys it stands under, and the encoded record.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) rev: u64,
    pub(crate) value: &'a [u8],
    entry_count: u64,
    entries: Reader<'a>,
}

impl<'a> Row<'a> {
    /// Splits stored bytes; `None` when they are not a row.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.u8()? != ROW_FORMAT {
            return None;
        }
        let rev = reader.varint()?;
        let entry_count = reader.varint()?;
        let entries = reader;
        for _ in 0..entry_count {
            reader.varint()?;
            reader.bytes()?;
        }
        Some(Self { rev, value: reader.0, entry_count, entries })
    }

    /// The index keys, in ascending order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut reader = self.entries;
        let mut entries = Vec::new();
        for _ in 0..self.entry_count {
            if let (Some(ordinal), Some(key)) = (reader.varint(), reader.bytes()) {
                entries.push((ordinal, key.to_vec()));
            }
        }
        entries
    }

    /// The bytes to store.
    pub(crate) fn encode(rev: u64, entries: &[Entry], value: &[u8]) -> Vec<u8> {
        let keys_bytes: usize = entries.iter().map(|(_, key)| key.len() + 4).sum();
        let mut bytes = Vec::with_capacity(16 + keys_bytes + value.len());
        bytes.push(ROW_FORMAT);
        put_varint(&mut bytes, rev);
        put_varint(&mut bytes, entries.len() as u64);
        for (ordinal, key) in entries {
            put_varint(&mut bytes, *ordinal);
            put_varint(&mut bytes, key.len() as u64);
            bytes.extend_from_slice(key);
        }
        bytes.extend_from_slice(value);
        bytes
    }
}

/// What the store knows of a collection: schema version and indexes, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) schema: u32,
    pub(crate) indexes: Vec<IndexShape>,
}

/// What the store knows of an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexShape {
    pub(crate) name: String,
    pub(crate) unique: bool,
}

impl Shape {
    /// The shape that the program declares.
    pub(crate) fn of<R>(collection: &Collection<R>) -> Self {
        let mut indexes = Vec::new();
        for index in collection.indexes() {
            indexes.push(IndexShape { name: index.name().to_owned(), unique: index.is_unique() });
        }
        indexes.sort();
        Self { schema: collection.schema(), indexes }
    }

    /// Whether the program's collection has exactly this shape.
    pub(crate) fn check<R>(&self, collection: &Collection<R>) -> Result<(), Error> {
        if self.schema != collection.schema() {
            return Err(Error::Schema {
                collection: collection.name(),
                stored: self.schema,
                expected: collection.schema(),
            });
        }
        let expected = Self::of(collection);
        if self.indexes != expected.indexes {
            return Err(Error::Indexes {
                collection: collection.name(),
                stored: self.index_names(),
                expected: expected.index_names(),
            });
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![SHAPE_FORMAT];
        bytes.extend_from_slice(&self.schema.to_le_bytes());
        put_varint(&mut bytes, self.indexes.len() as u64);
        for index in &self.indexes {
            bytes.push(u8::from(index.unique));
            put_varint(&mut bytes, index.name.len() as u64);
            bytes.extend_from_slice(index.name.as_bytes());
        }
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.u8()? != SHAPE_FORMAT {
            return None;
        }
        let schema = reader.u32()?;
        let mut indexes = Vec::new();
        for _ in 0..reader.varint()? {
            let unique = reader.u8()? == 1;
            let name = std::str::from_utf8(reader.bytes()?).ok()?.to_owned();
            indexes.push(IndexShape { name, unique });
        }
        Some(Self { schema, indexes })
    }

    fn index_names(&self) -> String {
        let mut names = String::new();
        for index in &self.indexes {
            let separator = if names.is_empty() { "" } else { ", " };
            let kind = if index.unique { "unique" } else { "plain" };
            let written = write!(names, "{separator}{kind} {}", index.name);
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        }
        names
    }
}
