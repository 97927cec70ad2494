//! Clients that others wrote, in Python, against the real program: over TLS, with a token.

use std::process::{Command, Output};

use crate::server::{Api, Server};

/// Where `.ci/setup` puts the clients.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python3");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/clients");

/// Runs a script with the server's address, a token that may send, and its CA.
async fn run(server: &Server, script: &str, first: &[&str]) -> Output {
    let mut command = Command::new(PYTHON);
    // They would win over the CA that the script is given.
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        command.env_remove(name);
    }
    command
        .arg(format!("{SCRIPTS}/{script}"))
        .args(first)
        .args([&server.base, &server.token("ingest")])
        .arg(server.dir.join("tls/ca.pem"));
    let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    ran.unwrap_or_else(|error| panic!("{PYTHON}: {error}; .ci/setup puts it there"))
}

/// The value of a query that gives one, as text; `-` when it gives none.
async fn value(api: &Api, query: &str) -> String {
    let found = api.query(query, None).await;
    found["result"][0]["value"][1].as_str().unwrap_or("-").to_owned()
}

async fn check(api: &Api, query: &str, wanted: &str) {
    assert_eq!(value(api, query).await, wanted, "{query}");
}

#[tokio::test]
async fn opentelemetry_sends_by_http_and_by_grpc() {
    let server = Server::start();
    let api = server.api("viewer");
    for way in ["http", "grpc"] {
        let output = run(&server, "otlp.py", &[way]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{way}: {said}");
        for sums in ["cumulative", "delta"] {
            let of = format!("job=\"eu/shop\",instance=\"{way}-{sums}\"");
            check(&api, &format!("orders_total{{{of},http_status_code=\"200\"}}"), "12").await;
            check(&api, &format!("queue_length{{{of}}}"), "4").await;
            check(&api, &format!("temperature_celsius{{{of},room=\"größer\"}}"), "21.5").await;
            check(&api, &format!("order_latency_seconds_count{{{of}}}"), "6").await;
            check(&api, &format!("order_latency_seconds_sum{{{of}}}"), "40.604").await;
            check(&api, &format!("order_latency_seconds_bucket{{{of},le=\"1.0\"}}"), "-").await;
            check(&api, &format!("order_latency_seconds_bucket{{{of},le=\"5\"}}"), "4").await;
            check(&api, &format!("order_latency_seconds_bucket{{{of},le=\"+Inf\"}}"), "6").await;
            check(&api, &format!("target_info{{{of}}}"), "1").await;
        }
        let of = format!("job=\"eu/shop\",instance=\"{way}-exponential\"");
        check(&api, &format!("orders_total{{{of}}}"), "12").await;
        let native = format!("(order_latency_seconds{{{of}}})");
        check(&api, &format!("histogram_count{native}"), "6").await;
        check(&api, &format!("round(histogram_sum{native}, 0.001)"), "40.604").await;
        let small = format!("histogram_fraction(0, 1, order_latency_seconds{{{of}}}) * 6");
        check(&api, &small, "4").await;
    }
    let known = api.json("/prometheus/api/v1/metadata?metric=orders_total").await;
    let known = &known["data"]["orders_total"][0];
    assert_eq!((&known["type"], &known["help"]), (&"counter".into(), &"Orders taken.".into()));
    let sources = api.json("/api/v1/metrics/cardinality?by=source").await;
    let named = |item: &serde_json::Value| item["name"] == "token:test";
    assert!(sources["items"].as_array().unwrap().iter().any(named), "{sources}");
}

#[tokio::test]
async fn clients_of_influxdb_write_and_are_told_of_mistakes() {
    let server = Server::start();
    let api = server.api("viewer");
    let output = run(&server, "influx.py", &[]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    check(&api, "pump_bar{db=\"plant\",line=\"a b\"}", "2.5").await;
    check(&api, "pump_on{db=\"plant\",line=\"a b\"}", "1").await;
    check(&api, "pump_bar{line=\"d\"}", "4").await;
    check(&api, "valve_open", "2").await;
    check(&api, "sum(batch_v)", "31125").await;
    check(&api, "sum(oven_celsius{db=\"works\"})", "544.5").await;
    let told = String::from_utf8_lossy(&output.stdout);
    for (which, parts) in [
        ("old", ["400", "partial write", "too old"]),
        ("bad", ["400", "line 1", "not a number"]),
        ("nobody", ["401", "", ""]),
        ("v1", ["400", "partial write", "too old"]),
    ] {
        let line = told.lines().find(|line| line.starts_with(which)).unwrap_or_default();
        assert!(parts.iter().all(|part| line.contains(part)), "{which} {parts:?}: {told}{said}");
    }
}
