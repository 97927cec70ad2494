//! Numbers and durations as the language writes them.

use crate::quote::quote;

/// A sample's value as the HTTP API writes it: the fewest digits that read back as the same
/// number, never an exponent, `NaN`, `+Inf` and `-Inf`.
#[must_use]
pub fn format_value(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{value}")
}

/// A number with an exponent when it is very large or very small, as messages write it.
pub(crate) fn short_float(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return format_value(value);
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) {
        return format_value(value);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Units of durations in milliseconds, from the largest; each may stand once, in this order.
const UNITS: [(&str, i64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// Longest duration in milliseconds: what fits into 64 bits of nanoseconds, as in Prometheus.
const DURATION_MS_MAX: i64 = i64::MAX / 1_000_000;

/// Reads a duration such as `1h30m`, as milliseconds; an error is in the words of Prometheus.
pub(crate) fn duration_ms(text: &str) -> Result<i64, String> {
    let invalid = || format!("not a valid duration string: {}", quote(text));
    let mut total = 0_i64;
    let mut rest = text;
    let mut units = UNITS.iter();
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let (count, behind) = rest.split_at(digits);
        let count: u64 = count.parse().map_err(|_| invalid())?;
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, after) = behind.split_at(end);
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(format!("unknown unit {} in duration {}", quote(unit), quote(text)));
        }
        let (_, millis) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let part = i64::try_from(count).ok().and_then(|count| count.checked_mul(*millis));
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= DURATION_MS_MAX)
            .ok_or_else(|| "duration out of range".to_owned())?;
        rest = after;
    }
    Ok(total)
}

/// Reads a duration such as `1h30m` or a plain number of seconds, as milliseconds. Nothing if the
/// text is neither, or the duration is negative or too long for an `i64`.
#[must_use]
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
        let millis = (text.parse::<f64>().ok()? * 1000.0).round();
        return (0.0..9e18).contains(&millis).then_some(millis as i64);
    }
    duration_ms(text).ok()
}

/// A duration in the fewest words, as Prometheus writes it: `1h30m`, and `90d` rather than
/// `12w6d`. The sign is left to the caller.
pub(crate) fn format_duration(millis: i64) -> String {
    let mut rest = millis.unsigned_abs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in UNITS {
        let unit = unit.unsigned_abs();
        let whole_only = name == "y" || name == "w";
        if rest < unit || (whole_only && !rest.is_multiple_of(unit)) {
            continue;
        }
        text.push_str(&format!("{}{name}", rest / unit));
        rest %= unit;
    }
    text
}
