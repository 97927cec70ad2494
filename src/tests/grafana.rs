//! The calls that Grafana's data source for Prometheus makes, with the statuses and the shapes of
//! JSON that it needs.

use reqwest::{Response, StatusCode, Url};
use serde_json::{Value, json};

use crate::remote_write::{Body, write};
use crate::server::{Api, Server};

const API: &str = "/prometheus/api/v1";

/// Two counters of a shop, a sample each fifteen seconds of the last ten minutes.
async fn filled(api: &Api) -> i64 {
    let now_ms = Body::now_ms() / 1000 * 1000;
    let mut body = Body::new();
    for step in (0..40).rev() {
        for (n, instance) in ["a:1", "b:1"].into_iter().enumerate() {
            let labels = [("__name__", "orders_total"), ("instance", instance), ("job", "shop")];
            body = body.sample(
                &labels,
                now_ms - step * 15_000,
                f64::from(n as u32 + 1) * 40.0 - step as f64,
            );
        }
    }
    assert_eq!(write(api, &body).await.status(), StatusCode::NO_CONTENT);
    now_ms / 1000
}

/// The `data` of an answer that must succeed.
async fn data(response: Response) -> Value {
    let (status, url) = (response.status(), response.url().clone());
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{url}: {answer}");
    assert!(kind.starts_with("application/json"), "{url}: {kind}");
    assert_eq!(answer["status"], "success", "{url}: {answer}");
    answer["data"].clone()
}

async fn get(api: &Api, path: &str, query: &[(&str, &str)]) -> Value {
    let url = Url::parse_with_params(&format!("{}{API}/{path}", api.base), query).unwrap();
    data(api.client.get(url).bearer_auth(&api.token).send().await.unwrap()).await
}

async fn form(api: &Api, path: &str, fields: &[(&str, &str)]) -> Value {
    data(api.post(&format!("{API}/{path}")).form(fields).send().await.unwrap()).await
}

#[tokio::test]
async fn the_health_check_and_the_questions_about_the_server_are_answered() {
    let server = Server::start();
    let api = server.api("admin");
    let now_s = filled(&api).await;
    let time = now_s.to_string();
    let sum = form(&api, "query", &[("query", "1+1"), ("time", &time)]).await;
    assert_eq!(sum, json!({ "resultType": "scalar", "result": [now_s, "2"] }));
    // It decides by these what else it asks.
    let build = get(&api, "status/buildinfo", &[]).await;
    let version = build["version"].as_str().unwrap();
    assert!(version.split('.').count() == 3 && version.starts_with('3'), "{build}");
    assert!(build.get("features").is_none_or(Value::is_object), "{build}");
    let flags = get(&api, "status/flags", &[]).await;
    assert!(flags.as_object().unwrap().values().all(Value::is_string), "{flags}");
    for (path, list) in [("rules", "groups"), ("alerts", "alerts")] {
        assert!(get(&api, path, &[]).await[list].is_array(), "{path}");
    }
    let unknown = api.get(&format!("{API}/nothing")).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_builder_finds_metrics_labels_and_values() {
    let server = Server::start();
    let api = server.api("admin");
    let now_s = filled(&api).await;
    let (start, end) = ((now_s - 3600).to_string(), now_s.to_string());
    let span = [("start", start.as_str()), ("end", end.as_str())];
    let with = |more: &[(&'static str, &'static str)]| [span.as_slice(), more].concat();
    let shop = [("match[]", "{job=\"shop\"}")];
    let names = json!(["__name__", "instance", "job"]);
    assert_eq!(get(&api, "labels", &with(&shop)).await, names);
    assert_eq!(form(&api, "labels", &with(&shop)).await, names);
    let values = json!(["a:1", "b:1"]);
    assert_eq!(get(&api, "label/instance/values", &with(&shop)).await, values);
    let metrics = get(&api, "label/__name__/values", &with(&[])).await;
    assert!(metrics.as_array().unwrap().contains(&json!("orders_total")), "{metrics}");
    let limited = get(&api, "label/__name__/values", &with(&[("limit", "1")])).await;
    assert_eq!(limited.as_array().unwrap().len(), 1);
    let by_name = [("match[]", "orders_total")];
    for series in
        [get(&api, "series", &with(&by_name)).await, form(&api, "series", &with(&by_name)).await]
    {
        assert_eq!(
            series[0],
            json!({ "__name__": "orders_total", "instance": "a:1", "job": "shop" })
        );
        assert_eq!(series.as_array().unwrap().len(), 2);
    }
    let metadata = get(&api, "metadata", &[("limit", "10")]).await;
    for entries in metadata.as_object().unwrap().values() {
        for field in ["type", "help", "unit"] {
            assert!(entries[0][field].is_string(), "{metadata}");
        }
    }
    let parsed = get(&api, "parse_query", &[("query", "rate(orders_total[5m])")]).await;
    assert_eq!(parsed["type"], "call");
    let pretty = get(&api, "format_query", &[("query", "sum(orders_total)by(job)")]).await;
    assert_eq!(pretty, "sum by (job) (orders_total)");
}

#[tokio::test]
async fn panels_get_vectors_matrices_and_exemplars() {
    let server = Server::start();
    let api = server.api("admin");
    let now_s = filled(&api).await;
    let (start, end) = ((now_s - 300).to_string(), now_s.to_string());
    let instant = [("query", "sum by (job) (orders_total)"), ("time", end.as_str())];
    let vector = form(&api, "query", &instant).await;
    assert_eq!(vector["resultType"], "vector");
    assert_eq!(
        vector["result"][0],
        json!({ "metric": { "job": "shop" }, "value": [now_s, "120"] })
    );
    let range = [
        ("query", "orders_total{job=~\"shop|x\"}"),
        ("start", start.as_str()),
        ("end", end.as_str()),
        ("step", "15"),
        ("timeout", "20s"),
    ];
    let matrix = form(&api, "query_range", &range).await;
    assert_eq!(matrix["resultType"], "matrix");
    let first = &matrix["result"][0];
    assert_eq!(first["metric"]["instance"], "a:1");
    assert_eq!(first["values"].as_array().unwrap().len(), 21);
    assert!(first["values"][0][0].is_number() && first["values"][0][1].is_string(), "{first}");
    let exemplars = form(&api, "query_exemplars", &range[..3]).await;
    assert!(exemplars.is_array(), "{exemplars}");
    let by_get = get(&api, "query_range", &range).await;
    assert_eq!(by_get, matrix, "GET answers as POST does");
}

#[tokio::test]
async fn mistakes_come_in_the_envelope_that_is_shown_in_the_panel() {
    let server = Server::start();
    let api = server.api("viewer");
    for (path, fields, kind, part) in [
        ("query", vec![("query", "sum(")], "bad_data", "parse error"),
        ("query", vec![("query", "m"), ("time", "x")], "bad_data", "time"),
        (
            "query_range",
            vec![("query", "m"), ("start", "1"), ("end", "0"), ("step", "1")],
            "bad_data",
            "end",
        ),
        (
            "query_range",
            vec![("query", "m"), ("start", "0"), ("end", "99999999"), ("step", "1")],
            "bad_data",
            "11000 points",
        ),
        ("query", vec![("query", "m[5m] + 1")], "bad_data", ""),
    ] {
        let sent = api.post(&format!("{API}/{path}")).form(&fields).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::BAD_REQUEST, "{fields:?}");
        let answer: Value = sent.json().await.unwrap();
        assert_eq!((&answer["status"], &answer["errorType"]), (&json!("error"), &json!(kind)));
        assert!(answer["error"].as_str().unwrap().contains(part), "{fields:?}: {answer}");
    }
    let nobody = Api { token: "om_nobody".to_owned(), ..server.api("viewer") };
    let sent = nobody.post(&format!("{API}/query")).form(&[("query", "1+1")]).send().await;
    assert_eq!(sent.unwrap().status(), StatusCode::UNAUTHORIZED);
}
