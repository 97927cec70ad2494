//! Tests of the text formats.

use metric::MetricType;
use proptest::prelude::*;

use super::{Entry, Format, LineParser, check, parse_body};

/// Parses a body and writes every entry in one line each, or the error.
fn shown(body: &str, format: Format) -> Vec<String> {
    let mut out = Vec::new();
    let result = parse_body(body.as_bytes(), format, |entry, parser| {
        match entry {
            Entry::Nothing => {}
            Entry::Sample(sample) => {
                let labels: Vec<String> = parser
                    .labels()
                    .iter()
                    .map(|label| format!("{}={}", label.name.text(), label.value.text()))
                    .collect();
                let at = sample.timestamp_ms.map(|at| format!(" @{at}")).unwrap_or_default();
                let exemplar = sample.exemplar.map(|line| match parser.exemplar(line, -1) {
                    Some(it) => format!(" # {} {} @{}", it.labels, it.value, it.timestamp_ms),
                    None => " # dropped".to_owned(),
                });
                let exemplar = exemplar.unwrap_or_default();
                out.push(format!("{} {}{at}{exemplar}", labels.join(","), sample.value));
            }
            other => out.push(format!("{other:?}")),
        }
        Ok(())
    });
    if let Err(wrong) = result {
        out.push(wrong.to_string());
    }
    out
}

fn text(body: &str, expected: &[&str]) {
    assert_eq!(shown(body, Format::Text), expected, "{body}");
}

fn open(body: &str, expected: &[&str]) {
    assert_eq!(shown(body, Format::OpenMetrics), expected, "{body}");
}

#[test]
fn text_samples() {
    text("a 1", &["__name__=a 1"]);
    text("a 1\n", &["__name__=a 1"]);
    text("", &[]);
    text("\n\n  \t\n# a comment\n#\n", &[]);
    text("a{} 1\r\n", &["__name__=a 1"]);
    text("  a \t 1.5e3 \t 1700000000123  ", &["__name__=a 1500 @1700000000123"]);
    text("a 1 -5", &["__name__=a 1 @-5"]);
    text("a{b=\"c\",d=\"e\",}1", &["__name__=a,b=c,d=e 1"]);
    text("a { b = \"c\" , d = \"\" } +Inf", &["__name__=a,b=c,d= inf"]);
    text("a:b_c9 nan\na -inf", &["__name__=a:b_c9 NaN", "__name__=a -inf"]);
    text("a{b=\"x\\\\y\\\"z\\nw\\q\"} 1", &["__name__=a,b=x\\y\"z\nw\\q 1"]);
    text("a{b=\"温度\"} 1", &["__name__=a,b=温度 1"]);
    text("{\"my.metric\",\"the label\"=\"v\"} 2", &["__name__=my.metric,the label=v 2"]);
    text("{a=\"b\",\"m\"} 2", &["a=b,__name__=m 2"]);
    text("a 1# 2", &["line 1: the value \"1#\" is not a number"]);
}

#[test]
fn text_metadata() {
    text(
        "# HELP a some\\n text\\\\ \n# TYPE a counter\n#TYPE b   untyped \n# HELP c\n",
        &[
            "Help(\"a\", \"some\\n text\\\\ \")",
            "Type(\"a\", Counter)",
            "Type(\"b\", Unknown)",
            "Help(\"c\", \"\")",
        ],
    );
    text("# TYPE a stateset", &["line 1: \"stateset\" is not a metric type"]);
    text("# TYPE a", &["line 1: \"\" is not a metric type"]);
    text("# TYPE 9 gauge", &["line 1: expected a metric name at column 8, got '9'"]);
    assert_eq!(
        LineParser::new(Format::Text).parse("# TYPE \"x.y\" gauge"),
        Ok(Entry::Type("x.y".into(), MetricType::Gauge))
    );
}

#[test]
fn text_errors_name_line_and_reason() {
    let check = |line: &str, reason: &str| {
        text(&format!("ok 1\n{line}\nok 2"), &["__name__=ok 1", &format!("line 2: {reason}")]);
    };
    check("9a 1", "expected a metric name at column 1, got '9'");
    check("foo-bar 1", "expected a space or { at column 4, got '-'");
    check("a", "expected a value at column 2, got the end of the line");
    check("a{b=\"c\" 1", "expected , or } after the label value at column 9, got '1'");
    check("a{b=\"c", "the quote at column 5 is not closed");
    check("a{b=\"c\\", "the quote at column 5 is not closed");
    check("a{b\"c\"} 1", "expected = after the label name at column 4, got '\"'");
    check("a{b=c} 1", "expected a label value in double quotes at column 5, got 'c'");
    check("a{=\"c\"} 1", "expected a label name or } at column 3, got '='");
    check("a{\"b\"} 1", "the sample has two metric names");
    check("{a=\"b\"} 1", "the sample has no metric name");
    check("a one", "the value \"one\" is not a number");
    check("a 1_0", "the value \"1_0\" is not a number");
    check("a 0x10", "the value \"0x10\" is not a number");
    check("a +nan", "the value \"+nan\" is not a number");
    check("a 1e999", "the value \"1e999\" is out of range");
    check("a 1 1.5", "the timestamp \"1.5\" is not a whole number of milliseconds");
    check("a 1 2 3", "expected the end of the line at column 7, got '3'");
    let html = shown("<!DOCTYPE html>", Format::Text);
    assert_eq!(html, ["line 1: expected a metric name at column 1, got '<'"]);
}

#[test]
fn binary_rubbish_is_named() {
    let wrong = parse_body(b"a 1\nb{c=\"\xff\"} 2\n", Format::Text, |_, _| Ok(()));
    assert_eq!(wrong.map_err(|wrong| wrong.to_string()), Err("line 2: not valid UTF-8".to_owned()));
}

#[test]
fn open_metrics() {
    open(
        "# TYPE a counter\n# UNIT a_seconds seconds\n# HELP a text\na_total 1\n# EOF\n",
        &[
            "Type(\"a\", Counter)",
            "Unit(\"a_seconds\", \"seconds\")",
            "Help(\"a\", \"text\")",
            "__name__=a_total 1",
            "End",
        ],
    );
    let exemplar = |line: &str, expected: &str| open(&format!("{line}\n# EOF"), &[expected, "End"]);
    exemplar(
        "a_total{b=\"c\"} 1 1.5 # {t=\"x\\n\",s=\"y\"} 0.2 1.7",
        "__name__=a_total,b=c 1 @1500 # {s=\"y\", t=\"x\\n\"} 0.2 @1700",
    );
    exemplar("a_bucket 1 # {} 1", "__name__=a_bucket 1 # {} 1 @-1");
    // Elsewhere OpenMetrics allows none, and labels may be wrong in themselves.
    exemplar("a 1 # {t=\"x\"} 1", "__name__=a 1 # dropped");
    exemplar("a_total 1 # {t=\"x\",t=\"y\"} 1", "__name__=a_total 1 # dropped");
    let long = format!("a_total 1 # {{t=\"{}\"}} 1", "x".repeat(128));
    exemplar(&long, "__name__=a_total 1 # dropped");
    let many = format!("a_total 1 # {{{}}} 1", "t=\"\",".repeat(5000));
    exemplar(&many, "__name__=a_total 1 # dropped");
    open("a 1 1700000000.123\n# EOF", &["__name__=a 1 @1700000000123", "End"]);
    open(
        "# TYPE a info\n# TYPE b gaugehistogram\n# EOF",
        &["Type(\"a\", Info)", "Type(\"b\", GaugeHistogram)", "End"],
    );
}

#[test]
fn open_metrics_is_strict() {
    let check = |body: &str, error: &str| {
        let out = shown(body, Format::OpenMetrics);
        assert_eq!(out.last().map(String::as_str), Some(error), "{body}");
    };
    check("a 1\n", "line 1: the body does not end with # EOF, it may be cut off");
    check("", "line 1: the body does not end with # EOF, it may be cut off");
    check("# EOF\na 1\n", "line 2: text after # EOF");
    check("\n# EOF", "line 1: an empty line, which OpenMetrics does not allow");
    check("a  1\n# EOF", "line 1: expected exactly one space at column 3, got ' '");
    check(" a 1\n# EOF", "line 1: expected a metric name at column 1, got ' '");
    check("a 1 x\n# EOF", "line 1: the timestamp \"x\" is not a number of seconds");
    check("a 1 NaN\n# EOF", "line 1: the timestamp \"NaN\" is not a number of seconds");
    check(
        "a 1 2 3\n# EOF",
        "line 1: expected an exemplar or the end of the line at column 7, got '3'",
    );
    check("a 1 # x\n# EOF", "line 1: expected the exemplar's labels at column 7, got 'x'");
    check(
        "# UNIT a bytes\n# EOF",
        "line 1: the unit \"bytes\" is not the end of the metric's name",
    );
    check("# TYPE a untyped\n# EOF", "line 1: \"untyped\" is not a metric type");
    check("# a comment\n# EOF", "line 1: expected # HELP, # TYPE, # UNIT or # EOF");
}

#[test]
fn every_wrong_line_is_listed() {
    let body = b"a 1\nb\nc{ 2\nd 4\n\xff\xfe\n";
    let checked = check(body, Format::Text, 2);
    assert_eq!((checked.samples, checked.wrong), (2, 3));
    let lines: Vec<usize> = checked.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 3]);
    assert_eq!(check(b"a 1\n", Format::OpenMetrics, 9).wrong, 1);
    assert_eq!(check(b"", Format::Text, 9).wrong, 0);
}

#[test]
fn the_content_type_decides() {
    let format = |name: &str| Format::of_content_type(Some(name));
    assert_eq!(format("text/plain; version=0.0.4"), Ok(Format::Text));
    assert_eq!(
        format("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8"),
        Ok(Format::OpenMetrics)
    );
    assert_eq!(Format::of_content_type(None), Ok(Format::Text));
    assert!(format("application/vnd.google.protobuf; proto=x").is_err());
}

proptest! {
    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Text, Format::OpenMetrics] {
            let whole = parse_body(&bytes, format, |_, _| Ok(()));
            let checked = check(&bytes, format, 5);
            prop_assert_eq!(whole.is_ok(), checked.wrong == 0);
        }
    }

    #[test]
    fn nearly_right_lines_never_panic(line in "(# (TYPE|HELP|UNIT|EOF) )?[a\"]{0,3}\\{?([ab\",=\\\\é]{0,6})\\}?[ 1.#{}ean-]{0,9}") {
        for format in [Format::Text, Format::OpenMetrics] {
            let whole = parse_body(line.as_bytes(), format, |_, _| Ok(()));
            let checked = check(line.as_bytes(), format, 5);
            prop_assert_eq!(whole.is_ok(), checked.wrong == 0);
        }
    }

    #[test]
    fn what_is_written_is_read(
        labels in prop::collection::vec(("[a-z_][a-z0-9_]{0,5}", ".{0,12}"), 0..5),
        value in any::<f64>(),
        at in prop::option::of(any::<i32>()),
    ) {
        let escape = |text: &str| {
            text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
        };
        let written: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let time = at.map(|at| format!(" {at}")).unwrap_or_default();
        let line = format!("m{{{}}} {value}{time}", written.join(","));
        let mut parser = LineParser::new(Format::Text);
        let Ok(Entry::Sample(sample)) = parser.parse(&line) else {
            return Err(TestCaseError::fail(line.clone()));
        };
        prop_assert!(sample.value == value || value.is_nan() && sample.value.is_nan());
        prop_assert_eq!(sample.timestamp_ms, at.map(i64::from));
        let read: Vec<(String, String)> = parser.labels()[1..]
            .iter()
            .map(|label| (label.name.text().into_owned(), label.value.text().into_owned()))
            .collect();
        prop_assert_eq!(read, labels);
    }
}
