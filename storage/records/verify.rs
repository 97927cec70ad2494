//! Checking a store that nobody has open, without changing a byte of it.

use std::path::Path;

use redb::{Database, ReadableDatabase};

use crate::cow::CowFile;
use crate::disk::Disk;
use crate::error::{Error, OpenError};
use crate::raw::CollectionInfo;
use crate::read::{Read, id_of};
use crate::row::Row;
use crate::scan::Bounds;
use crate::store::Place;
use crate::table::{Snapshot, index_table};

/// Memory for pages while checking, in bytes.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Problems that are described; further ones are only counted.
const PROBLEMS_MAX: usize = 100;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Version of the stored data as a whole.
    pub data_version: u32,
    /// Number of collections.
    pub collections: u64,
    /// Number of records in all collections.
    pub records: u64,
    /// Journal records behind the last checkpoint, all of them whole.
    pub journal_records: u64,
    /// What is wrong, one sentence each; empty when the store is whole. At most 100 are named.
    pub problems: Vec<String>,
    /// Number of all problems.
    pub problem_count: u64,
}

/// Checks pages, journal, rows and indexes of the store with this record file.
///
/// Fails when the store cannot be opened at all; what can be read but is inconsistent stands in
/// the report. The store must not be open meanwhile.
pub fn verify(path: &Path) -> Result<Report, OpenError> {
    let place = Place::new(path, CACHE_BYTES, Disk::default());
    let file = CowFile::open(path).map_err(|error| OpenError::io("open", path, error))?;
    let (database, journal_records) = place.open_untouched(file)?;
    let mut report = Report { journal_records, ..Report::default() };
    check(&database, &mut report).map_err(|error| OpenError::damaged(path, error.to_string()))?;
    Ok(report)
}

fn check(database: &Database, report: &mut Report) -> Result<(), Error> {
    let txn = database.begin_read();
    let txn = txn.map_err(|error| Error::Unavailable { cause: error.to_string() })?;
    let read = Read::new(Snapshot::new(txn, std::sync::Arc::default()));
    report.data_version = read.data_version()?;
    for collection in read.collections()? {
        report.collections += 1;
        check_collection(&read, &collection, report)?;
    }
    Ok(())
}

fn check_collection(
    read: &Read,
    collection: &CollectionInfo,
    report: &mut Report,
) -> Result<(), Error> {
    let name = &collection.name;
    let mut expected = vec![0_u64; collection.indexes.len()];
    let mut pairs = read.pairs(name, &Bounds::ALL, false)?;
    while let Some((key, value)) = pairs.next()? {
        let Some(id) = id_of(key.as_slice()) else {
            report.add(format!("{name}: an id of {} bytes", key.as_slice().len()));
            continue;
        };
        report.records += 1;
        let Some(row) = Row::parse(value.as_slice()) else {
            report.add(format!("{name}: record {id} is not a row"));
            continue;
        };
        if let Err(error) = rmp_serde::from_slice::<serde::de::IgnoredAny>(row.value) {
            report.add(format!("{name}: record {id} cannot be decoded: {error}"));
        }
        for (ordinal, entry_key) in row.entries() {
            let Some(index) = collection.indexes.get(ordinal as usize) else {
                report.add(format!("{name}: record {id} stands in an unknown index {ordinal}"));
                continue;
            };
            expected[ordinal as usize] += 1;
            let table = index_table(name, &index.name);
            let found = if index.unique {
                read.holder(&table, &entry_key)? == Some(id)
            } else {
                let full_key = [entry_key.as_slice(), &id.to_bytes()].concat();
                read.value(&table, &full_key, |_| Ok(()))?.is_some()
            };
            if !found {
                report.add(format!("{name}: record {id} is missing in index {}", index.name));
            }
        }
    }
    for (index, expected) in collection.indexes.iter().zip(expected) {
        let found = read.snapshot.len(&index_table(name, &index.name))?;
        if found != expected {
            let index = &index.name;
            report.add(format!("{name}: index {index} has {found} entries instead of {expected}"));
        }
    }
    Ok(())
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.problem_count == 0
    }

    fn add(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}
