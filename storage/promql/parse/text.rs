//! Quoted texts: where they end, and what they say.
//!
//! The escapes are those of Go; in back quotes there are none.

use crate::quote::numbered;

/// How many bytes the quoted text at the start of a query takes.
pub(super) fn length(query: &str) -> Result<usize, String> {
    let mut chars = query.char_indices();
    let Some((_, quote)) = chars.next() else {
        return Ok(0);
    };
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Ok(at + 1),
            '\n' if quote != '`' => break,
            '\\' if quote != '`' => check_escape(&mut chars, quote)?,
            _ => {}
        }
    }
    let what = if quote == '`' { "unterminated raw string" } else { "unterminated quoted string" };
    Err(what.to_owned())
}

/// Reads an escape whose backslash was taken.
fn check_escape(chars: &mut std::str::CharIndices<'_>, quote: char) -> Result<(), String> {
    let unterminated = || "escape sequence not terminated".to_owned();
    let (_, kind) = chars.next().ok_or_else(unterminated)?;
    let (digits, radix, first) = match kind {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
        c if c == quote => return Ok(()),
        '0'..='7' => (2, 8, kind.to_digit(8).unwrap_or(0)),
        'x' => (2, 16, 0),
        'u' => (4, 16, 0),
        'U' => (8, 16, 0),
        c => return Err(format!("unknown escape sequence {}", numbered(c))),
    };
    let mut number = first;
    for _ in 0..digits {
        let (_, c) = chars.next().ok_or_else(unterminated)?;
        let digit = c
            .to_digit(radix)
            .ok_or_else(|| format!("illegal character {} in escape sequence", numbered(c)))?;
        number = number.wrapping_mul(radix).wrapping_add(digit);
    }
    let is_byte = !matches!(kind, 'u' | 'U');
    let valid = if is_byte { number <= 0xff } else { char::from_u32(number).is_some() };
    if valid {
        return Ok(());
    }
    Err("escape sequence is an invalid Unicode code point".to_owned())
}

/// What a quoted text says, which [`length`] has accepted; escapes may make it other than UTF-8.
pub(super) fn unquoted(quoted: &str) -> Vec<u8> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or("");
    if quoted.starts_with('`') {
        return inner.as_bytes().to_vec();
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        rest = push_escape(after, &mut out);
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Appends what an escape says, and returns what follows it.
fn push_escape<'t>(text: &'t str, out: &mut Vec<u8>) -> &'t str {
    let Some(kind) = text.chars().next() else {
        return "";
    };
    let (start, digits, radix) = match kind {
        '0'..='7' => (0, 3, 8),
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        c => {
            let byte = match c {
                'a' => 0x07,
                'b' => 0x08,
                'f' => 0x0c,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 0x0b,
                _ => u8::try_from(c).unwrap_or(b'\\'),
            };
            out.push(byte);
            return &text[c.len_utf8()..];
        }
    };
    let end = start + digits;
    let number = text.get(start..end).and_then(|digits| u32::from_str_radix(digits, radix).ok());
    match (number.and_then(|number| u8::try_from(number).ok()), kind) {
        (Some(byte), '0'..='7' | 'x') => out.push(byte),
        _ => {
            let c = number.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    text.get(end..).unwrap_or("")
}
