//! Pulls metrics from targets: which there are, when each is asked, and what becomes of answers.

pub(crate) mod api;
pub(crate) mod cycle;
pub(crate) mod doctor;
pub(crate) mod exposition;
pub(crate) mod fetch;
pub(crate) mod file_sd;
pub(crate) mod job;
pub(crate) mod manager;
pub(crate) mod plan;
pub(crate) mod relabel;
pub(crate) mod report;
mod sample_labels;
pub(crate) mod series_cache;
pub(crate) mod source;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod tls;

#[cfg(test)]
mod relabel_tests;
