//! What operators stand between: literals, selectors, calls, aggregations, parentheses.

use super::cursor::Parser;
use super::number;
use super::text;
use super::token::{Keyword, Token, TokenKind};
use crate::error::ParseError;
use crate::expr::{Aggregate, AggregateOp, BinaryOp, Grouping, Kind, Node};
use crate::format::duration_ms;
use crate::function::Function;
use crate::quote::quote;

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Node, ParseError> {
        let token = self.peek();
        let calls = self.peek_at(1).kind == TokenKind::LeftParen;
        match token.kind {
            TokenKind::Number => {
                let value = self.number()?;
                self.node(Kind::Number(value), token.span)
            }
            TokenKind::Duration => {
                let value = self.duration()?;
                self.node(Kind::Duration(value), token.span)
            }
            TokenKind::Text => {
                self.take();
                let kind = String::from_utf8(text::unquoted(token.text(self.query)))
                    .map_or_else(|error| Kind::Bytes(error.into_bytes()), Kind::Text);
                self.node(kind, token.span)
            }
            TokenKind::LeftParen => self.paren(),
            TokenKind::Identifier if calls => self.call(),
            TokenKind::Keyword(keyword) if calls && keyword.is_time() => self.call(),
            TokenKind::Aggregator(op) if self.aggregates() => self.aggregate(op),
            _ => self.plain_selector(),
        }
    }

    /// Reads a selector and nothing that may stand behind one.
    pub(super) fn plain_selector(&mut self) -> Result<Node, ParseError> {
        let token = self.peek();
        match token.kind {
            TokenKind::LeftBrace => self.selector(None),
            kind if is_metric_name(kind) => {
                self.take();
                self.selector(Some(token))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The value of the next token, a number.
    pub(super) fn number(&mut self) -> Result<f64, ParseError> {
        let token = self.take();
        number::value(token.text(self.query)).map_err(|message| self.refuse(token.span, message))
    }

    /// The value of the next token, a duration, in seconds.
    pub(super) fn duration(&mut self) -> Result<f64, ParseError> {
        let token = self.take();
        let millis = duration_ms(token.text(self.query))
            .map_err(|message| self.refuse(token.span, message))?;
        Ok(millis as f64 / 1000.0)
    }

    fn paren(&mut self) -> Result<Node, ParseError> {
        let open = self.take();
        let inner = self.expression(0)?;
        if !self.skip(TokenKind::RightParen) {
            return Err(self.unexpected());
        }
        self.node(Kind::Paren(Box::new(inner)), self.span_from(open.span.start))
    }

    fn call(&mut self) -> Result<Node, ParseError> {
        let name = self.take();
        let args = self.arguments()?;
        let text = name.text(self.query);
        let known = match name.kind {
            TokenKind::Keyword(_) => Function::from_name(&text.to_ascii_lowercase()),
            _ => Function::from_name(text),
        };
        let function = known.ok_or_else(|| {
            self.refuse(name.span, format!("unknown function with name {}", quote(text)))
        })?;
        self.node(Kind::Call { function, args }, self.span_from(name.span.start))
    }

    /// Reads `(a, b)`.
    fn arguments(&mut self) -> Result<Vec<Node>, ParseError> {
        if !self.skip(TokenKind::LeftParen) {
            return Err(self.unexpected());
        }
        let mut args = Vec::new();
        if self.skip(TokenKind::RightParen) {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            if self.skip(TokenKind::RightParen) {
                return Ok(args);
            }
            let comma = self.peek();
            if !self.skip(TokenKind::Comma) {
                return Err(self.unexpected());
            }
            let next = self.peek().kind;
            if next != TokenKind::Bad && !starts_expression(next) {
                let message = "trailing commas not allowed in function call args";
                return Err(self.refuse(comma.span, message));
            }
        }
    }

    /// Whether an aggregation follows the name of one, not the rest of a selector.
    fn aggregates(&self) -> bool {
        matches!(
            self.peek_at(1).kind,
            TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without)
        )
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<Node, ParseError> {
        let name = self.take();
        self.aggregations += 1;
        let before = self.grouping()?;
        let args = self.arguments()?;
        let after = if before.is_none() { self.grouping()? } else { None };
        if before.is_none() && after.is_none() && self.peek().kind == TokenKind::Bad {
            // Whether a grouping follows could not be told.
            return Err(self.unexpected());
        }
        self.aggregations -= 1;
        let grouping = before.or(after).unwrap_or_else(|| Grouping::by(Vec::new()));
        let span = self.span_from(name.span.start);
        if args.is_empty() {
            let message = "no arguments for aggregate expression provided";
            return Err(self.refuse(span, message));
        }
        let (wanted, found) = (1 + usize::from(op.param_kind().is_some()), args.len());
        let mut args = args.into_iter();
        let param = if wanted == 2 { args.next() } else { None };
        let (Some(inner), None) = (args.next(), args.next()) else {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, \
                 got {found}"
            );
            return Err(self.refuse(span, message));
        };
        self.node(Kind::Aggregate(Box::new(Aggregate { op, param, inner, grouping })), span)
    }

    /// Reads `by (a)` or `without (a)`, if it follows.
    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        let TokenKind::Keyword(keyword @ (Keyword::By | Keyword::Without)) = self.peek().kind
        else {
            return Ok(None);
        };
        self.take();
        let names = self.label_names()?;
        Ok(Some(Grouping::new(keyword == Keyword::Without, names)))
    }

    /// Reads `(a, "b.c")`.
    pub(super) fn label_names(&mut self) -> Result<Vec<String>, ParseError> {
        const PLACE: &str = "grouping opts";
        if !self.skip(TokenKind::LeftParen) {
            return Err(self.unexpected_in(PLACE, "\"(\""));
        }
        let mut names = Vec::new();
        while !self.skip(TokenKind::RightParen) {
            let token = self.peek();
            let text = token.text(self.query);
            let name = match token.kind {
                TokenKind::Text => text::unquoted(text),
                kind if is_label_name(kind) => text.as_bytes().to_vec(),
                _ => return Err(self.unexpected_in(PLACE, "label")),
            };
            self.take();
            let name =
                String::from_utf8(name).map_err(|error| self.bad_label(token, error.as_bytes()))?;
            if name.is_empty() {
                return Err(self.bad_label(token, b""));
            }
            names.push(name);
            if self.peek().kind != TokenKind::RightParen && !self.skip(TokenKind::Comma) {
                return Err(self.unexpected_in(PLACE, "\",\" or \")\""));
            }
        }
        Ok(names)
    }

    fn bad_label(&self, token: Token, name: &[u8]) -> ParseError {
        let name = crate::quote::quote_bytes(name);
        self.refuse(token.span, format!("invalid label name for grouping: {name}"))
    }
}

/// Whether a token can be the name of a metric.
fn is_metric_name(kind: TokenKind) -> bool {
    match kind {
        TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregator(_) => true,
        TokenKind::Binary(op) => op.is_set(),
        TokenKind::Keyword(keyword) => {
            keyword.is_time()
                || matches!(
                    keyword,
                    Keyword::By
                        | Keyword::Without
                        | Keyword::Offset
                        | Keyword::Anchored
                        | Keyword::Smoothed
                )
        }
        _ => false,
    }
}

/// Whether a token can be the name of a label in a list.
fn is_label_name(kind: TokenKind) -> bool {
    match kind {
        TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregator(_) => true,
        TokenKind::Binary(op) => op.is_set() || op == BinaryOp::Atan2,
        TokenKind::Keyword(keyword) => keyword != Keyword::Without,
        _ => false,
    }
}

/// Whether an expression can start with a token.
pub(super) fn starts_expression(kind: TokenKind) -> bool {
    is_metric_name(kind)
        || matches!(
            kind,
            TokenKind::Number
                | TokenKind::Duration
                | TokenKind::Text
                | TokenKind::LeftParen
                | TokenKind::LeftBrace
                | TokenKind::Binary(BinaryOp::Add | BinaryOp::Sub)
        )
}
