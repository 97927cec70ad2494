//! Federation: the newest sample of every series that selectors find, as a scrape by another
//! Prometheus reads it.

use std::collections::VecDeque;

use bytes::Bytes;
use kernel::caller::{Caller, Permission};
use metric::{Label, Labels, Matcher, Sample, Samples, Select, SeriesReader, is_stale};
use promql::QueryOptions;
use series::Series;

use super::error::QueryError;
use super::exposition::{push_family, push_sample, push_series};
use crate::Telemetry;

/// About how many bytes a piece of the answer has.
const PIECE_BYTES: usize = 64 * 1024;
/// Series read between two looks at the deadline.
const SERIES_A_LOOK: usize = 256;
/// The label that is written even when it is empty, so that a scraper that honours labels does
/// not put its own in its place.
const INSTANCE: &str = "instance";

impl Telemetry {
    /// The newest samples, not older than the look back, of series that satisfy a selector.
    pub(crate) async fn federate(
        &self,
        who: &Caller,
        selectors: Vec<Vec<Matcher>>,
    ) -> Result<Federated, QueryError> {
        who.require(Permission::MetricsRead)?;
        let options = self.list_options();
        let series_max = self.queries().settings.series_max;
        let to_ms = self.clock().now().as_millis();
        let from_ms = to_ms.saturating_sub(options.lookback_ms).saturating_add(1);
        self.run_query("federate", options, move |series, options| {
            let mut found = Vec::new();
            for matchers in &selectors {
                newest(series, matchers, (from_ms, to_ms), series_max, options, &mut found)?;
                if found.len() > series_max {
                    let limit = metric::ReadError::Limit { limit: "series_max", max: series_max };
                    return Err(limit.into());
                }
            }
            found.sort_by(|(left, _), (right, _)| {
                (left.metric_name(), left).cmp(&(right.metric_name(), right))
            });
            found.dedup_by(|(left, _), (right, _)| left == right);
            Ok(Federated { rest: found.into(), family: None })
        })
        .await
    }
}

fn newest(
    series: &Series,
    matchers: &[Matcher],
    (from_ms, to_ms): (i64, i64),
    series_max: usize,
    options: &QueryOptions,
    found: &mut Vec<(Labels, Sample)>,
) -> Result<(), QueryError> {
    let how = Select { series_max, last_only: true, any_order: true, ..Select::default() };
    let selection = series.select(matchers, from_ms, to_ms, how)?;
    let mut samples = Samples::new();
    for at in 0..selection.len() {
        if at % SERIES_A_LOOK == 0 {
            super::run::check(options)?;
        }
        selection.read(at, &mut samples)?;
        let last = samples.iter().next_back().filter(|last| {
            // Native histograms have no form in the text format.
            !is_stale(last.value) && samples.histogram(samples.len() - 1).is_none()
        });
        found.extend(last.map(|last| (selection.labels(at).clone(), last)));
    }
    Ok(())
}

/// Newest samples in the order of metric names, written piece by piece.
#[derive(Debug)]
pub(crate) struct Federated {
    rest: VecDeque<(Labels, Sample)>,
    family: Option<String>,
}

impl Iterator for Federated {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        while out.len() < PIECE_BYTES {
            let Some((labels, sample)) = self.rest.pop_front() else { break };
            let name = labels.metric_name().unwrap_or("");
            if self.family.as_deref() != Some(name) {
                out.extend_from_slice(b"# TYPE ");
                push_family(&mut out, name);
                out.extend_from_slice(b" untyped\n");
                self.family = Some(name.to_owned());
            }
            let instance = [Label { name: INSTANCE, value: "" }];
            let more = if labels.get(INSTANCE).is_some() { &[][..] } else { &instance };
            push_series(&mut out, &labels, more);
            push_sample(&mut out, sample.value, sample.timestamp_ms);
        }
        (!out.is_empty()).then(|| Bytes::from(out))
    }
}
