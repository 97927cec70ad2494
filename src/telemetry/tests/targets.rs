//! Tests of scrape targets over HTTP, and of the doctor.

use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::bed::{Bed, Reply, bed};
use super::peer::{Behaviour, Peer};
use crate::TargetHealth;

async fn call(bed: &Bed, method: &str, path: &str, body: Value) -> Reply {
    let request = Request::builder().method(method).uri(path);
    bed.send(request, body.to_string()).await
}

async fn create(bed: &Bed, body: Value) -> Value {
    let reply = call(bed, "POST", "/api/v1/targets", body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    let target = reply.json();
    let place = format!("/api/v1/targets/{}", target["id"].as_str().unwrap());
    assert_eq!(reply.headers["location"].to_str().unwrap(), place);
    target
}

#[tokio::test]
async fn a_target_lives_through_create_change_and_delete() {
    let (one, two) = (Peer::text("a 1\n").await, Peer::text("a 2\n").await);
    let bed = bed(|_| {}).await;
    let url = format!("http://{}/metrics", one.address);
    let made = create(
        &bed,
        json!({"name": "web", "urls": [url], "interval_s": 1, "timeout_s": 1,
               "labels": {"env": "prod"}, "sample_limit": 100}),
    )
    .await;
    assert_eq!((&made["rev"], &made["has_secret"]), (&json!(1), &json!(false)));
    let path = format!("/api/v1/targets/{}", made["id"].as_str().unwrap());
    assert_eq!(bed.get(&path).await.json(), made);
    let found = bed.until_values("a", |found| found.len() == 1).await;
    let address = &one.address;
    assert_eq!(found, [format!("a{{env=\"prod\", instance=\"{address}\", job=\"web\"}} 1")]);
    let status = bed.status("web").await.unwrap();
    assert_eq!(status.target_id.unwrap().to_string(), made["id"]);

    // A change of somebody who saw an older revision is refused.
    let url = format!("http://{}/metrics", two.address);
    let change = json!({"urls": [url], "sample_limit": null});
    let request = || Request::patch(&path).header("if-match", "\"9\"");
    let reply = bed.send(request(), change.to_string()).await;
    assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.text);
    let request = Request::patch(&path).header("if-match", "\"1\"");
    let reply = bed.send(request, change.to_string()).await.json();
    assert_eq!((&reply["rev"], &reply["sample_limit"]), (&json!(2), &Value::Null));
    assert_eq!(reply["labels"]["env"], "prod");
    bed.until_values("a == 2", |found| found.len() == 1).await;
    bed.until_values("a", |found| found.len() == 1).await;

    // Switched off it is not scraped, deleted it is gone.
    call(&bed, "PATCH", &path, json!({"enabled": false})).await;
    bed.until_values("up", <[String]>::is_empty).await;
    let reply = call(&bed, "DELETE", &path, Value::Null).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    for method in ["GET", "PATCH", "DELETE"] {
        let reply = call(&bed, method, &path, json!({})).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method}: {}", reply.text);
    }
}

#[tokio::test]
async fn lists_are_paged() {
    let bed = bed(|_| {}).await;
    for n in 0..5 {
        let url = format!("http://127.0.0.1:{}/", 20_000 + n);
        create(&bed, json!({"name": format!("n{n}"), "urls": [url], "enabled": false})).await;
    }
    let mut names = Vec::new();
    let mut next = String::new();
    loop {
        let page = bed.get(&format!("/api/v1/targets?limit=2{next}")).await.json();
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|it| it["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["n0", "n1", "n2", "n3", "n4"]);
    assert_eq!(bed.get("/api/v1/targets?limit=501").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bed.get("/api/v1/targets?cursor=zz").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let bed = bed(|_| {}).await;
    let good = json!({"name": "a", "urls": ["http://h:1/metrics"]});
    let check = |change: Value, field: &'static str| {
        let mut body = good.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let bed = &bed;
        async move {
            let reply = call(bed, "POST", "/api/v1/targets", body).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{field}: {}", reply.text);
            assert_eq!(reply.json()["field"], field, "{}", reply.text);
        }
    };
    check(json!({"name": ""}), "name").await;
    check(json!({"name": null}), "name").await;
    check(json!({"urls": []}), "urls").await;
    check(json!({"urls": ["ftp://h/"]}), "urls").await;
    check(json!({"urls": ["http://me:secret@h/"]}), "urls").await;
    check(json!({"interval_s": 0}), "interval_s").await;
    check(json!({"interval_s": 1e300}), "interval_s").await;
    check(json!({"timeout_s": 20}), "timeout_s").await;
    check(json!({"labels": {"a-b": "x"}}), "labels").await;
    check(json!({"relabel": "[{action: jump}]"}), "relabel_configs").await;
    check(json!({"relabel": "{{"}), "relabel").await;
    check(json!({"metric_relabel": "[{action: drop, regex: '('}]"}), "metric_relabel_configs")
        .await;
    check(json!({"tls": {"ca_pem": "no pem"}}), "tls.ca_pem").await;
    check(json!({"basic_user": "x", "bearer_token": "y"}), "bearer_token").await;
    let reply = call(&bed, "POST", "/api/v1/targets", json!({"nmae": "a"})).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.text.contains("nmae"), "{}", reply.text);
    let reply = bed.get("/api/v1/targets/usr_01").await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn secrets_go_in_and_never_out() {
    let peer =
        Peer::start(Behaviour::Guarded("authorization: Basic bWU6cGE1NQ==".to_owned())).await;
    let bed = bed(|_| {}).await;
    let url = format!("http://{}/metrics", peer.address);
    let made = create(
        &bed,
        json!({"name": "web", "urls": [url], "interval_s": 1, "timeout_s": 1,
               "basic_user": "me", "basic_password": "pa55"}),
    )
    .await;
    let path = format!("/api/v1/targets/{}", made["id"].as_str().unwrap());
    assert_eq!((&made["has_secret"], &made["basic_user"]), (&json!(true), &json!("me")));
    bed.until_values("let_in", |found| found.len() == 1).await;
    for path in
        [path.as_str(), "/api/v1/targets", "/api/v1/target-status", "/prometheus/api/v1/targets"]
    {
        let reply = bed.get(path).await;
        assert!(!reply.text.contains("pa55") && !reply.text.contains("bWU6"), "{}", reply.text);
    }
    // Kept by a change that does not name it; but not sent to another host.
    let kept = call(&bed, "PATCH", &path, json!({"interval_s": 0.3, "timeout_s": 0.3})).await;
    assert_eq!(kept.json()["has_secret"], true);
    let listener = json!({"urls": ["http://127.0.0.1:9/"]});
    let reply = call(&bed, "PATCH", &path, listener.clone()).await;
    assert_eq!(reply.json()["code"], "target.secret_needed", "{}", reply.text);
    let probe = json!({"target_id": made["id"], "url": "http://127.0.0.1:9/"});
    let reply = call(&bed, "POST", "/api/v1/target-probe", probe).await;
    assert_eq!(reply.json()["code"], "target.secret_needed", "{}", reply.text);
    let cleared =
        json!({"urls": ["http://127.0.0.1:9/"], "basic_user": null, "basic_password": null});
    let reply = call(&bed, "PATCH", &path, cleared).await;
    assert_eq!(reply.json()["has_secret"], false, "{}", reply.text);
}

#[tokio::test]
async fn permissions_are_asked_for() {
    let bed = bed(|_| {}).await;
    for (method, path) in [
        ("GET", "/api/v1/targets"),
        ("GET", "/api/v1/targets/tgt_01JDXAZ3Q4V7H2M9K5T8W6R1BC"),
        ("DELETE", "/api/v1/targets/tgt_01JDXAZ3Q4V7H2M9K5T8W6R1BC"),
        ("GET", "/api/v1/target-status"),
        ("GET", "/api/v1/hosts"),
        ("GET", "/api/v1/hosts/x"),
        ("GET", "/api/v1/processes?instance=x"),
    ] {
        let reply = bed.send_powerless(Request::builder().method(method).uri(path)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{method} {path}: {}", reply.text);
    }
}

async fn probe(bed: &Bed, body: Value) -> Value {
    let reply = call(bed, "POST", "/api/v1/target-probe", body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

/// The steps of a report as `dns+ tcp- …`.
fn steps(report: &Value) -> String {
    let mut shown = String::new();
    for step in report["steps"].as_array().unwrap() {
        let sign = if step["ok"].as_bool().unwrap() { '+' } else { '-' };
        shown.push_str(&format!("{}{sign} ", step["step"].as_str().unwrap()));
    }
    shown.trim_end().to_owned()
}

#[tokio::test]
async fn the_doctor_walks_the_way() {
    let bed = bed(|_| {}).await;
    let good = Peer::text("a 1\nb 2\n").await;
    let report = probe(&bed, json!({"url": format!("http://{}/metrics", good.address)})).await;
    assert_eq!(steps(&report), "dns+ tcp+ http+ parse+");
    assert_eq!((&report["samples"], &report["sample"]), (&json!(2), &json!("a 1\nb 2\n")));
    let check = |url: String, expected: &'static str, hint: &'static str| {
        let bed = &bed;
        async move {
            let report = probe(bed, json!({"url": url, "timeout_s": 1.0})).await;
            assert_eq!(steps(&report), expected, "{report}");
            let last = report["steps"].as_array().unwrap().last().unwrap().clone();
            assert!(last["hint"].as_str().unwrap_or("").contains(hint), "{last}");
            assert_eq!(last["hint"].is_null(), last["hint_code"].is_null(), "{last}");
            report
        }
    };
    check("http://127.0.0.1:1/".to_owned(), "dns+ tcp-", "nothing listens").await;
    check("http://no-such-host.invalid/".to_owned(), "dns-", "name").await;
    check(format!("https://{}/", good.address), "dns+ tcp+ tls-", "TLS").await;
    for (behaviour, hint) in [
        (Behaviour::Silent, "slow"),
        (Behaviour::Endless, ""),
        (Behaviour::Short, "early"),
        (Behaviour::Raw(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".to_vec()), "/metrics"),
        (Behaviour::Guarded("x: y".to_owned()), "user name"),
        (Behaviour::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "HTTP"),
    ] {
        let peer = Peer::start(behaviour).await;
        check(format!("http://{}/", peer.address), "dns+ tcp+ http-", hint).await;
    }
    let wrong = "ok 1\n".to_owned() + &"bad line here\n".repeat(80);
    let peer = Peer::text(&wrong).await;
    let report = check(format!("http://{}/", peer.address), "dns+ tcp+ http+ parse-", "mend").await;
    let problems = report["problems"].as_array().unwrap();
    assert_eq!((problems.len(), &problems[0]["line"]), (50, &json!(2)));
    let page = Peer::text("<html>\n").await;
    check(format!("http://{}/", page.address), "dns+ tcp+ http+ parse-", "web page").await;
    let reply = call(&bed, "POST", "/api/v1/target-probe", json!({})).await;
    assert_eq!(reply.json()["field"], "url");
}

#[tokio::test]
async fn tls_targets_are_checked_as_their_job_says() {
    let made = rcgen::generate_simple_self_signed(vec!["target.test".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 1024];
                drop(stream.read(&mut request).await);
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\na 1\n";
                drop(stream.write_all(answer).await);
                drop(stream.shutdown().await);
            });
        }
    });
    let url = format!("https://{address}/metrics");
    let bed = bed(|_| {}).await;
    let report = probe(&bed, json!({"url": url})).await;
    assert_eq!(steps(&report), "dns+ tcp+ tls-", "{report}");
    let report = probe(&bed, json!({"url": url, "tls": {"ca_pem": pem}})).await;
    assert!(report["steps"][2]["hint"].as_str().unwrap().contains("server_name"), "{report}");
    let named = json!({"ca_pem": pem, "server_name": "target.test"});
    let report = probe(&bed, json!({"url": url, "tls": named})).await;
    assert_eq!(steps(&report), "dns+ tcp+ tls+ http+ parse+", "{report}");
    let report = probe(&bed, json!({"url": url, "tls": {"insecure_skip_verify": true}})).await;
    assert_eq!(steps(&report), "dns+ tcp+ tls+ http+ parse+", "{report}");
    create(&bed, json!({"name": "strict", "urls": [url], "interval_s": 0.5, "timeout_s": 0.5}))
        .await;
    let status = bed.until_status("strict", |it| it.error_code.as_deref() == Some("tls")).await;
    assert_eq!(status.health, TargetHealth::Down);
}
