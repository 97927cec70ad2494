//! Checks what the grammar cannot: types, numbers of arguments, matchers.
//!
//! The checks, their order and their messages are those of `checkAST` in Prometheus'
//! `promql/parser/parse.go`.

use metric::{METRIC_NAME, Matcher};

use crate::error::ParseError;
use crate::expr::{Aggregate, Binary, Kind, ManySide, Node, Selector, Span, ValueKind};
use crate::function::Function;
use crate::quote::quote;

/// Checks a whole tree.
pub(super) fn types(query: &str, root: &Node) -> Result<(), ParseError> {
    Check { query }.node(root)
}

struct Check<'q> {
    query: &'q str,
}

impl Check<'_> {
    fn refuse<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(self.query, span.start, span.end, message))
    }

    fn node(&self, node: &Node) -> Result<(), ParseError> {
        match &node.kind {
            Kind::Number(_) | Kind::Duration(_) | Kind::Text(_) | Kind::Bytes(_) => Ok(()),
            Kind::Select(selector) | Kind::Range { selector, .. } => {
                self.selector(selector, node.span, false)
            }
            Kind::Subquery { inner, .. } => self.subquery(inner, node.span),
            Kind::Call { function, args } => self.call(*function, args, node.span),
            Kind::Aggregate(aggregate) => self.aggregate(aggregate),
            Kind::Paren(inner) => self.node(inner),
            Kind::Negate(inner) | Kind::Plus(inner) => self.signed(inner, node.span),
            Kind::Binary(binary) => self.binary(binary, node.span),
        }
    }

    fn selector(
        &self,
        selector: &Selector,
        span: Span,
        may_match_all: bool,
    ) -> Result<(), ParseError> {
        if let Some(name) = &selector.name {
            let again = selector.matchers.iter().skip(1).find(|at| at.name() == METRIC_NAME);
            return again.map_or(Ok(()), |again| {
                let (name, again) = (quote(name), quote(again.value()));
                let message = format!("metric name must not be set twice: {name} or {again}");
                self.refuse(span, message)
            });
        }
        if !may_match_all && selector.matchers.iter().all(Matcher::matches_empty) {
            let message = "vector selector must contain at least one non-empty matcher";
            return self.refuse(span, message);
        }
        Ok(())
    }

    fn subquery(&self, inner: &Node, span: Span) -> Result<(), ParseError> {
        self.node(inner)?;
        match inner.value_kind() {
            ValueKind::Vector => Ok(()),
            found => {
                let found = found.api_name();
                let message =
                    format!("subquery is only allowed on instant vector, got {found} instead");
                self.refuse(span, message)
            }
        }
    }

    fn signed(&self, inner: &Node, span: Span) -> Result<(), ParseError> {
        self.node(inner)?;
        match inner.value_kind() {
            ValueKind::Scalar | ValueKind::Vector => Ok(()),
            found => {
                let found = quote(&found.to_string());
                let message = format!(
                    "unary expression only allowed on expressions of type scalar or instant \
                     vector, got {found}"
                );
                self.refuse(span, message)
            }
        }
    }

    fn expect(&self, node: &Node, wanted: ValueKind, place: &str) -> Result<(), ParseError> {
        self.node(node)?;
        let found = node.value_kind();
        if found == wanted {
            return Ok(());
        }
        self.refuse(node.span, format!("expected type {wanted} in {place}, got {found}"))
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<(), ParseError> {
        self.expect(&aggregate.inner, ValueKind::Vector, "aggregation expression")?;
        match (&aggregate.param, aggregate.op.param_kind()) {
            (Some(param), Some(wanted)) => self.expect(param, wanted, "aggregation parameter"),
            _ => Ok(()),
        }
    }

    fn call(&self, function: Function, args: &[Node], span: Span) -> Result<(), ParseError> {
        self.argument_count(function, args.len(), span)?;
        let info_labels = if function == Function::Info { args.get(1) } else { None };
        if let Some(labels) = info_labels {
            self.info_labels(labels, span)?;
        }
        let wanted = function.arguments();
        for (i, arg) in args.iter().enumerate() {
            let Some(wanted) = wanted.get(i).or(wanted.last()) else {
                return Ok(());
            };
            match &arg.kind {
                Kind::Select(selector) if i == 1 && info_labels.is_some() => {
                    self.selector(selector, arg.span, true)?;
                }
                _ => {
                    let place = format!("call to function {}", quote(function.name()));
                    self.expect(arg, *wanted, &place)?;
                }
            }
        }
        Ok(())
    }

    fn argument_count(
        &self,
        function: Function,
        found: usize,
        span: Span,
    ) -> Result<(), ParseError> {
        let (least, most) = function.argument_count();
        let name = quote(function.name());
        if most == Some(least) && found != least {
            let message = format!("expected {least} argument(s) in call to {name}, got {found}");
            return self.refuse(span, message);
        }
        if found < least {
            let message =
                format!("expected at least {least} argument(s) in call to {name}, got {found}");
            return self.refuse(span, message);
        }
        match most {
            Some(most) if found > most => {
                let message =
                    format!("expected at most {most} argument(s) in call to {name}, got {found}");
                self.refuse(span, message)
            }
            _ => Ok(()),
        }
    }

    /// The second argument of `info` is matchers of labels, not a selector of a metric.
    fn info_labels(&self, labels: &Node, call: Span) -> Result<(), ParseError> {
        let found = labels.value_kind();
        if found != ValueKind::Vector {
            let message = format!(
                "expected type {} in call to function \"info\", got {found}",
                ValueKind::Vector
            );
            return self.refuse(call, message);
        }
        match &labels.kind {
            Kind::Select(selector) if selector.name.is_none() => Ok(()),
            Kind::Select(_) => {
                let message = "expected label selectors only, got vector selector instead";
                self.refuse(labels.span, message)
            }
            _ => self.refuse(labels.span, "expected label selectors only"),
        }
    }

    fn binary(&self, binary: &Binary, span: Span) -> Result<(), ParseError> {
        self.node(&binary.left)?;
        self.node(&binary.right)?;
        let (left, right) = (binary.left.value_kind(), binary.right.value_kind());
        let (op, matching) = (binary.op, &binary.matching);
        let operator = self.operator_span(binary);
        if binary.return_bool && !op.is_comparison() {
            let message = "bool modifier can only be used on comparison operators";
            return self.refuse(operator, message);
        }
        let scalars = left == ValueKind::Scalar && right == ValueKind::Scalar;
        if op.is_comparison() && !binary.return_bool && scalars {
            let message = "comparisons between scalars must use BOOL modifier";
            return self.refuse(operator, message);
        }
        if !matching.on.without {
            let twice = matching.on.written.iter().find(|name| matching.include.contains(name));
            if let Some(name) = twice {
                let name = quote(name);
                let message = format!("label {name} must not occur in ON and GROUP clause at once");
                return self.refuse(operator, message);
            }
        }
        for side in [&binary.left, &binary.right] {
            if !matches!(side.value_kind(), ValueKind::Scalar | ValueKind::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.refuse(side.span, message);
            }
        }
        self.matching(binary, span)
    }

    fn matching(&self, binary: &Binary, span: Span) -> Result<(), ParseError> {
        let (op, matching) = (binary.op, &binary.matching);
        let vectors = binary.matches_vectors();
        let fills = matching.fill != (None, None);
        if !vectors && !matching.on.written.is_empty() {
            return self.refuse(span, "vector matching only allowed between instant vectors");
        }
        if !vectors && fills {
            let message = "filling in missing series only allowed between instant vectors";
            return self.refuse(span, message);
        }
        if !op.is_set() {
            return Ok(());
        }
        let sign = quote(op.sign());
        if !vectors {
            let message = format!("set operator {sign} not allowed in binary scalar expression");
            return self.refuse(span, message);
        }
        if matches!(matching.side, ManySide::Left | ManySide::Right) {
            return self.refuse(span, format!("no grouping allowed for {sign} operation"));
        }
        if fills {
            return self.refuse(span, "filling in missing series not allowed for set operators");
        }
        Ok(())
    }

    /// What stands between the sides: the operator and its modifiers.
    fn operator_span(&self, binary: &Binary) -> Span {
        let (start, end) = (binary.left.span.end, binary.right.span.start);
        let between = self.query.get(start..end).unwrap_or("");
        let before = between.len() - between.trim_start().len();
        Span { start: start + before, end: start + between.trim_end().len().max(before) }
    }
}
