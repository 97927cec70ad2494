//! The embedded pages and assets, the API document, health and self-metrics.

use http::StatusCode;
use serde_json::Value;

use super::wire::exchange;
use super::{bed, bed_with, plain_bed, problem};
use crate::ui;

#[tokio::test]
async fn addresses_of_the_user_interface_answer_with_the_page() {
    let bed = bed().await;
    let get = async |path: &str| bed.client().get(bed.url(path)).send().await.unwrap();
    let mut nonces = Vec::new();
    for path in ["/", "/index.html", "/hosts/web-1.example", "/hosts/10.0.0.1:9100", "/api-docs"] {
        let answer = get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        let page = answer.text().await.unwrap();
        assert!(!page.contains("{{csp-nonce}}"), "{path}");
        if page.contains("csp-nonce") {
            assert!(page.contains(&format!("content=\"{nonce}\"")), "{path}: {nonce}");
        }
        assert!(!nonces.contains(&nonce), "a nonce is used once");
        nonces.push(nonce);
    }
    for path in ["/nothing.js", "/assets/nothing.css", "/assets/x", "/Cargo.toml", "/.git"] {
        let answer = get(path).await;
        problem(answer, StatusCode::NOT_FOUND, "http.not_found").await;
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_user_interface() {
    let bed = plain_bed(|_| {}).await;
    for path in ["/../../Cargo.toml", "/assets/../../../Cargo.toml", "/%2e%2e/%2e%2e/Cargo.toml"] {
        let answer = exchange(&bed, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.0 ") && !answer.contains("[workspace"), "{answer}");
    }
}

#[tokio::test]
async fn assets_are_served_packed_and_kept() {
    let bed = bed().await;
    let client = bed.client_builder().no_gzip().build().unwrap();
    let names: Vec<String> = ui::names().collect();
    assert!(names.iter().any(|name| name == "index.html"));
    for name in names.iter().filter(|name| *name != "index.html") {
        let path = bed.url(&format!("/{name}"));
        let answer = client.get(&path).header("accept-encoding", "br, gzip").send().await.unwrap();
        if name.ends_with(".br") || name.ends_with(".gz") {
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}");
            continue;
        }
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        let header = |it: &str| answer.headers().get(it).map(|it| it.to_str().unwrap().to_owned());
        let is_packed = names.contains(&format!("{name}.br"));
        let encoding = header("content-encoding");
        assert_eq!(encoding.as_deref() == Some("br"), is_packed, "{name} {encoding:?}");
        let expected = if name.starts_with("assets/") { "immutable" } else { "no-cache" };
        assert!(header("cache-control").unwrap().contains(expected), "{name}");
        let tag = header("etag").unwrap();
        let again = client.get(&path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{name}");
    }
}

#[tokio::test]
async fn the_api_document_tells_every_operation() {
    let bed = bed().await;
    let answer = bed.client().get(bed.url("/api/openapi.json")).send().await.unwrap();
    let document: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let operation = &document["paths"]["/api/v1/session"]["post"];
    assert_eq!(operation["operationId"], "sign_in");
    assert_eq!(operation["x-permission"], "public");
    assert_eq!(document["paths"]["/api/v1/system"]["get"]["x-permission"], "system.read");
    let answer = bed.client().get(bed.url("/api/docs")).send().await.unwrap();
    assert_eq!(answer.headers()["location"], "/api-docs");
}

#[tokio::test]
async fn self_metrics_are_for_this_machine_and_for_whoever_may_see_the_system() {
    let bed = bed().await;
    let client = bed.client();
    let near = client.get(bed.url("/metrics")).send().await.unwrap();
    let text = near.text().await.unwrap();
    assert!(text.contains("onemonitor_http_connections 1"), "{text}");
    let proxied = || client.get(bed.url("/metrics")).header("x-forwarded-for", "192.0.2.1");
    let answer = proxied().send().await.unwrap();
    problem(answer, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;
    let ingest = proxied().bearer_auth(bed.token("ingest").await).send().await.unwrap();
    problem(ingest, StatusCode::FORBIDDEN, "access.permission_missing").await;
    let viewer = proxied().bearer_auth(bed.token("viewer").await).send().await.unwrap();
    let text = viewer.text().await.unwrap();
    let line = "onemonitor_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"403\"} 1";
    assert!(text.contains(line), "{text}");

    let trusting =
        bed_with(|settings| settings.trusted = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let request = trusting.client().get(trusting.url("/metrics"));
    let answer = request.header("forwarded", "for=192.0.2.1").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn readiness_ends_with_the_stop() {
    let bed = bed().await;
    let old = bed.client_builder().http1_only().build().unwrap();
    let waiting = tokio::spawn(bed.client().get(bed.url("/test/wait")).send());
    bed.wait_for_metric("onemonitor_http_requests_in_flight 1").await;
    let ready = old.get(bed.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.text().await.unwrap(), "ready\n");
    bed.stop.trigger();
    bed.gate.add_permits(1);
    let answer = super::within(waiting).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_system_tells_its_certificate() {
    let bed = bed().await;
    let client = bed.client();
    let stranger = client.get(bed.url("/api/v1/system")).send().await.unwrap();
    problem(stranger, StatusCode::UNAUTHORIZED, "identity.sign_in_required").await;
    let request = client.get(bed.url("/api/v1/system")).bearer_auth(bed.token("viewer").await);
    let answer = request.send().await.unwrap().text().await.unwrap();
    let system: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(system["data_dir"], "/data", "{system}");
    assert_eq!(system["tls"]["self_issued"], true, "{system}");
    assert_eq!(system["tls"]["fingerprint"].as_str().unwrap().len(), 95);
    let place = system["tls"]["ca_download"].as_str().unwrap();
    let pem = client.get(bed.url(place)).send().await.unwrap().text().await.unwrap();
    assert_eq!(pem, std::fs::read_to_string(bed.dir.path().join("tls/ca.pem")).unwrap());
}
