//! Hosts as the metrics know them: whatever shows the metrics of a machine.

mod figures;
mod find;
mod processes;

use std::time::Duration;

use kernel::caller::{Caller, Permission};
use kernel::clock::Time;
use kernel::error::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Telemetry;
use figures::{Figures, HostKey};
use find::{Known, find};
pub use processes::{ProcessGroup, ProcessList};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 500;
/// From these shares of a resource on, a host is shown as in trouble.
const DISK_WARNING: f64 = 0.85;
const DISK_CRITICAL: f64 = 0.95;
const MEMORY_WARNING: f64 = 0.9;
const MEMORY_CRITICAL: f64 = 0.97;
const CPU_WARNING: f64 = 0.9;

/// How a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HostHealth {
    /// Nothing is short.
    Ok,
    /// Processors, memory or a disk are nearly used up.
    Warning,
    /// The host does not answer, or memory or a disk is used up.
    Critical,
    /// No figures yet.
    Unknown,
}

/// The last hour in two lines.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct HostSpark {
    /// Time of the first value.
    pub start: Time,
    /// Seconds between values.
    pub step_s: f64,
    /// Used share of the processors; `null` where there is none.
    pub cpu: Vec<Option<f64>>,
    /// Used share of the memory; `null` where there is none.
    pub memory: Vec<Option<f64>>,
}

/// A host with its most important figures; a figure without data is `null`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Host {
    /// The `instance` label of its metrics.
    pub instance: String,
    /// The `job` label of its metrics.
    pub job: String,
    /// Its name for itself.
    pub nodename: Option<String>,
    /// Its system, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// The release of its kernel.
    pub kernel: Option<String>,
    /// Whether its metrics arrive.
    pub up: bool,
    /// Time of its newest metrics.
    pub last_seen_at: Option<Time>,
    /// Seconds since it was started.
    pub uptime_s: Option<f64>,
    /// Its processors.
    pub cpu_count: Option<u64>,
    /// Used share of the processors, 0 to 1.
    pub cpu_used_ratio: Option<f64>,
    /// Its memory.
    pub memory_total_bytes: Option<f64>,
    /// Used share of the memory, 0 to 1.
    pub memory_used_ratio: Option<f64>,
    /// Used share of its fullest disk, 0 to 1.
    pub disk_used_ratio: Option<f64>,
    /// Processes that run or wait, averaged over a minute.
    pub load1: Option<f64>,
    /// Bytes received a second.
    pub network_receive_bytes_per_s: Option<f64>,
    /// Bytes sent a second.
    pub network_transmit_bytes_per_s: Option<f64>,
    /// How it is.
    pub health: HostHealth,
    /// The last hour.
    pub spark: Option<HostSpark>,
}

/// One page of hosts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HostPage {
    /// The hosts by name.
    pub items: Vec<Host>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// The query parameters of the list of hosts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HostQuery {
    /// How many hosts to return, 1 to 500; 50 when absent.
    pub limit: Option<u32>,
    /// Where the page before ended: its `next`.
    pub cursor: Option<String>,
    /// Only hosts whose name contains this, whatever its case.
    pub search: Option<String>,
}

impl Telemetry {
    /// One page of the hosts that sent metrics within the last day.
    ///
    /// # Errors
    /// A wrong page, a missing permission, a query that fails.
    pub async fn list_hosts(&self, who: &Caller, query: &HostQuery) -> Result<HostPage> {
        who.require(Permission::MetricsRead)?;
        let limit = query.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            let detail = format!("limit must be 1 to {PAGE_MAX}, got {limit}");
            return Err(Error::invalid("page.limit", detail).field("limit"));
        }
        let after = query.cursor.as_deref().map(cursor_key).transpose()?;
        let search = query.search.clone().unwrap_or_default().to_lowercase();
        let now = self.clock().now();
        self.run_query("hosts", self.list_options(), move |series, options| {
            let mut known = find(series, now)?;
            known.retain(|it| it.is_called(&search) && after.as_ref() < Some(&it.key));
            let more = known.len() > limit as usize;
            known.truncate(limit as usize);
            let next = known.last().filter(|_| more).map(|it| cursor(&it.key));
            let figures = Figures::read(series, options, &known, now)?;
            let items = known.into_iter().map(|it| host(it, &figures, now)).collect();
            Ok(HostPage { items, next })
        })
        .await
        .map_err(Error::from)
    }

    /// One host.
    ///
    /// # Errors
    /// `NotFound` when no metrics of it arrived within the last day; a missing permission.
    pub async fn get_host(&self, who: &Caller, instance: &str) -> Result<Host> {
        who.require(Permission::MetricsRead)?;
        let now = self.clock().now();
        let wanted = instance.to_owned();
        let found = self
            .run_query("host", self.list_options(), move |series, options| {
                let known = find(series, now)?;
                let Some(it) = known.into_iter().find(|it| it.key.instance == wanted) else {
                    return Ok(None);
                };
                let figures = Figures::read(series, options, std::slice::from_ref(&it), now)?;
                Ok(Some(host(it, &figures, now)))
            })
            .await?;
        found.ok_or_else(|| {
            let shown: String = instance.chars().take(100).collect();
            Error::not_found("host.not_found", format!("no metrics of a host {shown:?} are known"))
        })
    }
}

/// Puts a host together.
fn host(known: Known, figures: &Figures, now: Time) -> Host {
    let key = &known.key;
    let share = |value: Option<f64>| value.map(|value| value.clamp(0.0, 1.0));
    let boot_s = known.boot_s.filter(|&boot_s| boot_s > 0.0);
    let uptime_s = boot_s.filter(|_| known.up).map(|boot_s| (now.as_secs_f64() - boot_s).max(0.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let cpu_count = figures.cpu_count.get(key).map(|&count| count as u64);
    let mut host = Host {
        nodename: known.nodename,
        os: known.os,
        kernel: known.kernel,
        up: known.up,
        last_seen_at: Some(Time::from_millis(known.last_seen_ms)),
        uptime_s,
        cpu_count,
        cpu_used_ratio: share(figures.cpu_used.get(key).copied()),
        memory_total_bytes: figures.memory_total.get(key).copied(),
        memory_used_ratio: share(figures.memory_used.get(key).copied()),
        disk_used_ratio: share(figures.disk_used.get(key).copied()),
        load1: figures.load1.get(key).copied(),
        network_receive_bytes_per_s: figures.received.get(key).copied(),
        network_transmit_bytes_per_s: figures.transmitted.get(key).copied(),
        health: HostHealth::Unknown,
        spark: figures.spark(key),
        instance: key.instance.clone(),
        job: key.job.clone(),
    };
    host.health = health(&host);
    host
}

fn health(host: &Host) -> HostHealth {
    let at_least = |value: Option<f64>, bound: f64| value.is_some_and(|value| value >= bound);
    let full = at_least(host.disk_used_ratio, DISK_CRITICAL)
        || at_least(host.memory_used_ratio, MEMORY_CRITICAL);
    if !host.up || full {
        return HostHealth::Critical;
    }
    let short = at_least(host.disk_used_ratio, DISK_WARNING)
        || at_least(host.memory_used_ratio, MEMORY_WARNING)
        || at_least(host.cpu_used_ratio, CPU_WARNING);
    if short {
        return HostHealth::Warning;
    }
    let nothing = host.disk_used_ratio.or(host.memory_used_ratio).or(host.cpu_used_ratio).is_none();
    if nothing { HostHealth::Unknown } else { HostHealth::Ok }
}

/// A cursor: the bytes of instance and job, in hexadecimal.
fn cursor(key: &HostKey) -> String {
    let text = format!("{}\n{}", key.instance, key.job);
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn cursor_key(cursor: &str) -> Result<HostKey> {
    let wrong = || Error::invalid("page.cursor", "this is no cursor of ours").field("cursor");
    let digits = cursor.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let (instance, job) = text.split_once('\n').ok_or_else(wrong)?;
    Ok(HostKey { instance: instance.to_owned(), job: job.to_owned() })
}

/// The window over which rates are taken: two scrapes at least, at intervals up to a minute.
const RATE_WINDOW: &str = "2m";
/// What the sparkline covers, and its step.
const SPARK_SPAN: Duration = Duration::from_secs(3600);
const SPARK_STEP: Duration = Duration::from_secs(60);
