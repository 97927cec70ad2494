//! From the body of one scrape to rows for the engine, and what ended since the scrape before.
//!
//! A target shows the same series in the same words every time, so labels are parsed, merged and
//! relabelled once and found again by a hash of those words. The cache also knows which series
//! are live in the store: when one is missing, or the scrape fails, it gets a stale marker.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use metric::{
    Exemplar, Histogram, Labels, LabelsBuilder, METRIC_NAME, Metadata, MetricType, stale_nan,
};

use super::exposition::protobuf::{self, Shape, Wrong};
use super::exposition::{Entry as Line, Format, LineParser, SampleLine, parse_body};
use super::fetch::ScrapeFailure;
use super::job::Scraping;
use super::sample_labels::{add_label, check_number, series_labels};

/// Metric families of one target whose metadata is kept.
const FAMILIES_MAX: usize = 5_000;
/// Longest help text kept, in bytes.
const HELP_BYTES_MAX: usize = 1024;

/// Exemplars of one scrape.
const EXEMPLARS_MAX: usize = 100_000;
/// Bytes that the native histograms of one scrape may take in memory.
const HISTOGRAMS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A sample on its way to the engine.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub labels: Labels,
    pub timestamp_ms: i64,
    /// NaN if it is a histogram.
    pub value: f64,
    pub histogram: Option<Arc<Histogram>>,
}

impl Row {
    /// A row that is a number.
    pub(crate) fn number(labels: Labels, timestamp_ms: i64, value: f64) -> Self {
        Self { labels, timestamp_ms, value, histogram: None }
    }
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
    /// Exemplars that the scrape before did not show.
    pub exemplars: Vec<(Labels, Exemplar)>,
    /// Exemplars that are wrong, or too many.
    pub bad_exemplars: u64,
    /// Metadata that is new or changed.
    pub metadata: Vec<(String, Metadata)>,
    /// What the native histograms take in memory.
    histograms_bytes: usize,
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
    /// The newest exemplar shown: targets show the same one until there is another.
    exemplar: Option<Box<Exemplar>>,
}

impl Known {
    /// Whether an exemplar was not shown before. One without a time is known by the rest.
    fn is_new(&self, exemplar: &Exemplar, is_timed: bool) -> bool {
        let Some(last) = &self.exemplar else { return true };
        let same =
            last.value.to_bits() == exemplar.value.to_bits() && last.labels == exemplar.labels;
        match exemplar.timestamp_ms.cmp(&last.timestamp_ms) {
            _ if same && !is_timed => false,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => !same,
            std::cmp::Ordering::Greater => true,
        }
    }
}

/// A sample as a body shows it.
struct Shown {
    /// The same series has the same key each time.
    key: (u64, usize),
    value: Shape,
    timestamp_ms: Option<i64>,
    /// Exemplars in order of time, and whether each states its time.
    exemplars: Vec<(Exemplar, bool)>,
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
        let pass = match format {
            Format::Text | Format::OpenMetrics => self.take_text(body, format, reading),
            Format::Protobuf => self.take_protobuf(body, reading),
        };
        let mut pass = pass?;
        self.mark_missing(reading.at_ms, &mut pass.rows);
        Ok(pass)
    }

    fn take_text(
        &mut self,
        body: &[u8],
        format: Format,
        reading: &Reading<'_>,
    ) -> Result<Pass, ScrapeFailure> {
        let mut pass = Pass::default();
        let mut failure = None;
        let parsed = parse_body(body, format, |line, parser| {
            let taken = match line {
                Line::Sample(sample) => self.take_line(&sample, parser, reading, &mut pass),
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
        Ok(pass)
    }

    fn take_line(
        &mut self,
        sample: &SampleLine<'_>,
        parser: &LineParser<'_>,
        reading: &Reading<'_>,
        pass: &mut Pass,
    ) -> Result<(), ScrapeFailure> {
        let mut exemplars = Vec::new();
        if let Some(line) = sample.exemplar {
            let at_ms = sample.timestamp_ms.unwrap_or(reading.at_ms);
            match parser.exemplar(line, at_ms) {
                Some(exemplar) => exemplars.push((exemplar, line.timestamp_ms.is_some())),
                None => pass.bad_exemplars += 1,
            }
        }
        let shown = Shown {
            key: (self.hasher.hash_one(sample.series), sample.series.len()),
            value: Shape::Number(sample.value),
            timestamp_ms: sample.timestamp_ms,
            exemplars,
        };
        let labels = |builder: &mut LabelsBuilder| {
            let labels = parser.labels();
            check_number(labels.len())?;
            for label in labels {
                add_label(builder, &label.name.text(), &label.value.text())?;
            }
            Ok(())
        };
        self.take_sample(shown, labels, reading, pass)
    }

    fn take_protobuf(&mut self, body: &[u8], reading: &Reading<'_>) -> Result<Pass, ScrapeFailure> {
        let mut pass = Pass::default();
        let classic = reading.scraping.classic_histograms;
        protobuf::walk(body, classic, |shown| match shown {
            protobuf::Shown::Sample(sample) => self.take_shown(sample, reading, &mut pass),
            protobuf::Shown::Family { name, help, unit, kind } => {
                self.take_family(name, help, unit, kind, &mut pass);
                Ok(())
            }
        })?;
        Ok(pass)
    }

    fn take_shown(
        &mut self,
        sample: protobuf::Sample<'_, '_>,
        reading: &Reading<'_>,
        pass: &mut Pass,
    ) -> Result<(), ScrapeFailure> {
        let protobuf::Sample { name, suffix, labels, more, value, timestamp_ms, .. } = sample;
        check_number(labels.len())?;
        let at_ms = timestamp_ms.unwrap_or(reading.at_ms);
        let mut exemplars = Vec::with_capacity(sample.exemplars.len());
        for found in sample.exemplars {
            let is_timed = found.timestamp_ms.is_some();
            match found.finish(at_ms) {
                Some(exemplar) => exemplars.push((exemplar, is_timed)),
                None => pass.bad_exemplars += 1,
            }
        }
        exemplars.sort_by_key(|(exemplar, _)| exemplar.timestamp_ms);
        let hash = self.hasher.hash_one((name, suffix, labels, &more));
        let shown = Shown { key: (hash, labels.len()), value, timestamp_ms, exemplars };
        let labels = |builder: &mut LabelsBuilder| {
            builder.set(METRIC_NAME, &format!("{name}{suffix}"));
            for (name, value) in labels {
                add_label(builder, name, value)?;
            }
            more.map_or(Ok(()), |(name, value)| add_label(builder, name, &value))
        };
        self.take_sample(shown, labels, reading, pass)
    }

    fn take_sample(
        &mut self,
        shown: Shown,
        write_labels: impl FnOnce(&mut LabelsBuilder) -> Result<(), ScrapeFailure>,
        reading: &Reading<'_>,
        pass: &mut Pass,
    ) -> Result<(), ScrapeFailure> {
        pass.scraped += 1;
        let crowded = self.known.len() / 2 > reading.scraping.limits.samples_max;
        let known = match self.known.entry(shown.key) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => {
                let labels = series_labels(write_labels, reading)?;
                if labels.is_none() && crowded {
                    return Ok(());
                }
                pass.added += usize::from(labels.is_some());
                slot.insert(Known { labels, seen: 0, live: false, timed: false, exemplar: None })
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
        let stated = shown.timestamp_ms.filter(|_| reading.scraping.honor_timestamps);
        known.timed = stated.is_some();
        let labels = labels.clone();
        for (exemplar, is_timed) in shown.exemplars {
            if known.is_new(&exemplar, is_timed) {
                known.exemplar = Some(Box::new(exemplar.clone()));
                pass.push_exemplar(labels.clone(), exemplar);
            }
        }
        pass.push(labels, stated.unwrap_or(reading.at_ms), shown.value)
    }

    fn take_family(
        &mut self,
        name: &str,
        help: &str,
        unit: &str,
        kind: MetricType,
        pass: &mut Pass,
    ) {
        let told = [
            Line::Type(name.into(), kind),
            Line::Help(name.into(), help.into()),
            Line::Unit(name.into(), unit),
        ];
        for line in &told {
            self.take_metadata(line, pass);
        }
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
                rows.push(Row::number(labels.clone(), at_ms, stale_nan()));
            }
        }
    }

    /// Stale markers for every live series: the scrape failed, or the target is gone.
    pub(crate) fn mark_all(&self, at_ms: i64) -> Vec<Row> {
        let live = self.known.values().filter(|known| known.live);
        live.filter_map(|known| known.labels.clone())
            .map(|labels| Row::number(labels, at_ms, stale_nan()))
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

impl Pass {
    fn push(
        &mut self,
        labels: Labels,
        timestamp_ms: i64,
        value: Shape,
    ) -> Result<(), ScrapeFailure> {
        let histogram = match value {
            Shape::Number(value) => {
                self.rows.push(Row::number(labels, timestamp_ms, value));
                return Ok(());
            }
            Shape::Histogram(histogram) => histogram,
        };
        self.histograms_bytes += histogram.memory_bytes();
        if self.histograms_bytes > HISTOGRAMS_BYTES_MAX {
            let detail =
                format!("its native histograms take more than {HISTOGRAMS_BYTES_MAX} bytes");
            return Err(ScrapeFailure::new("too_large", detail));
        }
        let (value, histogram) = (f64::NAN, Some(histogram));
        self.rows.push(Row { labels, timestamp_ms, value, histogram });
        Ok(())
    }

    fn push_exemplar(&mut self, labels: Labels, exemplar: Exemplar) {
        if self.exemplars.len() < EXEMPLARS_MAX {
            self.exemplars.push((labels, exemplar));
        } else {
            self.bad_exemplars += 1;
        }
    }
}

impl From<Wrong> for ScrapeFailure {
    fn from(wrong: Wrong) -> Self {
        Self::new("parse", wrong.to_string())
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(HELP_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
