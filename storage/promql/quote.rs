//! Quotes texts and characters as Go does, for messages and printed queries.
//!
//! The rules are those of `strconv.Quote` and `strconv.QuoteRune` of Go's library.

/// A text in double quotes.
pub(crate) fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// Bytes in double quotes; what is not UTF-8 becomes `\x` escapes.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_char(&mut out, c, '"');
        }
        for byte in chunk.invalid() {
            push_hex(&mut out, 'x', 2, u32::from(*byte));
        }
    }
    out.push('"');
    out
}

/// A character in single quotes.
pub(crate) fn quote_char(c: char) -> String {
    let mut out = String::from("'");
    push_char(&mut out, c, '\'');
    out.push('\'');
    out
}

/// A character's number, and the character itself if it can be seen: `U+0078 'x'`.
pub(crate) fn numbered(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if is_printable(c) { format!("{number} '{c}'") } else { number }
}

fn push_char(out: &mut String, c: char, quote: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => out.extend(['\\', c]),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if is_printable(c) => out.push(c),
        c if c < ' ' || c == '\x7f' => push_hex(out, 'x', 2, u32::from(c)),
        c if u32::from(c) < 0x1_0000 => push_hex(out, 'u', 4, u32::from(c)),
        c => push_hex(out, 'U', 8, u32::from(c)),
    }
}

fn push_hex(out: &mut String, kind: char, width: usize, number: u32) {
    out.push_str(&format!("\\{kind}{number:0width$x}"));
}

/// Whether a character is a letter, mark, number, sign or the plain space.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // Behind another character the library escapes exactly what cannot be seen.
    let mut text = String::from("a");
    text.push(c);
    text.escape_debug().eq(text.chars())
}
