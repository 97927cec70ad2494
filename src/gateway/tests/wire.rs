//! Connections: TLS, both versions of HTTP, slow and greedy clients, the end.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Version};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Body;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Bed, bed, bed_with, plain_bed, problem, within};

const SHORT: Duration = Duration::from_millis(200);

/// Everything that the server sends until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset tells the same as an orderly end: it is over.
    let _ended = within(stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the server answers to these bytes.
pub(super) async fn exchange(bed: &Bed, request: &str) -> String {
    let mut stream = bed.connect().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn both_versions_of_http_are_served_over_tls() {
    let bed = bed().await;
    let answer = bed.client().get(bed.url("/healthz")).send().await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    let old = bed.client_builder().http1_only().build().unwrap();
    let answer = old.get(bed.url("/readyz")).send().await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_11));
    let by_name = format!("https://localhost:{}/healthz", bed.address.port());
    assert_eq!(bed.client().get(by_name).send().await.unwrap().status(), StatusCode::OK);

    let stranger = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    assert!(stranger.get(bed.url("/healthz")).send().await.is_err(), "nobody else trusts it");
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told_so() {
    let bed = bed().await;
    let told = exchange(&bed, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 400 ") && told.contains("https://"), "{told}");
    let page = "GET /hosts?x=1 HTTP/1.1\r\nHost: mon:8443\r\nAccept: text/html\r\n\r\n";
    let sent = exchange(&bed, page).await;
    assert!(sent.starts_with("HTTP/1.1 307 "), "{sent}");
    assert!(sent.contains("location: https://mon:8443/hosts?x=1\r\n"), "{sent}");
    let evil = "GET /x HTTP/1.1\r\nHost: a.example/b?\r\nAccept: text/html\r\n\r\n";
    assert!(!exchange(&bed, evil).await.contains("location"), "a strange host leads nowhere");
    let rubbish = exchange(&bed, "\u{1}\u{2}\u{3}\r\n\r\n").await;
    assert!(rubbish.is_empty() || rubbish.starts_with("HTTP/1.1 400 "), "{rubbish}");
}

#[tokio::test]
async fn whoever_does_not_finish_a_head_is_cut_off() {
    let bed = plain_bed(|settings| settings.limits.header_timeout = SHORT).await;
    let cut = exchange(&bed, "GET / HTTP/1.1\r\nHos").await;
    assert!(!cut.contains("200"), "{cut}");
    let mut silent = bed.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    let mut resting = bed.connect().await;
    resting.write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let answer = rest(&mut resting).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    bed.wait_for_metric("onemonitor_http_connections 0").await;
}

#[tokio::test]
async fn whoever_does_not_finish_the_handshake_is_cut_off() {
    let change = |settings: &mut crate::Settings| {
        settings.limits.handshake_timeout = SHORT;
        settings.limits.header_timeout = SHORT;
    };
    let bed = bed_with(change).await;
    // The beginning of a handshake record that never goes on.
    let mut stream = bed.connect().await;
    stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).await.unwrap();
    rest(&mut stream).await;
    bed.wait_for_metric("onemonitor_http_connections 0").await;
}

#[tokio::test]
async fn resting_http2_connections_end_though_their_client_lives() {
    let bed = plain_bed(|settings| settings.limits.idle_timeout = SHORT).await;
    let stream = TokioIo::new(bed.connect().await);
    let executor = TokioExecutor::new();
    let (mut sender, connection) = http2::handshake(executor, stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("http://h/healthz").body(Empty::<Bytes>::new()).unwrap();
    let answer = within(sender.send_request(request)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    // The client answers every ping; only the server wants to end.
    within(connection).await.unwrap().unwrap();
    drop(sender);
}

#[tokio::test]
async fn http2_connections_of_vanished_clients_end() {
    let bed = plain_bed(|settings| settings.limits.idle_timeout = SHORT).await;
    let mut stream = bed.connect().await;
    // The preface and an empty SETTINGS frame, then nothing.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    rest(&mut stream).await;
    bed.wait_for_metric("onemonitor_http_connections 0").await;
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    let bed = plain_bed(|_| {}).await;
    let long = "x".repeat(64 * 1024);
    let answer =
        exchange(&bed, &format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: {long}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn an_oversized_body_is_refused_declared_or_not() {
    let bed = bed_with(|settings| {
        settings.limits.body_bytes_max = 1_000;
        settings.limits.ingest_body_bytes_max = 2_000;
    })
    .await;
    let send = async |path: &str, body: Body| {
        bed.client().post(bed.url(path)).body(body).send().await.unwrap()
    };
    let stream = |bytes: usize| {
        let parts = vec![b'x'; bytes];
        let parts = parts.chunks(100).map(|part| Ok::<_, std::io::Error>(part.to_vec()));
        Body::wrap_stream(futures_util::stream::iter(parts.collect::<Vec<_>>()))
    };
    let fits = send("/test/length", vec![b'x'; 1_000].into()).await;
    assert_eq!(fits.text().await.unwrap(), "1000");
    assert_eq!(send("/test/length", stream(1_000)).await.text().await.unwrap(), "1000");
    for body in [Body::from(vec![b'x'; 1_001]), stream(1_100)] {
        let answer = send("/test/length", body).await;
        problem(answer, StatusCode::PAYLOAD_TOO_LARGE, "http.body_too_large").await;
    }
    let answer = send("/prometheus/api/v1/write", vec![b'x'; 2_001].into()).await;
    problem(answer, StatusCode::PAYLOAD_TOO_LARGE, "http.body_too_large").await;
    let answer = send("/prometheus/api/v1/write", vec![b'x'; 2_000].into()).await;
    problem(answer, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;
}

#[tokio::test]
async fn a_body_that_does_not_come_and_an_answer_that_is_not_found_are_cut_off() {
    let bed = plain_bed(|settings| settings.limits.request_timeout = SHORT).await;
    let slow = "POST /test/length HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf";
    let answer = exchange(&bed, slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("http.body_too_slow"), "{answer}");
    let answer = bed.client().get(bed.url("/test/wait")).send().await.unwrap();
    problem(answer, StatusCode::SERVICE_UNAVAILABLE, "http.timed_out").await;
}

#[tokio::test]
async fn a_client_that_stops_reading_is_cut_off() {
    let bed = plain_bed(|settings| settings.limits.stall_timeout = SHORT).await;
    let mut stream = bed.connect().await;
    stream.write_all(b"GET /test/large HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut some = [0; 1024];
    within(stream.read_exact(&mut some)).await.unwrap();
    bed.wait_for_metric("onemonitor_http_connections 1").await;
    bed.wait_for_metric("onemonitor_http_connections 0").await;
}

#[tokio::test]
async fn too_many_requests_and_connections_are_refused() {
    let bed = plain_bed(|settings| settings.limits.requests_max = 1).await;
    let client = bed.client();
    let first = tokio::spawn(client.get(bed.url("/test/wait")).send());
    bed.wait_for_metric("onemonitor_http_requests_in_flight 1").await;
    let second = client.get(bed.url("/api/v1/session")).send().await.unwrap();
    assert_eq!(second.headers()["retry-after"], "1");
    problem(second, StatusCode::SERVICE_UNAVAILABLE, "http.busy").await;
    let alive = client.get(bed.url("/healthz")).send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK, "a busy server lives");
    bed.gate.add_permits(1);
    assert_eq!(within(first).await.unwrap().unwrap().status(), StatusCode::OK);

    let bed = plain_bed(|settings| settings.limits.connections_per_source_max = 1).await;
    let first = bed.connect().await;
    bed.wait_for_metric("onemonitor_http_connections 1").await;
    let mut second = bed.connect().await;
    assert_eq!(rest(&mut second).await, "", "closed at once");
    drop(first);
    bed.wait_for_metric("onemonitor_http_connections 0").await;
    let answer = bed.client().get(bed.url("/healthz")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_lets_requests_end() {
    let bed = bed().await;
    let client = bed.client();
    let request = tokio::spawn(client.get(bed.url("/test/wait")).send());
    bed.wait_for_metric("onemonitor_http_requests_in_flight 1").await;
    bed.stop.trigger();
    within(async { while TcpStream::connect(bed.address).await.is_ok() {} }).await;
    bed.gate.add_permits(1);
    let answer = within(request).await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "waited");
    within(bed.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let bed = plain_bed(|settings| settings.limits.drain_timeout = SHORT).await;
    let request = tokio::spawn(bed.client().get(bed.url("/test/wait")).send());
    bed.wait_for_metric("onemonitor_http_requests_in_flight 1").await;
    bed.stop.trigger();
    within(bed.served).await.unwrap().unwrap();
    assert!(within(request).await.unwrap().is_err(), "the request was cut off");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let bed = bed().await;
    let error = crate::listener::bind(bed.address).unwrap_err();
    assert!(error.contains(&bed.address.to_string()) && error.contains("another port"), "{error}");
}
