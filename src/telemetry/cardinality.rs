//! Who sends what: the largest metrics, labels, values and sources, and the limits of series.

use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use serde::{Deserialize, Serialize};
use series::{By, Group, Order, Series, SeriesLimits};
use utoipa::{IntoParams, ToSchema};

use crate::Telemetry;

/// Groups of one answer when the question does not say.
const TOP_DEFAULT: usize = 50;
/// Groups of one answer at most.
const TOP_MAX: usize = 10_000;

/// What series are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CardinalityBy {
    /// Metric name.
    #[default]
    Metric,
    /// Label name.
    Label,
    /// Label name and value.
    Value,
    /// Who sends: token, address in a trusted network, scrape target.
    Source,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CardinalityOrder {
    /// Most active series.
    #[default]
    Series,
    /// Most series that came lately.
    Churn,
    /// Most values: labels only.
    Values,
}

/// Which groups.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CardinalityQuery {
    /// What series are counted by; the metric when absent.
    #[serde(default)]
    #[param(required = false)]
    pub by: CardinalityBy,
    /// What comes first; most series when absent.
    #[serde(default)]
    #[param(required = false)]
    pub order: CardinalityOrder,
    /// Groups at most, 1 to 10,000; 50 when absent.
    pub limit: Option<usize>,
}

/// A group of active series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CardinalityGroup {
    /// The metric, the label, or the source such as `token:agents`, `scrape:node/web-1:9100`,
    /// `address:10.1.2.3`; an empty source sent nothing since the start of the server.
    pub name: String,
    /// With `by=value`: the value.
    pub value: Option<String>,
    /// Active series.
    pub series: u64,
    /// Those among them that came within the last `recent_s`.
    pub created: u64,
    /// With `by=label`: how many values the label has.
    pub values: Option<u64>,
}

/// What a limit of series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeriesScope {
    /// All series.
    All,
    /// Each metric.
    Metric,
    /// Each source.
    Source,
}

/// A limit of active series, and who is nearest to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeriesLimit {
    /// What it is about.
    pub scope: SeriesScope,
    /// The key of the configuration that sets it.
    pub key: &'static str,
    /// The limit; none when there is no bound.
    pub max: Option<u64>,
    /// Active series of all, or of the largest metric or source.
    pub used: u64,
    /// The largest metric or source.
    pub largest: Option<String>,
}

/// Where active series come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CardinalityReport {
    /// What series are counted by.
    pub by: CardinalityBy,
    /// What comes first.
    pub order: CardinalityOrder,
    /// Active series.
    pub series: u64,
    /// Those among them that came within the last `recent_s`.
    pub created: u64,
    /// The span of `created` in seconds: an hour, or less soon after the start of the server.
    pub recent_s: u64,
    /// How many groups there are.
    pub total: u64,
    /// The largest groups, the largest first.
    pub items: Vec<CardinalityGroup>,
    /// The limits in force.
    pub limits: Vec<SeriesLimit>,
}

impl Telemetry {
    /// Counts active series by what they have in common.
    ///
    /// # Errors
    /// `Invalid` for a number of groups that is not allowed.
    pub async fn get_cardinality(
        &self,
        who: &Caller,
        query: CardinalityQuery,
    ) -> Result<CardinalityReport> {
        who.require(Permission::MetricsRead)?;
        let top = query.limit.unwrap_or(TOP_DEFAULT);
        if !(1..=TOP_MAX).contains(&top) {
            let detail = format!("expected a number from 1 to {TOP_MAX}, got {top}");
            return Err(Error::invalid("metrics.limit", detail).field("limit"));
        }
        let count = move |series: &Series, _: &promql::QueryOptions| Ok(report(series, query, top));
        Ok(self.run_query("cardinality", self.list_options(), count).await?)
    }
}

fn report(series: &Series, query: CardinalityQuery, top: usize) -> CardinalityReport {
    let by = match query.by {
        CardinalityBy::Metric => By::Metric,
        CardinalityBy::Label => By::Label,
        CardinalityBy::Value => By::Value,
        CardinalityBy::Source => By::Source,
    };
    let order = match query.order {
        CardinalityOrder::Series => Order::Series,
        CardinalityOrder::Churn => Order::Churn,
        CardinalityOrder::Values => Order::Values,
    };
    let census = series.census(by, order, top);
    CardinalityReport {
        by: query.by,
        order: query.order,
        series: census.series,
        created: census.created,
        recent_s: u64::from(census.recent_minutes) * 60,
        total: census.total,
        items: census.groups.into_iter().map(CardinalityGroup::from).collect(),
        limits: limits(series, census.series),
    }
}

impl From<Group> for CardinalityGroup {
    fn from(group: Group) -> Self {
        let Group { name, value, series, created, values } = group;
        Self { name, value, series, created, values }
    }
}

fn limits(series: &Series, used: u64) -> Vec<SeriesLimit> {
    let SeriesLimits { all, per_metric, per_source } = series.series_limits();
    let limit = |scope, key, max, used, largest| {
        let max = (max != usize::MAX).then_some(max as u64);
        SeriesLimit { scope, key, max, used, largest }
    };
    let largest = |by| {
        let first = series.census(by, Order::Series, 2).groups;
        // Nobody is limited who has no name.
        let first = first.into_iter().find(|group| !group.name.is_empty());
        first.map_or((0, None), |group| (group.series, Some(group.name)))
    };
    let (of_metric, metric) = largest(By::Metric);
    let (of_source, source) = largest(By::Source);
    vec![
        limit(SeriesScope::All, "metrics.active_series", all, used, None),
        limit(
            SeriesScope::Metric,
            "metrics.active_series_per_metric",
            per_metric,
            of_metric,
            metric,
        ),
        limit(
            SeriesScope::Source,
            "metrics.active_series_per_source",
            per_source,
            of_source,
            source,
        ),
    ]
}
