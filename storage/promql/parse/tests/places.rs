//! Where nodes stand in the text.

use crate::expr::{Kind, Node};
use crate::{aggregation_names, parse};

/// Checks that a node's place holds the text of the node, and so for all nodes below.
fn check_places(query: &str, node: &Node) {
    let text = &query[node.span.start..node.span.end];
    let starts = |name: &str| text.to_ascii_lowercase().starts_with(name);
    let below: Vec<&Node> = match &node.kind {
        Kind::Number(_) | Kind::Duration(_) | Kind::Text(_) | Kind::Bytes(_) => vec![],
        Kind::Select(selector) | Kind::Range { selector, .. } => {
            let name = selector.matchers.first().map_or("", |matcher| matcher.value());
            assert!(text.starts_with(name) || text.contains('{'), "{query}: {text}");
            vec![]
        }
        Kind::Subquery { inner, .. } | Kind::Plus(inner) => vec![inner],
        Kind::Call { function, args } => {
            assert!(starts(function.name()) && text.ends_with(')'), "{query}: {text}");
            args.iter().collect()
        }
        Kind::Aggregate(aggregate) => {
            assert!(aggregation_names().any(starts), "{query}: {text}");
            assert!(text.ends_with(')'), "{query}: {text}");
            aggregate.param.iter().chain([&aggregate.inner]).collect()
        }
        Kind::Negate(inner) => {
            assert!(text.starts_with('-'), "{query}: {text}");
            vec![inner]
        }
        Kind::Paren(inner) => {
            assert!(text.starts_with('(') && text.ends_with(')'), "{query}: {text}");
            vec![inner]
        }
        Kind::Binary(binary) => vec![&binary.left, &binary.right],
    };
    for node in below {
        check_places(query, node);
    }
}

#[test]
fn nodes_know_their_places() {
    for query in [
        "sum by (job, instance) (rate(http_requests_total{code=~\"5..\"}[5m]))",
        "sum(rate(a[5m])) without (x) / on (job) group_left (team) sum(b) by (job) * 100",
        "histogram_quantile(0.9, sum(rate(x_bucket{a=\"}\"}[5m:30s] @ end() offset -1h)) by (le))",
        "- -foo{a=\"b\"} offset 5m ^ +-3 # a comment (",
        "a == bool ignoring(x) b or (c unless on() d) and -(e)",
        "label_replace(up{job='x'}, `a\\d`, \"$1\", \"b\", \"(.*)\")",
        "topk(scalar(k) + 1, avg_over_time(((x))[1h:])) > 1e-3",
        "{__name__=~\"a|b\", \"x.y\"=\"z\"} + {\"quoted name\", le=\"1\"}",
        "count_values without (i) (\"v\", sum_over_time(rate(x[1m])[5m:1m] offset 1m))",
        "a + fill_left(3) on_call",
        "sum(by) + on(offset) group_right(bool) start * avg{on=\"1\", by=\"2\"}",
        "time() - timestamp(x @ start()) + step() * range()",
    ] {
        let expr = parse(query).unwrap();
        check_places(query, &expr.root);
        let behind = query.find(" #").unwrap_or(query.len());
        assert_eq!((expr.root.span.start, expr.root.span.end), (0, behind), "{query}");
    }
}
