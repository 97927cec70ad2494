//! The journal: append-only segment files; a synced record is an acknowledged group.
//!
//! Invariants: record numbers are consecutive over all segments; nothing is ever appended to a
//! segment that an earlier process wrote; a segment is deleted only when a durable checkpoint
//! holds all its records, and not before [`Keep`] allows it, so that a slow copy of the directory
//! finds journal and record file to overlap.

pub(crate) mod format;
mod read;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use read::{Replayed, replay};

use crate::disk::{Disk, sync_dir};
use crate::store::remove_if_there;
use format::{HEADER_BYTES, Header, segment_name};

/// How long segments stay after a checkpoint has made them superfluous.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// No shorter than this, unless `bytes` is exceeded.
    pub(crate) time: Duration,
    /// Superfluous segments above this total go at once, the oldest first.
    pub(crate) bytes: u64,
}

/// The open journal of a store.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    store: u128,
    disk: Disk,
    active: Option<Active>,
    next_seq: u64,
    retired: VecDeque<Retired>,
}

#[derive(Debug)]
struct Active {
    file: File,
    path: PathBuf,
    first_seq: u64,
    /// Length up to the last synced record.
    len: u64,
}

#[derive(Debug)]
struct Retired {
    path: PathBuf,
    bytes: u64,
    since: Instant,
}

impl Journal {
    /// A journal whose next record has the number `next_seq`; `old` are segments that a
    /// checkpoint holds already. Nothing is written before [`Journal::begin_segment`].
    pub(crate) fn new(dir: &Path, store: u128, disk: Disk, next_seq: u64, old: &[PathBuf]) -> Self {
        let mut journal = Self {
            dir: dir.to_owned(),
            store,
            disk,
            active: None,
            next_seq,
            retired: VecDeque::new(),
        };
        // A last segment without records is begun again, under the same name.
        let reused = dir.join(segment_name(next_seq));
        for path in old.iter().filter(|path| **path != reused) {
            let bytes = fs::metadata(path).map_or(0, |data| data.len());
            journal.retire(path.clone(), bytes);
        }
        journal
    }

    /// The number of the last durable record.
    pub(crate) fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// Bytes of the active segment and of the superfluous ones that are still kept.
    pub(crate) fn bytes(&self) -> u64 {
        let kept: u64 = self.retired.iter().map(|segment| segment.bytes).sum();
        kept + self.active_bytes()
    }

    /// Number of segment files.
    pub(crate) fn segments(&self) -> usize {
        self.retired.len() + usize::from(self.active.is_some())
    }

    /// Bytes of the active segment.
    pub(crate) fn active_bytes(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.len)
    }

    /// Whether records can be appended.
    pub(crate) fn is_ready(&self) -> bool {
        self.active.is_some()
    }

    /// Starts a new segment; an active one without records stays as it is.
    pub(crate) fn begin_segment(&mut self) -> io::Result<()> {
        if self.active.as_ref().is_some_and(|active| active.first_seq == self.next_seq) {
            return Ok(());
        }
        let path = self.dir.join(segment_name(self.next_seq));
        let file = match self.create_segment(&path) {
            Ok(file) => file,
            Err(error) => {
                // Left behind, the file would hide later records of the active segment.
                let removed = remove_if_there(&path).and_then(|()| sync_dir(&self.dir));
                if let Err(remove_error) = removed {
                    tracing::warn!(error = %remove_error, "cannot remove a failed segment");
                    self.active = None;
                }
                return Err(error);
            }
        };
        let fresh = Active { file, path, first_seq: self.next_seq, len: HEADER_BYTES };
        if let Some(previous) = self.active.replace(fresh) {
            self.retire(previous.path, previous.len);
        }
        Ok(())
    }

    fn create_segment(&self, path: &Path) -> io::Result<File> {
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).open(path)?;
        let header = Header { store: self.store, first_seq: self.next_seq };
        self.disk.write(&file, &header.encode(), 0)?;
        self.disk.sync(&file)?;
        sync_dir(&self.dir)?;
        Ok(file)
    }

    /// Appends a record and syncs it: on success it is durable. After a failure it is certainly
    /// not in the journal, or the journal is no longer ready.
    pub(crate) fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        let Some(active) = &mut self.active else {
            return Err(io::Error::other("the journal has no segment to write to"));
        };
        let record = format::encode_record(self.next_seq, payload);
        let written = self.disk.write(&active.file, &record, active.len);
        if let Err(error) = written.and_then(|()| self.disk.sync(&active.file)) {
            if let Err(cut_error) = self.disk.cut(&active.file, active.len) {
                tracing::warn!(error = %cut_error, "cannot cut a failed record off the journal");
                self.active = None;
            }
            return Err(error);
        }
        active.len += record.len() as u64;
        self.next_seq += 1;
        Ok(self.last_seq())
    }

    /// Deletes segments that are no longer needed. Call only after a durable checkpoint.
    pub(crate) fn sweep(&mut self, keep: Keep, now: Instant) {
        let mut kept: u64 = self.retired.iter().map(|segment| segment.bytes).sum();
        while let Some(oldest) = self.retired.front() {
            let age = now.saturating_duration_since(oldest.since);
            if age < keep.time && kept <= keep.bytes {
                return;
            }
            if let Err(error) = fs::remove_file(&oldest.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %oldest.path.display(), "cannot delete a segment");
                return;
            }
            kept -= oldest.bytes;
            self.retired.pop_front();
        }
    }

    fn retire(&mut self, path: PathBuf, bytes: u64) {
        self.retired.push_back(Retired { path, bytes, since: Instant::now() });
    }
}
