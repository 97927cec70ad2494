//! Tests of scraping native histograms and exemplars.

use std::time::Duration;

use super::bed::{Bed, bed, job};
use super::peer::{Behaviour, Peer};
use super::wire::{bytes, double, span};
use crate::ScrapeJob;
use crate::scrape::exposition::protobuf_tests::{buckets, exemplar, family, label, native};

/// The exemplars of an expression: the id and the value of each.
async fn exemplars(bed: &Bed, query: &str) -> Vec<String> {
    let reply = bed.get(&format!("/prometheus/api/v1/query_exemplars?query={query}")).await.json();
    let series = reply["data"].as_array().unwrap().clone();
    let all = series.iter().flat_map(|series| series["exemplars"].as_array().unwrap());
    all.map(|it| format!("{} {}", it["labels"]["id"], it["value"]).replace('"', "")).collect()
}

async fn until_exemplars(bed: &Bed, query: &str, expected: &[&str]) {
    let mut last = Vec::new();
    for _ in 0..600 {
        last = exemplars(bed, query).await;
        if last == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{query} gives {last:?}");
}

/// The number of a counter of scrapes in the self-metrics.
fn counted(bed: &Bed, name: &str) -> u64 {
    let head = format!("onemonitor_telemetry_{name}{{source=\"scrape\"}} ");
    let text = bed.metrics.gather_text();
    let line = text.lines().find_map(|line| line.strip_prefix(head.as_str()));
    line.map_or(0, |number| number.parse().unwrap())
}

#[tokio::test]
async fn exemplars_of_open_metrics_are_stored_once() {
    let line = |more: &str| format!("# TYPE c counter\nc_total 1 # {more}\n# EOF\n");
    let peer = Peer::start(Behaviour::OpenMetrics(line("{id=\"a\"} 0.5"))).await;
    let mut fast = job("app", &peer.address);
    (fast.interval_s, fast.timeout_s) = (Some(0.2), Some(0.2));
    let bed = bed(|settings| settings.scrape.jobs = vec![fast]).await;
    until_exemplars(&bed, "c_total", &["a 0.5"]).await;
    let hits = peer.hits();
    bed.until_values("c_total", |_| peer.hits() > hits + 3).await;
    // The same one scrape after scrape is one.
    assert_eq!(exemplars(&bed, "c_total").await, ["a 0.5"]);
    let now_ms = bed.clock.now().as_millis();
    let at = now_ms as f64 / 1000.0;
    peer.become_(Behaviour::OpenMetrics(line(&format!("{{id=\"b\"}} 0.75 {at:.3}"))));
    until_exemplars(&bed, "c_total", &["a 0.5", "b 0.75"]).await;
    // One that is older than the last is passed over, one that is wrong is counted.
    peer.become_(Behaviour::OpenMetrics(line(&format!("{{id=\"c\"}} 1 {:.3}", at - 10.0))));
    let hits = peer.hits();
    bed.until_values("c_total", |_| peer.hits() > hits + 2).await;
    assert_eq!(counted(&bed, "exemplars_dropped_total"), 0);
    peer.become_(Behaviour::OpenMetrics(line(&format!("{{id=\"{}\"}} 1", "x".repeat(200)))));
    bed.until_values("c_total", |_| counted(&bed, "exemplars_dropped_total") > 0).await;
    assert_eq!(exemplars(&bed, "c_total").await, ["a 0.5", "b 0.75"]);
    assert_eq!(counted(&bed, "exemplars_stored_total"), 2);
}

#[tokio::test]
async fn native_histograms_are_scraped_by_jobs_that_ask_for_them() {
    let now_ms = present_ms();
    let both = [
        buckets(),
        native(),
        exemplar(16, "two", 2.0, Some(now_ms)),
        exemplar(16, "one", 1.0, Some(now_ms - 1)),
    ];
    let metric = [label("a", "1"), bytes(7, both.concat())].concat();
    let gauge = family("g", 1, &[bytes(2, double(1, 3.0))]);
    let body = [family("h", 4, &[metric]), gauge].concat();
    let text = "h_bucket{le=\"+Inf\"} 1\n".to_owned();
    let peer = Peer::start(Behaviour::Protobuf(body, text)).await;
    let native = ScrapeJob { native_histograms: true, ..job("native", &peer.address) };
    let all = ScrapeJob {
        native_histograms: true,
        always_scrape_classic_histograms: true,
        metric_relabel_configs: serde_yaml_ng::from_str(
            "[{source_labels: [__name__], regex: h_sum, action: drop}]",
        )
        .unwrap(),
        ..job("all", &peer.address)
    };
    let bad = ScrapeJob { sample_limit: Some(2), ..native.clone() };
    let bad = ScrapeJob { name: "few".to_owned(), always_scrape_classic_histograms: true, ..bad };
    let jobs = vec![native, all, job("plain", &peer.address), bad];
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    let of = |job: &str, query: &str| query.replace("JOB", &format!("job=\"{job}\""));
    let some = |found: &[String]| !found.is_empty();
    let count = "sum by (a) (histogram_count(h{JOB}))";
    for job in ["native", "all"] {
        assert_eq!(bed.until_values(&of(job, count), some).await, ["{a=\"1\"} 6"], "{job}");
    }
    assert_eq!(bed.values(&of("native", "g{JOB} * on() group_left() vector(1)")).await.len(), 1);
    assert_eq!(bed.values(&of("native", "count({JOB,__name__=~\"h_.*\"})")).await, [""; 0]);
    let classic = "count by (__name__) ({JOB,__name__=~\"h_.*\"})";
    let found = bed.values(&of("all", classic)).await;
    assert_eq!(found, ["h_bucket 3", "h_count 1"]);
    let le = bed.values(&of("all", "sum by (le) (h_bucket{JOB})")).await;
    assert_eq!(le, ["{le=\"+Inf\"} 6", "{le=\"0.5\"} 1", "{le=\"1.0\"} 4"]);
    bed.until_values(&of("plain", "h_bucket{JOB}"), some).await;
    assert_eq!(exemplars(&bed, "h%7Bjob=%22native%22%7D").await, ["one 1", "two 2"]);
    let limit = Some("sample_limit");
    bed.until_status("few", |it| it.error_code.as_deref() == limit).await;
    let known = bed.get("/prometheus/api/v1/metadata?metric=h").await.json();
    assert_eq!(known["data"]["h"][0]["help"], "what it is");
    assert!(counted(&bed, "histograms_stored_total") >= 2);
    // So are those of a target that is made by the API.
    let made = serde_json::json!({"name": "made", "urls": [format!("http://{}/", peer.address)],
        "interval_s": 1, "timeout_s": 1, "native_histograms": true});
    let made = bed.send(http::Request::post("/api/v1/targets"), made.to_string()).await;
    assert_eq!(made.json()["native_histograms"], true, "{}", made.text);
    bed.until_values(&of("made", count), some).await;
    // When the target shows it no more, the series ends.
    peer.become_(Behaviour::Protobuf(family("g", 1, &[]), String::new()));
    bed.until_values("count(h)", <[String]>::is_empty).await;
}

fn present_ms() -> i64 {
    kernel::clock::Clock::system().now().as_millis()
}

#[tokio::test]
async fn wrong_bodies_of_protobuf_fail_alone() {
    let good = Peer::text("good 1\n").await;
    let wide = [double(6, 1.0), bytes(12, span(0, 1_000_000_000))].concat();
    let labels: Vec<u8> = (0..2000).flat_map(|n| label(&format!("l{n}"), "x")).collect();
    let twice = [label("a", "1"), label("a", "2"), bytes(2, double(1, 1.0))].concat();
    let cases = [
        ("cut", vec![0x50, 1, 2], "parse"),
        ("wide", family("h", 4, &[bytes(7, wide)]), "parse"),
        ("twice", family("g", 1, &[twice]), "parse"),
        ("labels", family("g", 1, &[[labels, bytes(2, b"")].concat()]), "label_limit"),
    ];
    let mut jobs = vec![job("good", &good.address)];
    let mut peers = Vec::new();
    for (name, body, _) in &cases {
        let peer = Peer::start(Behaviour::Protobuf(body.clone(), String::new())).await;
        jobs.push(ScrapeJob { native_histograms: true, ..job(name, &peer.address) });
        peers.push(peer);
    }
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    for (name, _, code) in &cases {
        let wanted = Some(*code);
        bed.until_status(name, |it| it.error_code.as_deref() == wanted).await;
    }
    bed.until_values("good", |found| found.len() == 1).await;
}
