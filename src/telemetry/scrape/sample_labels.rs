//! The labels of a sample: as it shows them, with those of its target, relabelled, and within the
//! limits of its job.

use metric::{Labels, LabelsBuilder, METRIC_NAME};

use super::fetch::ScrapeFailure;
use super::job::Scraping;
use super::series_cache::Reading;

/// Labels of one sample before relabelling.
const LABELS_MAX: usize = 1_000;

/// Refuses more labels than may be worked on at all.
pub(super) fn check_number(labels: usize) -> Result<(), ScrapeFailure> {
    if labels <= LABELS_MAX {
        return Ok(());
    }
    let detail = format!("a sample has {labels} labels, more than {LABELS_MAX} are never taken");
    Err(ScrapeFailure::new("label_limit", detail))
}

/// Adds a label as the sample shows it; none may be there twice.
pub(super) fn add_label(
    builder: &mut LabelsBuilder,
    name: &str,
    value: &str,
) -> Result<(), ScrapeFailure> {
    if builder.get(name).is_some() {
        return Err(ScrapeFailure::new("parse", format!("the label {name:?} occurs twice")));
    }
    builder.set(name, value);
    Ok(())
}

/// The labels of a sample as they are stored; `None` when relabelling drops it.
pub(super) fn series_labels(
    write: impl FnOnce(&mut LabelsBuilder) -> Result<(), ScrapeFailure>,
    reading: &Reading<'_>,
) -> Result<Option<Labels>, ScrapeFailure> {
    let mut builder = LabelsBuilder::new();
    write(&mut builder)?;
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
