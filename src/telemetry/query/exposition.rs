//! Writes samples in the text format of Prometheus, 0.0.4.

use metric::{Label, Labels, METRIC_NAME};

use super::json::{push, push_value};

/// The content type of the text format.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends `name{label="value"} `: what a line says before its value.
pub(crate) fn push_series(out: &mut Vec<u8>, labels: &Labels, more: &[Label<'_>]) {
    let name = labels.metric_name().unwrap_or("");
    let plain = is_plain(name, true);
    let mut open = false;
    if plain {
        out.extend_from_slice(name.as_bytes());
    } else {
        out.push(b'{');
        open = true;
        push_quoted(out, name);
    }
    let own = labels.iter().filter(|label| label.name != METRIC_NAME);
    for label in own.chain(more.iter().copied()) {
        out.push(if open { b',' } else { b'{' });
        open = true;
        if is_plain(label.name, false) {
            out.extend_from_slice(label.name.as_bytes());
        } else {
            push_quoted(out, label.name);
        }
        out.push(b'=');
        push_quoted(out, label.value);
    }
    if open {
        out.push(b'}');
    }
    out.push(b' ');
}

/// Appends a value, a time in milliseconds, and the line's end.
pub(crate) fn push_sample(out: &mut Vec<u8>, value: f64, timestamp_ms: i64) {
    push_value_plain(out, value);
    push(out, format_args!(" {timestamp_ms}\n"));
}

/// Appends a value without quotes.
pub(crate) fn push_value_plain(out: &mut Vec<u8>, value: f64) {
    let from = out.len();
    push_value(out, value);
    // The JSON of a value is its text in quotes.
    out.pop();
    out.remove(from);
}

/// Appends a name as a comment about a metric family writes it.
pub(crate) fn push_family(out: &mut Vec<u8>, name: &str) {
    if is_plain(name, true) {
        out.extend_from_slice(name.as_bytes());
    } else {
        push_quoted(out, name);
    }
}

fn push_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Whether a name needs no quotes.
pub(crate) fn is_plain(name: &str, colons: bool) -> bool {
    let plain = |c: char| c == '_' || c.is_ascii_alphanumeric() || (colons && c == ':');
    !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}
