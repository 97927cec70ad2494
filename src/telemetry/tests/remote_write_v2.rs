//! Tests of `remote_write` version 2 over HTTP.

use http::{Request, StatusCode};

use super::bed::{Bed, Reply, bed};
use super::wire::{bytes, double, number, varint};

const WRITE: &str = "/prometheus/api/v1/write";
const SECOND: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

async fn write(bed: &Bed, body: &[u8]) -> Reply {
    let packed = snap::raw::Encoder::new().compress_vec(body).unwrap();
    let request = Request::post(WRITE)
        .header("content-encoding", "snappy")
        .header("content-type", SECOND)
        .header("x-prometheus-remote-write-version", "2.0.0");
    bed.send(request, packed).await
}

/// Samples, histograms and exemplars that the answer says were written.
fn written(reply: &Reply) -> [&str; 3] {
    ["samples", "histograms", "exemplars"].map(|kind| {
        reply.headers[&format!("x-prometheus-remote-write-{kind}-written")].to_str().unwrap()
    })
}

fn symbols(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| bytes(4, text)).collect()
}

fn refs(refs: &[u64]) -> Vec<u8> {
    bytes(1, refs.iter().flat_map(|at| varint(*at)).collect::<Vec<u8>>())
}

fn sample(value: f64, timestamp_ms: i64) -> Vec<u8> {
    bytes(2, [double(1, value), number(2, timestamp_ms as u64)].concat())
}

fn series(parts: &[Vec<u8>]) -> Vec<u8> {
    bytes(5, parts.concat())
}

#[tokio::test]
async fn samples_and_metadata_are_stored_and_counted() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let metadata = bytes(5, [number(1, 3), number(3, 7), number(4, 8)].concat());
    let unpacked = [number(1, 1), number(1, 2)].concat();
    let body = [
        symbols(&["", "__name__", "h_bucket", "le", "0.5", "zone", "a", "how long", "seconds"]),
        // Labels out of order are put in order.
        series(&[refs(&[5, 6, 1, 2, 3, 4]), sample(1.0, now - 1000), sample(2.0, now), metadata]),
        series(&[unpacked, sample(9.0, now)]),
    ]
    .concat();
    for _ in 0..2 {
        let reply = write(&bed, &body).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
        assert_eq!(written(&reply), ["3", "0", "0"]);
    }
    let values = bed.values("h_bucket").await;
    assert_eq!(values, ["h_bucket 9", "h_bucket{le=\"0.5\", zone=\"a\"} 2"]);
    let known = bed.get("/prometheus/api/v1/metadata?metric=h").await.json();
    let expected = serde_json::json!([{"type":"histogram","help":"how long","unit":"seconds"}]);
    assert_eq!(known["data"]["h"], expected);
}

#[tokio::test]
async fn symbols_may_follow_series() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let body = [series(&[sample(4.0, now), refs(&[1, 2])]), symbols(&["", "__name__", "late"])];
    assert_eq!(written(&write(&bed, &body.concat()).await), ["1", "0", "0"]);
    assert_eq!(bed.values("late").await, ["late 4"]);
}

#[tokio::test]
async fn a_series_longer_than_a_batch_stays_one() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let mut parts = vec![refs(&[1, 2])];
    parts.extend((0..60_000).map(|n| sample(n as f64, now - 60_000 + n)));
    let body = [symbols(&["", "__name__", "long"]), series(&parts)].concat();
    assert_eq!(written(&write(&bed, &body).await), ["60000", "0", "0"]);
    assert_eq!(bed.values("count_over_time(long[5m])").await, ["{} 60000"]);
}

#[tokio::test]
async fn good_samples_are_kept_and_counted_beside_bad_ones() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let table = symbols(&["", "__name__", "good", "x", "1", "bad"]);
    let not_utf8 = bytes(4, b"\xff");
    let bad: [(Vec<u8>, &str); 7] = [
        (series(&[refs(&[1, 5, 3]), sample(1.0, now)]), "odd"),
        (series(&[refs(&[1, 99]), sample(1.0, now)]), "refers to symbol 99 of 7"),
        (series(&[refs(&[3, 4]), sample(1.0, now)]), "no metric name"),
        (series(&[refs(&[1, 5, 3, 4, 3, 4]), sample(1.0, now)]), "twice"),
        (series(&[refs(&[1, 6]), sample(1.0, now)]), "symbol 6 is not UTF-8"),
        (series(&[refs(&[1, 5]), sample(1.0, 1000)]), "too old"),
        (series(&[refs(&[1; 2000]), sample(1.0, now)]), "more than 500 labels"),
    ];
    for (n, (wrong, reason)) in bad.iter().enumerate() {
        let at = now - 10_000 + n as i64;
        let good = series(&[refs(&[1, 2]), sample(n as f64, at)]);
        let body = [table.clone(), not_utf8.clone(), wrong.clone(), good].concat();
        let reply = write(&bed, &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reason}: {}", reply.text);
        assert_eq!(reply.json()["code"], "receive.samples_refused");
        assert!(reply.text.contains("series 1: ") && reply.text.contains(reason), "{}", reply.text);
        assert_eq!(written(&reply), ["1", "0", "0"], "{reason}");
    }
    assert_eq!(bed.values("count_over_time(good[1m])").await, ["{} 7"]);
    assert_eq!(bed.values("bad").await, [""; 0]);
}

#[tokio::test]
async fn broken_bodies_say_that_nothing_was_written() {
    let bed = bed(|settings| settings.receive.decoded_bytes_max = 4000).await;
    let now = bed.clock.now().as_millis();
    let good = series(&[refs(&[1, 2]), sample(1.0, now)]);
    let whole = [symbols(&["", "__name__", "a"]), good.clone()].concat();
    for cut in [1, 5, 30, whole.len() - 1] {
        let reply = write(&bed, &whole[..cut]).await;
        assert_eq!(written(&reply), ["0", "0", "0"], "{cut}");
    }
    let reply = write(&bed, &whole[..whole.len() - 1]).await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("receive.broken_protobuf"))
    );
    let first = [symbols(&["x", "__name__", "a"]), good].concat();
    let reply = write(&bed, &first).await;
    assert_eq!(
        (reply.json()["code"].as_str(), written(&reply)),
        (Some("receive.bad_symbols"), ["0", "0", "0"])
    );
    let reply = write(&bed, &[0; 5000]).await;
    assert_eq!((reply.status, written(&reply)), (StatusCode::PAYLOAD_TOO_LARGE, ["0", "0", "0"]));
    assert_eq!(write(&bed, &whole).await.status, StatusCode::NO_CONTENT);
    let powerless = Request::post(WRITE).header("content-type", SECOND);
    assert_eq!(bed.send_powerless(powerless).await.status, StatusCode::FORBIDDEN);
}

#[test]
fn rubbish_harms_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bed = runtime.block_on(bed(|_| {}));
    let rubbish = proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200);
    let mut runner = proptest::test_runner::TestRunner::default();
    let ran = runner.run(&rubbish, |rubbish| {
        let reply = runtime.block_on(write(&bed, &rubbish));
        assert!(reply.status.as_u16() < 500, "{}", reply.text);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn damaged_requests_harm_nobody() {
    use proptest::prelude::*;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bed = runtime.block_on(bed(|_| {}));
    let now = bed.clock.now().as_millis();
    let metadata = bytes(5, [number(1, 1), number(3, 3), number(4, 0)].concat());
    let whole = [
        symbols(&["", "__name__", "whole", "x", "1"]),
        series(&[refs(&[1, 2, 3, 4]), sample(1.0, now - 1000), sample(2.0, now), metadata]),
        series(&[refs(&[1, 2]), sample(3.0, now)]),
    ]
    .concat();
    let mut runner = proptest::test_runner::TestRunner::default();
    let ran = runner.run(&(any::<prop::sample::Index>(), any::<u8>()), |(at, byte)| {
        let mut body = whole.clone();
        let at = at.index(body.len());
        body[at] = byte;
        let reply = runtime.block_on(write(&bed, &body));
        prop_assert!(matches!(reply.status.as_u16(), 204 | 400), "{:?}", reply);
        prop_assert!(written(&reply)[0].parse::<u64>().unwrap() <= 3);
        Ok(())
    });
    ran.unwrap();
    assert_eq!(written(&runtime.block_on(write(&bed, &whole)))[1..], ["0", "0"]);
}
