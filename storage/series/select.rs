//! Reading: series found in memory and in partitions, merged by their labels.
//!
//! Memory is looked at before partitions: a flush that ends in between shows its samples twice,
//! which the merge drops, and never not at all.

use hashbrown::HashMap;
use metric::{Labels, Matcher, ReadError, Sample, Samples, Select, Selection, SeriesReader};

use crate::engine::{Engine, Series};
use crate::head::{Link, Unflushed};
use crate::partition::PartitionReader;
use crate::postings;

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
    readers: Vec<PartitionReader>,
    from_ms: i64,
    to_ms: i64,
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
        let how = Select { series_max, last_only: true, any_order: false };
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
        let InMemory { mut series, links, renumbered } =
            self.select_in_memory(matchers, from_ms, to_ms, how)?;
        let mut readers = Vec::new();
        let mut by_labels: HashMap<Labels, usize> = HashMap::new();
        for partition in self.partitions.overlapping(from_ms, to_ms) {
            let reader = partition.reader()?;
            let mut found = postings::find(&reader, matchers)?;
            let place = readers.len() as u32;
            // A compaction since gave the series other numbers: they are found by their labels.
            let linked = reader.renumbered() <= renumbered;
            for (selected, links) in series.iter_mut().zip(&links) {
                let link = links.iter().find(|link| link.partition == partition.number);
                if let Some(link) = link.filter(|link| linked && found.remove(link.local))
                    && !matches!(selected.held, Held::Newest(_))
                {
                    selected.places.push((place, link.local));
                }
            }
            if !found.is_empty() && by_labels.is_empty() {
                by_labels = series.iter().enumerate().map(|(i, s)| (s.labels.clone(), i)).collect();
            }
            reader.labels_of(&found, |local, labels| {
                if let Some(&at) = by_labels.get(&labels) {
                    if !matches!(series[at].held, Held::Newest(_)) {
                        series[at].places.push((place, local));
                    }
                    return Ok(());
                }
                how.check(series.len() + 1)?;
                by_labels.insert(labels.clone(), series.len());
                let places = vec![(place, local)];
                series.push(Selected { labels, held: Held::Nothing, places });
                Ok(())
            })?;
            readers.push(reader);
        }
        series.retain(|selected| {
            !matches!(selected.held, Held::Nothing) || !selected.places.is_empty()
        });
        if !how.any_order {
            series.sort_unstable_by(|left, right| left.labels.cmp(&right.labels));
        }
        Ok(EngineSelection { series, readers, from_ms, to_ms })
    }

    /// Matching series in memory.
    fn select_in_memory(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        how: Select,
    ) -> Result<InMemory, ReadError> {
        let oldest_ms = self.oldest_ms(self.options.now.read_ms());
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

    fn read(&self, i: usize, out: &mut Samples) -> Result<(), ReadError> {
        out.clear();
        let series = &self.series[i];
        for places in series.places.chunk_by(|left, right| left.0 == right.0) {
            let reader = &self.readers[places[0].0 as usize];
            let locals = places.iter().map(|(_, local)| *local);
            reader.read(locals, self.from_ms, self.to_ms, out)?;
        }
        match &series.held {
            Held::Nothing => {}
            Held::Newest(sample) => out.push(sample.timestamp_ms, sample.value),
            Held::Unflushed(unflushed) => unflushed.read(self.from_ms, self.to_ms, out),
        }
        out.settle(self.from_ms, self.to_ms);
        Ok(())
    }
}
