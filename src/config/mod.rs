//! Settings: as typed in file, environment and flags, then as meant, with every value checked.

pub mod file;
pub mod layers;
pub mod settings;

#[cfg(test)]
mod tests;

pub use file::File;
pub use layers::{Flags, Layers};
pub use settings::Settings;

/// A wrong setting: one sentence that says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{where_}: {what}")]
pub struct ConfigError {
    where_: String,
    what: String,
}

impl ConfigError {
    /// A problem `what` with the value that came from `where_`.
    pub fn new(where_: impl Into<String>, what: impl Into<String>) -> Self {
        Self { where_: where_.into(), what: what.into() }
    }
}
