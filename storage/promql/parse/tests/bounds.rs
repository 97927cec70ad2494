//! Texts that are too long or too deep are refused, whatever makes them so.

use crate::parse;

fn refused(query: &str, message: &str) {
    match parse(query) {
        Ok(_) => panic!("{} bytes should be refused", query.len()),
        Err(error) => assert_eq!(error.message, message),
    }
}

#[test]
fn depth_is_bounded() {
    let around = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("-", "a", ""),
        ("2^", "2", ""),
        ("abs(", "a", ")"),
        ("sum(", "a", ")"),
        ("topk(1, ", "a", ")"),
        ("a + (", "b", ")"),
    ] {
        let deep = around(open, inner, close, 20_000 / open.len());
        refused(&deep, "query is nested deeper than 128");
        parse(&around(open, inner, close, 60)).unwrap();
    }
    for (open, close) in [("(", ")"), ("-", ""), ("2^", ""), ("max_of(1, ", ")")] {
        let deep = around(open, "1", close, 10_000);
        refused(&format!("a[{deep}]"), "query is nested deeper than 128");
        refused(&format!("a offset ({deep})"), "query is nested deeper than 128");
        parse(&format!("a[{}]", around(open, "1", close, 100))).unwrap();
    }
}

#[test]
fn chains_are_bounded() {
    let chain = |count: usize| vec!["a"; count].join(" or ");
    refused(&chain(257), "query is nested deeper than 256");
    // The deepest tree can also be written, on the stack of an ordinary thread.
    let expr = parse(&chain(256)).unwrap();
    assert_eq!(expr.to_string(), chain(256));
    assert!(expr.to_pretty().lines().count() > 256);
    assert!(expr.to_json().to_string().len() > 256);
    let chain = |count: usize| format!("a[{}]", vec!["1m"; count].join("+"));
    refused(&chain(130), "duration has more than 128 operators");
    parse(&chain(129)).unwrap();
    let subqueries = "[1h:]".repeat(10_000);
    refused(&format!("a{subqueries}"), "query is nested deeper than 256");
}

#[test]
fn length_is_bounded() {
    refused(&" ".repeat(1 << 20), "query is longer than 131072 bytes");
    refused(&"(".repeat(1 << 20), "query is longer than 131072 bytes");
    refused(&"a,".repeat(20_000), "unexpected \",\"");
    let list = vec!["a"; 20_000].join(",");
    refused(&format!("sum by ({list}) (a)"), "query has more than 32768 words and signs");
    let list = vec!["a"; 10_000].join(",");
    parse(&format!("sum by ({list}) (a)")).unwrap();
}
