//! Reading what a partition holds beside numbers.

use std::path::Path;

use metric::{Exemplar, ReadError, Samples};
use redb::{AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable};
use roaring::RoaringBitmap;

use super::beside::{read_exemplars, read_histograms};
use super::read::PartitionReader;
use super::tombstone::existing;
use super::{BesideKey, EXEMPLARS, HISTOGRAMS, HOLDERS, WITH_EXEMPLARS, WITH_HISTOGRAMS, bitmap};
use crate::disk::DiskError;

/// A value of a table.
pub(super) type Stored = AccessGuard<'static, &'static [u8]>;

/// Histograms and exemplars in one snapshot; files of earlier releases have none.
#[derive(Default)]
pub(super) struct BesideTables {
    histograms: Option<Held>,
    exemplars: Option<Held>,
}

/// A table and the series that are in it.
struct Held {
    table: ReadOnlyTable<BesideKey, &'static [u8]>,
    series: RoaringBitmap,
}

impl BesideTables {
    /// Opens the tables of a snapshot.
    pub(super) fn read(read: &ReadTransaction, file: &Path) -> Result<Self, DiskError> {
        let Some(holders) = existing(read.open_table(HOLDERS), file)? else {
            return Ok(Self::default());
        };
        let open = |definition, key| -> Result<Option<Held>, DiskError> {
            let series = holders_of(&holders, key, file)?;
            if series.is_empty() {
                return Ok(None);
            }
            let table = read.open_table(definition);
            let table = table.map_err(|error| DiskError::redb(file, error))?;
            Ok(Some(Held { table, series }))
        };
        Ok(Self {
            histograms: open(HISTOGRAMS, WITH_HISTOGRAMS)?,
            exemplars: open(EXEMPLARS, WITH_EXEMPLARS)?,
        })
    }
}

/// The series that are in one of the tables.
pub(super) fn holders_of(
    holders: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
    file: &Path,
) -> Result<RoaringBitmap, DiskError> {
    let found = holders.get(key).map_err(|error| DiskError::redb(file, error))?;
    found.map_or_else(
        || Ok(RoaringBitmap::new()),
        |bytes| bitmap::decode(bytes.value()).map_err(|error| DiskError::damaged(file, error)),
    )
}

impl PartitionReader {
    /// Passes the histograms of a series as they are stored, with the number of the flush.
    pub(super) fn each_histograms(
        &self,
        local: u32,
        visit: impl FnMut(u32, Stored) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        match self.beside.histograms.as_ref().filter(|held| held.series.contains(local)) {
            Some(held) => self.each_part(held, local, visit),
            None => Ok(()),
        }
    }

    /// Appends those histograms of one part within a range that were not deleted.
    pub(super) fn read_part(
        &self,
        bytes: &[u8],
        range: (i64, i64),
        lost: &[(i64, i64)],
        out: &mut Samples,
    ) -> Result<(), ReadError> {
        let keep = |at: i64| !is_lost(lost, at);
        read_histograms(bytes, range, keep, out).map_err(|error| self.damaged(error))
    }

    /// The series that have exemplars.
    pub(crate) fn with_exemplars(&self) -> Option<&RoaringBitmap> {
        self.beside.exemplars.as_ref().map(|held| &held.series)
    }

    /// Appends the exemplars of a series within a range, oldest flush first.
    pub(crate) fn read_exemplars(
        &self,
        local: u32,
        range: (i64, i64),
        out: &mut Vec<Exemplar>,
    ) -> Result<(), ReadError> {
        let Some(held) = self.beside.exemplars.as_ref().filter(|h| h.series.contains(local)) else {
            return Ok(());
        };
        self.each_part(held, local, |flush, bytes| {
            let lost = self.tombstones.of(local, flush);
            let first = out.len();
            read_exemplars(bytes.value(), range, out).map_err(|error| self.damaged(error))?;
            if !lost.is_empty() {
                let mut place = 0;
                out.retain(|exemplar| {
                    place += 1;
                    place <= first || !is_lost(&lost, exemplar.timestamp_ms)
                });
            }
            Ok(())
        })
    }

    /// Passes the parts of a series with the number of the flush.
    fn each_part(
        &self,
        held: &Held,
        local: u32,
        mut visit: impl FnMut(u32, Stored) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.guard(|| {
            let keys = (local, 0, 0)..=(local, u32::MAX, u32::MAX);
            for entry in held.table.range(keys).map_err(|error| self.failed(error))? {
                let (key, bytes) = entry.map_err(|error| self.failed(error))?;
                visit(key.value().1, bytes)?;
            }
            Ok(())
        })
    }
}

/// Whether a time lies in one of the spans.
pub(super) fn is_lost(lost: &[(i64, i64)], at_ms: i64) -> bool {
    lost.iter().any(|(from_ms, to_ms)| (*from_ms..=*to_ms).contains(&at_ms))
}
