//! The one port from outside: headers, sessions, limits, hostile and slow clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::server::{PASSWORD, Server};

const QUICK: &str = "[limits]\nbody_bytes = 100000\nrequest_timeout_s = 2\n";

fn quick_server() -> Server {
    Server::start_with(QUICK, |command| {
        command.env("ONEMONITOR_ADMIN_PASSWORD", PASSWORD);
    })
}

async fn sign_in(server: &Server, client: &Client, password: &str) -> Response {
    let credentials = json!({ "name": "admin", "password": password });
    client.post(server.url("/api/v1/session")).json(&credentials).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn answers_carry_the_security_headers_and_the_page_its_nonce() {
    let server = Server::start();
    let client = server.client();
    let page = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let policy = header(&page, "content-security-policy").to_owned();
    for part in ["default-src 'self'", "script-src 'self';", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(header(&page, "x-content-type-options"), "nosniff");
    assert!(header(&page, "strict-transport-security").contains("max-age="));
    assert_eq!(header(&page, "cache-control"), "no-store");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let text = page.text().await.unwrap();
    assert!(text.contains(&format!("content=\"{nonce}\"")), "the page must know its nonce");
    assert!(!text.contains("{{csp-nonce}}"));
    assert!(!text.contains("npm run build"), "the embedded page must not be the stub");

    let other = client.get(server.url("/")).send().await.unwrap();
    assert!(!header(&other, "content-security-policy").contains(&nonce), "a nonce serves once");

    let script = text.split("src=\"/assets/").nth(1).unwrap().split('"').next().unwrap();
    let script = client
        .get(server.url(&format!("/assets/{script}")))
        .header("accept-encoding", "br, gzip")
        .send()
        .await
        .unwrap();
    assert!(header(&script, "cache-control").contains("immutable"));
    assert!(matches!(header(&script, "content-encoding"), "br" | "gzip"));
}

#[tokio::test]
async fn failures_are_problem_documents_with_the_request_id() {
    let server = Server::start();
    let api = server.api("viewer");
    let check = async |request: reqwest::RequestBuilder, status: u16, code: &str| {
        let response = request.header("x-request-id", "abc-123").send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(header(&response, "content-type"), "application/problem+json");
        assert_eq!(header(&response, "x-request-id"), "abc-123");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["request_id"], "abc-123", "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
    };
    check(api.get("/api/v1/nothing"), 404, "http.not_found").await;
    check(api.client.put(server.url("/api/v1/hosts")), 405, "http.method_not_allowed").await;
    check(api.post("/api/v1/targets").json(&json!({})), 403, "access.permission_missing").await;
    check(api.client.get(server.url("/api/v1/hosts")), 401, "identity.sign_in_required").await;
    let strange = api.get("/api/v1/hosts").header("x-request-id", "a b\tc");
    let response = strange.send().await.unwrap();
    assert_ne!(header(&response, "x-request-id"), "a b\tc", "only harmless ids are taken over");
}

#[tokio::test]
async fn a_session_needs_its_cookie_and_changes_their_csrf_token() {
    let server = Server::start();
    let client = server.client();
    let wrong = sign_in(&server, &client, "wrong password here").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let signed_in = sign_in(&server, &client, PASSWORD).await;
    assert_eq!(signed_in.status(), StatusCode::OK);
    let cookie = header(&signed_in, "set-cookie").to_owned();
    for flag in ["om_session=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let session: Value = signed_in.json().await.unwrap();
    let csrf = session["csrf_token"].as_str().unwrap();

    let create = || {
        let token = json!({ "name": "t", "role": "viewer" });
        client.post(server.url("/api/v1/tokens")).header("cookie", &cookie).json(&token)
    };
    let refused = create().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let foreign = create().header("x-csrf-token", csrf).header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let created = create().header("x-csrf-token", csrf).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);

    let ended = client
        .delete(server.url("/api/v1/session"))
        .header("cookie", &cookie)
        .header("x-csrf-token", csrf)
        .send()
        .await
        .unwrap();
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let after = client.get(server.url("/api/v1/session")).header("cookie", &cookie);
    assert_eq!(after.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = quick_server();
    let api = server.api("admin");
    let body = "x".repeat(100_001);
    let response = api
        .post("/api/v1/targets")
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_client_that_sends_slowly_is_cut_off_and_others_are_served() {
    let server = quick_server();
    let address = server.base.strip_prefix("https://").unwrap();
    // A handshake that never goes on, beside plain HTTP on the TLS port.
    let mut silent = TcpStream::connect(address).unwrap();
    silent.write_all(&[0x16, 0x03]).unwrap();
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = String::new();
    drop(plain.read_to_string(&mut answer));
    assert!(answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 30"), "{answer:?}");
    assert!(answer.to_lowercase().contains("https"), "{answer:?}");

    let reply = server.client().get(server.url("/healthz")).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut rest = Vec::new();
    let cut = silent.read_to_end(&mut rest);
    assert!(cut.is_ok() || cut.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn health_is_open_and_self_metrics_are_there() {
    let server = Server::start();
    let client = server.client();
    for path in ["/healthz", "/readyz", "/api/openapi.json"] {
        let response = client.get(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    let viewer = server.api("viewer");
    let metrics = viewer.get("/metrics").send().await.unwrap().text().await.unwrap();
    for name in
        ["onemonitor_http_requests_total", "onemonitor_events_lag", "onemonitor_store_bytes"]
    {
        assert!(metrics.contains(name), "{name} is missing");
    }
}

#[tokio::test]
async fn sighup_takes_a_new_certificate_and_keeps_the_old_one_on_a_mistake() {
    let dir = tempfile::TempDir::new().unwrap();
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let make = || {
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2036, 1, 1);
        let certificate_pem = params.self_signed(&pair).unwrap().pem();
        std::fs::write(&certificate, certificate_pem).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
    };
    make();
    let config = format!("[tls]\nmode = \"files\"\ncertificate = {certificate:?}\nkey = {key:?}\n");
    let server = Server::start_with(&config, |command| {
        command.env("ONEMONITOR_ADMIN_PASSWORD", PASSWORD);
    });
    let client = Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build();
    let api = crate::server::Api {
        client: client.unwrap(),
        base: server.base.clone(),
        token: server.token("viewer"),
    };
    let fingerprint = async || {
        let system = api.json("/api/v1/system").await;
        system["tls"]["fingerprint"].as_str().unwrap().to_owned()
    };
    let first = fingerprint().await;
    make();
    server.signal("HUP");
    let second = crate::server::eventually("the new certificate", async || {
        let now = fingerprint().await;
        (now != first).then_some(now)
    })
    .await;
    std::fs::write(&certificate, "not a certificate").unwrap();
    server.signal("HUP");
    // The reload is over when the next one, which is good again, shows.
    make();
    server.signal("HUP");
    crate::server::eventually("the third certificate", async || {
        (fingerprint().await != second).then_some(())
    })
    .await;
}
