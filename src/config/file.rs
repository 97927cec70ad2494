//! The configuration file as typed. Every key has a default; an unknown key is an error.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The whole file. Each section is a TOML table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Where the server listens and keeps its data.
    pub server: Server,
    /// Certificates.
    pub tls: Tls,
    /// Bounds of requests and connections.
    pub limits: Limits,
    /// Signing in.
    pub identity: Identity,
    /// The time-series store.
    pub metrics: Metrics,
    /// Collection.
    pub telemetry: Telemetry,
    /// The server's own log.
    pub log: Log,
}

impl File {
    /// Reads a merged table.
    ///
    /// # Errors
    /// The key that is wrong and what was expected.
    pub fn try_from_table(table: &toml::Table) -> Result<Self, String> {
        table.clone().try_into().map_err(|error: toml::de::Error| error.to_string())
    }

    /// The settings as TOML, with `***` in place of passwords and tokens.
    ///
    /// # Errors
    /// A value that TOML cannot hold.
    pub fn to_text(&self) -> Result<String, toml::ser::Error> {
        let mut value = toml::Value::try_from(self)?;
        mask(&mut value);
        toml::to_string_pretty(&value)
    }
}

/// Keys whose values are never shown.
const SECRET_KEYS: [&str; 2] = ["password", "bearer_token"];

fn mask(value: &mut toml::Value) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table.iter_mut() {
                if SECRET_KEYS.contains(&key.as_str()) {
                    *value = toml::Value::String("***".to_owned());
                } else {
                    mask(value);
                }
            }
        }
        toml::Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Address and port of the gateway.
    pub listen: String,
}

impl Default for Server {
    fn default() -> Self {
        Self { data_dir: "/var/lib/onemonitor".into(), listen: "[::]:8443".into() }
    }
}

/// `[tls]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// `auto` (a CA of one's own), `files`, or `off` (behind a proxy on the same machine).
    pub mode: String,
    /// With `files`: the certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// With `files`: the private key, PEM.
    pub key: Option<PathBuf>,
    /// With `auto`: further names and addresses for the certificate.
    pub names: Vec<String>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { mode: "auto".into(), certificate: None, key: None, names: Vec::new() }
    }
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Requests worked on at a time.
    pub requests: usize,
    /// Largest request body in bytes.
    pub body_bytes: u64,
    /// Largest body of samples in bytes, as sent.
    pub ingest_body_bytes: u64,
    /// Longest time for one request in seconds.
    pub request_timeout_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            requests: 512,
            body_bytes: 16 * 1024 * 1024,
            ingest_body_bytes: 32 * 1024 * 1024,
            request_timeout_s: 60,
        }
    }
}

/// `[identity]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// A session ends after this many minutes without a request.
    pub session_idle_minutes: u32,
    /// A session ends after this many hours in any case.
    pub session_absolute_hours: u32,
}

impl Default for Identity {
    fn default() -> Self {
        Self { session_idle_minutes: 30, session_absolute_hours: 12 }
    }
}

/// `[metrics]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Samples older than this many days are deleted.
    pub retention_days: u32,
    /// Series that are kept for another time: `{ match = '{job="debug"}', days = 7 }`. Of a series
    /// the first rule that matches holds.
    pub retention_rules: Vec<RetentionRule>,
    /// How many days one row each 5 minutes is kept of samples, which may long be deleted. 0 makes
    /// no such rows.
    pub thinned_5m_days: u32,
    /// The same of one row each hour.
    pub thinned_1h_days: u32,
    /// Bytes that samples may take on disk; beyond, the oldest days go. 0 sets no bound.
    pub retention_bytes: u64,
    /// Most series that may be active at a time; further new ones are refused.
    pub active_series: usize,
    /// Most active series of one metric. 0 sets no bound.
    pub active_series_per_metric: usize,
    /// Most active series that one source sends: one token, address or scrape target. 0 sets no
    /// bound.
    pub active_series_per_source: usize,
    /// Longest time for one query in seconds.
    pub query_timeout_s: u64,
    /// Most samples that one query may load.
    pub query_samples: u64,
    /// Most bytes of memory that one query may take, about.
    pub query_memory_bytes: u64,
    /// Most series that one query may touch.
    pub query_series: usize,
    /// Files of recording rules in Prometheus' form; absolute, `*`, `?` and `[...]` allowed.
    pub rule_files: Vec<String>,
    /// Seconds between evaluations of groups that do not say.
    pub rule_interval_s: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            retention_days: 90,
            retention_rules: Vec::new(),
            thinned_5m_days: 365,
            thinned_1h_days: 1825,
            retention_bytes: 0,
            active_series: 2_000_000,
            active_series_per_metric: 200_000,
            active_series_per_source: 500_000,
            query_timeout_s: 30,
            query_samples: 50_000_000,
            query_memory_bytes: 512 << 20,
            query_series: 500_000,
            rule_files: Vec::new(),
            rule_interval_s: 60,
        }
    }
}

/// One of `metrics.retention_rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Which series: a selector.
    #[serde(rename = "match")]
    pub selector: String,
    /// Samples older than this many days are deleted.
    pub days: u32,
}

/// `[telemetry]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Networks (CIDR) that may send without a token.
    pub trusted: Vec<String>,
    /// Whether this machine's own metrics are collected.
    pub host: Host,
    /// Scrape jobs.
    pub scrape: Vec<telemetry::ScrapeJob>,
}

/// `[telemetry.host]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Host {
    /// Collect this machine's metrics.
    pub enabled: bool,
}

impl Default for Host {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,gateway=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: "text".into() }
    }
}
