//! The counts of one side of a histogram, and which buckets they belong to.

use super::{BUCKETS_MAX, HistogramError, same_bits};

/// A run of neighbouring buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Of the first span the index of its first bucket, of others the number of buckets that are
    /// left out since the span before.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// Counts of buckets, in ascending order of their indexes.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    spans: Vec<Span>,
    counts: Vec<f64>,
}

impl Buckets {
    /// Puts spans and counts together.
    ///
    /// # Errors
    /// Spans that do not describe as many buckets as there are counts, that go backwards or
    /// beyond the largest index, more than 65,536 buckets.
    pub fn new(spans: Vec<Span>, counts: Vec<f64>) -> Result<Self, HistogramError> {
        if counts.len() > BUCKETS_MAX || spans.len() > BUCKETS_MAX {
            return Err(HistogramError::TooManyBuckets);
        }
        let needed = spans.iter().map(|span| u64::from(span.length)).sum();
        if needed != counts.len() as u64 {
            return Err(HistogramError::BucketCount { needed, found: counts.len() });
        }
        let mut next = 0_i64;
        for (at, span) in spans.iter().enumerate() {
            next += i64::from(span.offset) + i64::from(span.length);
            let in_range = -i64::from(i32::MAX) < next && next < i64::from(i32::MAX);
            if at > 0 && span.offset < 0 || !in_range {
                return Err(HistogramError::SpanOffset(at));
            }
        }
        Ok(Self { spans, counts })
    }

    /// Buckets with these counts, one behind the other, the first of them at `first_index`.
    ///
    /// # Errors
    /// An index that is out of range, more than 65,536 buckets.
    pub fn dense(first_index: i32, counts: Vec<f64>) -> Result<Self, HistogramError> {
        if counts.is_empty() {
            return Ok(Self::default());
        }
        let length = u32::try_from(counts.len()).unwrap_or(u32::MAX);
        Self::new(vec![Span { offset: first_index, length }], counts)
    }

    /// Buckets whose counts are told by the difference to the one before, as integer histograms
    /// have them on the wire.
    ///
    /// # Errors
    /// As [`Buckets::new`].
    pub fn from_deltas(
        spans: Vec<Span>,
        deltas: impl IntoIterator<Item = i64>,
    ) -> Result<Self, HistogramError> {
        let mut count = 0_i64;
        let counts = deltas.into_iter().map(|delta| {
            count = count.wrapping_add(delta);
            count as f64
        });
        Self::new(spans, counts.take(BUCKETS_MAX + 1).collect())
    }

    /// Buckets from indexes, strictly ascending, and counts.
    pub(super) fn from_cells(cells: impl Iterator<Item = (i32, f64)>) -> Self {
        let mut buckets = Self::default();
        let mut next = 0_i32;
        for (index, count) in cells {
            match buckets.spans.last_mut() {
                Some(span) if index == next => span.length += 1,
                _ => {
                    let offset = index.saturating_sub(next);
                    buckets.spans.push(Span { offset, length: 1 });
                }
            }
            buckets.counts.push(count);
            next = index.saturating_add(1);
        }
        buckets
    }

    /// The runs of buckets.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The counts, absolute, one for each bucket of the spans.
    #[must_use]
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// The counts, to be changed in place.
    pub fn counts_mut(&mut self) -> &mut [f64] {
        &mut self.counts
    }

    /// The number of buckets, empty ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no bucket, not even an empty one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Index and count of each bucket, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (i32, f64)> {
        let mut next = 0_i32;
        let indexes = self.spans.iter().flat_map(move |span| {
            let start = next.saturating_add(span.offset);
            next = start.saturating_add_unsigned(span.length);
            start..next
        });
        indexes.zip(self.counts.iter().copied())
    }

    /// The highest index.
    pub(super) fn last_index(&self) -> Option<i32> {
        self.iter().last().map(|(index, _)| index)
    }

    /// Removes empty buckets, and spans that nothing separates.
    pub(super) fn compact(&mut self) {
        let tight = self.spans.iter().skip(1).all(|span| span.offset > 0)
            && self.spans.iter().all(|span| span.length > 0);
        if !tight || self.counts.contains(&0.0) {
            *self = Self::from_cells(self.iter().filter(|(_, count)| *count != 0.0));
        }
    }

    /// Whether both have the same buckets with the same counts; spans may be cut differently.
    pub(super) fn same(&self, other: &Self) -> bool {
        same_bits(&self.counts, &other.counts)
            && (self.spans == other.spans
                || self.iter().zip(other.iter()).all(|((a, _), (b, _))| a == b))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.spans) + size_of_val(&*self.counts)
    }
}
