//! Constants that name a collection of typed records and its indexes.

use std::fmt;

use crate::key::Keys;

/// A named set of records of one type, keyed by id; declared as a constant.
///
/// The name carries the owner's prefix (`identity/user`). The schema version is raised, with a
/// migration step, when stored records change their meaning; a new optional field does not.
pub struct Collection<R: 'static> {
    name: &'static str,
    schema: u32,
    indexes: &'static [&'static Index<R>],
}

impl<R> Collection<R> {
    /// Declares a collection.
    ///
    /// Names consist of lower-case letters, digits, `_`, `-`, and hold one `/` or more; the prefix
    /// `records/` belongs to the engine. A bad name does not compile in a constant.
    #[must_use]
    pub const fn new(
        name: &'static str,
        schema: u32,
        indexes: &'static [&'static Index<R>],
    ) -> Self {
        assert!(is_collection_name(name), "not a collection name");
        Self { name, schema, indexes }
    }

    /// The name in the store.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The schema version of the records as this program knows them.
    #[must_use]
    pub const fn schema(&self) -> u32 {
        self.schema
    }

    /// The declared indexes.
    pub(crate) const fn indexes(&self) -> &'static [&'static Index<R>] {
        self.indexes
    }

    /// The position of an index in the order in which the store numbers them: by name.
    pub(crate) fn ordinal(&self, index: &Index<R>) -> u64 {
        self.indexes.iter().filter(|other| other.name < index.name).count() as u64
    }
}

impl<R> fmt::Debug for Collection<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection")
            .field("name", &self.name)
            .field("schema", &self.schema)
            .finish()
    }
}

/// An index over a collection: a function from a record to zero, one or several keys.
pub struct Index<R: 'static> {
    name: &'static str,
    unique: bool,
    keys: fn(&R, &mut Keys),
}

impl<R> Index<R> {
    /// An index in which a key belongs to one record at most.
    #[must_use]
    pub const fn unique(name: &'static str, keys: fn(&R, &mut Keys)) -> Self {
        assert!(is_word(name.as_bytes()), "not an index name");
        Self { name, unique: true, keys }
    }

    /// An index in which many records may share a key; they sort by id within it.
    #[must_use]
    pub const fn plain(name: &'static str, keys: fn(&R, &mut Keys)) -> Self {
        assert!(is_word(name.as_bytes()), "not an index name");
        Self { name, unique: false, keys }
    }

    /// The name, unique within the collection.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a key belongs to one record at most.
    #[must_use]
    pub const fn is_unique(&self) -> bool {
        self.unique
    }

    /// The keys of a record, ascending, each once.
    pub(crate) fn keys_of(&self, record: &R) -> Vec<Vec<u8>> {
        let mut keys = Keys::default();
        (self.keys)(record, &mut keys);
        keys.into_sorted()
    }
}

impl<R> fmt::Debug for Index<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("name", &self.name).field("unique", &self.unique).finish()
    }
}

/// Letters, digits, `_` and `-`, at least one.
const fn is_word(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        if !matches!(name[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-') {
            return false;
        }
        at += 1;
    }
    !name.is_empty() && name.len() <= 64
}

/// Words joined by `/`, at least two, not the engine's own.
const fn is_collection_name(name: &str) -> bool {
    let mut rest = name.as_bytes();
    let mut slashes = 0;
    let mut at = 0;
    if let Some((b"records/", _)) = rest.split_first_chunk::<8>() {
        return false;
    }
    while at < rest.len() {
        if rest[at] == b'/' {
            let (word, tail) = rest.split_at(at);
            if !is_word(word) {
                return false;
            }
            let (_, after) = tail.split_at(1);
            rest = after;
            slashes += 1;
            at = 0;
        } else {
            at += 1;
        }
    }
    slashes > 0 && is_word(rest)
}
