//! The busiest groups of processes of a host.

use std::collections::{BTreeSet, HashMap};

use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use promql::{QueryOptions, Value};
use serde::Serialize;
use series::Series;
use utoipa::ToSchema;

use super::RATE_WINDOW;
use super::figures::quoted;
use crate::Telemetry;
use crate::query::QueryError;

/// Groups that a list has at most.
const GROUPS_MAX: usize = 100;

/// Processes of one name.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ProcessGroup {
    /// The name.
    pub name: String,
    /// How many processes.
    pub count: u64,
    /// Used share of all the host's processors, 0 to 1.
    pub cpu_used_ratio: Option<f64>,
    /// Resident memory.
    pub memory_bytes: Option<f64>,
    /// Bytes read a second.
    pub read_bytes_per_s: Option<f64>,
    /// Bytes written a second.
    pub write_bytes_per_s: Option<f64>,
}

/// The busiest groups of processes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProcessList {
    /// The groups, those first that use the processors most.
    pub items: Vec<ProcessGroup>,
}

impl Telemetry {
    /// The busiest groups of processes of a host; none when it shows no processes.
    ///
    /// # Errors
    /// A missing permission, a query that fails.
    pub async fn list_processes(&self, who: &Caller, instance: &str) -> Result<ProcessList> {
        who.require(Permission::MetricsRead)?;
        let filter = format!("instance={}", quoted(instance));
        let now_ms = self.clock().now().as_millis();
        self.run_query("processes", self.list_options(), move |series, options| {
            let items = read(series, options, &filter, now_ms)?;
            Ok(ProcessList { items })
        })
        .await
        .map_err(Error::from)
    }
}

fn read(
    series: &Series,
    options: &QueryOptions,
    filter: &str,
    now_ms: i64,
) -> Result<Vec<ProcessGroup>, QueryError> {
    let by_group = |query: String| -> Result<HashMap<String, f64>, QueryError> {
        let expr = promql::parse(&query).map_err(|error| QueryError::parse("query", &error))?;
        let answer = promql::query_instant(series, &expr, now_ms, options)?;
        let Value::Vector(found) = answer.value else { return Ok(HashMap::new()) };
        let name = |labels: &metric::Labels| labels.get("groupname").unwrap_or("").to_owned();
        Ok(found.into_iter().map(|(labels, point)| (name(&labels), point.value)).collect())
    };
    let rate = |metric: &str| {
        format!(
            "sum by (groupname) (irate(namedprocess_namegroup_{metric}{{{filter}}}[{RATE_WINDOW}]))"
        )
    };
    let sum = |metric: &str, more: &str| {
        format!("sum by (groupname) (namedprocess_namegroup_{metric}{{{filter}{more}}})")
    };
    let processors = by_group(format!("count(node_cpu_seconds_total{{mode=\"idle\",{filter}}})"))?;
    let processors = processors.values().next().copied().unwrap_or(1.0).max(1.0);
    let cpu = by_group(rate("cpu_seconds_total"))?;
    let memory = by_group(sum("memory_bytes", ",memtype=\"resident\""))?;
    let count = by_group(sum("num_procs", ""))?;
    let reads = by_group(rate("read_bytes_total"))?;
    let writes = by_group(rate("write_bytes_total"))?;
    let names: BTreeSet<&String> = count.keys().chain(memory.keys()).collect();
    let mut groups: Vec<ProcessGroup> = Vec::with_capacity(names.len());
    for name in names {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let count = count.get(name).copied().unwrap_or(0.0) as u64;
        groups.push(ProcessGroup {
            count,
            cpu_used_ratio: cpu.get(name).map(|used| used / processors),
            memory_bytes: memory.get(name).copied(),
            read_bytes_per_s: reads.get(name).copied(),
            write_bytes_per_s: writes.get(name).copied(),
            name: name.clone(),
        });
    }
    groups.sort_by(|left, right| {
        let cpu = |it: &ProcessGroup| it.cpu_used_ratio.unwrap_or(0.0);
        let memory = |it: &ProcessGroup| it.memory_bytes.unwrap_or(0.0);
        let by_cpu = cpu(right).total_cmp(&cpu(left));
        by_cpu.then_with(|| memory(right).total_cmp(&memory(left)))
    });
    groups.truncate(GROUPS_MAX);
    Ok(groups)
}
