//! Answers queries: PromQL over the engine, and lists of series, names and values.

pub(crate) mod analysis;
pub(crate) mod answer_json;
pub(crate) mod api;
mod bits;
pub(crate) mod csv;
pub(crate) mod error;
pub(crate) mod exemplars;
pub(crate) mod export;
pub(crate) mod exposition;
pub(crate) mod federation;
mod histogram_chunk;
pub(crate) mod json;
pub(crate) mod lists;
pub(crate) mod parameters;
pub(crate) mod parquet;
pub(crate) mod remote_read;
pub(crate) mod run;
pub(crate) mod status_json;
pub(crate) mod targets_json;
pub(crate) mod wire;
mod xor;

#[cfg(test)]
pub(crate) mod histogram_chunk_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod xor_tests;

pub use error::QueryError;
pub use run::{InstantQuery, QueryBounds, RangeQuery};
