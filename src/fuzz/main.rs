//! Fuzz targets of every decoder that takes bytes from outside or from the disk, on libFuzzer.
//!
//! `FUZZ_TARGET` names the target, or is `list`; seeds are written into the directory
//! `FUZZ_CORPUS`. All arguments are libFuzzer's: a file that crashed runs again by its path.

#![no_main]
#![forbid(unsafe_code)]

mod seeds;
#[path = "../telemetry/tests/wire.rs"]
#[allow(dead_code, reason = "the tests build more bodies with it")]
mod wire;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use metric::{EncodedLabels, HistogramDecoder, HistogramEncoder, LabelLimits};

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 21] = [
    ("exposition_protobuf", telemetry::fuzz::exposition_protobuf),
    ("exposition_text", telemetry::fuzz::exposition_text),
    ("gzip", telemetry::fuzz::gzip),
    ("histograms", histograms),
    ("influx", telemetry::fuzz::influx),
    ("labels", labels),
    ("otlp_json", telemetry::fuzz::otlp_json),
    ("otlp_protobuf", telemetry::fuzz::otlp_protobuf),
    ("promql", promql),
    ("records_journal", records::fuzz::journal),
    ("remote_read", telemetry::fuzz::remote_read),
    ("remote_write_v1", telemetry::fuzz::remote_write_v1),
    ("remote_write_v2", telemetry::fuzz::remote_write_v2),
    ("series_beside", series::fuzz::beside),
    ("series_block", series::fuzz::block),
    ("series_chunk", series::fuzz::chunk),
    ("series_dictionary", series::fuzz::dictionary),
    ("series_operations", series::fuzz::operations),
    ("series_postings", series::fuzz::postings),
    ("series_segment", series::fuzz::segment),
    ("snappy", telemetry::fuzz::snappy),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("FUZZ_TARGET names no target; `list` lists them")).1
});

fuzz_target!(
    init: begin(),
    |bytes: &[u8]| TARGET(bytes)
);

fn begin() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    if name == "list" {
        for (name, _) in TARGETS {
            println!("{name}");
        }
        std::process::exit(0);
    }
    if let Some(dir) = std::env::var_os("FUZZ_CORPUS") {
        seeds::write(&name, dir.as_ref()).expect("the seeds can be written");
    }
}

/// What was understood is canonical: its bytes mean the same.
fn labels(bytes: &[u8]) {
    for limits in [LabelLimits::default(), LabelLimits::UNLIMITED] {
        let Ok(labels) = EncodedLabels(bytes).to_labels(&limits) else { continue };
        let again = labels.encoded().to_labels(&LabelLimits::UNLIMITED);
        assert_eq!(again.as_ref(), Ok(&labels));
        drop(labels.to_string());
    }
}

/// What was understood is written and understood again, to the bit.
fn histograms(bytes: &[u8]) {
    let (mut decoder, mut encoder) = (HistogramDecoder::default(), HistogramEncoder::default());
    let (mut rest, mut found, mut written) = (bytes, Vec::new(), Vec::new());
    while let Ok(histogram) = decoder.next(&mut rest) {
        encoder.push(&histogram, &mut written);
        found.push(format!("{histogram:?}"));
    }
    let (mut decoder, mut rest) = (HistogramDecoder::default(), &written[..]);
    for histogram in found {
        let again = decoder.next(&mut rest).expect("what was written is read");
        assert_eq!(format!("{again:?}"), histogram);
    }
    assert!(rest.is_empty());
}

/// What was understood can be printed and understood again; places of errors lie in the text.
fn promql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match promql::parse(text) {
        Ok(expr) => {
            let printed = expr.to_string();
            let again = promql::parse(&printed).map(|expr| expr.to_string());
            assert_eq!(again.as_ref(), Ok(&printed), "{text}");
            drop(promql::format_query(text));
        }
        Err(error) => {
            assert!(error.start <= error.end && error.end <= text.len(), "{text}");
            assert!(text.is_char_boundary(error.start) && !error.message.is_empty(), "{text}");
        }
    }
}
