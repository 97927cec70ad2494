//! Deletion of samples by matchers and time, and what it would concern.

use kernel::caller::{Caller, Permission};
use kernel::clock::Time;
use kernel::error::{Error, Result};
use metric::Matcher;
use serde::{Deserialize, Serialize};
use series::{Cleaned, DeleteError, Deleted, Estimate, Series};
use utoipa::ToSchema;

use crate::Telemetry;

/// Selectors of one request.
const SELECTORS_MAX: usize = 100;
/// Characters of the audit entry that name selectors.
const DETAIL_CHARS_MAX: usize = 2_000;

/// Which samples.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeletionRequest {
    /// Selectors such as `{job="debug"}`; series that satisfy one of them are meant.
    #[serde(rename = "match")]
    pub selectors: Vec<String>,
    /// The first time; from the beginning when absent.
    #[serde(default)]
    pub start: Option<Time>,
    /// The last time; until the end when absent.
    #[serde(default)]
    pub end: Option<Time>,
}

/// What a selection concerns, about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SelectionEstimate {
    /// Series.
    pub series: u64,
    /// Whether that is their number; a lower bound otherwise.
    pub series_exact: bool,
    /// Samples, about.
    pub samples_estimate: u64,
    /// Bytes on disk, about.
    pub bytes_estimate: u64,
    /// Days that hold some.
    pub partitions: u64,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeletionReport {
    /// Series.
    pub series: u64,
    /// Days that held some. Their space is free after the compaction, which follows by itself.
    pub partitions: u64,
}

/// What cleaning freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CleanReport {
    /// Days that were written anew.
    pub partitions: u64,
    /// Bytes that they took before.
    pub from_bytes: u64,
    /// Bytes that they take now.
    pub to_bytes: u64,
}

/// A request that was read.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    selectors: Vec<Vec<Matcher>>,
    from_ms: i64,
    to_ms: i64,
    /// For the audit trail.
    text: String,
}

impl Selection {
    /// Reads the selectors and the span.
    ///
    /// # Errors
    /// `Invalid`: no selector, too many, one that cannot be read or that every series satisfies,
    /// an end before the start.
    pub(crate) fn new(request: &DeletionRequest) -> Result<Self> {
        let wrong = |detail: String| Error::invalid("metrics.selection", detail).field("match");
        if request.selectors.is_empty() {
            return Err(wrong("at least one selector is needed".to_owned()));
        }
        if request.selectors.len() > SELECTORS_MAX {
            return Err(wrong(format!("more than {SELECTORS_MAX} selectors")));
        }
        let mut selectors = Vec::new();
        for text in &request.selectors {
            let matchers = promql::parse_selector(text)
                .map_err(|error| wrong(format!("{text:?} is no selector: {error}")))?;
            if matchers.iter().all(Matcher::matches_empty) {
                let detail = format!("{text} selects everything; name at least one value");
                return Err(wrong(detail));
            }
            selectors.push(matchers);
        }
        let from_ms = request.start.map_or(i64::MIN, Time::as_millis);
        let to_ms = request.end.map_or(i64::MAX, Time::as_millis);
        if to_ms < from_ms {
            let detail = "the end lies before the start";
            return Err(Error::invalid("metrics.selection", detail).field("end"));
        }
        let time = |time: Option<Time>| time.map_or("-".to_owned(), |time| time.to_string());
        let (start, end) = (time(request.start), time(request.end));
        let named = request.selectors.join(", ").chars().take(DETAIL_CHARS_MAX).collect::<String>();
        let text = format!("{named} from {start} to {end}");
        Ok(Self { selectors, from_ms, to_ms, text })
    }
}

impl Telemetry {
    /// How many series and samples a selection concerns, about.
    ///
    /// # Errors
    /// `Invalid` for a selection that cannot be read.
    pub async fn estimate_selection(
        &self,
        who: &Caller,
        request: &DeletionRequest,
    ) -> Result<SelectionEstimate> {
        who.require(Permission::MetricsRead)?;
        let Selection { selectors, from_ms, to_ms, .. } = Selection::new(request)?;
        let look = move |series: &Series, _: &promql::QueryOptions| {
            Ok(series.estimate(&selectors, from_ms, to_ms)?)
        };
        let found = self.run_query("estimate", self.list_options(), look).await?;
        Ok(SelectionEstimate::from(found))
    }

    /// Deletes the samples of a selection, durably; the audit trail says who deleted what before
    /// it happens, and how much it was afterwards.
    ///
    /// # Errors
    /// `Invalid` for a selection that cannot be read, `Unavailable` when the disk refuses: some
    /// may be deleted then, and asking again is right.
    pub async fn delete_samples(
        &self,
        who: &Caller,
        request: &DeletionRequest,
    ) -> Result<DeletionReport> {
        who.require(Permission::MetricsDelete)?;
        let Selection { selectors, from_ms, to_ms, text } = Selection::new(request)?;
        let begun = text.clone();
        let note = self.db().write(who, "metrics.delete", move |tx| {
            tx.describe(begun);
            Ok(())
        });
        note.await?;
        let delete = move |series: &Series| series.delete(&selectors, from_ms, to_ms);
        let deleted = self.change_store(delete).await?;
        let Deleted { series, partitions } = deleted;
        let done = format!("{text}: {series} series in {partitions} partitions");
        let note = self.db().write(who, "metrics.deleted", move |tx| {
            tx.describe(done);
            Ok(())
        });
        note.await?;
        Ok(DeletionReport { series, partitions: partitions as u64 })
    }

    /// Frees the space of what was deleted now, rather than by and by.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses or is too full.
    pub async fn clean_samples(&self, who: &Caller) -> Result<CleanReport> {
        who.require(Permission::MetricsDelete)?;
        self.db().write(who, "metrics.clean", |_| Ok(())).await?;
        let Cleaned { partitions, from_bytes, to_bytes } = self.change_store(Series::clean).await?;
        Ok(CleanReport { partitions: partitions as u64, from_bytes, to_bytes })
    }

    /// Runs what changes the store, one at a time, to its end even when its caller gives up.
    async fn change_store<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Series) -> std::result::Result<T, DeleteError> + Send + 'static,
    {
        let Ok(turn) = self.store_turn().try_acquire_owned() else {
            let detail = "another deletion is running, try again when it has ended";
            return Err(Error::limit_reached("metrics.deleting", detail).retry_after_s(10));
        };
        let series = self.series().clone();
        let work = move || {
            let done = work(&series);
            drop(turn);
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|error| Error::internal("metrics.delete_failed", error))?;
        done.map_err(|error| {
            let detail = "samples cannot be deleted at present; some may be deleted already";
            Error::unavailable("metrics.delete_failed", detail).retry_after_s(30).caused_by(error)
        })
    }
}

impl From<Estimate> for SelectionEstimate {
    fn from(estimate: Estimate) -> Self {
        let Estimate { series, series_exact, samples, bytes, partitions } = estimate;
        Self {
            series,
            series_exact,
            samples_estimate: samples,
            bytes_estimate: bytes,
            partitions: partitions as u64,
        }
    }
}
