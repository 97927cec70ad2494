//! Which hosts there are: those whose machine metrics arrived within the last day.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::clock::Time;
use metric::{
    Labels, METRIC_NAME, MatchOp, Matcher, Sample, Samples, Select, Selection, SeriesReader,
    is_stale,
};
use series::Series;

use super::figures::HostKey;
use crate::query::QueryError;

/// How long a host is listed after its last sample.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);
/// Where the samples of hosts that are up are looked for.
const RECENT: Duration = Duration::from_secs(600);
/// How long after its last sample a host counts as up when nothing else tells.
const FRESH_FOR: Duration = Duration::from_secs(300);
/// Hosts that are looked at.
const HOSTS_MAX: usize = 20_000;

const BOOT_TIME: &str = "node_boot_time_seconds";
const UNAME: &str = "node_uname_info";
const SYSTEM: &str = "node_os_info";

/// What the metrics say about a host.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub key: HostKey,
    pub last_seen_ms: i64,
    pub up: bool,
    pub boot_s: Option<f64>,
    pub nodename: Option<String>,
    pub kernel: Option<String>,
    pub os: Option<String>,
}

impl Known {
    /// Whether the name contains `search`, which is in lower case.
    pub(super) fn is_called(&self, search: &str) -> bool {
        let contains = |name: &str| name.to_lowercase().contains(search);
        search.is_empty()
            || contains(&self.key.instance)
            || self.nodename.as_deref().is_some_and(contains)
    }
}

/// The last sample of a series that is no marker, and whether a marker follows.
#[derive(Clone, Copy)]
struct Last {
    sample: Sample,
    ended: bool,
}

#[derive(Default)]
struct Gathered {
    last: Option<Last>,
    boot: Option<(i64, f64)>,
    uname: Option<(i64, Labels)>,
    system: Option<(i64, Labels)>,
    up: Option<Last>,
}

/// Finds hosts, in order of their names.
pub(super) fn find(series: &Series, now: Time) -> Result<Vec<Known>, QueryError> {
    let mut gathered: BTreeMap<HostKey, Gathered> = BTreeMap::new();
    let now_ms = now.as_millis();
    let facts = format!("{BOOT_TIME}|{UNAME}|{SYSTEM}");
    let by_name = Matcher::new(MatchOp::Matches, METRIC_NAME, &facts)
        .map_err(|error| QueryError::Execution(error.to_string()))?;
    let limit = Select { series_max: HOSTS_MAX * 4, ..Select::default() };
    let matchers = [by_name];
    let recent = series.select(&matchers, now.minus(RECENT).as_millis(), now_ms, limit)?;
    gather(recent.as_ref(), &mut gathered, &|_, _| true)?;
    // Of hosts that are up the rest of the day need not be read.
    let whole = series.select(&matchers, now.minus(KNOWN_FOR).as_millis(), now_ms, limit)?;
    let seen: std::collections::BTreeSet<HostKey> =
        gathered.iter().filter(|(_, it)| it.last.is_some()).map(|(key, _)| key.clone()).collect();
    gather(whole.as_ref(), &mut gathered, &|key, _| !seen.contains(key))?;
    let up = [Matcher::equal(METRIC_NAME, "up")];
    let ups = series.select(&up, now.minus(FRESH_FOR).as_millis(), now_ms, limit)?;
    gather(ups.as_ref(), &mut gathered, &|key, known| known.contains_key(key))?;
    let found = gathered.into_iter().filter_map(|(key, it)| known(key, &it, now)).take(HOSTS_MAX);
    Ok(found.collect())
}

/// Reads the last samples of those series whose host `wanted` accepts.
fn gather(
    selection: &dyn Selection,
    gathered: &mut BTreeMap<HostKey, Gathered>,
    wanted: &dyn Fn(&HostKey, &BTreeMap<HostKey, Gathered>) -> bool,
) -> Result<(), QueryError> {
    let mut samples = Samples::new();
    for i in 0..selection.len() {
        let labels = selection.labels(i);
        let Some(key) = HostKey::of(labels) else { continue };
        if !wanted(&key, gathered) {
            continue;
        }
        selection.read(i, &mut samples)?;
        let Some(last) = last_of(&samples) else { continue };
        gathered.entry(key).or_default().add(labels, last);
    }
    Ok(())
}

fn last_of(samples: &Samples) -> Option<Last> {
    let ended = samples.iter().next_back().is_some_and(|sample| is_stale(sample.value));
    let sample = samples.iter().rev().find(|sample| !is_stale(sample.value))?;
    Some(Last { sample, ended })
}

impl Gathered {
    fn add(&mut self, labels: &Labels, last: Last) {
        let Sample { timestamp_ms, value } = last.sample;
        let newer = |at: Option<i64>| at.is_none_or(|at| timestamp_ms >= at);
        match labels.metric_name() {
            Some("up") if newer(self.up.map(|it| it.sample.timestamp_ms)) => self.up = Some(last),
            Some(BOOT_TIME) if newer(self.boot.map(|(at, _)| at)) => {
                self.boot = Some((timestamp_ms, value));
            }
            Some(UNAME) if newer(self.uname.as_ref().map(|(at, _)| *at)) => {
                self.uname = Some((timestamp_ms, labels.clone()));
            }
            Some(SYSTEM) if newer(self.system.as_ref().map(|(at, _)| *at)) => {
                self.system = Some((timestamp_ms, labels.clone()));
            }
            _ => {}
        }
        let machine = labels.metric_name() != Some("up");
        if machine && newer(self.last.map(|it| it.sample.timestamp_ms)) {
            self.last = Some(last);
        }
    }
}

fn known(key: HostKey, gathered: &Gathered, now: Time) -> Option<Known> {
    let last = gathered.last?;
    let at = Time::from_millis(last.sample.timestamp_ms);
    let fresh = !last.ended && now.since(at) <= FRESH_FOR;
    let up = gathered.up.map_or(fresh, |up| !up.ended && up.sample.value == 1.0);
    let fact = |labels: &Option<(i64, Labels)>, name: &str| {
        labels.as_ref().and_then(|(_, labels)| labels.get(name)).map(str::to_owned)
    };
    Some(Known {
        up,
        last_seen_ms: last.sample.timestamp_ms,
        boot_s: gathered.boot.map(|(_, value)| value),
        nodename: fact(&gathered.uname, "nodename"),
        kernel: fact(&gathered.uname, "release"),
        os: fact(&gathered.system, "pretty_name").or_else(|| fact(&gathered.uname, "sysname")),
        key,
    })
}
