//! Tests of native histograms and exemplars of `remote_write`, both versions.

use http::{Request, StatusCode};
use metric::{Matcher, stale_nan};

use super::bed::{Bed, Reply, bed};
use super::wire::{
    bad_histograms, bytes, custom_histogram, double, float_histogram, number, varint,
    whole_histogram,
};
use crate::receive::tests::{label, sample};

const WRITE: &str = "/prometheus/api/v1/write";
const SECOND: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

async fn write_first(bed: &Bed, body: &[u8]) -> Reply {
    let packed = snap::raw::Encoder::new().compress_vec(body).unwrap();
    bed.send(Request::post(WRITE).header("content-encoding", "snappy"), packed).await
}

async fn write_second(bed: &Bed, body: &[u8]) -> Reply {
    let packed = snap::raw::Encoder::new().compress_vec(body).unwrap();
    let request = Request::post(WRITE).header("content-type", SECOND);
    bed.send(request.header("content-encoding", "snappy"), packed).await
}

/// Samples, histograms and exemplars that the answer says were written.
fn written(reply: &Reply) -> [&str; 3] {
    ["samples", "histograms", "exemplars"].map(|kind| {
        reply.headers[&format!("x-prometheus-remote-write-{kind}-written")].to_str().unwrap()
    })
}

/// An exemplar of version 1: labels, value, time.
fn exemplar(labels: &[(&str, &str)], value: f64, timestamp_ms: i64) -> Vec<u8> {
    let labels: Vec<u8> = labels.iter().flat_map(|(name, value)| label(name, value)).collect();
    bytes(3, [labels, double(2, value), number(3, timestamp_ms as u64)].concat())
}

/// An exemplar of version 2, with references to symbols.
fn exemplar_refs(refs: &[u64], value: f64, timestamp_ms: i64) -> Vec<u8> {
    let refs: Vec<u8> = refs.iter().flat_map(|at| varint(*at)).collect();
    bytes(4, [bytes(1, refs), double(2, value), number(3, timestamp_ms as u64)].concat())
}

/// The exemplars of a metric: labels, value and time of each.
fn exemplars(bed: &Bed, metric: &str) -> Vec<String> {
    let limits = series::ExemplarLimits { series_max: 100, exemplars_max: 100 };
    let selector = vec![Matcher::equal("__name__", metric)];
    let found = bed.telemetry.series().exemplars(&[selector], i64::MIN, i64::MAX, limits).unwrap();
    let each = |(labels, found): (metric::Labels, Vec<metric::Exemplar>)| {
        let shown = move |it: &metric::Exemplar| format!("{labels} {} {}", it.labels, it.value);
        found.iter().map(shown).collect::<Vec<_>>()
    };
    found.into_iter().flat_map(each).collect()
}

/// What became of the three histograms.
async fn check_stored(bed: &Bed) {
    assert_eq!(bed.values("histogram_count(h{x=\"whole\"})").await, ["{x=\"whole\"} 7"]);
    assert_eq!(bed.values("histogram_sum(h{x=\"whole\"})").await, ["{x=\"whole\"} 5.5"]);
    let fraction = |from: &str, to: &str, of: &str| {
        let query = format!("histogram_fraction({from}, {to}, h{{x=\"{of}\"}}) * 7");
        async move { bed.values(&query).await }
    };
    assert_eq!(fraction("1", "2", "whole").await, ["{x=\"whole\"} 3"]);
    assert_eq!(fraction("-1", "-0.5", "whole").await, ["{x=\"whole\"} 2"]);
    assert_eq!(bed.values("histogram_count(h{x=\"float\"})").await, ["{x=\"float\"} 4.5"]);
    // Schema -1: the second bucket ends at 4^2.
    let within = bed.values("histogram_fraction(4, 16, h{x=\"float\"}) * 4.5").await;
    assert_eq!(within, ["{x=\"float\"} 2.5"]);
    let within = bed.values("histogram_fraction(2.5, 10, h{x=\"custom\"}) * 6").await;
    assert_eq!(within, ["{x=\"custom\"} 2"]);
}

#[tokio::test]
async fn histograms_of_the_first_version_are_stored() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let kinds = [
        ("whole", whole_histogram(now)),
        ("float", float_histogram(now)),
        ("custom", custom_histogram(now)),
    ];
    let series = |x: &str, message: &[u8]| {
        bytes(1, [label("__name__", "h"), label("x", x), bytes(4, message)].concat())
    };
    let body: Vec<u8> = kinds.iter().flat_map(|(x, message)| series(x, message)).collect();
    for _ in 0..2 {
        let reply = write_first(&bed, &body).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    }
    check_stored(&bed).await;
    let counted = bed.metrics.gather_text();
    assert!(counted.contains("histograms_stored_total{source=\"remote_write\"} 6"), "{counted}");
    // A stale one ends the series.
    let stale = [double(3, stale_nan()), number(15, now as u64 + 1)].concat();
    assert_eq!(write_first(&bed, &series("whole", &stale)).await.status, StatusCode::NO_CONTENT);
    let later = (now + 2) as f64 / 1000.0;
    let found = bed.get(&format!("/prometheus/api/v1/query?query=count(h)&time={later}")).await;
    assert!(found.text.contains("\"2\""), "{}", found.text);
}

#[tokio::test]
async fn histograms_of_the_second_version_are_stored_and_counted() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let table: Vec<u8> = ["", "__name__", "h", "x", "whole", "float", "custom", "trace_id", "t1"]
        .iter()
        .flat_map(|text| bytes(4, text))
        .collect();
    let series = |x: u64, message: &[u8]| {
        bytes(5, [bytes(1, [1, 2, 3, x as u8]), bytes(3, message)].concat())
    };
    let numbers =
        bytes(5, [bytes(1, [1, 8]), sample(1.0, now), exemplar_refs(&[7, 8], 0.5, now)].concat());
    let whole = [bytes(3, whole_histogram(now)), exemplar_refs(&[7, 8], 1.5, now)].concat();
    let body = [
        table,
        bytes(5, [bytes(1, [1, 2, 3, 4]), whole].concat()),
        series(5, &float_histogram(now)),
        numbers,
        series(6, &custom_histogram(now)),
    ]
    .concat();
    for _ in 0..2 {
        let reply = write_second(&bed, &body).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
        assert_eq!(written(&reply), ["1", "3", "2"]);
    }
    check_stored(&bed).await;
    assert_eq!(exemplars(&bed, "h"), ["h{x=\"whole\"} {trace_id=\"t1\"} 1.5"]);
    assert_eq!(exemplars(&bed, "t1"), ["t1 {trace_id=\"t1\"} 0.5"]);
    let counted = bed.metrics.gather_text();
    assert!(counted.contains("exemplars_stored_total{source=\"remote_write_v2\"} 2"), "{counted}");
}

#[tokio::test]
async fn bad_histograms_are_named_and_neighbours_kept() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let table = ["", "__name__", "good", "bad"].iter().flat_map(|text| bytes(4, text));
    let table: Vec<u8> = table.collect();
    for (n, (wrong, reason)) in bad_histograms(now).iter().enumerate() {
        let at = now - 10_000 + n as i64;
        let first = [
            bytes(1, [label("__name__", "bad"), bytes(4, wrong)].concat()),
            bytes(1, [label("__name__", "good"), bytes(4, whole_histogram(at))].concat()),
        ];
        let reply = write_first(&bed, &first.concat()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reason}: {}", reply.text);
        assert!(reply.text.contains(reason), "{reason}: {}", reply.text);
        assert!(reply.text.contains("bad"), "{reason}: {}", reply.text);
        let second = [
            table.clone(),
            bytes(5, [bytes(1, [1, 3]), bytes(3, wrong)].concat()),
            bytes(5, [bytes(1, [1, 2]), bytes(3, whole_histogram(at))].concat()),
        ];
        let reply = write_second(&bed, &second.concat()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{reason}: {}", reply.text);
        assert!(reply.text.contains("series 1: ") && reply.text.contains(reason), "{}", reply.text);
        assert_eq!(written(&reply), ["0", "1", "0"], "{reason}");
    }
    assert_eq!(bed.values("bad").await, [""; 0]);
    let wrong = bad_histograms(now).len();
    assert_eq!(bed.values("count_over_time(good[1m])").await, [format!("{{}} {wrong}")]);
    let counted = bed.metrics.gather_text();
    let told = format!(
        "samples_refused_total{{reason=\"bad_histogram\",source=\"remote_write\"}} {wrong}"
    );
    assert!(counted.contains(&told), "{counted}");
}

#[tokio::test]
async fn bad_exemplars_cost_themselves_alone() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let long = "x".repeat(130);
    let wrong = [
        exemplar(&[("trace_id", &long)], 1.0, now),
        exemplar(&[("a", "1"), ("a", "2")], 1.0, now),
        exemplar(&[("", "1")], 1.0, now),
        exemplar(&[("a", "1")], 1.0, 0),
        exemplar(&vec![("", ""); 10_000], 1.0, now),
        bytes(3, [bytes(1, bytes(1, [0xff])), double(2, 1.0), number(3, now as u64)].concat()),
    ];
    let count = wrong.len();
    let good = exemplar(&[("trace_id", "abc")], 2.0, now);
    let series = [label("__name__", "e"), sample(1.0, now), wrong.concat(), good].concat();
    // An exemplar of a series that has no sample has no place either.
    let lost = [label("__name__", "lost"), exemplar(&[], 1.0, now)].concat();
    let body = [bytes(1, series), bytes(1, lost)].concat();
    let reply = write_first(&bed, &body).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    assert_eq!(exemplars(&bed, "e"), ["e {trace_id=\"abc\"} 2"]);
    let counted = bed.metrics.gather_text();
    let told = format!("exemplars_dropped_total{{source=\"remote_write\"}} {}", count + 1);
    assert!(counted.contains(&told), "{counted}");
    // Those of a series whose samples came before are taken.
    let alone = [label("__name__", "e"), exemplar(&[], 3.0, now + 1)].concat();
    assert_eq!(write_first(&bed, &bytes(1, alone)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(exemplars(&bed, "e").last().unwrap(), "e {} 3");
    let refs = |refs: &[u64], value: f64| exemplar_refs(refs, value, now + 2);
    let table: Vec<u8> = ["", "__name__", "e"].iter().flat_map(|text| bytes(4, text)).collect();
    // The last is older than what is stored: the engine drops it, and so it is not written.
    let old = exemplar_refs(&[2, 1], 5.0, now - 5);
    let wrong = [refs(&[1], 1.0), refs(&[1, 99], 1.0), refs(&[0, 1], 1.0)];
    let inner = [wrong.concat(), refs(&[2, 1], 4.0), old];
    let body = [table, bytes(5, [bytes(1, [1, 2]), inner.concat()].concat())].concat();
    assert_eq!(written(&write_second(&bed, &body).await), ["0", "0", "1"]);
    assert_eq!(exemplars(&bed, "e").last().unwrap(), "e {e=\"__name__\"} 4");
}

#[test]
fn damaged_requests_harm_nobody() {
    use proptest::prelude::*;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bed = runtime.block_on(bed(|_| {}));
    let now = bed.clock.now().as_millis();
    let inner = [bytes(4, whole_histogram(now)), exemplar(&[("trace_id", "t")], 1.5, now)].concat();
    let first = bytes(1, [label("__name__", "d"), inner].concat());
    let table: Vec<u8> = ["", "__name__", "d"].iter().flat_map(|text| bytes(4, text)).collect();
    let inner = [bytes(3, float_histogram(now)), exemplar_refs(&[2, 1], 1.5, now)].concat();
    let second = [table, bytes(5, [bytes(1, [1, 2]), inner].concat())].concat();
    let damage = (any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>());
    let mut runner = proptest::test_runner::TestRunner::default();
    let ran = runner.run(&damage, |(at, byte, cut)| {
        for (whole, second) in [(&first, false), (&second, true)] {
            let mut flipped = whole.clone();
            flipped[at.index(whole.len())] = byte;
            for body in [&flipped, &whole[..cut.index(whole.len())].to_vec()] {
                let reply = runtime.block_on(async {
                    if second {
                        write_second(&bed, body).await
                    } else {
                        write_first(&bed, body).await
                    }
                });
                prop_assert!(matches!(reply.status.as_u16(), 204 | 400), "{:?}", reply);
            }
        }
        Ok(())
    });
    ran.unwrap();
}

#[tokio::test]
async fn exemplars_are_asked_for_in_the_way_of_prometheus() {
    let bed = bed(|settings| settings.query.items_max = 3).await;
    let now = bed.clock.now().as_millis() / 1000 * 1000;
    let series = |x: &str, found: &[Vec<u8>]| {
        let inner = [label("__name__", "q"), label("x", x), sample(1.0, now), found.concat()];
        bytes(1, inner.concat())
    };
    let first = [exemplar(&[("id", "a")], 1.0, now - 1500), exemplar(&[], f64::NAN, now)];
    let body = [series("1", &first), series("2", &[exemplar(&[("id", "b")], 0.5, now)])].concat();
    assert_eq!(write_first(&bed, &body).await.status, StatusCode::NO_CONTENT);
    let path = "/prometheus/api/v1/query_exemplars";
    let seconds = now / 1000;
    let one = format!(
        r#"{{"seriesLabels":{{"__name__":"q","x":"1"}},"exemplars":[{{"labels":{{"id":"a"}},"value":"1","timestamp":{}.500}},{{"labels":{{}},"value":"NaN","timestamp":{seconds}}}]}}"#,
        seconds - 2
    );
    let two = format!(
        r#"{{"seriesLabels":{{"__name__":"q","x":"2"}},"exemplars":[{{"labels":{{"id":"b"}},"value":"0.5","timestamp":{seconds}}}]}}"#
    );
    let whole = format!(r#"{{"status":"success","data":[{one},{two}]}}"#);
    assert_eq!(bed.get(&format!("{path}?query=q")).await.text, whole);
    // Whatever becomes of the selectors; the same one twice is one.
    let query = "query=sum(rate(q%7Bx=%221%22%7D[5m]))%20or%20topk(scalar(none),-q)%20or%20q";
    assert_eq!(bed.get(&format!("{path}?{query}")).await.text, whole);
    let form = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(bed.send(form, "query=max_over_time(q[1h:1m])").await.text, whole);
    let alone = format!(r#"{{"status":"success","data":[{one}]}}"#);
    assert_eq!(bed.get(&format!("{path}?query=q%7Bx=%221%22%7D")).await.text, alone);
    let ranged =
        bed.get(&format!("{path}?query=q&start={}&end={}", seconds - 3, seconds - 1)).await;
    assert_eq!(ranged.json()["data"][0]["exemplars"].as_array().unwrap().len(), 1);
    for nothing in ["query=1%2B1", "query=none", "query=q&end=5"] {
        let reply = bed.get(&format!("{path}?{nothing}")).await;
        assert_eq!(reply.text, r#"{"status":"success","data":[]}"#, "{nothing}");
    }
    for (wrong, status) in [("query=sum(", 400), ("", 400), ("query=q&start=9&end=1", 400)] {
        assert_eq!(bed.get(&format!("{path}?{wrong}")).await.status.as_u16(), status, "{wrong}");
    }
    let many = (0..101).map(|n| format!("q{n}")).collect::<Vec<_>>().join("%2B");
    let reply = bed.get(&format!("{path}?query={many}")).await;
    assert!(reply.text.contains("more than 100 selectors"), "{}", reply.text);
    let more = series("3", &[exemplar(&[], 1.0, now)]);
    assert_eq!(write_first(&bed, &more).await.status, StatusCode::NO_CONTENT);
    let reply = bed.get(&format!("{path}?query=q")).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(reply.text.contains("exemplars_max of 3"), "{}", reply.text);
    assert_eq!(bed.send_powerless(Request::get(format!("{path}?query=q"))).await.status, 403);
}
