//! Numbers and times as the formats write them.

/// The not-a-number of ordinary values, the one Prometheus stores; never the stale marker.
const NORMAL_NAN: u64 = 0x7ff8_0000_0000_0001;

/// Reads a value: decimal, exponent, `NaN`, `+Inf`, `-Inf`.
pub(super) fn parse_value(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| wrong(text))?;
    if value.is_nan() {
        let signed = text.starts_with(['+', '-']);
        return if signed { Err(wrong(text)) } else { Ok(f64::from_bits(NORMAL_NAN)) };
    }
    if value.is_infinite() && !text.contains(['i', 'I']) {
        return Err(format!("the value {} is out of range", shown(text)));
    }
    Ok(value)
}

/// Reads a time in whole milliseconds.
pub(super) fn parse_millis(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| format!("the timestamp {} is not a whole number of milliseconds", shown(text)))
}

/// Reads a time in seconds with a fraction and gives milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "checked against the range before")]
pub(super) fn parse_seconds(text: &str) -> Result<i64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 9e15);
    let millis = seconds.map(|seconds| (seconds * 1000.0) as i64);
    millis.ok_or_else(|| format!("the timestamp {} is not a number of seconds", shown(text)))
}

fn wrong(text: &str) -> String {
    format!("the value {} is not a number", shown(text))
}

/// A piece of hostile text, cut to what fits in a message.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}
