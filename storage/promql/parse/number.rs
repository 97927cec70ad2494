//! Numbers and durations: where they end, and what they say.
//!
//! Numbers are read as `strconv.ParseInt` with base 0 and `strconv.ParseFloat` of Go's library do:
//! a leading zero means octal, underscores may separate digits.

use super::token::TokenKind;
use crate::quote::quote;

/// The number or duration at the start of a text, and how many bytes it takes; no kind if it is
/// neither, and then the bytes up to what is wrong.
pub(super) fn scan(bytes: &[u8]) -> (Option<TokenKind>, usize) {
    let mut scan = Scan { bytes, at: 0 };
    if scan.number() {
        return (Some(TokenKind::Number), scan.at);
    }
    if scan.duration() {
        return (Some(TokenKind::Duration), scan.at);
    }
    (None, scan.at)
}

struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Scan<'_> {
    fn is(&self, set: &[u8]) -> bool {
        self.bytes.get(self.at).is_some_and(|byte| set.contains(byte))
    }

    fn accept(&mut self, set: &[u8]) -> bool {
        let found = self.is(set);
        self.at += usize::from(found);
        found
    }

    fn accept_all(&mut self, set: &[u8]) {
        while self.accept(set) {}
    }

    fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn at_word(&self) -> bool {
        self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    fn number(&mut self) -> bool {
        let mut digits: &[u8] = b"0123456789";
        if self.accept(b"0") && self.accept(b"xX") {
            self.accept(b"_");
            digits = b"0123456789abcdefABCDEF";
        }
        let is_hex = digits.len() > 10;
        self.accept(b".");
        self.accept(digits);
        let (mut dot_seen, mut exponent_seen) = (false, false);
        while self.is(digits) || self.is(b"._eE") {
            if (dot_seen && self.accept(b".")) || (exponent_seen && self.accept(b"eE")) {
                return false;
            }
            if self.accept(b".") {
                dot_seen = true;
                if is_hex || self.accept(b"_.") {
                    return false;
                }
            } else if self.accept(b"eE") {
                exponent_seen = true;
                self.accept(b"+-");
                if self.accept(b"._eE") || self.at_end() {
                    return false;
                }
            } else if self.accept(b"_") {
                if self.accept(b"._eE") || self.at_end() {
                    return false;
                }
            } else {
                self.accept_all(digits);
            }
        }
        !self.at_word()
    }

    /// The rest of a duration, whose first digits were taken.
    fn duration(&mut self) -> bool {
        if !self.accept(b"smhdwy") {
            return false;
        }
        self.accept(b"s");
        while self.accept(b"0123456789") {
            self.accept_all(b"0123456789");
            if !self.accept(b"smhdw") {
                return false;
            }
            self.accept(b"s");
        }
        let goes_on = self.at_word();
        self.at += usize::from(goes_on);
        !goes_on
    }
}

/// The value of a number.
pub(super) fn value(text: &str) -> Result<f64, String> {
    integer(text).map_or_else(|| float(text), Ok)
}

/// A whole number within 64 bits.
fn integer(text: &str) -> Option<f64> {
    if text.contains('_') && !underscores_separate_digits(text) {
        return None;
    }
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hex, text.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some("")) => return Some(0.0),
        (None, Some(octal)) => (octal, 8),
        (None, None) => (text, 10),
    };
    if digits.starts_with('+') {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), radix).ok().map(|number| number as f64)
}

fn float(text: &str) -> Result<f64, String> {
    let refuse =
        |why| format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", quote(text));
    let plain = text.replace('_', "");
    if plain.len() < text.len() && !underscores_separate_digits(text) {
        return Err(refuse("invalid syntax"));
    }
    let number: f64 = plain.parse().map_err(|_| refuse("invalid syntax"))?;
    let spelled = plain.starts_with(|c: char| c.is_ascii_alphabetic());
    if number.is_infinite() && !spelled {
        return Err(refuse("value out of range"));
    }
    Ok(number)
}

/// Whether each underscore stands between two digits, or between `0x` and a digit.
fn underscores_separate_digits(text: &str) -> bool {
    let hex = text.starts_with("0x") || text.starts_with("0X");
    let bytes = &text.as_bytes()[if hex { 2 } else { 0 }..];
    let is_digit = |byte: u8| byte.is_ascii_digit() || (hex && byte.is_ascii_hexdigit());
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        let before = at.checked_sub(1).map_or(hex, |at| is_digit(bytes[at]));
        before && bytes.get(at + 1).is_some_and(|byte| is_digit(*byte))
    })
}
