//! Reading: series found in memory and in partitions, merged by their labels.
//!
//! Memory is looked at before partitions: a flush that ends in between shows its samples twice,
//! which the merge drops, and never not at all.

use std::sync::Arc;

use hashbrown::HashMap;
use metric::{
    Aggregate, Labels, Matcher, ReadError, Sample, Samples, Select, Selection, SeriesReader,
    Thinned,
};
use roaring::RoaringBitmap;

use crate::engine::{Engine, Series};
use crate::head::{Link, Unflushed};
use crate::partition::PartitionReader;
use crate::postings;
use crate::tier::{Column, Parts, columns_of, join};

/// A series of a selection.
struct Selected {
    labels: Labels,
    held: Held,
    /// Partition reader and number within the partition, oldest first.
    places: Vec<(u32, u32)>,
}

/// What memory held of a series when the selection was made.
enum Held {
    Nothing,
    /// Samples that no partition held.
    Unflushed(Unflushed),
    /// The newest sample of all, where no other is wanted.
    Newest(Sample),
}

/// Matching series in memory.
struct InMemory {
    series: Vec<Selected>,
    /// For each of them where partitions keep it.
    links: Vec<[Link; 2]>,
    /// The last compaction that these links know of.
    renumbered: u64,
}

struct EngineSelection {
    series: Vec<Selected>,
    sources: Vec<Source>,
    /// What rows tell of the samples that they stand for.
    aggregate: Aggregate,
    from_ms: i64,
    to_ms: i64,
}

/// A snapshot that samples or rows are read from.
struct Source {
    reader: PartitionReader,
    /// The spans for which rows of a tier answer; `None` for samples as they came.
    spans: Option<Vec<(i64, i64)>>,
}

/// The series found so far.
#[derive(Default)]
struct Gathered {
    series: Vec<Selected>,
    /// Their places in the list, filled when the first series comes that memory does not know.
    by_labels: HashMap<Labels, usize>,
}

impl SeriesReader for Series {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        how: Select,
    ) -> Result<Box<dyn Selection>, ReadError> {
        Ok(Box::new(self.engine().select(matchers, from_ms, to_ms, how)?))
    }

    fn thinned(&self, from_ms: i64, to_ms: i64, wanted_ms: i64) -> Option<Thinned> {
        // What cannot be read is told by the selection that follows.
        let chosen = self.engine().choose_tiers(from_ms, to_ms, wanted_ms).unwrap_or_default();
        let ends = chosen.iter().flat_map(|chosen| chosen.spans.iter().map(|span| span.1));
        Some(Thinned {
            resolution_ms: chosen.iter().map(|chosen| chosen.resolution_ms).max()?,
            until_ms: ends.max()?,
        })
    }
}

impl Series {
    /// The label sets of the series that satisfy all matchers and may have samples in the range,
    /// in order.
    ///
    /// # Errors
    /// More series than the limit, or a damaged file.
    pub fn series(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        series_max: usize,
    ) -> Result<Vec<Labels>, ReadError> {
        let how = Select { series_max, last_only: true, ..Select::default() };
        let selection = self.engine().select(matchers, from_ms, to_ms, how)?;
        Ok(selection.series.into_iter().map(|series| series.labels).collect())
    }
}

impl Engine {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        how: Select,
    ) -> Result<EngineSelection, ReadError> {
        let InMemory { series, links, renumbered } =
            self.select_in_memory(matchers, from_ms, to_ms, how)?;
        let mut gathered = Gathered { series, ..Gathered::default() };
        let mut sources = Vec::new();
        for partition in self.partitions.overlapping(from_ms, to_ms) {
            let reader = partition.reader()?;
            let mut found = postings::find(&reader, matchers)?;
            let place = sources.len() as u32;
            // A compaction since gave the series other numbers: they are found by their labels.
            let linked = reader.renumbered() <= renumbered;
            for (selected, links) in gathered.series.iter_mut().zip(&links) {
                let link = links.iter().find(|link| link.partition == partition.number);
                if let Some(link) = link.filter(|link| linked && found.remove(link.local)) {
                    selected.is_at(place, link.local);
                }
            }
            gathered.add(&reader, place, &found, how)?;
            sources.push(Source { reader, spans: None });
        }
        for chosen in self.choose_tiers(from_ms, to_ms, how.resolution_ms)? {
            let reader = chosen.partition.reader()?;
            let found = postings::find(&reader, matchers)?;
            gathered.add(&reader, sources.len() as u32, &found, how)?;
            sources.push(Source { reader, spans: Some(chosen.spans) });
        }
        let mut series = gathered.series;
        series.retain(|selected| {
            !matches!(selected.held, Held::Nothing) || !selected.places.is_empty()
        });
        if !how.any_order {
            series.sort_unstable_by(|left, right| left.labels.cmp(&right.labels));
        }
        Ok(EngineSelection { series, sources, aggregate: how.aggregate, from_ms, to_ms })
    }

    /// Matching series in memory.
    fn select_in_memory(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        how: Select,
    ) -> Result<InMemory, ReadError> {
        let oldest_ms = self.keeping().oldest_of_all_ms();
        let head = self.head();
        let found = postings::find(&head.index, matchers)?;
        how.check(found.len() as usize)?;
        let mut series = Vec::with_capacity(found.len() as usize);
        let mut links = Vec::with_capacity(found.len() as usize);
        for slot in found {
            let Some(at) = head.series.get(slot) else { continue };
            let newest = head.newest_of(at, to_ms).filter(|newest| {
                how.last_only
                    && (from_ms..=to_ms).contains(&newest.timestamp_ms)
                    && newest.timestamp_ms >= oldest_ms
            });
            let overlaps = |(first, last)| first <= to_ms && last >= from_ms && from_ms <= to_ms;
            let in_range = at.range_ms().is_some_and(overlaps);
            let held = match newest {
                Some(newest) => Held::Newest(newest),
                None if in_range => Held::Unflushed(at.unflushed(from_ms, to_ms)),
                None => Held::Nothing,
            };
            series.push(Selected { labels: at.labels.clone(), held, places: Vec::new() });
            links.push(at.links);
        }
        Ok(InMemory { series, links, renumbered: head.renumbered })
    }
}

impl Selection for EngineSelection {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        &self.series[i].labels
    }

    fn is_thinned(&self) -> bool {
        self.sources.iter().any(|source| source.spans.is_some())
    }

    fn read(&self, i: usize, out: &mut Samples) -> Result<(), ReadError> {
        let series = &self.series[i];
        self.read_samples(series, out)?;
        if !self.is_thinned() {
            return Ok(());
        }
        let mut parts = Parts { raw: std::mem::take(out), ..Parts::default() };
        let (column, rises) = columns_of(self.aggregate);
        self.read_rows(series, column, &mut parts.rows)?;
        if rises {
            self.read_rows(series, Column::Rise, &mut parts.rises)?;
        }
        join(self.aggregate, &parts, out);
        Ok(())
    }
}

impl EngineSelection {
    /// Reads samples as they came.
    fn read_samples(&self, series: &Selected, out: &mut Samples) -> Result<(), ReadError> {
        out.clear();
        for places in series.places.chunk_by(|left, right| left.0 == right.0) {
            let source = &self.sources[places[0].0 as usize];
            if source.spans.is_none() {
                let locals = places.iter().map(|(_, local)| *local);
                source.reader.read(locals, self.from_ms, self.to_ms, out)?;
            }
        }
        match &series.held {
            Held::Nothing => {}
            Held::Newest(sample) => out.push(sample.timestamp_ms, sample.value),
            Held::Unflushed(unflushed) => unflushed.read(self.from_ms, self.to_ms, out),
        }
        out.settle(self.from_ms, self.to_ms);
        Ok(())
    }

    /// Reads one column of the rows that answer for a series.
    fn read_rows(
        &self,
        series: &Selected,
        column: Column,
        out: &mut Samples,
    ) -> Result<(), ReadError> {
        let mut of_source = Samples::new();
        for places in series.places.chunk_by(|left, right| left.0 == right.0) {
            let source = &self.sources[places[0].0 as usize];
            let Some(spans) = &source.spans else { continue };
            let locals = places.iter().map(|(_, local)| *local);
            let range = (self.from_ms, self.to_ms);
            of_source.clear();
            source.reader.read_column(locals, column as usize, range, &mut of_source)?;
            of_source.settle(self.from_ms, self.to_ms);
            for position in 0..of_source.len() {
                let at_ms = of_source.timestamps()[position];
                let answers = spans.iter().any(|span| (span.0..=span.1).contains(&at_ms));
                if !answers || self.has_samples(series, at_ms) {
                    continue;
                }
                match of_source.histogram(position) {
                    Some(histogram) => out.push_histogram(at_ms, Arc::clone(histogram)),
                    None => out.push(at_ms, of_source.values()[position]),
                }
            }
        }
        out.settle(self.from_ms, self.to_ms);
        Ok(())
    }

    /// Whether a partition of samples of a time knows the series.
    fn has_samples(&self, series: &Selected, at_ms: i64) -> bool {
        series.places.iter().any(|(place, _)| {
            let Source { reader, spans } = &self.sources[*place as usize];
            let (from_ms, to_ms) = reader.span_ms();
            spans.is_none() && (from_ms..=to_ms).contains(&at_ms)
        })
    }
}

impl Selected {
    /// Notes where a source has the series; the newest sample of all needs no source.
    fn is_at(&mut self, place: u32, local: u32) {
        if !matches!(self.held, Held::Newest(_)) {
            self.places.push((place, local));
        }
    }
}

impl Gathered {
    /// Adds the series of a source, given by their numbers, found by their labels.
    fn add(
        &mut self,
        reader: &PartitionReader,
        place: u32,
        locals: &RoaringBitmap,
        how: Select,
    ) -> Result<(), ReadError> {
        if !locals.is_empty() && self.by_labels.is_empty() {
            let known = self.series.iter().enumerate();
            self.by_labels = known.map(|(i, selected)| (selected.labels.clone(), i)).collect();
        }
        reader.labels_of(locals, |local, labels| {
            if let Some(&at) = self.by_labels.get(&labels) {
                self.series[at].is_at(place, local);
                return Ok(());
            }
            how.check(self.series.len() + 1)?;
            self.by_labels.insert(labels.clone(), self.series.len());
            let places = vec![(place, local)];
            self.series.push(Selected { labels, held: Held::Nothing, places });
            Ok(())
        })
    }
}
