//! Entrances for the fuzz targets of `src/fuzz`: any bytes as what comes from outside. Compiled
//! with the feature `fuzz` alone.

use crate::query::remote_read::ReadRequest;
use crate::receive::fuzz as receive;
use crate::scrape::exposition::protobuf::{Wrong, walk};
use crate::scrape::exposition::{Entry, Format, parse_body};

/// A plain body of `remote_write`, version 1.
pub fn remote_write_v1(body: &[u8]) {
    receive::remote_write_v1(body);
}

/// A plain body of `remote_write`, version 2.
pub fn remote_write_v2(body: &[u8]) {
    receive::remote_write_v2(body);
}

/// An OTLP request in protobuf.
pub fn otlp_protobuf(body: &[u8]) {
    receive::otlp_protobuf(body);
}

/// An OTLP request in JSON.
pub fn otlp_json(body: &[u8]) {
    receive::otlp_json(body);
}

/// The protobuf of an OTLP request in JSON, for a seed.
#[must_use]
pub fn otlp_protobuf_of(json: &[u8]) -> Option<Vec<u8>> {
    receive::otlp_protobuf_of(json)
}

/// Lines of Influx.
pub fn influx(body: &[u8]) {
    receive::influx(body);
}

/// A body packed with snappy.
pub fn snappy(body: &[u8]) {
    receive::snappy(body);
}

/// A body packed with gzip.
pub fn gzip(body: &[u8]) {
    receive::gzip(body);
}

/// A scraped body in both text formats.
pub fn exposition_text(body: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        drop(parse_body(body, format, |entry, parser| {
            for label in parser.labels() {
                drop((label.name.text(), label.value.text()));
            }
            if let Entry::Sample(sample) = entry {
                drop(sample.exemplar.map(|line| parser.exemplar(line, 0)));
            }
            Ok(())
        }));
    }
}

/// A scraped body in protobuf.
pub fn exposition_protobuf(body: &[u8]) {
    for classic in [false, true] {
        let read: Result<(), Wrong> = walk(body, classic, |_| Ok(()));
        drop(read);
    }
}

/// A plain request of `remote_read`.
pub fn remote_read(body: &[u8]) {
    drop(ReadRequest::parse(body));
}
