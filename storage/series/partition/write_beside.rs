//! Writing histograms and exemplars within the transaction of a flush or a compaction.

use std::path::Path;

use metric::Exemplar;
use redb::{Table, WriteTransaction};
use roaring::RoaringBitmap;

use super::beside::{
    EXEMPLARS_AT_ONCE, HISTOGRAMS_AT_ONCE, HistogramSample, encode_exemplars, encode_histograms,
};
use super::frame::Framer;
use super::read_beside::holders_of;
use super::{BesideKey, EXEMPLARS, HISTOGRAMS, HOLDERS, WITH_EXEMPLARS, WITH_HISTOGRAMS, bitmap};
use crate::disk::DiskError;

/// The tables, opened when something is there to be put into one.
pub(super) struct BesideWriter<'txn> {
    file: &'txn Path,
    txn: &'txn WriteTransaction,
    open: Option<Open<'txn>>,
}

struct Open<'txn> {
    histograms: Table<'txn, BesideKey, &'static [u8]>,
    exemplars: Table<'txn, BesideKey, &'static [u8]>,
    holders: Table<'txn, &'static str, &'static [u8]>,
    with_histograms: RoaringBitmap,
    with_exemplars: RoaringBitmap,
    framer: Framer,
    bytes: Vec<u8>,
}

impl<'txn> BesideWriter<'txn> {
    /// Opens nothing yet.
    pub(super) fn new(txn: &'txn WriteTransaction, file: &'txn Path) -> Self {
        Self { file, txn, open: None }
    }

    fn opened(&mut self) -> Result<&mut Open<'txn>, DiskError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => Open::of(self.txn, self.file)?,
        };
        Ok(self.open.insert(open))
    }

    /// Stores histograms, ascending in time, of a series under the number of a flush.
    pub(super) fn put_histograms(
        &mut self,
        (local, flush): (u32, u32),
        samples: &[HistogramSample],
    ) -> Result<(), DiskError> {
        let file = self.file;
        let open = self.opened()?;
        for (part, some) in (0..).zip(samples.chunks(HISTOGRAMS_AT_ONCE)) {
            encode_histograms(&mut open.framer, some, &mut open.bytes)
                .map_err(|error| DiskError::io(file, &error))?;
            let put = open.histograms.insert((local, flush, part), open.bytes.as_slice());
            put.map_err(|error| DiskError::redb(file, error))?;
        }
        open.with_histograms.insert(local);
        Ok(())
    }

    /// Stores exemplars, ascending in time, of a series under the number of a flush.
    pub(super) fn put_exemplars(
        &mut self,
        (local, flush): (u32, u32),
        exemplars: &[Exemplar],
    ) -> Result<(), DiskError> {
        let file = self.file;
        let open = self.opened()?;
        for (part, some) in (0..).zip(exemplars.chunks(EXEMPLARS_AT_ONCE)) {
            encode_exemplars(&mut open.framer, some, &mut open.bytes)
                .map_err(|error| DiskError::io(file, &error))?;
            let put = open.exemplars.insert((local, flush, part), open.bytes.as_slice());
            put.map_err(|error| DiskError::redb(file, error))?;
        }
        open.with_exemplars.insert(local);
        Ok(())
    }

    /// Notes which series are in the tables.
    pub(super) fn finish(&mut self) -> Result<(), DiskError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let sets =
            [(WITH_HISTOGRAMS, &open.with_histograms), (WITH_EXEMPLARS, &open.with_exemplars)];
        for (key, set) in sets {
            bitmap::encode(set, &mut open.bytes)
                .map_err(|error| DiskError::io(self.file, &error))?;
            let put = open.holders.insert(key, open.bytes.as_slice());
            put.map_err(|error| DiskError::redb(self.file, error))?;
        }
        Ok(())
    }
}

impl<'txn> Open<'txn> {
    fn of(txn: &'txn WriteTransaction, file: &Path) -> Result<Self, DiskError> {
        let failed = |error: redb::TableError| DiskError::redb(file, error);
        let holders = txn.open_table(HOLDERS).map_err(failed)?;
        Ok(Self {
            histograms: txn.open_table(HISTOGRAMS).map_err(failed)?,
            exemplars: txn.open_table(EXEMPLARS).map_err(failed)?,
            with_histograms: holders_of(&holders, WITH_HISTOGRAMS, file)?,
            with_exemplars: holders_of(&holders, WITH_EXEMPLARS, file)?,
            holders,
            framer: Framer::new().map_err(|error| DiskError::io(file, &error))?,
            bytes: Vec::new(),
        })
    }
}
