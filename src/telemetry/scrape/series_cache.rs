//! From the text of one scrape to rows for the engine, and what ended since the scrape before.
//!
//! A target shows the same series in the same words every time, so labels are parsed, merged and
//! relabelled once and found again by a hash of those words. The cache also knows which series
//! are live in the store: when one is missing, or the scrape fails, it gets a stale marker.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use metric::{Labels, LabelsBuilder, METRIC_NAME, Metadata, stale_nan};

use super::exposition::{Entry as Line, Format, LineParser, SampleLine, parse_body};
use super::fetch::ScrapeFailure;
use super::job::Scraping;

/// Metric families of one target whose metadata is kept.
const FAMILIES_MAX: usize = 5_000;
/// Longest help text kept, in bytes.
const HELP_BYTES_MAX: usize = 1024;

/// A sample on its way to the engine.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub labels: Labels,
    pub timestamp_ms: i64,
    pub value: f64,
}

/// Series remembered for each sample that a scrape may have: those of a scrape that failed and
/// those that relabelling drops count too.
const KNOWN_PER_SAMPLE_MAX: usize = 3;

/// What a scrape brought.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Samples and stale markers.
    pub rows: Vec<Row>,
    /// Samples in the body.
    pub scraped: usize,
    /// Samples left after relabelling.
    pub kept: usize,
    /// Series not seen in the scrape before.
    pub added: usize,
    /// Metadata that is new or changed.
    pub metadata: Vec<(String, Metadata)>,
}

#[derive(Debug)]
struct Known {
    /// `None` when relabelling dropped it.
    labels: Option<Labels>,
    /// The pass that saw it last.
    seen: u64,
    /// The store holds a sample of it that no marker has ended.
    live: bool,
    /// Its last sample had a time of its own: then its end is not marked.
    timed: bool,
}

/// What is known about the series of one target.
#[derive(Debug, Default)]
pub(crate) struct SeriesCache {
    hasher: RandomState,
    known: HashMap<(u64, usize), Known>,
    families: HashMap<String, Metadata>,
    pass: u64,
}

/// What a body is read under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub scraping: &'a Scraping,
    /// The target's own labels.
    pub labels: &'a Labels,
    pub at_ms: i64,
}

impl SeriesCache {
    /// Reads a body. Nothing is final before [`SeriesCache::commit`].
    pub(crate) fn take_in(
        &mut self,
        body: &[u8],
        format: Format,
        reading: &Reading<'_>,
    ) -> Result<Pass, ScrapeFailure> {
        self.pass += 1;
        let limit = reading.scraping.limits.samples_max;
        if self.known.len() > limit.saturating_mul(KNOWN_PER_SAMPLE_MAX) {
            self.known.retain(|_, known| known.live);
        }
        let mut pass = Pass::default();
        let mut failure = None;
        let parsed = parse_body(body, format, |line, parser| {
            let taken = match line {
                Line::Sample(sample) => self.take_sample(&sample, parser, reading, &mut pass),
                other => {
                    self.take_metadata(&other, &mut pass);
                    Ok(())
                }
            };
            taken.map_err(|error| {
                let detail = error.detail.clone();
                failure = Some(error);
                detail
            })
        });
        if let Err(wrong) = parsed {
            let code = failure.map_or("parse", |failure| failure.code);
            return Err(ScrapeFailure::new(code, wrong.to_string()));
        }
        self.mark_missing(reading.at_ms, &mut pass.rows);
        Ok(pass)
    }

    fn take_sample(
        &mut self,
        sample: &SampleLine<'_>,
        parser: &LineParser<'_>,
        reading: &Reading<'_>,
        pass: &mut Pass,
    ) -> Result<(), ScrapeFailure> {
        pass.scraped += 1;
        let crowded = self.known.len() / 2 > reading.scraping.limits.samples_max;
        let key = (self.hasher.hash_one(sample.series), sample.series.len());
        let known = match self.known.entry(key) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => {
                let labels = series_labels(parser, reading)?;
                if labels.is_none() && crowded {
                    return Ok(());
                }
                pass.added += usize::from(labels.is_some());
                slot.insert(Known { labels, seen: 0, live: false, timed: false })
            }
        };
        known.seen = self.pass;
        let Some(labels) = &known.labels else { return Ok(()) };
        pass.kept += 1;
        let limit = reading.scraping.limits.samples_max;
        if pass.kept > limit {
            let detail = format!("more than {limit} samples, which is this target's limit");
            return Err(ScrapeFailure::new("sample_limit", detail));
        }
        let stated = sample.timestamp_ms.filter(|_| reading.scraping.honor_timestamps);
        known.timed = stated.is_some();
        let timestamp_ms = stated.unwrap_or(reading.at_ms);
        pass.rows.push(Row { labels: labels.clone(), timestamp_ms, value: sample.value });
        Ok(())
    }

    fn take_metadata(&mut self, line: &Line<'_>, pass: &mut Pass) {
        let (Line::Type(name, _) | Line::Help(name, _) | Line::Unit(name, _)) = line else {
            return;
        };
        let family = self.families.get(name.as_ref());
        if family.is_none() && self.families.len() >= FAMILIES_MAX {
            return;
        }
        let mut changed = family.cloned().unwrap_or_default();
        match line {
            Line::Type(_, kind) => changed.metric_type = *kind,
            Line::Help(_, text) => changed.help = cut(text),
            Line::Unit(_, unit) => changed.unit = cut(unit),
            Line::Nothing | Line::End | Line::Sample(_) => {}
        }
        if family == Some(&changed) {
            return;
        }
        self.families.insert(name.clone().into_owned(), changed.clone());
        // HELP and TYPE of one family follow each other: one change for both.
        match pass.metadata.last_mut() {
            Some((last, metadata)) if *last == *name => *metadata = changed,
            _ => pass.metadata.push((name.clone().into_owned(), changed)),
        }
    }

    /// Ends the live series that this pass did not see.
    fn mark_missing(&self, at_ms: i64, rows: &mut Vec<Row>) {
        let missing: Vec<&Labels> = self
            .known
            .values()
            .filter(|known| known.live && known.seen != self.pass)
            .filter_map(|known| known.labels.as_ref())
            .collect();
        if missing.is_empty() {
            return;
        }
        // The same series may have come back in other words.
        let present: HashSet<Labels> = rows.iter().map(|row| row.labels.clone()).collect();
        for labels in missing {
            if !present.contains(labels) {
                rows.push(Row { labels: labels.clone(), timestamp_ms: at_ms, value: stale_nan() });
            }
        }
    }

    /// Stale markers for every live series: the scrape failed, or the target is gone.
    pub(crate) fn mark_all(&self, at_ms: i64) -> Vec<Row> {
        let live = self.known.values().filter(|known| known.live);
        live.filter_map(|known| known.labels.clone())
            .map(|labels| Row { labels, timestamp_ms: at_ms, value: stale_nan() })
            .collect()
    }

    /// The rows of the last pass are in the store.
    pub(crate) fn commit(&mut self) {
        let pass = self.pass;
        self.known.retain(|_, known| {
            known.live = !known.timed && known.labels.is_some();
            known.seen == pass
        });
    }

    /// The markers of [`SeriesCache::mark_all`] are in the store.
    pub(crate) fn commit_end(&mut self) {
        self.known = HashMap::new();
    }

    /// Metadata must be told anew: it did not reach the store.
    pub(crate) fn forget_metadata(&mut self) {
        self.families.clear();
    }
}

/// The labels of a sample as they are stored; `None` when relabelling drops it.
fn series_labels(
    parser: &LineParser<'_>,
    reading: &Reading<'_>,
) -> Result<Option<Labels>, ScrapeFailure> {
    let mut builder = LabelsBuilder::new();
    for label in parser.labels() {
        let (name, value) = (label.name.text(), label.value.text());
        if builder.get(&name).is_some() {
            let detail = format!("the label {name:?} occurs twice");
            return Err(ScrapeFailure::new("parse", detail));
        }
        builder.set(&name, &value);
    }
    merge(&mut builder, reading);
    if !reading.scraping.metric_relabel.apply(&mut builder) {
        return Ok(None);
    }
    if builder.get(METRIC_NAME).is_none() {
        return Err(ScrapeFailure::new("parse", "the sample has no name after relabelling"));
    }
    let built = builder.build();
    let labels = built.map_err(|error| ScrapeFailure::new("parse", error.to_string()))?;
    check_limits(&labels, reading.scraping)?;
    Ok(Some(labels))
}

/// Adds the target's labels; one that the sample has too is kept as `exported_…`, or wins when
/// the job honours labels.
fn merge(builder: &mut LabelsBuilder, reading: &Reading<'_>) {
    for own in reading.labels {
        let Some(exposed) = builder.get(own.name).map(str::to_owned) else {
            builder.set(own.name, own.value);
            continue;
        };
        if reading.scraping.honor_labels {
            continue;
        }
        let mut name = format!("exported_{}", own.name);
        while builder.get(&name).is_some() || reading.labels.get(&name).is_some() {
            name.insert_str(0, "exported_");
        }
        builder.set(&name, &exposed);
        builder.set(own.name, own.value);
    }
}

fn check_limits(labels: &Labels, scraping: &Scraping) -> Result<(), ScrapeFailure> {
    let fail = |detail: String| Err(ScrapeFailure::new("label_limit", detail));
    let limits = &scraping.limits;
    if let Some(max) = limits.labels_max.filter(|&max| labels.len() > max) {
        return fail(format!("{} labels, the limit is {max}", labels.len()));
    }
    for label in labels {
        let name: String = label.name.chars().take(100).collect();
        if let Some(max) = limits.name_bytes_max.filter(|&max| label.name.len() > max) {
            return fail(format!("the label name {name:?} is longer than {max} bytes"));
        }
        if let Some(max) = limits.value_bytes_max.filter(|&max| label.value.len() > max) {
            return fail(format!("the value of label {name:?} is longer than {max} bytes"));
        }
    }
    Ok(())
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(HELP_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
