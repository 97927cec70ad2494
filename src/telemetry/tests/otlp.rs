//! Tests of OTLP metrics over HTTP: protobuf by hand and JSON as the specification shows it.

use std::io::Write as _;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::bed::{Bed, Reply, bed};
use super::wire::{bytes, double, fixed, number, zigzag};

const METRICS: &str = "/otlp/v1/metrics";

pub(super) async fn send(bed: &Bed, body: Vec<u8>) -> Reply {
    let request = Request::post(METRICS).header("content-type", "application/x-protobuf");
    bed.send(request, body).await
}

pub(super) async fn send_json(bed: &Bed, body: &Value) -> Reply {
    let request = Request::post(METRICS).header("content-type", "application/json");
    bed.send(request, body.to_string()).await
}

/// A request of metrics of one resource.
pub(super) fn request(resource: &Value, metrics: &Value) -> Value {
    json!({"resourceMetrics": [{
        "resource": {"attributes": resource},
        "scopeMetrics": [{"scope": {"name": "test"}, "metrics": metrics}],
    }]})
}

pub(super) fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

pub(super) fn now_ns(bed: &Bed) -> i64 {
    bed.clock.now().as_millis() * 1_000_000
}

#[tokio::test]
async fn protobuf_becomes_samples_with_job_and_instance() {
    let bed = bed(|_| {}).await;
    let text = |value: &str| bytes(1, value);
    let pair =
        |at: u64, key: &str, value: Vec<u8>| bytes(at, [bytes(1, key), bytes(2, value)].concat());
    let now = now_ns(&bed) as u64;
    let resource = bytes(
        1,
        [
            pair(1, "service.name", text("shop")),
            pair(1, "service.namespace", text("web")),
            pair(1, "service.instance.id", text("i-1")),
            pair(1, "host.name", text("h1")),
        ]
        .concat(),
    );
    let list = bytes(5, [bytes(1, number(3, 1)), bytes(1, text("x"))].concat());
    let point = bytes(
        1,
        [
            pair(7, "http.method", text("GET")),
            pair(7, "http_method", text("again")),
            pair(7, "list", list),
            pair(7, "truth", number(2, 1)),
            pair(7, "half", double(4, 0.5)),
            pair(7, "empty", Vec::new()),
            fixed(3, now),
            double(4, 1.5),
            bytes(5, b""),
        ]
        .concat(),
    );
    let metric = bytes(
        2,
        [bytes(1, "queue.size"), bytes(2, "how many"), bytes(3, "By"), bytes(5, point)].concat(),
    );
    // The scopes may come before their resource.
    let body = bytes(1, [bytes(2, metric), resource].concat());
    let reply = send(&bed, body).await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, ""));
    assert_eq!(reply.headers["content-type"], "application/x-protobuf");
    let found = bed.values("queue_size_bytes").await;
    let expected = "queue_size_bytes{half=\"0.5\", http_method=\"GET;again\", instance=\"i-1\", \
                    job=\"web/shop\", list=\"[1,\\\"x\\\"]\", truth=\"true\"} 1.5";
    assert_eq!(found, [expected]);
    let info = "target_info{host_name=\"h1\", instance=\"i-1\", job=\"web/shop\"} 1";
    assert_eq!(bed.values("target_info").await, [info]);
    let known = bed.get("/prometheus/api/v1/metadata?metric=queue_size_bytes").await.json();
    let stated = json!([{"type": "gauge", "help": "how many", "unit": "bytes"}]);
    assert_eq!(known["data"]["queue_size_bytes"], stated);
    let counted = "exemplars_stored_total{source=\"otlp\"} 1";
    assert!(bed.metrics.gather_text().contains(counted));
}

#[tokio::test]
async fn every_form_of_metric_in_json() {
    let bed = bed(|_| {}).await;
    let now = now_ns(&bed).to_string();
    let metrics = json!([
        {"name": "requests", "unit": "1", "sum": {"aggregationTemporality": 2, "isMonotonic": true,
            "dataPoints": [{"asInt": "7", "timeUnixNano": now}]}},
        {"name": "open", "sum": {"aggregationTemporality": 2, "isMonotonic": false,
            "dataPoints": [{"asDouble": -2, "timeUnixNano": now}]}},
        {"name": "lag", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [{
            "timeUnixNano": now, "count": "6", "sum": 9.5, "bucketCounts": ["1", 2, "3"],
            "explicitBounds": [0.5, 1], "attributes": [attribute("le", "mine")]}]}},
        {"name": "q", "summary": {"dataPoints": [{"timeUnixNano": now, "count": 4, "sum": 2,
            "quantileValues": [{"quantile": 0.5, "value": 0.25}, {"quantile": 1, "value": 9}]}]}},
        {"name": "gone", "gauge": {"dataPoints": [{"timeUnixNano": now, "flags": 1}]}},
    ]);
    let resource = json!([attribute("service.name", "j")]);
    let reply = send_json(&bed, &request(&resource, &metrics)).await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "{}"));
    assert_eq!(bed.values("requests_total").await, ["requests_total{job=\"j\"} 7"]);
    assert_eq!(bed.values("open").await, ["open{job=\"j\"} -2"]);
    let buckets = bed.values("sort(lag_seconds_bucket)").await;
    let bucket =
        |le: &str, value: u32| format!("lag_seconds_bucket{{job=\"j\", le=\"{le}\"}} {value}");
    assert_eq!(buckets, [bucket("0.5", 1), bucket("1", 3), bucket("+Inf", 6)]);
    assert_eq!(bed.values("lag_seconds_count + lag_seconds_sum").await, ["{job=\"j\"} 15.5"]);
    assert_eq!(
        bed.values("q").await,
        ["q{job=\"j\", quantile=\"0.5\"} 0.25", "q{job=\"j\", quantile=\"1\"} 9"]
    );
    assert_eq!(bed.values("q_count * q_sum").await, ["{job=\"j\"} 8"]);
    assert_eq!(bed.values("gone").await, [""; 0]);
    // A resource with nothing beside its identity has no target_info.
    assert_eq!(bed.values("target_info").await, [""; 0]);
}

/// A request of one delta sum and one delta histogram.
fn deltas(end_ns: i64, value: f64, buckets: [u64; 2]) -> Value {
    let time = end_ns.to_string();
    request(
        &json!([]),
        &json!([
            {"name": "d", "sum": {"aggregationTemporality": 1, "isMonotonic": true,
                "dataPoints": [{"asDouble": value, "timeUnixNano": time}]}},
            {"name": "h", "histogram": {"aggregationTemporality": 1, "dataPoints": [{"timeUnixNano": time,
                "count": buckets[0] + buckets[1], "sum": value, "bucketCounts": buckets, "explicitBounds": [1]}]}},
        ]),
    )
}

#[tokio::test]
async fn deltas_are_added_up_once_each() {
    let bed = bed(|_| {}).await;
    let start = now_ns(&bed) - 10_000_000_000;
    let second = 1_000_000_000;
    for (at, value, buckets) in
        [(0, 1.0, [1, 0]), (1, 2.0, [2, 1]), (1, 2.0, [2, 1]), (2, 4.0, [0, 3])]
    {
        let reply = send_json(&bed, &deltas(start + at * second, value, buckets)).await;
        assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "{}"));
    }
    assert_eq!(bed.values("d_total").await, ["d_total 7"]);
    assert_eq!(bed.values("h_bucket").await, ["h_bucket{le=\"+Inf\"} 7", "h_bucket{le=\"1\"} 3"]);
    assert_eq!(bed.values("h_sum").await, ["h_sum 7"]);
    // One that comes too late cannot be added to what is stored.
    let reply = send_json(&bed, &deltas(start + second, 100.0, [9, 9])).await.json();
    assert_eq!(reply["partialSuccess"]["rejectedDataPoints"], "2");
    assert!(
        reply["partialSuccess"]["errorMessage"]
            .as_str()
            .unwrap()
            .contains("not newer than the last")
    );
    assert_eq!(bed.values("d_total").await, ["d_total 7"]);
}

#[tokio::test]
async fn bad_points_are_counted_and_good_ones_kept() {
    let bed = bed(|_| {}).await;
    let now = now_ns(&bed).to_string();
    let many: Vec<Value> = (0..200).map(|n| attribute(&format!("a{n}"), "x")).collect();
    let good =
        json!({"name": "good", "gauge": {"dataPoints": [{"asInt": 1, "timeUnixNano": now}]}});
    let point = |more: Value| {
        let mut point = json!({"timeUnixNano": now, "asInt": 1});
        point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        point
    };
    let gauge = |point: Value| json!({"name": "bad", "gauge": {"dataPoints": [point]}});
    let buckets = |counts: Value, bounds: Value| {
        json!({"name": "bad", "histogram": {
        "aggregationTemporality": 2, "dataPoints": [{"timeUnixNano": now, "bucketCounts": counts, "explicitBounds": bounds}]}})
    };
    for (wrong, points, told) in [
        (gauge(point(json!({"asInt": null}))), 1, "has no value"),
        (gauge(point(json!({"attributes": many}))), 1, "more than 128 attributes"),
        (gauge(point(json!({"attributes": [attribute("", "x")]}))), 1, "attribute name"),
        (gauge(point(json!({"attributes": [attribute("k", &"v".repeat(5000))]}))), 1, "5000 bytes"),
        (gauge(point(json!({"timeUnixNano": 5_000_000}))), 1, "too old"),
        (
            json!({"name": "…", "gauge": {"dataPoints": [point(json!({})), point(json!({}))]}}),
            2,
            "nothing is left",
        ),
        (
            json!({"name": "bad", "sum": {"dataPoints": [point(json!({}))]}}),
            1,
            "neither delta nor cumulative",
        ),
        (buckets(json!([1, 2]), json!([1, 2])), 1, "2 buckets do not fit to 2 bounds"),
        (buckets(json!([1, 2, 3]), json!([2, 1])), 1, "do not ascend"),
        (buckets(json!(vec![0; 3000]), json!([])), 1, "more than 2000 buckets"),
    ] {
        let reply = send_json(&bed, &request(&json!([]), &json!([wrong, good]))).await;
        assert_eq!(reply.status, StatusCode::OK, "{told}: {}", reply.text);
        let partial = &reply.json()["partialSuccess"];
        assert_eq!(partial["rejectedDataPoints"], points.to_string(), "{told}: {partial}");
        assert!(partial["errorMessage"].as_str().unwrap().contains(told), "{told}: {partial}");
    }
    assert_eq!(bed.values("good").await, ["good 1"]);
    assert_eq!(bed.values("bad").await, [""; 0]);
    // In protobuf the same is two fields.
    let empty = bytes(1, bytes(2, bytes(2, [bytes(1, "x"), bytes(5, bytes(1, b""))].concat())));
    let reply = send(&bed, empty).await;
    assert!(
        reply.text.starts_with("\n") && reply.text.contains("data point 1: it has no value"),
        "{:?}",
        reply.text
    );
}

#[tokio::test]
async fn bodies_that_are_none_get_a_status() {
    let bed = bed(|settings| settings.receive.decoded_bytes_max = 10_000).await;
    let reply = bed
        .send(
            Request::post(METRICS).header("content-type", "application/json"),
            "{\"resourceMetrics\":5}",
        )
        .await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json()["code"], 3);
    assert!(
        reply.json()["message"].as_str().unwrap().contains("needs a list at line 1"),
        "{}",
        reply.text
    );
    let reply = send(&bed, vec![0x0a, 0xff, 1]).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(
        reply.text.starts_with("\u{8}\u{3}\u{12}")
            && reply.text.contains("broken protobuf at byte"),
        "{:?}",
        reply.text
    );
    for kind in ["text/plain", "application/grpc"] {
        let request = Request::post(METRICS).header("content-type", kind);
        assert_eq!(bed.send(request, "").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&[0; 20_000]).unwrap();
    let request = Request::post(METRICS).header("content-encoding", "gzip");
    let reply = bed.send(request, bomb.finish().unwrap()).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = Request::post(METRICS).header("content-encoding", "deflate");
    assert_eq!(bed.send(request, "").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(bed.send_powerless(Request::post(METRICS)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn gzip_and_every_path() {
    let bed = bed(|_| {}).await;
    for (n, path) in
        [METRICS, "/v1/metrics", "/prometheus/api/v1/otlp/v1/metrics"].into_iter().enumerate()
    {
        let metrics = json!([{"name": format!("m{n}"), "gauge": {"dataPoints": [
            {"asInt": 1, "timeUnixNano": now_ns(&bed).to_string()}]}}]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(request(&json!([]), &metrics).to_string().as_bytes()).unwrap();
        let request = Request::post(path)
            .header("content-type", "application/json; charset=utf-8")
            .header("content-encoding", "gzip");
        let reply = bed.send(request, packed.finish().unwrap()).await;
        assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "{}"), "{path}");
        assert_eq!(bed.values(&format!("m{n}")).await.len(), 1, "{path}");
    }
    assert_eq!(send(&bed, Vec::new()).await.status, StatusCode::OK);
}

const GRPC: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// A request of gRPC; gives status, text and message of its answer.
async fn call(bed: &Bed, packed: bool, body: &[u8]) -> (String, String, Vec<u8>) {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let framed = [&[u8::from(packed)], &length[..], body].concat();
    let request = Request::post(GRPC)
        .header("content-type", "application/grpc")
        .header("grpc-encoding", if packed { "gzip" } else { "identity" });
    whole_call(bed.raw(request, framed).await).await
}

async fn whole_call(response: axum::response::Response) -> (String, String, Vec<u8>) {
    let (parts, body) = response.into_parts();
    assert_eq!(
        (parts.status, &parts.headers["content-type"]),
        (StatusCode::OK, &http::HeaderValue::from_static("application/grpc"))
    );
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or(parts.headers);
    let text =
        |name: &str| trailers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    (text("grpc-status"), text("grpc-message"), body.to_bytes().to_vec())
}

#[tokio::test]
async fn grpc_takes_the_same() {
    let bed = bed(|settings| settings.receive.decoded_bytes_max = 10_000).await;
    let point = |value: f64| [fixed(3, now_ns(&bed) as u64), double(4, value)].concat();
    let request = |name: &str, point: &[u8]| {
        bytes(1, bytes(2, bytes(2, [bytes(1, name), bytes(5, bytes(1, point))].concat())))
    };
    let (status, _, body) = call(&bed, false, &request("plain", &point(1.0))).await;
    assert_eq!((status.as_str(), body), ("0", vec![0; 5]));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&request("packed", &point(2.0))).unwrap();
    assert_eq!(call(&bed, true, &packed.finish().unwrap()).await.0, "0");
    assert_eq!(bed.values("plain + on() packed").await, ["{} 3"]);
    let (status, _, body) = call(&bed, false, &request("none", b"")).await;
    assert_eq!((status.as_str(), usize::from(body[4])), ("0", body.len() - 5));
    assert!(String::from_utf8_lossy(&body).contains("data point 1: it has no value"));
    for (packed, body, status, told) in [
        (false, b"\x0a\xff\x01".to_vec(), "3", "broken protobuf at byte"),
        (true, b"plain".to_vec(), "3", "not gzip"),
        (false, vec![0; 20_000], "8", "more than 10000 bytes"),
    ] {
        let (found, text, _) = call(&bed, packed, &body).await;
        assert_eq!(found, status, "{told}: {text}");
        assert!(text.contains(told), "{text}");
    }
    for (body, told) in [
        (vec![0, 0, 0], "3 bytes are no message"),
        (vec![0, 0, 0, 0, 9, 1], "a message of 9 bytes, but 1 follow"),
        (vec![7, 0, 0, 0, 0], "7 does not say"),
    ] {
        let (status, text, _) = whole_call(bed.raw(Request::post(GRPC), body).await).await;
        assert_eq!((status.as_str(), text.as_str().contains(told)), ("3", true), "{text}");
    }
    let other = Request::post(GRPC).header("grpc-encoding", "zstd");
    assert_eq!(whole_call(bed.raw(other, vec![1, 0, 0, 0, 0]).await).await.0, "12");
    let powerless = bed.send_powerless(Request::post(GRPC)).await;
    assert_eq!(powerless.headers["grpc-status"], "7");
}

/// A request with a point of every form, in protobuf.
fn every_form(now_ns: u64) -> Vec<u8> {
    let text = |at: u64, key: &str| bytes(at, [bytes(1, key), bytes(2, bytes(1, "v"))].concat());
    let list =
        bytes(5, [bytes(1, number(3, 1)), bytes(1, bytes(6, bytes(1, bytes(1, "k"))))].concat());
    let nested = |at: u64| bytes(at, [bytes(1, "list"), bytes(2, list.clone())].concat());
    let gauge = [text(7, "a"), nested(7), fixed(3, now_ns), double(4, 1.0)].concat();
    let counts: Vec<u8> = [1_u64, 2].iter().flat_map(|count| count.to_le_bytes()).collect();
    let histogram = [
        text(9, "a"),
        fixed(3, now_ns),
        fixed(4, 3),
        double(5, 2.0),
        bytes(6, counts),
        bytes(7, 0.5_f64.to_le_bytes()),
    ];
    let side = [number(1, zigzag(-1)), bytes(2, [1, 0, 2])].concat();
    let attribute = bytes(7, [bytes(1, "k"), bytes(2, bytes(1, "v"))].concat());
    let exemplar =
        [attribute, fixed(2, now_ns), double(3, 1.0), bytes(4, [1; 8]), bytes(5, [2; 16])];
    let exponential = [
        fixed(3, now_ns),
        fixed(4, 7),
        number(6, 3),
        fixed(7, 1),
        bytes(8, &side),
        bytes(9, side),
        bytes(11, exemplar.concat()),
    ];
    let quantile = bytes(6, [double(1, 0.5), double(2, 9.0)].concat());
    let summary = [fixed(3, now_ns), fixed(4, 3), double(5, 2.0), quantile].concat();
    let metric = |name: &str, form: u64, point: &[u8], more: Vec<u8>| {
        let data = [bytes(1, point), more].concat();
        bytes(2, [bytes(1, name), bytes(3, "s"), bytes(form, data)].concat())
    };
    let metrics = [
        metric("g", 5, &gauge, Vec::new()),
        metric("c", 7, &gauge, [number(2, 1), number(3, 1)].concat()),
        metric("h", 9, &histogram.concat(), number(2, 1)),
        metric("e", 10, &exponential.concat(), number(2, 2)),
        metric("s", 11, &summary, Vec::new()),
    ];
    let resource = bytes(1, [text(1, "service.name"), text(1, "zone")].concat());
    bytes(1, [resource, bytes(2, metrics.concat())].concat())
}

#[test]
fn damaged_requests_harm_nobody() {
    use proptest::prelude::*;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bed = runtime.block_on(bed(|_| {}));
    let whole = every_form(now_ns(&bed) as u64);
    let reply = runtime.block_on(send(&bed, whole.clone()));
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, ""));
    assert_eq!(runtime.block_on(bed.values("histogram_count(e_seconds)")).len(), 1);
    assert_eq!(runtime.block_on(bed.values("g_seconds + on(a, job) c_seconds_total")).len(), 1);
    let damage = (any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>());
    let mut runner = proptest::test_runner::TestRunner::default();
    let ran = runner.run(&damage, |(at, byte, cut)| {
        let mut body = whole.clone();
        let at = at.index(body.len());
        body[at] = byte;
        let flipped = runtime.block_on(send(&bed, body));
        let cut = runtime.block_on(send(&bed, whole[..cut.index(whole.len())].to_vec()));
        for reply in [flipped, cut] {
            prop_assert!(matches!(reply.status.as_u16(), 200 | 400 | 413), "{:?}", reply);
        }
        Ok(())
    });
    ran.unwrap();
    assert_eq!(runtime.block_on(send(&bed, whole)).status, StatusCode::OK);
}
