//! Real Prometheus beside us on the same samples: its answers and ours must be equal.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::compare::answers::{Pair, Question, difference};
use crate::peers;
use crate::server::{Server, eventually};

/// Instant queries over what node exporter gives; `$I` is the instance.
const INSTANT: [&str; 22] = [
    "up{job=\"peer\"}",
    "node_load1{job=\"peer\"}",
    "{__name__=~\"node_memory_(MemFree|MemAvailable|Cached)_bytes\",job=\"peer\"}",
    "node_filesystem_avail_bytes{job=\"peer\",fstype!~\"tmpfs|overlay\"}",
    "rate(node_cpu_seconds_total{job=\"peer\"}[30s])",
    "irate(node_context_switches_total{job=\"peer\"}[30s])",
    "increase(node_intr_total{job=\"peer\"}[30s])",
    "delta(node_memory_MemFree_bytes{job=\"peer\"}[30s])",
    "deriv(node_memory_MemFree_bytes{job=\"peer\"}[30s])",
    "predict_linear(node_memory_MemFree_bytes{job=\"peer\"}[30s], 3600)",
    "sum by (mode) (rate(node_cpu_seconds_total{job=\"peer\"}[30s]))",
    "avg without (cpu) (node_cpu_seconds_total{job=\"peer\"})",
    "topk(3, node_cpu_seconds_total{job=\"peer\"})",
    "quantile(0.9, node_cpu_seconds_total{job=\"peer\"})",
    "count_values(\"value\", node_cpu_online{job=\"peer\"} or up{job=\"peer\"})",
    "stddev by (mode) (node_cpu_seconds_total{job=\"peer\"})",
    "1 - node_memory_MemAvailable_bytes{job=\"peer\"} / node_memory_MemTotal_bytes{job=\"peer\"}",
    "node_filesystem_avail_bytes{job=\"peer\"} / on (device, mountpoint) \
     node_filesystem_size_bytes{job=\"peer\"} > 0",
    "node_load1{job=\"peer\"} * on (instance) group_left (nodename) node_uname_info{job=\"peer\"}",
    "max_over_time(rate(node_cpu_seconds_total{job=\"peer\",mode=\"user\"}[10s])[20s:2s])",
    "label_replace(up{job=\"peer\"}, \"host\", \"$1\", \"instance\", \"(.*):.*\")",
    "absent(node_nothing{job=\"peer\"})",
];

/// Range queries, a point every two seconds.
const RANGE: [&str; 10] = [
    "node_load1{job=\"peer\"}",
    "rate(node_cpu_seconds_total{job=\"peer\"}[10s])",
    "sum by (mode) (irate(node_cpu_seconds_total{job=\"peer\"}[10s]))",
    "avg_over_time(node_memory_MemFree_bytes{job=\"peer\"}[10s])",
    "quantile_over_time(0.5, node_load1{job=\"peer\"}[10s])",
    "scrape_duration_seconds{job=\"peer\"} > bool 0.01",
    "node_load1{job=\"peer\"} - node_load1{job=\"peer\"} offset 6s",
    "count by (__name__) ({job=\"peer\",__name__=~\"node_net.*\"})",
    "clamp_max(round(node_load1{job=\"peer\"}, 0.1), 5)",
    "changes(node_context_switches_total{job=\"peer\"}[10s])",
];

/// A node exporter, a Prometheus that scrapes it and writes to us, and us.
struct Stage {
    server: Server,
    pair: Pair,
    from: f64,
    until: f64,
    _node_exporter: peers::Peer,
    _prometheus: peers::Peer,
    _dir: TempDir,
}

async fn stage() -> Stage {
    let dir = TempDir::new().unwrap();
    let node_exporter = peers::node_exporter();
    let server = Server::start();
    let config = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n\
         - job_name: peer\n  static_configs: [ {{ targets: ['127.0.0.1:{port}'] }} ]\n\
         remote_write:\n\
         - url: {base}/prometheus/api/v1/write\n  \
           authorization: {{ credentials: {token} }}\n  \
           tls_config: {{ ca_file: {ca} }}\n",
        port = node_exporter.port,
        base = server.base,
        token = server.token("ingest"),
        ca = server.dir.join("tls/ca.pem").display(),
    );
    let prometheus = peers::prometheus(dir.path(), &config);
    let address = format!("http://127.0.0.1:{}", prometheus.port);
    let reader = server.api("viewer");
    let count = "count_over_time(up{job=\"peer\"}[5m])";
    let first = "min_over_time(timestamp(up{job=\"peer\"})[5m:1s])";
    // Both must hold the same 40 scrapes; a Prometheus that is still starting has none.
    eventually("40 scrapes in our store", async || {
        let found = reader.query(count, None).await;
        let scrapes: f64 = found["result"][0]["value"][1].as_str()?.parse().ok()?;
        (scrapes >= 40.0).then_some(())
    })
    .await;
    let begin = reader.query(first, None).await;
    let first: f64 = begin["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    // Debian's Prometheus counts a sample on the left edge of a range in, newer ones and we do
    // not: half an interval beside the scrapes, and beside the steps of a subquery, no sample
    // lies on an edge.
    let mut from = first + 0.5;
    if from.fract().abs() < 0.001 {
        from += 0.002;
    }
    Stage {
        server,
        pair: Pair { reader, prometheus: address },
        from,
        until: from + 36.0,
        _node_exporter: node_exporter,
        _prometheus: prometheus,
        _dir: dir,
    }
}

/// Prometheus and we answer a question alike.
async fn check_equal(pair: &Pair, query: &str, question: &Question) {
    let theirs = pair.ask_prometheus(question).await;
    let ours = pair.ask_us(question).await;
    assert_eq!(ours["status"], "success", "{query}: {ours}");
    assert_eq!(difference(&theirs, &ours, false), None, "{query}");
}

#[tokio::test]
async fn prometheus_and_we_answer_the_same() {
    let stage = stage().await;
    for query in INSTANT {
        check_equal(&stage.pair, query, &Question::instant(query, stage.until)).await;
    }
    for query in RANGE {
        let question = Question::range(query, stage.from, stage.until, 2);
        check_equal(&stage.pair, query, &question).await;
    }
    promtool_reads_us(&stage);
}

/// `promtool query` of Debian, over TLS, with the token as the password of Basic.
fn promtool_reads_us(stage: &Stage) {
    let host = stage.server.base.strip_prefix("https://").unwrap();
    let url = format!("https://token:{}@{host}/prometheus", stage.pair.reader.token);
    let start = format!("--start={}", stage.from);
    let end = format!("--end={}", stage.until);
    let selector = "node_load1{job=\"peer\"}";
    let matching = format!("--match={selector}");
    for (arguments, expected) in [
        (vec!["instant", &url, selector], "node_load1{instance="),
        (vec!["range", &start, &end, "--step=2s", &url, selector], " @["),
        (vec!["series", &start, &end, &matching, &url], "node_load1"),
        (vec!["labels", &url, "job"], "peer"),
    ] {
        let output = Command::new("promtool")
            .arg("query")
            .args(&arguments)
            .env("SSL_CERT_FILE", stage.server.dir.join("tls/ca.pem"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn node_exporter_is_scraped_and_a_dead_target_says_why() {
    let node_exporter = peers::node_exporter();
    let config = format!(
        "[[telemetry.scrape]]\nname = \"live\"\ntargets = [\"127.0.0.1:{}\"]\ninterval_s = 1\n\
         timeout_s = 1\n\n[[telemetry.scrape]]\nname = \"dead\"\ntargets = [\"127.0.0.1:1\"]\n\
         interval_s = 1\ntimeout_s = 1\n",
        node_exporter.port
    );
    let server = Server::start_with(&config, |_| ());
    let reader = server.api("viewer");
    eventually("the scrape of node exporter", async || {
        let up = reader.query("up{job=\"live\"} == 1", None).await;
        let cpu = reader.query("count(node_cpu_seconds_total{job=\"live\"})", None).await;
        let both = !up["result"].as_array()?.is_empty() && !cpu["result"].as_array()?.is_empty();
        both.then_some(())
    })
    .await;
    let dead = eventually("the dead target's error", async || {
        let status = reader.json("/api/v1/target-status").await;
        let items = status["items"].as_array()?.clone();
        items.into_iter().find(|it| it["job"] == "dead" && it["health"] == "down")
    })
    .await;
    assert!(dead["error"].as_str().unwrap().contains("refused"), "{dead}");
    tokio::time::timeout(Duration::from_secs(5), async {
        let up = reader.query("up{job=\"dead\"}", None).await;
        assert_eq!(up["result"][0]["value"][1], "0");
    })
    .await
    .unwrap();
}
