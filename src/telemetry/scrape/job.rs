//! Scrape jobs: as they are written, and as they are meant after every check.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::error::{Error, Result};
use kernel::secret::Secret;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use super::relabel::{Relabel, RelabelRule};
use super::{fetch, file_sd, tls};
use crate::settings::ScrapeSettings;

/// Shortest interval and time-out.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Longest interval and time-out.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Labels that a job may add to its targets.
const LABELS_MAX: usize = 60;
/// Bytes that a job may allow for one body at most.
const BODY_BYTES_CAP: usize = 1024 * 1024 * 1024;

/// A scrape job as the configuration, the UI or a file states it. Absent keys have defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScrapeJob {
    /// The `job` label of its targets.
    pub name: String,
    /// `host:port`, or a whole URL such as `https://host:9100/metrics`.
    pub targets: Vec<String>,
    /// Files with lists of targets, JSON or YAML; the last part of a path may hold one `*`.
    pub file_sd: Vec<String>,
    /// Labels added to every target.
    pub labels: BTreeMap<String, String>,
    /// Seconds between scrapes; `telemetry.scrape.interval_s` when absent.
    pub interval_s: Option<f64>,
    /// Seconds that a scrape may take, at most the interval.
    pub timeout_s: Option<f64>,
    /// `http` or `https`, for targets that are no URL; `http` when absent.
    pub scheme: Option<String>,
    /// The path, for targets that are no URL; `/metrics` when absent.
    pub path: Option<String>,
    /// Parameters of the URL.
    pub params: BTreeMap<String, Vec<String>>,
    /// How a TLS target is checked, and what it is shown.
    pub tls: TlsSettings,
    /// User name and password.
    pub basic_auth: Option<BasicAuth>,
    /// A bearer token.
    pub bearer_token: Option<Secret>,
    /// Rules that change or drop targets before they are scraped.
    pub relabel_configs: Vec<RelabelRule>,
    /// Rules that change or drop samples before they are stored.
    pub metric_relabel_configs: Vec<RelabelRule>,
    /// Samples that one scrape may have after relabelling.
    pub sample_limit: Option<usize>,
    /// Bytes that one body may have after decompression.
    pub body_size_limit_bytes: Option<usize>,
    /// Labels that one sample may have.
    pub label_limit: Option<usize>,
    /// Bytes that the name of a label may have.
    pub label_name_length_limit: Option<usize>,
    /// Bytes that the value of a label may have.
    pub label_value_length_limit: Option<usize>,
    /// Keep labels of samples where the target's own labels have the same name.
    pub honor_labels: bool,
    /// Keep times that samples state; yes when absent.
    pub honor_timestamps: Option<bool>,
    /// Follow redirects that stay on the same host; yes when absent.
    pub follow_redirects: Option<bool>,
    /// Ask for the protobuf format first, in which targets show native histograms.
    pub native_histograms: bool,
    /// Of a histogram that is shown as a native and as a classic one keep both.
    pub always_scrape_classic_histograms: bool,
}

/// How a TLS target is checked, and what it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Take any certificate: for targets whose own certificate nobody signed.
    pub insecure_skip_verify: bool,
    /// The certificates to check against, in PEM.
    pub ca_pem: Option<String>,
    /// A file of such certificates.
    pub ca_file: Option<PathBuf>,
    /// The name that the certificate must have, when it is not the address.
    pub server_name: Option<String>,
    /// Our own certificate, in PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of our own certificate, in PEM.
    pub key_file: Option<PathBuf>,
}

/// User name and password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The user's name.
    pub username: String,
    /// The password.
    #[serde(default)]
    pub password: Secret,
}

/// What a scrape of a target may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScrapeLimits {
    pub samples_max: usize,
    pub body_bytes_max: usize,
    pub labels_max: Option<usize>,
    pub name_bytes_max: Option<usize>,
    pub value_bytes_max: Option<usize>,
}

/// How the target is asked to let us in.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    None,
    Basic(String, Secret),
    Bearer(Secret),
}

/// A job after every check, shared by its targets.
#[derive(Debug)]
pub(crate) struct Job {
    pub name: String,
    pub targets: Vec<String>,
    pub file_sd: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub scheme: String,
    pub path: String,
    pub params: BTreeMap<String, Vec<String>>,
    pub relabel: Relabel,
    pub scraping: Arc<Scraping>,
}

/// What a job says about each scrape of its targets.
#[derive(Debug)]
pub(crate) struct Scraping {
    pub metric_relabel: Relabel,
    pub limits: ScrapeLimits,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    pub native_histograms: bool,
    /// Keep the classic form of native histograms too.
    pub classic_histograms: bool,
    pub credentials: Credentials,
    pub tls: Arc<ClientConfig>,
    pub client: reqwest::Client,
}

impl ScrapeJob {
    /// Checks the job, the files that it names included.
    ///
    /// # Errors
    /// `Invalid` with the field that is wrong.
    pub fn check(&self, settings: &ScrapeSettings) -> Result<()> {
        self.compile(settings).map(|_job| ())
    }

    /// Checks the job and compiles its rules.
    pub(crate) fn compile(&self, settings: &ScrapeSettings) -> Result<Job> {
        if self.name.is_empty() || self.name.len() > 200 {
            return Err(invalid("name", "the name must have 1 to 200 bytes"));
        }
        let interval = seconds("interval_s", self.interval_s, settings.interval)?;
        let timeout = seconds("timeout_s", self.timeout_s, settings.timeout.min(interval))?;
        if timeout > interval {
            return Err(invalid("timeout_s", "the time-out must not be longer than the interval"));
        }
        check_labels(&self.labels)?;
        let scheme = self.scheme.clone().unwrap_or_else(|| "http".to_owned());
        if scheme != "http" && scheme != "https" {
            return Err(invalid("scheme", format!("expected http or https, got {scheme:?}")));
        }
        let path = self.path.clone().unwrap_or_else(|| "/metrics".to_owned());
        if !path.starts_with('/') {
            return Err(invalid("path", format!("the path must begin with /, got {path:?}")));
        }
        if self.basic_auth.is_some() && self.bearer_token.is_some() {
            return Err(invalid("bearer_token", "give a password or a bearer token, not both"));
        }
        for pattern in &self.file_sd {
            file_sd::check_pattern(pattern).map_err(|problem| invalid("file_sd", problem))?;
        }
        let relabel = rules("relabel_configs", &self.relabel_configs)?;
        Ok(Job {
            name: self.name.clone(),
            targets: self.targets.clone(),
            file_sd: self.file_sd.clone(),
            labels: self.labels.clone(),
            interval,
            timeout,
            scheme,
            path,
            params: self.params.clone(),
            relabel,
            scraping: Arc::new(self.scraping(settings)?),
        })
    }

    fn scraping(&self, settings: &ScrapeSettings) -> Result<Scraping> {
        let body_bytes_max = self.body_size_limit_bytes.filter(|&bytes| bytes > 0);
        let samples_max = self.sample_limit.filter(|&samples| samples > 0);
        let credentials = match (&self.basic_auth, &self.bearer_token) {
            (Some(basic), _) => Credentials::Basic(basic.username.clone(), basic.password.clone()),
            (None, Some(token)) => Credentials::Bearer(token.clone()),
            (None, None) => Credentials::None,
        };
        let tls = tls::configure(&self.tls, &settings.ca_file)?;
        let follow_redirects = self.follow_redirects.unwrap_or(true);
        Ok(Scraping {
            metric_relabel: rules("metric_relabel_configs", &self.metric_relabel_configs)?,
            limits: ScrapeLimits {
                samples_max: samples_max.unwrap_or(settings.samples_max),
                body_bytes_max: body_bytes_max
                    .unwrap_or(settings.body_bytes_max)
                    .min(BODY_BYTES_CAP),
                labels_max: self.label_limit.filter(|&limit| limit > 0),
                name_bytes_max: self.label_name_length_limit.filter(|&limit| limit > 0),
                value_bytes_max: self.label_value_length_limit.filter(|&limit| limit > 0),
            },
            honor_labels: self.honor_labels,
            honor_timestamps: self.honor_timestamps.unwrap_or(true),
            native_histograms: self.native_histograms,
            classic_histograms: self.always_scrape_classic_histograms,
            credentials,
            client: fetch::client(&tls, follow_redirects)?,
            tls,
        })
    }
}

fn rules(field: &str, rules: &[RelabelRule]) -> Result<Relabel> {
    Relabel::compile(rules).map_err(|error| invalid(field, error.to_string()))
}

fn seconds(field: &str, given: Option<f64>, default: Duration) -> Result<Duration> {
    let Some(seconds) = given else { return Ok(default) };
    let duration = Duration::try_from_secs_f64(seconds).ok();
    duration
        .filter(|it| (INTERVAL_MIN..=INTERVAL_MAX).contains(it))
        .ok_or_else(|| invalid(field, format!("expected 0.1 to 86400 seconds, got {seconds}")))
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<()> {
    if labels.len() > LABELS_MAX {
        return Err(invalid("labels", format!("at most {LABELS_MAX} labels are allowed")));
    }
    for (name, value) in labels {
        let mut bytes = name.bytes();
        let head = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let plain = head && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain || name.len() > 200 {
            let detail = format!("label names are letters, digits and underscores, got {name:?}");
            return Err(invalid("labels", detail));
        }
        if value.len() > 1024 {
            return Err(invalid("labels", format!("the value of {name:?} is over 1024 bytes")));
        }
    }
    Ok(())
}

/// A wrong field of a target or job.
pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Error {
    Error::invalid("target.invalid", detail).field(field)
}
