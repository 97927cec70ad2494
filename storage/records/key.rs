//! Order-preserving composite keys of indexes.

use ulid::Ulid;

/// Ends a string or byte component; sorts below every continuation of the component.
const END: [u8; 2] = [0x00, 0x01];
/// Stands for a zero byte inside a string or byte component.
const ZERO: [u8; 2] = [0x00, 0xff];

/// A composite index key: components sort one after the other, each by its own order.
///
/// Every component ends itself, so a key of the first components is a prefix of exactly those
/// keys that agree in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key without components: the prefix of every key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a text, ordered by its UTF-8 bytes.
    #[must_use]
    pub fn str(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Appends the beginning of a text, for use as the last component of a scan's prefix.
    #[must_use]
    pub fn str_start(mut self, text: &str) -> Self {
        self.escape(text.as_bytes());
        self
    }

    /// Appends bytes, in lexicographic order.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.escape(bytes);
        self.0.extend_from_slice(&END);
        self
    }

    /// Appends an unsigned number.
    #[must_use]
    pub fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Appends a signed number; negative numbers sort first.
    #[must_use]
    pub fn i64(self, number: i64) -> Self {
        self.u64(number.cast_unsigned() ^ (1 << 63))
    }

    /// Appends an id, ordered by time of creation.
    #[must_use]
    pub fn ulid(mut self, id: Ulid) -> Self {
        self.0.extend_from_slice(&id.to_bytes());
        self
    }

    /// Appends a truth value; false sorts first.
    #[must_use]
    pub fn bool(mut self, truth: bool) -> Self {
        self.0.push(u8::from(truth));
        self
    }

    /// The encoded key.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The encoded key, taken out.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn escape(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == 0 {
                self.0.extend_from_slice(&ZERO);
            } else {
                self.0.push(byte);
            }
        }
    }
}

/// The keys under which one record stands in one index, collected by the index's function.
#[derive(Debug, Default)]
pub struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// Adds a key; adding the same key twice has no further effect.
    pub fn add(&mut self, key: Key) {
        self.0.push(key.0);
    }

    /// The keys in ascending order, each once.
    pub(crate) fn into_sorted(mut self) -> Vec<Vec<u8>> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0
    }
}

/// The smallest byte string above every string that begins with `prefix`, if there is one.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}
