//! Tests of the walker over `remote_write` bodies.

use proptest::prelude::*;

use super::body::unsnap;
use super::remote_write::{check_labels, walk};
use crate::intake::Bad;
use crate::room::{Body, Room};

/// Protobuf by hand: a length-delimited field.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = body.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
    out
}

pub(crate) fn label(name: &str, value: &str) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
}

pub(crate) fn sample(value: f64, timestamp_ms: i64) -> Vec<u8> {
    let mut body = vec![1 << 3 | 1];
    body.extend_from_slice(&value.to_le_bytes());
    body.push(2 << 3);
    let mut raw = timestamp_ms as u64;
    while raw >= 0x80 {
        body.push((raw & 0x7f) as u8 | 0x80);
        raw >>= 7;
    }
    body.push(raw as u8);
    field(2, &body)
}

pub(crate) fn series(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> Vec<u8> {
    let mut body: Vec<u8> = labels.iter().flat_map(|(name, value)| label(name, value)).collect();
    body.extend(samples.iter().flat_map(|(value, at)| sample(*value, *at)));
    field(1, &body)
}

pub(crate) fn metadata(family: &str, kind: u8, help: &str) -> Vec<u8> {
    let parts = [vec![1 << 3, kind], field(2, family.as_bytes()), field(4, help.as_bytes())];
    field(3, &parts.concat())
}

#[test]
fn good_series_and_metadata_are_found() {
    let body = [
        series(&[("__name__", "a"), ("b", "1")], &[(1.0, 5), (2.0, -6)]),
        metadata("a", 1, "text"),
        series(&[("__name__", "c")], &[]),
        // A field that nobody knows yet.
        field(9, b"new"),
        series(&[("__name__", "d")], &[(3.0, 7)]),
    ]
    .concat();
    let request = walk(&body).unwrap();
    assert_eq!((request.batch.len(), request.refused.samples), (3, 0));
    assert_eq!(request.metadata[0].0, "a");
    assert_eq!(request.metadata[0].1.help, "text");
    assert_eq!(request.metadata[0].1.metric_type, metric::MetricType::Counter);
}

#[test]
fn histograms_are_samples_and_exemplars_are_not() {
    let inner =
        [label("__name__", "a"), sample(1.0, 1), field(3, b""), field(4, b""), field(4, b"")];
    let body = field(1, &inner.concat());
    let request = walk(&body).unwrap();
    assert_eq!((request.batch.len(), request.refused.samples), (3, 0));
    assert_eq!(request.bad, Bad::default());
}

#[test]
fn what_scattered_labels_hold_beside_samples_is_counted() {
    let run = [label("__name__", "a"), field(3, b""), field(4, b""), label("b", "1")].concat();
    let body = field(1, &[run, field(3, b"")].concat());
    let request = walk(&body).unwrap();
    assert_eq!((request.batch.len(), request.refused.samples), (0, 1));
    assert_eq!(request.bad, Bad { histograms: 0, exemplars: 2 });
}

#[test]
fn histograms_of_a_request_are_bounded() {
    // Each tells of nothing in two bytes and takes some hundred in memory.
    let inner = [label("__name__", "a"), field(4, b"").repeat(1_000_000)].concat();
    let body = field(1, &inner);
    let request = walk(&body).unwrap();
    assert!(request.bad.histograms > 0 && request.batch.len() < 700_000);
    assert!(request.refused.reasons[0].contains("send fewer at a time"));
}

#[test]
fn wrong_labels_are_named() {
    let check = |labels: &[(&str, &str)]| {
        let encoded: Vec<u8> = labels.iter().flat_map(|(name, value)| label(name, value)).collect();
        check_labels(&encoded)
    };
    assert_eq!(check(&[("__name__", "a"), ("b", "1")]), Ok(()));
    assert_eq!(check(&[("b", "1"), ("__name__", "a")]), Err("its labels are not sorted by name"));
    assert_eq!(check(&[("__name__", "a"), ("b", "1"), ("b", "2")]), Err("a label occurs twice"));
    assert_eq!(check(&[("", "x"), ("__name__", "a")]), Err("a label has an empty name"));
    assert_eq!(check(&[("b", "x")]), Err("it has no metric name (__name__)"));
    assert_eq!(check(&[]), Err("it has no labels"));
    assert_eq!(check_labels(&label("__name__", "a")[..5]), Err("its labels are broken protobuf"));
    assert_eq!(check_labels(&field(1, b"\x0a\x09")), Err("its labels are broken protobuf"));
}

#[test]
fn scattered_labels_are_refused_and_neighbours_kept() {
    let scattered =
        [label("__name__", "a"), sample(1.0, 1), label("b", "1"), sample(2.0, 2)].concat();
    let body = [field(1, &scattered), series(&[("__name__", "good")], &[(1.0, 1)])].concat();
    let request = walk(&body).unwrap();
    assert_eq!((request.batch.len(), request.refused.samples), (1, 2));
    assert_eq!(request.refused.reasons, ["series 1: its labels do not lie together"]);
}

#[test]
fn samples_before_labels_are_legal() {
    let inner = [sample(1.0, 1), label("__name__", "a"), label("b", "1")].concat();
    let body = field(1, &inner);
    assert_eq!(walk(&body).unwrap().batch.len(), 1);
}

#[test]
fn broken_bytes_are_placed() {
    let body = series(&[("__name__", "a")], &[(1.0, 5)]);
    for cut in 1..body.len() {
        let error = walk(&body[..cut]).unwrap_err();
        assert!(error.offset <= cut, "{error} after {cut}");
    }
    assert_eq!(walk(&[0x07]).unwrap_err().to_string(), "broken protobuf at byte 1: field number 0");
    assert!(walk(&[0x0f]).unwrap_err().to_string().contains("unknown wire type"));
    assert!(walk(&[0x80; 20]).unwrap_err().to_string().contains("longer than 64 bits"));
}

#[test]
fn a_long_list_of_reasons_is_cut() {
    let scattered = [label("__name__", "a"), sample(1.0, 1), label("b", "1")].concat();
    let body = field(1, &scattered).repeat(500);
    let refused = walk(&body).unwrap().refused;
    assert_eq!((refused.samples, refused.reasons.len()), (500, 10));
    assert!(refused.describe().ends_with("; and 490 more"));
}

#[test]
fn bombs_are_refused_by_what_they_declare() {
    let room = Room::new(1 << 20);
    let code = |bytes: &[u8], most: usize| {
        unsnap(&Body::own(bytes.to_vec()), most, &room)
            .map(|body| body.bytes)
            .map_err(|error| (error.code(), error.kind()))
    };
    let packed = snap::raw::Encoder::new().compress_vec(&[7; 100_000]).unwrap();
    assert_eq!(code(&packed, 100_000).unwrap().len(), 100_000);
    assert_eq!(code(&packed, 99_999).unwrap_err().0, "receive.too_large");
    // Declares 4 GiB, and 50 MiB that cannot come of so few bytes.
    assert_eq!(
        code(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], 1 << 26).unwrap_err().0,
        "receive.too_large"
    );
    assert_eq!(code(&[0x80, 0x80, 0x80, 0x18, 0, 0], 1 << 26).unwrap_err().0, "receive.not_snappy");
    assert_eq!(code(b"", 1 << 20).unwrap_err().0, "receive.not_snappy");
    assert_eq!(code(&packed[..packed.len() - 3], 1 << 20).unwrap_err().0, "receive.not_snappy");
    // Room for one at a time.
    let large = snap::raw::Encoder::new().compress_vec(&vec![7; 700_000]).unwrap();
    let held = unsnap(&Body::own(large.clone()), 1 << 20, &room).unwrap();
    assert_eq!(code(&large, 1 << 20).unwrap_err().0, "receive.no_room");
    drop(held);
    assert!(code(&large, 1 << 20).is_ok());
}

proptest! {
    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(walk(&bytes));
        drop(unsnap(&Body::own(bytes), 1 << 16, &Room::new(1 << 20)));
    }

    #[test]
    fn a_flipped_byte_never_panics(at in 0..200_usize, byte in any::<u8>()) {
        let mut body = [
            series(&[("__name__", "a"), ("b", "1")], &[(1.0, 5), (2.0, 6)]),
            metadata("a", 1, "text"),
            series(&[("__name__", "d")], &[(3.0, 7)]),
        ]
        .concat();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(request) = walk(&body) {
            prop_assert!(request.batch.len() <= 10);
        }
    }
}
