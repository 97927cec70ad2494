//! The commands of a script.

use super::notation::{SeriesLine, number, unquote};

/// One command.
#[derive(Debug)]
pub(crate) enum Command {
    Clear,
    Load { interval_ms: i64, series: Vec<SeriesLine>, with_custom_buckets: bool },
    Eval(Eval),
}

/// An evaluation and what it should give.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) times: Times,
    pub(crate) expect: Expect,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Times {
    Instant(i64),
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

#[derive(Debug, Default)]
pub(crate) struct Expect {
    pub(crate) fails: bool,
    pub(crate) ordered: bool,
    pub(crate) no_warn: bool,
    pub(crate) no_info: bool,
    pub(crate) fail_texts: Vec<TextMatch>,
    pub(crate) warnings: Vec<TextMatch>,
    pub(crate) infos: Vec<TextMatch>,
    pub(crate) text: Option<String>,
    pub(crate) scalar: Option<f64>,
    /// First time and step of the points of a range vector.
    pub(crate) range_vector: Option<(i64, i64)>,
    pub(crate) series: Vec<SeriesLine>,
}

/// How a message is compared.
#[derive(Debug)]
pub(crate) enum TextMatch {
    Any,
    Is(String),
    Matches(String),
}

/// Splits a script into commands.
pub(crate) fn parse_script(script: &str) -> Result<Vec<Command>, String> {
    let lines: Vec<&str> = script.lines().map(str::trim).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (number, line) = (at + 1, lines[at]);
        at += 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let start = at;
        while at < lines.len() && !lines[at].is_empty() {
            at += 1;
        }
        let block = lines[start..at].iter().copied().filter(|line| !line.starts_with('#'));
        let wrong = |error: String| format!("line {number}: {error}");
        let word = line.split_whitespace().next().unwrap_or("");
        match word {
            "clear" => {
                commands.push(Command::Clear);
                at = start;
            }
            "load" | "load_with_nhcb" => {
                let interval_ms = duration_ms(line[word.len()..].trim()).map_err(wrong)?;
                let series: Result<Vec<_>, _> = block.map(SeriesLine::parse).collect();
                let series = series.map_err(wrong)?;
                let with_custom_buckets = word == "load_with_nhcb";
                commands.push(Command::Load { interval_ms, series, with_custom_buckets });
            }
            _ if word.starts_with("eval") => {
                commands.push(Command::Eval(parse_eval(number, line, block).map_err(wrong)?));
            }
            _ => return Err(wrong(format!("unknown command {word:?}"))),
        }
    }
    Ok(commands)
}

fn parse_eval<'l>(
    line_number: usize,
    line: &str,
    block: impl Iterator<Item = &'l str>,
) -> Result<Eval, String> {
    let mut words = Words(line);
    let mut expect = Expect::default();
    match words.next() {
        "eval_fail" => expect.fails = true,
        "eval_ordered" => expect.ordered = true,
        "eval_warn" => expect.warnings.push(TextMatch::Any),
        "eval_info" => expect.infos.push(TextMatch::Any),
        _ => {}
    }
    let times = match words.next() {
        "instant" => {
            words.expect("at")?;
            Times::Instant(duration_ms(words.next())?)
        }
        _ => {
            words.expect("from")?;
            let start_ms = duration_ms(words.next())?;
            words.expect("to")?;
            let end_ms = duration_ms(words.next())?;
            words.expect("step")?;
            Times::Range { start_ms, end_ms, step_ms: duration_ms(words.next())? }
        }
    };
    let query = words.0.trim().to_owned();
    for line in block {
        parse_expectation(line, &mut expect)?;
    }
    Ok(Eval { line: line_number, query, times, expect })
}

fn parse_expectation(line: &str, expect: &mut Expect) -> Result<(), String> {
    if let Some(message) = line.strip_prefix("expected_fail_message") {
        expect.fail_texts.push(TextMatch::Is(message.trim().to_owned()));
        return Ok(());
    }
    if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
        expect.fail_texts.push(TextMatch::Matches(pattern.trim().to_owned()));
        return Ok(());
    }
    let mut words = Words(line);
    if words.next() != "expect" {
        if let Ok(value) = number(line) {
            expect.scalar = Some(value);
        } else {
            expect.series.push(SeriesLine::parse(line)?);
        }
        return Ok(());
    }
    match words.next() {
        "fail" => {
            expect.fails = true;
            expect.fail_texts.push(text_match(words.0));
        }
        "warn" => expect.warnings.push(text_match(words.0)),
        "info" => expect.infos.push(text_match(words.0)),
        "no_warn" => expect.no_warn = true,
        "no_info" => expect.no_info = true,
        "ordered" => expect.ordered = true,
        "string" => expect.text = Some(unquote(words.0.trim())?.0),
        "range" => {
            words.expect("vector")?;
            words.expect("from")?;
            let start_ms = duration_ms(words.next())?;
            words.expect("to")?;
            words.next();
            words.expect("step")?;
            expect.range_vector = Some((start_ms, duration_ms(words.next())?));
        }
        other => return Err(format!("unknown expectation {other:?}")),
    }
    Ok(())
}

fn text_match(rest: &str) -> TextMatch {
    let rest = rest.trim();
    if let Some(text) = rest.strip_prefix("msg:") {
        return TextMatch::Is(text.trim().to_owned());
    }
    match rest.strip_prefix("regex:") {
        Some(pattern) => TextMatch::Matches(pattern.trim().to_owned()),
        None => TextMatch::Any,
    }
}

/// The words of a line, and what is left of it.
struct Words<'l>(&'l str);

impl<'l> Words<'l> {
    fn next(&mut self) -> &'l str {
        let text = self.0.trim_start();
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        word
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        match self.next() {
            found if found == word => Ok(()),
            found => Err(format!("expected {word:?}, found {found:?}")),
        }
    }
}

/// A duration such as `1h30m`, or a plain number of seconds.
fn duration_ms(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let bad = || format!("bad duration {text:?}");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut total = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let count: i64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        total += count
            * match &unit[..end] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "w" => 604_800_000,
                "y" => 31_536_000_000,
                _ => return Err(bad()),
            };
        rest = &unit[end..];
    }
    Ok(sign * total)
}
