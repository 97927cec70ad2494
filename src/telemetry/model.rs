//! Scrape targets that people create: what is stored, shown, and sent.

use std::collections::BTreeMap;

use kernel::clock::Time;
use kernel::error::{Error, Result};
use kernel::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::scrape::job::{BasicAuth, ScrapeJob, TlsSettings, invalid};
use crate::scrape::relabel::RelabelRule;

kernel::define_id!(
    /// Names a scrape target that was created through the API.
    pub TargetId, "tgt"
);

/// Addresses that one target may have.
const URLS_MAX: usize = 1_000;
/// Bytes of one YAML text of rules.
const RULES_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a PEM text.
const PEM_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a user name, password or token.
const SECRET_BYTES_MAX: usize = 8 * 1024;

const DEFAULT_INTERVAL_S: f64 = 15.0;
const DEFAULT_TIMEOUT_S: f64 = 10.0;

/// A scrape target as it is stored, secrets included.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredTarget {
    pub name: String,
    pub urls: Vec<String>,
    pub interval_s: f64,
    pub timeout_s: f64,
    #[serde(default)]
    pub tls: TargetTls,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub basic_user: Option<String>,
    #[serde(default)]
    pub basic_password: Option<Secret>,
    #[serde(default)]
    pub bearer_token: Option<Secret>,
    pub enabled: bool,
    #[serde(default)]
    pub honor_labels: bool,
    #[serde(default)]
    pub native_histograms: bool,
    #[serde(default)]
    pub relabel: Option<String>,
    #[serde(default)]
    pub metric_relabel: Option<String>,
    #[serde(default)]
    pub sample_limit: Option<u64>,
    #[serde(default)]
    pub body_limit_bytes: Option<u64>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// How the target's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetTls {
    /// Take any certificate.
    pub insecure_skip_verify: bool,
    /// The authority to check against, in PEM; the system's authorities when absent.
    pub ca_pem: Option<String>,
    /// The name that the certificate must have, when it is not the address.
    pub server_name: Option<String>,
}

/// A scrape job that was created through the API. Secrets are never shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// Its revision, for `If-Match`.
    pub rev: u64,
    /// The `job` label of its series.
    pub name: String,
    /// The addresses to scrape.
    pub urls: Vec<String>,
    /// Seconds between scrapes.
    pub interval_s: f64,
    /// Seconds that a scrape may take.
    pub timeout_s: f64,
    /// How certificates are checked.
    pub tls: TargetTls,
    /// Labels added to every series.
    pub labels: BTreeMap<String, String>,
    /// The user name, if the target asks for one.
    pub basic_user: Option<String>,
    /// Whether a password or a bearer token is stored.
    pub has_secret: bool,
    /// Whether it is scraped.
    pub enabled: bool,
    /// Whether labels of samples win over the target's own.
    pub honor_labels: bool,
    /// Whether protobuf is asked for first, in which targets show native histograms.
    pub native_histograms: bool,
    /// `relabel_configs` of Prometheus, YAML.
    pub relabel: Option<String>,
    /// `metric_relabel_configs` of Prometheus, YAML.
    pub metric_relabel: Option<String>,
    /// Samples that a scrape may have.
    pub sample_limit: Option<u64>,
    /// Bytes that a body may have after decompression.
    pub body_limit_bytes: Option<u64>,
    /// When it was created.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

/// One page of targets.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetPage {
    /// The targets, oldest first.
    pub items: Vec<Target>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// What to create or change: a field that is absent stays as it is, `null` clears it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetWrite {
    /// The `job` label; needed to create.
    pub name: Option<String>,
    /// Addresses, `http://host:port/path`; needed to create.
    pub urls: Option<Vec<String>>,
    /// Seconds between scrapes, 0.1 to 86400; 15 at first.
    pub interval_s: Option<f64>,
    /// Seconds that a scrape may take, at most the interval; 10 at first.
    pub timeout_s: Option<f64>,
    /// How certificates are checked.
    pub tls: Option<TargetTls>,
    /// Labels added to every series.
    pub labels: Option<BTreeMap<String, String>>,
    /// The user name.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub basic_user: Option<Option<String>>,
    /// The password.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password)]
    pub basic_password: Option<Option<Secret>>,
    /// The bearer token.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password)]
    pub bearer_token: Option<Option<Secret>>,
    /// Whether it is scraped; yes at first.
    pub enabled: Option<bool>,
    /// Whether labels of samples win over the target's own.
    pub honor_labels: Option<bool>,
    /// Whether protobuf is asked for first, in which targets show native histograms; no at first.
    pub native_histograms: Option<bool>,
    /// `relabel_configs` of Prometheus, YAML.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub relabel: Option<Option<String>>,
    /// `metric_relabel_configs` of Prometheus, YAML.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub metric_relabel: Option<Option<String>>,
    /// Samples that a scrape may have.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u64>)]
    pub sample_limit: Option<Option<u64>>,
    /// Bytes that a body may have after decompression.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u64>)]
    pub body_limit_bytes: Option<Option<u64>>,
}

/// Tells a field that is `null` from one that is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl StoredTarget {
    /// A target of the first values and those of `write`.
    ///
    /// # Errors
    /// `Invalid` when the name or the addresses are missing, or as [`StoredTarget::change`].
    pub(crate) fn create(write: &TargetWrite, now: Time) -> Result<Self> {
        if write.name.is_none() {
            return Err(invalid("name", "the name is missing"));
        }
        let mut target = Self {
            name: String::new(),
            urls: Vec::new(),
            interval_s: DEFAULT_INTERVAL_S,
            timeout_s: DEFAULT_TIMEOUT_S.min(write.interval_s.unwrap_or(DEFAULT_INTERVAL_S)),
            tls: TargetTls::default(),
            labels: BTreeMap::new(),
            basic_user: None,
            basic_password: None,
            bearer_token: None,
            enabled: true,
            honor_labels: false,
            native_histograms: false,
            relabel: None,
            metric_relabel: None,
            sample_limit: None,
            body_limit_bytes: None,
            created_at: now,
            updated_at: now,
        };
        target.change(write, now)?;
        Ok(target)
    }

    /// Takes over what `write` states.
    ///
    /// # Errors
    /// `Invalid` with the field that is wrong. What needs other settings to be judged is checked
    /// by [`ScrapeJob::check`].
    pub(crate) fn change(&mut self, write: &TargetWrite, now: Time) -> Result<()> {
        let mut write = write.clone();
        write.urls = write.urls.map(|urls| urls.iter().map(|url| with_scheme(url)).collect());
        self.check_secret_stays(&write)?;
        set(&mut self.name, write.name);
        set(&mut self.urls, write.urls);
        set(&mut self.interval_s, write.interval_s);
        set(&mut self.timeout_s, write.timeout_s);
        set(&mut self.tls, write.tls);
        set(&mut self.labels, write.labels);
        set(&mut self.basic_user, write.basic_user);
        set(&mut self.basic_password, write.basic_password);
        set(&mut self.bearer_token, write.bearer_token);
        set(&mut self.enabled, write.enabled);
        set(&mut self.honor_labels, write.honor_labels);
        set(&mut self.native_histograms, write.native_histograms);
        set(&mut self.relabel, write.relabel);
        set(&mut self.metric_relabel, write.metric_relabel);
        set(&mut self.sample_limit, write.sample_limit);
        set(&mut self.body_limit_bytes, write.body_limit_bytes);
        self.updated_at = now;
        self.check()
    }

    /// A stored secret goes to no host that it was not given for: otherwise whoever may change
    /// targets could have it sent to a listener of their own.
    fn check_secret_stays(&self, write: &TargetWrite) -> Result<()> {
        let password_kept = self.basic_password.is_some() && write.basic_password.is_none();
        let token_kept = self.bearer_token.is_some() && write.bearer_token.is_none();
        if !password_kept && !token_kept {
            return Ok(());
        }
        let elsewhere = |url: &&String| !self.has_secret_for(url);
        match write.urls.as_deref().unwrap_or_default().iter().find(elsewhere) {
            Some(url) => {
                let detail = format!("give the password or token again to send it to {url:?}");
                Err(Error::invalid("target.secret_needed", detail).field("urls"))
            }
            None => Ok(()),
        }
    }

    /// Whether a URL is on a host that the stored secret was given for.
    pub(crate) fn has_secret_for(&self, url: &str) -> bool {
        let origin = |url: &str| reqwest::Url::parse(url).ok().map(|url| url.origin());
        let wanted = origin(url);
        wanted.is_some() && self.urls.iter().any(|known| origin(known) == wanted)
    }

    fn check(&self) -> Result<()> {
        if self.urls.is_empty() || self.urls.len() > URLS_MAX {
            return Err(invalid("urls", format!("give 1 to {URLS_MAX} addresses")));
        }
        for url in &self.urls {
            let parsed = reqwest::Url::parse(url).ok();
            let good = parsed.is_some_and(|url| {
                let scheme = matches!(url.scheme(), "http" | "https");
                scheme && url.username().is_empty() && url.password().is_none()
            });
            if !good || url.len() > 2_000 {
                let shown: String = url.chars().take(100).collect();
                let detail = format!("expected http://host:port/path, got {shown:?}");
                return Err(invalid("urls", detail));
            }
        }
        if self.tls.ca_pem.as_ref().is_some_and(|pem| pem.len() > PEM_BYTES_MAX) {
            return Err(invalid("tls.ca_pem", format!("at most {PEM_BYTES_MAX} bytes")));
        }
        for (field, secret) in
            [("basic_password", &self.basic_password), ("bearer_token", &self.bearer_token)]
        {
            if secret.as_ref().is_some_and(|secret| secret.expose().len() > SECRET_BYTES_MAX) {
                return Err(invalid(field, format!("at most {SECRET_BYTES_MAX} bytes")));
            }
        }
        if self.basic_user.is_some() && self.bearer_token.is_some() {
            return Err(invalid("bearer_token", "give a user name or a bearer token, not both"));
        }
        Ok(())
    }

    /// The job that scrapes the target.
    ///
    /// # Errors
    /// `Invalid` for rules that are no YAML.
    pub(crate) fn job(&self) -> Result<ScrapeJob> {
        let basic_auth = self.basic_user.clone().map(|username| BasicAuth {
            username,
            password: self.basic_password.clone().unwrap_or_default(),
        });
        Ok(ScrapeJob {
            name: self.name.clone(),
            targets: self.urls.clone(),
            labels: self.labels.clone(),
            interval_s: Some(self.interval_s),
            timeout_s: Some(self.timeout_s),
            tls: TlsSettings {
                insecure_skip_verify: self.tls.insecure_skip_verify,
                ca_pem: self.tls.ca_pem.clone(),
                server_name: self.tls.server_name.clone(),
                ..TlsSettings::default()
            },
            basic_auth,
            bearer_token: self.bearer_token.clone(),
            relabel_configs: rules("relabel", self.relabel.as_deref())?,
            metric_relabel_configs: rules("metric_relabel", self.metric_relabel.as_deref())?,
            sample_limit: self.sample_limit.and_then(|limit| usize::try_from(limit).ok()),
            body_size_limit_bytes: self
                .body_limit_bytes
                .and_then(|limit| usize::try_from(limit).ok()),
            honor_labels: self.honor_labels,
            native_histograms: self.native_histograms,
            ..ScrapeJob::default()
        })
    }

    /// What is shown of it.
    pub(crate) fn view(self, id: TargetId, rev: u64) -> Target {
        let has_secret = self.basic_password.is_some() || self.bearer_token.is_some();
        Target {
            id,
            rev,
            name: self.name,
            urls: self.urls,
            interval_s: self.interval_s,
            timeout_s: self.timeout_s,
            tls: self.tls,
            labels: self.labels,
            basic_user: self.basic_user,
            has_secret,
            enabled: self.enabled,
            honor_labels: self.honor_labels,
            native_histograms: self.native_histograms,
            relabel: self.relabel,
            metric_relabel: self.metric_relabel,
            sample_limit: self.sample_limit,
            body_limit_bytes: self.body_limit_bytes,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// `host:port` is what people type; it means `http://host:port`.
fn with_scheme(address: &str) -> String {
    let address = address.trim();
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// Reads rules; the text may be the list itself or have `relabel_configs:` above it.
fn rules(field: &str, yaml: Option<&str>) -> Result<Vec<RelabelRule>> {
    let Some(yaml) = yaml.filter(|yaml| !yaml.trim().is_empty()) else { return Ok(Vec::new()) };
    if yaml.len() > RULES_BYTES_MAX {
        return Err(invalid(field, format!("at most {RULES_BYTES_MAX} bytes")));
    }
    let heading = format!("{field}_configs:");
    let list = yaml.trim_start().strip_prefix(heading.as_str()).unwrap_or(yaml);
    serde_yaml_ng::from_str(list)
        .map_err(|error| invalid(field, format!("not a list of relabel rules in YAML: {error}")))
}
