//! The words that every service speaks: ids, time, errors, callers, events and the bridge to disk.
//!
//! Invariants: the clock is read in `clock` alone; every write names its caller and operation, and
//! its audit entry and events commit with it.

pub mod audit;
pub mod caller;
pub mod clock;
pub mod db;
pub mod error;
pub mod event;
pub mod http;
pub mod id;
pub mod metrics;
pub mod page;
pub mod secret;
pub mod stop;

#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod tests;
