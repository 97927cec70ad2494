//! The notation of native histograms: `{{schema:1 count:3 sum:4.5 buckets:[1 2]}}`.

use metric::{Buckets, CUSTOM_BUCKETS, Histogram, ResetHint};

use super::notation::number;

/// A histogram as a script has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct HistogramText {
    pub(crate) histogram: Histogram,
    /// Whether the reset hint was written, so that it matters.
    pub(crate) hinted: bool,
}

impl HistogramText {
    /// Reads a histogram at the start of a text; returns it with what follows.
    pub(crate) fn parse_prefix(text: &str) -> Result<(Self, &str), String> {
        let bad = || format!("bad histogram {text:?}");
        let (inner, rest) =
            text.strip_prefix("{{").and_then(|t| t.split_once("}}")).ok_or_else(bad)?;
        Ok((Self::parse(inner)?, rest))
    }

    fn parse(inner: &str) -> Result<Self, String> {
        let mut histogram = Histogram::default();
        let mut hinted = false;
        let (mut positive, mut negative) = ((0, Vec::new()), (0, Vec::new()));
        let mut rest = inner.trim();
        while let Some((key, behind)) = rest.split_once(':') {
            let end = if behind.starts_with('[') {
                behind.find(']').ok_or("unclosed list in a histogram")? + 1
            } else {
                behind.find(char::is_whitespace).unwrap_or(behind.len())
            };
            let (value, after) = behind.split_at(end);
            match key.trim() {
                "schema" => histogram.schema = integer(value)?,
                "sum" => histogram.sum = number(value)?,
                "count" => histogram.count = number(value)?,
                "z_bucket" => histogram.zero_count = number(value)?,
                "z_bucket_w" => histogram.zero_threshold = number(value)?,
                "custom_values" => histogram.custom_values = list(value)?.into(),
                "buckets" => positive.1 = list(value)?,
                "offset" => positive.0 = integer(value)?,
                "n_buckets" => negative.1 = list(value)?,
                "n_offset" => negative.0 = integer(value)?,
                "counter_reset_hint" => {
                    hinted = true;
                    histogram.reset_hint = hint(value)?;
                }
                other => return Err(format!("unknown histogram part {other:?}")),
            }
            rest = after.trim_start();
        }
        if !rest.is_empty() {
            return Err(format!("bad histogram part {rest:?}"));
        }
        let buckets = |(first, counts)| Buckets::dense(first, counts).map_err(|e| e.to_string());
        histogram.positive = buckets(positive)?;
        histogram.negative = buckets(negative)?;
        Ok(Self { histogram, hinted })
    }

    /// Whether this is what a script expects, up to a relative tolerance.
    pub(crate) fn fits(&self, found: &Histogram, equal: impl Fn(f64, f64) -> bool) -> bool {
        let (mut wanted, mut found) = (self.histogram.clone(), found.clone());
        wanted.compact();
        found.compact();
        let side = |a: &Buckets, b: &Buckets| {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|((i, a), (j, b))| i == j && equal(a, b))
        };
        let numbers = |it: &Histogram| [it.count, it.sum, it.zero_count];
        wanted.schema == found.schema
            && numbers(&wanted).iter().zip(numbers(&found)).all(|(a, b)| equal(*a, b))
            && wanted.zero_threshold == found.zero_threshold
            && (wanted.schema != CUSTOM_BUCKETS || wanted.custom_values == found.custom_values)
            && side(&wanted.positive, &found.positive)
            && side(&wanted.negative, &found.negative)
            && (!self.hinted || wanted.reset_hint == found.reset_hint)
    }
}

fn integer<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("bad integer {text:?}"))
}

fn list(text: &str) -> Result<Vec<f64>, String> {
    text.trim_matches(['[', ']']).split_whitespace().map(number).collect()
}

fn hint(text: &str) -> Result<ResetHint, String> {
    match text {
        "unknown" => Ok(ResetHint::Unknown),
        "reset" => Ok(ResetHint::Reset),
        "not_reset" => Ok(ResetHint::NotReset),
        "gauge" => Ok(ResetHint::Gauge),
        other => Err(format!("bad reset hint {other:?}")),
    }
}
