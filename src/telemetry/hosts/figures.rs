//! The figures of hosts: one query for each figure, for all hosts of a page together.

use std::collections::HashMap;

use kernel::clock::Time;
use metric::Labels;
use promql::{QueryOptions, Value};
use series::Series;

use super::find::Known;
use super::{HostSpark, RATE_WINDOW, SPARK_SPAN, SPARK_STEP};
use crate::query::QueryError;

/// Longest list of instances that a query names; beyond, it reads all hosts.
const FILTER_BYTES_MAX: usize = 48 * 1024;
/// File systems that are no disks.
const NO_DISKS: &str = "tmpfs|ramfs|squashfs|iso9660|erofs|fuse.*|nsfs";
/// Interfaces whose traffic other interfaces carry too.
const NO_WIRES: &str =
    "lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|bond.*|team.*|tap.*|tun.*|.*[.].*";

/// What tells hosts apart. Ordered by instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HostKey {
    pub instance: String,
    pub job: String,
}

impl HostKey {
    pub(super) fn of(labels: &Labels) -> Option<Self> {
        let instance = labels.get("instance")?.to_owned();
        Some(Self { instance, job: labels.get("job").unwrap_or("").to_owned() })
    }
}

type ByHost = HashMap<HostKey, f64>;
type Lines = HashMap<HostKey, Vec<Option<f64>>>;

/// All figures of the hosts of a page.
#[derive(Debug)]
pub(super) struct Figures {
    pub cpu_count: ByHost,
    pub cpu_used: ByHost,
    pub memory_total: ByHost,
    pub memory_used: ByHost,
    pub disk_used: ByHost,
    pub load1: ByHost,
    pub received: ByHost,
    pub transmitted: ByHost,
    spark_start: Time,
    spark_cpu: Lines,
    spark_memory: Lines,
}

/// A reader of figures at one time.
struct Reader<'a> {
    series: &'a Series,
    options: &'a QueryOptions,
    now_ms: i64,
    filter: String,
}

impl Figures {
    pub(super) fn read(
        series: &Series,
        options: &QueryOptions,
        known: &[Known],
        now: Time,
    ) -> Result<Self, QueryError> {
        let reader = Reader { series, options, now_ms: now.as_millis(), filter: filter(known) };
        let of = |selector: &str| format!("{selector}, {}", reader.filter);
        let idle = of("mode=\"idle\"");
        let all = &reader.filter;
        // A share of what all modes grew by: right from the second sample on, when a rate by itself
        // is still far too small.
        let cpu = format!(
            "1 - sum by (job, instance) (rate(node_cpu_seconds_total{{{idle}}}[{RATE_WINDOW}])) \
             / sum by (job, instance) (rate(node_cpu_seconds_total{{{all}}}[{RATE_WINDOW}]))"
        );
        let memory = format!(
            "1 - max by (job, instance) (node_memory_MemAvailable_bytes{{{all}}}) \
             / max by (job, instance) (node_memory_MemTotal_bytes{{{all}}})"
        );
        let disks = of(&format!("fstype!~\"{NO_DISKS}\""));
        let used = format!(
            "(node_filesystem_size_bytes{{{disks}}} - node_filesystem_free_bytes{{{disks}}})"
        );
        let disk = format!(
            "max by (job, instance) ({used} / ({used} + node_filesystem_avail_bytes{{{disks}}}))"
        );
        let wires = of(&format!("device!~\"{NO_WIRES}\""));
        let traffic = |direction: &str| {
            format!(
                "sum by (job, instance) \
                 (irate(node_network_{direction}_bytes_total{{{wires}}}[{RATE_WINDOW}]))"
            )
        };
        let step_ms = i64::try_from(SPARK_STEP.as_millis()).unwrap_or(60_000);
        let end_ms = reader.now_ms.div_euclid(step_ms) * step_ms;
        let start = Time::from_millis(end_ms).minus(SPARK_SPAN);
        let range = (start.as_millis(), end_ms, step_ms);
        Ok(Self {
            cpu_count: reader
                .instant(&format!("count by (job, instance) (node_cpu_seconds_total{{{idle}}})"))?,
            cpu_used: reader.instant(&cpu)?,
            memory_total: reader.instant(&format!("node_memory_MemTotal_bytes{{{all}}}"))?,
            memory_used: reader.instant(&memory)?,
            disk_used: reader.instant(&disk)?,
            load1: reader.instant(&format!("node_load1{{{all}}}"))?,
            received: reader.instant(&traffic("receive"))?,
            transmitted: reader.instant(&traffic("transmit"))?,
            spark_start: start,
            spark_cpu: reader.lines(&cpu, range)?,
            spark_memory: reader.lines(&memory, range)?,
        })
    }

    /// The sparkline of a host, if there is anything to draw.
    pub(super) fn spark(&self, key: &HostKey) -> Option<HostSpark> {
        let line = |lines: &Lines| lines.get(key).cloned();
        let (cpu, memory) = (line(&self.spark_cpu), line(&self.spark_memory));
        let length = cpu.as_ref().or(memory.as_ref())?.len();
        Some(HostSpark {
            start: self.spark_start,
            step_s: SPARK_STEP.as_secs_f64(),
            cpu: cpu.unwrap_or_else(|| vec![None; length]),
            memory: memory.unwrap_or_else(|| vec![None; length]),
        })
    }
}

impl Reader<'_> {
    fn instant(&self, query: &str) -> Result<ByHost, QueryError> {
        let expr = promql::parse(query).map_err(|error| QueryError::parse("query", &error))?;
        let answer = promql::query_instant(self.series, &expr, self.now_ms, self.options)?;
        let Value::Vector(found) = answer.value else { return Ok(ByHost::new()) };
        let pairs = found.into_iter().filter(|(_, point)| point.value.is_finite());
        Ok(pairs.filter_map(|(labels, point)| Some((HostKey::of(&labels)?, point.value))).collect())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "62 points")]
    fn lines(&self, query: &str, range: (i64, i64, i64)) -> Result<Lines, QueryError> {
        let (start_ms, end_ms, step_ms) = range;
        let expr = promql::parse(query).map_err(|error| QueryError::parse("query", &error))?;
        let answer =
            promql::query_range(self.series, &expr, start_ms, end_ms, step_ms, self.options)?;
        let Value::Matrix(found) = answer.value else { return Ok(Lines::new()) };
        let length = ((end_ms - start_ms) / step_ms + 1) as usize;
        let mut lines = Lines::new();
        for series in found {
            let Some(key) = HostKey::of(&series.labels) else { continue };
            let mut line = vec![None; length];
            for point in series.points {
                let place = ((point.timestamp_ms - start_ms) / step_ms) as usize;
                if let Some(value) = line.get_mut(place).filter(|_| point.value.is_finite()) {
                    *value = Some((point.value.clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0);
                }
            }
            lines.insert(key, line);
        }
        Ok(lines)
    }
}

/// The matcher that names the hosts of a page.
fn filter(known: &[Known]) -> String {
    let mut pattern = String::new();
    for (index, it) in known.iter().enumerate() {
        if index > 0 {
            pattern.push('|');
        }
        pattern.push_str(&regex::escape(&it.key.instance));
    }
    if pattern.len() > FILTER_BYTES_MAX {
        return "instance!=\"\"".to_owned();
    }
    format!("instance=~{}", quoted(&pattern))
}

/// A text as PromQL writes it.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
