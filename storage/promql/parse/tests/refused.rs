//! What is refused, where, and in which words.

use crate::parse;

/// Checks the message, and the text at fault if it is given.
fn check(query: &str, column: usize, message: &str) {
    match parse(query) {
        Ok(expr) => panic!("{query:?} should not parse, but is {expr:?}"),
        Err(error) => {
            assert_eq!((error.column, error.message.as_str()), (column, message), "{query}");
            assert!(error.start <= error.end && error.end <= query.len(), "{query}");
        }
    }
}

#[test]
fn numbers_and_texts() {
    check("", 1, "no expression found in input");
    check("# just a comment\n\n", 1, "no expression found in input");
    check(".", 1, "unexpected character: '.'");
    check("2.5.", 1, "bad number or duration syntax: \"2.5.\"");
    check("100..4", 1, "bad number or duration syntax: \"100..\"");
    check("0deadbeef", 1, "bad number or duration syntax: \"0de\"");
    check("1_", 1, "bad number or duration syntax: \"1_\"");
    check("1__0", 1, "bad number or duration syntax: \"1__\"");
    check("0x1.5", 1, "bad number or duration syntax: \"0x1.\"");
    let long = "9".repeat(309);
    let message =
        format!("error parsing number: strconv.ParseFloat: parsing \"{long}\": value out of range");
    check(&long, 1, &message);
    let message = "error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax";
    check("0x", 1, message);
    check("\"abc", 1, "unterminated quoted string");
    check("'a\nb'", 1, "unterminated quoted string");
    check("`abc", 1, "unterminated raw string");
    check(r#""\q""#, 1, "unknown escape sequence U+0071 'q'");
    check(r#"'\"'"#, 1, "unknown escape sequence U+0022 '\"'");
    check(r#""\xg0""#, 1, "illegal character U+0067 'g' in escape sequence");
    check(r#""\ud800""#, 1, "escape sequence is an invalid Unicode code point");
    check(r#""\777""#, 1, "escape sequence is an invalid Unicode code point");
    check(r#""\x"#, 1, "escape sequence not terminated");
    check(r#""\"#, 1, "escape sequence not terminated");
    check("$1", 1, "unexpected character: '$'");
    check("foo + ☺", 7, "unexpected character: '☺'");
}

#[test]
fn operators() {
    check("1+", 3, "unexpected end of input");
    check("1 /", 4, "unexpected end of input");
    check("*1", 1, "unexpected <op:*>");
    check("@@", 1, "unexpected <op:@>");
    check("(1))", 5, "unexpected right parenthesis ')'");
    check("((1)", 5, "unclosed left parenthesis");
    check("(", 2, "unclosed left parenthesis");
    check("]", 1, "unexpected right bracket ']'");
    check("foo]", 4, "unexpected right bracket ']'");
    check("1 and 1", 1, "set operator \"and\" not allowed in binary scalar expression");
    check("foo or 1", 1, "set operator \"or\" not allowed in binary scalar expression");
    check("1 unless foo", 1, "set operator \"unless\" not allowed in binary scalar expression");
    check("1 == 1", 3, "comparisons between scalars must use BOOL modifier");
    check("foo + bool bar", 5, "bool modifier can only be used on comparison operators");
    check("foo and bool bar", 5, "bool modifier can only be used on comparison operators");
    check("1 !~ 1", 3, "unexpected character after '!': '~'");
    check("1 =~ 1", 3, "unexpected character after '=': '~'");
    check("1 = 1", 3, "unexpected \"=\"");
    let signs = "unary expression only allowed on expressions of type scalar or instant vector";
    check("-\"string\"", 1, &format!("{signs}, got \"string\""));
    check("1 + +test[5m]", 5, &format!("{signs}, got \"range vector\""));
    let sides = "binary expression must contain only scalar and instant vector types";
    check("foo[5m] > 1", 1, sides);
    check("1 + \"a\"", 5, sides);
    check("foo bar", 5, "unexpected identifier \"bar\"");
    check("foo 1", 5, "unexpected number \"1\"");
    check("foo 1h", 5, "unexpected duration \"1h\"");
    check("foo a:b", 5, "unexpected metric identifier \"a:b\"");
    check("foo \"a string\"", 5, "unexpected string \"\\\"a string\\\"\"");
    check("foo 'a long string'", 5, "unexpected string \"'a long st\"...");
    check("foo sum", 5, "unexpected <aggr:sum>");
    check("foo group_left", 5, "unexpected <group_left>");
    check("foo start", 5, "unexpected \"start\"");
    check("1 (", 3, "unexpected \"(\"");
}

#[test]
fn matching() {
    check("a - on(b) ignoring(c) d", 11, "unexpected <ignoring>");
    check("a + group_left(b) c", 5, "unexpected <group_left>");
    let paren = "in grouping opts, expected \"(\"";
    check("a + on(b) group_left group_right c", 22, &format!("unexpected <group_right> {paren}"));
    check("a + on(b) group_left * c", 22, &format!("unexpected <op:*> {paren}"));
    check("a + on b", 8, "unexpected identifier \"b\" in grouping opts, expected \"(\"");
    check("a + on(b) * c", 11, "unexpected <op:*>");
    check("1 + on(x) foo", 1, "vector matching only allowed between instant vectors");
    check("foo == on(x) 1", 1, "vector matching only allowed between instant vectors");
    check("foo and on(x) group_left(y) bar", 1, "no grouping allowed for \"and\" operation");
    check("foo unless on(x) group_right bar", 1, "no grouping allowed for \"unless\" operation");
    let twice = "label \"x\" must not occur in ON and GROUP clause at once";
    check("foo * on(x) group_left(y, x) bar", 5, twice);
    check("a + fill(x) b", 10, "unexpected identifier \"x\"");
    check("a + fill(1) fill_left(2) b", 13, "unexpected <fill_left>");
    check("1 + fill(1) b", 1, "filling in missing series only allowed between instant vectors");
    check("a and fill(1) b", 1, "filling in missing series not allowed for set operators");
}

#[test]
fn selectors() {
    check("{", 2, "unexpected end of input inside braces");
    check("foo{a=\"b\"", 10, "unexpected end of input inside braces");
    check("foo{{", 5, "unexpected left brace '{'");
    check("foo{1}", 5, "unexpected character inside braces: '1'");
    check("foo{a!b}", 6, "unexpected character after '!' inside braces: 'b'");
    check("}", 1, "unexpected character: '}'");
    check("foo{a=}", 7, "unexpected \"}\" in label matching, expected string");
    check("foo{a=b}", 7, "unexpected identifier \"b\" in label matching, expected string");
    check("foo{a==\"b\"}", 7, "unexpected \"=\" in label matching, expected string");
    let operator = "in label matching, expected label matching operator";
    check("foo{a}", 6, &format!("unexpected \"}}\" {operator}"));
    check("foo{a b=\"c\"}", 7, &format!("unexpected identifier \"b\" {operator}"));
    let list = "in label matching, expected \",\" or \"}\"";
    check("foo{a=\"b\" c=\"d\"}", 11, &format!("unexpected identifier \"c\" {list}"));
    check("{\"foo\" a=\"b\"}", 8, &format!("unexpected identifier \"a\" {list}"));
    let label = "in label matching, expected identifier or \"}\"";
    check("foo{,}", 5, &format!("unexpected \",\" {label}"));
    check("foo{a=\"b\",,}", 11, &format!("unexpected \",\" {label}"));
    check("foo{=\"b\"}", 5, &format!("unexpected \"=\" {label}"));
    check("foo{a=\"\\xff\"}", 7, "label name or value is not valid UTF-8: \"\\xff\"");
    let empty = "vector selector must contain at least one non-empty matcher";
    for query in ["{}", "{a=\"\"}", "{a=~\".*\"}", "{a!~\".+\"}", "{a!=\"b\"}"] {
        check(query, 1, empty);
    }
    check("foo[5m] + {}", 11, empty);
    check("rate({}[5m])", 6, empty);
    let twice = |a: &str, b: &str| format!("metric name must not be set twice: {a:?} or {b:?}");
    check("foo{__name__=\"bar\"}", 1, &twice("foo", "bar"));
    check("foo{\"bar\"}", 1, &twice("foo", "bar"));
    check("a + foo{__name__!=\"\"}", 5, &twice("foo", ""));
    check("foo::b::a[5m", 13, "unclosed left bracket");
    let error = parse("foo{a=~\"(\"}").unwrap_err();
    assert!(error.message.contains("regular expression") && error.column == 5, "{error}");
}

#[test]
fn ranges_and_subqueries() {
    let range = "in subquery or range selector, expected number, duration, step(), or range()";
    check("foo[]", 5, &format!("unexpected \"]\" {range}"));
    check("foo[step]", 9, &format!("unexpected \"]\" {range}"));
    check("foo[5m+]", 8, &format!("unexpected \"]\" {range}"));
    check("foo[", 5, "unexpected end of input in duration expression");
    check("foo[5m", 7, "unclosed left bracket");
    check("foo[5mm]", 5, "bad number or duration syntax: \"5mm\"");
    check("foo[5m1]", 5, "bad number or duration syntax: \"5m1\"");
    check("foo[5m:1m1]", 8, "bad number or duration syntax: \"1m1\"");
    check("foo[5y1hs]", 5, "unknown unit \"hs\" in duration \"5y1hs\"");
    check("foo[5m1h]", 5, "not a valid duration string: \"5m1h\"");
    check("foo[5m1m]", 5, "not a valid duration string: \"5m1m\"");
    check("foo[300y]", 5, "duration out of range");
    check("foo[9.5e10]", 5, "duration out of range");
    check("foo[1e30]", 5, "duration out of range");
    check("foo[0m]", 5, "duration must be greater than 0");
    check("foo[-1]", 5, "duration must be greater than 0");
    check("foo[5m:0]", 8, "duration must be greater than 0");
    check("foo[\"5m\"]", 5, "unexpected character in duration expression: '\"'");
    check("foo[abc]", 5, "unexpected character in duration expression: 'a'");
    check("foo[:5m]", 6, "unexpected colon before duration in duration expression");
    check("foo[5m::1m]", 8, "unexpected colon ':'");
    check("foo[5s x 5s]", 8, "unexpected character: 'x', expected ':'");
    check("foo[5s[", 7, "unexpected left bracket '['");
    check(
        "foo[5s 5s]",
        8,
        "unexpected duration \"5s\" in subquery or range, expected \":\" or \"]\"",
    );
    check("foo[5m:1m:]", 10, "unexpected colon ':'");
    check("foo[5m:1m 1m]", 11, "unexpected duration \"1m\" in subquery selector, expected \"]\"");
    let step = "in subquery selector, expected number, duration, step(), range(), or \"]\"";
    check("foo[5m:*]", 8, &format!("unexpected <op:*> {step}"));
    check("foo[step()/0d]", 11, "division by zero");
    check("foo[5s%0]", 7, "modulo by zero");
    check("(foo + bar)[5m]", 12, "ranges only allowed for vector selectors");
    check("rate(foo[1m])[1h] offset 1h", 14, "ranges only allowed for vector selectors");
    check("foo OFFSET 1m[5m]", 14, "no offset modifiers allowed before range");
    check("foo offset step()[5m]", 18, "no offset modifiers allowed before range");
    check("foo @ 1234 [5m]", 12, "no @ modifiers allowed before range");
    check("foo @ end()[5m]", 12, "no @ modifiers allowed before range");
    let matrix = "subquery is only allowed on instant vector, got matrix instead";
    check("foo[5d] OFFSET 10s [10m:5s]", 1, matrix);
    check("(foo)[5m:][10m:5s]", 1, matrix);
    check("1[5m:]", 1, "subquery is only allowed on instant vector, got scalar instead");
}

#[test]
fn offsets_and_times() {
    let offset = "in offset, expected number, duration, step(), or range()";
    check("foo offset", 11, &format!("unexpected end of input {offset}"));
    check("foo offset bar", 12, &format!("unexpected identifier \"bar\" {offset}"));
    check("foo offset (1h", 15, "unclosed left parenthesis");
    check("foo offset 1mm", 12, "bad number or duration syntax: \"1mm\"");
    check("foo offset 9.5e10", 12, "duration out of range");
    check("foo offset 1e30", 12, "duration out of range");
    check("foo offset (4d/0)", 15, "division by zero");
    check("foo offset 1s offset 2s", 1, "offset may not be set multiple times");
    check("foo offset step() offset 2s", 1, "offset may not be set multiple times");
    let selector = "must be preceded by an instant vector selector or range vector selector or a \
                    subquery";
    check("1 offset 1d", 1, &format!("offset modifier {selector}"));
    check("sum(foo) offset 1d", 1, &format!("offset modifier {selector}"));
    check("1 + (foo) @ 10", 5, &format!("@ modifier {selector}"));
    check("foo[5m] @", 10, "unexpected end of input in @, expected timestamp");
    check("foo @ start", 12, "unexpected end of input in @, expected timestamp");
    check("foo @ (1)", 7, "unexpected \"(\" in @, expected timestamp");
    check("foo @ 1 @ 2", 1, "@ <timestamp> may not be set multiple times");
    check("foo @ start() @ 2", 1, "@ <timestamp> may not be set multiple times");
    check("foo @ +Inf", 1, "timestamp out of bounds for @ modifier: +Inf");
    let together = "anchored and smoothed modifiers cannot be used together";
    check("foo anchored smoothed", 1, together);
    check("foo[5m:] smoothed", 1, "smoothed modifier is not supported for subqueries");
    check("1 + rate(foo[5m]) anchored", 5, "anchored modifier not implemented");
}

#[test]
fn aggregations() {
    check("sum()", 1, "no arguments for aggregate expression provided");
    check("sum())", 7, "unexpected right parenthesis ')'");
    check("1 + sum by (a) ()", 5, "no arguments for aggregate expression provided");
    let count = "wrong number of arguments for aggregate expression provided, expected";
    check("sum(foo, bar)", 1, &format!("{count} 1, got 2"));
    check("topk(foo)", 1, &format!("{count} 2, got 1"));
    check("count_values(\"a\", foo, bar)", 1, &format!("{count} 2, got 3"));
    check("sum by (a", 10, "unclosed left parenthesis");
    let label = "in grouping opts, expected label";
    check("sum by (,) (foo)", 9, &format!("unexpected \",\" {label}"));
    check("sum by (a,,) (foo)", 11, &format!("unexpected \",\" {label}"));
    check("sum by (1) (foo)", 9, &format!("unexpected number \"1\" {label}"));
    check("sum by (without) (foo)", 9, &format!("unexpected <without> {label}"));
    let list = "in grouping opts, expected \",\" or \")\"";
    check("sum by (a b) (foo)", 11, &format!("unexpected identifier \"b\" {list}"));
    let paren = "in grouping opts, expected \"(\"";
    check("sum(foo) by test", 13, &format!("unexpected identifier \"test\" {paren}"));
    check("sum by", 7, &format!("unexpected end of input {paren}"));
    check("sum without (a) foo", 17, "unexpected identifier \"foo\" in aggregation");
    check("sum(foo bar)", 9, "unexpected identifier \"bar\" in aggregation");
    check("sum(rate(foo bar))", 14, "unexpected identifier \"bar\" in aggregation");
    check("sum(foo) bar", 10, "unexpected identifier \"bar\"");
    check("sum by (a) (foo) by (b)", 18, "unexpected <by>");
    check("sum by (\"\") (foo)", 9, "invalid label name for grouping: \"\"");
    check("sum by (\"\\xff\") (foo)", 9, "invalid label name for grouping: \"\\xff\"");
    check("sum 5", 5, "unexpected number \"5\"");
    let wanted = "expected type instant vector in aggregation expression, got";
    check("sum(foo[5m])", 5, &format!("{wanted} range vector"));
    check("sum(1)", 5, &format!("{wanted} scalar"));
    check("topk(\"x\", foo)", 6, "expected type scalar in aggregation parameter, got string");
    check("count_values(5, foo)", 14, "expected type string in aggregation parameter, got scalar");
    check(
        "sum(-\"a\")",
        5,
        "unary expression only allowed on expressions of type scalar or \
                             instant vector, got \"string\"",
    );
}

#[test]
fn calls() {
    check("nosuch(foo)", 1, "unknown function with name \"nosuch\"");
    check("RATE(foo[5m])", 1, "unknown function with name \"RATE\"");
    check("abs(nosuch(foo), other())", 5, "unknown function with name \"nosuch\"");
    check("a:b(foo)", 4, "unexpected \"(\"");
    check("floor()", 1, "expected 1 argument(s) in call to \"floor\", got 0");
    check("1 + floor(a, b)", 5, "expected 1 argument(s) in call to \"floor\", got 2");
    check("pi(1)", 1, "expected 0 argument(s) in call to \"pi\", got 1");
    check("step(1)", 1, "expected 0 argument(s) in call to \"step\", got 1");
    check("hour(a, b)", 1, "expected at most 1 argument(s) in call to \"hour\", got 2");
    check("round()", 1, "expected at least 1 argument(s) in call to \"round\", got 0");
    check("label_join(a)", 1, "expected at least 3 argument(s) in call to \"label_join\", got 1");
    check(
        "rate(foo)",
        6,
        "expected type range vector in call to function \"rate\", got \
                           instant vector",
    );
    check(
        "label_join(a, \"b\", \"c\", 1)",
        25,
        "expected type string in call to function \
                                              \"label_join\", got scalar",
    );
    check(
        "vector(foo)",
        8,
        "expected type scalar in call to function \"vector\", got instant \
                             vector",
    );
    check("rate(foo[5m],)", 13, "trailing commas not allowed in function call args");
    check("round(a,,1)", 8, "trailing commas not allowed in function call args");
    check("rate(,)", 6, "unexpected \",\"");
    check("rate(a", 7, "unclosed left parenthesis");
    check("info(a, b)", 9, "expected label selectors only, got vector selector instead");
    check("info(a, {b=\"c\"} == 1)", 9, "expected label selectors only");
    check("info(a, 1)", 1, "expected type instant vector in call to function \"info\", got scalar");
}

#[test]
fn places_in_later_lines() {
    let error = parse("up +\n  foo bar").unwrap_err();
    assert_eq!((error.line, error.column), (2, 7));
    assert_eq!(error.to_string(), "2:7: parse error: unexpected identifier \"bar\"");
    let error = parse("{é=\"ü\"} + foo bar").unwrap_err();
    assert_eq!((error.line, error.column, error.start), (1, 2, 1));
}
