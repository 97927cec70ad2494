//! Retention as it is told, and deletion by hand: previews, rights, the audit trail.

use http::{Request, StatusCode};
use kernel::audit::AuditEntry;
use kernel::caller::{Caller, Permission, Permissions};
use records::{Collection, Index, Scan};
use serde_json::{Value, json};

use super::bed::{Bed, Reply, bed};
use crate::RetentionRule;

const ADMIN: &str = "/prometheus/api/v1/admin/tsdb";

/// As the kernel declares it.
static BY_SUBJECT: Index<AuditEntry> = Index::plain("by_subject", |_, _| ());
static AUDIT: Collection<AuditEntry> = Collection::new("kernel/audit", 1, &[&BY_SUBJECT]);

/// Two jobs with ten series each and a sample two days ago, an hour ago and now.
async fn filled(rules: &[(&str, u32)]) -> Bed {
    let rules: Vec<_> =
        rules.iter().map(|(of, days)| RetentionRule::new(of, *days).unwrap()).collect();
    let bed = bed(|settings| settings.store.retention_rules = rules).await;
    let now_ms = bed.clock.now().as_millis();
    let mut text = String::new();
    for at in [now_ms - 2 * 86_400_000, now_ms - 3_600_000, now_ms] {
        for n in 0..10 {
            for job in ["web", "debug"] {
                text.push_str(&format!("m{{job=\"{job}\",n=\"{n}\"}} {n} {at}\n"));
            }
        }
    }
    let reply = bed.send(Request::post("/api/v1/metrics/import"), text).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    bed.telemetry.series().flush().unwrap();
    bed
}

#[tokio::test]
async fn samples_beyond_their_retention_are_answered_by_rows() {
    let bed = bed(|_| {}).await;
    // A counter through the whole day before yesterday, 2 a second.
    let day_ms = 86_400_000;
    let from_ms = (bed.clock.now().as_millis() / day_ms - 2) * day_ms;
    let samples = (0..day_ms / 60_000).map(|minute| (from_ms + minute * 60_000, minute * 120));
    let mut text: String = samples.map(|(at, value)| format!("c_total {value} {at}\n")).collect();
    text.push_str(&format!("young 1 {}\n", bed.clock.now().as_millis()));
    let reply = bed.send(Request::post("/api/v1/metrics/import"), text).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let series = bed.telemetry.series();
    series.flush().unwrap();
    series.thin().unwrap();
    let noon_s = from_ms / 1000 + 43_200;
    let ask = |query: &str| format!("/prometheus/api/v1/query?time={noon_s}&query={query}");
    let exact = bed.get(&ask("avg_over_time(c_total[6h])")).await.json();
    assert_eq!(exact["infos"], Value::Null, "{exact}");
    // All days but the newest go at once.
    series.set_retention_bytes(Some(0));
    assert_eq!(series.expire().unwrap(), 1);
    let thinned = bed.get(&ask("avg_over_time(c_total[6h])")).await.json();
    assert_eq!(thinned["data"], exact["data"]);
    let told = thinned["infos"][0].as_str().unwrap();
    assert!(told.contains("were thinned out to one each 300 s"), "{told}");
    let rate = bed.get(&ask("rate(c_total[1h])")).await.json();
    assert_eq!(rate["data"]["result"][0]["value"][1], "2", "{rate}");
    let report = bed.get("/api/v1/metrics/retention").await.json();
    let tiers = report["thinned"].as_array().unwrap();
    let seconds: Vec<_> = tiers.iter().map(|tier| tier["resolution_s"].as_u64()).collect();
    assert_eq!(seconds, [Some(300), Some(3600)]);
    assert!(tiers.iter().all(|tier| tier["bytes"].as_u64() > Some(0)), "{report}");
    let labels = format!("start={}&end={}", from_ms / 1000, from_ms / 1000 + 86_400);
    let names = bed.get(&format!("/prometheus/api/v1/label/__name__/values?{labels}")).await;
    let names = names.json();
    assert!(names["data"].as_array().unwrap().contains(&json!("c_total")), "{names}");
}

async fn post(bed: &Bed, path: &str, body: &Value) -> Reply {
    let request = Request::post(path).header("content-type", "application/json");
    bed.send(request, body.to_string()).await
}

/// Operations in the audit trail with what they were about.
async fn trail(bed: &Bed) -> Vec<(String, String)> {
    let read = bed.telemetry.db().read(|read| Ok(read.scan(&AUDIT, Scan::all())?.items));
    let entries = read.await.unwrap().into_iter().map(|entry| entry.value);
    entries.map(|entry| (entry.operation, entry.detail.unwrap_or_default())).collect()
}

#[tokio::test]
async fn rules_and_what_is_stored_for_them_are_told() {
    let bed = filled(&[("{job=\"debug\"}", 7), ("{__name__=~\"slo:.*\"}", 730)]).await;
    let reply = bed.get("/api/v1/metrics/retention").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let report = reply.json();
    let [debug, slo, rest] = report["rules"].as_array().unwrap().as_slice() else {
        panic!("{report}")
    };
    assert_eq!((&debug["match"], &debug["keep_s"]), (&json!("{job=\"debug\"}"), &json!(604_800)));
    assert_eq!((&debug["active_series"], &slo["active_series"]), (&json!(10), &json!(0)));
    assert_eq!((&rest["match"], &rest["keep_s"]), (&Value::Null, &json!(30 * 86_400)));
    assert!(debug["bytes_estimate"].as_u64().unwrap() > 0);
    assert_eq!(slo["oldest_at"], Value::Null);
    let spans = report["spans"].as_array().unwrap();
    assert_eq!(debug["oldest_at"], spans[0]["start"]);
    assert!(spans.len() >= 2 && spans[0]["series"] == 20 && spans[0]["samples"] == 20, "{report}");
    assert!(report["bytes_per_day"].as_u64().unwrap() > 0);
    assert!(report["disk_free_bytes"].as_u64() <= report["disk_total_bytes"].as_u64());
    let mut fewer = crate::StoreSettings::default();
    fewer.retention_rules.push(RetentionRule::new("m", 1).unwrap());
    bed.telemetry.set_store(&fewer);
    let report = bed.get("/api/v1/metrics/retention").await.json();
    assert_eq!(report["rules"][0]["match"], "m");
    assert_eq!(report["rules"][0]["active_series"], 20);
    let refused = bed.send_powerless(Request::get("/api/v1/metrics/retention")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[test]
fn wrong_rules_are_named() {
    for (selector, days, part) in [("{a=", 1, "{a="), ("sum(m)", 1, "sum(m)"), ("m", 0, "days")] {
        let error = RetentionRule::new(selector, days).unwrap_err();
        assert!(error.detail().contains(part), "{}", error.detail());
    }
}

#[tokio::test]
async fn a_deletion_is_previewed_done_and_audited() {
    let bed = filled(&[]).await;
    let wanted = json!({ "match": ["{job=\"debug\"}"], "end": bed.clock.now().to_string() });
    let preview = post(&bed, "/api/v1/metrics/estimate", &wanted).await.json();
    assert_eq!((&preview["series"], &preview["series_exact"]), (&json!(10), &json!(true)));
    assert!((10..=30).contains(&preview["samples_estimate"].as_u64().unwrap()), "{preview}");
    assert_eq!(bed.values("count(m)").await, ["{} 20"]);
    assert_eq!(trail(&bed).await, []);
    let reply = post(&bed, "/api/v1/metrics/deletions", &wanted).await;
    assert_eq!(reply.json()["series"], 10, "{}", reply.text);
    assert_eq!(bed.values("count(m)").await, ["{} 10"]);
    let trail = trail(&bed).await;
    assert_eq!(trail[0].0, "metrics.delete");
    assert!(trail[0].1.starts_with("{job=\"debug\"} from - to 2"), "{trail:?}");
    assert_eq!(trail[1].0, "metrics.deleted");
    assert!(trail[1].1.contains(": 10 series in "), "{trail:?}");
    let cleaned = post(&bed, "/api/v1/metrics/clean", &json!({})).await.json();
    assert!(cleaned["partitions"].as_u64().unwrap() >= 1, "{cleaned}");
}

#[tokio::test]
async fn wrong_deletions_are_refused_and_delete_nothing() {
    let bed = filled(&[]).await;
    for (body, part) in [
        (json!({ "match": [] }), "at least one selector"),
        (json!({ "match": ["{}"] }), "selects everything"),
        (json!({ "match": ["{job=~\".*\"}"] }), "selects everything"),
        (json!({ "match": ["m["] }), "m["),
        (json!({ "match": vec!["m"; 101] }), "more than 100"),
        (
            json!({ "match": ["m"], "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z" }),
            "before the start",
        ),
        (json!({ "match": ["m"], "form": 1 }), "form"),
        (json!({ "matches": ["m"] }), "matches"),
    ] {
        for path in ["/api/v1/metrics/deletions", "/api/v1/metrics/estimate"] {
            let reply = post(&bed, path, &body).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}: {}", reply.text);
            assert!(reply.json()["detail"].as_str().unwrap().contains(part), "{}", reply.text);
        }
    }
    assert_eq!(bed.values("count(m)").await, ["{} 20"]);
    assert_eq!(trail(&bed).await, []);
}

#[tokio::test]
async fn the_admin_api_of_prometheus_deletes_and_cleans() {
    let bed = filled(&[]).await;
    let send = |request: http::request::Builder, body: &'static str| bed.send(request, body);
    let one = Request::put(format!("{ADMIN}/delete_series?match[]=m%7Bn=%221%22%7D"));
    let reply = send(one, "").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    assert_eq!(bed.values("count(m)").await, ["{} 18"]);
    let form = Request::post(format!("{ADMIN}/delete_series"))
        .header("content-type", "application/x-www-form-urlencoded");
    let reply = send(form, "match[]=m%7Bn%3D%222%22%7D&start=0&end=2000").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    assert_eq!(bed.values("count(m)").await, ["{} 18"], "nothing of that time is there");
    let cleaned = send(Request::post(format!("{ADMIN}/clean_tombstones")), "").await;
    assert_eq!(cleaned.status, StatusCode::NO_CONTENT, "{}", cleaned.text);
    assert_eq!(bed.values("count(m)").await, ["{} 18"]);
    for (query, part) in [
        ("", "no match[] parameter provided"),
        ("?match[]=%7B%7D", "selects everything"),
        ("?match[]=m&start=2&end=1", "before start"),
        ("?match[]=m(", "match[]"),
    ] {
        let reply = send(Request::post(format!("{ADMIN}/delete_series{query}")), "").await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}: {}", reply.text);
        assert_eq!(reply.json()["errorType"], "bad_data", "{query}");
        assert!(reply.text.contains(part), "{query}: {}", reply.text);
    }
    let snapshot = send(Request::post(format!("{ADMIN}/snapshot")), "").await;
    assert_eq!(snapshot.status, StatusCode::NOT_FOUND);
    assert!(snapshot.text.contains("onemonitor backup"), "{}", snapshot.text);
    let operations: Vec<String> = trail(&bed).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        operations,
        ["metrics.delete", "metrics.deleted", "metrics.delete", "metrics.deleted", "metrics.clean"]
    );
}

#[tokio::test]
async fn only_administrators_delete() {
    let bed = filled(&[]).await;
    let mut who = Caller::system("test");
    let all = Permission::ALL.into_iter().filter(|it| *it != Permission::MetricsDelete);
    who.permissions = Permissions::of(&all.collect::<Vec<_>>());
    for path in ["delete_series?match[]=m", "clean_tombstones", "snapshot"] {
        for method in ["POST", "PUT"] {
            let request = Request::builder().method(method).uri(format!("{ADMIN}/{path}"));
            let reply = bed.send_as(who.clone(), request, "").await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{method} {path}: {}", reply.text);
        }
    }
    for path in ["deletions", "clean"] {
        let request = Request::post(format!("/api/v1/metrics/{path}"));
        let reply = bed.send_as(who.clone(), request, "{\"match\":[\"m\"]}").await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}: {}", reply.text);
    }
    assert_eq!(bed.values("count(m)").await, ["{} 20"]);
}
