//! Numbered steps that bring stored data from one format version to the next.
//!
//! A step is written once and never edited after its release: it declares the old and the new
//! record types in its own file, so that later changes of the program cannot alter history. Steps
//! see only the record store; time series and logs age out by retention instead.
//!
//! Invariants: the version in the store rises by one in the transaction of each step, so that a
//! crash leaves version N or N + 1 and nothing between; steps are never skipped.

mod m0001_initial;
#[cfg(test)]
mod tests;

use records::{Records, Write};

/// All steps in order. The next one goes to the end, with the next number.
pub static STEPS: &[Step] = &[m0001_initial::STEP];

/// One change of the stored format.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The version that the data has after this step; the first is 1.
    pub number: u32,
    /// A few words for the log.
    pub name: &'static str,
    /// Changes the records; runs in one transaction, and again from the start after a crash.
    pub up: fn(&mut Write) -> Result<(), records::Error>,
}

/// Why the data could not be brought to the newest version.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The data was written by a newer program.
    #[error("the data has format version {found}, this program knows up to {newest}")]
    Newer {
        /// The version of the data.
        found: u32,
        /// The newest version that this program knows.
        newest: u32,
    },
    /// The copy of the records in front of the first step failed; nothing was changed.
    #[error("cannot back the records up before the migration to version {version}: {cause}")]
    Backup {
        /// The version that was to be reached.
        version: u32,
        /// What went wrong.
        cause: String,
    },
    /// A step failed; the data is as the step before left it.
    #[error("cannot migrate the records to version {number} ({name}): {cause}")]
    Step {
        /// The version of the failed step.
        number: u32,
        /// The name of the failed step.
        name: &'static str,
        /// What went wrong.
        #[source]
        cause: records::Error,
    },
    /// The version of the data cannot be read.
    #[error("cannot read the version of the data: {0}")]
    Version(#[source] records::Error),
}

/// The newest version that `steps` lead to.
#[must_use]
pub fn newest(steps: &[Step]) -> u32 {
    steps.last().map_or(0, |step| step.number)
}

/// Runs the steps that the store lacks, each in one transaction, and gives the version reached.
///
/// Before the first of them, unless the store is new, `backup` is called with the version that
/// this step leads to.
pub fn run(
    records: &Records,
    steps: &'static [Step],
    backup: impl FnOnce(u32) -> Result<(), String>,
) -> Result<u32, MigrateError> {
    let found = records.read(records::Read::data_version).map_err(MigrateError::Version)?;
    let newest = newest(steps);
    if found > newest {
        return Err(MigrateError::Newer { found, newest });
    }
    let missing = || steps.iter().filter(|step| step.number > found);
    if let Some(first) = missing().next()
        && found > 0
    {
        let version = first.number;
        tracing::info!(version, "backing the records up before the migration");
        backup(version).map_err(|cause| MigrateError::Backup { version, cause })?;
    }
    for step in missing() {
        let Step { number, name, up } = *step;
        tracing::info!(number, name, "migrating the records");
        let done: Result<(), records::Error> = records.write(move |tx| {
            tx.allow_large();
            up(tx)?;
            tx.set_data_version(number);
            Ok(())
        });
        done.map_err(|cause| MigrateError::Step { number, name, cause })?;
    }
    Ok(newest)
}
