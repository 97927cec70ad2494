//! Tests of hosts and processes over HTTP.

use std::time::Duration;

use http::{Request, StatusCode};

use super::bed::{Bed, bed};
use crate::receive::tests::series;

/// Pushes the metrics of a machine, at two times.
async fn push_host(bed: &Bed, instance: &str, age_s: i64, used: f64) {
    let now = bed.clock.now().as_millis() - age_s * 1000;
    let mut body = Vec::new();
    let mut add = |name: &str, labels: &[(&str, &str)], values: [f64; 2]| {
        let mut all = vec![("__name__", name), ("instance", instance), ("job", "node")];
        all.extend(labels);
        all.sort_unstable();
        body.extend(series(&all, &[(values[0], now - 15_000), (values[1], now)]));
    };
    let boot = (now / 1000 - 500) as f64;
    add("node_boot_time_seconds", &[], [boot, boot]);
    add("node_uname_info", &[("nodename", "pc"), ("release", "6.1")], [1.0, 1.0]);
    add("node_os_info", &[("pretty_name", "Debian 12")], [1.0, 1.0]);
    for cpu in ["0", "1"] {
        let idle = 15.0 * (1.0 - used);
        add("node_cpu_seconds_total", &[("cpu", cpu), ("mode", "idle")], [5000.0, 5000.0 + idle]);
        add(
            "node_cpu_seconds_total",
            &[("cpu", cpu), ("mode", "user")],
            [1000.0, 1000.0 + 15.0 * used],
        );
    }
    add("node_memory_MemTotal_bytes", &[], [1000.0, 1000.0]);
    add("node_memory_MemAvailable_bytes", &[], [400.0, 400.0]);
    let disk = [("device", "/dev/sda"), ("fstype", "ext4"), ("mountpoint", "/")];
    add("node_filesystem_size_bytes", &disk, [100.0, 100.0]);
    add("node_filesystem_free_bytes", &disk, [20.0, 20.0]);
    add("node_filesystem_avail_bytes", &disk, [20.0, 20.0]);
    add("node_load1", &[], [0.5, 0.5]);
    add("node_network_receive_bytes_total", &[("device", "eth0")], [0.0, 1500.0]);
    add("node_network_receive_bytes_total", &[("device", "lo")], [0.0, 9e9]);
    let packed = snap::raw::Encoder::new().compress_vec(&body).unwrap();
    let reply = bed.send(Request::post("/prometheus/api/v1/write"), packed).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
}

#[tokio::test]
async fn hosts_with_their_figures() {
    let bed = bed(|_| {}).await;
    push_host(&bed, "alpha:9100", 0, 0.25).await;
    push_host(&bed, "beta:9100", 0, 0.95).await;
    push_host(&bed, "gone:9100", 3600, 0.1).await;
    let page = bed.get("/api/v1/hosts").await.json();
    let items = page["items"].as_array().unwrap();
    let names: Vec<&str> = items.iter().map(|it| it["instance"].as_str().unwrap()).collect();
    assert_eq!(names, ["alpha:9100", "beta:9100", "gone:9100"]);
    let alpha = &items[0];
    assert_eq!(alpha["nodename"], "pc");
    assert_eq!((&alpha["os"], &alpha["kernel"]), (&"Debian 12".into(), &"6.1".into()));
    assert_eq!((&alpha["up"], &alpha["health"]), (&true.into(), &"ok".into()));
    assert_eq!(alpha["cpu_count"], 2);
    let near = |value: &serde_json::Value, expected: f64| {
        let value = value.as_f64().unwrap();
        assert!((value - expected).abs() < expected * 0.02, "{value} is not {expected}");
    };
    near(&alpha["cpu_used_ratio"], 0.25);
    near(&alpha["memory_used_ratio"], 0.6);
    near(&alpha["disk_used_ratio"], 0.8);
    near(&alpha["uptime_s"], 500.0);
    near(&alpha["network_receive_bytes_per_s"], 100.0);
    assert_eq!(items[1]["health"], "warning");
    assert_eq!((&items[2]["up"], &items[2]["health"]), (&false.into(), &"critical".into()));
    assert!(items[2]["cpu_used_ratio"].is_null() && items[2]["last_seen_at"].is_string());
    let spark = &items[2]["spark"];
    assert_eq!(spark["step_s"], 60.0);
    assert_eq!(spark["cpu"].as_array().unwrap().len(), 61);

    let page = bed.get("/api/v1/hosts?limit=1&search=:9100").await.json();
    let next = page["next"].as_str().unwrap();
    let page = bed.get(&format!("/api/v1/hosts?limit=1&cursor={next}")).await.json();
    assert_eq!(page["items"][0]["instance"], "beta:9100");
    let page = bed.get("/api/v1/hosts?search=ALP").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let one = bed.get("/api/v1/hosts/beta:9100").await.json();
    assert_eq!(one["instance"], "beta:9100");
    assert_eq!(bed.get("/api/v1/hosts/nobody").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bed.get("/api/v1/hosts?cursor=xyz").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn this_machine_is_a_host_with_processes() {
    let bed = bed(|settings| {
        settings.host.enabled = true;
        settings.host.interval = Duration::from_millis(300);
    })
    .await;
    bed.until_values("node_uname_info", |found| found.len() == 1).await;
    let rates = "rate(namedprocess_namegroup_cpu_seconds_total[2m])";
    bed.until_values(rates, |found| !found.is_empty()).await;
    let host = bed.get("/api/v1/hosts/testhost").await.json();
    assert_eq!((&host["up"], &host["job"]), (&true.into(), &"node".into()));
    assert!(host["memory_total_bytes"].as_f64().unwrap() > 1e6, "{host}");
    let list = bed.get("/api/v1/processes?instance=testhost").await.json();
    let items = list["items"].as_array().unwrap();
    assert!(!items.is_empty() && items.len() <= 30, "{list}");
    assert!(items.iter().any(|it| it["memory_bytes"].as_f64() > Some(0.0)));
    let none = bed.get("/api/v1/processes?instance=x\\%22y").await.json();
    assert_eq!(none["items"], serde_json::json!([]));
}
