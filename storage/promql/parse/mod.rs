//! From text to tree: a lexer, and a parser that climbs precedences.
//!
//! The language is that of Prometheus 3 with its experimental parts, and so are the messages and
//! places of errors (its `promql/parser`: `lex.go`, `generated_parser.y`, `parse.go`). The first
//! error ends the parsing. Types are checked when the whole text is known to be well formed.

mod check;
mod cursor;
mod duration;
mod lex;
mod number;
mod operator;
mod primary;
mod selector;
mod text;
mod token;

#[cfg(test)]
mod tests;

use metric::Matcher;

use crate::error::ParseError;
use crate::expr::{Expr, Kind};
use cursor::Parser;
use token::TokenKind;

/// Longest query text in bytes.
const QUERY_BYTES_MAX: usize = 128 * 1024;

/// Parses a query.
///
/// # Errors
/// A text that is not PromQL, or that is too long or too deep; the error names the place.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    let expr = parse_untyped(query)?;
    check::types(query, &expr.root)?;
    Ok(expr)
}

fn new_parser(text: &str) -> Result<Parser<'_>, ParseError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("query is longer than {QUERY_BYTES_MAX} bytes");
        return Err(ParseError::new(text, 0, 0, message));
    }
    Ok(Parser::new(text))
}

/// Parses a query without a check of types.
fn parse_untyped(query: &str) -> Result<Expr, ParseError> {
    let mut parser = new_parser(query)?;
    if parser.peek().kind == TokenKind::End {
        return Err(ParseError::new(query, 0, 0, "no expression found in input"));
    }
    let root = parser.expression(0)?;
    if parser.peek().kind != TokenKind::End {
        return Err(parser.unexpected());
    }
    Ok(Expr { query: query.to_owned(), root, unresolved: parser.unresolved })
}

/// Parses a plain instant selector, such as the `match[]` of the HTTP API, into its matchers. It
/// may be one that matches every series.
///
/// # Errors
/// As [`parse`]; and an expression that is more or other than a selector.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = new_parser(text)?;
    let node = parser.plain_selector()?;
    match node.kind {
        Kind::Select(selector) if parser.peek().kind == TokenKind::End => Ok(selector.matchers),
        _ => Err(parser.unexpected()),
    }
}
