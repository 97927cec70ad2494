//! Something good to begin with: the texts of the tests, and bodies built as the tests build them.

use std::io::{self, Write};
use std::path::Path;

use crate::wire::{bytes, double, doubles, number, signed, span, varint, zigzag};

const NOW_MS: u64 = 1_700_000_000_000;

/// Sources whose string literals are seeds of a text format.
const TEXTS: [(&str, &str); 12] = [
    ("exposition_text", include_str!("../telemetry/scrape/exposition/tests.rs")),
    ("exposition_text", include_str!("../telemetry/tests/transfer.rs")),
    ("influx", include_str!("../telemetry/receive/influx/tests.rs")),
    ("influx", include_str!("../telemetry/tests/influx.rs")),
    ("otlp_json", include_str!("../telemetry/receive/otlp/tests.rs")),
    ("otlp_json", include_str!("../telemetry/tests/otlp.rs")),
    ("promql", include_str!("../../storage/promql/parse/tests/accepted.rs")),
    ("promql", include_str!("../../storage/promql/parse/tests/mutated.rs")),
    ("promql", include_str!("../../storage/promql/parse/tests/pretty.rs")),
    ("promql", include_str!("../../storage/promql/parse/tests/refused.rs")),
    ("promql", include_str!("../../storage/promql/parse/tests/round_trip.rs")),
    ("promql", include_str!("../../storage/promql/parse/tests/tree.rs")),
];

/// A request with a metric of every kind.
const OTLP: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[
{"key":"service.name","value":{"stringValue":"shop"}},{"key":"n","value":{"intValue":"3"}},
{"key":"list","value":{"arrayValue":{"values":[{"boolValue":true},{"doubleValue":0.5}]}}}]},
"scopeMetrics":[{"scope":{"name":"s","version":"1"},"metrics":[
{"name":"a.gauge","unit":"By","gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000000",
"asDouble":1.5,"attributes":[{"key":"k","value":{"stringValue":"v"}}]}]}},
{"name":"a.sum","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[
{"startTimeUnixNano":"1699999990000000000","timeUnixNano":"1700000000000000000","asInt":"7",
"exemplars":[{"timeUnixNano":"1700000000000000000","asInt":"1","traceId":"0af7651916cd43dd8448eb211c80319c",
"spanId":"b7ad6b7169203331"}]}]}},
{"name":"a.histogram","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[
{"timeUnixNano":"1700000000000000000","count":"3","sum":4.5,"bucketCounts":["1","1","1"],
"explicitBounds":[0.5,1]}]}},
{"name":"an.exponential","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[
{"startTimeUnixNano":"1699999990000000000","timeUnixNano":"1700000000000000000","count":"4","sum":9,
"scale":2,"zeroCount":"1","positive":{"offset":-1,"bucketCounts":["1","0","1"]},
"negative":{"offset":3,"bucketCounts":["1"]},"zeroThreshold":0.001}]}},
{"name":"a.summary","summary":{"dataPoints":[{"timeUnixNano":"1700000000000000000","count":"2",
"sum":3,"quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}"#;

/// Writes the seeds of a target.
pub(crate) fn write(target: &str, dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let of_target = all()?.into_iter().filter(|(name, _)| *name == target);
    for (number, (_, seed)) in of_target.enumerate() {
        std::fs::write(dir.join(format!("seed-{number:03}")), seed)?;
    }
    Ok(())
}

fn all() -> io::Result<Vec<(&'static str, Vec<u8>)>> {
    let mut seeds = series::fuzz::seeds()?;
    seeds.extend(records::fuzz::seeds());
    for (target, source) in TEXTS {
        seeds.extend(literals(source).into_iter().map(|text| (target, text.into_bytes())));
    }
    for line in include_str!("../tests/compare/queries.txt").lines() {
        seeds.push(("promql", line.as_bytes().to_vec()));
    }
    seeds.push(("otlp_json", OTLP.into()));
    let otlp = telemetry::fuzz::otlp_protobuf_of(OTLP.as_bytes());
    seeds.push(("otlp_protobuf", otlp.expect("the OTLP seed is good")));
    let labels = [label("__name__", "a_total"), label("job", "x")].concat();
    seeds.push(("labels", labels.clone()));
    seeds.push(("labels", [label("b", "1"), label("a", ""), label("é", "\n")].concat()));
    let first = write_v1(&labels);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&first)?;
    seeds.push(("gzip", gzip.finish()?));
    let packed = snap::raw::Encoder::new().compress_vec(&first).map_err(io::Error::other)?;
    seeds.push(("snappy", packed));
    seeds.push(("remote_write_v1", first));
    seeds.push(("remote_write_v2", write_v2()));
    seeds.push(("remote_read", read()));
    seeds.push(("exposition_protobuf", family()));
    seeds.push(("histograms", histograms()));
    Ok(seeds)
}

fn label(name: &str, value: &str) -> Vec<u8> {
    bytes(1, [bytes(1, name), bytes(2, value)].concat())
}

/// A native histogram of six observations, the field numbers of both versions.
fn native() -> Vec<u8> {
    [
        number(1, 6),
        double(3, 9.5),
        number(4, zigzag(0)),
        double(5, 0.001),
        number(6, 1),
        bytes(8, span(0, 1)),
        signed(9, &[2]),
        bytes(11, span(1, 2)),
        signed(12, &[1, 1]),
        number(15, NOW_MS),
        doubles(16, &[0.5, 1.0]),
    ]
    .concat()
}

fn write_v1(labels: &[u8]) -> Vec<u8> {
    let sample = bytes(2, [double(1, 1.5), number(2, NOW_MS)].concat());
    let exemplar = bytes(3, [label("id", "x"), double(2, 0.5), number(3, NOW_MS)].concat());
    let series = [labels.to_vec(), sample, exemplar, bytes(4, native())].concat();
    let metadata = [number(1, 1), bytes(2, "a_total"), bytes(4, "help"), bytes(5, "s")].concat();
    [bytes(1, series), bytes(3, metadata)].concat()
}

fn write_v2() -> Vec<u8> {
    let symbols: Vec<u8> =
        ["", "__name__", "h", "le", "0.5"].iter().flat_map(|it| bytes(4, it)).collect();
    let refs = |refs: &[u64]| bytes(1, refs.iter().flat_map(|at| varint(*at)).collect::<Vec<u8>>());
    let sample = bytes(2, [double(1, 1.0), number(2, NOW_MS)].concat());
    let exemplar = bytes(4, [refs(&[3, 4]), double(2, 0.5), number(3, NOW_MS)].concat());
    let metadata = bytes(5, [number(1, 3), number(3, 2), number(4, 3)].concat());
    let parts = [refs(&[1, 2, 3, 4]), sample, bytes(3, native()), exemplar, metadata];
    [symbols, bytes(5, parts.concat())].concat()
}

fn read() -> Vec<u8> {
    let matcher = [number(1, 2), bytes(2, "job"), bytes(3, "a|b")].concat();
    let query = [number(1, 1), number(2, NOW_MS), bytes(3, matcher)].concat();
    [bytes(1, query), number(2, 1)].concat()
}

fn family() -> Vec<u8> {
    let bucket = bytes(3, [number(1, 1), double(2, 0.5)].concat());
    let histogram = [number(1, 6), double(2, 9.5), bucket, number(5, zigzag(0)), double(6, 0.001)];
    let native = [number(7, 1), bytes(12, span(1, 2)), signed(13, &[1, 1])].concat();
    let metric = [label("a", "b"), bytes(7, [histogram.concat(), native].concat())].concat();
    let head = [bytes(1, "h"), bytes(2, "help"), number(3, 4), bytes(5, "s"), bytes(4, metric)];
    let message = head.concat();
    [varint(message.len() as u64), message].concat()
}

fn histograms() -> Vec<u8> {
    let spans = |from: f64| metric::Buckets::dense(-2, vec![from, 0.0, from + 3.0]);
    let mut encoder = metric::HistogramEncoder::default();
    let mut out = Vec::new();
    for count in [1.0, 4.0, 0.5] {
        let positive = spans(count).expect("three buckets");
        let histogram = metric::Histogram { count, sum: 1.5, positive, ..Default::default() };
        encoder.push(&histogram, &mut out);
    }
    out
}

/// The string literals of a Rust source, unescaped as far as seeds need it.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find('"') {
        let raw = rest[..at].ends_with("r#");
        let body = &rest[at + 1..];
        let end = if raw { body.find("\"#") } else { plain_end(body) };
        let Some(end) = end else { break };
        let text = &body[..end];
        found.push(match raw {
            true => text.to_owned(),
            false => text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\"),
        });
        rest = &body[end + if raw { 2 } else { 1 }..];
    }
    found
}

/// Where a literal ends whose quotes are escaped.
fn plain_end(body: &str) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}
