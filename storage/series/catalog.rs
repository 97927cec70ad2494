//! The catalogue: how far the journal is flushed, and what metrics mean.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use metric::Metadata;
use redb::{Database, ReadableTable, TableDefinition, TableError};

use crate::disk::{DiskError, OpenFile, guarded};

const VERSION: u64 = 1;
const CACHE_BYTES: usize = 4 << 20;

/// `version`, `flushed_segment`.
const STATE: TableDefinition<'static, &str, u64> = TableDefinition::new("state");
/// Metric to JSON `{"type", "help", "unit"}`.
const METADATA: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("metadata");

/// Most metrics whose metadata is kept.
pub(crate) const METADATA_MAX: usize = 200_000;

/// The file `catalog.redb`, written once a flush.
pub(crate) struct Catalog {
    file: PathBuf,
    db: Mutex<Option<Arc<OpenFile>>>,
}

/// What the catalogue held when it was opened.
pub(crate) struct Opened {
    /// Segments up to this number are in partitions.
    pub(crate) flushed_segment: u64,
    /// Metadata by metric.
    pub(crate) metadata: BTreeMap<String, Metadata>,
}

impl Catalog {
    /// Opens or makes the file.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Opened), DiskError> {
        let file = dir.join("catalog.redb");
        let catalog = Self { file: file.clone(), db: Mutex::new(None) };
        let opened = guarded(&file, || catalog.load())?;
        Ok((catalog, opened))
    }

    fn db(&self) -> Result<Arc<OpenFile>, DiskError> {
        let mut slot = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = &*slot {
            return Ok(Arc::clone(db));
        }
        let db = guarded(&self.file, || {
            Database::builder()
                .set_cache_size(CACHE_BYTES)
                .create(&self.file)
                .map_err(|error| DiskError::redb(&self.file, error))
        })?;
        let db = Arc::new(OpenFile::new(&self.file, db));
        *slot = Some(Arc::clone(&db));
        Ok(db)
    }

    fn load(&self) -> Result<Opened, DiskError> {
        let db = self.db()?;
        let read = db.begin_read()?;
        let fresh = Opened { flushed_segment: 0, metadata: BTreeMap::new() };
        let state = match read.open_table(STATE) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(fresh),
            state => state.map_err(|error| DiskError::redb(&self.file, error))?,
        };
        let number = |key| -> Result<u64, DiskError> {
            let value = state.get(key).map_err(|error| DiskError::redb(&self.file, error))?;
            Ok(value.map_or(0, |value| value.value()))
        };
        let version = number("version")?;
        if version > VERSION {
            let file = self.file.display().to_string();
            return Err(DiskError::Newer { file, version });
        }
        let mut opened = Opened { flushed_segment: number("flushed_segment")?, ..fresh };
        let table =
            read.open_table(METADATA).map_err(|error| DiskError::redb(&self.file, error))?;
        for entry in table.iter().map_err(|error| DiskError::redb(&self.file, error))? {
            let (name, json) = entry.map_err(|error| DiskError::redb(&self.file, error))?;
            let metadata = serde_json::from_slice(json.value())
                .map_err(|error| DiskError::damaged(&self.file, error))?;
            opened.metadata.insert(name.value().to_owned(), metadata);
        }
        Ok(opened)
    }

    /// States that segments up to `flushed_segment` are stored, and what metadata changed.
    pub(crate) fn store(
        &self,
        flushed_segment: u64,
        changed: &[(String, Metadata)],
    ) -> Result<(), DiskError> {
        let db = self.db()?;
        let outcome = guarded(&self.file, || {
            let failed = |error: redb::Error| DiskError::redb(&self.file, error);
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            {
                let mut state = txn.open_table(STATE).map_err(|error| failed(error.into()))?;
                for (key, value) in [("version", VERSION), ("flushed_segment", flushed_segment)] {
                    state.insert(key, value).map_err(|error| failed(error.into()))?;
                }
                let mut table = txn.open_table(METADATA).map_err(|error| failed(error.into()))?;
                for (name, metadata) in changed {
                    let json = serde_json::to_vec(metadata)
                        .map_err(|error| DiskError::damaged(&self.file, error))?;
                    table
                        .insert(name.as_str(), json.as_slice())
                        .map_err(|error| failed(error.into()))?;
                }
            }
            txn.commit().map_err(|error| failed(error.into()))
        });
        if outcome.is_err() {
            drop(db);
            *self.db.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        outcome
    }

    /// Size on disk.
    pub(crate) fn size_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(&self.file).map_or(0, |metadata| metadata.blocks() * 512)
    }
}

/// Metadata in memory, and what of it the catalogue does not hold yet.
#[derive(Default)]
pub(crate) struct MetadataBook {
    pub(crate) known: BTreeMap<String, Metadata>,
    changed: BTreeSet<String>,
}

impl MetadataBook {
    /// A book with what the catalogue held.
    pub(crate) fn new(known: BTreeMap<String, Metadata>) -> Self {
        Self { known, changed: BTreeSet::new() }
    }

    /// Notes metadata; says whether it is new and within the limit.
    pub(crate) fn set(&mut self, name: &str, metadata: &Metadata) -> bool {
        let known = self.known.get(name);
        if known == Some(metadata) || (known.is_none() && self.known.len() >= METADATA_MAX) {
            return false;
        }
        self.known.insert(name.to_owned(), metadata.clone());
        self.changed.insert(name.to_owned());
        true
    }

    /// What changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<(String, Metadata)> {
        let changed = std::mem::take(&mut self.changed);
        let with = |name: String| self.known.get(&name).cloned().map(|known| (name, known));
        changed.into_iter().filter_map(with).collect()
    }

    /// Takes back what could not be stored.
    pub(crate) fn put_back(&mut self, changed: Vec<(String, Metadata)>) {
        self.changed.extend(changed.into_iter().map(|(name, _)| name));
    }

    /// Whether the catalogue holds all.
    pub(crate) fn is_stored(&self) -> bool {
        self.changed.is_empty()
    }
}
