//! The samples of a series that no partition holds yet, as the flush and readers see them.

use std::sync::Arc;

use metric::{Sample, Samples};

use crate::chunk::StreamReader;

/// Longest run that is searched for a late sample's time; beyond, readers drop the double.
const SEARCHED_RUN_MAX: u32 = 4096;

/// The samples of epochs that ended, waiting to be stored; several epochs when flushes failed.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// Oldest first.
    epochs: Vec<Arc<Epoch>>,
}

/// The samples of one epoch.
#[derive(Debug)]
pub(super) struct Epoch {
    /// The run in order of time.
    pub(super) bytes: Vec<u8>,
    /// What came behind it, sorted by time.
    pub(super) late: Vec<Sample>,
    /// Number of samples.
    pub(super) count: u32,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

/// The samples of one series in memory at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unflushed {
    pub(super) frozen: Option<Arc<Frozen>>,
    pub(super) active: Vec<u8>,
    pub(super) late: Vec<Sample>,
}

impl Frozen {
    /// An epoch behind those frozen before.
    pub(super) fn after(before: Option<Arc<Self>>, epoch: Epoch) -> Self {
        let mut epochs = match before.map(Arc::try_unwrap) {
            None => Vec::with_capacity(1),
            Some(Ok(alone)) => alone.epochs,
            Some(Err(shared)) => shared.epochs.clone(),
        };
        epochs.push(Arc::new(epoch));
        Self { epochs }
    }

    /// First and last time.
    pub(crate) fn range_ms(&self) -> (i64, i64) {
        let first = self.epochs.iter().map(|epoch| epoch.first_ms).min();
        let last = self.epochs.iter().map(|epoch| epoch.last_ms).max();
        (first.unwrap_or(i64::MAX), last.unwrap_or(i64::MIN))
    }

    /// Number of samples.
    pub(crate) fn total(&self) -> u64 {
        self.epochs.iter().map(|epoch| u64::from(epoch.count)).sum()
    }

    /// Appends all samples, oldest epoch first; the caller sorts.
    pub(crate) fn copy_to(&self, out: &mut Vec<Sample>) {
        for epoch in &self.epochs {
            copy_run(&epoch.bytes, out);
            out.extend_from_slice(&epoch.late);
        }
    }

    /// The bits of the sample at a time.
    pub(super) fn value_at(&self, timestamp_ms: i64) -> Option<u64> {
        self.epochs.iter().find_map(|epoch| {
            if !(epoch.first_ms..=epoch.last_ms).contains(&timestamp_ms) {
                return None;
            }
            let late = epoch.late.binary_search_by_key(&timestamp_ms, |late| late.timestamp_ms);
            late.ok()
                .map(|at| epoch.late[at].value.to_bits())
                .or_else(|| find_in_run(&epoch.bytes, epoch.count, epoch.first_ms, timestamp_ms))
        })
    }
}

impl Unflushed {
    /// Appends the samples of a range in the order in which they were stored; the caller settles.
    pub(crate) fn read(&self, from_ms: i64, to_ms: i64, out: &mut Samples) {
        for epoch in self.frozen.iter().flat_map(|frozen| &frozen.epochs) {
            if epoch.first_ms <= to_ms && epoch.last_ms >= from_ms {
                read_run(&epoch.bytes, from_ms, to_ms, out);
                read_late(&epoch.late, from_ms, to_ms, out);
            }
        }
        read_run(&self.active, from_ms, to_ms, out);
        read_late(&self.late, from_ms, to_ms, out);
    }
}

/// The bits of the sample at a time in a run that is not too long to be searched.
pub(super) fn find_in_run(bytes: &[u8], count: u32, first_ms: i64, at_ms: i64) -> Option<u64> {
    if count == 0 || count > SEARCHED_RUN_MAX || at_ms < first_ms {
        return None;
    }
    let mut later = StreamReader::new(bytes).skip_while(|(at, _)| *at < at_ms);
    later.next().filter(|(at, _)| *at == at_ms).map(|(_, bits)| bits)
}

fn read_run(bytes: &[u8], from_ms: i64, to_ms: i64, out: &mut Samples) {
    for (timestamp_ms, bits) in StreamReader::new(bytes) {
        if timestamp_ms > to_ms {
            break;
        }
        if timestamp_ms >= from_ms {
            out.push(timestamp_ms, f64::from_bits(bits));
        }
    }
}

fn read_late(late: &[Sample], from_ms: i64, to_ms: i64, out: &mut Samples) {
    for sample in late.iter().filter(|late| (from_ms..=to_ms).contains(&late.timestamp_ms)) {
        out.push(sample.timestamp_ms, sample.value);
    }
}

fn copy_run(bytes: &[u8], out: &mut Vec<Sample>) {
    out.extend(
        StreamReader::new(bytes)
            .map(|(timestamp_ms, bits)| Sample { timestamp_ms, value: f64::from_bits(bits) }),
    );
}
