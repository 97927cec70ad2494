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
