//! Tests of the query API over HTTP.

use http::{Request, StatusCode};
use serde_json::json;

use super::bed::{Bed, bed};
use crate::receive::tests::series;

const API: &str = "/prometheus/api/v1";

/// A service with two series of ten samples, one a minute.
pub(super) async fn filled() -> (Bed, i64) {
    let bed = bed(|_| {}).await;
    let now_s = bed.clock.now().as_millis() / 60_000 * 60;
    let samples: Vec<(f64, i64)> =
        (0..10).map(|n| (f64::from(n), (now_s - 540 + i64::from(n) * 60) * 1000)).collect();
    let body = [
        series(&[("__name__", "m"), ("dc", "a")], &samples),
        series(&[("__name__", "m"), ("dc", "b")], &samples),
    ]
    .concat();
    let packed = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    let reply = bed.send(Request::post(format!("{API}/write")), packed).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    (bed, now_s)
}

#[tokio::test]
async fn instant_and_range() {
    let (bed, now_s) = filled().await;
    let reply = bed.get(&format!("{API}/query?query=sum(m)&time={now_s}")).await;
    let expected = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":\
         [{{\"metric\":{{}},\"value\":[{now_s},\"18\"]}}]}}}}"
    );
    assert_eq!(reply.text, expected);
    assert_eq!(reply.headers["content-type"], "application/json");
    let form = format!("query=m{{dc%3D\"a\"}}&start={}&end={now_s}&step=1m", now_s - 120);
    let request = Request::post(format!("{API}/query_range"))
        .header("content-type", "application/x-www-form-urlencoded");
    let reply = bed.send(request, form).await.json();
    let series = json!([{ "metric": { "__name__": "m", "dc": "a" }, "values": [
        [now_s - 120, "7"], [now_s - 60, "8"], [now_s, "9"],
    ]}]);
    assert_eq!(reply["data"]["resultType"], "matrix");
    assert_eq!(reply["data"]["result"], series);
    let reply = bed.get(&format!("{API}/query?query=m&limit=1&stats=all")).await.json();
    assert_eq!(reply["data"]["result"].as_array().unwrap().len(), 1);
    assert_eq!(reply["warnings"][0], "results truncated due to limit");
    assert!(reply["data"]["stats"]["samples"]["totalQueryableSamples"].as_u64() > Some(0));
    // Samples lie a minute apart: a shorter look back finds none in between.
    let between = now_s - 30;
    let reply =
        bed.get(&format!("{API}/query?query=m&time={between}&lookback_delta=10s")).await.json();
    assert_eq!(reply["data"]["result"], json!([]));
}

#[tokio::test]
async fn lists() {
    let (bed, now_s) = filled().await;
    let list = |path: &str| {
        let path = format!("{API}/{}", path.replace('"', "%22"));
        let bed = &bed;
        async move { bed.get(&path).await.json() }
    };
    let series = list("series?match[]=m&match[]=m{dc=\"a\"}").await;
    assert_eq!(series["data"], json!([{"__name__":"m","dc":"a"},{"__name__":"m","dc":"b"}]));
    assert_eq!(list("labels").await["data"], json!(["__name__", "dc"]));
    assert_eq!(list("labels?match[]=other").await["data"], json!([]));
    assert_eq!(list("label/dc/values").await["data"], json!(["a", "b"]));
    assert_eq!(list("label/dc/values?match[]=m{dc!=\"a\"}").await["data"], json!(["b"]));
    let cut = list("label/dc/values?limit=1").await;
    assert_eq!(
        (&cut["data"], &cut["warnings"][0]),
        (&json!(["a"]), &json!("results truncated due to limit"))
    );
    let before = now_s - 90_000_000;
    let early = list(&format!("label/dc/values?start={before}&end={}", before + 60)).await;
    assert_eq!(early["data"], json!([]));
    assert_eq!(list("metadata").await["data"], json!({}));
    assert_eq!(list("status/buildinfo").await["data"]["application"], "OneMonitor");
}

#[tokio::test]
async fn expressions_are_laid_out_and_taken_apart() {
    let (bed, _) = filled().await;
    let reply = bed.get(&format!("{API}/format_query?query=sum(m)by(dc)%2B%0A1%23x")).await;
    assert_eq!(reply.text, r#"{"status":"success","data":"sum by (dc) (m) + 1"}"#);
    let request = || {
        Request::post(format!("{API}/parse_query"))
            .header("content-type", "application/x-www-form-urlencoded")
    };
    let reply = bed.send(request(), "query=-m{dc!='a'}".to_owned()).await.json();
    let data = &reply["data"];
    assert_eq!((&data["type"], &data["op"]), (&json!("unaryExpr"), &json!("-")));
    let matchers = json!([
        { "name": "dc", "type": "!=", "value": "a" },
        { "name": "__name__", "type": "=", "value": "m" },
    ]);
    assert_eq!(data["expr"]["matchers"], matchers);
    let reply = bed.send(request(), "query=rate(m)".to_owned()).await;
    assert_eq!(reply.status.as_u16(), 400);
    let text = "invalid parameter \"query\": 1:6: parse error: expected type range vector in call \
                to function \"rate\", got instant vector";
    assert_eq!(reply.json()["error"], text);
}

#[tokio::test]
async fn mistakes_are_told_as_prometheus_does() {
    let (bed, now_s) = filled().await;
    let check = |path: String, status: u16, kind: &'static str, text: &'static str| {
        let bed = &bed;
        async move {
            let reply = bed.get(&format!("{API}/{path}")).await;
            assert_eq!(reply.status.as_u16(), status, "{path}: {}", reply.text);
            let json = reply.json();
            assert_eq!((&json["status"], &json["errorType"]), (&json!("error"), &json!(kind)));
            assert!(json["error"].as_str().unwrap().contains(text), "{path}: {json}");
        }
    };
    let parse = "invalid parameter \"query\": 1:5: parse error";
    check("query?query=sum(".to_owned(), 400, "bad_data", parse).await;
    check("query".to_owned(), 400, "bad_data", "invalid parameter \"query\"").await;
    let ranges = "query_range?query=m[1m]&start=0&end=9&step=1".to_owned();
    check(ranges, 400, "bad_data", "invalid expression type \"range vector\"").await;
    check("query?query=m&time=x".to_owned(), 400, "bad_data", "invalid parameter \"time\"").await;
    check("query?query=m&timeout=x".to_owned(), 400, "bad_data", "\"timeout\"").await;
    check("query_range?query=m".to_owned(), 400, "bad_data", "\"start\"").await;
    let range = format!("start={}&end={now_s}", now_s - 60);
    check(format!("query_range?query=m&step=0&{range}"), 400, "bad_data", "zero or negative").await;
    check(
        format!("query_range?query=m&step=0.001&{range}"),
        400,
        "bad_data",
        "exceeded maximum resolution",
    )
    .await;
    check(format!("query_range?query=m&step=1&start={now_s}&end=5"), 400, "bad_data", "\"end\"")
        .await;
    check("series".to_owned(), 400, "bad_data", "no match[] parameter provided").await;
    check("series?match[]={}".to_owned(), 400, "bad_data", "non-empty matcher").await;
    check("query?query=m%2Bon()m".to_owned(), 422, "execution", "many-to-many").await;
    check("query?query=m&timeout=0".to_owned(), 503, "timeout", "timed out").await;
}

#[tokio::test]
async fn limits_and_permissions_hold() {
    let bed = bed(|settings| settings.query.text_bytes_max = 100).await;
    let long = "a".repeat(200);
    let reply = bed.get(&format!("{API}/query?query={long}")).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let request = Request::post(format!("{API}/query"))
        .header("content-type", "application/x-www-form-urlencoded");
    let reply = bed.send(request, format!("query={long}")).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    for path in [
        "query?query=1",
        "query_range",
        "series",
        "labels",
        "label/a/values",
        "metadata",
        "targets",
        "status/buildinfo",
        "status/runtimeinfo",
        "status/flags",
        "status/config",
        "status/tsdb",
        "status/walreplay",
        "scrape_pools",
        "rules",
        "alerts",
        "alertmanagers",
        "query_exemplars?query=up",
    ] {
        let reply = bed.send_powerless(Request::get(format!("{API}/{path}"))).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn an_analysis_is_a_tree() {
    let (bed, now_s) = filled().await;
    let path = "/api/v1/metrics/analyze";
    let reply = bed.get(&format!("{path}?query=sum(m)/2&time={now_s}")).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let told = reply.json();
    assert_eq!((&told["result_type"], &told["result_series"]), (&json!("vector"), &json!(1)));
    let (root, sum) = (&told["root"], &told["root"]["children"][0]);
    assert_eq!((&root["text"], &root["kind"]), (&json!("sum(m) / 2"), &json!("binaryExpr")));
    assert_eq!((&sum["start"], &sum["end"], &sum["series_in"]), (&json!(0), &json!(6), &json!(2)));
    let m = &sum["children"][0];
    assert_eq!((&m["kind"], &m["series_out"]), (&json!("vectorSelector"), &json!(2)));
    assert!(m["samples"].as_u64() > Some(0) && root["wall_s"].as_f64() > Some(0.0));

    let form = format!("query=max_over_time(m[2m])&start={}&end={now_s}&step=60", now_s - 120);
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    let told = bed.send(request, form).await.json();
    assert_eq!((&told["result_type"], &told["result_points"]), (&json!("matrix"), &json!(6)));
    assert_eq!(told["root"]["children"][0]["kind"], "matrixSelector");

    let reply = bed.get(&format!("{path}?query=sum(")).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json()["code"], "query.bad_data");
    let reply = bed.send_powerless(Request::get(format!("{path}?query=1"))).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_query_is_refused_before_it_takes_the_memory() {
    let bed = bed(|settings| settings.query.memory_bytes_max = 1 << 20).await;
    let reply = bed.get(&format!("{API}/query?query=sum_over_time(vector(1)[200000s:1s])")).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    let error = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("memory_bytes_max (1048576)"), "{error}");
    assert!(error.contains("metrics.query_memory_bytes"), "{error}");
}

/// A client that hangs up while its query runs ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_who_leaves_ends_the_query() {
    let bed = std::sync::Arc::new(filled().await.0);
    let all = bed.telemetry.queries().settings.concurrency_max;
    let query = "max_over_time(quantile_over_time(0.5,vector(time())[3h:1s])[3h:1s])";
    for path in
        [format!("{API}/query?query={query}"), format!("/api/v1/metrics/analyze?query={query}")]
    {
        let client = std::sync::Arc::clone(&bed);
        let running = tokio::spawn(async move { client.get(&path).await });
        while bed.telemetry.queries().free_turns() == all {
            assert!(!running.is_finished(), "{:?}", running.await.map(|reply| reply.text));
            tokio::task::yield_now().await;
        }
        running.abort();
        assert!(running.await.is_err());
        let left = tokio::time::Instant::now();
        while bed.telemetry.queries().free_turns() < all {
            assert!(left.elapsed() < std::time::Duration::from_secs(5), "the query goes on");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_query() {
    let (bed, _) = filled().await;
    let telemetry = bed.telemetry.clone();
    let options = telemetry.list_options();
    let (told, seen) = std::sync::mpsc::channel();
    let running = tokio::spawn(async move {
        let work = move |_: &series::Series, options: &promql::QueryOptions| {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while !options.cancel.is_cancelled() && std::time::Instant::now() < deadline {
                std::thread::yield_now();
            }
            told.send(options.cancel.is_cancelled()).unwrap();
            Ok(())
        };
        telemetry.run_query("test", options, work).await
    });
    while bed.telemetry.queries().free_turns() == bed.telemetry.queries().settings.concurrency_max {
        tokio::task::yield_now().await;
    }
    running.abort();
    assert!(running.await.is_err());
    let noticed = tokio::task::spawn_blocking(move || seen.recv()).await.unwrap();
    assert_eq!(noticed, Ok(true));
}
