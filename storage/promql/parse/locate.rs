//! Finds the place of an error of a grammar that names none.

use super::grammar;
use super::scan::Token;
use crate::error::ParseError;
use crate::expr::Span;

/// Texts of which one completes nearly every prefix that can be completed at all.
const COMPLETIONS: [&str; 28] = [
    "",
    " x",
    " 1",
    "[5m]",
    " 5m",
    "(x)",
    "(x[5m])",
    "(a)(x)",
    "(a) x",
    "(1, x)",
    " \"x\"",
    "=\"x\"",
    " * x",
    " by (a)(x)",
    "x[5m]",
    ",x",
    ",1",
    ",x[5m]",
    ",\"a\"",
    ",1,1",
    ",\"a\",\"a\"",
    ",\"a\",\"a\",\"a\"",
    ",\"a\",\"a\",\"a\",\"a\"",
    "1,x",
    "x,1",
    "x,1,1",
    "x[5m],1,1",
    "x,\"a\",\"a\",\"a\",\"a\"",
];
/// How many bytes may be given to the grammar in search of a place.
const WORK_BYTES_MAX: usize = 4 << 20;

/// The error of the grammar, placed at the first token after which nothing can be right.
pub(super) fn error(
    query: &str,
    tokens: &[Token],
    text: &str,
    places: &[Span],
    message: &str,
) -> ParseError {
    let message = reword(message);
    if let Some(span) = named(query, tokens, &message) {
        return ParseError::new(query, span.start, span.end, message);
    }
    let mut work = WORK_BYTES_MAX;
    // The token behind the longest prefix that can be completed is the one at fault.
    for count in (0..=tokens.len()).rev() {
        let end = count.checked_sub(1).map_or(0, |last| places[last].end);
        match can_be_completed(&text[..end], &mut work) {
            None => return ParseError::new(query, 0, query.len(), message),
            Some(false) => {}
            Some(true) => return at(query, tokens.get(count), message),
        }
    }
    at(query, tokens.first(), message)
}

fn at(query: &str, token: Option<&Token>, message: String) -> ParseError {
    let unexpected = message == UNEXPECTED;
    let Some(token) = token else {
        let message = if unexpected { "unexpected end of input".to_owned() } else { message };
        return ParseError::new(query, query.len(), query.len(), message);
    };
    let message = if unexpected { format!("unexpected {:?}", token.text(query)) } else { message };
    ParseError::new(query, token.span.start, token.span.end, message)
}

const UNEXPECTED: &str = "invalid promql query";

fn reword(message: &str) -> String {
    message.replace("ParseError", UNEXPECTED).replace(" vector in", " instant vector in")
}

/// The token that a message names, such as an unknown function.
fn named(query: &str, tokens: &[Token], message: &str) -> Option<Span> {
    let name = message.strip_prefix("unknown function with name '")?.strip_suffix('\'')?;
    let call = tokens.windows(2).find(|pair| {
        pair[0].text(query).eq_ignore_ascii_case(name) && pair[1].text(query) == "("
    })?;
    Some(call[0].span)
}

/// Whether the grammar takes the prefix with some completion; unknown when the work is used up.
fn can_be_completed(prefix: &str, work: &mut usize) -> Option<bool> {
    let closers = closers(prefix);
    // The completion may have to come inside or behind the innermost bracket.
    let (first, rest) = closers.split_at(closers.len().min(1));
    for completion in COMPLETIONS {
        for text in [
            format!("{prefix}{completion}{closers}"),
            format!("{prefix}{first}{completion}{rest}"),
            format!("{prefix} x{first}{completion}{rest}"),
        ] {
            *work = work.checked_sub(text.len())?;
            if grammar(&text).is_ok() {
                return Some(true);
            }
        }
    }
    Some(false)
}

/// The brackets that close what a prefix leaves open.
fn closers(prefix: &str) -> String {
    let Ok(tokens) = super::scan::tokens(prefix) else {
        return String::new();
    };
    let mut open = Vec::new();
    for token in tokens {
        match token.text(prefix) {
            "(" => open.push(')'),
            "[" => open.push(']'),
            "{" => open.push('}'),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
    }
    open.iter().rev().collect()
}
