//! Writes JSON straight into a buffer, with numbers and times exactly as Prometheus writes them.

use std::io::Write as _;

use metric::{Bucket, Histogram, Labels};

/// Appends a JSON string.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(text.as_bytes().get(from..at).unwrap_or_default());
        if escape.is_empty() {
            push(out, format_args!("\\u{byte:04x}"));
        } else {
            out.extend_from_slice(escape);
        }
        from = at + 1;
    }
    out.extend_from_slice(text.as_bytes().get(from..).unwrap_or_default());
    out.push(b'"');
}

/// Appends formatted text as it is.
pub(crate) fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    if out.write_fmt(text).is_err() {
        tracing::error!("writing into a buffer failed");
    }
}

/// Appends a time in seconds, with three digits of milliseconds where there are any.
pub(crate) fn push_time(out: &mut Vec<u8>, timestamp_ms: i64) {
    let sign = if timestamp_ms < 0 { "-" } else { "" };
    let (seconds, millis) =
        (timestamp_ms.unsigned_abs() / 1000, timestamp_ms.unsigned_abs() % 1000);
    if millis == 0 {
        push(out, format_args!("{sign}{seconds}"));
    } else {
        push(out, format_args!("{sign}{seconds}.{millis:03}"));
    }
}

/// Appends a value as text: the fewest digits, an exponent for the very large and very small.
pub(crate) fn push_value(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    let size = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        push_exponent(out, value);
    } else {
        push(out, format_args!("{value}"));
    }
    out.push(b'"');
}

/// `1e-07` and `1.5e+21`: a sign always, two digits at least.
fn push_exponent(out: &mut Vec<u8>, value: f64) {
    let written = format!("{value:e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    push(out, format_args!("{digits}e{sign}{exponent:0>2}"));
}

/// Appends a native histogram: count, sum and the buckets that are not empty, each with a number
/// that says which of its bounds belong to it (0 the upper, 1 the lower, 2 none, 3 both).
pub(crate) fn push_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    out.extend_from_slice(b"{\"count\":");
    push_value(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    push_value(out, histogram.sum);
    let buckets = histogram.buckets();
    let mut full = buckets.iter().filter(|bucket| bucket.count != 0.0).peekable();
    if full.peek().is_some() {
        out.extend_from_slice(b",\"buckets\":");
        push_list(out, full, push_bucket);
    }
    out.push(b'}');
}

fn push_bucket(out: &mut Vec<u8>, bucket: &Bucket) {
    let bounds = match (bucket.lower_inclusive, bucket.upper_inclusive) {
        (false, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
        (true, true) => 3,
    };
    push(out, format_args!("[{bounds}"));
    for number in [bucket.lower, bucket.upper, bucket.count] {
        out.push(b',');
        push_value(out, number);
    }
    out.push(b']');
}

/// Appends labels as an object.
pub(crate) fn push_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(out, label.name);
        out.push(b':');
        push_text(out, label.value);
    }
    out.push(b'}');
}

/// Appends a list, each item by `each`.
pub(crate) fn push_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// Appends a list of texts.
pub(crate) fn push_texts<T: AsRef<str>>(out: &mut Vec<u8>, texts: &[T]) {
    push_list(out, texts, |out, text| push_text(out, text.as_ref()));
}

/// Appends `,"name":[...]` when there are texts: warnings and infos of an envelope.
pub(crate) fn push_notes(out: &mut Vec<u8>, name: &str, notes: &[String]) {
    if !notes.is_empty() {
        push(out, format_args!(",\"{name}\":"));
        push_texts(out, notes);
    }
}
