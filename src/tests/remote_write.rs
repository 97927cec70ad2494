//! `remote_write` from outside: good bodies, every kind of bad one, and good neighbours kept.

use reqwest::{RequestBuilder, Response, StatusCode};

use crate::server::{Api, Server};

/// A `remote_write` v1 body under construction (protobuf of `prometheus.WriteRequest`).
#[derive(Default)]
pub(crate) struct Body {
    bytes: Vec<u8>,
}

pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl Body {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The present time in milliseconds.
    pub(crate) fn now_ms() -> i64 {
        kernel::clock::Clock::system().now().as_millis()
    }

    /// Adds a series with one sample; labels go out in the order given.
    pub(crate) fn sample(mut self, labels: &[(&str, &str)], at_ms: i64, value: f64) -> Self {
        let mut series = Vec::new();
        for (name, text) in labels {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, text.as_bytes());
            field(&mut series, 1, &label);
        }
        let mut sample = vec![1 << 3 | 1];
        sample.extend_from_slice(&value.to_le_bytes());
        sample.push(2 << 3);
        varint(&mut sample, at_ms as u64);
        field(&mut series, 2, &sample);
        field(&mut self.bytes, 1, &series);
        self
    }

    /// As it goes over the wire.
    pub(crate) fn compressed(&self) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&self.bytes).unwrap()
    }
}

/// A request with a compressed body and the headers of Prometheus.
pub(crate) fn packed(request: RequestBuilder, body: Vec<u8>) -> RequestBuilder {
    request
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .body(body)
}

async fn send(api: &Api, body: Vec<u8>) -> Response {
    packed(api.post("/prometheus/api/v1/write"), body).send().await.unwrap()
}

/// Sends a body as Prometheus does.
pub(crate) async fn write(api: &Api, body: &Body) -> Response {
    send(api, body.compressed()).await
}

/// Sends a body of version 2.
pub(crate) async fn write_second(api: &Api, body: &[u8]) -> Response {
    api.post("/prometheus/api/v1/write")
        .header("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "2.0.0")
        .body(snap::raw::Encoder::new().compress_vec(body).unwrap())
        .send()
        .await
        .unwrap()
}

/// A bad body is refused with a status and a reason that holds `parts`.
async fn check(api: &Api, body: Vec<u8>, status: StatusCode, parts: &[&str]) {
    let response = send(api, body).await;
    assert_eq!(response.status(), status);
    let said = response.text().await.unwrap();
    for part in parts {
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_with_the_reason_and_good_ones_go_on() {
    let server = Server::start();
    let api = server.api("admin");
    let at = Body::now_ms();
    let bad = StatusCode::BAD_REQUEST;
    let good = Body::new().sample(&[("__name__", "good")], at, 1.0);

    check(&api, b"this is not snappy".to_vec(), bad, &["snappy"]).await;
    let mut truncated = good.compressed();
    truncated.truncate(truncated.len() - 4);
    check(&api, truncated, bad, &["snappy"]).await;
    // The head of a snappy block that declares four gibibytes less one.
    let bomb = vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    check(&api, bomb, StatusCode::PAYLOAD_TOO_LARGE, &["4294967295"]).await;
    let zeros = snap::raw::Encoder::new().compress_vec(&vec![0; 200 << 20]).unwrap();
    check(&api, zeros, StatusCode::PAYLOAD_TOO_LARGE, &["209715200"]).await;
    let half = snap::raw::Encoder::new().compress_vec(&good.bytes[..good.bytes.len() - 3]);
    check(&api, half.unwrap(), bad, &[]).await;

    let unsorted = Body::new().sample(&[("b", "1"), ("__name__", "x")], at, 1.0);
    check(&api, unsorted.compressed(), bad, &["sorted"]).await;
    let twice = Body::new().sample(&[("__name__", "x"), ("a", "1"), ("a", "2")], at, 1.0);
    check(&api, twice.compressed(), bad, &["a=", "twice"]).await;
    let nameless = Body::new().sample(&[("", "1"), ("__name__", "x")], at, 1.0);
    check(&api, nameless.compressed(), bad, &["empty"]).await;
    let long = "v".repeat(70_000);
    let long = Body::new().sample(&[("__name__", "x"), ("long", &long)], at, 1.0);
    check(&api, long.compressed(), bad, &["long"]).await;

    let mixed = Body::new()
        .sample(&[("__name__", "neighbour"), ("n", "1")], at, 7.0)
        .sample(&[("__name__", "x"), ("a", "1"), ("a", "2")], at, 1.0)
        .sample(&[("__name__", "neighbour"), ("n", "2")], at, 8.0);
    check(&api, mixed.compressed(), bad, &[r#"x\", a=\"1\", a=\"2\"}"#, "twice"]).await;
    let kept = api.query("sum(neighbour)", None).await;
    assert_eq!(kept["result"][0]["value"][1], "15", "good samples beside a bad one are kept");

    assert_eq!(write(&api, &good).await.status(), StatusCode::NO_CONTENT);
    let stored = api.query("good", None).await;
    assert_eq!(stored["result"][0]["value"][1], "1");
}

#[tokio::test]
async fn samples_need_a_token_with_the_right() {
    let server = Server::start();
    let mut api = server.api("viewer");
    let good = Body::new().sample(&[("__name__", "good")], Body::now_ms(), 1.0);
    assert_eq!(write(&api, &good).await.status(), StatusCode::FORBIDDEN);
    api.token = "om_not_a_token".to_owned();
    assert_eq!(write(&api, &good).await.status(), StatusCode::UNAUTHORIZED);
}
