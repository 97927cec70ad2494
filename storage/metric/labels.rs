//! A label set in one allocation, and how to make one.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::encoded::{EncodedLabels, label_end, next_canonical, push_label};

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

/// One label of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label<'a> {
    /// Name, never empty.
    pub name: &'a str,
    /// Value, never empty within a [`Labels`].
    pub value: &'a str,
}

/// Why bytes or pairs are not a label set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LabelError {
    /// A label without a name.
    #[error("a label has an empty name")]
    EmptyName,
    /// The same name twice.
    #[error("label {name:?} occurs twice")]
    Duplicate {
        /// The name that occurs twice.
        name: String,
    },
    /// A name or value that is not UTF-8.
    #[error("label {part} is not valid utf-8: {text:?}")]
    InvalidUtf8 {
        /// "name" or "value".
        part: &'static str,
        /// The beginning of the text, broken bytes replaced.
        text: String,
    },
    /// More labels than allowed.
    #[error("{count} labels, at most {max} are allowed")]
    TooMany {
        /// Labels seen when the limit was exceeded.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A name longer than allowed.
    #[error("label name {name:?}... has {len_bytes} bytes, at most {max_bytes} are allowed")]
    NameTooLong {
        /// The beginning of the name.
        name: String,
        /// Its length.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A value longer than allowed.
    #[error("value of label {name:?} has {len_bytes} bytes, at most {max_bytes} are allowed")]
    ValueTooLong {
        /// The label's name.
        name: String,
        /// Length of the value.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// The bytes are not a protobuf label list.
    #[error("malformed label encoding at byte {offset}")]
    Malformed {
        /// Offset within the label bytes.
        offset: usize,
    },
}

/// How large a label set may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLimits {
    /// Most labels a series may have, the metric name included.
    pub labels_max: usize,
    /// Longest name in bytes.
    pub name_bytes_max: usize,
    /// Longest value in bytes.
    pub value_bytes_max: usize,
}

impl Default for LabelLimits {
    fn default() -> Self {
        Self { labels_max: 64, name_bytes_max: 512, value_bytes_max: 4096 }
    }
}

impl LabelLimits {
    /// None: for what was stored already, which later limits do not concern.
    pub const UNLIMITED: Self =
        Self { labels_max: usize::MAX, name_bytes_max: usize::MAX, value_bytes_max: usize::MAX };

    /// Checks one label's lengths.
    ///
    /// # Errors
    /// A name or value that is too long.
    pub fn check(&self, label: Label<'_>) -> Result<(), LabelError> {
        if label.name.len() > self.name_bytes_max {
            return Err(LabelError::NameTooLong {
                name: label.name.chars().take(64).collect(),
                len_bytes: label.name.len(),
                max_bytes: self.name_bytes_max,
            });
        }
        if label.value.len() > self.value_bytes_max {
            return Err(LabelError::ValueTooLong {
                name: label.name.to_owned(),
                len_bytes: label.value.len(),
                max_bytes: self.value_bytes_max,
            });
        }
        Ok(())
    }

    /// Checks a number of labels.
    ///
    /// # Errors
    /// More labels than allowed.
    pub fn check_count(&self, count: usize) -> Result<(), LabelError> {
        if count > self.labels_max {
            return Err(LabelError::TooMany { count, max: self.labels_max });
        }
        Ok(())
    }
}

/// A label set: sorted by name, unique, without empty values; cheap to clone.
///
/// Ordered as Prometheus orders label sets: label by label, name before value, shorter first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[u8]>);

impl Labels {
    /// The set without labels.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// Builds a set from pairs in any order; pairs with an empty value are dropped.
    ///
    /// # Errors
    /// An empty or a duplicate name.
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, LabelError> {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            if name.is_empty() {
                return Err(LabelError::EmptyName);
            }
            if builder.contains(name) {
                return Err(LabelError::Duplicate { name: name.to_owned() });
            }
            builder.insert_even_if_empty(name, value);
        }
        builder.build()
    }

    /// Takes bytes that are known to be canonical.
    pub(crate) fn from_canonical(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    /// The encoding of the set, which is also its storage.
    #[must_use]
    pub fn encoded(&self) -> EncodedLabels<'_> {
        EncodedLabels(&self.0)
    }

    /// The labels in order of their names.
    #[must_use]
    pub fn iter(&self) -> LabelIter<'_> {
        LabelIter { rest: &self.0 }
    }

    /// The value of a label, if the set has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut rest: &[u8] = &self.0;
        while let Some((at, value, after)) = next_canonical(rest) {
            match at.cmp(name.as_bytes()) {
                Ordering::Equal => return std::str::from_utf8(value).ok(),
                Ordering::Greater => return None,
                Ordering::Less => rest = after,
            }
        }
        None
    }

    /// The metric's name.
    #[must_use]
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// The number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether the set has no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The set of those labels that `keep` accepts.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(Label<'_>) -> bool) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut labels = self.iter();
        let mut from = self.0.len();
        while let Some(label) = labels.next() {
            if keep(label) {
                bytes.extend_from_slice(&self.0[self.0.len() - from..][..from - labels.rest.len()]);
            }
            from = labels.rest.len();
        }
        if bytes.len() == self.0.len() { self.clone() } else { Self(Arc::from(bytes)) }
    }

    /// Replaces `out` with the encoding of the labels whose name, as bytes, `keep` accepts.
    pub fn filter_names(&self, mut keep: impl FnMut(&[u8]) -> bool, out: &mut Vec<u8>) {
        out.clear();
        let mut rest: &[u8] = &self.0;
        while let Some((name, _, after)) = next_canonical(rest) {
            if keep(name) {
                out.extend_from_slice(&rest[..rest.len() - after.len()]);
            }
            rest = after;
        }
    }

    /// The set whose encoding [`Labels::filter_names`] wrote.
    #[must_use]
    pub fn from_filtered(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    /// The set without the metric's name.
    #[must_use]
    pub fn without_name(&self) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len());
        self.filter_names(|name| name != METRIC_NAME.as_bytes(), &mut bytes);
        if bytes.len() == self.0.len() { self.clone() } else { Self(Arc::from(bytes)) }
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A set equals and hashes as its encoding, so that maps of sets can be asked with one.
impl Borrow<[u8]> for Labels {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        let same = same_labels(&self.0, &other.0);
        let (mut left, mut right) = (&self.0[same..], &other.0[same..]);
        loop {
            match (next_canonical(left), next_canonical(right)) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some((name, value, rest)), Some((other_name, other_value, other_rest))) => {
                    let order = name.cmp(other_name).then_with(|| value.cmp(other_value));
                    if order != Ordering::Equal {
                        return order;
                    }
                    (left, right) = (rest, other_rest);
                }
            }
        }
    }
}

/// How many bytes the labels take that both encodings begin with.
fn same_labels(left: &[u8], right: &[u8]) -> usize {
    let words = left.chunks_exact(16).zip(right.chunks_exact(16));
    let whole = words.take_while(|(left, right)| left == right).count() * 16;
    let rest = left[whole..].iter().zip(&right[whole..]);
    let common = whole + rest.take_while(|(left, right)| left == right).count();
    let mut end = 0;
    while let Some(next) = label_end(left, end).filter(|next| *next <= common) {
        end = next;
    }
    end
}

impl<'a> IntoIterator for &'a Labels {
    type Item = Label<'a>;
    type IntoIter = LabelIter<'a>;
    fn into_iter(self) -> LabelIter<'a> {
        self.iter()
    }
}

/// Iterates over the labels of a set in order of their names.
#[derive(Debug, Clone)]
pub struct LabelIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for LabelIter<'a> {
    type Item = Label<'a>;
    fn next(&mut self) -> Option<Label<'a>> {
        let (name, value, rest) = next_canonical(self.rest)?;
        self.rest = rest;
        Some(Label {
            name: std::str::from_utf8(name).ok()?,
            value: std::str::from_utf8(value).ok()?,
        })
    }
}

/// As PromQL writes a series: `name{label="value", ...}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name().filter(|name| is_plain_name(name, true));
        f.write_str(name.unwrap_or(""))?;
        let shown = self.iter().filter(|label| name.is_none() || label.name != METRIC_NAME);
        let mut first = true;
        for label in shown {
            f.write_str(if first { "{" } else { ", " })?;
            first = false;
            if is_plain_name(label.name, false) {
                write!(f, "{}={:?}", label.name, label.value)?;
            } else {
                write!(f, "{:?}={:?}", label.name, label.value)?;
            }
        }
        match (first, name) {
            (true, Some(_)) => Ok(()),
            (true, None) => f.write_str("{}"),
            (false, _) => f.write_str("}"),
        }
    }
}

fn is_plain_name(name: &str, colon: bool) -> bool {
    let plain = |c: char| c == '_' || c.is_ascii_alphanumeric() || (colon && c == ':');
    name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As a map from name to value, the form of the HTTP API.
impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for label in self {
            map.serialize_entry(label.name, label.value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = std::collections::BTreeMap::<String, String>::deserialize(deserializer)?;
        Self::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .map_err(serde::de::Error::custom)
    }
}

/// Builds or edits a label set; names are unique by construction, the last value set wins.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// A builder without labels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder that starts with the labels of a set.
    #[must_use]
    pub fn from_labels(labels: &Labels) -> Self {
        let pairs = labels.iter().map(|l| (l.name.to_owned(), l.value.to_owned())).collect();
        Self { pairs }
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        if value.is_empty() {
            return self.remove(name);
        }
        self.insert_even_if_empty(name, value);
        self
    }

    /// Removes a label, if it is there.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.retain(|(at, _)| at != name);
        self
    }

    /// Keeps only the labels whose name `keep` accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.pairs.retain(|(name, value)| keep(name, value));
        self
    }

    /// The value of a label, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(at, _)| at == name).map(|(_, value)| value.as_str())
    }

    /// The labels set so far, in no certain order.
    pub fn iter(&self) -> impl Iterator<Item = Label<'_>> {
        self.pairs.iter().map(|(name, value)| Label { name, value })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.pairs.iter().any(|(at, _)| at == name)
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Remembers an empty value too, so that a duplicate of it is noticed.
    pub(crate) fn insert_even_if_empty(&mut self, name: &str, value: &str) {
        match self.pairs.iter_mut().find(|(at, _)| at == name) {
            Some(pair) => value.clone_into(&mut pair.1),
            None => self.pairs.push((name.to_owned(), value.to_owned())),
        }
    }

    /// The finished set; labels with an empty value are dropped.
    ///
    /// # Errors
    /// An empty name.
    pub fn build(mut self) -> Result<Labels, LabelError> {
        self.pairs.sort_unstable();
        let mut buffer = Vec::new();
        for (name, value) in &self.pairs {
            if name.is_empty() {
                return Err(LabelError::EmptyName);
            }
            if !value.is_empty() {
                push_label(&mut buffer, name, value);
            }
        }
        Ok(Labels(Arc::from(buffer)))
    }
}
