//! What was acknowledged is there after kill -9, and a stop is clean and quick.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::native;
use crate::remote_write::{Body, write, write_second};
use crate::server::{Server, eventually};

#[tokio::test]
async fn acknowledged_samples_and_records_survive_a_kill() {
    let mut server = Server::start();
    let dir = server.dir.clone();
    let admin = server.api("admin");
    let at = Body::now_ms();
    for n in 0..20 {
        let body = Body::new().sample(&[("__name__", "kept"), ("n", &n.to_string())], at, n.into());
        assert_eq!(write(&admin, &body).await.status(), StatusCode::NO_CONTENT);
    }
    let target = json!({ "name": "kept", "urls": ["127.0.0.1:1"] });
    let created = admin.post("/api/v1/targets").json(&target).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    server.kill();

    let again = Server::start_on(&dir);
    // The token is a record too: the one from before the kill still works.
    let mut reader = again.api("viewer");
    reader.token.clone_from(&admin.token);
    let sum = reader.query("sum(kept)", None).await;
    assert_eq!(sum["result"][0]["value"][1], "190");
    let targets = reader.json("/api/v1/targets").await;
    assert_eq!(targets["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn acknowledged_histograms_and_exemplars_survive_a_kill() {
    let mut server = Server::start();
    let dir = server.dir.clone();
    let admin = server.api("admin");
    let at = Body::now_ms();
    let reply = write_second(&admin, &native::request("kept_native", at)).await;
    assert_eq!(reply.status(), StatusCode::NO_CONTENT);
    for (kind, count) in [("samples", "0"), ("histograms", "1"), ("exemplars", "1")] {
        let name = format!("x-prometheus-remote-write-{kind}-written");
        assert_eq!(reply.headers()[&name], count, "{kind}");
    }
    server.kill();

    let again = Server::start_on(&dir);
    let mut reader = again.api("viewer");
    reader.token.clone_from(&admin.token);
    native::check_kept(&reader, "kept_native").await;
}

#[tokio::test]
async fn sigterm_stops_cleanly_and_the_data_is_whole() {
    let server = Server::start();
    let dir = server.dir.clone();
    let reader = server.api("viewer");
    eventually("this machine's own samples", async || {
        let found = reader.query("node_load1", None).await;
        found["result"].as_array().is_some_and(|it| !it.is_empty()).then_some(())
    })
    .await;
    // The directory outlives this handle of the server.
    let keep = tempfile::TempDir::new().unwrap();
    let began = Instant::now();
    server.signal("TERM");
    let copy = keep.path().join("data");
    let (status, _) = {
        let waiting = server;
        while waiting.dir.join("control.sock").exists() && began.elapsed() < Duration::from_secs(30)
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        let copied = std::process::Command::new("cp").arg("-a").arg(&dir).arg(&copy).status();
        assert!(copied.unwrap().success());
        waiting.wait()
    };
    assert!(status.success(), "{status}");
    let verified = std::process::Command::new(crate::server::BINARY)
        .arg("verify")
        .arg(&copy)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}
