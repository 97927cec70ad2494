//! Reads line protocol: `measurement,tag=value field=1,other=2i 1700000000000000000`.

use std::borrow::Cow;

/// A line.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Line<'a> {
    pub measurement: Cow<'a, str>,
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub fields: Vec<(Cow<'a, str>, FieldValue)>,
    /// In the request's unit.
    pub timestamp: Option<i64>,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum FieldValue {
    /// A number, or a truth value as 0 or 1.
    Number(f64),
    /// A text, which is no sample.
    Text,
}

/// The lines of a body with their numbers, counted from 1; a line break within a quoted text does
/// not end a line. Empty lines and comments are passed over.
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = body;
    let mut number = 1;
    // Once a text was not closed, texts end with their lines: the lines after it are kept.
    let mut is_open = false;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = if is_open { None } else { line_end(rest) };
            let end = end.unwrap_or_else(|| {
                is_open = true;
                rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
            });
            let line = rest.get(..end).unwrap_or_default();
            let at = number;
            number += line.iter().filter(|&&byte| byte == b'\n').count() + 1;
            rest = rest.get(end + 1..).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
            if !line.is_empty() && !line.starts_with(b"#") {
                return Some((at, line));
            }
        }
    })
}

/// Where the first line ends; `None` when a text in it is not closed.
fn line_end(body: &[u8]) -> Option<usize> {
    let is_comment = body.trim_ascii_start().starts_with(b"#");
    let (mut in_text, mut in_fields, mut before) = (false, false, 0_u8);
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        match byte {
            b'\n' if !in_text => return Some(at),
            _ if is_comment => {}
            b'\\' if body.get(at + 1) != Some(&b'\n') => at += 1,
            // The first blank that is not escaped ends the tags; texts are among fields alone.
            b' ' if at > 0 => in_fields = true,
            b'"' if in_fields && (in_text || before == b'=') => in_text = !in_text,
            _ => {}
        }
        before = byte;
        at += 1;
    }
    (!in_text).then_some(body.len())
}

/// Reads one line.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn parse(text: &str) -> Result<Line<'_>, String> {
    let mut cursor = Cursor { text, at: 0 };
    let mut line = Line { measurement: cursor.name(b", "), ..Line::default() };
    if line.measurement.is_empty() {
        return Err(cursor.expected("a measurement"));
    }
    while cursor.take(b',') {
        let key = cursor.name(b"=, ");
        if key.is_empty() || !cursor.take(b'=') {
            return Err(cursor.expected("a tag such as key=value"));
        }
        let value = cursor.name(b", ");
        line.tags.push((key, value));
    }
    if cursor.blanks() == 0 {
        return Err(cursor.expected("a space and fields"));
    }
    loop {
        let key = cursor.name(b"=, ");
        if key.is_empty() || !cursor.take(b'=') {
            return Err(cursor.expected("a field such as key=1"));
        }
        let value = cursor.value()?;
        line.fields.push((key, value));
        if !cursor.take(b',') {
            break;
        }
    }
    cursor.blanks();
    let stamp = cursor.rest().trim_ascii_end();
    if !stamp.is_empty() {
        let parsed = stamp
            .parse()
            .map_err(|_| format!("the timestamp {} is not a whole number", shown(stamp)))?;
        line.timestamp = Some(parsed);
    }
    Ok(line)
}

/// A line and how far it is read. Stops only at ASCII bytes.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) -> usize {
        let from = self.at;
        while self.take(b' ') {}
        self.at - from
    }

    /// A name up to one of `ends`; a backslash before a comma, an equals sign or a space takes
    /// their meaning from them.
    fn name(&mut self, ends: &[u8]) -> Cow<'a, str> {
        let from = self.at;
        let mut escaped = false;
        while let Some(byte) = self.peek() {
            if ends.contains(&byte) {
                break;
            }
            let next = self.text.as_bytes().get(self.at + 1);
            if byte == b'\\' && matches!(next, Some(b',' | b'=' | b' ')) {
                escaped = true;
                self.at += 1;
            }
            self.at += 1;
        }
        let raw = self.text.get(from..self.at).unwrap_or("");
        if !escaped {
            return Cow::Borrowed(raw);
        }
        let mut plain = String::with_capacity(raw.len());
        let mut chars = raw.chars().peekable();
        while let Some(c) = chars.next() {
            let meant = c == '\\' && matches!(chars.peek(), Some(',' | '=' | ' '));
            plain.push(if meant { chars.next().unwrap_or(c) } else { c });
        }
        Cow::Owned(plain)
    }

    fn value(&mut self) -> Result<FieldValue, String> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let rest = self.rest();
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("");
        let number = parse_number(word).ok_or_else(|| {
            let wrong =
                format!("the value {} is not a number, a truth value or a text", shown(word));
            format!("{wrong} in quotes")
        })?;
        self.at += end;
        Ok(FieldValue::Number(number))
    }

    fn quoted(&mut self) -> Result<FieldValue, String> {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return Ok(FieldValue::Text),
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        Err("the quote of a text is not closed".to_owned())
    }

    fn expected(&self, what: &str) -> String {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        // Bytes that begin a character.
        let column = before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() + 1;
        format!("expected {what} at column {column}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
fn parse_number(word: &str) -> Option<f64> {
    match word {
        "t" | "T" | "true" | "True" | "TRUE" => return Some(1.0),
        "f" | "F" | "false" | "False" | "FALSE" => return Some(0.0),
        _ => {}
    }
    if let Some(whole) = word.strip_suffix('i') {
        return whole.parse::<i64>().ok().map(|whole| whole as f64);
    }
    if let Some(whole) = word.strip_suffix('u') {
        return whole.parse::<u64>().ok().map(|whole| whole as f64);
    }
    // Words for infinity and not-a-number are no values of this protocol.
    word.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}
