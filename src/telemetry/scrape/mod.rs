//! Pulls metrics from targets.

pub(crate) mod exposition;
pub(crate) mod relabel;

#[cfg(test)]
mod relabel_tests;
