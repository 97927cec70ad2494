//! The settings as meant: checked, in the types of the services that they are for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gateway::{Network, TlsSource};
use telemetry::{RetentionRule, SeriesLimits, ThinnedRetention};
use tracing_subscriber::EnvFilter;

use super::file::{self, File};
use super::{ConfigError, Layers};

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// The settings of the whole program.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The listener, its certificate and limits.
    pub gateway: gateway::Settings,
    /// Signing in.
    pub identity: identity::Settings,
    /// Collection and queries.
    pub telemetry: telemetry::TelemetrySettings,
    /// How long samples are kept, in milliseconds.
    pub retention_ms: i64,
    /// Bytes that samples may take on disk, if there is a bound.
    pub retention_bytes: Option<u64>,
    /// The server's own log.
    pub log: LogSettings,
}

/// The server's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// What is logged, as a filter that was checked.
    pub filter: String,
    /// JSON lines instead of text.
    pub json: bool,
}

impl Settings {
    /// Checks the merged layers.
    ///
    /// # Errors
    /// The first key whose value cannot be used, and what was expected.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        Self::from_file(&layers.merged)
    }

    /// Checks the settings as typed.
    ///
    /// # Errors
    /// The first key whose value cannot be used, and what was expected.
    pub fn from_file(file: &File) -> Result<Self, ConfigError> {
        let data_dir = std::path::absolute(&file.server.data_dir)
            .map_err(|error| ConfigError::new("server.data_dir", error.to_string()))?;
        let gateway = gateway_settings(file, &data_dir)?;
        Ok(Self {
            identity: identity_settings(&file.identity, gateway.tls.is_some())?,
            telemetry: telemetry_settings(file)?,
            retention_ms: at_least_one("metrics.retention_days", file.metrics.retention_days)?
                .saturating_mul(DAY_MS),
            retention_bytes: Some(file.metrics.retention_bytes).filter(|&bytes| bytes > 0),
            log: log_settings(&file.log)?,
            gateway,
            data_dir,
        })
    }
}

fn wrong(key: &str, value: &str, expected: &str) -> ConfigError {
    ConfigError::new(key, format!("{value:?} is not {expected}"))
}

fn at_least_one(key: &str, value: u32) -> Result<i64, ConfigError> {
    if value == 0 {
        return Err(ConfigError::new(key, "must be 1 or more, got 0"));
    }
    Ok(i64::from(value))
}

fn gateway_settings(
    file: &File,
    data_dir: &std::path::Path,
) -> Result<gateway::Settings, ConfigError> {
    let listen: SocketAddr = file.server.listen.parse().map_err(|_| {
        let expected = "an address and port such as [::]:8443 or 10.0.0.5:8443";
        wrong("server.listen", &file.server.listen, expected)
    })?;
    let mut settings = gateway::Settings::new(listen, tls_source(&file.tls, data_dir)?);
    for text in &file.telemetry.trusted {
        let network: Network = text.parse().map_err(|_| {
            wrong("telemetry.trusted", text, "a network such as 10.1.0.0/16 or fd00::/8")
        })?;
        settings.trusted.push(network);
    }
    settings.limits.connections_max = file.limits.connections.max(1);
    settings.limits.requests_max = file.limits.requests.max(1);
    settings.limits.body_bytes_max = file.limits.body_bytes;
    settings.limits.ingest_body_bytes_max = file.limits.ingest_body_bytes;
    settings.limits.request_timeout = Duration::from_secs(file.limits.request_timeout_s.max(1));
    Ok(settings)
}

fn tls_source(
    tls: &file::Tls,
    data_dir: &std::path::Path,
) -> Result<Option<TlsSource>, ConfigError> {
    match tls.mode.as_str() {
        "off" => Ok(None),
        "auto" => Ok(Some(TlsSource::Auto {
            directory: data_dir.join("tls"),
            extra_names: tls.names.clone(),
        })),
        "files" => {
            let named = |path: &Option<PathBuf>, key: &str| {
                path.clone().ok_or_else(|| ConfigError::new(key, "is needed with tls.mode = files"))
            };
            Ok(Some(TlsSource::Files {
                certificate: named(&tls.certificate, "tls.certificate")?,
                key: named(&tls.key, "tls.key")?,
            }))
        }
        other => Err(wrong("tls.mode", other, "auto, files or off")),
    }
}

fn identity_settings(
    identity: &file::Identity,
    over_tls: bool,
) -> Result<identity::Settings, ConfigError> {
    let idle = at_least_one("identity.session_idle_minutes", identity.session_idle_minutes)?;
    let life = at_least_one("identity.session_absolute_hours", identity.session_absolute_hours)?;
    Ok(identity::Settings {
        session_idle: Duration::from_secs(60 * idle.unsigned_abs()),
        session_life: Duration::from_secs(3600 * life.unsigned_abs()),
        secure_cookies: over_tls,
        ..identity::Settings::default()
    })
}

fn telemetry_settings(file: &File) -> Result<telemetry::TelemetrySettings, ConfigError> {
    let mut settings = telemetry::TelemetrySettings::new(hostname());
    settings.host.enabled = file.telemetry.host.enabled;
    for job in &file.telemetry.scrape {
        job.check(&settings.scrape).map_err(|error| {
            let field = error.wrong_field().unwrap_or("job");
            let place = format!("telemetry.scrape, job {:?}, {field}", job.name);
            ConfigError::new(place, error.detail().to_owned())
        })?;
    }
    settings.scrape.jobs.clone_from(&file.telemetry.scrape);
    for pattern in &file.metrics.rule_files {
        telemetry::check_rule_pattern(pattern).map_err(|reason| {
            ConfigError::new("metrics.rule_files", format!("{pattern:?}: {reason}"))
        })?;
    }
    settings.rules.files.clone_from(&file.metrics.rule_files);
    settings.rules.interval = Duration::from_secs(file.metrics.rule_interval_s.clamp(1, 86_400));
    settings.query.timeout = Duration::from_secs(file.metrics.query_timeout_s.max(1));
    settings.query.samples_max = file.metrics.query_samples;
    settings.query.memory_bytes_max = file.metrics.query_memory_bytes;
    settings.query.series_max = file.metrics.query_series;
    settings.store.retention_rules = retention_rules(&file.metrics.retention_rules)?;
    settings.store.thinned = [
        (5 * MINUTE_MS, i64::from(file.metrics.thinned_5m_days) * DAY_MS),
        (60 * MINUTE_MS, i64::from(file.metrics.thinned_1h_days) * DAY_MS),
    ]
    .map(|(resolution_ms, keep_ms)| ThinnedRetention { resolution_ms, keep_ms })
    .to_vec();
    settings.store.series = SeriesLimits {
        all: file.metrics.active_series,
        per_metric: bound(file.metrics.active_series_per_metric),
        per_source: bound(file.metrics.active_series_per_source),
    };
    Ok(settings)
}

fn retention_rules(typed: &[file::RetentionRule]) -> Result<Vec<RetentionRule>, ConfigError> {
    const KEY: &str = "metrics.retention_rules";
    if typed.len() > RetentionRule::MOST {
        let most = RetentionRule::MOST;
        return Err(ConfigError::new(KEY, format!("{} rules, at most {most}", typed.len())));
    }
    let rules = typed.iter().enumerate().map(|(index, rule)| {
        RetentionRule::new(&rule.selector, rule.days).map_err(|error| {
            ConfigError::new(format!("{KEY}, rule {}", index + 1), error.detail().to_owned())
        })
    });
    rules.collect()
}

/// 0 sets no bound.
fn bound(value: usize) -> usize {
    if value == 0 { usize::MAX } else { value }
}

/// The machine's name as the kernel knows it.
fn hostname() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

fn log_settings(log: &file::Log) -> Result<LogSettings, ConfigError> {
    let json = match log.format.as_str() {
        "text" => false,
        "json" => true,
        other => return Err(wrong("log.format", other, "text or json")),
    };
    EnvFilter::try_new(&log.level)
        .map_err(|_| wrong("log.level", &log.level, "error, warn, info, debug or trace"))?;
    Ok(LogSettings { filter: log.level.clone(), json })
}
