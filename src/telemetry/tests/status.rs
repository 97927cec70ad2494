//! Tests of the server's status as Prometheus tells it, and of federation.

use http::{Request, StatusCode};
use serde_json::json;

use super::bed::{bed, job};
use super::query::filled;
use crate::receive::tests::series;

const API: &str = "/prometheus/api/v1";

#[tokio::test]
async fn status_pages_answer() {
    let (bed, now_s) = filled().await;
    let get = |path: &str| {
        let path = format!("{API}/{path}");
        let bed = &bed;
        async move {
            let reply = bed.get(&path).await;
            assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
            reply.json()["data"].clone()
        }
    };
    let tsdb = get("status/tsdb").await;
    assert_eq!(tsdb["headStats"]["numSeries"], 2);
    assert_eq!(tsdb["headStats"]["numLabelPairs"], 3);
    assert_eq!(tsdb["headStats"]["maxTime"], now_s * 1000);
    assert_eq!(tsdb["seriesCountByMetricName"], json!([{"name": "m", "value": 2}]));
    assert_eq!(tsdb["labelValueCountByLabelName"][0], json!({"name": "dc", "value": 2}));
    assert_eq!(tsdb["memoryInBytesByLabelName"].as_array().unwrap().len(), 2);
    assert_eq!(tsdb["seriesCountByLabelValuePair"][0], json!({"name": "__name__=m", "value": 2}));
    let one = get("status/tsdb?limit=1").await;
    assert_eq!(one["seriesCountByLabelValuePair"].as_array().unwrap().len(), 1);
    let runtime = get("status/runtimeinfo").await;
    assert_eq!(
        (&runtime["hostname"], &runtime["storageRetention"]),
        (&json!("testhost"), &json!("30d"))
    );
    assert_eq!(get("status/flags").await["query.lookback-delta"], "5m");
    let yaml = get("status/config").await["yaml"].as_str().unwrap().to_owned();
    assert!(yaml.starts_with("global:\n  scrape_interval: 15s\n"), "{yaml}");
    assert_eq!(get("status/walreplay").await["state"], "done");
    assert_eq!(get("rules?type=alert").await, json!({"groups": []}));
    assert_eq!(get("alerts").await, json!({"alerts": []}));
    assert_eq!(get("alertmanagers").await["activeAlertmanagers"], json!([]));
    assert_eq!(get("query_exemplars?query=m&start=1&end=2").await, json!([]));
    assert_eq!(get("scrape_pools").await, json!({"scrapePools": []}));
}

#[tokio::test]
async fn scrape_jobs_are_pools_without_secrets() {
    let bed = bed(|settings| {
        let mut secret = job("quoted \"job\"", "127.0.0.1:1");
        secret.bearer_token = Some(kernel::secret::Secret::new("hidden".to_owned()));
        settings.scrape.jobs = vec![secret];
    })
    .await;
    bed.until_status("quoted \"job\"", |_| true).await;
    let pools = bed.get(&format!("{API}/scrape_pools")).await.json();
    assert_eq!(pools["data"]["scrapePools"], json!(["quoted \"job\""]));
    let config = bed.get(&format!("{API}/status/config")).await;
    assert!(!config.text.contains("hidden"));
    let yaml: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(config.json()["data"]["yaml"].as_str().unwrap()).unwrap();
    assert_eq!(yaml["scrape_configs"][0]["job_name"], "quoted \"job\"");
    assert_eq!(yaml["scrape_configs"][0]["scrape_interval"], "1s");
}

#[tokio::test]
async fn wrong_questions_are_told_as_prometheus_does() {
    let bed = bed(|_| {}).await;
    let check = |path: &'static str, text: &'static str| {
        let bed = &bed;
        async move {
            let reply = bed.get(&format!("/prometheus/{path}")).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}: {}", reply.text);
            assert_eq!(reply.json()["errorType"], "bad_data");
            assert!(reply.text.contains(text), "{path}: {}", reply.text);
        }
    };
    check("api/v1/status/tsdb?limit=0", "from 1 to 10000").await;
    check("api/v1/status/tsdb?limit=x", "limit").await;
    check("api/v1/rules?type=x", "not supported value").await;
    check("api/v1/query_exemplars?query=sum(", "parse error").await;
    check("api/v1/query_exemplars?query=m&start=2&end=1", "before start").await;
    check("federate?match[]=%7B%7D", "non-empty matcher").await;
    check("federate?match[]=m[5m]", "match[]").await;
}

#[tokio::test]
async fn federation_shows_the_newest_of_each_series() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let stale = metric::stale_nan();
    let body = [
        series(&[("__name__", "b"), ("instance", "i\"1")], &[(1.5, now - 2000), (2.5, now - 1000)]),
        series(&[("__name__", "a"), ("x", "1")], &[(1e21, now - 1000)]),
        series(&[("__name__", "a"), ("x", "2")], &[(7.0, now - 400_000)]),
        series(&[("__name__", "a"), ("x", "3")], &[(7.0, now - 2000), (stale, now - 1000)]),
        series(&[("__name__", "with.dot")], &[(f64::INFINITY, now - 1000)]),
    ]
    .concat();
    let packed = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    assert_eq!(bed.send(Request::post(format!("{API}/write")), packed).await.status, 204);
    let both = "/prometheus/federate?match[]=%7B__name__=~%22.%2B%22%7D&match[]=a";
    let reply = bed.get(both).await;
    assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let at = now - 1000;
    let expected = format!(
        "# TYPE a untyped\na{{x=\"1\",instance=\"\"}} 1e+21 {at}\n\
         # TYPE b untyped\nb{{instance=\"i\\\"1\"}} 2.5 {at}\n\
         # TYPE \"with.dot\" untyped\n{{\"with.dot\",instance=\"\"}} +Inf {at}\n"
    );
    assert_eq!(reply.text, expected);
    assert_eq!(bed.get("/prometheus/federate").await.text, "");
    let refused = bed.send_powerless(Request::get("/prometheus/federate?match[]=a")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn labels_in_any_letters_have_values() {
    let bed = bed(|_| {}).await;
    let text = "{\"m\",\"http.status_code\"=\"200\",größe=\"5\"} 1\n";
    let text = text.replace("größe", "\"größe\"");
    let reply = bed.send(Request::post("/api/v1/metrics/import"), text).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    for (name, values) in [
        ("U__http_2e_status__code", json!(["200"])),
        ("U__gr_F6__df_e", json!(["5"])),
        ("http.status_code", json!(["200"])),
        ("U__http_zz_", json!([])),
        ("U__http_2e", json!([])),
        ("U__", json!([])),
    ] {
        let reply = bed.get(&format!("{API}/label/{name}/values")).await;
        assert_eq!(reply.json()["data"], values, "{name}: {}", reply.text);
    }
}
