//! From a job's list of addresses to the targets that are scraped, as Prometheus makes them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use kernel::id::Ulid;
use metric::{Labels, LabelsBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use super::job::{Job, Scraping};
use crate::duration::{format_duration, parse_duration};

/// Where a target comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetOrigin {
    /// This machine.
    Host,
    /// The appliance's own metrics.
    #[serde(rename = "self")]
    Own,
    /// The configuration file.
    Config,
    /// Created through the API.
    Ui,
    /// A `file_sd` file.
    File,
}

/// One address with the labels that its group gives it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub address: String,
    pub labels: BTreeMap<String, String>,
    pub origin: TargetOrigin,
    /// The record that it comes from.
    pub target_id: Option<Ulid>,
}

/// What identifies a target: when it stays the same, its series go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TargetKey {
    pub labels: Labels,
    pub url: String,
}

/// A target as it is scraped.
#[derive(Clone, Debug)]
pub(crate) struct ScrapeTarget {
    /// The labels of its series, `job` and `instance` among them.
    pub labels: Labels,
    /// The labels before relabelling.
    pub discovered: Labels,
    pub url: String,
    pub origin: TargetOrigin,
    pub target_id: Option<Ulid>,
    pub interval: Duration,
    pub timeout: Duration,
    pub scraping: Arc<Scraping>,
}

/// What becomes of a candidate.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Active(Box<ScrapeTarget>),
    /// Dropped by a rule.
    Dropped(Labels),
    /// Not a target, and why.
    Wrong(Labels, String),
}

impl ScrapeTarget {
    /// Whether another description of the same target asks for the same scrapes.
    pub(crate) fn same_settings(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.scraping, &other.scraping)
            && self.interval == other.interval
            && self.timeout == other.timeout
            && self.origin == other.origin
            && self.target_id == other.target_id
            && self.discovered == other.discovered
    }

    pub(crate) fn key(&self) -> TargetKey {
        TargetKey { labels: self.labels.clone(), url: self.url.clone() }
    }

    /// Where in the interval this target is scraped.
    pub(crate) fn offset(&self) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.key().hash(&mut hasher);
        let nanos = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos(hasher.finish() % nanos)
    }
}

/// Applies a job's rules to a candidate.
pub(crate) fn resolve(job: &Job, candidate: &Candidate) -> Outcome {
    let mut builder = discovered_labels(job, candidate);
    let discovered = builder.clone().build().unwrap_or_default();
    if !job.relabel.apply(&mut builder) {
        return Outcome::Dropped(discovered);
    }
    match finish(job, candidate, &mut builder) {
        Ok((labels, url, interval, timeout)) => Outcome::Active(Box::new(ScrapeTarget {
            labels,
            discovered,
            url,
            origin: candidate.origin,
            target_id: candidate.target_id,
            interval,
            timeout,
            scraping: Arc::clone(&job.scraping),
        })),
        Err(reason) => Outcome::Wrong(discovered, reason),
    }
}

fn discovered_labels(job: &Job, candidate: &Candidate) -> LabelsBuilder {
    let mut builder = LabelsBuilder::new();
    let address = Address::split(&candidate.address);
    builder.set("job", &job.name);
    builder.set("__scheme__", address.scheme.unwrap_or(&job.scheme));
    builder.set("__metrics_path__", address.path.unwrap_or(&job.path));
    builder.set("__scrape_interval__", &format_duration(job.interval));
    builder.set("__scrape_timeout__", &format_duration(job.timeout));
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            builder.set(&format!("__param_{name}"), first);
        }
    }
    for pair in address.query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        builder.set(&format!("__param_{}", decoded(name)), &decoded(value));
    }
    for (name, value) in job.labels.iter().chain(&candidate.labels) {
        builder.set(name, value);
    }
    builder.set("__address__", address.authority);
    builder
}

type Finished = (Labels, String, Duration, Duration);

fn finish(
    job: &Job,
    candidate: &Candidate,
    builder: &mut LabelsBuilder,
) -> Result<Finished, String> {
    let text = |builder: &LabelsBuilder, name: &str| builder.get(name).unwrap_or("").to_owned();
    let address = text(builder, "__address__");
    if address.is_empty() {
        return Err(format!("the target {:?} has no address", candidate.address));
    }
    let scheme = text(builder, "__scheme__");
    if scheme != "http" && scheme != "https" {
        return Err(format!("the scheme is {scheme:?}, expected http or https"));
    }
    let path = text(builder, "__metrics_path__");
    let query = query(job, builder);
    let url = format!("{scheme}://{address}{path}{query}");
    let parsed = reqwest::Url::parse(&url).map_err(|error| format!("{url} is no URL: {error}"))?;
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(format!("{url} names no host"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("give the user name and password as basic_auth, not in the address".to_owned());
    }
    let duration = |name: &str| {
        let written = text(builder, name);
        let parsed = parse_duration(&written).filter(|it| !it.is_zero());
        parsed.ok_or_else(|| format!("{name} is {written:?}, expected a duration such as 15s"))
    };
    let (interval, timeout) = (duration("__scrape_interval__")?, duration("__scrape_timeout__")?);
    if timeout > interval {
        return Err("the time-out is longer than the interval".to_owned());
    }
    if builder.get("instance").is_none() {
        builder.set("instance", &address);
    }
    builder.retain(|name, _| !name.starts_with("__"));
    let labels = std::mem::take(builder).build().map_err(|error| error.to_string())?;
    Ok((labels, url, interval, timeout))
}

/// The parameters of the URL: the first value of each may come from relabelling.
fn query(job: &Job, builder: &LabelsBuilder) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for label in builder.iter() {
        if let Some(name) = label.name.strip_prefix("__param_") {
            pairs.push((name.to_owned(), label.value.to_owned()));
        }
    }
    for (name, values) in &job.params {
        pairs.extend(values.iter().skip(1).map(|value| (name.clone(), value.clone())));
    }
    if pairs.is_empty() {
        return String::new();
    }
    pairs.sort();
    let Ok(mut url) = reqwest::Url::parse("http://localhost/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    format!("?{}", url.query().unwrap_or(""))
}

/// Resolves percent signs and plus signs of a query.
fn decoded(text: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse("http://localhost/") else { return String::new() };
    url.set_query(Some(&format!("a={text}")));
    let first = url.query_pairs().next().map(|(_, value)| value.into_owned());
    first.unwrap_or_default()
}

/// The parts of an address as people write it: `host:port`, or a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub scheme: Option<&'a str>,
    pub authority: &'a str,
    pub path: Option<&'a str>,
    pub query: Option<&'a str>,
}

impl<'a> Address<'a> {
    pub(crate) fn split(text: &'a str) -> Self {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self { scheme: None, authority: text, path: None, query: None };
        };
        let rest = rest.split('#').next().unwrap_or("");
        let (front, query) = match rest.split_once('?') {
            Some((front, query)) => (front, Some(query)),
            None => (rest, None),
        };
        let slash = front.find('/').unwrap_or(front.len());
        let (authority, path) = front.split_at(slash);
        let path = (!path.is_empty() && path != "/").then_some(path);
        Self { scheme: Some(scheme), authority, path, query }
    }
}
