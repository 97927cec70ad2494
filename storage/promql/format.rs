//! Numbers and durations as the language writes them.

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

/// Reads a duration such as `1h30m` or a plain number of seconds, as milliseconds. Nothing if the
/// text is neither, or the duration is negative or too long for an `i64`.
#[must_use]
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
        let millis = (text.parse::<f64>().ok()? * 1000.0).round();
        return (0.0..9e18).contains(&millis).then_some(millis as i64);
    }
    let mut total = 0_i64;
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let (count, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, after) = behind.split_at(end);
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(*millis)?)?;
        rest = after;
    }
    Some(total)
}
