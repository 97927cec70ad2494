//! The notation of series: `name{label="value"} 1 2 _ 3+1x5 stale`.

use metric::{Labels, LabelsBuilder, METRIC_NAME, stale_nan};

use super::histogram::HistogramText;

/// One series of a script.
#[derive(Debug, Clone)]
pub(crate) struct SeriesLine {
    pub(crate) labels: Labels,
    pub(crate) slots: Vec<Slot>,
}

/// What stands at one interval.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    Empty,
    Float(f64),
    Histogram(HistogramText),
}

impl SeriesLine {
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let (labels, rest) = parse_labels(line)?;
        let mut slots = Vec::new();
        for word in words(rest) {
            expand(&word, &mut slots)?;
        }
        Ok(Self { labels, slots })
    }
}

/// Splits the values; spaces within a histogram do not count.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn expand(word: &str, slots: &mut Vec<Slot>) -> Result<(), String> {
    let count = |times: &str| times.parse::<usize>().map_err(|_| format!("bad count in {word:?}"));
    if word.starts_with("{{") {
        return expand_histograms(word, slots);
    }
    if let Some(times) = word.strip_prefix("_x") {
        slots.extend(std::iter::repeat_n(Slot::Empty, count(times)?));
        return Ok(());
    }
    match word {
        "_" => slots.push(Slot::Empty),
        "stale" => slots.push(Slot::Float(stale_nan())),
        _ => {
            let Some((formula, times)) = word.rsplit_once('x') else {
                slots.push(Slot::Float(number(word)?));
                return Ok(());
            };
            let times = count(times)?;
            let (start, step) = formula_parts(formula)?;
            for i in 0..=times {
                slots.push(Slot::Float(start + step * i as f64));
            }
        }
    }
    Ok(())
}

/// Reads `{{..}}`, `{{..}}x2`, `{{..}}+{{..}}x2` and `{{..}}-{{..}}x2`.
fn expand_histograms(word: &str, slots: &mut Vec<Slot>) -> Result<(), String> {
    let bad = || format!("bad histogram {word:?}");
    let (first, rest) = HistogramText::parse_prefix(word)?;
    let ((step, rest), factor) = match rest.chars().next() {
        Some('+') => (HistogramText::parse_prefix(&rest[1..])?, 1.0),
        Some('-') => (HistogramText::parse_prefix(&rest[1..])?, -1.0),
        _ => ((HistogramText::default(), rest), 0.0),
    };
    let times = match rest.strip_prefix('x') {
        Some(times) => times.parse::<usize>().map_err(|_| bad())?,
        None if rest.is_empty() => 0,
        None => return Err(bad()),
    };
    let mut current = first;
    slots.push(Slot::Histogram(current.clone()));
    for _ in 0..times {
        if factor != 0.0 {
            let mut scaled = step.histogram.clone();
            scaled.scale(factor);
            scaled.reset_hint = step.histogram.reset_hint;
            current.histogram.add(&scaled).map_err(|error| error.to_string())?;
        }
        slots.push(Slot::Histogram(current.clone()));
    }
    Ok(())
}

/// The start and the step of `1+2` or `1-2`.
fn formula_parts(formula: &str) -> Result<(f64, f64), String> {
    if let Ok(start) = number(formula) {
        return Ok((start, 0.0));
    }
    for (at, c) in formula.char_indices().skip(1) {
        if c == '+' || c == '-' {
            let parts = (number(&formula[..at]), number(&formula[at + 1..]));
            if let (Ok(start), Ok(step)) = parts {
                return Ok((start, if c == '-' { -step } else { step }));
            }
        }
    }
    Err(format!("bad formula {formula:?}"))
}

/// A number as scripts write it.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("bad number {text:?}"))
}

/// Splits a label set from what follows it.
pub(crate) fn parse_labels(line: &str) -> Result<(Labels, &str), String> {
    let line = line.trim_start();
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = LabelsBuilder::new();
    labels.set(METRIC_NAME, name);
    if rest.starts_with('{') && !rest.starts_with("{{") {
        rest = parse_braces(&rest[1..], &mut labels)?;
    }
    Ok((labels.build().map_err(|error| error.to_string())?, rest))
}

/// Reads pairs up to the closing brace.
fn parse_braces<'t>(text: &'t str, labels: &mut LabelsBuilder) -> Result<&'t str, String> {
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let (name, after) = if rest.starts_with('"') {
            unquote(rest)?
        } else {
            let end = rest.find(['=', ',', '}']).ok_or("unclosed label set")?;
            (rest[..end].trim().to_owned(), &rest[end..])
        };
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix('=') {
            let (value, after) = unquote(after.trim_start())?;
            labels.set(&name, &value);
            rest = after.trim_start();
        } else {
            labels.set(METRIC_NAME, &name);
        }
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

/// Reads a quoted text; returns it with what follows.
pub(crate) fn unquote(text: &str) -> Result<(String, &str), String> {
    let bad = || format!("bad quoted text at {text:?}");
    let mut chars = text.char_indices();
    let (_, quote) = chars.next().ok_or_else(bad)?;
    let mut out = String::new();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Ok((out, &text[at + c.len_utf8()..]));
        }
        if c != '\\' || quote == '`' {
            out.push(c);
            continue;
        }
        match chars.next().ok_or_else(bad)?.1 {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'x' => {
                let digits: String =
                    [chars.next(), chars.next()].iter().flatten().map(|d| d.1).collect();
                let code = u32::from_str_radix(&digits, 16).map_err(|_| bad())?;
                out.push(char::from_u32(code).ok_or_else(bad)?);
            }
            other => out.push(other),
        }
    }
    Err(bad())
}
