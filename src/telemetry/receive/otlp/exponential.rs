//! Points of exponential histograms, which become native histograms as Prometheus makes them.
//!
//! With scale `s` the boundaries are the powers of `2^(2^-s)`, as with schema `s` of a native
//! histogram; but bucket `i` here begins at the boundary at which bucket `i` of a native histogram
//! ends, so that indexes differ by one. The rules are those of Prometheus'
//! `exponentialToNativeHistogram` (`storage/remote/otlptranslator/prometheusremotewrite`).

use metric::{Buckets, Histogram, SCHEMA_MAX, SCHEMA_MIN};

use super::super::histogram::{check_total, unzigzag};
use super::super::protobuf::{Fields, Value};
use super::points::{Exemplars, Stamp, WrongPoint};

/// Buckets of one side.
const BUCKETS_MAX: usize = 65_536;
/// The threshold of the zero bucket when the point states none.
const ZERO_THRESHOLD: f64 = 1e-128;

/// A point of an exponential histogram.
#[derive(Debug, Default)]
pub(super) struct ExponentialPoint<'a> {
    pub stamp: Stamp,
    pub exemplars: Exemplars<'a>,
    count: u64,
    sum: f64,
    scale: i64,
    zero_count: u64,
    zero_threshold: f64,
    positive: Side,
    negative: Side,
}

#[derive(Debug, Default)]
struct Side {
    offset: i64,
    counts: Vec<u64>,
}

impl<'a> ExponentialPoint<'a> {
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, WrongPoint> {
        let mut point = Self::default();
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (3, Value::Fixed64(time_ns)) => point.stamp.time_ns = time_ns,
                (4, Value::Fixed64(count)) => point.count = count,
                (5, Value::Fixed64(bits)) => point.sum = f64::from_bits(bits),
                (6, Value::Varint(raw)) => point.scale = unzigzag(raw),
                (7, Value::Fixed64(count)) => point.zero_count = count,
                (8, Value::Bytes(side)) => point.positive = Side::read(side)?,
                (9, Value::Bytes(side)) => point.negative = Side::read(side)?,
                (10, Value::Varint(flags)) => point.stamp.flags = flags,
                (11, Value::Bytes(exemplar)) => point.exemplars.add(exemplar),
                (14, Value::Fixed64(bits)) => point.zero_threshold = f64::from_bits(bits),
                _ => {}
            }
        }
        Ok(point)
    }

    /// The point as a native histogram of a resolution that is known, or what is wrong with it.
    pub(super) fn histogram(self) -> Result<Histogram, String> {
        if self.scale < i64::from(SCHEMA_MIN) {
            return Err(format!("its scale is {}, the lowest is {SCHEMA_MIN}", self.scale));
        }
        let in_buckets = self.positive.total() + self.negative.total();
        let in_buckets = in_buckets + u128::from(self.zero_count);
        check_total(u128::from(self.count), in_buckets, self.sum)?;
        let no_threshold = self.zero_threshold == 0.0;
        let mut histogram = Histogram {
            // So fine a resolution that a finer one becomes the same.
            schema: i8::try_from(self.scale).unwrap_or(i8::MAX),
            zero_threshold: if no_threshold { ZERO_THRESHOLD } else { self.zero_threshold },
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive: self.positive.buckets()?,
            negative: self.negative.buckets()?,
            ..Histogram::default()
        };
        histogram.compact();
        histogram.reduce(SCHEMA_MAX);
        histogram.validate().map_err(|error| error.to_string())?;
        Ok(histogram)
    }
}

impl Side {
    fn read(mut message: Fields<'_>) -> Result<Self, WrongPoint> {
        let mut side = Self::default();
        while let Some((number, value)) = message.next_field()? {
            match (number, value) {
                (1, Value::Varint(raw)) => side.offset = unzigzag(raw),
                (2, Value::Varint(count)) => side.push(count)?,
                (2, Value::Bytes(mut packed)) => {
                    while let Some(count) = packed.next_packed_varint()? {
                        side.push(count)?;
                    }
                }
                _ => {}
            }
        }
        Ok(side)
    }

    fn push(&mut self, count: u64) -> Result<(), WrongPoint> {
        if self.counts.len() >= BUCKETS_MAX {
            let reason = format!("it has more than {BUCKETS_MAX} buckets");
            return Err(WrongPoint::Refused(reason));
        }
        self.counts.push(count);
        Ok(())
    }

    fn total(&self) -> u128 {
        self.counts.iter().map(|count| u128::from(*count)).sum()
    }

    fn buckets(self) -> Result<Buckets, String> {
        let first = self.offset.checked_add(1).and_then(|first| i32::try_from(first).ok());
        let first = first.ok_or_else(|| format!("the offset {} is out of range", self.offset))?;
        let counts = self.counts.into_iter().map(|count| count as f64).collect();
        Buckets::dense(first, counts).map_err(|error| error.to_string())
    }
}
