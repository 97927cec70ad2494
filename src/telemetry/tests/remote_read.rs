//! Tests of `remote_read` over HTTP: whole answers, and streams of chunks.

use std::collections::BTreeMap;

use http::{Request, StatusCode};
use http_body_util::BodyExt;

use super::bed::{Bed, bed};
use super::wire::{bytes, number};
use crate::query::wire::crc32c;
use crate::query::xor_tests::decode;
use crate::receive::protobuf::{Fields, Value};
use crate::receive::tests::series;

const READ: &str = "/prometheus/api/v1/read";

type Series = BTreeMap<String, Vec<(i64, u64)>>;

/// A service with two series; the second is long.
async fn filled() -> (Bed, Series) {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis();
    let stale = f64::from_bits(metric::STALE_NAN);
    let short = vec![(1.0, now - 3000), (-2.5, now - 2000), (stale, now - 1000)];
    let long: Vec<(f64, i64)> = (0..3000)
        .map(|n| (f64::from(n % 17) * 0.1, now - 3_000_000 + i64::from(n) * 1000))
        .collect();
    let body = [
        series(&[("__name__", "r"), ("x", "1")], &short),
        series(&[("__name__", "r"), ("x", "2")], &long),
    ];
    let packed = snap::raw::Encoder::new().compress_vec(&body.concat()).unwrap();
    let reply = bed.send(Request::post("/prometheus/api/v1/write"), packed).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    let bits = |samples: &[(f64, i64)]| samples.iter().map(|(v, at)| (*at, v.to_bits())).collect();
    (bed, [("1".to_owned(), bits(&short)), ("2".to_owned(), bits(&long))].into())
}

pub(super) fn matcher(op: u64, name: &str, value: &str) -> Vec<u8> {
    bytes(3, [number(1, op), bytes(2, name), bytes(3, value)].concat())
}

pub(super) fn query(from: i64, to: i64, matchers: &[Vec<u8>]) -> Vec<u8> {
    bytes(1, [number(1, from as u64), number(2, to as u64), matchers.concat()].concat())
}

pub(super) async fn ask(bed: &Bed, body: &[u8]) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    let packed = snap::raw::Encoder::new().compress_vec(body).unwrap();
    let request = Request::post(READ).header("content-encoding", "snappy");
    let response = bed.raw(request, packed).await;
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

pub(super) fn fields(message: Fields<'_>) -> Vec<(u64, Value<'_>)> {
    let mut message = message;
    let mut found = Vec::new();
    while let Some(field) = message.next_field().unwrap() {
        found.push(field);
    }
    found
}

pub(super) fn inner<'a>(message: Fields<'a>, wanted: u64) -> Vec<Fields<'a>> {
    let all = fields(message).into_iter();
    all.filter_map(|(number, value)| match value {
        Value::Bytes(inner) if number == wanted => Some(inner),
        _ => None,
    })
    .collect()
}

/// The value of the label `x`.
fn label(series: Fields<'_>) -> String {
    let labels = inner(series, 1);
    let label = labels.iter().find(|it| inner(**it, 1)[0].as_bytes() == b"x").unwrap();
    String::from_utf8(inner(*label, 2)[0].as_bytes().to_vec()).unwrap()
}

/// The series of a whole answer, by query.
fn whole(packed: &[u8]) -> Vec<Series> {
    let plain = snap::raw::Decoder::new().decompress_vec(packed).unwrap();
    let results = inner(Fields::new(&plain), 1);
    let read = |result: &Fields<'_>| {
        let series = inner(*result, 1).into_iter();
        series
            .map(|series| {
                let samples = inner(series, 2).into_iter().map(|sample| match fields(sample)[..] {
                    [(1, Value::Fixed64(bits)), (2, Value::Varint(at))] => (at as i64, bits),
                    ref other => panic!("{other:?}"),
                });
                (label(series), samples.collect())
            })
            .collect()
    };
    results.iter().map(read).collect()
}

/// The series of a stream, by query; each frame has its checksum.
fn streamed(mut bytes: &[u8], queries: usize) -> (Vec<Series>, usize) {
    let mut found = vec![Series::new(); queries];
    let mut frames = 0;
    while !bytes.is_empty() {
        frames += 1;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            bytes = &bytes[1..];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let (sum, rest) = bytes.split_at(4);
        let (message, rest) = rest.split_at(length);
        assert_eq!(u32::from_be_bytes(sum.try_into().unwrap()), crc32c(message));
        bytes = rest;
        let message = Fields::new(message);
        let query = fields(message).iter().find_map(|field| match field {
            (2, Value::Varint(query)) => Some(*query as usize),
            _ => None,
        });
        for series in inner(message, 1) {
            let samples = found[query.unwrap_or(0)].entry(label(series)).or_default();
            for chunk in inner(series, 2) {
                samples.extend(decode(inner(chunk, 4)[0].as_bytes()));
            }
        }
    }
    (found, frames)
}

#[tokio::test]
async fn samples_come_whole_or_in_chunks() {
    let (bed, stored) = filled().await;
    let now = bed.clock.now().as_millis();
    let all = query(now - 4_000_000, now, &[matcher(0, "__name__", "r")]);
    let one = query(now - 4_000_000, now, &[matcher(2, "__name__", "r|s"), matcher(3, "x", "2.*")]);
    let none = query(now - 4_000_000, now, &[matcher(1, "__name__", "r")]);
    let both = [all, one, none].concat();
    let only: Series =
        stored.iter().filter(|(x, _)| *x == "1").map(|(x, it)| (x.clone(), it.clone())).collect();
    let expected = vec![stored, only, Series::new()];
    let (status, headers, body) = ask(&bed, &both).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&headers["content-type"], &headers["content-encoding"]),
        (
            &http::HeaderValue::from_static("application/x-protobuf"),
            &http::HeaderValue::from_static("snappy")
        )
    );
    assert_eq!(whole(&body), expected);
    // Types the client takes, the one it likes most first; packed and not.
    for types in [number(2, 1), bytes(2, [1, 0]), [number(2, 7), number(2, 1)].concat()] {
        let (_, headers, body) = ask(&bed, &[both.clone(), types].concat()).await;
        let kind = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
        assert_eq!(headers["content-type"], kind);
        let (found, frames) = streamed(&body, 3);
        assert_eq!((found, frames), (expected.clone(), 3));
    }
    let (_, headers, _) = ask(&bed, &[both, bytes(2, [0, 1])].concat()).await;
    assert_eq!(headers["content-type"], "application/x-protobuf");
}

#[tokio::test]
async fn times_bound_what_is_read() {
    let (bed, stored) = filled().await;
    let (from, to) = (stored["2"][100].0, stored["2"][350].0);
    let body = query(from, to, &[matcher(0, "x", "2")]);
    let (_, _, whole_body) = ask(&bed, &body).await;
    assert_eq!(whole(&whole_body)[0]["2"], stored["2"][100..=350]);
    let (_, _, stream_body) = ask(&bed, &[body, number(2, 1)].concat()).await;
    assert_eq!(streamed(&stream_body, 1).0[0]["2"], stored["2"][100..=350]);
}

#[tokio::test]
async fn wrong_requests_are_named() {
    let bed = bed(|settings| settings.query.text_bytes_max = 2_000).await;
    let check = |body: Vec<u8>, status: u16, told: &'static str| {
        let bed = &bed;
        async move {
            let (found, _, text) = ask(bed, &body).await;
            let text = String::from_utf8_lossy(&text).into_owned();
            assert_eq!(found.as_u16(), status, "{told}: {text}");
            assert!(text.contains(told), "{told}: {text}");
        }
    };
    check(vec![0x0a, 9], 400, "broken protobuf").await;
    check(query(2, 1, &[]), 400, "before its start").await;
    check(query(1, 2, &[matcher(4, "a", "b")]), 400, "not a type of matcher").await;
    check(query(1, 2, &[matcher(2, "a", "(")]), 400, "bad regular expression").await;
    check(query(1, 2, &[matcher(0, "", "b")]), 400, "no label name").await;
    check(query(1, 2, &[]).repeat(40), 400, "more than 32 queries").await;
    check(vec![0; 5_000], 413, "at most 2000").await;
    let not_packed = bed.send(Request::post(READ), b"plain".to_vec()).await;
    assert_eq!(not_packed.status, StatusCode::BAD_REQUEST);
    assert_eq!(bed.send_powerless(Request::post(READ)).await.status, StatusCode::FORBIDDEN);
    let (status, _, body) = ask(&bed, b"").await;
    assert_eq!((status, whole(&body).len()), (StatusCode::OK, 0));
}
