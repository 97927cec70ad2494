//! The time-series engine: samples in, durable and small; samples out, by label matchers.
//!
//! A sample, a number or a native histogram, is appended to its series' run in memory and to the
//! journal; it is acknowledged when
//! the journal is synced. Flushes move runs into partitions, one redb file for a span of time,
//! and then the journal behind them goes. Retention deletes whole partitions; a deletion of some
//! series leaves tombstones that readers apply; compaction writes a partition anew when its time is
//! over or something was deleted. Tiers keep rows of samples beyond their retention. FORMAT.md draws every byte on disk.
//!
//! Invariants:
//! - What [`Series::append`] acknowledged survives a killed process and a power failure.
//! - A series known in memory is found by the hash of its label bytes as they arrived; its labels
//!   are never parsed again.
//! - Of two samples at one time the first stored wins; the same value again is a duplicate, not
//!   an error.
//! - The order of the journal is the order in which samples entered the head.
//! - Nothing is read from a partition that a checksum does not cover, except what redb itself
//!   keeps.
//!
//! The engine is synchronous: callers on an async runtime use its blocking pool.

mod batch;
mod catalog;
mod census;
mod chunk;
mod compaction;
mod delete;
mod disk;
mod engine;
mod exemplars;
mod flush;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod head;
mod index;
mod journal;
mod limits;
mod lookup;
mod maintenance;
mod open;
mod options;
mod partition;
mod partitions;
mod postings;
mod retention;
mod select;
mod slab;
mod status;
mod survey;
mod tier;

pub use batch::{Appended, Batch, LabelCheck, RejectReason, Rejection};
pub use census::{By, Census, Group, Order};
pub use compaction::Cleaned;
pub use delete::{DeleteError, Deleted};
pub use engine::{AppendError, FlushError, OpenError, Series};
pub use exemplars::ExemplarLimits;
pub use limits::SeriesLimits;
pub use lookup::Found;
pub use options::{Now, Options, TierOptions};
pub use retention::RetentionRule;
pub use status::{Cardinality, PartitionSize, Sizes, Status, TierSize};
pub use survey::{Estimate, PartitionShare, Share, Survey};

#[cfg(test)]
mod tests;
