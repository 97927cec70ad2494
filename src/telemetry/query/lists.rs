//! Lists of series, label names, label values and metadata.

use kernel::caller::{Caller, Permission};
use kernel::error::Result;
use metric::{Labels, Matcher, Metadata};
use series::Series;

use super::error::QueryError;
use crate::Telemetry;

/// The times and the number of items that a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListBounds {
    pub from_ms: i64,
    pub to_ms: i64,
    /// No limit but our own when absent or zero.
    pub limit: Option<usize>,
}

/// A list, and whether there was more.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub items: Vec<T>,
    pub truncated: bool,
}

impl<T: Ord> Listed<T> {
    fn new(mut items: Vec<T>, limit: usize, truncated: bool) -> Self {
        items.sort_unstable();
        items.dedup();
        let over = items.len() > limit;
        items.truncate(limit);
        Self { items, truncated: truncated || over }
    }
}

impl Telemetry {
    fn items_max(&self, asked: Option<usize>) -> usize {
        let most = self.queries().settings.items_max;
        asked.filter(|&limit| limit > 0).map_or(most, |limit| limit.min(most))
    }

    /// The label sets of series that satisfy one of the selectors.
    pub(crate) async fn list_series(
        &self,
        who: &Caller,
        selectors: Vec<Vec<Matcher>>,
        bounds: ListBounds,
    ) -> Result<Listed<Labels>, QueryError> {
        who.require(Permission::MetricsRead)?;
        let limit = self.items_max(bounds.limit);
        let series_max = self.queries().settings.series_max;
        self.run_query("series", self.list_options(), move |series, _| {
            let mut found = Vec::new();
            for matchers in &selectors {
                found.extend(series.series(matchers, bounds.from_ms, bounds.to_ms, series_max)?);
            }
            Ok(Listed::new(found, limit, false))
        })
        .await
    }

    /// The label names of series that satisfy one of the selectors; of all without selectors.
    pub(crate) async fn list_label_names(
        &self,
        who: &Caller,
        selectors: Vec<Vec<Matcher>>,
        bounds: ListBounds,
    ) -> Result<Listed<String>, QueryError> {
        who.require(Permission::MetricsRead)?;
        let limit = self.items_max(bounds.limit);
        let find = move |series: &Series, matchers: &[Matcher]| {
            let found = series.label_names(matchers, bounds.from_ms, bounds.to_ms, limit)?;
            Ok((found.items, found.truncated))
        };
        self.run_query("labels", self.list_options(), move |series, _| {
            united(series, &selectors, limit, find)
        })
        .await
    }

    /// The values of a label among series that satisfy one of the selectors.
    pub(crate) async fn list_label_values(
        &self,
        who: &Caller,
        name: String,
        selectors: Vec<Vec<Matcher>>,
        bounds: ListBounds,
    ) -> Result<Listed<String>, QueryError> {
        who.require(Permission::MetricsRead)?;
        let limit = self.items_max(bounds.limit);
        let find = move |series: &Series, matchers: &[Matcher]| {
            let found =
                series.label_values(&name, matchers, bounds.from_ms, bounds.to_ms, limit)?;
            Ok((found.items, found.truncated))
        };
        self.run_query("label_values", self.list_options(), move |series, _| {
            united(series, &selectors, limit, find)
        })
        .await
    }

    /// What is known about metrics.
    pub(crate) async fn list_metadata(
        &self,
        who: &Caller,
        metric: Option<String>,
        limit: Option<usize>,
    ) -> Result<Vec<(String, Metadata)>, QueryError> {
        who.require(Permission::MetricsRead)?;
        let limit = self.items_max(limit);
        self.run_query("metadata", self.list_options(), move |series, _| {
            Ok(series.metadata(metric.as_deref(), limit))
        })
        .await
    }
}

/// What several selectors find, put together.
fn united(
    series: &Series,
    selectors: &[Vec<Matcher>],
    limit: usize,
    find: impl Fn(&Series, &[Matcher]) -> Result<(Vec<String>, bool), QueryError>,
) -> Result<Listed<String>, QueryError> {
    let mut items = Vec::new();
    let mut truncated = false;
    let everything = [Vec::new()];
    for matchers in if selectors.is_empty() { &everything } else { selectors } {
        let (found, more) = find(series, matchers)?;
        items.extend(found);
        truncated |= more;
    }
    Ok(Listed::new(items, limit, truncated))
}

/// A label name as addresses hold it: `U__` says that `__` stands for an underscore and a number
/// in hexadecimal between underscores for a character. What is not like this stands for itself.
pub(crate) fn unescape_name(name: &str) -> String {
    name.strip_prefix("U__").and_then(unescape).unwrap_or_else(|| name.to_owned())
}

fn unescape(mut rest: &str) -> Option<String> {
    let mut plain = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('_') {
        plain.push_str(before);
        if let Some(after) = after.strip_prefix('_') {
            plain.push('_');
            rest = after;
            continue;
        }
        let (digits, after) = after.split_once('_')?;
        let code = Some(digits).filter(|digits| digits.len() <= 6)?;
        plain.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}
