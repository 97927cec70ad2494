//! The partitions of the directory, and their end when their time is over.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::disk::DiskError;
use crate::journal::sync_dir;
use crate::partition::{Partition, Shape, delete_left_over};

/// Suffix of a partition that is being deleted.
const GONE: &str = "gone";
/// Suffix, before a number, of a partition that was damaged and set aside.
const DAMAGED: &str = "damaged-";
/// So often a partition is set aside before its flush fails instead.
const SET_ASIDE_MAX: u32 = 3;

/// All partitions by number.
pub(crate) struct Partitions {
    dir: PathBuf,
    shape: Shape,
    known: RwLock<BTreeMap<i32, Known>>,
    aside: Mutex<Vec<PathBuf>>,
}

struct Known {
    partition: Arc<Partition>,
    /// Since when its time is over; deleted only after a grace, lest a clock that jumps ahead
    /// deletes what is young.
    expired: Option<Instant>,
}

impl Partitions {
    /// Lists the directory; files are opened when they are first used.
    pub(crate) fn open(dir: &Path, shape: Shape) -> Result<Self, DiskError> {
        let length_ms = shape.length_ms;
        let failed = |error: io::Error| DiskError::io(dir, &error);
        let mut known = BTreeMap::new();
        let mut aside = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            match name.split_once('.') {
                Some((_, GONE)) => fs::remove_dir_all(entry.path()).map_err(failed)?,
                Some((_, suffix)) if suffix.starts_with(DAMAGED) => {
                    tracing::warn!(path = %entry.path().display(), "a partition lies set aside");
                    aside.push(entry.path());
                }
                _ => {}
            }
            let Ok(from_ms) = name.parse::<i64>() else { continue };
            let number = i32::try_from(from_ms.div_euclid(length_ms))
                .map_err(|_| DiskError::damaged(&entry.path(), "impossible beginning"))?;
            if from_ms.rem_euclid(length_ms) != 0 {
                let detail = format!("partitions of this directory begin every {length_ms} ms");
                return Err(DiskError::damaged(&entry.path(), detail));
            }
            delete_left_over(&entry.path()).map_err(failed)?;
            let partition = Partition::new(entry.path(), number, shape);
            known.insert(number, Known { partition: Arc::new(partition), expired: None });
        }
        let (known, aside) = (RwLock::new(known), Mutex::new(aside));
        Ok(Self { dir: dir.to_owned(), shape, known, aside })
    }

    /// Number of the partition that holds a time.
    pub(crate) fn number_of(&self, timestamp_ms: i64) -> i32 {
        // Times beyond the range are refused when they come.
        timestamp_ms.div_euclid(self.shape.length_ms) as i32
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

    /// Whether a partition is still the one of its time.
    pub(crate) fn is_current(&self, partition: &Arc<Partition>) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let current = known.get(&partition.number);
        current.is_some_and(|known| Arc::ptr_eq(&known.partition, partition))
    }

    /// The partition with a number.
    pub(crate) fn get(&self, number: i32) -> Option<Arc<Partition>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&number).map(|known| Arc::clone(&known.partition))
    }

    /// First and last millisecond of a partition.
    pub(crate) fn span_ms(&self, number: i32) -> (i64, i64) {
        let from_ms = i64::from(number) * self.shape.length_ms;
        (from_ms, from_ms + self.shape.length_ms - 1)
    }

    /// Length of partitions.
    pub(crate) fn length_ms(&self) -> i64 {
        self.shape.length_ms
    }

    /// For each partition its beginning and the time of its newest sample, or its end: only the
    /// newest one is opened to see.
    pub(crate) fn newest_samples_ms(&self) -> Vec<(i64, i64)> {
        let list = self.list();
        let mut found: Vec<(i64, i64)> = list.iter().map(|at| (at.from_ms, at.to_ms)).collect();
        if let (Some(newest), Some((_, until_ms))) = (list.last(), found.last_mut()) {
            let noted = newest.reader().ok().and_then(|reader| reader.newest_ms());
            *until_ms = noted.unwrap_or(newest.to_ms);
        }
        found
    }

    /// A partition, made if it is not there.
    pub(crate) fn get_or_create(&self, number: i32) -> Result<Arc<Partition>, DiskError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&number) {
            return Ok(Arc::clone(&known.partition));
        }
        let from_ms = i64::from(number) * self.shape.length_ms;
        let dir = self.dir.join(from_ms.to_string());
        fs::create_dir_all(&dir)
            .and_then(|()| sync_dir(&self.dir))
            .map_err(|error| DiskError::io(&dir, &error))?;
        let partition = Arc::new(Partition::new(dir, number, self.shape));
        known.insert(number, Known { partition: Arc::clone(&partition), expired: None });
        Ok(partition)
    }

    /// Takes a damaged partition out of the way: what comes for its time goes into a new one.
    /// Its file stays beside, for whoever can mend it.
    pub(crate) fn set_aside(&self, number: i32, reason: &DiskError) -> Result<(), DiskError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = known.get(&number) else { return Ok(()) };
        let dir = found.partition.dir().to_owned();
        let free = (1..=SET_ASIDE_MAX)
            .map(|n| dir.with_extension(format!("{DAMAGED}{n}")))
            .find(|aside| !aside.exists())
            .ok_or_else(|| DiskError::damaged(&dir, "damaged again and again"))?;
        fs::rename(&dir, &free)
            .and_then(|()| sync_dir(&self.dir))
            .map_err(|error| DiskError::io(&dir, &error))?;
        tracing::error!(%reason, aside = %free.display(), "a damaged partition was set aside");
        known.remove(&number);
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).push(free);
        Ok(())
    }

    /// Directories of partitions that were damaged and set aside.
    pub(crate) fn list_aside(&self) -> Vec<PathBuf> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Deletes partitions that ended before `oldest_ms`, seen so for as long as the grace, and that
    /// may go. Returns their numbers, and the first failure.
    pub(crate) fn expire(
        &self,
        oldest_ms: i64,
        grace: Duration,
        may_go: impl Fn(&Partition) -> bool,
    ) -> (Vec<i32>, Result<(), DiskError>) {
        let mut expired = self.list_expired(oldest_ms, grace);
        expired.retain(|partition| may_go(partition));
        self.remove_all(&expired)
    }

    /// Deletes the oldest partitions, never the newest, until all others take at most so many
    /// bytes. Returns their numbers, and the first failure.
    pub(crate) fn shed(&self, bytes_max: u64) -> (Vec<i32>, Result<(), DiskError>) {
        let mut list = self.list();
        let mut bytes = list.pop().map_or(0, |newest| newest.size_bytes());
        let mut fits = |partition: &Arc<Partition>| {
            bytes = bytes.saturating_add(partition.size_bytes());
            bytes <= bytes_max
        };
        let kept = list.iter().rev().take_while(|partition| fits(partition)).count();
        self.remove_all(&list[..list.len() - kept])
    }

    fn remove_all(&self, partitions: &[Arc<Partition>]) -> (Vec<i32>, Result<(), DiskError>) {
        let mut gone = Vec::new();
        let mut outcome = Ok(());
        for partition in partitions {
            match self.remove(partition) {
                Ok(()) => gone.push(partition.number),
                Err(error) if outcome.is_ok() => {
                    outcome = Err(DiskError::io(partition.dir(), &error));
                }
                Err(_) => {}
            }
        }
        (gone, outcome)
    }

    fn list_expired(&self, oldest_ms: i64, grace: Duration) -> Vec<Arc<Partition>> {
        let mut expired = Vec::new();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for known in known.values_mut() {
            if known.partition.to_ms > oldest_ms {
                known.expired = None;
            } else if known.expired.get_or_insert_with(Instant::now).elapsed() >= grace {
                expired.push(Arc::clone(&known.partition));
            }
        }
        expired
    }

    /// Deletes a partition; the caller sees to it that nothing is written meanwhile.
    pub(crate) fn remove(&self, partition: &Partition) -> io::Result<()> {
        // Renamed first: a half-deleted partition must never look like a whole one.
        let aside = partition.dir().with_extension(GONE);
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            fs::rename(partition.dir(), &aside)?;
            known.remove(&partition.number);
        }
        sync_dir(&self.dir)?;
        if let Err(error) = fs::remove_dir_all(&aside) {
            // Tried again when the directory is opened.
            tracing::warn!(%error, path = %aside.display(), "deleting a partition failed");
        }
        Ok(())
    }
}
