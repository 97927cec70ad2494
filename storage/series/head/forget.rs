//! Series that leave memory, and newest samples that were deleted.

use roaring::RoaringBitmap;

use super::Head;

impl Head {
    /// Takes a series out that holds nothing.
    pub(super) fn take_out(&mut self, slot: u32, partition_ms: i64) {
        let Some(gone) = self.series.remove(slot) else { return };
        if let Ok(found) = self.table.find_entry(gone.hash, |at| *at == slot) {
            found.remove();
        }
        self.index.remove(slot, &gone.labels);
        self.recent.remove(slot);
        self.sources.take(gone.source);
        self.doubt(gone.newest_ms(), partition_ms);
    }

    /// Forgets the newest samples of series where they lie in a span that was deleted from all
    /// partitions: they are no duplicates any more and in no answer.
    pub(crate) fn forget(&mut self, slots: &RoaringBitmap, span: (i64, i64), partition_ms: i64) {
        for slot in slots {
            let Some(series) = self.series.get_mut(slot) else { continue };
            let newest_ms = series.newest_ms();
            if !(span.0..=span.1).contains(&newest_ms) {
                series.forget_older(span);
                continue;
            }
            if series.is_stored() {
                self.take_out(slot, partition_ms);
            } else if series.forget_newest() {
                self.doubt(newest_ms, partition_ms);
            }
        }
    }

    /// Samples up to `newest_ms` are stored of a series whose past is not in memory.
    fn doubt(&mut self, newest_ms: i64, partition_ms: i64) {
        if newest_ms > i64::MIN {
            self.know_nothing(newest_ms.div_euclid(partition_ms) * partition_ms, newest_ms);
        }
    }
}
