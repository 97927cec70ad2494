//! From text to tree: the grammar is the `promql-parser` crate's, places and checks are ours.
//!
//! The crate's tree knows no places and its errors name none, so the text is split into tokens
//! here as well: tokens give each node its span, and an error is located by asking the grammar
//! which prefix of the tokens can no longer be completed. What would make the crate panic or
//! recurse too deep is refused before it sees the text.

mod locate;
mod lower;
mod place;
mod scan;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use metric::Matcher;
use promql_parser::parser::function::{Function as Signature, register_extra_functions};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Expr as Parsed, parse as parse_grammar};

use crate::error::ParseError;
use crate::expr::{Expr, Kind, Shift};
use scan::{Token, TokenKind};

/// Longest query text in bytes.
const QUERY_BYTES_MAX: usize = 128 * 1024;
/// Most tokens: the grammar's type check is quadratic in the length of a chain.
const TOKENS_MAX: usize = 16_384;
/// Deepest nesting of brackets and signs.
const NESTING_MAX: usize = 128;
/// Longest duration, in seconds: some three thousand years.
const DURATION_S_MAX: f64 = 1e11;

/// Parses a query.
///
/// # Errors
/// A text that is not PromQL, or that uses what is not supported; the error names the place.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    if query.len() > QUERY_BYTES_MAX {
        let message = format!("query is longer than {QUERY_BYTES_MAX} bytes");
        return Err(ParseError::new(query, 0, 0, message));
    }
    let tokens = scan::tokens(query)?;
    check_tokens(query, &tokens)?;
    let (text, places) = scan::rewritten(query, &tokens)?;
    let parsed = grammar(&text)
        .map_err(|message| locate::error(query, &tokens, &text, &places, &message))?;
    let root = lower::tree(query, &tokens, &parsed)?;
    Ok(Expr { query: query.to_owned(), root })
}

/// Parses a plain instant selector, such as the `match[]` of the HTTP API, into its matchers.
///
/// # Errors
/// As [`parse`]; and an expression that is more or other than a selector.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    match parse(text)?.root.kind {
        Kind::Select(selector) if selector.shift == Shift::default() => Ok(selector.matchers),
        _ => Err(ParseError::new(text, 0, text.len(), "expected a selector of series")),
    }
}

/// Runs the crate's parser; a panic in it becomes an error.
fn grammar(text: &str) -> Result<Parsed, String> {
    register_names();
    catch_unwind(AssertUnwindSafe(|| parse_grammar(text)))
        .unwrap_or_else(|_| Err("query is not supported".to_owned()))
}

/// Tells the grammar of functions that it does not know.
fn register_names() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let args = vec![ValueType::Matrix, ValueType::Scalar, ValueType::Scalar];
        let names = vec![
            Signature::new("holt_winters", args, 0, ValueType::Vector, false),
            Signature::new("step", vec![], 0, ValueType::Scalar, true),
        ];
        for name in names {
            // A name that the crate has learnt meanwhile is refused, and that is fine.
            drop(register_extra_functions(vec![name]));
        }
    });
}

fn check_tokens(query: &str, tokens: &[Token]) -> Result<(), ParseError> {
    if tokens.is_empty() {
        return Err(ParseError::new(query, 0, 0, "no expression found in input"));
    }
    let refuse = |token: &Token, text: String| {
        ParseError::new(query, token.span.start, token.span.end, text)
    };
    if let Some(token) = tokens.get(TOKENS_MAX) {
        return Err(refuse(token, format!("query has more than {TOKENS_MAX} words and signs")));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut signs = 0;
    for (i, token) in tokens.iter().enumerate() {
        let text = token.text(query);
        match text {
            "(" | "[" | "{" => open.push(text),
            ")" | "]" | "}" => check_closing(query, token, open.pop())?,
            _ => {}
        }
        signs = if matches!(text, "-" | "+") { signs + 1 } else { 0 };
        if open.len() + signs > NESTING_MAX {
            return Err(refuse(token, format!("query is nested deeper than {NESTING_MAX}")));
        }
        let previous = i.checked_sub(1).and_then(|i| tokens.get(i)).map(|t| t.text(query));
        if token.kind == TokenKind::Number {
            check_number(query, token, open.last().copied(), previous)?;
        }
    }
    match open.last() {
        None => Ok(()),
        Some(sign) => {
            let message = format!("unexpected end of input: {sign:?} is not closed");
            Err(ParseError::new(query, query.len(), query.len(), message))
        }
    }
}

fn check_closing(query: &str, token: &Token, opened: Option<&str>) -> Result<(), ParseError> {
    let text = token.text(query);
    let fits = matches!((opened, text), (Some("("), ")") | (Some("["), "]") | (Some("{"), "}"));
    if fits {
        return Ok(());
    }
    let message = format!("unexpected {text:?}: nothing that it closes is open");
    Err(ParseError::new(query, token.span.start, token.span.end, message))
}

/// Refuses plain numbers that are too large to be a duration where a duration is meant.
fn check_number(
    query: &str,
    token: &Token,
    open: Option<&str>,
    previous: Option<&str>,
) -> Result<(), ParseError> {
    let as_duration = open == Some("[")
        || previous.is_some_and(|p| p.eq_ignore_ascii_case("offset") || p == "@")
        || matches!(previous, Some("-" | "+"));
    let Ok(seconds) = token.text(query).parse::<f64>() else {
        return Ok(());
    };
    if !as_duration || seconds.abs() <= DURATION_S_MAX {
        return Ok(());
    }
    if matches!(previous, Some("-" | "+")) && !follows_time_word(query, token) {
        return Ok(());
    }
    let message = format!("duration or time out of range: {}", token.text(query));
    Err(ParseError::new(query, token.span.start, token.span.end, message))
}

/// Whether the sign before a number follows `offset` or `@`.
fn follows_time_word(query: &str, token: &Token) -> bool {
    let before = query[..token.span.start].trim_end();
    let before = before.trim_end_matches(['-', '+']).trim_end();
    before.ends_with('@') || before.to_ascii_lowercase().ends_with("offset")
}
