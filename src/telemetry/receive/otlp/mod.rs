//! OTLP metrics over HTTP and gRPC, translated as Prometheus' own receiver does.
//!
//! A body is walked where it lies; JSON is turned into the same protobuf first. Names get units
//! and `_total`; resources become `job`, `instance` and `target_info`; deltas are added up.

pub(super) mod api;
mod attributes;
mod delta;
mod exemplar;
mod exponential;
mod form;
pub(super) mod grpc;
mod json;
mod name;
mod points;
mod resource;
mod samples;
mod schema;
mod translate;

#[cfg(test)]
mod tests;

pub(super) use delta::Deltas;

/// Stores any bytes as a request in protobuf.
#[cfg(feature = "fuzz")]
pub(super) fn read_any(body: &[u8], shop: &super::work::Workshop<'_>, now_ms: i64) {
    drop(translate::store(body, shop, now_ms));
}

/// The protobuf of a request in JSON.
#[cfg(feature = "fuzz")]
pub(super) fn protobuf_of(json: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    json::to_protobuf(json, &schema::REQUEST, bytes_max).ok()
}
