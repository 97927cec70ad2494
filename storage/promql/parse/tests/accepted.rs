//! What is accepted, and how it is printed in one line.

use crate::expr::{Kind, Node};
use crate::parse;

/// Checks the canonical form, and that it is its own canonical form.
fn check(query: &str, printed: &str) {
    for text in [query, printed] {
        match parse(text) {
            Ok(expr) => assert_eq!(expr.to_string(), printed, "{text}"),
            Err(error) => panic!("{text:?} should parse: {error}"),
        }
    }
}

#[test]
fn numbers_and_texts() {
    check("+Inf", "+Inf");
    check("-iNf", "-Inf");
    check("NaN", "NaN");
    check(".5", "0.5");
    check("5.", "5");
    check("5e-3", "0.005");
    check("1e21", "1000000000000000000000");
    check("0xc", "12");
    check("0X_1F", "31");
    check("0755", "493");
    check("08", "8");
    check("0", "0");
    check("1_000_000.5", "1000000.5");
    check("99999999999999999999", "100000000000000000000");
    check("+5.5e-3", "0.0055");
    check("-0755", "-493");
    check("- -1", "1");
    check("1h30m", "1h30m");
    check("90m", "1h30m");
    check("-4s", "-4s");
    check("14d + 15d", "2w + 15d");
}

#[test]
fn texts() {
    check(r#"'a"b'"#, r#""a\"b""#);
    check(r#""\a\b\f\n\r\t\v\\""#, r#""\a\b\f\n\r\t\v\\""#);
    check(r#"`a\n"'`"#, r#""a\\n\"'""#);
    check(r#""\x41\101\u00e9\U0001F600""#, "\"AAé😀\"");
    check(r#"'\'é\''"#, "\"'é'\"");
    check(r#""\xff\303""#, r#""\xff\xc3""#);
    check(r#""\xc3\xa9""#, "\"é\"");
    check("\"\u{200b}\u{301}\u{7f}\0\"", "\"\\u200b\u{301}\\x7f\\x00\"");
}

#[test]
fn precedences() {
    check("1+2*3^4", "1 + 2 * 3 ^ 4");
    check("-1^2", "-1 ^ 2");
    check("2^-1", "2 ^ -1");
    check("-a^-b^c", "-a ^ -b ^ c");
    check("a or b and c unless d", "a or b and c unless d");
    check("a == BOOL b", "a == bool b");
    check("a atan2 b % c", "a atan2 b % c");
    check("h </ 5 + 1 >/ 2", "h </ 5 + 1 >/ 2");
    check("+a - +b", "+a - +b");
    check("((a))", "((a))");
    check("a AND b Or c", "a and b or c");
    // Comments and blanks of all kinds are left out.
    check("a # one (\n +\tb\r\n# two", "a + b");
}

/// The tree with parentheses around every operation, and none else.
fn grouped(node: &Node) -> String {
    match &node.kind {
        Kind::Paren(inner) => grouped(inner),
        Kind::Negate(inner) => format!("(-{})", grouped(inner)),
        Kind::Binary(binary) => {
            let (left, right) = (grouped(&binary.left), grouped(&binary.right));
            format!("({left} {} {right})", binary.op.sign())
        }
        _ => node.to_string(),
    }
}

#[test]
fn operators_bind_as_they_should() {
    let check = |query: &str, wanted: &str| {
        let tree = |text: &str| grouped(&parse(text).unwrap().root);
        assert_eq!(tree(query), tree(wanted), "{query}");
    };
    let tree = grouped(&parse("-a * b + c").unwrap().root);
    assert_eq!(tree, "(((-a) * b) + c)");
    check("a + b + c", "(a + b) + c");
    check("a ^ b ^ c", "a ^ (b ^ c)");
    check("a * b ^ c * d", "(a * (b ^ c)) * d");
    check("-a ^ b", "-(a ^ b)");
    check("-a * b", "(-a) * b");
    check("a ^ -b * c", "(a ^ (-b)) * c");
    check("a > b + c and d or e", "(((a > (b + c)) and d) or e)");
    check("a and b unless c", "(a and b) unless c");
    check("a or b and c", "a or (b and c)");
    check("a < b </ c >/ d", "((a < b) </ c) >/ d");
    check("a atan2 b / c", "(a atan2 b) / c");
    check("a offset 5m - b", "(a offset 5m) - b");
    check("a offset -1 ^ 2", "(a offset -1) ^ 2");
    check("a offset step() * 2", "(a offset step()) * 2");
    check("a offset (1h) + b", "(a offset (1h)) + b");
}

#[test]
fn names() {
    check("sum", "sum");
    check("foo * sum", "foo * sum");
    check("by + without - offset", "by + without - offset");
    check("and or or", "and or or");
    check("start{end='x'} / end", "start{end=\"x\"} / end");
    check("offset{step=\"1s\"}[5m]", "offset{step=\"1s\"}[5m]");
    check("anchored + smoothed", "anchored + smoothed");
    check("fill + fill_left", "fill + fill_left");
    check("step - range", "step - range");
    check("min_of + max_of", "min_of + max_of");
    check(":a:b:c", ":a:b:c");
    check("foo{}", "foo");
    check("foo{b!=\"1\",a=~\"x|y\",}", "foo{a=~\"x|y\",b!=\"1\"}");
    check("{__name__=\"foo\"}", "{__name__=\"foo\"}");
    check("{\"http.requests\", job!~'x.*'}", "{__name__=\"http.requests\",job!~\"x.*\"}");
    check("{\"a b\"=\"c\", \"foo\"}", "{\"a b\"=\"c\",__name__=\"foo\"}");
    check("foo{by=\"1\",sum='2',bool=`3`}", "foo{bool=\"3\",by=\"1\",sum=\"2\"}");
    check("foo{a=\"é\\n\"}", "foo{a=\"é\\n\"}");
}

#[test]
fn aggregations_and_calls() {
    check("sum(a)by(b,c)", "sum by (b, c) (a)");
    check("SUM BY (b,) (a)", "sum by (b) (a)");
    check("avg by () (a)", "avg(a)");
    check("count without () (a)", "count without () (a)");
    check("sum by (b, a, b) (x)", "sum by (b, a, b) (x)");
    check("topk by (a) (3, b)", "topk by (a) (3, b)");
    check("limit_ratio(-0.5, b)", "limit_ratio(-0.5, b)");
    check("count_values without (i) ('v', b)", "count_values without (i) (\"v\", b)");
    check(
        "sum by (\"a b\", 'c', on, offset, bool) (x)",
        "sum by (\"a b\", c, on, offset, bool) (x)",
    );
    check("rate ( foo [ 5m ] )", "rate(foo[5m])");
    check("time()", "time()");
    check("start() + STEP() - range() * end()", "start() + step() - range() * end()");
    check("label_join(a,'b','c')", "label_join(a, \"b\", \"c\")");
    check("hour()", "hour()");
    check("info(a, {})", "info(a, {})");
    check("info(a, {b=~\".*\"})", "info(a, {b=~\".*\"})");
    check("min_of(1, max_of(2, 3))", "min_of(1, max_of(2, 3))");
}

#[test]
fn matching() {
    check("a * on(b) c", "a * on (b) c");
    check("a * on() c", "a * on () c");
    check("a * ignoring() c", "a * c");
    check("a * ignoring() group_left c", "a * ignoring () group_left () c");
    check("a > bool on (b, c) group_right(d,) e", "a > bool on (b, c) group_right (d) e");
    check("a and on(\"b.c\") d", "a and on (\"b.c\") d");
    check("a + fill(0) b", "a + fill (0) b");
    check("a + fill_right(1h) b", "a + fill_right (3600) b");
    check(
        "a + on (x) group_left fill_right(-2) fill_left(+1e30) b",
        "a + on (x) group_left () \
           fill_left (1e+30) fill_right (-2) b",
    );
    check("1 > bool on () 2", "1 > bool 2");
}

#[test]
fn ranges_and_times() {
    check("a[300]", "a[5m]");
    check("a[4.18]", "a[4s180ms]");
    check("a[1w1d]", "a[8d]");
    check("a[ 1h : ]", "a[1h:]");
    check("a[1h:0.5]", "a[1h:500ms]");
    check("a offset 1h @ 10", "a @ 10.000 offset 1h");
    check("a @ -1.5 offset -5m", "a @ -1.500 offset -5m");
    check("a[5m] @ end() offset 0.5", "a[5m] @ end() offset 500ms");
    check("a[5m:1m] @ 1m offset 2w", "a[5m:1m] @ 60.000 offset 2w");
    check("a offset 0s offset 5m", "a offset 5m");
    check("a anchored", "a anchored");
    check("a[5m] smoothed @ 1 offset 1m", "a[5m] smoothed @ 1.000 offset 1m");
    check("a offset 1m @ 1 smoothed", "a @ 1.000 smoothed offset 1m");
}

#[test]
fn computed_durations() {
    check("a[5m*2]", "a[5m * 2]");
    check("a[11s+10s-5*2^2]", "a[11s + 10s - 5 * 2 ^ 2]");
    check("a[-(10s-5s)+20s]", "a[-(10s - 5s) + 20s]");
    check("a[(5m)]", "a[(5m)]");
    check("a[((5m+1))]", "a[(5m + 1)]");
    check("a[step()]", "a[step()]");
    check("a[  -  step  (  )  ]", "a[-step()]");
    check("a[5m + range() % 2m]", "a[5m + range() % 2m]");
    check("a[max_of(step(),5s)]", "a[max_of(step(), 5s)]");
    check("a[min(1m, step()):max(2s, 3s)]", "a[min_of(1m, step()):max_of(2s, 3s)]");
    check("a[4s+4s:1s*2] offset (5s-8)", "a[4s + 4s:1s * 2] offset (5s - 8)");
    check("a offset -min_of(5s,step()+8s)", "a offset -min_of(5s, step() + 8s)");
    check("a offset +step() @ 5", "a @ 5.000 offset step()");
    check("a offset (-1^2)", "a offset (-1 ^ 2)");
    check("a offset (1h) * 2", "a offset (1h) * 2");
}
