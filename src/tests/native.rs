//! Native histograms and exemplars through the whole program, and with a real Prometheus.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;
use tempfile::TempDir;

use crate::peers;
use crate::remote_write::{field, varint};
use crate::server::{Api, Server, eventually};

fn number(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3);
    varint(out, value);
}

fn double(out: &mut Vec<u8>, field: u8, value: f64) {
    out.push(field << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// One span, the buckets (1, 2] and (2, 4].
fn span() -> Vec<u8> {
    let mut span = Vec::new();
    number(&mut span, 1, 2);
    number(&mut span, 2, 2);
    span
}

/// A `write.v2.Request` of a series with one histogram of 7 observations and one exemplar.
pub(crate) fn request(name: &str, at_ms: i64) -> Vec<u8> {
    let mut histogram = Vec::new();
    number(&mut histogram, 1, 7);
    double(&mut histogram, 3, 18.5);
    number(&mut histogram, 6, 1);
    field(&mut histogram, 11, &span());
    // Counts 2 and 4, as differences.
    field(&mut histogram, 12, &[4, 4]);
    number(&mut histogram, 15, at_ms as u64);
    let mut exemplar = Vec::new();
    field(&mut exemplar, 1, &[3, 4]);
    double(&mut exemplar, 2, 3.5);
    number(&mut exemplar, 3, at_ms as u64);
    let mut series = Vec::new();
    field(&mut series, 1, &[1, 2]);
    field(&mut series, 3, &histogram);
    field(&mut series, 4, &exemplar);
    let mut body = Vec::new();
    for symbol in ["", "__name__", name, "trace_id", "abc"] {
        field(&mut body, 4, symbol.as_bytes());
    }
    field(&mut body, 5, &series);
    body
}

async fn value(api: &Api, query: &str) -> Option<String> {
    let found = api.query(query, None).await;
    found["result"][0]["value"][1].as_str().map(str::to_owned)
}

async fn exemplars(api: &Api, query: &str) -> Vec<Value> {
    let path = format!("/prometheus/api/v1/query_exemplars?query={query}");
    let found = api.json(&path).await;
    let series = found["data"].as_array().cloned().unwrap_or_default();
    series.iter().flat_map(|it| it["exemplars"].as_array().cloned().unwrap_or_default()).collect()
}

/// What [`request`] sent is there.
pub(crate) async fn check_kept(api: &Api, name: &str) {
    for (query, expected) in [
        (format!("histogram_count({name})"), "7"),
        (format!("histogram_sum({name})"), "18.5"),
        (format!("histogram_fraction(2, 4, {name}) * 7"), "4"),
    ] {
        assert_eq!(value(api, &query).await.as_deref(), Some(expected), "{query}");
    }
    let found = exemplars(api, name).await;
    assert_eq!((found.len(), &found[0]["labels"]["trace_id"]), (1, &"abc".into()), "{found:?}");
    assert_eq!(found[0]["value"], "3.5");
}

/// A metric family behind its length.
fn family(name: &str, kind: u64, metric: &[u8]) -> Vec<u8> {
    let mut family = Vec::new();
    field(&mut family, 1, name.as_bytes());
    number(&mut family, 3, kind);
    field(&mut family, 4, metric);
    let mut out = Vec::new();
    varint(&mut out, family.len() as u64);
    out.extend(family);
    out
}

/// A target that shows a native histogram, and a counter with an exemplar, in protobuf.
fn target() -> u16 {
    let mut histogram = Vec::new();
    number(&mut histogram, 1, 7);
    double(&mut histogram, 2, 18.5);
    double(&mut histogram, 6, 0.5);
    number(&mut histogram, 7, 1);
    field(&mut histogram, 12, &span());
    field(&mut histogram, 13, &[4, 4]);
    let (mut label, mut exemplar, mut counter) = (Vec::new(), Vec::new(), Vec::new());
    field(&mut label, 1, b"trace_id");
    field(&mut label, 2, b"abc");
    field(&mut exemplar, 1, &label);
    double(&mut exemplar, 2, 3.5);
    double(&mut counter, 1, 5.0);
    field(&mut counter, 2, &exemplar);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    field(&mut first, 7, &histogram);
    field(&mut second, 3, &counter);
    let body = [family("shown", 4, &first), family("shown_total", 0, &second)].concat();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.google.protobuf; \
         proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // The request is small and comes at once; who hangs up asks again.
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
        }
    });
    port
}

#[tokio::test]
async fn prometheus_sends_native_histograms_and_exemplars() {
    let dir = TempDir::new().unwrap();
    let server = Server::start();
    let reader = server.api("viewer");
    let tls = format!("tls_config: {{ ca_file: {} }}", server.dir.join("tls/ca.pem").display());
    let config = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n\
         - job_name: peer\n  static_configs: [ {{ targets: ['127.0.0.1:{port}'] }} ]\n\
         remote_write:\n\
         - url: {base}/prometheus/api/v1/write\n  send_exemplars: true\n  \
           send_native_histograms: true\n  authorization: {{ credentials: {ingest} }}\n  {tls}\n",
        port = target(),
        base = server.base,
        ingest = server.token("ingest"),
    );
    let features = "native-histograms,exemplar-storage";
    let _prometheus = peers::prometheus_with(dir.path(), &config, features);
    eventually("a histogram of Prometheus in our store", async || {
        let count = value(&reader, "histogram_count(shown{job=\"peer\"})").await?;
        (count == "7").then_some(())
    })
    .await;
    let within = value(&reader, "histogram_fraction(2, 4, shown) * 7").await;
    assert_eq!(within.as_deref(), Some("4"));
    eventually("an exemplar of Prometheus in our store", async || {
        let found = exemplars(&reader, "shown_total").await;
        (found.first()?["labels"]["trace_id"] == "abc").then_some(())
    })
    .await;
}
