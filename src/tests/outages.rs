//! Senders with a queue of their own lose nothing while either side is away.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use crate::peers::{self, Peer};
use crate::server::{Api, Server, eventually};

/// Samples that are handed to vmagent in each part of the test.
const PART: i64 = 200;

/// Hands numbered samples to vmagent, each with a time of its own.
async fn hand(agent: &Peer, from: i64, start_ms: i64) {
    let lines: String = (from..from + PART)
        .map(|n| format!("kept{{by=\"vmagent\"}} {n} {}\n", start_ms + n))
        .collect();
    let address = format!("http://127.0.0.1:{}/api/v1/import/prometheus", agent.port);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    eventually("vmagent takes samples", async || {
        let sent = client.post(&address).body(lines.clone()).send().await;
        sent.is_ok_and(|sent| sent.status() == StatusCode::NO_CONTENT).then_some(())
    })
    .await;
}

async fn until_stored(api: &Api, wanted: i64) {
    let wanted = wanted.to_string();
    eventually("all samples", async || {
        let found = api.query("count_over_time(kept[10m])", None).await;
        (found["result"][0]["value"][1] == wanted.as_str()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn vmagent_loses_nothing_when_both_sides_are_restarted() {
    let own = TempDir::new().unwrap();
    let dir = own.path().join("data");
    let address = format!("127.0.0.1:{}", peers::free_port());
    let mut server = Server::start_at(&dir, &address);
    let api = server.api("admin");
    let url = server.url("/prometheus/api/v1/write");
    let ca = dir.join("tls/ca.pem");
    let start_ms = kernel::clock::Clock::system().now().as_millis() - 60_000;
    let agent = peers::vmagent(own.path(), &url, &api.token, &ca);
    hand(&agent, 0, start_ms).await;
    until_stored(&api, PART).await;
    // We are away: the agent keeps what it is given, over its own restart too.
    server.kill();
    hand(&agent, PART, start_ms).await;
    agent.stop();
    let agent = peers::vmagent(own.path(), &url, &api.token, &ca);
    hand(&agent, 2 * PART, start_ms).await;
    let server = Server::start_at(&dir, &address);
    let api = Api { client: server.client(), ..api };
    hand(&agent, 3 * PART, start_ms).await;
    until_stored(&api, 4 * PART).await;
    let sum = api.query("sum_over_time(kept[10m])", None).await;
    let all = 4 * PART;
    assert_eq!(sum["result"][0]["value"][1], (all * (all - 1) / 2).to_string());
}

/// The times of a series' samples over the last minutes.
async fn times(query: reqwest::RequestBuilder) -> Vec<f64> {
    let form = [("query", "prometheus_build_info[5m]")];
    let Ok(sent) = query.form(&form).send().await else { return Vec::new() };
    let answer: Value = sent.json().await.unwrap();
    let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().map(|value| value[0].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn prometheus_sends_what_it_scraped_while_we_were_away() {
    let own = TempDir::new().unwrap();
    let dir = own.path().join("data");
    let address = format!("127.0.0.1:{}", peers::free_port());
    let mut server = Server::start_at(&dir, &address);
    let api = server.api("admin");
    let port = peers::free_port();
    let config = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n\
         - job_name: self\n  static_configs: [ {{ targets: ['127.0.0.1:{port}'] }} ]\n\
         remote_write:\n\
         - url: {}\n  authorization: {{ credentials: {} }}\n  tls_config: {{ ca_file: {} }}\n  \
           queue_config: {{ batch_send_deadline: 500ms, max_backoff: 1s }}\n",
        server.url("/prometheus/api/v1/write"),
        api.token,
        dir.join("tls/ca.pem").display(),
    );
    let peer = peers::prometheus_at(own.path(), &config, port);
    let theirs = format!("http://127.0.0.1:{}/api/v1/query", peer.port);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    eventually("the first samples", async || {
        let ours = times(api.post("/prometheus/api/v1/query")).await;
        (ours.len() >= 2).then_some(())
    })
    .await;
    server.kill();
    let before = times(client.post(&theirs)).await.len();
    eventually("samples while we are away", async || {
        (times(client.post(&theirs)).await.len() >= before + 4).then_some(())
    })
    .await;
    let server = Server::start_at(&dir, &address);
    let api = Api { client: server.client(), ..api };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let wanted = times(client.post(&theirs)).await;
    eventually("what was scraped meanwhile", async || {
        let ours = times(api.post("/prometheus/api/v1/query")).await;
        wanted.iter().all(|at| ours.contains(at)).then_some(())
    })
    .await;
}
