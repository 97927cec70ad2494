//! What is known about each target's last scrape.

use std::sync::{Arc, Mutex, PoisonError};

use kernel::clock::Time;
use serde::Serialize;
use utoipa::ToSchema;

use super::fetch::ScrapeFailure;

/// Whether a target answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetHealth {
    /// The last scrape succeeded.
    Up,
    /// The last scrape failed.
    Down,
    /// Not scraped yet.
    #[default]
    Unknown,
}

/// The last scrape of a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetState {
    pub health: TargetHealth,
    pub last_scrape_at: Option<Time>,
    pub next_scrape_at: Option<Time>,
    pub duration_ms: f64,
    pub samples: u64,
    pub samples_after_relabel: u64,
    pub body_bytes: u64,
    /// Why the scrape failed; also, of a scrape that succeeded, why samples were not stored.
    pub failure: Option<ScrapeFailure>,
}

/// A state that the scraper writes and the API reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedState(Arc<Mutex<TargetState>>);

impl SharedState {
    pub(crate) fn get(&self) -> TargetState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut TargetState)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
