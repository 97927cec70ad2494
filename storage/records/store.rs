//! The record file: creation, opening with replay of the journal, and commits into it.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, Durability, ReadableDatabase, WriteTransaction};

use crate::cow::CowFile;
use crate::disk::{Disk, sync_dir};
use crate::error::OpenError;
use crate::journal::{self, Journal, Replayed};
use crate::overlay::WriteSet;
use crate::table::{Definition, META};

/// Version of the tables' layout inside the record file.
const FORMAT: u32 = 1;
/// Key of the layout version in the table of facts.
const META_FORMAT: &[u8] = b"format";
/// Key of the store's random identity, which its journal repeats.
const META_STORE: &[u8] = b"store";
/// Key of the number of the last journal record that the file holds.
const META_APPLIED: &[u8] = b"applied";
/// Key that is present while the file is whole without a journal.
const META_STANDALONE: &[u8] = b"standalone";

/// Where a store lies and how to reach it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) journal_dir: PathBuf,
    pub(crate) disk: Disk,
    pub(crate) cache_bytes: usize,
}

impl Place {
    pub(crate) fn new(path: &Path, cache_bytes: usize, disk: Disk) -> Self {
        let journal_dir = path.with_extension("journal");
        Self { path: path.to_owned(), journal_dir, disk, cache_bytes }
    }

    /// Creates the store where there is none.
    pub(crate) fn create_if_missing(&self) -> Result<(), OpenError> {
        let exists = self.path.try_exists().map_err(|error| self.io("open", error))?;
        if exists {
            return Ok(());
        }
        if self.journal_dir.exists() {
            return Err(OpenError::damaged(
                &self.path,
                format!("it is missing although its journal {} exists", self.journal_dir.display()),
            ));
        }
        let fresh = self.path.with_extension("redb.new");
        remove_if_there(&fresh).map_err(|error| self.io("create", error))?;
        let database = self.builder().create(&fresh).map_err(|error| self.open_error(error))?;
        write_identity(&database)
            .and_then(|()| database.close().map_err(Into::into))
            .map_err(|error| self.redb("create", error))?;
        publish(&fresh, &self.path).map_err(|error| self.io("create", error))
    }

    /// Opens the record file and brings it up to the end of the journal, in memory only.
    pub(crate) fn open(&self) -> Result<(Database, Journal), OpenError> {
        self.check_file()?;
        let database = self.contained(|| self.disk.open(&self.path, &self.builder()))?;
        let facts = self.facts(&database)?;
        self.open_journal_dir(facts.standalone)?;
        let replayed = self.replay(&database, &facts)?;
        if replayed.records > 0 {
            let path = self.path.display();
            tracing::info!(%path, records = replayed.records, "replayed the journal");
        }
        let disk = self.disk.clone();
        let next_seq = replayed.last_seq + 1;
        let old = &replayed.segments;
        let journal = Journal::new(&self.journal_dir, facts.store, disk, next_seq, old);
        Ok((database, journal))
    }

    /// Checks every page of the record file and replays the journal, all above `file`; gives the
    /// number of journal records.
    pub(crate) fn open_untouched(&self, file: CowFile) -> Result<(Database, u64), OpenError> {
        self.check_file()?;
        let mut builder = self.builder();
        builder.set_check_integrity_on_open(true);
        let database = self.contained(|| builder.create_with_backend(file))?;
        let facts = self.facts(&database)?;
        if facts.standalone && !self.journal_dir.exists() {
            return Ok((database, 0));
        }
        let replayed = self.replay(&database, &facts)?;
        Ok((database, replayed.records))
    }

    /// Fails on what is not a file, and on an empty file, of which the engine makes a store.
    fn check_file(&self) -> Result<(), OpenError> {
        let data = fs::metadata(&self.path).map_err(|error| self.io("open", error))?;
        if !data.is_file() {
            return Err(OpenError::damaged(&self.path, "it is not a file"));
        }
        if data.len() == 0 {
            return Err(OpenError::damaged(&self.path, "it is empty"));
        }
        Ok(())
    }

    /// Opens a file that may be damaged in ways on which the engine panics.
    fn contained(
        &self,
        open: impl FnOnce() -> Result<Database, redb::DatabaseError>,
    ) -> Result<Database, OpenError> {
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(opened) => opened.map_err(|error| self.open_error(error)),
            Err(_) => Err(OpenError::damaged(&self.path, "its structure is broken")),
        }
    }

    fn replay(&self, database: &Database, facts: &Facts) -> Result<Replayed, OpenError> {
        let mut apply = |changes: WriteSet, seq: u64| {
            apply(database, &changes, seq).map_err(|error| self.redb("replay into", error))
        };
        journal::replay(&self.journal_dir, facts.store, facts.applied, &mut apply)
    }

    fn open_journal_dir(&self, standalone: bool) -> Result<(), OpenError> {
        let dir = &self.journal_dir;
        match fs::create_dir(dir) {
            Ok(()) if standalone => {
                let parent = dir.parent().unwrap_or(Path::new("."));
                sync_dir(parent).map_err(|error| OpenError::io("sync", parent, error))
            }
            Ok(()) => {
                fs::remove_dir(dir).map_err(|error| OpenError::io("remove", dir, error))?;
                Err(OpenError::damaged(
                    &self.path,
                    format!("its journal {} is missing", dir.display()),
                ))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(OpenError::io("create", dir, error)),
        }
    }

    fn facts(&self, database: &Database) -> Result<Facts, OpenError> {
        let read = || -> Result<Option<(u32, Facts)>, redb::Error> {
            let txn = database.begin_read()?;
            let table = match txn.open_table(Definition::new(META)) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let bytes = |key| table.get(key).map(|found| found.map(|it| it.value().to_vec()));
            let fields = (bytes(META_FORMAT)?, bytes(META_STORE)?, bytes(META_APPLIED)?);
            let (Some(format), Some(store), Some(applied)) = fields else { return Ok(None) };
            let standalone = bytes(META_STANDALONE)?.is_some();
            let parsed = (
                format.try_into().map(u32::from_le_bytes),
                store.try_into().map(u128::from_le_bytes),
                applied.try_into().map(u64::from_le_bytes),
            );
            let (Ok(format), Ok(store), Ok(applied)) = parsed else { return Ok(None) };
            Ok(Some((format, Facts { store, applied, standalone })))
        };
        let found = read().map_err(|error| self.redb("read", error))?;
        match found {
            Some((FORMAT, facts)) => Ok(facts),
            Some((found, _)) => {
                Err(OpenError::NewerFormat { path: self.path.clone(), found, known: FORMAT })
            }
            None => Err(OpenError::damaged(&self.path, "it is not a record store")),
        }
    }

    pub(crate) fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache_bytes);
        builder
    }

    pub(crate) fn open_error(&self, error: redb::DatabaseError) -> OpenError {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => {
                OpenError::InUse { path: self.path.clone() }
            }
            redb::DatabaseError::Storage(redb::StorageError::Io(error))
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                OpenError::damaged(&self.path, error.to_string())
            }
            other => self.redb("open", other.into()),
        }
    }

    fn redb(&self, action: &'static str, error: redb::Error) -> OpenError {
        match error {
            redb::Error::Io(error) => OpenError::io(action, &self.path, error),
            redb::Error::Corrupted(detail) => OpenError::damaged(&self.path, detail),
            other => OpenError::io(action, &self.path, io::Error::other(other)),
        }
    }

    fn io(&self, action: &'static str, error: io::Error) -> OpenError {
        OpenError::io(action, &self.path, error)
    }
}

struct Facts {
    store: u128,
    applied: u64,
    standalone: bool,
}

/// Makes changes visible to readers; they become durable with the next checkpoint.
pub(crate) fn apply(database: &Database, changes: &WriteSet, seq: u64) -> Result<(), redb::Error> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::None)?;
    put_changes(&txn, changes)?;
    put_applied(&txn, seq)?;
    txn.commit()?;
    Ok(())
}

/// Makes everything up to journal record `seq` durable in the record file.
pub(crate) fn checkpoint(
    database: &Database,
    seq: u64,
    standalone: bool,
) -> Result<(), redb::Error> {
    let mut txn = database.begin_write()?;
    txn.set_quick_repair(true);
    put_applied(&txn, seq)?;
    put_standalone(&txn, standalone)?;
    txn.commit()?;
    Ok(())
}

/// Gives a fresh record file an identity of its own; it is whole without a journal.
pub(crate) fn write_identity(database: &Database) -> Result<(), redb::Error> {
    let mut store = [0_u8; 16];
    getrandom::fill(&mut store).map_err(|error| redb::Error::Io(io::Error::other(error)))?;
    let mut txn = database.begin_write()?;
    txn.set_quick_repair(true);
    {
        let mut table = txn.open_table(Definition::new(META))?;
        table.insert(META_FORMAT, FORMAT.to_le_bytes().as_slice())?;
        table.insert(META_STORE, store.as_slice())?;
    }
    put_applied(&txn, 0)?;
    put_standalone(&txn, true)?;
    txn.commit()?;
    Ok(())
}

/// Puts a finished file under its final name, durably.
pub(crate) fn publish(fresh: &Path, path: &Path) -> io::Result<()> {
    File::open(fresh)?.sync_all()?;
    fs::rename(fresh, path)?;
    sync_dir(path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Deletes a file that may be missing.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn put_changes(txn: &WriteTransaction, changes: &WriteSet) -> Result<(), redb::Error> {
    for (name, keys) in changes {
        let mut table = txn.open_table(Definition::new(name))?;
        for (key, value) in keys {
            match value {
                Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                None => drop(table.remove(key.as_slice())?),
            }
        }
    }
    Ok(())
}

fn put_applied(txn: &WriteTransaction, seq: u64) -> Result<(), redb::Error> {
    let mut table = txn.open_table(Definition::new(META))?;
    table.insert(META_APPLIED, seq.to_le_bytes().as_slice())?;
    Ok(())
}

fn put_standalone(txn: &WriteTransaction, standalone: bool) -> Result<(), redb::Error> {
    let mut table = txn.open_table(Definition::new(META))?;
    if standalone {
        table.insert(META_STANDALONE, &[][..])?;
    } else {
        table.remove(META_STANDALONE)?;
    }
    Ok(())
}
