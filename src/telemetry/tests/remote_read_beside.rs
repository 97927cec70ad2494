//! Tests of `remote_read` over series that hold native histograms.

use std::sync::Arc;

use http::StatusCode;
use metric::Histogram;

use super::bed::{Bed, bed};
use super::remote_read::{ask, fields, inner, matcher, query};
use super::wire::{bytes, custom_histogram, float_histogram, number, whole_histogram};
use crate::query::histogram_chunk_tests::decode;
use crate::query::xor_tests::decode as decode_numbers;
use crate::receive::histogram::read;
use crate::receive::protobuf::{Fields, Value};
use crate::receive::tests::{label, sample};

/// What is sent of a sample.
#[derive(Clone, Debug)]
enum Sent {
    Number(f64),
    Histogram(Arc<Histogram>),
}

fn show(found: &[(i64, Sent)]) -> Vec<String> {
    let each = found.iter().map(|(at, sent)| match sent {
        Sent::Number(value) => format!("{at}: {value}"),
        Sent::Histogram(it) => format!("{at}: {} {:?} {:?}", it.count, it.sum, it.buckets()),
    });
    each.collect()
}

/// A series that is a number, then histograms of several layouts, then a number again.
async fn filled(bed: &Bed) -> Vec<(i64, Sent)> {
    let from = bed.clock.now().as_millis() - 60_000;
    let mut messages = Vec::new();
    for n in 0..5 {
        messages.push((from + n, whole_histogram(from + n)));
    }
    messages.push((from + 5, float_histogram(from + 5)));
    messages.push((from + 6, custom_histogram(from + 6)));
    messages.push((from + 7, whole_histogram(from + 7)));
    let (first, last) = (from - 1, from + 8);
    let histograms: Vec<u8> = messages.iter().flat_map(|(_, it)| bytes(4, it)).collect();
    let series = [label("__name__", "h"), sample(1.5, first), sample(2.5, last), histograms];
    let packed = snap::raw::Encoder::new().compress_vec(&bytes(1, series.concat())).unwrap();
    let reply = bed.send(http::Request::post("/prometheus/api/v1/write"), packed).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text);
    let mut sent = vec![(first, Sent::Number(1.5))];
    for (at, message) in &messages {
        let (_, histogram) = read(Fields::new(message)).unwrap();
        sent.push((*at, Sent::Histogram(histogram.unwrap())));
    }
    sent.push((last, Sent::Number(2.5)));
    sent
}

#[tokio::test]
async fn histograms_come_whole() {
    let bed = bed(|_| {}).await;
    let expected = filled(&bed).await;
    let now = bed.clock.now().as_millis();
    let body = query(now - 600_000, now, &[matcher(0, "__name__", "h")]);
    let (status, _, packed) = ask(&bed, &body).await;
    assert_eq!(status, StatusCode::OK);
    let plain = snap::raw::Decoder::new().decompress_vec(&packed).unwrap();
    let series = inner(inner(Fields::new(&plain), 1)[0], 1)[0];
    let mut found = Vec::new();
    for (number, value) in fields(series) {
        match (number, value) {
            (2, Value::Bytes(sample)) => match fields(sample)[..] {
                [(1, Value::Fixed64(bits)), (2, Value::Varint(at))] => {
                    found.push((at as i64, Sent::Number(f64::from_bits(bits))));
                }
                ref other => panic!("{other:?}"),
            },
            (4, Value::Bytes(message)) => {
                let (at, histogram) = read(message).unwrap();
                found.push((at, Sent::Histogram(histogram.unwrap())));
            }
            _ => {}
        }
    }
    assert_eq!(show(&found), show(&expected));
    let hints = found.iter().filter_map(|(_, it)| match it {
        Sent::Histogram(it) => Some(it.reset_hint),
        Sent::Number(_) => None,
    });
    let stored = expected.iter().filter_map(|(_, it)| match it {
        Sent::Histogram(it) => Some(it.reset_hint),
        Sent::Number(_) => None,
    });
    assert_eq!(hints.collect::<Vec<_>>(), stored.collect::<Vec<_>>());
}

#[tokio::test]
async fn histograms_come_in_chunks_of_their_own() {
    let bed = bed(|_| {}).await;
    let expected = filled(&bed).await;
    let now = bed.clock.now().as_millis();
    let body = query(now - 600_000, now, &[matcher(0, "__name__", "h")]);
    let (_, _, stream) = ask(&bed, &[body, number(2, 1)].concat()).await;
    // One frame: its length, which takes two bytes, its checksum, its message.
    let message = Fields::new(&stream[6..]);
    let mut found = Vec::new();
    let mut encodings = Vec::new();
    for chunk in inner(inner(message, 1)[0], 2) {
        let mut span = (0, 0);
        let mut encoding = 0;
        let mut data: &[u8] = &[];
        for (number, value) in fields(chunk) {
            match (number, value) {
                (1, Value::Varint(at)) => span.0 = at as i64,
                (2, Value::Varint(at)) => span.1 = at as i64,
                (3, Value::Varint(kind)) => encoding = kind,
                (4, Value::Bytes(bytes)) => data = bytes.as_bytes(),
                other => panic!("{other:?}"),
            }
        }
        encodings.push(encoding);
        let from = found.len();
        if encoding == 1 {
            let all = decode_numbers(data).into_iter();
            found.extend(all.map(|(at, bits)| (at, Sent::Number(f64::from_bits(bits)))));
        } else {
            let all = decode(data).into_iter();
            found.extend(all.map(|(at, it)| (at, Sent::Histogram(Arc::new(it)))));
        }
        assert_eq!(span, (found[from].0, found[found.len() - 1].0));
    }
    assert_eq!(encodings, [1, 3, 3, 3, 3, 1]);
    assert_eq!(show(&found), show(&expected));
}
