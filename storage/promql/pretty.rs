//! An expression over several lines, as Prometheus lays it out (`promql/parser/prettier.go`).
//!
//! What fits into a line stays in it; else each part goes to lines of its own, deeper by one
//! step. A range, a selector and an offset are never split.

use crate::error::ParseError;
use crate::expr::{Expr, Kind, Node};
use crate::parse::parse;
use crate::print::{AggregateHead, Brackets, Operator};

/// Longest line in bytes, its indent not counted.
const LINE_BYTES_MAX: usize = 100;
const INDENT: &str = "  ";

/// Parses a query and prints it in its canonical form, over several lines where it is long.
///
/// # Errors
/// As [`parse`].
pub fn format_query(query: &str) -> Result<String, ParseError> {
    parse(query).map(|expr| expr.to_pretty())
}

impl Expr {
    /// The expression in its canonical form, over several lines where it is long. Comments are
    /// lost.
    #[must_use]
    pub fn to_pretty(&self) -> String {
        pretty(&self.root, 0)
    }
}

/// Lays out a node; at level 0 its first line continues one that was begun.
fn pretty(node: &Node, level: usize) -> String {
    let indent = INDENT.repeat(level);
    let line = node.to_string();
    if let Kind::Negate(inner) | Kind::Plus(inner) = &node.kind {
        let sign = if matches!(node.kind, Kind::Negate(_)) { '-' } else { '+' };
        return format!("{indent}{sign}{}", pretty(inner, level).trim());
    }
    if line.len() <= LINE_BYTES_MAX {
        // A subquery that fits stands without indent: so does Prometheus print it.
        let indent = if matches!(node.kind, Kind::Subquery { .. }) { "" } else { &indent };
        return format!("{indent}{line}");
    }
    match &node.kind {
        Kind::Aggregate(aggregate) => {
            let head = AggregateHead(aggregate);
            let param = aggregate
                .param
                .as_ref()
                .map_or(String::new(), |param| format!("{},\n", pretty(param, level + 1)));
            let inner = pretty(&aggregate.inner, level + 1);
            format!("{indent}{head}(\n{param}{inner}\n{indent})")
        }
        Kind::Binary(binary) => {
            let (left, right) = (pretty(&binary.left, level + 1), pretty(&binary.right, level + 1));
            format!("{left}\n{indent}{}\n{right}", Operator(binary))
        }
        Kind::Call { function, args } => {
            let args: Vec<String> = args.iter().map(|arg| pretty(arg, level + 1)).collect();
            format!("{indent}{}(\n{}\n{indent})", function.name(), args.join(",\n"))
        }
        Kind::Paren(inner) => format!("{indent}(\n{}\n{indent})", pretty(inner, level + 1)),
        Kind::Subquery { inner, .. } => format!("{}{}", pretty(inner, level), Brackets(node)),
        _ => format!("{indent}{line}"),
    }
}
