//! The tree as JSON, in the shape that Prometheus' `parse_query` answers.

use serde_json::{Value, json};

use crate::parse;

fn check(query: &str, wanted: &Value) {
    assert_eq!(&parse(query).unwrap().to_json(), wanted, "{query}");
}

#[test]
fn literals_and_signs() {
    check("1e3", &json!({"type": "numberLiteral", "val": "1000"}));
    check("-Inf", &json!({"type": "numberLiteral", "val": "-Inf"}));
    check("1h", &json!({"type": "numberLiteral", "val": "3600"}));
    check("'a'", &json!({"type": "stringLiteral", "val": "a"}));
    let inner = json!({"type": "parenExpr", "expr": {"type": "numberLiteral", "val": "1"}});
    check("-(1)", &json!({"type": "unaryExpr", "op": "-", "expr": inner}));
}

#[test]
fn selectors() {
    let a = json!({"name": "a", "value": "b", "type": "!~"});
    let name = json!({"name": "__name__", "value": "foo", "type": "="});
    check(
        "foo{a!~'b'} @ 1.5 offset -5m",
        &json!({
            "type": "vectorSelector", "name": "foo", "offset": -300_000, "matchers": [a, name],
            "timestamp": 1500, "startOrEnd": null, "anchored": false, "smoothed": false,
        }),
    );
    check(
        "{'foo'}[5m] smoothed @ end()",
        &json!({
            "type": "matrixSelector", "name": "", "offset": 0, "matchers": [name],
            "range": 300_000, "timestamp": null, "startOrEnd": "end", "anchored": false,
            "smoothed": true,
        }),
    );
    let vector = parse("up").unwrap().to_json();
    check(
        "up[1h:] offset 1m",
        &json!({
            "type": "subquery", "expr": vector, "offset": 60_000, "range": 3_600_000, "step": 0,
            "timestamp": null, "startOrEnd": null,
        }),
    );
}

#[test]
fn calls_and_aggregations() {
    let one = json!({"type": "numberLiteral", "val": "1"});
    let func = json!({
        "name": "round", "argTypes": ["vector", "scalar"], "variadic": 1, "returnType": "vector",
    });
    let vector = json!({
        "name": "vector", "argTypes": ["scalar"], "variadic": 0, "returnType": "vector",
    });
    let vector = json!({"type": "call", "func": vector, "args": [one]});
    check("round(vector(1))", &json!({"type": "call", "func": func, "args": [vector]}));
    check(
        "topk without (b, a) (1, vector(1))",
        &json!({
            "type": "aggregation", "op": "topk", "expr": vector, "param": one,
            "grouping": ["b", "a"], "without": true,
        }),
    );
    check(
        "sum(vector(1))",
        &json!({
            "type": "aggregation", "op": "sum", "expr": vector, "param": null, "grouping": [],
            "without": false,
        }),
    );
}

#[test]
fn operations() {
    let one = json!({"type": "numberLiteral", "val": "1"});
    check(
        "1 > bool 1",
        &json!({
            "type": "binaryExpr", "op": ">", "lhs": one, "rhs": one, "matching": null,
            "bool": true,
        }),
    );
    let tree = parse("a + on (x) group_left (y) fill_left (2) b").unwrap().to_json();
    let matching = json!({
        "card": "many-to-one", "labels": ["x"], "on": true, "include": ["y"],
        "fillValues": {"lhs": 2.0, "rhs": null},
    });
    assert_eq!(tree["matching"], matching);
    let tree = parse("a unless b").unwrap().to_json();
    let matching = json!({
        "card": "many-to-many", "labels": [], "on": false, "include": [],
        "fillValues": {"lhs": null, "rhs": null},
    });
    assert_eq!(tree["matching"], matching);
}
