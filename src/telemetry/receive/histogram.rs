//! Native histograms in protobuf: as both versions of `remote_write` send them, and as targets
//! expose them.
//!
//! The messages hold the same under other field numbers. Counts are whole numbers, of which the buckets tell differences, or floating-point numbers. What is
//! read is bounded by the largest histogram that is accepted, whatever the message says.

use std::sync::Arc;

use metric::{Buckets, CUSTOM_BUCKETS, Histogram, ResetHint, SCHEMA_MAX, Span, stale_nan};

use super::protobuf::{Broken, Fields, Value};

/// Buckets of a side, spans, or boundaries that are read: one more than is accepted.
const ITEMS_MAX: usize = 65_537;
/// Resolutions above the highest, which the specification reserves: they are lowered.
const SCHEMA_RESERVED_MAX: i64 = 52;

/// The numbers of the fields of a message.
#[derive(Debug)]
pub(crate) struct Layout {
    count: u64,
    count_float: u64,
    sum: u64,
    schema: u64,
    zero_threshold: u64,
    zero_count: u64,
    zero_count_float: u64,
    negative: SideLayout,
    positive: SideLayout,
}

#[derive(Debug)]
struct SideLayout {
    spans: u64,
    deltas: u64,
    counts: u64,
}

/// `prometheus.Histogram` and `io.prometheus.write.v2.Histogram`.
static REMOTE_WRITE: Layout = Layout {
    count: 1,
    count_float: 2,
    sum: 3,
    schema: 4,
    zero_threshold: 5,
    zero_count: 6,
    zero_count_float: 7,
    negative: SideLayout { spans: 8, deltas: 9, counts: 10 },
    positive: SideLayout { spans: 11, deltas: 12, counts: 13 },
};

/// `io.prometheus.client.Histogram`.
pub(crate) static EXPOSITION: Layout = Layout {
    count: 1,
    count_float: 4,
    sum: 2,
    schema: 5,
    zero_threshold: 6,
    zero_count: 7,
    zero_count_float: 8,
    negative: SideLayout { spans: 9, deltas: 10, counts: 11 },
    positive: SideLayout { spans: 12, deltas: 13, counts: 14 },
};

/// A count in one of its two forms.
#[derive(Clone, Copy, Debug)]
enum Count {
    Whole(u64),
    Float(f64),
}

impl Count {
    fn number(self) -> f64 {
        match self {
            Self::Whole(count) => count as f64,
            Self::Float(count) => count,
        }
    }

    fn whole(self) -> u128 {
        match self {
            Self::Whole(count) => u128::from(count),
            Self::Float(_) => 0,
        }
    }
}

/// A histogram while its message is read.
#[derive(Debug)]
pub(crate) struct Parts {
    count: Count,
    zero_count: Count,
    sum: f64,
    schema: i64,
    zero_threshold: f64,
    negative: Side,
    positive: Side,
    custom_values: Vec<f64>,
    reset_hint: ResetHint,
}

#[derive(Debug, Default)]
struct Side {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            count: Count::Whole(0),
            zero_count: Count::Whole(0),
            sum: 0.0,
            schema: 0,
            zero_threshold: 0.0,
            negative: Side::default(),
            positive: Side::default(),
            custom_values: Vec::new(),
            reset_hint: ResetHint::Unknown,
        }
    }
}

/// Reads a histogram of `remote_write`: its time in milliseconds, and itself or what is wrong
/// with it.
///
/// # Errors
/// The message is no protobuf.
pub(crate) fn read(
    mut message: Fields<'_>,
) -> Result<(i64, Result<Arc<Histogram>, String>), Broken> {
    let mut parts = Parts::default();
    let mut timestamp_ms = 0;
    while let Some((number, value)) = message.next_field()? {
        match (number, value) {
            (14, Value::Varint(hint)) => {
                parts.reset_hint = match hint {
                    1 => ResetHint::Reset,
                    2 => ResetHint::NotReset,
                    3 => ResetHint::Gauge,
                    _ => ResetHint::Unknown,
                };
            }
            (15, Value::Varint(raw)) => timestamp_ms = raw.cast_signed(),
            (16, value) => each_double(value, |bound| push(&mut parts.custom_values, bound))?,
            _ => parts.take(&REMOTE_WRITE, number, value)?,
        }
    }
    Ok((timestamp_ms, parts.finish().map(Arc::new)))
}

impl Parts {
    /// Takes a field of the message; others are passed over.
    pub(crate) fn take(
        &mut self,
        layout: &Layout,
        number: u64,
        value: Value<'_>,
    ) -> Result<(), Broken> {
        match value {
            Value::Varint(raw) if number == layout.count => self.count = Count::Whole(raw),
            Value::Varint(raw) if number == layout.zero_count => {
                self.zero_count = Count::Whole(raw);
            }
            Value::Varint(raw) if number == layout.schema => self.schema = unzigzag(raw),
            Value::Fixed64(bits) if number == layout.count_float => {
                self.count = Count::Float(f64::from_bits(bits));
            }
            Value::Fixed64(bits) if number == layout.zero_count_float => {
                self.zero_count = Count::Float(f64::from_bits(bits));
            }
            Value::Fixed64(bits) if number == layout.sum => self.sum = f64::from_bits(bits),
            Value::Fixed64(bits) if number == layout.zero_threshold => {
                self.zero_threshold = f64::from_bits(bits);
            }
            _ => {
                self.negative.take(&layout.negative, number, value)?;
                self.positive.take(&layout.positive, number, value)?;
            }
        }
        Ok(())
    }

    /// Says that the histogram goes up and down at will.
    pub(crate) fn set_gauge(&mut self) {
        self.reset_hint = ResetHint::Gauge;
    }

    /// Whether the message told of a native histogram, not just of a classic one.
    pub(crate) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count.number() > 0.0
    }

    /// All observations.
    pub(crate) fn count(&self) -> f64 {
        self.count.number()
    }

    /// Sum of all observations.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    /// The histogram, or what is wrong with it.
    pub(crate) fn finish(self) -> Result<Histogram, String> {
        if metric::is_stale(self.sum) {
            return Ok(Histogram { sum: stale_nan(), ..Histogram::default() });
        }
        let schema = i8::try_from(self.schema).ok().filter(|schema| {
            *schema == CUSTOM_BUCKETS || i64::from(*schema) <= SCHEMA_RESERVED_MAX
        });
        let schema = schema.ok_or_else(|| format!("schema {} is not supported", self.schema))?;
        let is_float = matches!(self.count, Count::Float(_))
            || matches!(self.zero_count, Count::Float(count) if count > 0.0);
        let (count, zero_count) = (self.count, self.zero_count);
        let (negative, in_negative) = self.negative.finish(is_float)?;
        let (positive, in_positive) = self.positive.finish(is_float)?;
        if !is_float {
            let in_buckets = in_negative + in_positive + zero_count.whole();
            check_total(count.whole(), in_buckets, self.sum)?;
        }
        let mut histogram = Histogram {
            reset_hint: self.reset_hint,
            schema,
            zero_threshold: self.zero_threshold,
            zero_count: zero_count.number(),
            count: count.number(),
            sum: self.sum,
            positive,
            negative,
            custom_values: Arc::from(self.custom_values),
        };
        histogram.reduce(SCHEMA_MAX);
        histogram.validate().map_err(|error| error.to_string())?;
        Ok(histogram)
    }
}

/// Whether as many observations were counted as are in the buckets: those that were no number are
/// in none, and make the sum none.
pub(crate) fn check_total(count: u128, in_buckets: u128, sum: f64) -> Result<(), String> {
    if in_buckets == count || sum.is_nan() && in_buckets < count {
        return Ok(());
    }
    Err(format!("its count is {count}, but its buckets hold {in_buckets} observations"))
}

impl Side {
    fn take(&mut self, layout: &SideLayout, number: u64, value: Value<'_>) -> Result<(), Broken> {
        match value {
            Value::Bytes(span) if number == layout.spans => push(&mut self.spans, read_span(span)?),
            Value::Varint(raw) if number == layout.deltas => push(&mut self.deltas, unzigzag(raw)),
            Value::Bytes(mut packed) if number == layout.deltas => {
                while let Some(raw) = packed.next_packed_varint()? {
                    push(&mut self.deltas, unzigzag(raw));
                }
            }
            _ if number == layout.counts => {
                each_double(value, |count| push(&mut self.counts, count))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The buckets, and of whole numbers how many observations they hold.
    fn finish(self, is_float: bool) -> Result<(Buckets, u128), String> {
        let mut total = 0;
        let mut counts = self.counts;
        if !is_float {
            let mut count = 0_i64;
            counts = Vec::with_capacity(self.deltas.len());
            for delta in self.deltas {
                let next = count.checked_add(delta).and_then(|next| u64::try_from(next).ok());
                let next = next.ok_or("a bucket has a negative count or one out of range")?;
                count = next.cast_signed();
                total += u128::from(next);
                counts.push(next as f64);
            }
        }
        let buckets = Buckets::new(self.spans, counts).map_err(|error| error.to_string())?;
        Ok((buckets, total))
    }
}

fn read_span(mut message: Fields<'_>) -> Result<Span, Broken> {
    let mut span = Span { offset: 0, length: 0 };
    while let Some((number, value)) = message.next_field()? {
        match (number, value) {
            // What does not fit fits no histogram either.
            (1, Value::Varint(raw)) => {
                span.offset = i32::try_from(unzigzag(raw)).unwrap_or(i32::MIN);
            }
            (2, Value::Varint(raw)) => span.length = u32::try_from(raw).unwrap_or(u32::MAX),
            _ => {}
        }
    }
    Ok(span)
}

fn each_double(value: Value<'_>, mut each: impl FnMut(f64)) -> Result<(), Broken> {
    match value {
        Value::Fixed64(bits) => each(f64::from_bits(bits)),
        Value::Bytes(mut packed) => {
            while let Some(bits) = packed.next_packed_fixed64()? {
                each(f64::from_bits(bits));
            }
        }
        Value::Varint(_) | Value::Fixed32(_) => {}
    }
    Ok(())
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < ITEMS_MAX {
        list.push(item);
    }
}

/// A signed number whose last bit is its sign.
pub(crate) fn unzigzag(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}
