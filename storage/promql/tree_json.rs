//! The syntax tree as JSON, in the shape of Prometheus' `parse_query`
//! (`web/api/v1/translate_ast.go`).

use metric::{METRIC_NAME, Matcher};
use serde_json::{Value, json};

use crate::expr::{Aggregate, At, Binary, Edges, Expr, Kind, ManySide, Node, Selector, Shift};
use crate::format::format_value;
use crate::function::Function;

impl Expr {
    /// The syntax tree as Prometheus' `parse_query` gives it: each node an object with its `type`,
    /// durations in milliseconds, numbers as texts. A duration that is computed counts as 0.
    #[must_use]
    pub fn to_json(&self) -> Value {
        node_json(&self.root)
    }
}

fn node_json(node: &Node) -> Value {
    match &node.kind {
        Kind::Number(value) | Kind::Duration(value) => {
            json!({"type": "numberLiteral", "val": format_value(*value)})
        }
        Kind::Text(text) => json!({"type": "stringLiteral", "val": text}),
        Kind::Bytes(bytes) => {
            json!({"type": "stringLiteral", "val": String::from_utf8_lossy(bytes)})
        }
        Kind::Select(selector) => selector_json("vectorSelector", selector, None),
        Kind::Range { selector, range_ms } => {
            selector_json("matrixSelector", selector, Some(*range_ms))
        }
        Kind::Subquery { inner, range_ms, step_ms, shift } => json!({
            "type": "subquery",
            "expr": node_json(inner),
            "offset": shift.offset_ms,
            "range": range_ms,
            "startOrEnd": start_or_end(*shift),
            "step": step_ms.unwrap_or(0),
            "timestamp": timestamp(*shift),
        }),
        Kind::Call { function, args } => json!({
            "type": "call",
            "args": args.iter().map(node_json).collect::<Vec<Value>>(),
            "func": function_json(*function),
        }),
        Kind::Aggregate(aggregate) => aggregate_json(aggregate),
        Kind::Negate(inner) => json!({"type": "unaryExpr", "expr": node_json(inner), "op": "-"}),
        Kind::Plus(inner) => json!({"type": "unaryExpr", "expr": node_json(inner), "op": "+"}),
        Kind::Paren(inner) => json!({"type": "parenExpr", "expr": node_json(inner)}),
        Kind::Binary(binary) => json!({
            "type": "binaryExpr",
            "bool": binary.return_bool,
            "lhs": node_json(&binary.left),
            "matching": matching_json(binary),
            "op": binary.op.sign(),
            "rhs": node_json(&binary.right),
        }),
    }
}

fn selector_json(kind: &str, selector: &Selector, range_ms: Option<i64>) -> Value {
    let mut value = json!({
        "type": kind,
        "anchored": selector.edges == Edges::Anchored,
        "matchers": matchers_json(selector),
        "name": selector.name.as_deref().unwrap_or(""),
        "offset": selector.shift.offset_ms,
        "smoothed": selector.edges == Edges::Smoothed,
        "startOrEnd": start_or_end(selector.shift),
        "timestamp": timestamp(selector.shift),
    });
    if let (Some(range_ms), Some(fields)) = (range_ms, value.as_object_mut()) {
        fields.insert("range".to_owned(), json!(range_ms));
    }
    value
}

/// The matchers as written; that of a name before the braces is the last.
fn matchers_json(selector: &Selector) -> Value {
    let matcher = |matcher: &Matcher| {
        json!({
            "name": matcher.name(),
            "type": matcher.op().as_str(),
            "value": matcher.value(),
        })
    };
    let named = usize::from(selector.name.is_some());
    let written = selector.matchers.iter().skip(named).map(matcher);
    let name =
        selector.name.iter().map(|name| json!({"name": METRIC_NAME, "type": "=", "value": name}));
    written.chain(name).collect()
}

fn aggregate_json(aggregate: &Aggregate) -> Value {
    json!({
        "type": "aggregation",
        "expr": node_json(&aggregate.inner),
        "grouping": aggregate.grouping.written,
        "op": aggregate.op.name(),
        "param": aggregate.param.as_ref().map(node_json),
        "without": aggregate.grouping.without,
    })
}

fn function_json(function: Function) -> Value {
    let kinds = function.arguments().iter().map(|kind| kind.api_name());
    json!({
        "argTypes": kinds.collect::<Vec<&str>>(),
        "name": function.name(),
        "returnType": function.value_kind().api_name(),
        "variadic": function.variadic(),
    })
}

fn matching_json(binary: &Binary) -> Value {
    if !binary.matches_vectors() {
        return Value::Null;
    }
    let matching = &binary.matching;
    json!({
        "card": match matching.side {
            ManySide::Neither => "one-to-one",
            ManySide::Left => "many-to-one",
            ManySide::Right => "one-to-many",
            ManySide::Both => "many-to-many",
        },
        "fillValues": {"lhs": matching.fill.0, "rhs": matching.fill.1},
        "include": matching.include,
        "labels": matching.on.written,
        "on": !matching.on.without,
    })
}

fn start_or_end(shift: Shift) -> Option<&'static str> {
    match shift.at {
        Some(At::Start) => Some("start"),
        Some(At::End) => Some("end"),
        Some(At::Time(_)) | None => None,
    }
}

fn timestamp(shift: Shift) -> Option<i64> {
    match shift.at {
        Some(At::Time(millis)) => Some(millis),
        _ => None,
    }
}
