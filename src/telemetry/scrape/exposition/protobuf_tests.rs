//! Tests of the protobuf format.

use proptest::prelude::*;

use super::protobuf::{Shape, Shown, Wrong, walk};
use super::{Format, check};
use crate::tests::wire::{bytes, double, doubles, number, signed, span, varint, zigzag};

/// A family with its metrics.
pub(crate) fn family(name: &str, kind: u64, metrics: &[Vec<u8>]) -> Vec<u8> {
    let metrics: Vec<u8> = metrics.iter().flat_map(|metric| bytes(4, metric)).collect();
    let head = [bytes(1, name), bytes(2, "what it is"), number(3, kind), bytes(5, "seconds")];
    let message = [head.concat(), metrics].concat();
    [varint(message.len() as u64), message].concat()
}

pub(crate) fn label(name: &str, value: &str) -> Vec<u8> {
    bytes(1, [bytes(1, name), bytes(2, value)].concat())
}

/// An exemplar as field `at`, with a time or without.
pub(crate) fn exemplar(at: u64, id: &str, value: f64, time_ms: Option<i64>) -> Vec<u8> {
    let stamp = time_ms.map(|ms| {
        let (seconds, nanos) = (ms.div_euclid(1000), ms.rem_euclid(1000) * 1_000_000);
        bytes(3, [number(1, seconds as u64), number(2, nanos as u64)].concat())
    });
    bytes(at, [label("id", id), double(2, value), stamp.unwrap_or_default()].concat())
}

/// A classic histogram with bounds 0.5 and 1.
pub(crate) fn buckets() -> Vec<u8> {
    let bucket = |held: u64, bound: f64, more: Vec<u8>| {
        bytes(3, [number(1, held), double(2, bound), more].concat())
    };
    let created = bytes(15, number(1, 5));
    let first = bucket(1, 0.5, exemplar(3, "b", 0.25, Some(1500)));
    [number(1, 6), double(2, 9.5), first, bucket(4, 1.0, Vec::new()), created].concat()
}

/// The native part of a histogram of six observations.
pub(crate) fn native() -> Vec<u8> {
    [
        number(5, zigzag(0)),
        double(6, 0.001),
        number(7, 1),
        bytes(9, span(0, 1)),
        signed(10, &[2]),
        bytes(12, span(1, 2)),
        signed(13, &[1, 1]),
    ]
    .concat()
}

/// Everything that a body shows, a line each, or the error.
fn shown(body: &[u8], classic: bool) -> Vec<String> {
    let mut out = Vec::new();
    let read = walk(body, classic, |shown| {
        match shown {
            Shown::Family { name, help, unit, kind } => {
                out.push(format!("{name}: {kind:?}, {help}, {unit}"));
            }
            Shown::Sample(sample) => {
                let mut labels: Vec<String> =
                    sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                labels.extend(sample.more.map(|(name, value)| format!("{name}={value}")));
                let value = match sample.value {
                    Shape::Number(value) => value.to_string(),
                    Shape::Histogram(it) => {
                        format!(
                            "{}/{} {:?} {:?}",
                            it.count,
                            it.sum,
                            it.reset_hint,
                            it.buckets().len()
                        )
                    }
                };
                let at = sample.timestamp_ms.map(|at| format!(" @{at}")).unwrap_or_default();
                let exemplars = sample.exemplars.into_iter().map(|it| it.finish(-1));
                let exemplars = exemplars.map(|it| match it {
                    Some(it) => format!(" # {} {} @{}", it.labels, it.value, it.timestamp_ms),
                    None => " # dropped".to_owned(),
                });
                let exemplars: String = exemplars.collect();
                let (name, suffix, labels) = (sample.name, sample.suffix, labels.join(","));
                out.push(format!("{name}{suffix}{{{labels}}} {value}{at}{exemplars}"));
            }
        }
        Ok::<(), Wrong>(())
    });
    if let Err(wrong) = read {
        out.push(wrong.to_string());
    }
    out
}

#[test]
fn every_type_is_shown() {
    let counter = [
        label("a", "1"),
        bytes(3, [double(1, 5.0), exemplar(2, "c", 1.0, None)].concat()),
        number(6, 1234),
    ];
    let quantile = |q: f64, value: f64| bytes(3, [double(1, q), double(2, value)].concat());
    let summary = [number(1, 4), double(2, 2.0), quantile(0.5, 0.25), quantile(0.99, f64::NAN)];
    let body = [
        family("c_total", 0, &[counter.concat()]),
        family("g", 1, &[bytes(2, double(1, -2.5)), bytes(2, b"")]),
        family("s", 2, &[bytes(4, summary.concat())]),
        family("u", 3, &[bytes(5, double(1, f64::INFINITY))]),
        family("h", 4, &[bytes(7, buckets())]),
        family("none", 1, &[]),
    ]
    .concat();
    let expected = [
        "c_total: Counter, what it is, seconds",
        "c_total{a=1} 5 @1234 # {id=\"c\"} 1 @-1",
        "g: Gauge, what it is, seconds",
        "g{} -2.5",
        "g{} 0",
        "s: Summary, what it is, seconds",
        "s{quantile=0.5} 0.25",
        "s{quantile=0.99} NaN",
        "s_count{} 4",
        "s_sum{} 2",
        "u: Unknown, what it is, seconds",
        "u{} inf",
        "h: Histogram, what it is, seconds",
        "h_bucket{le=0.5} 1 # {id=\"b\"} 0.25 @1500",
        "h_bucket{le=1.0} 4",
        "h_bucket{le=+Inf} 6",
        "h_count{} 6",
        "h_sum{} 9.5",
        "none: Gauge, what it is, seconds",
    ];
    assert_eq!(shown(&body, false), expected);
    assert_eq!(check(&body, Format::Protobuf, 5).samples, 13);
}

#[test]
fn native_histograms_are_shown_alone_or_with_their_classic_form() {
    let both = [buckets(), native()].concat();
    let own = [exemplar(16, "n", 1.5, Some(2000)), exemplar(16, "untimed", 1.0, None)].concat();
    let histogram = |parts: &[u8]| vec![bytes(7, parts)];
    let line = "h{} 6/9.5 Unknown 4 # {id=\"b\"} 0.25 @1500";
    assert_eq!(shown(&family("h", 4, &histogram(&both)), false)[1..], [line]);
    let all = shown(&family("h", 4, &histogram(&both)), true);
    assert_eq!(
        (all.len(), all[1].as_str(), all[6].as_str()),
        (7, "h_bucket{le=0.5} 1 # {id=\"b\"} 0.25 @1500", line)
    );
    let with_own = [both, own].concat();
    let line = "h{} 6/9.5 Gauge 4 # {id=\"n\"} 1.5 @2000";
    assert_eq!(shown(&family("h", 5, &histogram(&with_own)), false)[1..], [line]);
    // Without observations an empty span says that the histogram is native.
    let empty = [bytes(12, span(0, 0)), double(2, 0.0)].concat();
    assert_eq!(shown(&family("h", 4, &histogram(&empty)), true)[1..], ["h{} 0/0 Unknown 0"]);
    let float = [double(4, 2.5), double(2, 1.0), bytes(12, span(0, 1)), doubles(14, &[2.5])];
    let line = "h{} 2.5/1 Unknown 1";
    assert_eq!(shown(&family("h", 4, &histogram(&float.concat())), false)[1..], [line]);
}

#[test]
fn bounds_are_written_as_in_open_metrics() {
    let check = |bound: f64, expected: &str| {
        let bucket = bytes(3, [number(1, 1), double(2, bound)].concat());
        let shown = shown(&family("h", 4, &[bytes(7, bucket)]), false);
        assert_eq!(shown[1], format!("h_bucket{{le={expected}}} 1"));
    };
    check(1.0, "1.0");
    check(-0.25, "-0.25");
    check(0.0, "0.0");
    check(999_999.0, "999999.0");
    check(1e6, "1e+06");
    check(2.5e6, "2.5e+06");
    check(1e-4, "0.0001");
    check(2.5e-5, "2.5e-05");
    check(1e300, "1e+300");
    check(f64::NEG_INFINITY, "-Inf");
    check(f64::NAN, "NaN");
}

#[test]
fn wrong_families_are_named() {
    let check_wrong = |body: Vec<u8>, told: &str| {
        let shown = shown(&body, false);
        let last = shown.last().unwrap();
        assert!(last.contains(told), "{told}: {last}");
        let checked = check(&body, Format::Protobuf, 5);
        assert_eq!((checked.wrong, checked.problems.len()), (1, 1), "{told}");
    };
    check_wrong(family("", 0, &[]), "it has no name");
    check_wrong(family("x", 9, &[]), "\"x\": 9 is not a metric type");
    check_wrong(family("x", 1, &[bytes(3, double(1, 5.0))]), "\"x\": a metric has no value");
    check_wrong(family("x", 1, &[b"\x0a\x09".to_vec()]), "broken protobuf at byte");
    check_wrong(family("x", 1, &[label("a", "1"), bytes(1, bytes(1, b"\xff"))]), "a metric has no");
    let wrong = |parts: &[Vec<u8>]| family("x", 4, &[bytes(7, parts.concat())]);
    check_wrong(wrong(&[native(), number(1, 5)]), "\"x\": its count is 5");
    check_wrong(wrong(&[bytes(12, span(0, 1_000_000_000))]), "need 1000000000 buckets");
    check_wrong(wrong(&[double(6, 1.0), number(5, zigzag(99))]), "schema 99");
    // Cut off, and a length that nothing has.
    let whole = family("g", 1, &[bytes(2, double(1, 1.0))]);
    check_wrong(whole[..whole.len() - 1].to_vec(), "broken protobuf");
    check_wrong(varint(u64::MAX), "broken protobuf");
    assert_eq!(shown(b"", false), [""; 0]);
}

#[test]
fn the_content_type_must_say_it_all() {
    let of = |text: &str| Format::of_content_type(Some(text));
    let whole = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; ";
    assert_eq!(of(&format!("{whole}encoding=delimited")), Ok(Format::Protobuf));
    assert_eq!(of(&format!("{whole}encoding=\"delimited\"")), Ok(Format::Protobuf));
    assert!(of(&format!("{whole}encoding=text")).is_err());
    assert!(of("application/vnd.google.protobuf").is_err());
}

proptest! {
    #[test]
    fn damage_never_panics(at in 0..500_usize, byte in any::<u8>(), cut in 0..500_usize) {
        let both = [buckets(), native(), exemplar(16, "n", 1.5, Some(2000))].concat();
        let mut body = family("h", 4, &[[label("a", "b"), bytes(7, both)].concat()]);
        let cut = cut % body.len();
        drop(shown(&body[..cut], true));
        let at = at % body.len();
        body[at] = byte;
        drop(shown(&body, true));
    }

    #[test]
    fn rubbish_never_panics(body in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(shown(&body, false));
    }
}
