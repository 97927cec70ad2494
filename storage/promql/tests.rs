//! Scripts, limits, errors and their places.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metric::{Labels, METRIC_NAME};
use proptest::prelude::*;

use crate::script::store::MemoryStore;
use crate::script::{self, Report};
use crate::{
    Answer, EvalError, Limits, NodeCost, QueryOptions, Value, aggregation_names, function_names,
    parse, parse_duration_ms, query_instant, query_range,
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
    let limits =
        Limits { samples_max: 500, series_max: 9, points_per_series_max: 200, ..Limits::default() };
    let options = QueryOptions { limits, ..QueryOptions::default() };
    let name = |error: EvalError| match error {
        EvalError::Limit { limit, .. } => limit.to_string(),
        other => other.to_string(),
    };
    assert_eq!(name(range_error("m", &options)), "series_max");
    assert_eq!(name(range_error("m{i=~\"[0-7]\"}", &options)), "samples_max");
    assert_eq!(name(range_error("vector(time())[1y:1ms]", &options)), range_needs_a_vector());
    let subquery = "sum_over_time(vector(1)[200y:1ms])";
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

fn find<'c>(cost: &'c NodeCost, text: &str) -> Option<&'c NodeCost> {
    if cost.text == text {
        return Some(cost);
    }
    cost.children.iter().find_map(|child| find(child, text))
}

#[test]
fn an_analysis_tells_what_each_node_cost() {
    let query = "sum by (i) ((rate(m[1m]))) / 2 + max_over_time(m[2m:20s]) + rate(m[60s])";
    let expr = parse(query).unwrap();
    let options = QueryOptions { analyze: true, ..QueryOptions::default() };
    let answer = query_range(&store(), &expr, 300_000, 600_000, 10_000, &options).unwrap();
    let root = answer.analysis.unwrap();
    assert_eq!((root.kind, root.series_out, root.points), ("binaryExpr", 10, 310));
    let shapes: Vec<(&str, &str, u64, u64, u64, u64, bool)> =
        ["m[1m]", "rate(m[1m])", "sum by (i) (rate(m[1m]))", "m[2m:20s]", "m"]
            .iter()
            .filter_map(|text| find(&root, text))
            .map(|it| {
                (&*it.text, it.kind, it.series_in, it.series_out, it.samples, it.points, it.shared)
            })
            .collect();
    assert_eq!(
        shapes,
        [
            ("m[1m]", "matrixSelector", 10, 10, 360, 360, false),
            ("rate(m[1m])", "call", 10, 10, 0, 310, false),
            ("m[2m:20s]", "subquery", 10, 10, 0, 210, false),
            ("m", "vectorSelector", 10, 10, 610, 210, false),
        ]
    );
    let again = &root.children[1];
    assert_eq!((again.shared, again.samples, again.points), (true, 0, 310));
    assert!(again.children[0].shared && query[again.span.start..].starts_with("rate(m[60s])"));
    assert!(root.samples_peak == answer.stats.samples_peak && root.wall >= again.wall);
    assert_eq!(root.own + root.children.iter().map(|it| it.wall).sum::<Duration>(), root.wall);
    let expr = parse(query).unwrap();
    let quiet = query_range(&store(), &expr, 300_000, 600_000, 10_000, &QueryOptions::default());
    assert_eq!(quiet.unwrap().analysis, None);
}

#[test]
fn extreme_times_are_no_panic() {
    let options = QueryOptions::default();
    for query in [
        "m",
        "rate(m[5m] offset 1y)",
        "sum_over_time(m[1h:1m] @ 0)",
        "m @ end()",
        "m @ 1e18 offset -200y",
        "sum_over_time(m[1m] @ -9e18)",
    ] {
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
}

#[test]
fn selectors_are_found_wherever_they_stand() {
    let check = |query: &str, expected: &[&str]| {
        let found = parse(query).unwrap().selectors();
        let names: Vec<&str> = found.iter().map(|matchers| matchers[0].value()).collect();
        assert_eq!(names, expected, "{query}");
    };
    check("1 + time()", &[]);
    check("a", &["a"]);
    check("-(a) + max_over_time((+b)[5m:1m] offset 1h)", &["a", "b"]);
    check("topk(scalar(a), rate(b[5m])) / on(x) sum by (y) (c @ end())", &["a", "b", "c"]);
    check("label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\") or a", &["a", "a"]);
}
