//! Tests of `remote_write` over HTTP.

use http::{Request, StatusCode};

use super::bed::{Bed, Reply, bed};
use crate::receive::tests::{metadata, series};

const WRITE: &str = "/prometheus/api/v1/write";

fn pack(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

async fn write(bed: &Bed, body: &[u8]) -> Reply {
    send(bed, pack(body)).await
}

async fn send(bed: &Bed, body: Vec<u8>) -> Reply {
    let request = Request::post(WRITE)
        .header("content-encoding", "snappy")
        .header("content-type", "application/x-protobuf")
        .header("x-prometheus-remote-write-version", "0.1.0");
    bed.send(request, body).await
}

#[tokio::test]
async fn samples_are_stored_and_shown() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let body = [
        series(&[("__name__", "pushed"), ("x", "1")], &[(1.0, now - 2000), (2.0, now - 1000)]),
        metadata("pushed", 2, "a gauge"),
    ]
    .concat();
    let reply = write(&bed, &body).await;
    assert_eq!((reply.status, reply.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(bed.values("pushed").await, ["pushed{x=\"1\"} 2"]);
    let known = bed.get("/prometheus/api/v1/metadata?metric=pushed").await.json();
    assert_eq!(known["data"]["pushed"][0]["type"], "gauge");
    // The same again is no mistake.
    assert_eq!(write(&bed, &body).await.status, StatusCode::NO_CONTENT);
    assert!(bed.metrics.gather_text().contains(
        "onemonitor_telemetry_receive_requests_total{protocol=\"remote_write\",status=\"204\"} 2"
    ));
}

#[tokio::test]
async fn bad_samples_are_named_and_good_ones_kept() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let long = "v".repeat(5000);
    let mut good = Vec::new();
    let bad: [(&str, Vec<u8>, &str); 8] = [
        ("unnamed", series(&[("b", "1")], &[(1.0, now)]), "no metric name"),
        ("none", series(&[], &[(1.0, now)]), "no labels"),
        ("unsorted", series(&[("b", "1"), ("__name__", "u")], &[(1.0, now)]), "not sorted"),
        ("twice", series(&[("__name__", "u"), ("b", "1"), ("b", "1")], &[(1.0, now)]), "twice"),
        ("empty", series(&[("", "1"), ("__name__", "u")], &[(1.0, now)]), "empty name"),
        ("long", series(&[("__name__", "u"), ("b", &long)], &[(1.0, now)]), "5000 bytes"),
        ("old", series(&[("__name__", "u")], &[(1.0, 1000)]), "too old"),
        ("future", series(&[("__name__", "u")], &[(1.0, now + 86_400_000)]), "future"),
    ];
    for (name, wrong, reason) in &bad {
        let keep = series(&[("__name__", "kept"), ("with", name)], &[(1.0, now)]);
        let reply = write(&bed, &[wrong.clone(), keep].concat()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{name}: {}", reply.text);
        assert_eq!(reply.json()["code"], "receive.samples_refused");
        assert!(reply.text.contains(reason), "{name}: {}", reply.text);
        good.push(format!("kept{{with=\"{name}\"}} 1"));
    }
    good.sort();
    assert_eq!(bed.values("kept").await, good);
    assert_eq!(bed.values("u").await, [""; 0]);
    // Another value at a known time.
    let once = series(&[("__name__", "once")], &[(1.0, now)]);
    assert_eq!(write(&bed, &once).await.status, StatusCode::NO_CONTENT);
    let other = write(&bed, &series(&[("__name__", "once")], &[(2.0, now)])).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    assert!(other.text.contains("different value"), "{}", other.text);
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let bed = bed(|settings| {
        settings.receive.body_bytes_max = 2000;
        settings.receive.decoded_bytes_max = 4000;
    })
    .await;
    let check = |reply: Reply, status: u16, code: &str| {
        assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
        assert_eq!(reply.json()["code"], code, "{}", reply.text);
    };
    check(send(&bed, b"not snappy at all".to_vec()).await, 400, "receive.not_snappy");
    check(write(&bed, b"\x0a\xff\x01truncated").await, 400, "receive.broken_protobuf");
    check(write(&bed, &[0; 5000]).await, 413, "receive.too_large");
    check(send(&bed, vec![0; 3000]).await, 413, "receive.too_large");
    check(send(&bed, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 1]).await, 413, "receive.too_large");
    let request = Request::post(WRITE).header("content-encoding", "gzip");
    check(bed.send(request, Vec::new()).await, 415, "receive.unsupported");
    let third = "application/x-protobuf;proto=io.prometheus.write.v3.Request";
    let request = Request::post(WRITE).header("content-type", third);
    check(bed.send(request, Vec::new()).await, 415, "receive.unsupported");
    // And the next request is none the worse.
    let now = bed.clock.now().as_millis();
    let good = series(&[("__name__", "good")], &[(1.0, now)]);
    assert_eq!(write(&bed, &good).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn senders_need_the_permission() {
    let bed = bed(|_| {}).await;
    let reply = bed.send_powerless(Request::post(WRITE)).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn requests_beyond_the_bound_wait_and_then_are_told_to_come_again() {
    let bed = bed(|settings| {
        settings.receive.concurrency_max = 1;
        settings.receive.wait = std::time::Duration::from_millis(50);
        settings.receive.bodies_bytes_max = 16 * 1024;
    })
    .await;
    let now = bed.clock.now().as_millis();
    // The room for bodies is for one of this size alone, not for what it unpacks to as well.
    let body = series(&[("__name__", "big")], &[(1.0, now); 1500]);
    let reply = write(&bed, &body).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.text);
    assert_eq!(reply.json()["code"], "receive.no_room");
    assert!(reply.headers.contains_key("retry-after"));
}
