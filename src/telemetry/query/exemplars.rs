//! Exemplars of the series that an expression selects.

use std::collections::BTreeSet;

use kernel::caller::{Caller, Permission};
use metric::{Exemplar, Labels, Matcher};
use series::ExemplarLimits;

use super::error::QueryError;
use crate::Telemetry;

/// Selectors of one expression that are looked up; the same one twice counts once.
const SELECTORS_MAX: usize = 100;

/// Series with their exemplars, both in order.
pub(crate) type Found = Vec<(Labels, Vec<Exemplar>)>;

impl Telemetry {
    /// Exemplars within a range of time of all series that any selector of an expression finds,
    /// whatever the expression makes of them.
    pub(crate) async fn query_exemplars(
        &self,
        who: &Caller,
        query: String,
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Found, QueryError> {
        who.require(Permission::MetricsRead)?;
        let expr = self.parse(query).await?;
        let settings = &self.queries().settings;
        let limits =
            ExemplarLimits { series_max: settings.series_max, exemplars_max: settings.items_max };
        self.run_query("query_exemplars", self.list_options(), move |series, _| {
            let mut seen = BTreeSet::new();
            let mut selectors = expr.selectors();
            selectors.retain(|matchers| seen.insert(written(matchers)));
            if selectors.len() > SELECTORS_MAX {
                let reason = format!("more than {SELECTORS_MAX} selectors");
                return Err(QueryError::parameter("query", reason));
            }
            Ok(series.exemplars(&selectors, from_ms, to_ms, limits)?)
        })
        .await
    }
}

/// A selector as a text that no other has.
fn written(matchers: &[Matcher]) -> String {
    let each = matchers.iter().map(|it| (it.name(), it.op().as_str(), it.value()));
    format!("{:?}", each.collect::<Vec<_>>())
}
