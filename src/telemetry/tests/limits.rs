//! Limits of series at every door, and who is said to send what.

use http::{Request, StatusCode};
use kernel::caller::{Caller, Subject};
use metric::Labels;
use series::SeriesLimits;

use super::bed::{Bed, bed};
use crate::receive::tests::series;
use crate::sender::{sender_of, sender_of_target};

fn limited(per_metric: usize, per_source: usize) -> SeriesLimits {
    SeriesLimits { per_metric, per_source, ..SeriesLimits::default() }
}

async fn limited_bed(limits: SeriesLimits) -> Bed {
    bed(|settings| settings.store.series = limits).await
}

fn body(metric: &str, numbers: std::ops::Range<u32>, at: i64) -> Vec<u8> {
    let one = |n: u32| series(&[("__name__", metric), ("n", &n.to_string())], &[(1.0, at)]);
    numbers.flat_map(one).collect()
}

async fn write(bed: &Bed, body: &[u8]) -> super::bed::Reply {
    let packed = snap::raw::Encoder::new().compress_vec(body).unwrap();
    bed.send(Request::post("/prometheus/api/v1/write"), packed).await
}

#[tokio::test]
async fn remote_write_names_the_limit_of_a_metric_and_keeps_the_rest() {
    let bed = limited_bed(limited(2, usize::MAX)).await;
    let now = bed.clock.now().as_millis();
    let reply = write(&bed, &[body("big", 0..5, now), body("small", 0..1, now)].concat()).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text);
    for part in ["3 samples were not stored", "\\\"big\\\": 2", "metrics.active_series_per_metric"]
    {
        assert!(reply.text.contains(part), "{} does not say {part}", reply.text);
    }
    assert_eq!(bed.values("count({n=~\".+\"})").await, ["{} 3"]);
    assert_eq!(write(&bed, &body("big", 0..2, now + 1)).await.status, StatusCode::NO_CONTENT);
    let counted = bed.metrics.gather_text();
    let counter = "onemonitor_telemetry_samples_refused_total{\
                   reason=\"too_many_series_of_metric\",source=\"remote_write\"} 3";
    assert!(counted.contains(counter), "{counted}");
}

#[tokio::test]
async fn influx_and_import_name_the_limit_of_a_source() {
    let bed = limited_bed(limited(usize::MAX, 2)).await;
    let check = |path: &'static str, text: &'static str| {
        let bed = &bed;
        async move {
            let reply = bed.send(Request::post(path), text).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}: {}", reply.text);
            assert!(reply.text.contains("system:test"), "{path}: {}", reply.text);
            assert!(reply.text.contains("metrics.active_series_per_source"), "{}", reply.text);
            reply.text
        }
    };
    let said = check("/influx/write?db=d", "m a=1,b=2,c=3\n").await;
    assert!(said.contains("partial write: 1 samples") && said.contains("line 1"), "{said}");
    check("/api/v1/metrics/import", "x 1\nm_a{db=\"d\"} 2\n").await;
    assert_eq!(bed.values("m_a").await, ["m_a{db=\"d\"} 2"]);
}

#[tokio::test]
async fn otlp_tells_a_partial_success() {
    let bed = limited_bed(limited(2, usize::MAX)).await;
    let now = bed.clock.now().as_nanos();
    let point = |n: u32| {
        format!(
            "{{\"asDouble\":1,\"timeUnixNano\":\"{now}\",\"attributes\":\
             [{{\"key\":\"n\",\"value\":{{\"stringValue\":\"{n}\"}}}}]}}"
        )
    };
    let points: Vec<String> = (0..5).map(point).collect();
    let body = format!(
        "{{\"resourceMetrics\":[{{\"scopeMetrics\":[{{\"metrics\":[{{\"name\":\"g\",\
         \"gauge\":{{\"dataPoints\":[{}]}}}}]}}]}}]}}",
        points.join(",")
    );
    let request = || Request::post("/otlp/v1/metrics").header("content-type", "application/json");
    let reply = bed.send(request(), body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let partial = reply.json()["partialSuccess"].clone();
    assert_eq!(partial["rejectedDataPoints"], "3");
    let message = partial["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.contains("metrics.active_series_per_metric"), "{message}");
    assert_eq!(bed.values("count(g)").await, ["{} 2"]);
}

#[tokio::test]
async fn cardinality_is_told_by_metric_label_value_and_source() {
    let bed = limited_bed(limited(200_000, usize::MAX)).await;
    let now = bed.clock.now().as_millis();
    write(&bed, &[body("big", 0..5, now), body("small", 0..2, now)].concat()).await;
    let get = |query: &'static str| {
        let bed = &bed;
        async move {
            let reply = bed.get(&format!("/api/v1/metrics/cardinality{query}")).await;
            assert_eq!(reply.status, StatusCode::OK, "{query}: {}", reply.text);
            reply.json()
        }
    };
    let first = get("").await;
    let (by, order) = (first["by"].as_str().unwrap(), first["order"].as_str().unwrap());
    assert_eq!((by, order), ("metric", "series"));
    assert_eq!(
        (&first["series"], &first["created"], &first["total"]),
        (&7.into(), &7.into(), &2.into())
    );
    assert_eq!(first["items"][0]["name"], "big");
    assert_eq!(first["items"][0]["series"], 5);
    let limits = first["limits"].as_array().unwrap();
    assert_eq!(limits[0]["max"], 2_000_000);
    assert_eq!((&limits[1]["largest"], &limits[1]["used"]), (&"big".into(), &5.into()));
    assert_eq!((&limits[2]["largest"], &limits[2]["used"]), (&"system:test".into(), &7.into()));
    assert_eq!(limits[2]["max"], serde_json::Value::Null);
    let labels = get("?by=label&order=values").await;
    assert_eq!(
        (&labels["items"][0]["name"], &labels["items"][0]["values"]),
        (&"n".into(), &5.into())
    );
    let values = get("?by=value&limit=1").await;
    assert_eq!((&values["items"][0]["value"], &values["total"]), (&"big".into(), &7.into()));
    let sources = get("?by=source&order=churn").await;
    assert_eq!(sources["items"][0]["name"], "system:test");
    for wrong in ["?limit=0", "?limit=10001", "?by=what", "?order=what"] {
        let reply = bed.get(&format!("/api/v1/metrics/cardinality{wrong}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{wrong}: {}", reply.text);
    }
    let refused = bed.send_powerless(Request::get("/api/v1/metrics/cardinality")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[test]
fn sources_are_named_by_who_they_are() {
    let mut who = Caller::anonymous();
    who.source = Some("::ffff:10.1.2.3".parse().unwrap());
    assert_eq!(sender_of(&who), "address:10.1.2.3");
    let id = kernel::id::Ulid::from(7_u128);
    who.name = "agents".into();
    who.subject = Subject::Token { id, owner: None };
    assert_eq!(sender_of(&who), "token:agents");
    who.subject = Subject::User { id, session: id };
    assert_eq!(sender_of(&who), "user:agents");
    let target = Labels::new([("job", "node"), ("instance", "web:9100"), ("x", "y")]).unwrap();
    assert_eq!(sender_of_target(&target), "scrape:node/web:9100");
}
