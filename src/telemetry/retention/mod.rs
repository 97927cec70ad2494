//! How long samples are kept, what that takes on disk, and deletion by hand.

pub(crate) mod api;
mod deletion;

use kernel::caller::{Caller, Permission};
use kernel::clock::Time;
use kernel::error::{Error, Result};
use metric::Matcher;
use serde::Serialize;
use series::{PartitionShare, Series, Share, Survey, TierSize};
use utoipa::ToSchema;

use crate::Telemetry;

pub use deletion::{CleanReport, DeletionReport, DeletionRequest, SelectionEstimate};

const DAY_MS: i64 = 86_400_000;
/// The newest days that the mean is made of.
const MEAN_DAYS: i64 = 7;

/// Series that satisfy a selector are kept for a time of their own.
#[derive(Clone, Debug)]
pub struct RetentionRule {
    text: String,
    matchers: Vec<Matcher>,
    keep_ms: i64,
}

impl RetentionRule {
    /// Rules at most.
    pub const MOST: usize = 100;

    /// A rule for the series of a selector such as `{job="debug"}`.
    ///
    /// # Errors
    /// `Invalid` for a selector that cannot be read, and for no days.
    pub fn new(selector: &str, days: u32) -> Result<Self> {
        let matchers = promql::parse_selector(selector).map_err(|error| {
            let detail = format!("{selector:?} is no selector: {error}");
            Error::invalid("metrics.retention_rule", detail).field("match")
        })?;
        if days == 0 {
            let detail = format!("{selector}: days must be 1 or more, got 0");
            return Err(Error::invalid("metrics.retention_rule", detail).field("days"));
        }
        let keep_ms = i64::from(days).saturating_mul(DAY_MS);
        Ok(Self { text: selector.to_owned(), matchers, keep_ms })
    }

    /// The rule as the engine knows it.
    pub(crate) fn for_engine(&self) -> series::RetentionRule {
        series::RetentionRule { matchers: self.matchers.clone(), keep_ms: self.keep_ms }
    }
}

/// A rule of retention, and what is stored because of it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RetentionUse {
    /// The selector; none for what no rule holds for.
    #[serde(rename = "match")]
    pub selector: Option<String>,
    /// How long samples are kept, in seconds; none is for ever.
    pub keep_s: Option<u64>,
    /// Active series that the rule holds for.
    pub active_series: u64,
    /// What their samples take on disk: the share that they have of each day's series.
    pub bytes_estimate: u64,
    /// The beginning of the oldest day that is kept.
    pub oldest_at: Option<Time>,
}

/// What is stored of a span of time, mostly a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoredSpan {
    /// The beginning.
    pub start: Time,
    /// The end, which is the beginning of the next.
    pub end: Time,
    /// Bytes on disk.
    pub bytes: u64,
    /// Series.
    pub series: u64,
    /// Samples; none where an earlier release stored them.
    pub samples: Option<u64>,
}

/// What is left of samples when they are thinned out: one row for each span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ThinnedUse {
    /// The span that one row stands for, in seconds.
    pub resolution_s: u64,
    /// How long rows are kept, in seconds; none is for ever, 0 makes none.
    pub keep_s: Option<u64>,
    /// Bytes on disk.
    pub bytes: u64,
    /// The beginning of the oldest file of rows.
    pub oldest_at: Option<Time>,
}

impl From<&TierSize> for ThinnedUse {
    fn from(tier: &TierSize) -> Self {
        Self {
            resolution_s: tier.resolution_ms.unsigned_abs() / 1000,
            keep_s: (tier.keep_ms < i64::MAX).then_some(tier.keep_ms.unsigned_abs() / 1000),
            bytes: tier.partitions.iter().map(|partition| partition.bytes).sum(),
            oldest_at: tier.partitions.first().map(|first| Time::from_millis(first.from_ms)),
        }
    }
}

/// How long samples are kept, and what they take.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RetentionReport {
    /// The rules, the strongest first; of a series the first that matches holds. The last one is
    /// the default, without a selector.
    pub rules: Vec<RetentionUse>,
    /// What is left of samples beyond their retention, the finest first.
    pub thinned: Vec<ThinnedUse>,
    /// Most bytes on disk; the oldest days go beyond it. None is no bound.
    pub bytes_max: Option<u64>,
    /// What is stored, oldest first.
    pub spans: Vec<StoredSpan>,
    /// Bytes on disk, the journal included.
    pub bytes: u64,
    /// Bytes of a day: the mean of the last week's finished days; none before there is one.
    pub bytes_per_day: Option<u64>,
    /// Bytes left on the disk.
    pub disk_free_bytes: u64,
    /// Size of the disk.
    pub disk_total_bytes: u64,
}

impl Telemetry {
    /// How long samples are kept by which rule, and what is stored.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub async fn get_retention(&self, who: &Caller) -> Result<RetentionReport> {
        who.require(Permission::MetricsRead)?;
        let rules = self.retention_rules();
        let now = self.clock().now();
        let look = move |series: &Series, _: &promql::QueryOptions| {
            Ok((series.survey()?, series.sizes(), series.retention(), series.disk()))
        };
        let looked = self.run_query("retention", self.list_options(), look).await?;
        let (survey, sizes, default, disk) = looked;
        let (disk_free_bytes, disk_total_bytes) =
            disk.map_err(|error| Error::internal("metrics.disk", error))?;
        let default_s = default.map(|keep| keep.as_secs());
        Ok(RetentionReport {
            rules: uses(&rules, default_s, &survey.groups),
            bytes_max: self.series().retention_bytes(),
            bytes_per_day: bytes_per_day(&survey, now.as_millis()),
            spans: survey.partitions.iter().map(StoredSpan::from).collect(),
            thinned: sizes.tiers.iter().map(ThinnedUse::from).collect(),
            bytes: sizes.total_bytes(),
            disk_free_bytes,
            disk_total_bytes,
        })
    }
}

fn uses(rules: &[RetentionRule], default_s: Option<u64>, shares: &[Share]) -> Vec<RetentionUse> {
    let keep_s = |rule: &RetentionRule| rule.keep_ms.unsigned_abs() / 1000;
    let ruled = rules.iter().map(|rule| (Some(rule.text.clone()), Some(keep_s(rule))));
    let all = ruled.chain([(None, default_s)]).zip(shares);
    all.map(|((selector, keep_s), share)| RetentionUse {
        selector,
        keep_s,
        active_series: share.active_series,
        bytes_estimate: share.bytes,
        oldest_at: share.oldest_ms.map(Time::from_millis),
    })
    .collect()
}

/// The mean of the last finished days.
fn bytes_per_day(survey: &Survey, now_ms: i64) -> Option<u64> {
    let young = |span: &&PartitionShare| {
        span.to_ms <= now_ms && span.from_ms >= now_ms.saturating_sub((MEAN_DAYS + 1) * DAY_MS)
    };
    let mut bytes = 0_u64;
    let mut span_ms = 0_u64;
    for span in survey.partitions.iter().filter(young) {
        bytes += span.bytes;
        span_ms += span.to_ms.abs_diff(span.from_ms);
    }
    (u128::from(bytes) * u128::from(DAY_MS.unsigned_abs()))
        .checked_div(span_ms.into())
        .and_then(|mean| u64::try_from(mean).ok())
}

impl From<&PartitionShare> for StoredSpan {
    fn from(share: &PartitionShare) -> Self {
        Self {
            start: Time::from_millis(share.from_ms),
            end: Time::from_millis(share.to_ms),
            bytes: share.bytes,
            series: share.series,
            samples: share.samples,
        }
    }
}
