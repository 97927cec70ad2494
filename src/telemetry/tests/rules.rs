//! Tests of recording rules in the service: evaluation, files, the API, the API of Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use kernel::clock::Time;
use kernel::stop::Stop;
use metric::{Buckets, Histogram, Labels};
use promql::Value;
use serde_json::json;
use series::Batch;

use super::bed::{Bed, bed};
use crate::rules::check::{Group, compile};
use crate::rules::evaluate::Tally;
use crate::rules::model::{GroupSpec, RecordingRule};
use crate::rules::state::{RuleHealth, SharedState};
use crate::{InstantQuery, QueryBounds, RuleSettings};

const GROUPS: &str = "/api/v1/recording-groups";

fn rule(record: &str, expr: &str) -> RecordingRule {
    RecordingRule { record: record.to_owned(), expr: expr.to_owned(), labels: BTreeMap::new() }
}

fn group(rules: Vec<RecordingRule>, limit: u64) -> Arc<Group> {
    let spec = GroupSpec { name: "g".to_owned(), limit, rules, ..GroupSpec::default() };
    Arc::new(compile(&spec, &RuleSettings::default()).unwrap())
}

/// Stores samples of `m{n="…"}`.
fn store(bed: &Bed, series: usize, samples: &[(i64, f64)]) {
    let labels = Labels::new([("__name__", "m"), ("n", series.to_string().as_str())]).unwrap();
    let mut batch = Batch::new();
    for &(at_ms, value) in samples {
        batch.push(labels.encoded(), at_ms, value);
    }
    let appended = bed.telemetry.intake().append_batch(&batch, "test").unwrap();
    assert_eq!(appended.rejected, 0, "{:?}", appended.rejections);
}

/// Evaluates a group once.
async fn evaluate(bed: &Bed, group: &Group, at_ms: i64, state: &SharedState) -> Tally {
    let (at, gone) = (Time::from_millis(at_ms), Stop::new());
    bed.telemetry.evaluate_rules(&bed.who, group, at, state, &gone).await
}

/// The values of a query at a time, by labels without the name.
async fn at(bed: &Bed, query: &str, at_ms: i64) -> Vec<(String, u64)> {
    let at = Some(Time::from_millis(at_ms));
    let query = InstantQuery { query: query.to_owned(), at, bounds: QueryBounds::default() };
    let mut found: Vec<(String, u64)> =
        match bed.telemetry.query_instant(&bed.who, query).await.unwrap().value {
            Value::Vector(found) => found
                .iter()
                .map(|(labels, it)| (labels.without_name().to_string(), it.value.to_bits()))
                .collect(),
            Value::Scalar(point) => vec![("{}".to_owned(), point.value.to_bits())],
            other => panic!("{other:?}"),
        };
    found.sort();
    found
}

/// Series that come, go and come back: reading what a rule recorded is evaluating its expression.
#[tokio::test]
async fn reading_what_was_recorded_equals_evaluating_the_expression() {
    let bed = bed(|_| {}).await;
    let start = bed.clock.now().as_millis() / 60_000 * 60_000 - 3_600_000;
    for series in 0_usize..6 {
        let here = |step: i64| (step / (3 + series as i64)) % 2 == 0;
        let samples: Vec<(i64, f64)> = (0..60)
            .filter(|&step| here(step) || here(step - 1))
            .map(|step| {
                let value = if here(step) { (step * 7 % 13) as f64 } else { metric::stale_nan() };
                (start + step * 30_000 + 100, value)
            })
            .collect();
        store(&bed, series, &samples);
    }
    let expressions = [
        "m",
        "m > 5",
        "sum(m)",
        "rate(m[2m])",
        "m unless m < 3",
        "topk(2, m)",
        "count by (n) (m offset 1m)",
        "absent(m{n=\"1\"})",
        "time()",
        "m / 0",
        "quantile_over_time(0.5, m[90s])",
    ];
    let rules: Vec<RecordingRule> = expressions
        .iter()
        .enumerate()
        .map(|(index, expr)| rule(&format!("x{index}"), expr))
        .collect();
    let group = group(rules, 0);
    let state = SharedState::new(Arc::clone(&group));
    let times: Vec<i64> = (0..60).map(|step| start + step * 30_000 + 15_000).collect();
    for &time in &times {
        let tally = evaluate(&bed, &group, time, &state).await;
        assert_eq!((tally.rules, tally.failures), (11, 0), "{:?}", state.lock().rules);
    }
    for (index, expr) in expressions.iter().enumerate() {
        for &time in &times {
            let direct = at(&bed, expr, time).await;
            let recorded = at(&bed, &format!("x{index}"), time).await;
            assert_eq!(recorded, direct, "{expr} at {time}");
        }
    }
}

#[tokio::test]
async fn a_later_rule_sees_an_earlier_one_and_the_offset_looks_back() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    store(&bed, 0, &[(now - 60_000, 1.0), (now - 1_000, 5.0)]);
    let group = group(vec![rule("a", "m"), rule("b", "a * 10"), rule("c", "sum(b) + sum(a)")], 0);
    let state = SharedState::new(Arc::clone(&group));
    let tally = evaluate(&bed, &group, now, &state).await;
    assert_eq!((tally.failures, tally.samples), (0, 3));
    assert_eq!(at(&bed, "c", now).await, [("{}".to_owned(), 55.0_f64.to_bits())]);
    let spec = GroupSpec {
        name: "late".to_owned(),
        query_offset_ms: Some(30_000),
        rules: vec![rule("old", "m")],
        ..GroupSpec::default()
    };
    let late = Arc::new(compile(&spec, &RuleSettings::default()).unwrap());
    let state = SharedState::new(Arc::clone(&late));
    evaluate(&bed, &late, now, &state).await;
    let when = at(&bed, "timestamp(old)", now).await;
    assert_eq!(f64::from_bits(when[0].1), ((now - 30_000) as f64) / 1000.0);
    assert_eq!(f64::from_bits(at(&bed, "old", now).await[0].1), 1.0);
}

#[tokio::test]
async fn native_histograms_are_recorded() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let histogram = Histogram {
        count: 3.0,
        sum: 4.5,
        positive: Buckets::dense(1, vec![3.0]).unwrap(),
        ..Histogram::default()
    };
    let labels = Labels::new([("__name__", "h"), ("n", "1")]).unwrap();
    let mut batch = Batch::new();
    batch.push_histogram(labels.encoded(), now - 1_000, Arc::new(histogram));
    bed.telemetry.intake().append_batch(&batch, "test").unwrap();
    let group = group(vec![rule("x", "h"), rule("y", "histogram_count(x)")], 0);
    let state = SharedState::new(Arc::clone(&group));
    let tally = evaluate(&bed, &group, now, &state).await;
    assert_eq!((tally.failures, tally.samples), (0, 2), "{:?}", state.lock().rules);
    assert_eq!(at(&bed, "y", now).await, [("{n=\"1\"}".to_owned(), 3.0_f64.to_bits())]);
    assert_eq!(at(&bed, "histogram_sum(x)", now).await[0].1, 4.5_f64.to_bits());
}

#[tokio::test]
async fn a_rule_that_fails_ends_nothing_and_hinders_no_other() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    store(&bed, 0, &[(now - 120_000, 1.0)]);
    let rules =
        vec![rule("x", "m"), rule("y", "label_replace(m, 'n', '', '', '')"), rule("z", "1")];
    let group = group(rules, 1);
    let state = SharedState::new(Arc::clone(&group));
    assert_eq!(evaluate(&bed, &group, now - 100_000, &state).await.failures, 0);
    store(&bed, 1, &[(now - 90_000, 1.0)]);
    assert_eq!(evaluate(&bed, &group, now - 80_000, &state).await.failures, 2);
    let rules = state.lock().rules.clone();
    assert_eq!(rules[0].error.as_deref(), Some("exceeded limit of 1 with 2 series"));
    let same = rules[1].error.clone().unwrap();
    assert!(same.contains("same labelset"), "{same}");
    assert_eq!((rules[2].health, rules[2].error.clone()), (RuleHealth::Ok, None));
    // What was recorded before is there yet: it has no marker.
    assert_eq!(at(&bed, "count(x)", now - 80_000).await[0].1, 1.0_f64.to_bits());
    assert_eq!(bed.telemetry.recording_status(&bed.who).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn groups_are_created_evaluated_changed_and_deleted() {
    let bed = bed(|_| {}).await;
    let body = json!({
        "name": "fast", "interval_s": 0.2, "labels": { "team": "a" },
        "rules": [{ "record": "one", "expr": "vector(1)" },
                  { "record": "two", "expr": "one + 1", "labels": { "team": "b" } }],
    });
    let reply = bed.send(Request::post(GROUPS), body.to_string()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    let created = reply.json();
    let place = reply.headers["location"].to_str().unwrap().to_owned();
    bed.until_values("two", |it| it == ["two{team=\"b\"} 2"]).await;
    bed.until_values("one", |it| it == ["one{team=\"a\"} 1"]).await;
    let reply = bed.send(Request::post(GROUPS), body.to_string()).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (StatusCode::CONFLICT, &json!("rules.name_taken"))
    );

    // A changed rule keeps its series; one that is gone ends.
    let change = json!({ "rules": [{ "record": "one", "expr": "vector(7)" }] }).to_string();
    let stale = Request::patch(&place).header("if-match", "\"999\"");
    assert_eq!(bed.send(stale, change.clone()).await.status, StatusCode::CONFLICT);
    let fresh = Request::patch(&place).header("if-match", format!("\"{}\"", created["rev"]));
    assert_eq!(bed.send(fresh, change).await.status, StatusCode::OK);
    bed.until_values("one", |it| it == ["one{team=\"a\"} 7"]).await;
    bed.until_values("two", <[String]>::is_empty).await;

    let off = bed.send(Request::patch(&place), json!({ "enabled": false }).to_string()).await;
    assert_eq!(off.json()["enabled"], json!(false));
    bed.until_values("one", <[String]>::is_empty).await;
    let status = bed.get("/api/v1/recording-status").await.json();
    let item = &status["items"][0];
    assert_eq!((&item["enabled"], &item["health"]), (&json!(false), &json!("unknown")));
    let on = bed.send(Request::patch(&place), json!({ "enabled": true }).to_string()).await;
    assert_eq!(on.status, StatusCode::OK);
    bed.until_values("one", |it| it.len() == 1).await;
    let status = bed.get("/api/v1/recording-status").await.json();
    let item = &status["items"][0];
    assert_eq!(
        (&item["health"], &item["series"], &item["origin"]),
        (&json!("ok"), &json!(1), &json!("api"))
    );
    assert_eq!(bed.send(Request::delete(&place), "").await.status, StatusCode::NO_CONTENT);
    bed.until_values("one", <[String]>::is_empty).await;
    bed.until_values("count(count_over_time(one[1h]))", |it| it.len() == 1).await;
    assert_eq!(bed.get(&place).await.status, StatusCode::NOT_FOUND);
    let own = bed.metrics.gather_text();
    assert!(!own.contains("rule_group=\"onemonitor;fast\""), "{own}");
    assert!(own.contains("onemonitor_telemetry_rule_group_iterations_total"));
}

#[tokio::test]
async fn what_is_wrong_with_a_group_is_named_by_field() {
    let bed = bed(|settings| settings.rules.groups_max = 1).await;
    let check = |body: serde_json::Value, status: u16, field: &'static str| {
        let bed = &bed;
        async move {
            let reply = bed.send(Request::post(GROUPS), body.to_string()).await;
            assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
            assert_eq!(reply.json()["field"], json!(field), "{}", reply.text);
        }
    };
    check(json!({}), 400, "name").await;
    check(json!({ "name": "a", "interval_s": -1 }), 400, "interval_s").await;
    check(json!({ "name": "a", "interval_s": 1e300 }), 400, "interval_s").await;
    check(json!({ "name": "a", "labels": { "__name__": "x" } }), 400, "labels.__name__").await;
    let rules = json!([{ "record": "a", "expr": "1" }, { "record": "b", "expr": "sum(" }]);
    check(json!({ "name": "a", "rules": rules }), 400, "rules.1.expr").await;
    let rules = json!([{ "record": "", "expr": "1" }]);
    check(json!({ "name": "a", "rules": rules }), 400, "rules.0.record").await;
    let good = bed.send(Request::post(GROUPS), json!({ "name": "a" }).to_string()).await;
    assert_eq!(good.status, StatusCode::CREATED);
    let full = bed.send(Request::post(GROUPS), json!({ "name": "b" }).to_string()).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS, "{}", full.text);
    let listed = bed.get(GROUPS).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    for path in [GROUPS, "/api/v1/recording-status", "/prometheus/api/v1/rules"] {
        let reply = bed.send_powerless(Request::get(path)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
    }
}

const FILE: &str = "groups:\n- name: filed\n  interval: 200ms\n  rules:\n  - record: filed_one\n    \
                    expr: vector(1)\n  - alert: Down\n    expr: up == 0\n";

#[tokio::test]
async fn files_are_read_again_and_a_wrong_one_keeps_its_version_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yml");
    std::fs::write(&path, FILE).unwrap();
    let pattern = folder.path().join("*.yml").display().to_string();
    let bed = bed(|settings| settings.rules.files = vec![pattern.clone()]).await;
    bed.until_values("filed_one", |it| it.len() == 1).await;
    let status = || async { bed.get("/api/v1/recording-status").await.json() };
    let told = status().await;
    assert_eq!(told["files"][0]["groups"], json!(1), "{told}");
    assert!(told["files"][0]["warnings"][0]["message"].as_str().unwrap().contains("kept out"));
    assert_eq!(told["items"][0]["file"], json!(path.display().to_string()));

    std::fs::write(&path, FILE.replace("vector(1)", "vector(")).unwrap();
    std::fs::write(folder.path().join("b.yml"), "groups: 5").unwrap();
    bed.telemetry.set_rule_files(vec![pattern.clone()]).await.unwrap();
    let told = status().await;
    let problem = &told["files"][0]["problems"][0];
    let place = (&problem["line"], &problem["column"], &problem["group"], &problem["rule"]);
    assert_eq!(place, (&json!(6), &json!(18), &json!("filed"), &json!("filed_one")), "{told}");
    assert_eq!(told["files"][1]["loaded_at"], json!(null));
    let before = bed.clock.now().as_secs_f64();
    let newer = format!("timestamp(filed_one) > {before}");
    bed.until_values(&newer, |it| it.len() == 1).await;

    std::fs::write(&path, FILE.replace("vector(1)", "vector(2)")).unwrap();
    bed.telemetry.set_rule_files(vec![pattern.clone()]).await.unwrap();
    bed.until_values("filed_one", |it| it.len() == 1 && it[0].ends_with(" 2")).await;
    std::fs::remove_file(&path).unwrap();
    bed.telemetry.set_rule_files(vec![pattern]).await.unwrap();
    bed.until_values("filed_one", <[String]>::is_empty).await;
    assert_eq!(status().await["items"], json!([]));
    bed.telemetry.set_rule_files(vec!["rules/*.yml".to_owned()]).await.unwrap();
    assert!(status().await["problems"][0].as_str().unwrap().contains("absolute path"));
}

#[tokio::test]
async fn files_are_imported_checked_and_exported() {
    let bed = bed(|_| {}).await;
    let import = |query: &str, yaml: &str| {
        let (request, yaml) = (Request::post(format!("{GROUPS}/import{query}")), yaml.to_owned());
        let bed = &bed;
        async move { bed.send(request, yaml).await.json() }
    };
    let dry = import("?dry_run=true", FILE).await;
    assert_eq!((&dry["applied"], &dry["created"]), (&json!(false), &json!(["filed"])));
    assert_eq!(bed.get(GROUPS).await.json()["items"], json!([]));
    let done = import("", FILE).await;
    assert_eq!((&done["applied"], &done["created"]), (&json!(true), &json!(["filed"])));
    assert_eq!(done["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(import("", FILE).await["unchanged"], json!(["filed"]));
    let changed = FILE.replace("vector(1)", "vector(3)");
    let both = format!("{changed}- name: other\n");
    let report = import("", &both).await;
    assert_eq!((&report["changed"], &report["created"]), (&json!(["filed"]), &json!(["other"])));
    let wrong = import("", &both.replace("vector(3)", "vector(")).await;
    assert_eq!((&wrong["applied"], &wrong["problems"][0]["line"]), (&json!(false), &json!(6)));

    let exported = bed.get(&format!("{GROUPS}/export")).await;
    assert_eq!(exported.headers["content-type"], "application/yaml");
    let wanted = "groups:\n  - name: filed\n    interval: 200ms\n    rules:\n      - record: \
                  filed_one\n        expr: \"vector(3)\"\n  - name: other\n    rules: []\n";
    assert_eq!(exported.text, wanted);
    let one = bed.get(&format!("{GROUPS}/export?name=other")).await;
    assert_eq!(one.text, "groups:\n  - name: other\n    rules: []\n");
    let none = bed.get(&format!("{GROUPS}/export?name=none")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);

    let check = |body: serde_json::Value| {
        let request = Request::post(format!("{GROUPS}/check"));
        let bed = &bed;
        async move { bed.send(request, body.to_string()).await }
    };
    let report = check(json!({ "expr": "sum(m)by(a)" })).await.json();
    assert_eq!((&report["problems"], &report["formatted"]), (&json!([]), &json!("sum by (a) (m)")));
    let report = check(json!({ "expr": "sum(\nm[5m])" })).await.json();
    let problem = &report["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(1)), "{report}");
    let report = check(json!({ "yaml": both })).await.json();
    assert_eq!((&report["groups"], &report["rules"]), (&json!(2), &json!(1)));
    assert_eq!(check(json!({})).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn prometheus_lists_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yml").display().to_string();
    let mut yaml = String::from("groups:\n");
    for group in ["b", "a", "c"] {
        yaml.push_str(&format!(
            "- name: {group}\n  interval: 1h\n  limit: 7\n  rules:\n  - {{record: '{group}:x', \
             expr: sum(m)by(n), labels: {{l: {group}}}}}\n  - {{record: y, expr: '1'}}\n"
        ));
    }
    std::fs::write(&path, yaml).unwrap();
    let bed = bed(|settings| settings.rules.files = vec![path.clone()]).await;
    let list = |query: &str| {
        let query = format!("/prometheus/api/v1/rules?{query}").replace('"', "%22");
        let bed = &bed;
        async move { bed.get(&query).await }
    };
    for _ in 0..600 {
        if list("").await.json()["data"]["groups"].as_array().unwrap().len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let text = list("rule_group[]=a&rule_name[]=a:x").await.text;
    let wanted = format!(
        "{{\"status\":\"success\",\"data\":{{\"groups\":[{{\"name\":\"a\",\"file\":\"{path}\",\
         \"rules\":[{{\"name\":\"a:x\",\"query\":\"sum by (n) (m)\",\"labels\":{{\"l\":\"a\"}},\
         \"health\":\"unknown\",\"evaluationTime\":0,\"lastEvaluation\":\"0001-01-01T00:00:00Z\",\
         \"type\":\"recording\"}}],\"interval\":3600,\"limit\":7,\"evaluationTime\":0,\
         \"lastEvaluation\":\"0001-01-01T00:00:00Z\"}}]}}}}"
    );
    assert_eq!(text, wanted);
    let names = |reply: super::bed::Reply| -> Vec<String> {
        let json = reply.json();
        let groups = json["data"]["groups"].as_array().unwrap().clone();
        groups.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(list("").await), ["a", "b", "c"]);
    assert_eq!(names(list("type=alert").await), [""; 0]);
    assert_eq!(names(list("type=record&exclude_alerts=true").await), ["a", "b", "c"]);
    assert_eq!(names(list("file[]=other").await), [""; 0]);
    assert_eq!(names(list("match[]={l=\"c\"}").await), ["c"]);
    let first = list("group_limit=2").await;
    let token = first.json()["data"]["groupNextToken"].as_str().unwrap().to_owned();
    assert_eq!(names(first), ["a", "b"]);
    let last = list(&format!("group_limit=2&group_next_token={token}")).await;
    assert_eq!(last.json()["data"]["groupNextToken"], json!(null));
    assert_eq!(names(last), ["c"]);
    for (query, text) in [
        ("type=other", "not supported value"),
        ("exclude_alerts=maybe", "error converting exclude_alerts"),
        ("group_limit=0", "greater than 0"),
        ("group_limit=x", "valid number"),
        ("group_next_token=x", "needs to be present"),
        ("group_limit=1&group_next_token=x", "were rule groups changed?"),
        ("match[]=(", "match[]"),
    ] {
        let reply = list(query).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(reply.json()["error"].as_str().unwrap().contains(text), "{}", reply.text);
    }
}
