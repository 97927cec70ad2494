//! Splits a query into tokens with their places, and rewrites what the grammar cannot read.

use crate::error::ParseError;
use crate::expr::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name, keyword or word operator.
    Word,
    /// A number or duration.
    Number,
    Text,
    /// An operator or bracket.
    Sign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

impl Token {
    pub(crate) fn text<'q>(&self, query: &'q str) -> &'q str {
        query.get(self.span.start..self.span.end).unwrap_or("")
    }
}

const LONG_SIGNS: [&str; 6] = ["==", "!=", "=~", "!~", ">=", "<="];

/// Splits a query into tokens; comments and spaces are left out.
pub(crate) fn tokens(query: &str) -> Result<Vec<Token>, ParseError> {
    let bytes = query.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'#' => {
                at = query[at..].find('\n').map_or(bytes.len(), |line| at + line + 1);
                continue;
            }
            b'"' | b'\'' | b'`' => {
                at = string_end(query, start)?;
                TokenKind::Text
            }
            b'0'..=b'9' => {
                at = number_end(bytes, start);
                TokenKind::Number
            }
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at = number_end(bytes, start);
                TokenKind::Number
            }
            b if is_word(b) => {
                while at < bytes.len() && (is_word(bytes[at]) || bytes[at].is_ascii_digit()) {
                    at += 1;
                }
                let word = &query[start..at];
                let number = word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan");
                if number { TokenKind::Number } else { TokenKind::Word }
            }
            _ => {
                let long = LONG_SIGNS.iter().any(|sign| query[at..].starts_with(sign));
                at += if long { 2 } else { query[at..].chars().next().map_or(1, char::len_utf8) };
                TokenKind::Sign
            }
        };
        tokens.push(Token { kind, span: Span { start, end: at } });
    }
    Ok(tokens)
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte == b':' || byte.is_ascii_alphabetic()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let hex = bytes[start] == b'0' && matches!(bytes.get(start + 1), Some(b'x' | b'X'));
    let mut at = start;
    while at < bytes.len() {
        let byte = bytes[at];
        let exponent_sign = (byte == b'+' || byte == b'-')
            && !hex
            && matches!(bytes[at - 1], b'e' | b'E')
            && bytes[start..at - 1].iter().all(|b| b.is_ascii_digit() || *b == b'.')
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || exponent_sign) {
            break;
        }
        at += 1;
    }
    at
}

fn string_end(query: &str, start: usize) -> Result<usize, ParseError> {
    let bytes = query.as_bytes();
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        if bytes[at] == quote {
            return Ok(at + 1);
        }
        if bytes[at] == b'\n' && quote != b'`' {
            break;
        }
        at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
    }
    let message = if quote == b'`' { "unterminated raw string" } else { "unterminated string" };
    Err(ParseError::new(query, start, query.len(), message))
}

/// The query with those strings rewritten that the grammar reads wrongly, and the place of each
/// token in the rewritten text. The grammar refuses a backslash in a raw string, and takes the
/// bytes of `\x` and octal escapes for characters.
pub(crate) fn rewritten(query: &str, tokens: &[Token]) -> Result<(String, Vec<Span>), ParseError> {
    let mut text = String::with_capacity(query.len());
    let mut places = Vec::with_capacity(tokens.len());
    let mut copied = 0;
    for token in tokens {
        text.push_str(&query[copied..token.span.start]);
        let start = text.len();
        let raw = token.text(query);
        if let Some(inner) = raw.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
            push_quoted(&mut text, inner);
        } else if token.kind == TokenKind::Text && has_byte_escape(raw) {
            let Ok(inner) = String::from_utf8(with_bytes(&raw[1..raw.len() - 1])) else {
                let message = "string is not valid UTF-8";
                return Err(ParseError::new(query, token.span.start, token.span.end, message));
            };
            // Escapes of other kinds are still in it, and the quotes are the same.
            text.push_str(&raw[..1]);
            text.push_str(&inner);
            text.push_str(&raw[..1]);
        } else {
            text.push_str(raw);
        }
        places.push(Span { start, end: text.len() });
        copied = token.span.end;
    }
    text.push_str(&query[copied..]);
    Ok((text, places))
}

fn push_quoted(text: &mut String, inner: &str) {
    text.push('"');
    for c in inner.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
    text.push('"');
}

/// Whether a quoted string holds an escaped byte beyond ASCII.
fn has_byte_escape(raw: &str) -> bool {
    raw.match_indices('\\').any(|(at, _)| escaped_byte(&raw.as_bytes()[at..]).is_some())
}

/// The byte of an escape such as `\xc3` or `\303` beyond ASCII, and the length of the escape.
fn escaped_byte(bytes: &[u8]) -> Option<(u8, usize)> {
    let (digits, radix) = match bytes.get(1)? {
        b'x' => (bytes.get(2..4)?, 16),
        b'0'..=b'7' => (bytes.get(1..4)?, 8),
        _ => return None,
    };
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    // Both kinds take four characters.
    (byte >= 0x80).then_some((byte, 4))
}

/// A string's inside with escaped bytes beyond ASCII as bytes.
fn with_bytes(inner: &str) -> Vec<u8> {
    let mut rest = inner.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        if *first != b'\\' {
            out.push(*first);
            rest = &rest[1..];
        } else if let Some((byte, length)) = escaped_byte(rest) {
            out.push(byte);
            rest = &rest[length..];
        } else {
            // The escaped character stays with its backslash, be it a backslash itself.
            let length = rest.len().min(2);
            out.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out
}
