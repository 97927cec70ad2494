//! The server's status in the JSON of Prometheus.

use std::collections::BTreeMap;

use kernel::caller::{Caller, Permission};
use series::{Cardinality, Status};

use super::error::QueryError;
use super::json::{push, push_list, push_text};
use crate::Telemetry;
use crate::duration::format_duration;

/// The version of Prometheus whose API this is: clients decide by it what they may ask.
const COMPATIBLE_VERSION: &str = "3.5.0";

impl Telemetry {
    /// Where series come from, the first `top` of each list, and the engine's totals.
    pub(crate) async fn tsdb_status(
        &self,
        who: &Caller,
        top: usize,
    ) -> Result<(Cardinality, Status), QueryError> {
        who.require(Permission::MetricsRead)?;
        self.run_query("tsdb_status", self.list_options(), move |series, _| {
            Ok((series.cardinality(top), series.status()))
        })
        .await
    }

    /// The engine's totals.
    pub(crate) async fn engine_status(&self, who: &Caller) -> Result<Status, QueryError> {
        who.require(Permission::MetricsRead)?;
        let status = |series: &series::Series, _: &promql::QueryOptions| Ok(series.status());
        self.run_query("engine_status", self.list_options(), status).await
    }
}

/// The version, in the words of Prometheus.
pub(super) fn push_build_info(out: &mut Vec<u8>) {
    push(
        out,
        format_args!(
            "{{\"application\":\"OneMonitor\",\"version\":\"{COMPATIBLE_VERSION}\",\
             \"revision\":\"onemonitor-{}\",\"branch\":\"\",\"buildUser\":\"\",\
             \"buildDate\":\"\",\"goVersion\":\"\"}}",
            env!("CARGO_PKG_VERSION")
        ),
    );
}

/// What Prometheus tells about its process, as far as it has a meaning here.
pub(super) fn push_runtime_info(out: &mut Vec<u8>, telemetry: &Telemetry, status: &Status) {
    let about = telemetry.about();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    push(out, format_args!("{{\"startTime\":\"{}\",\"CWD\":\"\",\"hostname\":", about.started_at));
    push_text(out, &about.hostname);
    push(
        out,
        format_args!(
            ",\"serverTime\":\"{}\",\"reloadConfigSuccess\":true,\"lastConfigTime\":\"{}\",\
             \"corruptionCount\":{},\"goroutineCount\":0,\"GOMAXPROCS\":{threads},\
             \"GOMEMLIMIT\":0,\"GOGC\":\"\",\"GODEBUG\":\"\",\"storageRetention\":\"{}\"}}",
            telemetry.clock().now(),
            about.started_at,
            status.set_aside.len(),
            retention(telemetry)
        ),
    );
}

fn retention(telemetry: &Telemetry) -> String {
    telemetry.series().retention().map_or_else(|| "unlimited".to_owned(), format_duration)
}

/// Settings under the names of Prometheus' flags.
pub(super) fn push_flags(out: &mut Vec<u8>, telemetry: &Telemetry) {
    let settings = &telemetry.queries().settings;
    let flags = [
        ("query.lookback-delta", format_duration(settings.lookback)),
        ("query.max-concurrency", settings.concurrency_max.to_string()),
        ("query.max-samples", settings.samples_max.to_string()),
        ("query.timeout", format_duration(settings.timeout)),
        ("storage.tsdb.retention.time", retention(telemetry)),
        ("web.enable-admin-api", "true".to_owned()),
        ("web.enable-lifecycle", "false".to_owned()),
        ("web.enable-otlp-receiver", "true".to_owned()),
        ("web.enable-remote-write-receiver", "true".to_owned()),
    ];
    for (index, (name, value)) in flags.iter().enumerate() {
        out.push(if index == 0 { b'{' } else { b',' });
        push_text(out, name);
        out.push(b':');
        push_text(out, value);
    }
    out.push(b'}');
}

/// The intervals and scrape jobs as `prometheus.yml` states them.
pub(super) fn config_yaml(telemetry: &Telemetry) -> String {
    let settings = telemetry.scrape_settings();
    let mut yaml = format!(
        "global:\n  scrape_interval: {}\n  scrape_timeout: {}\n",
        format_duration(settings.interval),
        format_duration(settings.timeout)
    );
    let mut jobs = BTreeMap::new();
    for (target, _) in telemetry.manager().scraped() {
        let job = target.labels.get("job").unwrap_or("").to_owned();
        jobs.entry(job).or_insert((target.interval, target.timeout));
    }
    yaml.push_str(if jobs.is_empty() { "scrape_configs: []\n" } else { "scrape_configs:\n" });
    for (job, (interval, timeout)) in jobs {
        // A JSON text is a YAML text too, whatever the job is called.
        let mut name = Vec::new();
        push_text(&mut name, &job);
        yaml.push_str(&format!(
            "- job_name: {}\n  scrape_interval: {}\n  scrape_timeout: {}\n",
            String::from_utf8_lossy(&name),
            format_duration(interval),
            format_duration(timeout)
        ));
    }
    yaml
}

/// Totals and top lists.
pub(super) fn push_tsdb(out: &mut Vec<u8>, cardinality: &Cardinality, status: &Status) {
    let newest_ms = status.newest_ms.unwrap_or(0);
    // Prometheus tells the oldest time in memory; here it is the oldest stored.
    let stored_ms = status.sizes.partitions.first().map(|oldest| oldest.from_ms);
    let oldest_ms = stored_ms.into_iter().chain(status.oldest_pending_ms).min();
    let oldest_ms = oldest_ms.unwrap_or(newest_ms);
    push(
        out,
        format_args!(
            "{{\"headStats\":{{\"numSeries\":{0},\"numLabelPairs\":{1},\"chunkCount\":{0},\
             \"minTime\":{2},\"maxTime\":{newest_ms}}}",
            cardinality.series,
            cardinality.label_pairs,
            oldest_ms.min(newest_ms)
        ),
    );
    let lists = [
        ("seriesCountByMetricName", &cardinality.series_by_metric),
        ("labelValueCountByLabelName", &cardinality.values_by_label),
        ("memoryInBytesByLabelName", &cardinality.value_bytes_by_label),
        ("seriesCountByLabelValuePair", &cardinality.series_by_pair),
    ];
    for (name, items) in lists {
        push(out, format_args!(",\"{name}\":"));
        push_list(out, items, |out, (name, value)| {
            out.extend_from_slice(b"{\"name\":");
            push_text(out, name);
            push(out, format_args!(",\"value\":{value}}}"));
        });
    }
    out.push(b'}');
}
