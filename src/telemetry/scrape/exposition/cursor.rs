//! A position in a line, with the small steps that the formats are made of.

use super::Raw;

/// A line and how far it is read. Stops only at ASCII bytes, so slices fall on characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// The text from `from` up to here.
    pub(super) fn since(&self, from: usize) -> &'a str {
        self.line.get(from..self.at).unwrap_or("")
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or("")
    }

    /// Steps over `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over spaces and tabs; says how many.
    pub(super) fn skip_blanks(&mut self) -> usize {
        let from = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.at - from
    }

    /// Everything up to the next space, tab, or end.
    pub(super) fn word(&mut self) -> &'a str {
        let from = self.at;
        while let Some(byte) = self.peek() {
            if byte == b' ' || byte == b'\t' {
                break;
            }
            self.at += 1;
        }
        self.since(from)
    }

    /// A name of letters, digits and underscores, for a metric also colons; may be empty.
    pub(super) fn name(&mut self, colons: bool) -> &'a str {
        let from = self.at;
        while let Some(byte) = self.peek() {
            let digit = byte.is_ascii_digit() && self.at > from;
            let other = byte.is_ascii_alphabetic() || byte == b'_' || (colons && byte == b':');
            if !digit && !other {
                break;
            }
            self.at += 1;
        }
        self.since(from)
    }

    /// The text within quotes, the first of which is next.
    pub(super) fn quoted(&mut self) -> Result<Raw<'a>, String> {
        self.at += 1;
        let from = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                None => return Err(format!("the quote at column {from} is not closed")),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    let Some(next) = self.peek() else { continue };
                    // What is escaped may be a character of several bytes; step over its first.
                    self.at += usize::from(next.is_ascii());
                }
                Some(_) => self.at += 1,
            }
        }
        let text = self.since(from);
        self.at += 1;
        Ok(Raw { text, escaped })
    }

    /// Says what was expected here and what stands here.
    pub(super) fn expected(&self, what: &str) -> String {
        let column = self.line.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        match self.rest().chars().next() {
            None => format!("expected {what} at column {column}, got the end of the line"),
            Some(found) => format!("expected {what} at column {column}, got {found:?}"),
        }
    }
}
