//! Operators by precedence, and what may stand between an operator and its right side.

use super::cursor::Parser;
use super::primary::starts_expression;
use super::token::{Keyword, TokenKind};
use crate::error::ParseError;
use crate::expr::{Binary, BinaryOp, Grouping, Kind, ManySide, Matching, Node, Span, ValueKind};

/// What stands between an operator and its right side.
struct Modifiers {
    return_bool: bool,
    matching: Matching,
}

impl Parser<'_> {
    /// Reads an expression of operators that bind at least this strongly.
    pub(super) fn expression(&mut self, precedence_min: u8) -> Result<Node, ParseError> {
        self.enter()?;
        let mut left = self.operand()?;
        while let TokenKind::Binary(op) = self.peek().kind {
            if op.precedence() < precedence_min {
                break;
            }
            self.take();
            let modifiers = self.modifiers(op)?;
            let right_associative = op == BinaryOp::Pow;
            let right = self.expression(op.precedence() + u8::from(!right_associative))?;
            left = self.binary(op, modifiers, left, right)?;
        }
        self.leave();
        Ok(left)
    }

    fn binary(
        &self,
        op: BinaryOp,
        modifiers: Modifiers,
        left: Node,
        right: Node,
    ) -> Result<Node, ParseError> {
        let span = Span { start: left.span.start, end: right.span.end };
        let scalars = [&left, &right].iter().all(|side| side.value_kind() == ValueKind::Scalar);
        let kind = if scalars { ValueKind::Scalar } else { ValueKind::Vector };
        let Modifiers { return_bool, matching } = modifiers;
        let binary = Binary { op, left, right, kind, return_bool, matching };
        self.node(Kind::Binary(Box::new(binary)), span)
    }

    fn operand(&mut self) -> Result<Node, ParseError> {
        let token = self.peek();
        if !matches!(token.kind, TokenKind::Binary(BinaryOp::Add | BinaryOp::Sub)) {
            let primary = self.primary()?;
            return self.postfix(primary);
        }
        self.take();
        // A sign binds as multiplication does: weaker than a power.
        let inner = self.expression(BinaryOp::Pow.precedence())?;
        let span = Span { start: token.span.start, end: inner.span.end };
        let minus = token.kind == TokenKind::Binary(BinaryOp::Sub);
        let signed = |value: f64| if minus { -value } else { value };
        let kind = match inner.kind {
            Kind::Number(value) => Kind::Number(signed(value)),
            Kind::Duration(value) => Kind::Duration(signed(value)),
            _ if minus => Kind::Negate(Box::new(inner)),
            _ => Kind::Plus(Box::new(inner)),
        };
        self.node(kind, span)
    }

    fn modifiers(&mut self, op: BinaryOp) -> Result<Modifiers, ParseError> {
        let return_bool = self.skip(TokenKind::Keyword(Keyword::Bool));
        let mut matching = Matching {
            on: Grouping::new(true, Vec::new()),
            side: if op.is_set() { ManySide::Both } else { ManySide::Neither },
            include: Vec::new(),
            fill: (None, None),
        };
        let TokenKind::Keyword(keyword) = self.peek().kind else {
            return Ok(Modifiers { return_bool, matching });
        };
        if matches!(keyword, Keyword::On | Keyword::Ignoring) {
            self.take();
            let names = self.label_names()?;
            matching.on = Grouping::new(keyword == Keyword::Ignoring, names);
            self.many_side(&mut matching)?;
        }
        self.fills(&mut matching)?;
        Ok(Modifiers { return_bool, matching })
    }

    fn many_side(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        matching.side = match self.peek().kind {
            TokenKind::Keyword(Keyword::GroupLeft) => ManySide::Left,
            TokenKind::Keyword(Keyword::GroupRight) => ManySide::Right,
            _ => return Ok(()),
        };
        self.take();
        let next = self.peek().kind;
        let fills = matches!(next, TokenKind::Keyword(keyword) if keyword.is_fill());
        if next == TokenKind::LeftParen || !(starts_expression(next) || fills) {
            matching.include = self.label_names()?;
        }
        Ok(())
    }

    /// Reads `fill(1)`, or `fill_left(1)` and `fill_right(1)` in any order.
    fn fills(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        let (left, right) = (Keyword::FillLeft, Keyword::FillRight);
        if self.skip(TokenKind::Keyword(Keyword::Fill)) {
            let value = Some(self.fill_value()?);
            matching.fill = (value, value);
            return Ok(());
        }
        loop {
            let TokenKind::Keyword(keyword) = self.peek().kind else {
                return Ok(());
            };
            let side = match keyword {
                _ if keyword == left && matching.fill.0.is_none() => &mut matching.fill.0,
                _ if keyword == right && matching.fill.1.is_none() => &mut matching.fill.1,
                _ => return Ok(()),
            };
            self.take();
            *side = Some(self.fill_value()?);
        }
    }

    fn fill_value(&mut self) -> Result<f64, ParseError> {
        if !self.skip(TokenKind::LeftParen) {
            return Err(self.unexpected());
        }
        let value = self.signed_number()?.ok_or_else(|| self.unexpected())?;
        if !self.skip(TokenKind::RightParen) {
            return Err(self.unexpected());
        }
        Ok(value)
    }

    /// A number or duration with a sign or without, if there is one.
    pub(super) fn signed_number(&mut self) -> Result<Option<f64>, ParseError> {
        let minus = self.skip(TokenKind::Binary(BinaryOp::Sub));
        if !minus {
            self.skip(TokenKind::Binary(BinaryOp::Add));
        }
        let value = match self.peek().kind {
            TokenKind::Number => self.number()?,
            TokenKind::Duration => self.duration()?,
            _ => return Ok(None),
        };
        Ok(Some(if minus { -value } else { value }))
    }
}
