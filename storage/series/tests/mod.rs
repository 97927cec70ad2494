//! Tests of the engine at its interface.

mod basics;
mod beside;
mod compaction;
mod crash;
mod damage;
mod delete;
mod limits;
mod lookups;
mod model;
mod reopen;
mod retention;
mod tiers;
mod upkeep;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use metric::{Buckets, Histogram, Labels, Matcher, Samples, Select, Selection, SeriesReader};
use tempfile::TempDir;

use crate::{Appended, Batch, Options, Series};

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// The clock of most tests at the beginning; a partition begins there.
pub(crate) const START: i64 = 470_000 * HOUR;

/// A directory, a clock that the test moves, and settings under which nothing happens by itself.
pub(crate) struct Bed {
    dir: TempDir,
    clock: Arc<AtomicI64>,
    pub(crate) options: Options,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let shown = Arc::clone(&clock);
        let options = Options {
            retention_ms: None,
            retention_grace_ms: 0,
            partition_ms: HOUR,
            flush_interval_ms: u64::MAX / 2,
            journal_keep_ms: 0,
            compact_quiet_ms: u64::MAX / 2,
            tiers: Vec::new(),
            ..Options::new(move || shown.load(Ordering::SeqCst))
        };
        Self { dir: folder(), clock, options }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("series")
    }

    pub(crate) fn open(&self) -> Series {
        Series::open(&self.path(), self.options.clone()).unwrap()
    }

    pub(crate) fn set_now(&self, now_ms: i64) {
        self.clock.store(now_ms, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// What a killed process would leave: the files as they are now.
    pub(crate) fn crashed(&self) -> Self {
        let dir = folder();
        let clock = Arc::clone(&self.clock);
        let copy = Self { dir, clock, options: self.options.clone() };
        copy_dir(&self.path(), &copy.path());
        copy
    }

    /// The journal's segments in order.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        sorted(&self.path().join("journal"))
    }

    /// The files of the partitions in order.
    pub(crate) fn partitions(&self) -> Vec<PathBuf> {
        let dirs = sorted(&self.path().join("partitions"));
        dirs.into_iter().map(|dir| dir.join("data.redb")).collect()
    }
}

/// In memory where the system has such a place: a killed process does not lose it, and hundreds of
/// syncs a second cost nothing.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in sorted(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A label set.
pub(crate) fn set(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

/// The series `up{instance="<n>"}`.
pub(crate) fn up(instance: u32) -> Labels {
    set(&[("__name__", "up"), ("instance", &instance.to_string())])
}

/// Appends samples in one batch.
pub(crate) fn append(series: &Series, samples: &[(&Labels, i64, f64)]) -> Appended {
    let mut batch = Batch::new();
    for (labels, timestamp_ms, value) in samples {
        batch.push(labels.encoded(), *timestamp_ms, *value);
    }
    series.append(&batch).unwrap()
}

/// Appends one sample that is stored.
pub(crate) fn store(series: &Series, labels: &Labels, timestamp_ms: i64, value: f64) {
    let outcome = append(series, &[(labels, timestamp_ms, value)]);
    assert_eq!((outcome.accepted, outcome.rejected), (1, 0), "{outcome:?}");
}

/// A native histogram with `observations` in each of a few buckets.
pub(crate) fn histogram(observations: u32) -> Histogram {
    let count = f64::from(observations);
    let buckets = |first| Buckets::dense(first, vec![count, count]).unwrap();
    Histogram {
        schema: 3,
        count: 5.0 * count,
        sum: count * 1.5,
        zero_count: count,
        zero_threshold: 0.01,
        positive: buckets(i32::try_from(observations % 7).unwrap()),
        negative: buckets(2),
        ..Histogram::default()
    }
}

/// What stands for a histogram among the bits of numbers.
pub(crate) fn bits_of(histogram: &Histogram) -> u64 {
    let wanted = self::histogram((histogram.count / 5.0) as u32);
    assert!(histogram.same(&wanted), "{histogram:?} is none that a test made");
    0xaaaa << 48 | histogram.count as u64
}

/// Times and bits of values by series.
pub(crate) type Data = BTreeMap<String, Vec<(i64, u64)>>;

/// What series hold within a range, both ends inclusive.
pub(crate) fn read(series: &Series, matchers: &[Matcher], from_ms: i64, to_ms: i64) -> Data {
    let selection = series.select(matchers, from_ms, to_ms, Select::default()).unwrap();
    assert!((0..selection.len()).is_sorted_by_key(|i| selection.labels(i)), "in label order");
    read_selection(&*selection)
}

/// The last sample of each series in a range.
pub(crate) fn read_last(series: &Series, from_ms: i64, to_ms: i64) -> Data {
    let how = Select { last_only: true, any_order: true, ..Select::default() };
    let mut found = read_selection(&*series.select(&[], from_ms, to_ms, how).unwrap());
    found.retain(|_, samples| !samples.is_empty());
    for samples in found.values_mut() {
        samples.drain(..samples.len() - 1);
    }
    found
}

fn read_selection(selection: &dyn Selection) -> Data {
    let mut found = Data::new();
    let mut samples = Samples::new();
    for i in 0..selection.len() {
        selection.read(i, &mut samples).unwrap();
        let labels = selection.labels(i).clone();
        let bits = |at: usize| match samples.histogram(at) {
            Some(histogram) => bits_of(histogram),
            None => samples.values()[at].to_bits(),
        };
        let list = samples.timestamps().iter().copied().zip((0..).map(bits)).collect();
        assert_eq!(found.insert(labels.to_string(), list), None, "each series comes once");
    }
    found
}

/// Everything that an engine holds; series without samples are left out.
pub(crate) fn all(series: &Series) -> Data {
    let mut found = read(series, &[], i64::MIN, i64::MAX);
    found.retain(|_, samples| !samples.is_empty());
    found
}

/// The samples of one series.
pub(crate) fn of(series: &Series, labels: &Labels) -> Vec<(i64, f64)> {
    let matchers: Vec<Matcher> =
        labels.iter().map(|label| Matcher::equal(label.name, label.value)).collect();
    let found = read(series, &matchers, i64::MIN, i64::MAX);
    let samples = found.get(&labels.to_string()).cloned().unwrap_or_default();
    samples.into_iter().map(|(at, bits)| (at, f64::from_bits(bits))).collect()
}
