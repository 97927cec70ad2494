//! The partitions of the directory, and their end when their time is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::disk::DiskError;
use crate::journal::sync_dir;
use crate::partition::Partition;

/// Suffix of a partition that is being deleted.
const GONE: &str = ".gone";

/// All partitions by number.
pub(crate) struct Partitions {
    dir: PathBuf,
    length_ms: i64,
    cache_bytes: usize,
    known: RwLock<BTreeMap<i32, Known>>,
}

struct Known {
    partition: Arc<Partition>,
    /// Since when its time is over; deleted only after a grace, lest a clock that jumps ahead
    /// deletes what is young.
    expired: Option<Instant>,
}

impl Partitions {
    /// Lists the directory; files are opened when they are first used.
    pub(crate) fn open(dir: &Path, length_ms: i64, cache_bytes: usize) -> Result<Self, DiskError> {
        let failed = |error: std::io::Error| DiskError::io(dir, &error);
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(GONE) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
                continue;
            }
            let Ok(from_ms) = name.parse::<i64>() else { continue };
            let number = i32::try_from(from_ms.div_euclid(length_ms))
                .map_err(|_| DiskError::damaged(&entry.path(), "impossible beginning"))?;
            if from_ms.rem_euclid(length_ms) != 0 {
                let detail = format!("partitions of this directory begin every {length_ms} ms");
                return Err(DiskError::damaged(&entry.path(), detail));
            }
            let partition = Partition::new(entry.path(), number, length_ms, cache_bytes);
            known.insert(number, Known { partition: Arc::new(partition), expired: None });
        }
        Ok(Self { dir: dir.to_owned(), length_ms, cache_bytes, known: RwLock::new(known) })
    }

    /// Number of the partition that holds a time.
    pub(crate) fn number_of(&self, timestamp_ms: i64) -> i32 {
        // Times beyond the range are refused when they come.
        timestamp_ms.div_euclid(self.length_ms) as i32
    }

    /// All partitions, oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Partition>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().map(|known| Arc::clone(&known.partition)).collect()
    }

    /// The partitions that overlap a range of time, both ends inclusive, oldest first.
    pub(crate) fn overlapping(&self, from_ms: i64, to_ms: i64) -> Vec<Arc<Partition>> {
        let mut list = self.list();
        list.retain(|partition| partition.from_ms <= to_ms && partition.to_ms > from_ms);
        list
    }

    /// A partition, made if it is not there.
    pub(crate) fn get_or_create(&self, number: i32) -> Result<Arc<Partition>, DiskError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&number) {
            return Ok(Arc::clone(&known.partition));
        }
        let from_ms = i64::from(number) * self.length_ms;
        let dir = self.dir.join(from_ms.to_string());
        fs::create_dir_all(&dir)
            .and_then(|()| sync_dir(&self.dir))
            .map_err(|error| DiskError::io(&dir, &error))?;
        let partition = Arc::new(Partition::new(dir, number, self.length_ms, self.cache_bytes));
        known.insert(number, Known { partition: Arc::clone(&partition), expired: None });
        Ok(partition)
    }

    /// Deletes partitions that ended before `oldest_ms`, seen so for as long as the grace.
    /// Returns their numbers.
    pub(crate) fn expire(&self, oldest_ms: i64, grace: Duration) -> Result<Vec<i32>, DiskError> {
        let mut gone = Vec::new();
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, known| {
                if known.partition.to_ms > oldest_ms {
                    known.expired = None;
                    return true;
                }
                let since = *known.expired.get_or_insert_with(Instant::now);
                let keep = since.elapsed() < grace;
                if !keep {
                    gone.push(Arc::clone(&known.partition));
                }
                keep
            });
        }
        for partition in &gone {
            // Renamed first: a half-deleted partition must never look like a whole one.
            let aside = partition.dir().with_extension(&GONE[1..]);
            fs::rename(partition.dir(), &aside)
                .and_then(|()| sync_dir(&self.dir))
                .and_then(|()| fs::remove_dir_all(&aside))
                .map_err(|error| DiskError::io(partition.dir(), &error))?;
        }
        Ok(gone.iter().map(|partition| partition.number).collect())
    }
}
