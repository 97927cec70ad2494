//! Checking a data directory that no process uses, without changing it.

use std::fs;
use std::path::Path;

use migrations::STEPS;

use crate::error::OpenError;
use crate::lock::Lock;
use crate::version::Version;
use crate::{RECORDS, SERIES};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Format version of the directory.
    pub version: u32,
    /// The program that wrote it last.
    pub program: String,
    /// One report a store.
    pub stores: Vec<StoreReport>,
}

/// What a check found in one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreReport {
    /// Name of the store.
    pub name: &'static str,
    /// What there is, in a few words.
    pub summary: String,
    /// What is wrong, one sentence each; empty when the store is whole.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.stores.iter().all(|store| store.problems.is_empty())
    }
}

/// Checks a data directory or a copy of one.
///
/// Of the records every page, journal record, row and index entry is read. Of the time series
/// only the files are counted. Fails when there is no data directory to check, when a process
/// uses it, or when it is newer than the program.
pub fn verify(dir: &Path) -> Result<Report, OpenError> {
    let data = fs::metadata(dir).map_err(|error| OpenError::io("open", dir, error))?;
    if !data.is_dir() {
        return Err(OpenError::NotADirectory { dir: dir.to_owned() });
    }
    Lock::check_free(dir)?;
    let Some(version) = Version::read(dir)? else {
        return Err(OpenError::damaged(dir, "VERSION is missing"));
    };
    let newest = migrations::newest(STEPS);
    if version.number > newest {
        return Err(version.newer(dir, newest));
    }
    let stores = vec![verify_records(dir, version.number), measure_series(dir)];
    Ok(Report { version: version.number, program: version.program, stores })
}

fn verify_records(dir: &Path, version: u32) -> StoreReport {
    let name = "records";
    match records::verify(&dir.join(RECORDS)) {
        Ok(report) => {
            let mut problems = report.problems;
            let unnamed = report.problem_count - problems.len() as u64;
            if unnamed > 0 {
                problems.push(format!("and {unnamed} more"));
            }
            // A crash between the last migration step and the writing of VERSION is no damage.
            if report.data_version < version {
                let found = report.data_version;
                problems.push(format!("VERSION says {version}, the records say {found}"));
            }
            let (records, collections) = (report.records, report.collections);
            let journal = report.journal_records;
            let summary = format!(
                "{records} records in {collections} collections, {journal} journal records"
            );
            StoreReport { name, summary, problems }
        }
        Err(error) => {
            let problems = vec![crate::error::sentence(&error)];
            StoreReport { name, summary: "cannot be read".to_owned(), problems }
        }
    }
}

fn measure_series(dir: &Path) -> StoreReport {
    let name = "series";
    let (mut files, mut bytes) = (0, 0);
    let mut waiting = vec![dir.join(SERIES)];
    while let Some(path) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&path) else {
            let problems = vec![format!("{} cannot be listed", path.display())];
            return StoreReport { name, summary: "cannot be read".to_owned(), problems };
        };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => waiting.push(entry.path()),
                Ok(data) => {
                    files += 1;
                    bytes += data.len();
                }
                Err(_) => {}
            }
        }
    }
    let summary = format!("{files} files with {bytes} bytes, contents not checked");
    StoreReport { name, summary, problems: Vec::new() }
}
