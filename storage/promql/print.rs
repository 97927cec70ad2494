//! An expression in one line, as Prometheus prints it (`promql/parser/printer.go`).

use std::fmt;

use metric::{METRIC_NAME, MatchOp, Matcher};

use crate::expr::{
    Aggregate, At, Binary, Edges, Expr, Grouping, Kind, ManySide, Node, Selector, Shift,
};
use crate::format::{format_duration, format_value, short_float};
use crate::formula::{Formula, FormulaKind, FormulaOp, Formulas};
use crate::quote::{quote, quote_bytes};

/// The expression in one line: comments and spare blanks are gone, matchers are in order.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let formulas = self.formulas.as_deref();
        match &self.kind {
            Kind::Number(value) => f.write_str(&format_value(*value)),
            Kind::Duration(seconds) => f.write_str(&signed_duration(*seconds)),
            Kind::Text(text) => f.write_str(&quote(text)),
            Kind::Bytes(bytes) => f.write_str(&quote_bytes(bytes)),
            Kind::Select(selector) => {
                write!(f, "{}{}", Matchers(selector), AtTime(selector.shift))?;
                write!(f, "{}{}", selector.edges, Offset(selector.shift, formulas))
            }
            Kind::Range { selector, range_ms } => {
                let range = Length(Some(*range_ms), formulas.and_then(|f| f.range.as_ref()));
                write!(f, "{}[{range}]{}", Matchers(selector), selector.edges)?;
                write!(f, "{}{}", AtTime(selector.shift), Offset(selector.shift, formulas))
            }
            Kind::Subquery { inner, .. } => write!(f, "{inner}{}", Brackets(self)),
            Kind::Call { function, args } => {
                write!(f, "{}(", function.name())?;
                for (i, arg) in args.iter().enumerate() {
                    write!(f, "{}{arg}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Kind::Aggregate(aggregate) => {
                write!(f, "{}(", AggregateHead(aggregate))?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.inner)
            }
            Kind::Negate(inner) => write!(f, "-{inner}"),
            Kind::Plus(inner) => write!(f, "+{inner}"),
            Kind::Paren(inner) => write!(f, "({inner})"),
            Kind::Binary(binary) => {
                write!(f, "{} {} {}", binary.left, Operator(binary), binary.right)
            }
        }
    }
}

/// An operator with its modifiers.
pub(crate) struct Operator<'n>(pub(crate) &'n Binary);

impl fmt::Display for Operator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Binary { op, return_bool, matching, .. } = self.0;
        f.write_str(op.sign())?;
        if *return_bool {
            f.write_str(" bool")?;
        }
        if !self.0.matches_vectors() {
            return Ok(());
        }
        let side = match matching.side {
            ManySide::Left => Some("left"),
            ManySide::Right => Some("right"),
            ManySide::Neither | ManySide::Both => None,
        };
        let Grouping { without, written, .. } = &matching.on;
        if !without || !written.is_empty() || side.is_some() {
            let word = if *without { "ignoring" } else { "on" };
            write!(f, " {word} ({})", Names(written))?;
        }
        if let Some(side) = side {
            write!(f, " group_{side} ({})", Names(&matching.include))?;
        }
        match matching.fill {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(f, " fill ({})", short_float(left))
            }
            (left, right) => {
                if let Some(left) = left {
                    write!(f, " fill_left ({})", short_float(left))?;
                }
                right.map_or(Ok(()), |right| write!(f, " fill_right ({})", short_float(right)))
            }
        }
    }
}

/// The name of an aggregation and its grouping.
pub(crate) struct AggregateHead<'n>(pub(crate) &'n Aggregate);

impl fmt::Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.name())?;
        let Grouping { without, written, .. } = &self.0.grouping;
        match (without, written.is_empty()) {
            (true, _) => write!(f, " without ({}) ", Names(written)),
            (false, false) => write!(f, " by ({}) ", Names(written)),
            (false, true) => Ok(()),
        }
    }
}

/// The part of a subquery from its bracket on.
pub(crate) struct Brackets<'n>(pub(crate) &'n Node);

impl fmt::Display for Brackets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let formulas = self.0.formulas.as_deref();
        let Kind::Subquery { range_ms, step_ms, shift, .. } = &self.0.kind else {
            return Ok(());
        };
        let range = Length(Some(*range_ms), formulas.and_then(|f| f.range.as_ref()));
        let step = Length(*step_ms, formulas.and_then(|f| f.step.as_ref()));
        write!(f, "[{range}:{step}]{}{}", AtTime(*shift), Offset(*shift, formulas))
    }
}

/// Names of labels; what is more than letters, digits and underscores is quoted.
struct Names<'n>(&'n [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}{}", if i > 0 { ", " } else { "" }, label_name(name))?;
        }
        Ok(())
    }
}

fn label_name(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let digit_first = name.bytes().next().is_none_or(|byte| byte.is_ascii_digit());
    if plain && !digit_first { name.to_owned() } else { quote(name) }
}

/// The name and matchers of a selector.
struct Matchers<'n>(&'n Selector);

impl fmt::Display for Matchers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.name.as_deref();
        f.write_str(name.unwrap_or(""))?;
        let is_name = |matcher: &&Matcher| {
            matcher.name() == METRIC_NAME
                && matcher.op() == MatchOp::Equal
                && Some(matcher.value()) == name
        };
        let mut texts: Vec<String> = self
            .0
            .matchers
            .iter()
            .filter(|matcher| !is_name(matcher))
            .map(|matcher| {
                let (name, value) = (label_name(matcher.name()), quote(matcher.value()));
                format!("{name}{}{value}", matcher.op().as_str())
            })
            .collect();
        texts.sort_unstable();
        match texts.is_empty() {
            true if name.is_none() => f.write_str("{}"),
            true => Ok(()),
            false => write!(f, "{{{}}}", texts.join(",")),
        }
    }
}

impl fmt::Display for Edges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "",
            Self::Anchored => " anchored",
            Self::Smoothed => " smoothed",
        })
    }
}

struct AtTime(Shift);

impl fmt::Display for AtTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.at {
            None => Ok(()),
            Some(At::Start) => f.write_str(" @ start()"),
            Some(At::End) => f.write_str(" @ end()"),
            Some(At::Time(millis)) => write!(f, " @ {:.3}", millis as f64 / 1000.0),
        }
    }
}

struct Offset<'n>(Shift, Option<&'n Formulas>);

impl fmt::Display for Offset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(formula) = self.1.and_then(|formulas| formulas.offset.as_ref()) {
            return write!(f, " offset {formula}");
        }
        let millis = self.0.offset_ms;
        match millis {
            0 => Ok(()),
            _ => {
                let sign = if millis < 0 { "-" } else { "" };
                write!(f, " offset {sign}{}", format_duration(millis))
            }
        }
    }
}

/// A range or step: known, computed, or not given.
struct Length<'n>(Option<i64>, Option<&'n Formula>);

impl fmt::Display for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.1, self.0) {
            (Some(formula), _) => formula.fmt(f),
            (None, Some(millis)) => f.write_str(&format_duration(millis)),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FormulaKind::Seconds(value) => f.write_str(&format_value(*value)),
            FormulaKind::Duration(seconds) => f.write_str(&signed_duration(*seconds)),
            FormulaKind::Step => f.write_str("step()"),
            FormulaKind::Range => f.write_str("range()"),
            FormulaKind::Negate(inner) => write!(f, "-{inner}"),
            FormulaKind::Paren(inner) => write!(f, "({inner})"),
            FormulaKind::Binary(op @ (FormulaOp::Min | FormulaOp::Max), left, right) => {
                write!(f, "{}({left}, {right})", op.sign())
            }
            FormulaKind::Binary(op, left, right) => write!(f, "{left} {} {right}", op.sign()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a duration literal fits")]
fn signed_duration(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round() as i64;
    format!("{}{}", if millis < 0 { "-" } else { "" }, format_duration(millis))
}
