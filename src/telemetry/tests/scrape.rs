//! Tests of scraping against targets on loopback.

use std::sync::Arc;
use std::time::Duration;

use super::bed::{bed, job};
use super::peer::{Behaviour, Peer};
use crate::{BasicAuth, RelabelRule, ScrapeJob, TargetHealth, TargetOrigin};

#[tokio::test]
async fn a_target_is_scraped_with_its_report() {
    let peer = Peer::text(
        "# HELP a_total some counter\n# TYPE a_total counter\na_total{x=\"1\"} 5\nb 2\n",
    )
    .await;
    let mut one = job("app", &peer.address);
    one.labels.insert("dc".to_owned(), "fra".to_owned());
    let bed = bed(|settings| settings.scrape.jobs = vec![one]).await;
    let address = &peer.address;
    let labels = format!("dc=\"fra\", instance=\"{address}\", job=\"app\"");
    let found = bed.until_values("a_total", |found| !found.is_empty()).await;
    assert_eq!(found, [format!("a_total{{{labels}, x=\"1\"}} 5")]);
    assert_eq!(bed.values("up").await, [format!("up{{{labels}}} 1")]);
    for (name, value) in
        [("scrape_samples_scraped", 2), ("scrape_samples_post_metric_relabeling", 2)]
    {
        assert_eq!(bed.values(name).await, [format!("{name}{{{labels}}} {value}")]);
    }
    assert_eq!(bed.values("scrape_duration_seconds < 5").await.len(), 1);
    assert_eq!(bed.values("max_over_time(scrape_series_added[1m]) == 2").await.len(), 1);
    let status = bed
        .until_status("app", |it| {
            it.last_scrape_at.is_some() && it.next_scrape_at > it.last_scrape_at
        })
        .await;
    assert_eq!((status.health, status.origin), (TargetHealth::Up, TargetOrigin::Config));
    assert_eq!((status.samples, status.error), (Some(2), None));
    assert!(status.body_bytes.unwrap() > 50);
    let known = bed.get("/prometheus/api/v1/metadata?metric=a_total").await;
    let expected = r#"{"status":"success","data":{"a_total":[{"type":"counter","help":"some counter","unit":""}]}}"#;
    assert_eq!(known.text, expected);
}

#[tokio::test]
async fn series_that_disappear_are_ended() {
    let peer = Peer::text("stays 1\ngoes{n=\"1\"} 1\n").await;
    let bed = bed(|settings| settings.scrape.jobs = vec![job("app", &peer.address)]).await;
    bed.until_values("goes", |found| found.len() == 1).await;
    // The same series in other words is the same series.
    peer.become_(Behaviour::Text("stays{} 2\n".to_owned()));
    bed.until_values("stays == 2", |found| found.len() == 1).await;
    assert_eq!(bed.values("goes").await, [""; 0]);
    // A failing scrape ends everything but the report.
    peer.become_(Behaviour::Text("stays 1\nnonsense\n".to_owned()));
    bed.until_values("up == 0", |found| found.len() == 1).await;
    assert_eq!(bed.values("stays").await, [""; 0]);
    let status = bed.until_status("app", |it| it.error_code.as_deref() == Some("parse")).await;
    assert!(status.error.unwrap().contains("line 2: expected a value"), "reason");
    // And it comes back.
    peer.become_(Behaviour::Text("stays 3\n".to_owned()));
    bed.until_values("stays == 3", |found| found.len() == 1).await;
}

#[tokio::test]
async fn a_target_that_is_removed_is_ended_with_its_report() {
    let peer = Peer::text("a 1\n").await;
    let other = Peer::text("a 2\n").await;
    let jobs = vec![job("one", &peer.address), job("two", &other.address)];
    let bed = bed(|settings| settings.scrape.jobs = jobs.clone()).await;
    bed.until_values("up == 1", |found| found.len() == 2).await;
    let kept = bed
        .telemetry
        .manager()
        .scraped()
        .into_iter()
        .find(|(it, _)| it.labels.get("job") == Some("two"));
    bed.telemetry.set_jobs(vec![jobs[1].clone()]).await.unwrap();
    let left = bed.until_values("up", |found| found.len() == 1).await;
    assert!(left[0].contains("job=\"two\""), "{left:?}");
    bed.until_values("a", |found| found.len() == 1).await;
    assert!(bed.status("one").await.is_none());
    // The other target's cycle went on: its state is the same one.
    let (_, state) = kept.unwrap();
    assert!(state.get().last_scrape_at.is_some());
    let hits = other.hits();
    bed.until_values("up", |_| other.hits() > hits + 1).await;
}

#[tokio::test]
async fn labels_are_merged_relabelled_and_limited() {
    let peer =
        Peer::text("a{job=\"own\",drop_me=\"1\"} 1\nb 1\nc{exported_job=\"y\",job=\"x\"} 1\n")
            .await;
    let rule = |yaml: &str| -> Vec<RelabelRule> { serde_yaml_ng::from_str(yaml).unwrap() };
    let plain = ScrapeJob {
        metric_relabel_configs: rule(
            "[{source_labels: [__name__], regex: b, action: drop}, {regex: drop_.*, action: labeldrop}]",
        ),
        relabel_configs: rule(
            "[{target_label: instance, replacement: fixed}, {source_labels: [__param_x], target_label: x}]",
        ),
        params: [("x".to_owned(), vec!["5".to_owned()])].into(),
        ..job("app", &peer.address)
    };
    let honoured = ScrapeJob { honor_labels: true, ..job("honoured", &peer.address) };
    let limited = ScrapeJob { label_limit: Some(2), ..job("limited", &peer.address) };
    let few = ScrapeJob { sample_limit: Some(2), ..job("few", &peer.address) };
    let jobs = vec![plain, honoured, limited, few];
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    let app =
        bed.until_values("{instance=\"fixed\",__name__=~\"[abc]\"}", |it| it.len() == 2).await;
    assert_eq!(
        app,
        [
            "a{exported_job=\"own\", instance=\"fixed\", job=\"app\", x=\"5\"} 1",
            "c{exported_exported_job=\"x\", exported_job=\"y\", instance=\"fixed\", job=\"app\", x=\"5\"} 1",
        ]
    );
    let kept = "scrape_samples_post_metric_relabeling{job=\"app\"}";
    bed.until_values(kept, |found| found.len() == 1 && found[0].ends_with(" 2")).await;
    bed.until_values("a{job=\"own\"}", |found| found.len() == 1).await;
    for (name, code) in [("limited", "label_limit"), ("few", "sample_limit")] {
        bed.until_status(name, |it| it.error_code.as_deref() == Some(code)).await;
    }
}

#[tokio::test]
async fn open_metrics_and_stated_times() {
    let now_s = kernel::clock::Clock::system().now().as_millis() / 1000;
    let stated = format!("# TYPE t gauge\nt 7 {}.5\n# EOF\n", now_s - 30);
    let peer = Peer::start(Behaviour::OpenMetrics(stated)).await;
    let ignoring = ScrapeJob { honor_timestamps: Some(false), ..job("ignoring", &peer.address) };
    let jobs = vec![job("honouring", &peer.address), ignoring];
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    let age = "time() - timestamp(t) > 20";
    let old = bed.until_values(age, |found| found.len() == 1).await;
    assert!(old[0].contains("honouring"), "{old:?}");
    bed.until_values("t", |found| found.len() == 2).await;
}

#[tokio::test]
async fn hostile_targets_fail_each_with_its_reason_and_harm_nobody() {
    let good = Peer::text("good 1\n").await;
    let cases = [
        ("endless", Behaviour::Endless, "too_large"),
        ("short", Behaviour::Short, "truncated"),
        ("silent", Behaviour::Silent, "timeout"),
        ("drip", Behaviour::Drip, "timeout"),
        ("bomb", Behaviour::Bomb, "too_large"),
        ("hangup", Behaviour::Hangup, "http"),
        (
            "binary",
            Behaviour::Raw(b"HTTP/1.1 200 OK\r\n\r\n\x00\xff\xfe\x01\x02".to_vec()),
            "parse",
        ),
        ("rubbish", Behaviour::Raw(vec![0xff; 4096]), "http"),
        ("html", Behaviour::Text("<html>no</html>".to_owned()), "parse"),
        (
            "error",
            Behaviour::Raw(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n".to_vec()),
            "http_status",
        ),
        (
            "elsewhere",
            Behaviour::Raw(
                b"HTTP/1.1 302 X\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
                    .to_vec(),
            ),
            "redirect",
        ),
    ];
    let mut peers = Vec::new();
    let mut jobs = vec![job("good", &good.address)];
    for (name, behaviour, code) in &cases {
        let peer = Peer::start(behaviour.clone()).await;
        jobs.push(ScrapeJob {
            body_size_limit_bytes: Some(1_000_000),
            interval_s: Some(2.0),
            timeout_s: Some(if *code == "timeout" { 0.5 } else { 2.0 }),
            ..job(name, &peer.address)
        });
        peers.push(peer);
    }
    jobs.push(ScrapeJob { targets: vec!["127.0.0.1:1".to_owned()], ..job("refused", "") });
    jobs.push(job("nowhere", "no-such-host.invalid:80"));
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    for (name, _, code) in &cases {
        // On a busy machine a first try may time out.
        let wanted = Some(*code);
        let status = bed.until_status(name, |it| it.error_code.as_deref() == wanted).await;
        assert_eq!(status.health, TargetHealth::Down, "{status:?}");
    }
    bed.until_status("refused", |it| it.error_code.as_deref() == Some("refused")).await;
    let nowhere = bed.until_status("nowhere", |it| it.health == TargetHealth::Down).await;
    assert!(matches!(nowhere.error_code.as_deref(), Some("dns" | "timeout")), "{nowhere:?}");
    bed.until_values("good", |found| found.len() == 1).await;
    assert_eq!(bed.values("{__name__=~\"endless|bomb|a|b\"}").await, [""; 0]);
}

#[tokio::test]
async fn ten_million_series_are_bounded() {
    let mut body = String::new();
    for n in 0..60_000 {
        body.push_str(&format!("many{{n=\"{n}\"}} 1\n"));
    }
    let peer = Peer::text(&body).await;
    let jobs = vec![ScrapeJob {
        sample_limit: Some(10_000),
        interval_s: Some(5.0),
        timeout_s: Some(5.0),
        ..job("many", &peer.address)
    }];
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    let limit = Some("sample_limit");
    let status = bed.until_status("many", |it| it.error_code.as_deref() == limit).await;
    assert!(status.error.unwrap().contains("10000"));
    assert_eq!(bed.values("count(many)").await, [""; 0]);
}

#[tokio::test]
async fn bodies_share_bounded_memory() {
    let peer = Peer::text(&"a 1\n".repeat(20_000)).await;
    let jobs = vec![job("big", &peer.address)];
    let bed = bed(|settings| {
        settings.scrape.jobs = jobs;
        settings.scrape.bodies_bytes_max = 32 * 1024;
    })
    .await;
    bed.until_status("big", |it| it.error_code.as_deref() == Some("no_room")).await;
}

#[tokio::test]
async fn credentials_are_sent() {
    let basic =
        Peer::start(Behaviour::Guarded("authorization: Basic bWU6c2VjcmV0".to_owned())).await;
    let bearer = Peer::start(Behaviour::Guarded("authorization: Bearer tok".to_owned())).await;
    let jobs = vec![
        ScrapeJob {
            basic_auth: Some(BasicAuth {
                username: "me".to_owned(),
                password: kernel::secret::Secret::new("secret".to_owned()),
            }),
            ..job("basic", &basic.address)
        },
        ScrapeJob {
            bearer_token: Some(kernel::secret::Secret::new("tok".to_owned())),
            ..job("bearer", &bearer.address)
        },
        job("nobody", &bearer.address),
    ];
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    bed.until_values("let_in", |found| found.len() == 2).await;
    let refused = Some("http_status");
    let status = bed.until_status("nobody", |it| it.error_code.as_deref() == refused).await;
    assert!(status.error.unwrap().contains("401"));
}

#[tokio::test]
async fn files_of_targets_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Peer::text("a 1\n").await, Peer::text("a 2\n").await);
    let file = folder.path().join("web.json");
    let write = |text: &str| {
        std::fs::write(folder.path().join("new"), text).unwrap();
        std::fs::rename(folder.path().join("new"), &file).unwrap();
    };
    write(&format!("[{{\"targets\":[\"{}\"],\"labels\":{{\"env\":\"prod\"}}}}]", one.address));
    let pattern = format!("{}/*.json", folder.path().display());
    let jobs = vec![ScrapeJob { targets: Vec::new(), file_sd: vec![pattern], ..job("files", "") }];
    let bed = bed(|settings| settings.scrape.jobs = jobs).await;
    let found = bed.until_values("a", |found| found.len() == 1).await;
    assert!(found[0].contains("env=\"prod\""), "{found:?}");
    let status = bed.status("files").await.unwrap();
    assert_eq!(status.origin, TargetOrigin::File);
    assert_eq!(status.discovered_labels["__meta_filepath"], file.display().to_string());
    // A broken file keeps what was known of it and says so.
    write("[{");
    let mut problems = Vec::new();
    for _ in 0..400 {
        problems = bed.telemetry.list_target_status(&bed.who).await.unwrap().problems;
        if !problems.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(problems[0].contains("web.json"), "{problems:?}");
    assert!(bed.status("files").await.is_some());
    write(&format!("[{{\"targets\":[\"{}\"]}}]", two.address));
    bed.until_values("a == 2", |found| found.len() == 1).await;
    bed.until_values("a", |found| found.len() == 1).await;
}

#[tokio::test]
async fn this_machine_and_the_program_show_themselves() {
    let bed = bed(|settings| {
        settings.host.enabled = true;
        settings.host.own_metrics = true;
        settings.host.interval = Duration::from_millis(300);
    })
    .await;
    let labels = "{instance=\"testhost\", job=\"node\"}";
    let up = bed.until_values("up", |found| found.len() == 2).await;
    assert!(up.contains(&format!("up{labels} 1")), "{up:?}");
    bed.until_values("rate(node_cpu_seconds_total{mode=\"idle\"}[1m]) >= 0", |it| !it.is_empty())
        .await;
    let own = "onemonitor_telemetry_scrapes_total{job=\"onemonitor\"} > 0";
    bed.until_values(own, |it| it.len() == 1).await;
    bed.until_values("namedprocess_namegroup_num_procs", |it| !it.is_empty()).await;
    let status = bed.status("node").await.unwrap();
    assert_eq!(status.origin, TargetOrigin::Host);
}

#[tokio::test]
async fn stopping_ends_no_series() {
    let peer = Peer::text("a 1\n").await;
    let bed = bed(|settings| settings.scrape.jobs = vec![job("app", &peer.address)]).await;
    bed.until_values("a", |found| found.len() == 1).await;
    let who = bed.who.clone();
    let telemetry = bed.stop().await;
    let query = crate::InstantQuery {
        query: "count({__name__=~\"a|up\"})".to_owned(),
        at: None,
        bounds: crate::QueryBounds::default(),
    };
    let answer = telemetry.query_instant(&who, query).await.unwrap();
    let promql::Value::Vector(found) = answer.value else { panic!("no vector") };
    assert_eq!(found[0].1.value, 2.0);
    assert_eq!(Arc::strong_count(&telemetry.0), 1, "nothing runs on");
}
