//! Tests of exponential histograms and exemplars of OTLP.

use http::StatusCode;
use serde_json::{Value, json};

use super::bed::{Bed, bed};
use super::otlp::{attribute, now_ns, request, send, send_json};
use super::wire::{bytes, fixed, number};

/// A metric of one point of an exponential histogram.
fn exponential(name: &str, temporality: u8, point: &Value) -> Value {
    json!({"name": name, "exponentialHistogram":
        {"aggregationTemporality": temporality, "dataPoints": [point]}})
}

/// Count and buckets of a native histogram as the query API shows them.
async fn shown(bed: &Bed, metric: &str) -> (Value, Vec<Value>) {
    let metric: String = form_urlencoded::byte_serialize(metric.as_bytes()).collect();
    let reply = bed.get(&format!("/prometheus/api/v1/query?query={metric}")).await.json();
    let histogram = reply["data"]["result"][0]["histogram"][1].clone();
    let buckets = histogram["buckets"].as_array().cloned().unwrap_or_default();
    (histogram["count"].clone(), buckets)
}

/// The exemplars of an expression: labels of the series, then of each exemplar, with its value.
async fn exemplars(bed: &Bed, query: &str) -> Vec<(Value, Vec<(Value, Value)>)> {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let reply = bed.get(&format!("/prometheus/api/v1/query_exemplars?query={query}")).await.json();
    let each = |it: &Value| {
        let inner = it["exemplars"].as_array().unwrap().iter();
        let inner = inner.map(|one| (one["labels"].clone(), one["value"].clone()));
        (it["seriesLabels"].clone(), inner.collect())
    };
    reply["data"].as_array().unwrap().iter().map(each).collect()
}

#[tokio::test]
async fn exponential_histograms_become_native_ones() {
    let bed = bed(|_| {}).await;
    let now = now_ns(&bed).to_string();
    let metrics = json!([
        exponential(
            "plain",
            2,
            &json!({"timeUnixNano": now, "count": 9, "sum": 3.5, "scale": 0,
            "zeroCount": 1, "zeroThreshold": 0.25, "attributes": [attribute("a", "b")],
            "positive": {"offset": -1, "bucketCounts": [1, "3", 0, 2]},
            "negative": {"offset": 1, "bucketCounts": [2]}})
        ),
        exponential(
            "fine",
            2,
            &json!({"timeUnixNano": now, "count": 5, "scale": 10,
            "positive": {"offset": 4, "bucketCounts": [1, 1, 1, 1, 1]}})
        ),
        exponential(
            "finest",
            2,
            &json!({"timeUnixNano": now, "count": 2, "scale": 300,
            "positive": {"offset": -1, "bucketCounts": [1, 1]}})
        ),
        exponential("empty", 2, &json!({"timeUnixNano": now, "scale": 20})),
        exponential("gone", 2, &json!({"timeUnixNano": now, "flags": 1, "scale": 3})),
    ]);
    let reply = send_json(&bed, &request(&json!([]), &metrics)).await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "{}"));
    let bucket =
        |bounds: u8, lower: &str, upper: &str, count: &str| json!([bounds, lower, upper, count]);
    let (count, buckets) = shown(&bed, "plain{a=\"b\"}").await;
    assert_eq!(count, "9");
    let expected = [
        bucket(1, "-4", "-2", "2"),
        bucket(3, "-0.25", "0.25", "1"),
        bucket(0, "0.5", "1", "1"),
        bucket(0, "1", "2", "3"),
        bucket(0, "4", "8", "2"),
    ];
    assert_eq!(buckets, expected);
    assert_eq!(bed.values("histogram_sum(plain)").await, ["{a=\"b\"} 3.5"]);
    // Two steps coarser: buckets 4 to 7 become one, bucket 8 begins the next.
    let (_, buckets) = shown(&bed, "fine").await;
    let text = |index: f64| (index / 256.0).exp2().to_string();
    assert_eq!(buckets[0], bucket(0, &text(1.0), &text(2.0), "4"));
    assert_eq!(buckets[1..], [bucket(0, &text(2.0), &text(3.0), "1")]);
    let (_, buckets) = shown(&bed, "finest").await;
    assert_eq!(buckets[0], bucket(0, &text(-1.0), "1", "1"));
    assert_eq!(buckets[1..], [bucket(0, "1", &text(1.0), "1")]);
    assert_eq!(shown(&bed, "empty").await, (json!("0"), Vec::new()));
    assert_eq!(bed.values("gone").await, [""; 0]);
    let known = bed.get("/prometheus/api/v1/metadata?metric=plain").await.json();
    assert_eq!(known["data"]["plain"][0]["type"], "histogram");
}

#[tokio::test]
async fn wrong_exponential_histograms_are_named_and_neighbours_kept() {
    let bed = bed(|_| {}).await;
    let now = now_ns(&bed).to_string();
    let good =
        json!({"name": "good", "gauge": {"dataPoints": [{"asInt": 1, "timeUnixNano": now}]}});
    let side = |offset: i64, counts: Value| json!({"offset": offset, "bucketCounts": counts});
    let many = vec![0; 70_000];
    for (more, told) in [
        (json!({"scale": -5}), "its scale is -5, the lowest is -4"),
        (json!({"count": 2, "positive": side(0, json!([1]))}), "its count is 2"),
        (json!({"positive": side(i64::from(i32::MAX), json!([0]))}), "out of range"),
        (json!({"positive": side(i64::from(i32::MAX) - 2, json!([0, 0]))}), "out of range"),
        (json!({"positive": side(i64::MAX, json!([0]))}), "out of range"),
        (json!({"negative": side(i64::MIN, json!([0]))}), "out of range"),
        (json!({"positive": side(0, json!(many))}), "more than 65536 buckets"),
        (
            json!({"positive": side(0, json!([u64::MAX, u64::MAX])), "count": 1}),
            "buckets hold 3689",
        ),
        (json!({"zeroThreshold": -1}), "zero threshold"),
        (json!({"zeroThreshold": "NaN"}), "zero threshold"),
    ] {
        let mut point = json!({"timeUnixNano": now});
        point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let metrics = json!([exponential("bad", 2, &point), good]);
        let reply = send_json(&bed, &request(&json!([]), &metrics)).await;
        let partial = &reply.json()["partialSuccess"];
        assert_eq!(partial["rejectedDataPoints"], "1", "{told}: {partial}");
        assert!(partial["errorMessage"].as_str().unwrap().contains(told), "{told}: {partial}");
    }
    let none = exponential("bad", 0, &json!({"timeUnixNano": now}));
    let reply = send_json(&bed, &request(&json!([]), &json!([none]))).await;
    assert!(reply.text.contains("neither delta nor cumulative"), "{}", reply.text);
    assert_eq!(bed.values("good").await, ["good 1"]);
    assert_eq!(bed.values("bad").await, [""; 0]);
    // Buckets of 10^9 are only a claim: the body holds no more than it has bytes.
    let claimed = [varint_field(2, 1_000_000_000), vec![1]].concat();
    let point = [fixed(3, now.parse().unwrap()), bytes(8, claimed)].concat();
    let metric = [bytes(1, "bad"), bytes(10, [bytes(1, point), number(2, 2)].concat())].concat();
    let reply = send(&bed, bytes(1, bytes(2, bytes(2, metric)))).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
}

/// The head of a length-delimited field that says how long it is.
fn varint_field(number: u64, length: u64) -> Vec<u8> {
    [super::wire::varint(number << 3 | 2), super::wire::varint(length)].concat()
}

#[tokio::test]
async fn deltas_of_exponential_histograms_are_added_up() {
    let bed = bed(|_| {}).await;
    let start = now_ns(&bed) - 10_000_000_000;
    let delta = |at: i64, scale: i64, offset: i64, counts: Value, sum: f64| {
        let count: u64 = counts.as_array().unwrap().iter().filter_map(Value::as_u64).sum();
        let time = (start + at * 1_000_000_000).to_string();
        let point = json!({"timeUnixNano": time, "scale": scale, "count": count, "sum": sum,
            "positive": {"offset": offset, "bucketCounts": counts}});
        request(&json!([]), &json!([exponential("d", 1, &point)]))
    };
    for (at, scale, offset, counts) in [
        (0, 1, 0, json!([1, 2])),
        (1, 1, -2, json!([1])),
        // The same again changes nothing.
        (1, 1, -2, json!([1])),
        // A coarser one makes the total coarser.
        (2, 0, 0, json!([5])),
        (3, 1, 1, json!([7])),
    ] {
        let reply = send_json(&bed, &delta(at, scale, offset, counts, 1.5)).await;
        assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "{}"));
    }
    let (count, buckets) = shown(&bed, "d").await;
    assert_eq!(count, "16");
    assert_eq!(buckets, [json!([0, "0.5", "1", "1"]), json!([0, "1", "2", "15"])]);
    assert_eq!(bed.values("histogram_sum(d)").await, ["{} 6"]);
    let late = send_json(&bed, &delta(2, 0, 0, json!([1]), 0.0)).await;
    assert!(late.text.contains("not newer than the last"), "{}", late.text);
    assert_eq!(bed.values("resets(d[1m])").await, ["{} 0"]);
}

#[tokio::test]
async fn exemplars_go_to_the_series_that_they_stand_for() {
    let bed = bed(|_| {}).await;
    let now = now_ns(&bed);
    let at = |seconds: i64| (now - seconds * 1_000_000_000).to_string();
    let trace = "0102030405060708090a0b0c0d0e0f10";
    let one = |value: f64, seconds: i64| {
        json!({"asDouble": value, "timeUnixNano": at(seconds),
            "traceId": trace, "spanId": "00000000000000AA"})
    };
    let long = attribute("long", &"x".repeat(200));
    let metrics = json!([
        {"name": "c", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
            {"asInt": 7, "timeUnixNano": at(0), "exemplars": [one(2.0, 1), one(1.0, 2),
                {"asInt": "3", "filteredAttributes": [attribute("user.id", "u1")]}]}]}},
        {"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [{
            "timeUnixNano": at(0), "count": 6, "sum": 9.5, "bucketCounts": [1, 2, 3],
            "explicitBounds": [1, 2], "exemplars": [one(1.0, 3), one(1.5, 2), one(99.0, 1),
                {"asDouble": 0.5, "timeUnixNano": at(1), "traceId": trace,
                 "filteredAttributes": [long]}]}]}},
        exponential("e", 2, &json!({"timeUnixNano": at(0), "count": 1, "scale": 0,
            "positive": {"offset": 0, "bucketCounts": [1]}, "exemplars": [one(1.5, 1)]})),
    ]);
    let reply = send_json(&bed, &request(&json!([]), &metrics)).await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::OK, "{}"));
    let ids = json!({"trace_id": trace, "span_id": "00000000000000aa"});
    let id = json!({"trace_id": trace});
    let found = exemplars(&bed, "rate(c_total[5m])").await;
    let each = vec![
        (ids.clone(), json!("1")),
        (ids.clone(), json!("2")),
        (json!({"user_id": "u1"}), json!("3")),
    ];
    assert_eq!(found, [(json!({"__name__": "c_total"}), each)]);
    let bucket = |le: &str| json!({"__name__": "h_bucket", "le": le});
    let found = exemplars(&bed, "h_bucket").await;
    let expected = [
        (bucket("+Inf"), vec![(ids.clone(), json!("99"))]),
        (bucket("1"), vec![(ids.clone(), json!("1")), (id, json!("0.5"))]),
        (bucket("2"), vec![(ids.clone(), json!("1.5"))]),
    ];
    assert_eq!(found, expected);
    let both = exemplars(&bed, "histogram_quantile(0.9, e) / sum(rate(c_total[1m]))").await;
    assert_eq!(both[1], (json!({"__name__": "e"}), vec![(ids, json!("1.5"))]));
    assert_eq!(both.len(), 2);
    // An id that is no hexadecimal makes the JSON wrong, as base64 that is none does.
    let wrong = json!([{"name": "w", "gauge": {"dataPoints": [
        {"asInt": 1, "timeUnixNano": at(0), "exemplars": [{"traceId": "xyz"}]}]}}]);
    let reply = send_json(&bed, &request(&json!([]), &wrong)).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.text.contains("traceId needs hexadecimal"), "{}", reply.text);
}
