//! Scripts, limits, errors and their places.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use metric::{Labels, METRIC_NAME};
use proptest::prelude::*;

use crate::expr::{Kind, Node};
use crate::script::store::MemoryStore;
use crate::script::{self, Report};
use crate::{
    Answer, EvalError, Limits, QueryOptions, Value, aggregation_names, function_names, parse,
    parse_duration_ms, parse_selector, query_instant, query_range,
};

/// The scripts' options: names are removed at the end of an evaluation.
fn script_options() -> QueryOptions {
    QueryOptions { delayed_name_removal: true, ..QueryOptions::default() }
}

fn scripts_in(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .collect();
    paths.sort();
    paths
}

fn summary(path: &Path, report: &Report) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut text = format!("{name}: {} of {} cases pass\n", report.passed(), report.cases);
    for failure in &report.failures {
        let reason: String = failure.reason.chars().take(300).collect();
        text += &format!("  {name}:{}: {}\n    {reason}\n", failure.line, failure.query);
    }
    text
}

#[test]
fn own_scripts_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let (mut cases, mut text) = (0, String::new());
    for path in scripts_in(&folder) {
        for delayed_name_removal in [false, true] {
            let options = QueryOptions { delayed_name_removal, ..QueryOptions::default() };
            let report = script::run_file(&path, &options).unwrap();
            cases += report.cases;
            if !report.failures.is_empty() {
                text += &summary(&path, &report);
            }
        }
    }
    assert!(text.is_empty(), "{text}");
    assert!(cases > 0, "no script found");
}

/// Runs other people's scripts, if the environment names a folder of them.
#[test]
fn foreign_scripts_pass() {
    let Some(folder) = std::env::var_os("ONEMONITOR_PROMQL_SCRIPTS") else {
        return;
    };
    let mut text = String::new();
    let (mut cases, mut passed) = (0, 0);
    for path in scripts_in(Path::new(&folder)) {
        let report = script::run_file(&path, &script_options()).unwrap();
        cases += report.cases;
        passed += report.passed();
        text += &summary(&path, &report);
    }
    assert!(passed == cases, "{text}{passed} of {cases} cases pass");
}

fn place_of(query: &str) -> (usize, usize, String) {
    match parse(query) {
        Ok(_) => panic!("{query:?} should not parse"),
        Err(error) => (error.start, error.end, error.message),
    }
}

#[test]
fn errors_name_their_place() {
    let check = |query: &str, at: &str, part: &str| {
        let (start, end, message) = place_of(query);
        assert_eq!(&query[start..end], at, "{query}: {message}");
        assert!(message.contains(part), "{query}: {message}");
    };
    check("", "", "no expression");
    check("foo bar", "bar", "unexpected");
    check("sum(rate(x[5m])) by (a) b", "b", "unexpected");
    check("foo{a=}", "}", "unexpected");
    check("1 +", "", "end of input");
    check("sum(foo", "", "not closed");
    check("foo)", ")", "nothing that it closes");
    check("\"abc", "\"abc", "unterminated string");
    check("nosuch(foo)", "nosuch", "unknown function");
    check("rate(foo)", ")", "matrix");
    check("a + topk(\"x\", foo)", "\"x\"", "scalar");
    check("foo{a=~\"(\"}", "\"(\"", "regex");
    check("foo offset 1e30", "1e30", "out of range");
    check("foo[1e30]", "1e30", "out of range");
    check("foo @ -1e30", "1e30", "out of range");
    check("foo{a=\"1\" or b=\"2\"}", "foo{a=\"1\" or b=\"2\"}", "not supported");
    check("\"a\\xc5z\"", "\"a\\xc5z\"", "UTF-8");
    let error = parse("up +\n  foo bar").err().map(|error| (error.line, error.column));
    assert_eq!(error, Some((2, 7)));
}

#[test]
fn hostile_texts_are_refused_without_harm() {
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    let signs = format!("{}1", "-".repeat(50_000));
    let chain = vec!["1"; 5_000].join("+");
    let long = "a".repeat(1 << 20);
    let nested = format!("{}x{}", "abs(".repeat(100_000), ")".repeat(100_000));
    for query in [deep, signs, chain, long, nested] {
        assert!(parse(&query).is_err());
    }
}

/// The deepest query that parses also evaluates, on the stack of an ordinary thread.
#[test]
fn the_deepest_query_evaluates() {
    let chain = vec!["vector(1)"; 250].join(" + ");
    let nested = format!("{}vector(1){}", "abs(".repeat(120), ")".repeat(120));
    let subqueries = format!("{}up{}", "sum_over_time(".repeat(60), "[5m:1m])".repeat(60));
    let deep = move || {
        for query in [chain, nested, subqueries] {
            let expr = parse(&query).unwrap();
            query_instant(&MemoryStore::default(), &expr, 0, &QueryOptions::default()).unwrap();
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(deep).unwrap().join().unwrap();
}

/// Checks that a node's place holds the text of the node, and so for all nodes below.
fn check_places(query: &str, node: &Node) {
    let text = &query[node.span.start..node.span.end];
    let starts = |name: &str| text.to_ascii_lowercase().starts_with(name);
    let below: Vec<&Node> = match &node.kind {
        Kind::Number(_) | Kind::Text(_) => vec![],
        Kind::Select(selector) | Kind::Range { selector, .. } => {
            let name = selector.matchers.first().map_or("", |matcher| matcher.value());
            assert!(text.starts_with(name) || text.contains('{'), "{query}: {text}");
            vec![]
        }
        Kind::Subquery { inner, .. } => vec![inner],
        Kind::Call { function, args } => {
            assert!(starts(function.name()) && text.ends_with(')'), "{query}: {text}");
            args.iter().collect()
        }
        Kind::Aggregate(aggregate) => {
            let names = aggregation_names();
            assert!(names.iter().any(|name| starts(name)), "{query}: {text}");
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

#[test]
fn selectors_are_matchers() {
    let matchers = parse_selector("up{job=\"a\",x!~\"b.*\"}").unwrap();
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["__name__=\"up\"", "job=\"a\"", "x!~\"b.*\""]);
    for other in ["up offset 5m", "sum(up)", "up[5m]", "1"] {
        assert!(parse_selector(other).is_err(), "{other}");
    }
}

#[test]
fn durations_read_as_written() {
    for (text, millis) in [
        ("1h30m", Some(5_400_000)),
        ("15", Some(15_000)),
        ("0.5", Some(500)),
        ("1d2ms", Some(86_400_002)),
        ("5m1h", None),
        ("5", Some(5_000)),
        ("-5", None),
        ("x", None),
        ("5x", None),
        ("", None),
        ("99999999999999y", None),
    ] {
        assert_eq!(parse_duration_ms(text), millis, "{text}");
    }
}

#[test]
fn names_are_in_order() {
    let names: Vec<&str> = function_names().collect();
    assert!(names.is_sorted() && names.contains(&"rate"));
    assert!(aggregation_names().is_sorted());
}

fn store() -> MemoryStore {
    let mut store = MemoryStore::default();
    for i in 0..10 {
        let i = i.to_string();
        let labels = Labels::new([(METRIC_NAME, "m"), ("i", i.as_str())]).unwrap();
        for t in 0..100 {
            store.add(&labels, t * 10_000, f64::from(t as i32));
        }
    }
    store
}

fn range_error(query: &str, options: &QueryOptions) -> EvalError {
    query_range(&store(), &parse(query).unwrap(), 0, 1_000_000, 10_000, options).unwrap_err()
}

#[test]
fn limits_are_named() {
    let limits = Limits { samples_max: 500, series_max: 9, points_per_series_max: 200 };
    let options = QueryOptions { limits, ..QueryOptions::default() };
    let name = |error: EvalError| match error {
        EvalError::Limit { limit, .. } => limit.to_string(),
        other => other.to_string(),
    };
    assert_eq!(name(range_error("m", &options)), "series_max");
    assert_eq!(name(range_error("m{i=~\"[0-7]\"}", &options)), "samples_max");
    assert_eq!(name(range_error("vector(time())[1y:1ms]", &options)), range_needs_a_vector());
    let subquery = "sum_over_time(vector(1)[5000y:1ms])";
    assert_eq!(name(range_error(subquery, &options)), "samples_max");
    let expr = parse("m").unwrap();
    let error = query_range(&store(), &expr, 0, 1_000_000, 1_000, &options).unwrap_err();
    assert_eq!(name(error), "points_per_series_max");
    let error = query_range(&store(), &expr, i64::MIN, i64::MAX, 1, &options).unwrap_err();
    assert_eq!(name(error), "points_per_series_max");
}

fn range_needs_a_vector() -> String {
    "a range query needs a scalar or an instant vector, not a range vector".to_owned()
}

#[test]
fn a_query_can_be_stopped() {
    let options = QueryOptions::default();
    options.cancel.cancel();
    assert!(matches!(range_error("sum(m)", &options), EvalError::Cancelled));
    let deadline = Some(std::time::Instant::now());
    let options = QueryOptions { deadline, ..QueryOptions::default() };
    assert!(matches!(range_error("sum(m)", &options), EvalError::DeadlineExceeded));
}

#[test]
fn statistics_count_what_was_read() {
    let expr = parse("sum(m{i=~\"[0-4]\"})").unwrap();
    let options = QueryOptions::default();
    let answer = query_range(&store(), &expr, 300_000, 600_000, 10_000, &options).unwrap();
    assert_eq!(answer.stats.series, 5);
    // From 300 s minus the lookback, whose start is open, to 600 s: 60 samples of each series.
    assert_eq!(answer.stats.samples, 5 * 60);
    assert_eq!(answer.stats.points, 31);
    assert!(answer.stats.samples_peak >= 5 * 31);
}

#[test]
fn extreme_times_are_no_panic() {
    let options = QueryOptions::default();
    for query in ["m", "rate(m[5m] offset 1y)", "sum_over_time(m[1h:1m] @ 0)", "m @ end()"] {
        let expr = parse(query).unwrap();
        for at_ms in [i64::MIN, i64::MAX, 0, -1] {
            query_instant(&store(), &expr, at_ms, &options).unwrap();
        }
    }
}

/// Expressions over the store, made of parts that fit together.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("m".to_owned()),
        Just("m{i=~\"[0-3]\"}".to_owned()),
        Just("m offset 35s".to_owned()),
        Just("m @ 150".to_owned()),
        Just("rate(m[45s])".to_owned()),
        Just("vector(3)".to_owned()),
        Just("vector(time())".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| format!("abs({e})")),
            inner.clone().prop_map(|e| format!("-({e})")),
            inner.clone().prop_map(|e| format!("sum by (i) ({e})")),
            inner.clone().prop_map(|e| format!("avg({e})")),
            inner.clone().prop_map(|e| format!("topk(2, {e})")),
            inner.clone().prop_map(|e| format!("quantile(0.3, {e})")),
            inner.clone().prop_map(|e| format!("count_values(\"v\", {e})")),
            inner.clone().prop_map(|e| format!("absent({e})")),
            inner.clone().prop_map(|e| format!("timestamp({e})")),
            inner.clone().prop_map(|e| format!("max_over_time(({e})[50s:20s])")),
            inner.clone().prop_map(|e| format!("({e}) > 5")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) * on (i) ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) unless ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) and ({b})")),
        ]
    })
}

/// The points of an answer by labels and time, with NaN as equal to itself.
fn points(answer: &Answer) -> BTreeMap<(Labels, i64), u64> {
    let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    let mut points = BTreeMap::new();
    match &answer.value {
        Value::Vector(vector) => points.extend(
            vector.iter().map(|(labels, p)| ((labels.clone(), p.timestamp_ms), bits(p.value))),
        ),
        Value::Matrix(matrix) => {
            for series in matrix {
                let at = |time_ms| (series.labels.clone(), time_ms);
                points.extend(series.points.iter().map(|p| (at(p.timestamp_ms), bits(p.value))));
            }
        }
        Value::Scalar(_) | Value::String { .. } => {}
    }
    points
}

proptest! {
    /// A range query gives at each step what an instant query gives there.
    #[test]
    fn ranges_agree_with_instants(query in expressions(), start_s in 0_i64..300) {
        let (store, options) = (store(), QueryOptions::default());
        let expr = parse(&query).unwrap();
        let (start_ms, step_ms) = (start_s * 1000, 25_000);
        let end_ms = start_ms + 4 * step_ms;
        let Ok(range) = query_range(&store, &expr, start_ms, end_ms, step_ms, &options) else {
            return Ok(());
        };
        let mut wanted = BTreeMap::new();
        for step in 0..=4 {
            let at_ms = start_ms + step * step_ms;
            let answer = query_instant(&store, &expr, at_ms, &options);
            wanted.extend(points(&answer.map_err(|e| TestCaseError::fail(e.to_string()))?));
        }
        prop_assert_eq!(points(&range), wanted, "{}", query);
    }

    /// No text makes the parser panic, and what it places lies within the text.
    #[test]
    fn any_text_parses_or_is_refused(text in "[a-z(){}\\[\\]0-9+*@:,.\"'`= ~!\\\\é-]{0,40}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.start <= error.end && error.end <= text.len());
        }
    }
}
