//! Reading: series found in memory and in partitions, merged by their labels.
//!
//! Memory is looked at before partitions: a flush that ends in between shows its samples twice,
//! which the merge drops, and never not at all.

use hashbrown::HashMap;
use metric::{Labels, Matcher, ReadError, Sample, Samples, SelectLimit, Selection, SeriesReader};

use crate::engine::{Engine, Series};
use crate::head::{Link, Unflushed};
use crate::partition::PartitionReader;
use crate::postings;

/// A series of a selection.
struct Selected {
    labels: Labels,
    /// Samples that no partition held when the selection was made.
    unflushed: Option<Unflushed>,
    /// Partition reader and number within the partition, oldest first.
    places: Vec<(u32, u32)>,
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
        limit: SelectLimit,
    ) -> Result<Box<dyn Selection>, ReadError> {
        Ok(Box::new(self.engine().select(matchers, from_ms, to_ms, limit)?))
    }
}

impl Series {
    /// The label sets of the series that satisfy all matchers and may have samples in the range.
    ///
    /// # Errors
    /// More series than the limit, or a damaged file.
    pub fn series(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: SelectLimit,
    ) -> Result<Vec<Labels>, ReadError> {
        let selection = self.engine().select(matchers, from_ms, to_ms, limit)?;
        Ok(selection.series.into_iter().map(|series| series.labels).collect())
    }
}

impl Engine {
    fn select(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: SelectLimit,
    ) -> Result<EngineSelection, ReadError> {
        let (mut series, links) = self.select_in_memory(matchers, from_ms, to_ms, limit)?;
        let mut readers = Vec::new();
        let mut by_labels: HashMap<Labels, usize> = HashMap::new();
        for partition in self.partitions.overlapping(from_ms, to_ms) {
            let reader = partition.reader()?;
            let mut found = postings::find(&reader, matchers)?;
            let place = readers.len() as u32;
            for (selected, links) in series.iter_mut().zip(&links) {
                let link = links.iter().find(|link| link.partition == partition.number);
                if let Some(link) = link.filter(|link| found.remove(link.local)) {
                    selected.places.push((place, link.local));
                }
            }
            if !found.is_empty() && by_labels.is_empty() {
                by_labels = series.iter().enumerate().map(|(i, s)| (s.labels.clone(), i)).collect();
            }
            reader.labels_of(&found, |local, labels| {
                if let Some(&at) = by_labels.get(&labels) {
                    series[at].places.push((place, local));
                    return Ok(());
                }
                limit.check(series.len() + 1)?;
                by_labels.insert(labels.clone(), series.len());
                series.push(Selected { labels, unflushed: None, places: vec![(place, local)] });
                Ok(())
            })?;
            readers.push(reader);
        }
        series.retain(|selected| selected.unflushed.is_some() || !selected.places.is_empty());
        series.sort_unstable_by(|left, right| left.labels.cmp(&right.labels));
        Ok(EngineSelection { series, readers, from_ms, to_ms })
    }

    /// Matching series in memory, and for each where partitions keep it.
    fn select_in_memory(
        &self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        limit: SelectLimit,
    ) -> Result<(Vec<Selected>, Vec<[Link; 2]>), ReadError> {
        let head = self.head();
        let found = postings::find(&head.index, matchers)?;
        limit.check(found.len() as usize)?;
        let mut series = Vec::with_capacity(found.len() as usize);
        let mut links = Vec::with_capacity(found.len() as usize);
        for slot in found {
            let Some(at) = head.series.get(slot) else { continue };
            let in_range = at.range_ms().is_some_and(|(from, to)| from <= to_ms && to >= from_ms);
            let unflushed = in_range.then(|| at.unflushed());
            series.push(Selected { labels: at.labels.clone(), unflushed, places: Vec::new() });
            links.push(at.links);
        }
        Ok((series, links))
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
        if let Some(unflushed) = &series.unflushed {
            let mut samples: Vec<Sample> = Vec::new();
            unflushed.copy_to(&mut samples);
            for sample in samples {
                out.push(sample.timestamp_ms, sample.value);
            }
        }
        out.settle(self.from_ms, self.to_ms);
        Ok(())
    }
}
