//! Durations as Prometheus writes them: `15s`, `1h30m`.

use std::time::Duration;

/// The units with their length in milliseconds, longest first.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Writes a duration in the language's form.
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, length_ms) in UNITS {
        if rest >= length_ms {
            text.push_str(&(rest / length_ms).to_string());
            text.push_str(unit);
            rest %= length_ms;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads a duration such as `1h30m`, or a plain number of seconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let millis = promql::parse_duration_ms(text)?;
    u64::try_from(millis).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_durations_are_read() {
        for millis in [0, 1, 15_000, 90_000, 5_400_000, 1_209_600_000, 1_209_600_001] {
            let text = format_duration(Duration::from_millis(millis));
            assert_eq!(parse_duration(&text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(format_duration(Duration::from_secs(90)), "1m30s");
        assert_eq!(parse_duration("soon"), None);
    }
}
