//! Turns the grammar's tree into ours: places, matchers, milliseconds, and checks of our own.

use std::time::{Duration, UNIX_EPOCH};

use metric::{METRIC_NAME, MatchOp, Matcher};
use promql_parser::label::MatchOp as ParsedOp;
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinaryExpr, Call, Expr as Parsed, LabelModifier, MatrixSelector,
    Offset, SubqueryExpr, VectorMatchCardinality, VectorSelector,
};

use super::place::Cursor;
use super::scan::{Token, TokenKind};
use crate::error::ParseError;
use crate::expr::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Grouping, Kind, ManySide, Matching, Node,
    Selector, Shift, Span, ValueKind,
};
use crate::function::Function;

/// Deepest tree; a chain of operators is as deep as it is long.
const DEPTH_MAX: usize = 256;

/// Turns the grammar's tree of a whole query into ours.
pub(super) fn tree(query: &str, tokens: &[Token], parsed: &Parsed) -> Result<Node, ParseError> {
    let cursor = Cursor::new(query, tokens);
    Lowering { query, cursor, depth: 0 }.node(parsed)
}

struct Lowering<'q> {
    query: &'q str,
    cursor: Cursor<'q>,
    depth: usize,
}

impl Lowering<'_> {
    fn refuse(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.query, span.start, span.end, message)
    }

    fn node(&mut self, parsed: &Parsed) -> Result<Node, ParseError> {
        let mut start = self.cursor.start();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("query is nested deeper than {DEPTH_MAX}");
            return Err(self.refuse(self.cursor.span_from(start), message));
        }
        // The grammar drops a plus sign and folds a minus sign into a number.
        self.cursor.skip_all(&["+"]);
        let kind = match parsed {
            Parsed::NumberLiteral(number) => {
                self.cursor.skip_all(&["+", "-"]);
                self.cursor.expect_kind(TokenKind::Number);
                Kind::Number(number.val)
            }
            Parsed::StringLiteral(text) => {
                self.cursor.expect_kind(TokenKind::Text);
                Kind::Text(text.val.clone())
            }
            Parsed::VectorSelector(selector) => {
                self.skip_selector(selector);
                self.cursor.skip_shift();
                Kind::Select(self.selector(selector, start)?)
            }
            Parsed::MatrixSelector(selector) => self.range(selector, start)?,
            Parsed::Subquery(subquery) => self.subquery(subquery, start)?,
            Parsed::Call(call) => self.call(call, start)?,
            Parsed::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Parsed::Unary(unary) => {
                self.cursor.expect("-");
                Kind::Negate(Box::new(self.node(&unary.expr)?))
            }
            Parsed::Binary(binary) => {
                let binary = self.binary(binary)?;
                start = start.min(binary.left.span.start);
                Kind::Binary(Box::new(binary))
            }
            Parsed::Paren(paren) => {
                self.cursor.expect("(");
                let inner = self.node(&paren.expr)?;
                self.cursor.expect(")");
                Kind::Paren(Box::new(inner))
            }
            Parsed::Extension(_) => {
                let span = self.cursor.span_from(start);
                return Err(self.refuse(span, "expression is not supported"));
            }
        };
        self.depth -= 1;
        let steady = is_steady(&kind);
        Ok(Node { kind, span: self.cursor.span_from(start), steady })
    }

    fn skip_selector(&mut self, selector: &VectorSelector) {
        if selector.name.is_some() && self.cursor.peek_kind() == Some(TokenKind::Word) {
            self.cursor.take();
        }
        self.cursor.skip_bracket("{");
    }

    fn selector(&self, parsed: &VectorSelector, start: usize) -> Result<Selector, ParseError> {
        let span = self.cursor.span_from(start);
        if !parsed.matchers.or_matchers.is_empty() {
            return Err(self.refuse(span, "\"or\" between label matchers is not supported"));
        }
        let mut matchers = Vec::with_capacity(parsed.matchers.matchers.len() + 1);
        if let Some(name) = &parsed.name {
            matchers.push(Matcher::equal(METRIC_NAME, name));
        }
        for matcher in &parsed.matchers.matchers {
            let op = match matcher.op {
                ParsedOp::Equal => MatchOp::Equal,
                ParsedOp::NotEqual => MatchOp::NotEqual,
                ParsedOp::Re(_) => MatchOp::Matches,
                ParsedOp::NotRe(_) => MatchOp::NotMatches,
            };
            let matcher = Matcher::new(op, &matcher.name, &matcher.value)
                .map_err(|error| self.refuse(span, error.to_string()))?;
            matchers.push(matcher);
        }
        let shift = self.shift(parsed.offset.as_ref(), parsed.at.as_ref(), span)?;
        Ok(Selector { matchers, shift })
    }

    fn shift(
        &self,
        offset: Option<&Offset>,
        at: Option<&AtModifier>,
        span: Span,
    ) -> Result<Shift, ParseError> {
        let offset_ms = match offset {
            None => 0,
            Some(Offset::Pos(offset)) => self.millis(*offset, span)?,
            Some(Offset::Neg(offset)) => -self.millis(*offset, span)?,
        };
        let at = match at {
            None => None,
            Some(AtModifier::Start) => Some(At::Start),
            Some(AtModifier::End) => Some(At::End),
            Some(AtModifier::At(time)) => Some(At::Time(match time.duration_since(UNIX_EPOCH) {
                Ok(after) => self.millis(after, span)?,
                Err(before) => -self.millis(before.duration(), span)?,
            })),
        };
        Ok(Shift { offset_ms, at })
    }

    fn millis(&self, duration: Duration, span: Span) -> Result<i64, ParseError> {
        // Rounded, because the grammar goes through floating-point seconds.
        let millis = (duration.as_nanos() + 500_000) / 1_000_000;
        i64::try_from(millis)
            .ok()
            .filter(|millis| *millis <= i64::MAX / 1024)
            .ok_or_else(|| self.refuse(span, "duration or time out of range"))
    }

    fn range(&mut self, parsed: &MatrixSelector, start: usize) -> Result<Kind, ParseError> {
        self.skip_selector(&parsed.vs);
        self.cursor.skip_bracket("[");
        self.cursor.skip_shift();
        let selector = self.selector(&parsed.vs, start)?;
        let range_ms = self.positive(parsed.range, "range", start)?;
        Ok(Kind::Range { selector, range_ms })
    }

    fn positive(&self, length: Duration, what: &str, start: usize) -> Result<i64, ParseError> {
        let span = self.cursor.span_from(start);
        match self.millis(length, span)? {
            0 => Err(self.refuse(span, format!("{what} must be greater than 0"))),
            millis => Ok(millis),
        }
    }

    fn subquery(&mut self, parsed: &SubqueryExpr, start: usize) -> Result<Kind, ParseError> {
        let inner = self.node(&parsed.expr)?;
        self.cursor.skip_bracket("[");
        self.cursor.skip_shift();
        let span = self.cursor.span_from(start);
        let range_ms = self.positive(parsed.range, "range", start)?;
        let step_ms = match parsed.step {
            None => None,
            Some(step) => Some(self.positive(step, "step", start)?),
        };
        let shift = self.shift(parsed.offset.as_ref(), parsed.at.as_ref(), span)?;
        Ok(Kind::Subquery { inner: Box::new(inner), range_ms, step_ms, shift })
    }

    fn call(&mut self, parsed: &Call, start: usize) -> Result<Kind, ParseError> {
        self.cursor.take();
        let name_span = self.cursor.span_from(start);
        let name = parsed.func.name;
        let Some(function) = Function::from_name(name) else {
            return Err(self.refuse(name_span, format!("function {name:?} is not supported")));
        };
        self.cursor.expect("(");
        let mut args = Vec::with_capacity(parsed.args.args.len());
        for (i, arg) in parsed.args.args.iter().enumerate() {
            if i > 0 {
                self.cursor.expect(",");
            }
            let node = self.node(arg)?;
            let types = &parsed.func.arg_types;
            let wanted = types.get(i).or(types.last()).map(|wanted| kind_of(*wanted));
            let found = node.value_kind();
            if wanted.is_some_and(|wanted| wanted != found) {
                let wanted = wanted.unwrap_or(found);
                let message =
                    format!("expected type {wanted} in call to function {name:?}, got {found}");
                return Err(self.refuse(node.span, message));
            }
            args.push(node);
        }
        self.cursor.expect(")");
        Ok(Kind::Call { function, args })
    }

    fn aggregate(&mut self, parsed: &AggregateExpr) -> Result<Kind, ParseError> {
        let start = self.cursor.start();
        self.cursor.take();
        let name = parsed.op.to_string();
        let op = aggregate_op(&name)
            .ok_or_else(|| self.refuse(self.cursor.span_from(start), "unknown aggregation"))?;
        self.cursor.skip_grouping();
        self.cursor.expect("(");
        let param = match &parsed.param {
            None => None,
            Some(param) => {
                let node = self.node(param)?;
                self.cursor.expect(",");
                Some(node)
            }
        };
        if let Some(param) = &param {
            let text = op == AggregateOp::CountValues;
            let wanted = if text { ValueKind::String } else { ValueKind::Scalar };
            if param.value_kind() != wanted {
                let found = param.value_kind();
                let message = format!("expected type {wanted} as parameter of {name}, got {found}");
                return Err(self.refuse(param.span, message));
            }
        }
        let inner = self.node(&parsed.expr)?;
        self.cursor.expect(")");
        self.cursor.skip_grouping();
        let grouping = match &parsed.modifier {
            None => Grouping::by(Vec::new()),
            Some(LabelModifier::Include(names)) => Grouping::new(false, names.labels.clone()),
            Some(LabelModifier::Exclude(names)) => Grouping::new(true, names.labels.clone()),
        };
        Ok(Kind::Aggregate(Box::new(Aggregate { op, param, inner, grouping })))
    }

    fn binary(&mut self, parsed: &BinaryExpr) -> Result<Binary, ParseError> {
        let left = self.node(&parsed.lhs)?;
        let start = self.cursor.start();
        self.cursor.take();
        let op = binary_op(&parsed.op.to_string())
            .ok_or_else(|| self.refuse(self.cursor.span_from(start), "unknown operator"))?;
        self.cursor.skip_matching();
        let right = self.node(&parsed.rhs)?;
        let scalars = [&left, &right].iter().all(|n| n.value_kind() == ValueKind::Scalar);
        let kind = if scalars { ValueKind::Scalar } else { ValueKind::Vector };
        let default = Matching {
            on: Grouping::new(true, Vec::new()),
            side: if op.is_set() { ManySide::Both } else { ManySide::Neither },
            include: Vec::new(),
            fill: (None, None),
        };
        let Some(modifier) = &parsed.modifier else {
            return Ok(Binary { op, left, right, kind, return_bool: false, matching: default });
        };
        let on = match &modifier.matching {
            None => default.on,
            Some(LabelModifier::Include(names)) => Grouping::new(false, names.labels.clone()),
            Some(LabelModifier::Exclude(names)) => Grouping::new(true, names.labels.clone()),
        };
        let (side, include) = match &modifier.card {
            VectorMatchCardinality::OneToOne => (ManySide::Neither, Vec::new()),
            VectorMatchCardinality::ManyToOne(names) => (ManySide::Left, names.labels.clone()),
            VectorMatchCardinality::OneToMany(names) => (ManySide::Right, names.labels.clone()),
            VectorMatchCardinality::ManyToMany => (ManySide::Both, Vec::new()),
        };
        let fill = (modifier.fill_values.lhs, modifier.fill_values.rhs);
        let matching = Matching { on, side, include, fill };
        Ok(Binary { op, left, right, kind, return_bool: modifier.return_bool, matching })
    }
}

/// Whether a node's value cannot change from step to step.
fn is_steady(kind: &Kind) -> bool {
    match kind {
        Kind::Number(_) | Kind::Text(_) => true,
        Kind::Select(selector) | Kind::Range { selector, .. } => selector.shift.at.is_some(),
        Kind::Subquery { shift, .. } => shift.at.is_some(),
        Kind::Call { function, args } => {
            !function.reads_time() && args.iter().all(|arg| arg.steady)
        }
        Kind::Aggregate(aggregate) => {
            aggregate.inner.steady && aggregate.param.as_ref().is_none_or(|param| param.steady)
        }
        Kind::Negate(inner) | Kind::Paren(inner) => inner.steady,
        Kind::Binary(binary) => binary.left.steady && binary.right.steady,
    }
}

fn kind_of(parsed: ValueType) -> ValueKind {
    match parsed {
        ValueType::Vector => ValueKind::Vector,
        ValueType::Scalar => ValueKind::Scalar,
        ValueType::Matrix => ValueKind::Matrix,
        ValueType::String => ValueKind::String,
    }
}

fn aggregate_op(name: &str) -> Option<AggregateOp> {
    Some(match name {
        "sum" => AggregateOp::Sum,
        "avg" => AggregateOp::Avg,
        "min" => AggregateOp::Min,
        "max" => AggregateOp::Max,
        "count" => AggregateOp::Count,
        "group" => AggregateOp::Group,
        "stddev" => AggregateOp::Stddev,
        "stdvar" => AggregateOp::Stdvar,
        "quantile" => AggregateOp::Quantile,
        "topk" => AggregateOp::TopK,
        "bottomk" => AggregateOp::BottomK,
        "limitk" => AggregateOp::LimitK,
        "limit_ratio" => AggregateOp::LimitRatio,
        "count_values" => AggregateOp::CountValues,
        _ => return None,
    })
}

fn binary_op(sign: &str) -> Option<BinaryOp> {
    Some(match sign {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "%" => BinaryOp::Mod,
        "^" => BinaryOp::Pow,
        "atan2" => BinaryOp::Atan2,
        "==" => BinaryOp::Eq,
        "!=" => BinaryOp::Ne,
        ">" => BinaryOp::Gt,
        "<" => BinaryOp::Lt,
        ">=" => BinaryOp::Ge,
        "<=" => BinaryOp::Le,
        "and" => BinaryOp::And,
        "or" => BinaryOp::Or,
        "unless" => BinaryOp::Unless,
        _ => return None,
    })
}
