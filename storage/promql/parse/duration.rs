//! Ranges, steps and offsets: plain durations and durations that are computed.

use super::cursor::Parser;
use super::selector::shift_of;
use super::token::{Keyword, Token, TokenKind};
use crate::error::ParseError;
use crate::expr::{AggregateOp, BinaryOp, Kind, Node, Shift, Span};
use crate::formula::{DURATION_S_MAX, Formula, FormulaKind, FormulaOp, Formulas};

/// Most operators of one duration: a chain of them is a deep tree.
const OPERATORS_MAX: usize = 128;

/// Where a duration stands, for messages.
#[derive(Clone, Copy)]
struct Place {
    name: &'static str,
    expected: &'static str,
}

const RANGE: Place =
    Place { name: "subquery or range selector", expected: "number, duration, step(), or range()" };
const STEP: Place =
    Place { name: "subquery selector", expected: "number, duration, step(), range(), or \"]\"" };
const OFFSET: Place = Place { name: "offset", expected: "number, duration, step(), or range()" };

impl Parser<'_> {
    /// Reads `[5m]` or `[5m:1m]` behind an operand.
    pub(super) fn brackets(&mut self, mut node: Node) -> Result<Node, ParseError> {
        let open = self.take();
        let (range_ms, range) = self.positive(RANGE)?;
        let mut formulas = Formulas { range, ..Formulas::default() };
        let start = node.span.start;
        if self.skip(TokenKind::RightBracket) {
            let selector = self.ranged(node, self.span_from(open.span.start))?;
            node = self.node(Kind::Range { selector, range_ms }, self.span_from(start))?;
        } else {
            if !self.skip(TokenKind::Colon) {
                return Err(self.unexpected_in("subquery or range", "\":\" or \"]\""));
            }
            let mut step_ms = None;
            if self.peek().kind != TokenKind::RightBracket {
                let (millis, step) = self.positive(STEP)?;
                step_ms = Some(millis);
                formulas.step = step;
            }
            if !self.skip(TokenKind::RightBracket) {
                return Err(self.unexpected_in(STEP.name, "\"]\""));
            }
            let (inner, shift) = (Box::new(node), Shift::default());
            let kind = Kind::Subquery { inner, range_ms, step_ms, shift };
            node = self.node(kind, self.span_from(start))?;
        }
        self.attach(&mut node, formulas);
        Ok(node)
    }

    fn attach(&mut self, node: &mut Node, formulas: Formulas) {
        if formulas != Formulas::default() {
            node.formulas = Some(Box::new(formulas));
            self.unresolved = true;
        }
    }

    /// Reads a range or step: milliseconds if they are known, or else a formula.
    fn positive(&mut self, place: Place) -> Result<(i64, Option<Formula>), ParseError> {
        self.duration_operators = 0;
        let formula = self.formula(0, place)?;
        let Some(seconds) = formula.literal() else {
            return Ok((0, Some(formula)));
        };
        match to_millis(seconds) {
            millis if millis > 0 => Ok((millis, None)),
            _ => Err(self.refuse(formula.span, "duration must be greater than 0")),
        }
    }

    /// Reads what follows `offset`.
    pub(super) fn offset(&mut self, node: &mut Node) -> Result<(), ParseError> {
        let formula = self.offset_formula()?;
        let span = node.span;
        let literal = formula.literal();
        let is_set = node.formulas.as_ref().is_some_and(|known| known.offset.is_some());
        let Some(shift) = shift_of(node) else {
            let message = "offset modifier must be preceded by an instant vector selector or \
                           range vector selector or a subquery";
            return Err(self.refuse(span, message));
        };
        if shift.offset_ms != 0 || is_set {
            return Err(self.refuse(span, "offset may not be set multiple times"));
        }
        if let Some(seconds) = literal {
            shift.offset_ms = to_millis(seconds);
        } else {
            node.formulas.get_or_insert_default().offset = Some(formula);
            self.unresolved = true;
        }
        node.span = self.span_from(span.start);
        Ok(())
    }

    /// A single duration, with a sign or without, so that what follows it stays an operator of
    /// the expression: `a offset 5m - b`. Only behind parentheses may the formula go on.
    fn offset_formula(&mut self) -> Result<Formula, ParseError> {
        self.duration_operators = 0;
        let starts_with_paren = self.peek().kind == TokenKind::LeftParen;
        let mut formula = if self.sign().is_some() {
            let sign = self.take();
            let operand = self.formula_operand(OFFSET)?;
            signed(sign, operand)
        } else {
            self.formula_operand(OFFSET)?
        };
        if starts_with_paren {
            let mark = self.mark();
            match self.formula_rest(formula.clone(), 0, OFFSET) {
                Ok(longer) => formula = longer,
                // What follows is no duration but an operand of the expression.
                Err(_) => self.back_to(mark),
            }
        }
        Ok(formula)
    }

    fn sign(&self) -> Option<BinaryOp> {
        match self.peek().kind {
            TokenKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)) => Some(op),
            _ => None,
        }
    }

    /// Reads a formula of operators that bind at least this strongly.
    fn formula(&mut self, precedence_min: u8, place: Place) -> Result<Formula, ParseError> {
        self.enter()?;
        let left = if self.sign().is_some() {
            let sign = self.take();
            let operand = self.formula(BinaryOp::Pow.precedence(), place)?;
            signed(sign, operand)
        } else {
            self.formula_operand(place)?
        };
        let formula = self.formula_rest(left, precedence_min, place)?;
        self.leave();
        Ok(formula)
    }

    fn formula_rest(
        &mut self,
        mut left: Formula,
        precedence_min: u8,
        place: Place,
    ) -> Result<Formula, ParseError> {
        while let TokenKind::Binary(op) = self.peek().kind {
            let (Some(known), precedence) = (formula_op(op), op.precedence()) else { break };
            if precedence < precedence_min {
                break;
            }
            let sign = self.take();
            self.duration_operators += 1;
            if self.duration_operators > OPERATORS_MAX {
                let message = format!("duration has more than {OPERATORS_MAX} operators");
                return Err(self.refuse(sign.span, message));
            }
            let right_associative = op == BinaryOp::Pow;
            let right = self.formula(precedence + u8::from(!right_associative), place)?;
            if right.literal() == Some(0.0) {
                match known {
                    FormulaOp::Div => return Err(self.refuse(sign.span, "division by zero")),
                    FormulaOp::Mod => return Err(self.refuse(sign.span, "modulo by zero")),
                    _ => {}
                }
            }
            let span = Span { start: left.span.start, end: right.span.end };
            let kind = FormulaKind::Binary(known, Box::new(left), Box::new(right));
            left = Formula { kind, span };
        }
        Ok(left)
    }

    fn formula_operand(&mut self, place: Place) -> Result<Formula, ParseError> {
        let token = self.peek();
        let kind = match token.kind {
            TokenKind::Number => FormulaKind::Seconds(self.number()?),
            TokenKind::Duration => FormulaKind::Duration(self.duration()?),
            TokenKind::LeftParen => {
                self.take();
                let inner = self.formula(0, place)?;
                self.close(place)?;
                match inner.kind {
                    kind @ FormulaKind::Paren(_) => kind,
                    _ => FormulaKind::Paren(Box::new(inner)),
                }
            }
            TokenKind::Keyword(keyword @ (Keyword::Step | Keyword::Range)) => {
                self.take();
                self.open(place)?;
                self.close(place)?;
                if keyword == Keyword::Step { FormulaKind::Step } else { FormulaKind::Range }
            }
            _ => self.pick(token, place)?,
        };
        let formula = Formula { kind, span: self.span_from(token.span.start) };
        match formula.literal() {
            Some(seconds) if seconds.is_nan() || seconds.abs() > DURATION_S_MAX => {
                Err(self.refuse(formula.span, "duration out of range"))
            }
            _ => Ok(formula),
        }
    }

    /// Reads `min_of(a, b)` or `max_of(a, b)`, which were once called `min` and `max`.
    fn pick(&mut self, token: Token, place: Place) -> Result<FormulaKind, ParseError> {
        let op =
            match (token.kind, token.text(self.query).to_ascii_lowercase().as_str()) {
                (TokenKind::Aggregator(AggregateOp::Min), _)
                | (TokenKind::Identifier, "min_of") => FormulaOp::Min,
                (TokenKind::Aggregator(AggregateOp::Max), _)
                | (TokenKind::Identifier, "max_of") => FormulaOp::Max,
                _ => return Err(self.unexpected_in(place.name, place.expected)),
            };
        self.take();
        self.open(place)?;
        let left = self.formula(0, place)?;
        if !self.skip(TokenKind::Comma) {
            return Err(self.unexpected_in(place.name, place.expected));
        }
        let right = self.formula(0, place)?;
        self.close(place)?;
        Ok(FormulaKind::Binary(op, Box::new(left), Box::new(right)))
    }

    fn open(&mut self, place: Place) -> Result<(), ParseError> {
        if self.skip(TokenKind::LeftParen) {
            return Ok(());
        }
        Err(self.unexpected_in(place.name, place.expected))
    }

    fn close(&mut self, place: Place) -> Result<(), ParseError> {
        if self.skip(TokenKind::RightParen) {
            return Ok(());
        }
        Err(self.unexpected_in(place.name, place.expected))
    }
}

/// A formula behind a sign.
fn signed(sign: Token, inner: Formula) -> Formula {
    let span = Span { start: sign.span.start, end: inner.span.end };
    if sign.kind == TokenKind::Binary(BinaryOp::Add) {
        return Formula { span, ..inner };
    }
    let kind = match inner.kind {
        FormulaKind::Seconds(value) => FormulaKind::Seconds(-value),
        FormulaKind::Duration(value) => FormulaKind::Duration(-value),
        _ => FormulaKind::Negate(Box::new(inner)),
    };
    Formula { kind, span }
}

fn formula_op(op: BinaryOp) -> Option<FormulaOp> {
    Some(match op {
        BinaryOp::Add => FormulaOp::Add,
        BinaryOp::Sub => FormulaOp::Sub,
        BinaryOp::Mul => FormulaOp::Mul,
        BinaryOp::Div => FormulaOp::Div,
        BinaryOp::Mod => FormulaOp::Mod,
        BinaryOp::Pow => FormulaOp::Pow,
        _ => return None,
    })
}

/// Seconds within [`DURATION_S_MAX`] as milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "some 300 years fit")]
fn to_millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
