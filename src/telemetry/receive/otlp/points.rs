//! The data points of OTLP, read where they lie.

use super::super::protobuf::{Broken, Fields, Value};

/// Buckets of one data point.
const BUCKETS_MAX: usize = 2_000;
/// Exemplars of one data point.
const EXEMPLARS_MAX: usize = 1_000;
/// Quantiles of one data point.
const QUANTILES_MAX: usize = 200;
/// The flag of a point that says only that there is no value any more.
const NO_RECORDED_VALUE: u64 = 1;

/// What all points say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp {
    pub time_ns: u64,
    pub flags: u64,
}

impl Stamp {
    pub(super) fn time_ms(self) -> i64 {
        i64::try_from(self.time_ns / 1_000_000).unwrap_or(i64::MAX)
    }

    /// The series ended.
    pub(super) fn is_end(self) -> bool {
        self.flags & NO_RECORDED_VALUE != 0
    }
}

/// The exemplars of a point, not read yet.
#[derive(Debug, Default)]
pub(super) struct Exemplars<'a> {
    pub messages: Vec<Fields<'a>>,
    /// Those beyond the limit.
    pub dropped: u64,
}

impl<'a> Exemplars<'a> {
    pub(super) fn add(&mut self, message: Fields<'a>) {
        if self.messages.len() < EXEMPLARS_MAX {
            self.messages.push(message);
        } else {
            self.dropped += 1;
        }
    }
}

/// Why a point cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum WrongPoint {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("{0}")]
    Refused(String),
}

/// A point of a gauge or sum.
#[derive(Debug, Default)]
pub(super) struct NumberPoint<'a> {
    pub stamp: Stamp,
    pub value: Option<f64>,
    pub exemplars: Exemplars<'a>,
}

impl<'a> NumberPoint<'a> {
    #[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, Broken> {
        let mut point = Self::default();
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (3, Value::Fixed64(time_ns)) => point.stamp.time_ns = time_ns,
                (4, Value::Fixed64(bits)) => point.value = Some(f64::from_bits(bits)),
                (6, Value::Fixed64(bits)) => point.value = Some(bits.cast_signed() as f64),
                (5, Value::Bytes(exemplar)) => point.exemplars.add(exemplar),
                (8, Value::Varint(flags)) => point.stamp.flags = flags,
                _ => {}
            }
        }
        Ok(point)
    }
}

/// A point of a histogram.
#[derive(Debug, Default)]
pub(super) struct HistogramPoint<'a> {
    pub stamp: Stamp,
    pub exemplars: Exemplars<'a>,
    pub count: f64,
    pub sum: Option<f64>,
    /// What each bucket holds by itself.
    pub buckets: Vec<f64>,
    pub bounds: Vec<f64>,
}

impl<'a> HistogramPoint<'a> {
    #[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, WrongPoint> {
        let mut point = Self::default();
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (3, Value::Fixed64(time_ns)) => point.stamp.time_ns = time_ns,
                (4, Value::Fixed64(count)) => point.count = count as f64,
                (5, Value::Fixed64(bits)) => point.sum = Some(f64::from_bits(bits)),
                (6, Value::Fixed64(count)) => push_bucket(&mut point.buckets, count as f64)?,
                (6, Value::Bytes(mut packed)) => {
                    while let Some(count) = packed.next_packed_fixed64()? {
                        push_bucket(&mut point.buckets, count as f64)?;
                    }
                }
                (7, Value::Fixed64(bits)) => push_bucket(&mut point.bounds, f64::from_bits(bits))?,
                (7, Value::Bytes(mut packed)) => {
                    while let Some(bits) = packed.next_packed_fixed64()? {
                        push_bucket(&mut point.bounds, f64::from_bits(bits))?;
                    }
                }
                (8, Value::Bytes(exemplar)) => point.exemplars.add(exemplar),
                (10, Value::Varint(flags)) => point.stamp.flags = flags,
                _ => {}
            }
        }
        point.check()?;
        Ok(point)
    }

    fn check(&self) -> Result<(), WrongPoint> {
        let (buckets, bounds) = (self.buckets.len(), self.bounds.len());
        if buckets != 0 && buckets != bounds + 1 {
            let reason = format!("{buckets} buckets do not fit to {bounds} bounds");
            return Err(WrongPoint::Refused(reason));
        }
        if self
            .bounds
            .windows(2)
            .any(|pair| pair[0].partial_cmp(&pair[1]) != Some(std::cmp::Ordering::Less))
        {
            return Err(WrongPoint::Refused("the bounds of its buckets do not ascend".to_owned()));
        }
        if self.bounds.iter().any(|bound| bound.is_nan()) {
            return Err(WrongPoint::Refused("a bound of its buckets is no number".to_owned()));
        }
        Ok(())
    }
}

fn push_bucket(list: &mut Vec<f64>, value: f64) -> Result<(), WrongPoint> {
    if list.len() >= BUCKETS_MAX {
        return Err(WrongPoint::Refused(format!("it has more than {BUCKETS_MAX} buckets")));
    }
    list.push(value);
    Ok(())
}

/// A point of a summary.
#[derive(Debug, Default)]
pub(super) struct SummaryPoint {
    pub stamp: Stamp,
    pub count: f64,
    pub sum: f64,
    /// Quantiles and their values.
    pub quantiles: Vec<(f64, f64)>,
}

impl SummaryPoint {
    #[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
    pub(super) fn read(mut fields: Fields<'_>) -> Result<Self, WrongPoint> {
        let mut point = Self::default();
        while let Some((number, value)) = fields.next_field()? {
            match (number, value) {
                (3, Value::Fixed64(time_ns)) => point.stamp.time_ns = time_ns,
                (4, Value::Fixed64(count)) => point.count = count as f64,
                (5, Value::Fixed64(bits)) => point.sum = f64::from_bits(bits),
                (6, Value::Bytes(pair)) => {
                    if point.quantiles.len() >= QUANTILES_MAX {
                        let reason = format!("it has more than {QUANTILES_MAX} quantiles");
                        return Err(WrongPoint::Refused(reason));
                    }
                    point.quantiles.push(read_quantile(pair)?);
                }
                (8, Value::Varint(flags)) => point.stamp.flags = flags,
                _ => {}
            }
        }
        Ok(point)
    }
}

fn read_quantile(mut pair: Fields<'_>) -> Result<(f64, f64), Broken> {
    let (mut quantile, mut held) = (0.0, 0.0);
    while let Some((number, value)) = pair.next_field()? {
        match (number, value) {
            (1, Value::Fixed64(bits)) => quantile = f64::from_bits(bits),
            (2, Value::Fixed64(bits)) => held = f64::from_bits(bits),
            _ => {}
        }
    }
    Ok((quantile, held))
}
