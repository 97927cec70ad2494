//! Making the rows of a tier.
//!
//! A partition of a tier is written anew as a whole: its old rows, without those that are made
//! again, and the new ones, series by series in the order of labels. All that takes part is read in
//! that order, so that memory holds one series at a time.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use metric::{Sample, Samples};

use super::thin::{Before, Rows};
use super::{Built, BuiltOf, COLUMNS, Tier};
use crate::compaction::{Pacer, RETRY_AFTER, check_space};
use crate::disk::DiskError;
use crate::engine::{Engine, FlushError, Series};
use crate::partition::{
    Merged, Pace, Partition, PartitionReader, PartitionWriter, Rewritten, SeriesWriter, Summary,
};

/// Partitions of samples whose rows are made at once.
const AT_ONCE: usize = 8;
/// How far back a number may lie from which the first one of a partition rises.
const RISES_FROM_MS: i64 = 3_600_000;

/// A partition of a tier to be written anew.
struct Work {
    tier: usize,
    home: Arc<Partition>,
    /// Partitions of samples whose rows are to be made, oldest first; none when the home alone
    /// has something to get rid of.
    samples: Vec<Arc<Partition>>,
}

/// A partition of samples that takes part.
struct Day {
    number: i32,
    reader: PartitionReader,
    from_ms: i64,
    /// Whether its rows are made, or only its last numbers looked at.
    made: bool,
}

impl Series {
    /// Makes the rows of tiers that are missing, of all partitions whose time is over; the
    /// background thread does so by and by.
    ///
    /// # Errors
    /// A damaged file, a disk that refuses or is too full, or a closed engine.
    pub fn thin(&self) -> Result<(), FlushError> {
        let engine = self.engine();
        let now_ms = engine.options.now.read_ms();
        let over = |samples: &Partition| samples.to_ms <= now_ms;
        engine.thin_where(over).map_err(|error| FlushError { reason: error.to_string() })
    }
}

impl Engine {
    /// Makes the rows of the tier's partition that is due, slowly.
    pub(crate) fn thin_due(&self) {
        let mut state = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due =
            self.thinning_due(|samples| self.is_over(samples) && !state.waits(samples.number, now));
        let work = match due {
            Ok(Some(work)) => work,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "looking for samples to thin out failed");
                return;
            }
        };
        let mut pace = Pacer::new(self);
        if let Err(error) = self.thin(&work, &mut || pace.step())
            && !self.is_stopping()
        {
            self.counters.note_compaction_failure();
            tracing::error!(%error, "thinning samples out failed");
            for samples in &work.samples {
                state.wait(samples.number, now + RETRY_AFTER);
            }
        }
    }

    /// Makes all rows that are missing, of the partitions that are wanted, without pauses.
    fn thin_where(&self, wanted: impl Fn(&Partition) -> bool) -> Result<(), DiskError> {
        let _one_at_a_time = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(work) = self.thinning_due(&wanted)? {
            self.thin(&work, &mut || self.go_on())?;
        }
        Ok(())
    }

    /// Writes the partitions of tiers anew of which that is wanted, without pauses.
    pub(crate) fn clean_tiers(
        &self,
        wanted: impl Fn(&Partition, &Summary) -> bool,
    ) -> Result<(), DiskError> {
        for (tier, list) in self.tiers.iter().map(|tier| tier.partitions.list()).enumerate() {
            for home in list {
                if wanted(&home, &home.summary()?) {
                    let work = Work { tier, home, samples: Vec::new() };
                    self.thin(&work, &mut || self.go_on())?;
                }
            }
        }
        Ok(())
    }

    /// Finds a partition of a tier that lacks rows of partitions that are ready, or has something
    /// deleted to get rid of.
    fn thinning_due(&self, ready: impl Fn(&Partition) -> bool) -> Result<Option<Work>, DiskError> {
        let now_ms = self.options.now.read_ms();
        for (at, tier) in self.tiers.iter().enumerate() {
            let mut work: Option<Work> = None;
            for samples in self.partitions.list() {
                let number = tier.partitions.number_of(samples.from_ms);
                if work.as_ref().is_some_and(|work| work.home.number != number) {
                    break;
                }
                if !tier.wants(&samples, now_ms) || !ready(&samples) || tier.has(&samples)? {
                    continue;
                }
                let home = tier.partitions.get_or_create(number)?;
                let work = work.get_or_insert(Work { tier: at, home, samples: Vec::new() });
                work.samples.push(samples);
                if work.samples.len() == AT_ONCE {
                    break;
                }
            }
            if work.is_some() {
                return Ok(work);
            }
            for home in tier.partitions.list() {
                if home.quiet_for() >= self.compact_quiet() && home.summary()?.tombstones {
                    return Ok(Some(Work { tier: at, home, samples: Vec::new() }));
                }
            }
        }
        Ok(None)
    }

    pub(crate) fn compact_quiet(&self) -> Duration {
        Duration::from_millis(self.options.compact_quiet_ms)
    }

    /// Writes a partition of a tier anew. Nothing happens when it was changed meanwhile; samples
    /// that changed meanwhile have another revision by then and are thinned out again.
    fn thin(&self, work: &Work, pace: Pace<'_>) -> Result<(), DiskError> {
        let tier = &self.tiers[work.tier];
        let home = &work.home;
        let started = Instant::now();
        let (changes, old, days) = {
            // Not between a change and its count.
            let _no_flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
            (home.changes(), home.reader()?, self.days(&work.samples)?)
        };
        check_space(home, home.size_bytes())?;
        let written = home.write_new(|writer| {
            let mut built = home.built()?;
            for day in days.iter().filter(|day| day.made) {
                let revision = day.reader.revision();
                let fresh = BuiltOf { revision, mixed: false };
                let of = built.entry(day.number).or_insert(fresh);
                *of = of.renewed(revision);
            }
            for (number, of) in built {
                writer.note_built(number, of)?;
            }
            self.write_rows(tier, (&old, &days), writer, pace)
        })?;
        drop((old, days));
        let _no_flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        if !tier.partitions.is_current(home) || home.changes() != changes {
            return home.discard_new();
        }
        home.replace(0)?;
        tracing::info!(
            resolution_ms = tier.resolution_ms,
            partition = home.number,
            days = work.samples.len(),
            series = written.series,
            rows = written.samples,
            bytes = home.size_bytes(),
            ms = started.elapsed().as_millis(),
            "thinned samples out"
        );
        Ok(())
    }

    /// Opens the partitions of samples, and those before them where they are not among them.
    fn days(&self, samples: &[Arc<Partition>]) -> Result<Vec<Day>, DiskError> {
        let mut days: Vec<Day> = Vec::with_capacity(samples.len() + 1);
        for partition in samples {
            let before = partition.number.checked_sub(1);
            let known = days.last().map(|day| day.number);
            if let Some(before) = before.filter(|_| known != before)
                && let Some(before) = self.partitions.get(before)
            {
                days.push(Day::open(&before, false)?);
            }
            days.push(Day::open(partition, true)?);
        }
        Ok(days)
    }

    fn write_rows(
        &self,
        tier: &Tier,
        (old, days): (&PartitionReader, &[Day]),
        writer: &mut PartitionWriter<'_>,
        pace: Pace<'_>,
    ) -> Result<Rewritten, DiskError> {
        let length_ms = self.partitions.length_ms();
        let mut readers = vec![old];
        readers.extend(days.iter().map(|day| &day.reader));
        let mut merged = Merged::open(&readers, pace)?;
        let keeping = self.keeping();
        let mut series = SeriesWriter::new(writer);
        let (mut rows, mut found) = (Rows::default(), Samples::new());
        while let Some((labels, locals)) = merged.take()? {
            if series.begins_pack() {
                pace()?;
            }
            if keeping.is_short(&labels) {
                continue;
            }
            rows.clear();
            let Some((old_locals, day_locals)) = locals.split_first() else { continue };
            // Rows stay of samples that are gone.
            let made = |at_ms: i64| {
                let number = at_ms.div_euclid(length_ms);
                let mut of_series = days.iter().zip(day_locals);
                of_series.any(|(day, locals)| {
                    day.made && i64::from(day.number) == number && !locals.is_empty()
                })
            };
            rows.read_old(old, old_locals, made, &mut found)?;
            let mut before: Before = None;
            for (day, locals) in days.iter().zip(day_locals) {
                day.read(locals, &mut found)?;
                if day.made {
                    let near = before.filter(|b| b.timestamp_ms >= day.from_ms - RISES_FROM_MS);
                    rows.add(tier.resolution_ms, near, &found);
                }
                before = last_number(&found);
            }
            rows.sort();
            let columns: [&[Sample]; COLUMNS] = std::array::from_fn(|at| &rows.columns[at][..]);
            series.add(labels, &columns, &rows.histograms, &[])?;
        }
        series.finish()
    }
}

impl Day {
    fn open(partition: &Partition, made: bool) -> Result<Self, DiskError> {
        let (number, from_ms) = (partition.number, partition.from_ms);
        let reader = partition.reader()?;
        Ok(Self { number, reader, from_ms, made })
    }

    /// Reads a series; of a day that is only looked at its last numbers.
    fn read(&self, locals: &[u32], out: &mut Samples) -> Result<(), DiskError> {
        out.clear();
        let to_ms = self.reader.span_ms().1;
        let from_ms = if self.made { i64::MIN } else { to_ms.saturating_sub(RISES_FROM_MS) };
        if !locals.is_empty() {
            self.reader.read(locals.iter().copied(), from_ms, i64::MAX, out)?;
            out.settle(from_ms, i64::MAX);
        }
        Ok(())
    }
}

/// The last sample that is a number.
fn last_number(samples: &Samples) -> Before {
    let mut positions = (0..samples.len()).rev();
    let number =
        |at: &usize| samples.histogram(*at).is_none() && !metric::is_stale(samples.values()[*at]);
    positions.find(number).and_then(|at| samples.get(at))
}

impl Rows {
    /// Takes the rows that a partition of the tier has, but those that are made again.
    fn read_old(
        &mut self,
        old: &PartitionReader,
        locals: &[u32],
        made: impl Fn(i64) -> bool,
        found: &mut Samples,
    ) -> Result<(), DiskError> {
        if locals.is_empty() {
            return Ok(());
        }
        for (at, column) in self.columns.iter_mut().enumerate() {
            found.clear();
            old.read_column(locals.iter().copied(), at, (i64::MIN, i64::MAX), found)?;
            found.settle(i64::MIN, i64::MAX);
            let stay = found.iter().enumerate().filter(|(_, row)| !made(row.timestamp_ms));
            for (position, row) in stay {
                match found.histogram(position) {
                    Some(histogram) => {
                        self.histograms.push((row.timestamp_ms, Arc::clone(histogram)));
                    }
                    None => column.push(row),
                }
            }
        }
        Ok(())
    }

    /// Brings rows into order: old ones may lie on both sides of new ones.
    fn sort(&mut self) {
        self.columns.iter_mut().for_each(|column| column.sort_by_key(|row| row.timestamp_ms));
        self.histograms.sort_by_key(|(at, _)| *at);
    }
}

impl Partition {
    /// Which revisions of partitions of samples were thinned out into this one; the file is opened
    /// for it only when it changed since the last time.
    pub(crate) fn built(&self) -> Result<Built, DiskError> {
        let changes = self.changes();
        let mut known = self.built_cache();
        if let Some((at, built)) = &*known
            && *at == changes
        {
            return Ok(built.clone());
        }
        let built = self.reader()?.built();
        *known = Some((changes, built.clone()));
        Ok(built)
    }
}
