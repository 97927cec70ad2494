//! Encodings of samples: streaming in memory, packed on disk.
//!
//! Every encoding is bit-exact for any timestamp and any value, NaN payloads included. Decoders
//! take any bytes: damaged ones are an error, never a panic and never an unbounded allocation.

mod decimal;
mod packed;
mod stream;
pub(crate) mod varint;
mod xor;

pub(crate) use packed::{SAMPLES_MAX, decode, encode};
pub(crate) use stream::{Encoded, SAMPLE_BYTES_MAX, StreamReader, StreamState};

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damaged(pub(crate) &'static str);

#[cfg(test)]
mod tests;
