//! Opening: the directory's format, the catalogue, and what the journal holds beyond it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Condvar, Mutex, RwLock};
use std::time::Instant;

use metric::Metadata;

use crate::catalog::{Catalog, MetadataBook};
use crate::chunk::Damaged;
use crate::disk::DiskError;
use crate::engine::{Counters, Engine, OpenError};
use crate::flush::FlushState;
use crate::head::Head;
use crate::journal::{
    Journal, Op, OpReader, SegmentError, Tail, list_segments, read_segment, segment_path, sync_dir,
};
use crate::options::Options;
use crate::partition::Shape;
use crate::partitions::Partitions;
use crate::retention::RuleBook;
use crate::tier::Tier;

const FORMAT_VERSION: u64 = 1;
const PARTITION_MS_MIN: i64 = 60_000;

pub(crate) fn open(dir: &Path, options: Options) -> Result<Engine, OpenError> {
    let journal_dir = dir.join("journal");
    let partitions_dir = dir.join("partitions");
    for dir in [dir, &journal_dir, &partitions_dir] {
        fs::create_dir_all(dir).map_err(|error| DiskError::io(dir, &error))?;
    }
    let partition_ms = format(dir, options.partition_ms.max(PARTITION_MS_MIN))?;
    let (catalog, opened) = Catalog::open(dir)?;
    let shape = Shape { length_ms: partition_ms, cache_bytes: options.cache_bytes, columns: 1 };
    let partitions = Partitions::open(&partitions_dir, shape)?;
    let tiers = Tier::open_all(&dir.join("tiers"), &options.tiers, shape)?;
    let segments =
        list_segments(&journal_dir).map_err(|error| DiskError::io(&journal_dir, &error))?;
    let (flushed, unflushed): (Vec<u64>, Vec<u64>) =
        segments.iter().partition(|number| **number <= opened.flushed_segment);
    let mut head = Head::default();
    let mut book = MetadataBook::new(opened.metadata);
    for (from_ms, until_ms) in partitions.newest_samples_ms() {
        head.know_nothing(from_ms, until_ms);
    }
    replay(&journal_dir, &unflushed, &mut head, &mut book)?;
    head.begin_epoch();
    let next = segments.last().copied().unwrap_or(0).max(opened.flushed_segment) + 1;
    let journal = Journal::create(&journal_dir, next)
        .map_err(|error| DiskError::io(&segment_path(&journal_dir, next), &error))?;
    Ok(Engine {
        dir: dir.to_owned(),
        retention_ms: AtomicI64::new(options.retention_ms.unwrap_or(i64::MAX).max(0)),
        retention_bytes: AtomicU64::new(options.retention_bytes.unwrap_or(u64::MAX)),
        limits: RwLock::new(options.series),
        rules: RuleBook::default(),
        options,
        head: RwLock::new(head),
        journal,
        catalog,
        partitions,
        tiers,
        metadata: Mutex::new(book),
        flushing: Mutex::new(FlushState::new(next + 1, &flushed)),
        compacting: Mutex::default(),
        hurry: AtomicBool::new(false),
        counters: Counters::default(),
        started: Instant::now(),
        closed: AtomicBool::new(false),
        wake: (Mutex::new(false), Condvar::new()),
    })
}

/// Reads the file FORMAT, or writes it; returns the length of partitions.
fn format(dir: &Path, wanted_ms: i64) -> Result<i64, DiskError> {
    let path = dir.join("FORMAT");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = format!("onemonitor series {FORMAT_VERSION}\npartition_ms {wanted_ms}\n");
            let aside = dir.join("FORMAT.new");
            let written = fs::File::create(&aside)
                .and_then(|mut file| {
                    file.write_all(text.as_bytes())?;
                    file.sync_all()
                })
                .and_then(|()| fs::rename(&aside, &path))
                .and_then(|()| sync_dir(dir));
            written.map_err(|error| DiskError::io(&path, &error))?;
            text
        }
        Err(error) => return Err(DiskError::io(&path, &error)),
    };
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("onemonitor series "));
    let version = version.and_then(|version| version.parse::<u64>().ok());
    let length = lines.next().and_then(|line| line.strip_prefix("partition_ms "));
    let length = length.and_then(|length| length.parse::<i64>().ok());
    match (version, length) {
        (Some(version), _) if version > FORMAT_VERSION => {
            Err(DiskError::Newer { file: path.display().to_string(), version })
        }
        (Some(_), Some(length_ms)) if length_ms >= PARTITION_MS_MIN => Ok(length_ms),
        _ => Err(DiskError::damaged(&path, "not the format of a series directory")),
    }
}

/// Takes back what segments hold. Only the last segment with records may end in a torn one.
fn replay(
    dir: &Path,
    numbers: &[u64],
    head: &mut Head,
    book: &mut MetadataBook,
) -> Result<(), OpenError> {
    let mut torn: Vec<(PathBuf, usize)> = Vec::new();
    for &number in numbers {
        let path = segment_path(dir, number);
        let mut reader = OpReader::default();
        let mut slots = Vec::new();
        let mut records = 0_u64;
        let tail = read_segment(&path, number, |raw| {
            records += 1;
            replay_record(raw, &mut reader, &mut slots, head, book)
        });
        let tail = tail.map_err(|error| match error {
            SegmentError::Io(error) => DiskError::io(&path, &error),
            SegmentError::Damaged(offset, detail) => {
                DiskError::damaged(&path, format!("{detail} (at byte {offset})"))
            }
            SegmentError::Newer(version) => {
                DiskError::Newer { file: path.display().to_string(), version: version.into() }
            }
        })?;
        if let (Some((path, offset)), true) = (torn.first(), records > 0) {
            let detail = format!("cut off at byte {offset}, yet later segments hold records");
            return Err(DiskError::damaged(path, detail).into());
        }
        if let Tail::Torn { offset } = tail {
            tracing::warn!(segment = %path.display(), offset, "journal ends in a torn record");
            torn.push((path, offset));
        }
    }
    for (path, offset) in torn {
        mend(dir, &path, offset).map_err(|error| DiskError::io(&path, &error))?;
    }
    Ok(())
}

/// Cuts a torn record off, lest it look like damage once later segments hold records.
fn mend(dir: &Path, segment: &Path, offset: usize) -> io::Result<()> {
    if offset == 0 {
        fs::remove_file(segment)?;
        return sync_dir(dir);
    }
    let file = fs::OpenOptions::new().write(true).open(segment)?;
    file.set_len(offset as u64)?;
    file.sync_all()
}

fn replay_record(
    raw: &[u8],
    reader: &mut OpReader,
    slots: &mut Vec<u32>,
    head: &mut Head,
    book: &mut MetadataBook,
) -> Result<(), Damaged> {
    let mut rest = raw;
    while !rest.is_empty() {
        match reader.take(&mut rest)? {
            Op::Define { slot, labels } => {
                let found = head.restore_series(labels);
                let found = found.map_err(|_| Damaged("labels of a series are wrong"))?;
                if slots.len() <= slot as usize {
                    slots.resize(slot as usize + 1, u32::MAX);
                }
                slots[slot as usize] = found;
            }
            Op::Sample { slot, timestamp_ms, bits } => {
                let place = slots.get(slot as usize).copied().unwrap_or(u32::MAX);
                head.restore_sample(place, timestamp_ms, bits);
            }
            Op::Histogram { slot, timestamp_ms, histogram } => {
                let place = slots.get(slot as usize).copied().unwrap_or(u32::MAX);
                head.restore_histogram(place, timestamp_ms, &histogram);
            }
            Op::Exemplar { slot, exemplar } => {
                let place = slots.get(slot as usize).copied().unwrap_or(u32::MAX);
                head.restore_exemplar(place, &exemplar);
            }
            Op::Metadata { json } => {
                let (name, metadata): (String, Metadata) =
                    serde_json::from_slice(json).map_err(|_| Damaged("metadata is not JSON"))?;
                book.set(&name, &metadata);
            }
        }
    }
    Ok(())
}
