//! Selectors, and what may stand behind them: ranges, subqueries, offsets, `@`.

use metric::{METRIC_NAME, MatchOp, Matcher};

use super::cursor::Parser;
use super::text;
use super::token::{Keyword, Token, TokenKind};
use crate::error::ParseError;
use crate::expr::{At, BinaryOp, Edges, Kind, Node, Selector, Shift, Span};
use crate::format::format_value;
use crate::quote::quote_bytes;

/// What messages call the inside of braces.
const PLACE: &str = "label matching";

impl Parser<'_> {
    /// Reads the rest of a selector whose name, if it has one, was taken.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Result<Node, ParseError> {
        let start = name.unwrap_or_else(|| self.peek()).span.start;
        let name = name.map(|token| token.text(self.query).to_owned());
        let mut matchers: Vec<Matcher> =
            name.iter().map(|name| Matcher::equal(METRIC_NAME, name)).collect();
        if self.skip(TokenKind::LeftBrace) {
            while !self.skip(TokenKind::RightBrace) {
                matchers.push(self.matcher()?);
                if self.peek().kind != TokenKind::RightBrace && !self.skip(TokenKind::Comma) {
                    return Err(self.unexpected_in(PLACE, "\",\" or \"}\""));
                }
            }
        }
        let selector =
            Selector { name, matchers, shift: Shift::default(), edges: Edges::default() };
        self.node(Kind::Select(selector), self.span_from(start))
    }

    fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let label = self.peek();
        let name = match label.kind {
            TokenKind::Identifier => label.text(self.query).to_owned(),
            TokenKind::Text => self.utf8(label)?,
            _ => return Err(self.unexpected_in(PLACE, "identifier or \"}\"")),
        };
        self.take();
        let op = match self.peek().kind {
            TokenKind::Equal => MatchOp::Equal,
            TokenKind::Binary(BinaryOp::Ne) => MatchOp::NotEqual,
            TokenKind::Matches => MatchOp::Matches,
            TokenKind::NotMatches => MatchOp::NotMatches,
            // A quoted name on its own is the metric's.
            _ if label.kind == TokenKind::Text => return Ok(Matcher::equal(METRIC_NAME, &name)),
            _ => return Err(self.unexpected_in(PLACE, "label matching operator")),
        };
        self.take();
        let value = self.peek();
        if value.kind != TokenKind::Text {
            return Err(self.unexpected_in(PLACE, "string"));
        }
        let text = self.utf8(value)?;
        self.take();
        Matcher::new(op, &name, &text)
            .map_err(|error| self.refuse(self.span_from(label.span.start), error.to_string()))
    }

    /// What a quoted text says, which must be UTF-8 because all names and values of labels are.
    fn utf8(&self, token: Token) -> Result<String, ParseError> {
        String::from_utf8(text::unquoted(token.text(self.query))).map_err(|error| {
            let text = quote_bytes(error.as_bytes());
            self.refuse(token.span, format!("label name or value is not valid UTF-8: {text}"))
        })
    }

    /// Reads what stands behind an operand.
    pub(super) fn postfix(&mut self, mut node: Node) -> Result<Node, ParseError> {
        loop {
            let token = self.peek();
            match token.kind {
                TokenKind::LeftBracket => node = self.brackets(node)?,
                TokenKind::At => {
                    self.take();
                    self.at(&mut node)?;
                }
                TokenKind::Keyword(Keyword::Offset) => {
                    self.take();
                    self.offset(&mut node)?;
                }
                TokenKind::Keyword(Keyword::Anchored) => {
                    self.take();
                    self.edges(&mut node, Edges::Anchored)?;
                }
                TokenKind::Keyword(Keyword::Smoothed) => {
                    self.take();
                    self.edges(&mut node, Edges::Smoothed)?;
                }
                _ => return Ok(node),
            }
        }
    }

    fn at(&mut self, node: &mut Node) -> Result<(), ParseError> {
        let at = self.time()?;
        let span = node.span;
        let Some(shift) = shift_of(node) else {
            let message = "@ modifier must be preceded by an instant vector selector or range \
                           vector selector or a subquery";
            return Err(self.refuse(span, message));
        };
        if shift.at.is_some() {
            return Err(self.refuse(span, "@ <timestamp> may not be set multiple times"));
        }
        shift.at = Some(at.map_err(|seconds| {
            let shown =
                if seconds.is_finite() { format!("{seconds:.6}") } else { format_value(seconds) };
            let span = self.span_from(span.start);
            self.refuse(span, format!("timestamp out of bounds for @ modifier: {shown}"))
        })?);
        node.span.end = self.last_end();
        node.steady = true;
        Ok(())
    }

    /// The time behind an `@`, or the number of seconds if it is beyond all times.
    fn time(&mut self) -> Result<Result<At, f64>, ParseError> {
        const EXPECTED: &str = "timestamp";
        let boundary = match self.peek().kind {
            TokenKind::Keyword(Keyword::Start) => At::Start,
            TokenKind::Keyword(Keyword::End) => At::End,
            _ => {
                let seconds = self.signed_number()?;
                let seconds = seconds.ok_or_else(|| self.unexpected_in("@", EXPECTED))?;
                return Ok(time_ms(seconds).map(At::Time).ok_or(seconds));
            }
        };
        self.take();
        if !self.skip(TokenKind::LeftParen) || !self.skip(TokenKind::RightParen) {
            return Err(self.unexpected_in("@", EXPECTED));
        }
        Ok(Ok(boundary))
    }

    fn edges(&mut self, node: &mut Node, edges: Edges) -> Result<(), ParseError> {
        let word = if edges == Edges::Anchored { "anchored" } else { "smoothed" };
        let span = node.span;
        let selector = match &mut node.kind {
            Kind::Select(selector) | Kind::Range { selector, .. } => selector,
            Kind::Subquery { .. } => {
                let message = format!("{word} modifier is not supported for subqueries");
                return Err(self.refuse(span, message));
            }
            _ => return Err(self.refuse(span, format!("{word} modifier not implemented"))),
        };
        if selector.edges != Edges::Open && selector.edges != edges {
            let message = "anchored and smoothed modifiers cannot be used together";
            return Err(self.refuse(span, message));
        }
        selector.edges = edges;
        node.span = self.span_from(span.start);
        Ok(())
    }

    /// The selector of a range; what may not stand before brackets is refused.
    pub(super) fn ranged(&self, node: Node, brackets: Span) -> Result<Selector, ParseError> {
        let computed_offset = node.formulas.is_some();
        let message = match node.kind {
            Kind::Select(selector) if selector.shift.offset_ms != 0 || computed_offset => {
                "no offset modifiers allowed before range"
            }
            Kind::Select(selector) if selector.shift.at.is_some() => {
                "no @ modifiers allowed before range"
            }
            Kind::Select(selector) => return Ok(selector),
            _ => "ranges only allowed for vector selectors",
        };
        Err(self.refuse(brackets, message))
    }
}

/// The shift of a selector or subquery.
pub(super) fn shift_of(node: &mut Node) -> Option<&mut Shift> {
    match &mut node.kind {
        Kind::Select(selector) | Kind::Range { selector, .. } => Some(&mut selector.shift),
        Kind::Subquery { shift, .. } => Some(shift),
        _ => None,
    }
}

/// Seconds as milliseconds, unless they are beyond all times; the last times are as one.
#[expect(clippy::cast_possible_truncation, reason = "a cast that keeps to the bounds is meant")]
fn time_ms(seconds: f64) -> Option<i64> {
    (seconds.abs() < i64::MAX as f64).then_some((seconds * 1000.0).round() as i64)
}
