//! Classic histograms of a script as native ones with custom buckets.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{Buckets, CUSTOM_BUCKETS, Histogram, Labels, LabelsBuilder, METRIC_NAME};

use super::histogram::HistogramText;
use super::notation::{SeriesLine, Slot};

/// What the series of one histogram say of one time.
#[derive(Debug, Clone, Default)]
struct Parts {
    /// Cumulative counts by upper bound, ascending.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// What a series of a classic histogram is of it.
#[derive(Debug, Clone, Copy)]
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

/// The native histograms of the `_bucket`, `_count` and `_sum` series among the lines.
pub(crate) fn converted(lines: &[SeriesLine]) -> Result<Vec<SeriesLine>, String> {
    let mut found: BTreeMap<Labels, BTreeMap<usize, Parts>> = BTreeMap::new();
    for line in lines {
        let name = line.labels.metric_name().unwrap_or("");
        let bound = line.labels.get("le").and_then(|bound| bound.parse::<f64>().ok());
        let (base, part) = match (name.rsplit_once('_'), bound) {
            (Some((base, "bucket")), Some(bound)) if !bound.is_nan() => (base, Part::Bucket(bound)),
            (Some((base, "count")), _) => (base, Part::Count),
            (Some((base, "sum")), _) => (base, Part::Sum),
            _ => continue,
        };
        let mut labels = LabelsBuilder::from_labels(&line.labels);
        labels.set(METRIC_NAME, base);
        labels.remove("le");
        let times = found.entry(labels.build().map_err(|error| error.to_string())?).or_default();
        for (at, slot) in line.slots.iter().enumerate() {
            if let Slot::Float(value) = slot {
                times.entry(at).or_default().set(part, *value);
            }
        }
    }
    let line = |(labels, times): (Labels, BTreeMap<usize, Parts>)| {
        let last = times.keys().next_back().copied().unwrap_or(0);
        let mut slots = vec![Slot::Empty; last + 1];
        for (at, parts) in times {
            let histogram = parts.histogram()?;
            slots[at] = Slot::Histogram(HistogramText { histogram, hinted: false });
        }
        Ok(SeriesLine { labels, slots })
    };
    found.into_iter().map(line).collect()
}

impl Parts {
    fn set(&mut self, part: Part, value: f64) {
        match part {
            Part::Count => self.count = Some(value),
            Part::Sum => self.sum = value,
            Part::Bucket(bound) => {
                // Of several spellings of one bound the first counts.
                let place = self.buckets.binary_search_by(|(at, _)| at.total_cmp(&bound));
                if let Err(place) = place {
                    self.buckets.insert(place, (bound, value));
                }
            }
        }
    }

    fn histogram(self) -> Result<Histogram, String> {
        let mut buckets = self.buckets;
        let last = buckets.last().map(|(_, count)| *count);
        let count = self.count.or(last).unwrap_or(0.0);
        if buckets.last().is_none_or(|(bound, _)| bound.is_finite()) {
            buckets.push((f64::INFINITY, count));
        }
        let bounds = buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite());
        let custom_values: Arc<[f64]> = bounds.collect();
        let mut below = 0.0;
        let mut counts = Vec::with_capacity(buckets.len());
        for (_, cumulative) in &buckets {
            counts.push(cumulative - below);
            below = *cumulative;
        }
        let positive = Buckets::dense(0, counts).map_err(|error| error.to_string())?;
        let mut histogram = Histogram {
            schema: CUSTOM_BUCKETS,
            count,
            sum: self.sum,
            positive,
            custom_values,
            ..Histogram::default()
        };
        histogram.compact();
        histogram.validate().map_err(|error| error.to_string())?;
        Ok(histogram)
    }
}
