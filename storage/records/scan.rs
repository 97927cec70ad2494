//! What part of a collection to list, in which order, and where to go on.

use std::fmt;
use std::ops::Bound;
use std::str::FromStr;

use ulid::Ulid;

use crate::collection::Index;
use crate::error::Error;
use crate::key::{Key, after_prefix};

/// Records of a page when the scan does not say how many; also the most that it may ask for.
pub const PAGE_ITEMS_MAX: usize = 10_000;
/// A cursor longer than this is refused unread.
const CURSOR_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a cursor that name the list it belongs to.
const MARK_BYTES: usize = 4;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<R> {
    /// The id within its collection.
    pub id: Ulid,
    /// Counts the writes of this record, from 1.
    pub rev: u64,
    /// The record.
    pub value: R,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// The records, in the order of the scan.
    pub items: Vec<Stored<R>>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<Cursor>,
}

/// Selects records by id or by index key.
///
/// `prefix` and `range` apply together; through an index with several keys per record, a record
/// appears once for each of its keys that lies in the scanned part.
#[derive(Clone, Debug)]
pub struct Scan {
    pub(crate) index: Option<&'static str>,
    prefix: Key,
    from: Option<Key>,
    to: Option<Key>,
    pub(crate) reverse: bool,
    after: Option<Cursor>,
    pub(crate) limit: usize,
}

impl Scan {
    /// All records by id; prefix and range are keys of one `ulid` component.
    #[must_use]
    pub fn all() -> Self {
        Self {
            index: None,
            prefix: Key::new(),
            from: None,
            to: None,
            reverse: false,
            after: None,
            limit: PAGE_ITEMS_MAX,
        }
    }

    /// The records that stand in an index, in the order of their keys.
    #[must_use]
    pub fn index<R>(index: &Index<R>) -> Self {
        Self { index: Some(index.name()), ..Self::all() }
    }

    /// Only keys that begin with these components.
    #[must_use]
    pub fn prefix(mut self, prefix: Key) -> Self {
        self.prefix = prefix;
        self
    }

    /// Only keys from `from` (inclusive) up to `to` (exclusive).
    #[must_use]
    pub fn range(self, from: Key, to: Key) -> Self {
        self.at_least(from).below(to)
    }

    /// Only keys that are equal to or greater than this.
    #[must_use]
    pub fn at_least(mut self, from: Key) -> Self {
        self.from = Some(from);
        self
    }

    /// Only keys that are smaller than this.
    #[must_use]
    pub fn below(mut self, to: Key) -> Self {
        self.to = Some(to);
        self
    }

    /// From the greatest key to the smallest.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// Goes on behind the page that gave this cursor; the rest of the scan must be the same.
    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }

    /// At most this many records a page; at least 1, at most [`PAGE_ITEMS_MAX`].
    #[must_use]
    pub fn limit(mut self, records: usize) -> Self {
        self.limit = records.clamp(1, PAGE_ITEMS_MAX);
        self
    }

    /// The table keys to visit.
    pub(crate) fn bounds(&self, collection: &str) -> Result<Bounds, Error> {
        let mut low = Bound::Included(self.prefix.as_slice().to_vec());
        let mut high =
            after_prefix(self.prefix.as_slice()).map_or(Bound::Unbounded, Bound::Excluded);
        if let Some(from) = &self.from {
            low = higher(low, Bound::Included(from.as_slice().to_vec()));
        }
        if let Some(to) = &self.to {
            high = lower(high, Bound::Excluded(to.as_slice().to_vec()));
        }
        if let Some(cursor) = &self.after {
            let seen = cursor.key_for(self.mark(collection)).ok_or(Error::BadCursor)?;
            if self.reverse {
                high = lower(high, Bound::Excluded(seen.to_vec()));
            } else {
                low = higher(low, Bound::Excluded(seen.to_vec()));
            }
        }
        Ok(Bounds { low, high })
    }

    /// The cursor that goes on behind this table key.
    pub(crate) fn cursor(&self, collection: &str, key: &[u8]) -> Cursor {
        let mut bytes = self.mark(collection).to_vec();
        bytes.extend_from_slice(key);
        Cursor(bytes)
    }

    fn mark(&self, collection: &str) -> [u8; MARK_BYTES] {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(collection.as_bytes());
        hasher.update(&[0, u8::from(self.reverse)]);
        hasher.update(self.index.unwrap_or_default().as_bytes());
        hasher.finalize().to_le_bytes()
    }
}

/// An opaque, printable position in a list; it reveals nothing but the last key of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    fn key_for(&self, mark: [u8; MARK_BYTES]) -> Option<&[u8]> {
        self.0.strip_prefix(&mark)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.as_bytes();
        if !digits.len().is_multiple_of(2) || digits.len() > CURSOR_BYTES_MAX * 2 {
            return Err(Error::BadCursor);
        }
        let mut bytes = Vec::with_capacity(digits.len() / 2);
        for pair in digits.chunks_exact(2) {
            bytes.push(nibble(pair[0])? << 4 | nibble(pair[1])?);
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> Result<u8, Error> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(Error::BadCursor),
    }
}

/// A range of table keys.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) low: Bound<Vec<u8>>,
    pub(crate) high: Bound<Vec<u8>>,
}

impl Bounds {
    /// Every key.
    pub(crate) const ALL: Self = Self { low: Bound::Unbounded, high: Bound::Unbounded };

    /// Whether no key can lie inside; ordered maps panic on such ranges.
    pub(crate) fn is_empty(&self) -> bool {
        match (&self.low, &self.high) {
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high))
            | (Bound::Excluded(low), Bound::Included(high)) => low >= high,
            _ => false,
        }
    }

    /// The bounds as borrowed slices.
    pub(crate) fn as_slices(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.low.as_ref().map(Vec::as_slice), self.high.as_ref().map(Vec::as_slice))
    }
}

fn higher(left: Bound<Vec<u8>>, right: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    let take_right = match (&left, &right) {
        (Bound::Unbounded, _) => true,
        (_, Bound::Unbounded) => false,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Excluded(b)) => b >= a,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b)) => b > a,
    };
    if take_right { right } else { left }
}

fn lower(left: Bound<Vec<u8>>, right: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    let take_right = match (&left, &right) {
        (Bound::Unbounded, _) => true,
        (_, Bound::Unbounded) => false,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Excluded(b)) => b <= a,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b)) => b < a,
    };
    if take_right { right } else { left }
}
