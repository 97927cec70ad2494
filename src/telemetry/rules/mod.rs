//! Recording rules: expressions evaluated again and again, their values stored as metrics.
//!
//! Groups come from files in Prometheus' form and from the API. The rules of a group are
//! evaluated one after the other as of one time, groups beside each other at the places in their
//! intervals that a hash gives them. A series that a rule gives no more ends with a stale marker;
//! one whose rule is gone ends too, unless another rule goes on with it.

pub(crate) mod api;
pub(crate) mod check;
mod cycle;
pub(crate) mod evaluate;
pub(crate) mod file;
pub(crate) mod files;
pub(crate) mod listing;
pub(crate) mod manager;
pub(crate) mod model;
mod operations;
mod outcome;
mod schedule;
pub(crate) mod state;
pub(crate) mod status;
mod store;
mod yaml;

#[cfg(test)]
mod tests;

pub use files::check_rule_pattern;
