//! The lines of both formats: comments that carry metadata, and samples.

use std::borrow::Cow;

use metric::{METRIC_NAME, MetricType};

use super::cursor::Cursor;
use super::number::{parse_millis, parse_seconds, parse_value, shown};
use super::{Entry, ExemplarLine, Raw, RawLabel, SampleLine, unescape};

/// A comment of the text format, in which blanks are free.
pub(super) fn parse_comment(mut cursor: Cursor<'_>) -> Result<Entry<'_>, String> {
    cursor.take(b'#');
    cursor.skip_blanks();
    let keyword = cursor.word();
    if keyword != "HELP" && keyword != "TYPE" {
        return Ok(Entry::Nothing);
    }
    cursor.skip_blanks();
    let metric = family_name(&mut cursor)?;
    cursor.skip_blanks();
    if keyword == "HELP" {
        return Ok(Entry::Help(metric, unescape(cursor.rest())));
    }
    let kind = cursor.rest().trim_ascii();
    match kind {
        "untyped" => Ok(Entry::Type(metric, MetricType::Unknown)),
        "counter" | "gauge" | "histogram" | "summary" | "unknown" => {
            Ok(Entry::Type(metric, MetricType::from_name(kind)))
        }
        _ => Err(format!("{} is not a metric type", shown(kind))),
    }
}

/// A comment of OpenMetrics, in which every space counts.
pub(super) fn parse_strict_comment(mut cursor: Cursor<'_>) -> Result<Entry<'_>, String> {
    if cursor.rest() == "# EOF" {
        return Ok(Entry::End);
    }
    cursor.take(b'#');
    one_space(&mut cursor)?;
    let keyword = cursor.word();
    if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
        return Err("expected # HELP, # TYPE, # UNIT or # EOF".to_owned());
    }
    one_space(&mut cursor)?;
    let metric = family_name(&mut cursor)?;
    if keyword != "TYPE" && cursor.peek().is_none() {
        return Ok(match keyword {
            "HELP" => Entry::Help(metric, Cow::Borrowed("")),
            _ => Entry::Unit(metric, ""),
        });
    }
    one_space(&mut cursor)?;
    let rest = cursor.rest();
    match keyword {
        "HELP" => Ok(Entry::Help(metric, unescape(rest))),
        "UNIT" if rest.is_empty() || metric.strip_suffix(rest).is_some_and(ends_in_underscore) => {
            Ok(Entry::Unit(metric, rest))
        }
        "UNIT" => Err(format!("the unit {} is not the end of the metric's name", shown(rest))),
        _ => match MetricType::from_name(rest) {
            MetricType::Unknown if rest != "unknown" => {
                Err(format!("{} is not a metric type", shown(rest)))
            }
            kind => Ok(Entry::Type(metric, kind)),
        },
    }
}

fn ends_in_underscore(text: &str) -> bool {
    text.ends_with('_')
}

/// The name that a comment is about.
fn family_name<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, String> {
    let name = match cursor.peek() {
        Some(b'"') => cursor.quoted()?.text(),
        _ => Cow::Borrowed(cursor.name(true)),
    };
    let ends = matches!(cursor.peek(), None | Some(b' ' | b'\t'));
    if name.is_empty() || !ends { Err(cursor.expected("a metric name")) } else { Ok(name) }
}

/// A sample: name, labels, value, and perhaps time and exemplar.
pub(super) fn parse_sample<'a>(
    mut cursor: Cursor<'a>,
    strict: bool,
    labels: &mut Vec<RawLabel<'a>>,
    exemplar_labels: &mut Vec<RawLabel<'a>>,
) -> Result<Entry<'a>, String> {
    labels.clear();
    let from = cursor.at();
    let name = cursor.name(true);
    if !name.is_empty() {
        labels.push(RawLabel { name: Raw::plain(METRIC_NAME), value: Raw::plain(name) });
    } else if cursor.peek() != Some(b'{') {
        return Err(cursor.expected("a metric name"));
    }
    let mut series = cursor.since(from);
    let blanks = if strict { 0 } else { cursor.skip_blanks() };
    let braced = cursor.take(b'{');
    if braced {
        parse_labels(&mut cursor, labels)?;
        series = cursor.since(from);
    }
    if !labels.iter().any(|label| label.name.text == METRIC_NAME) {
        return Err("the sample has no metric name".to_owned());
    }
    if strict {
        one_space(&mut cursor)?;
    } else if cursor.skip_blanks() + blanks == 0 && !braced && cursor.peek().is_some() {
        return Err(cursor.expected("a space or {"));
    }
    let value = parse_value(value_word(&mut cursor)?)?;
    let (timestamp_ms, exemplar) = if strict {
        parse_strict_end(&mut cursor)?
    } else {
        cursor.skip_blanks();
        let word = cursor.word();
        cursor.skip_blanks();
        ((!word.is_empty()).then(|| parse_millis(word)).transpose()?, false)
    };
    let exemplar = match exemplar {
        true => Some(parse_exemplar(&mut cursor, exemplar_labels)?),
        false => None,
    };
    if cursor.peek().is_some() {
        return Err(cursor.expected("the end of the line"));
    }
    Ok(Entry::Sample(SampleLine { series, value, timestamp_ms, exemplar }))
}

fn value_word<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, String> {
    let word = cursor.word();
    if word.is_empty() { Err(cursor.expected("a value")) } else { Ok(word) }
}

/// The labels up to and with the closing brace. A quoted name without a value is the metric's.
fn parse_labels<'a>(cursor: &mut Cursor<'a>, labels: &mut Vec<RawLabel<'a>>) -> Result<(), String> {
    loop {
        cursor.skip_blanks();
        if cursor.take(b'}') {
            return Ok(());
        }
        let quoted = cursor.peek() == Some(b'"');
        let name = if quoted { cursor.quoted()? } else { Raw::plain(cursor.name(false)) };
        if name.text.is_empty() {
            return Err(cursor.expected("a label name or }"));
        }
        cursor.skip_blanks();
        if quoted && matches!(cursor.peek(), Some(b',' | b'}')) {
            if labels.iter().any(|label| label.name.text == METRIC_NAME) {
                return Err("the sample has two metric names".to_owned());
            }
            labels.push(RawLabel { name: Raw::plain(METRIC_NAME), value: name });
        } else {
            if !cursor.take(b'=') {
                return Err(cursor.expected("= after the label name"));
            }
            cursor.skip_blanks();
            if cursor.peek() != Some(b'"') {
                return Err(cursor.expected("a label value in double quotes"));
            }
            labels.push(RawLabel { name, value: cursor.quoted()? });
        }
        cursor.skip_blanks();
        if !cursor.take(b',') && cursor.peek() != Some(b'}') {
            return Err(cursor.expected(", or } after the label value"));
        }
    }
}

/// Time and the sign of an exemplar, as OpenMetrics puts them.
fn parse_strict_end(cursor: &mut Cursor<'_>) -> Result<(Option<i64>, bool), String> {
    let mut timestamp_ms = None;
    while cursor.peek().is_some() {
        one_space(cursor)?;
        if cursor.take(b'#') {
            one_space(cursor)?;
            return Ok((timestamp_ms, true));
        }
        if timestamp_ms.is_some() {
            return Err(cursor.expected("an exemplar or the end of the line"));
        }
        timestamp_ms = Some(parse_seconds(cursor.word())?);
    }
    Ok((timestamp_ms, false))
}

fn parse_exemplar<'a>(
    cursor: &mut Cursor<'a>,
    labels: &mut Vec<RawLabel<'a>>,
) -> Result<ExemplarLine, String> {
    if !cursor.take(b'{') {
        return Err(cursor.expected("the exemplar's labels"));
    }
    labels.clear();
    parse_labels(cursor, labels)?;
    one_space(cursor)?;
    let value = parse_value(value_word(cursor)?)?;
    let mut timestamp_ms = None;
    if cursor.peek().is_some() {
        one_space(cursor)?;
        timestamp_ms = Some(parse_seconds(cursor.word())?);
    }
    Ok(ExemplarLine { value, timestamp_ms })
}

fn one_space(cursor: &mut Cursor<'_>) -> Result<(), String> {
    let spaced = cursor.take(b' ') && !matches!(cursor.peek(), Some(b' ' | b'\t'));
    if spaced { Ok(()) } else { Err(cursor.expected("exactly one space")) }
}
