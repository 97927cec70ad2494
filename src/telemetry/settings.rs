//! What the configuration says about telemetry, with the defaults and limits of each key.

use std::path::PathBuf;
use std::time::Duration;

use series::SeriesLimits;

use crate::retention::RetentionRule;
use crate::scrape::job::ScrapeJob;

const MIB: usize = 1024 * 1024;

/// Settings of the whole room; the configuration fills it in.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// The name of this machine: the `instance` label of its own metrics.
    pub hostname: String,
    /// This machine's own metrics.
    pub host: HostSettings,
    /// Pulling metrics from targets.
    pub scrape: ScrapeSettings,
    /// Taking metrics that others push.
    pub receive: ReceiveSettings,
    /// Answering queries.
    pub query: QuerySettings,
    /// How many series, and how long samples are kept.
    pub store: StoreSettings,
    /// Recording rules.
    pub rules: RuleSettings,
}

impl TelemetrySettings {
    /// The defaults, for a machine called `hostname`.
    #[must_use]
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            host: HostSettings::default(),
            scrape: ScrapeSettings::default(),
            receive: ReceiveSettings::default(),
            query: QuerySettings::default(),
            store: StoreSettings::default(),
            rules: RuleSettings::default(),
        }
    }
}

/// This machine's own metrics.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Whether to collect the machine's metrics (`job="node"`); on by default.
    pub enabled: bool,
    /// Whether to store the appliance's own metrics (`job="onemonitor"`); on by default.
    pub own_metrics: bool,
    /// How often, 15 s by default. The second collection follows the first after 5 s.
    pub interval: Duration,
    /// What lies before `/proc`, `/sys` and `/etc`; `/` by default.
    pub root: PathBuf,
    /// Process groups shown at most: the busiest, 30 by default.
    pub process_groups_max: usize,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            own_metrics: true,
            interval: Duration::from_secs(15),
            root: PathBuf::from("/"),
            process_groups_max: 30,
        }
    }
}

/// Pulling metrics from targets.
#[derive(Clone, Debug)]
pub struct ScrapeSettings {
    /// The jobs of the configuration file; none by default.
    pub jobs: Vec<ScrapeJob>,
    /// How often targets are scraped when their job does not say; 15 s by default.
    pub interval: Duration,
    /// How long a scrape may take when its job does not say; 10 s by default, and never more than
    /// the interval.
    pub timeout: Duration,
    /// Scrapes that run at one time; 64 by default, further ones wait for their turn.
    pub concurrency_max: usize,
    /// Bytes that all bodies being scraped may hold together; 256 MiB by default. A scrape that
    /// finds no room fails with that reason.
    pub bodies_bytes_max: usize,
    /// Bytes of one body after decompression, when its job does not say; 32 MiB by default.
    pub body_bytes_max: usize,
    /// Samples of one scrape after relabelling, when its job does not say; 500,000 by default.
    pub samples_max: usize,
    /// Targets of all jobs together; 20,000 by default, further ones are dropped and counted.
    pub targets_max: usize,
    /// The certificates that targets are checked against when their job names none; Debian's
    /// bundle by default.
    pub ca_file: PathBuf,
}

impl Default for ScrapeSettings {
    fn default() -> Self {
        Self {
            jobs: Vec::new(),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            concurrency_max: 64,
            bodies_bytes_max: 256 * MIB,
            body_bytes_max: 32 * MIB,
            samples_max: 500_000,
            targets_max: 20_000,
            ca_file: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
        }
    }
}

/// Taking metrics that others push.
#[derive(Clone, Debug)]
pub struct ReceiveSettings {
    /// Bytes of a body as it arrives; 32 MiB by default, 413 over it.
    pub body_bytes_max: usize,
    /// Bytes of a body after decompression, declared or real; 64 MiB by default, 413 over it.
    pub decoded_bytes_max: usize,
    /// Bytes that all bodies, arriving and unpacked, may hold together; 256 MiB by default, 503
    /// over it.
    pub bodies_bytes_max: usize,
    /// Bodies that are taken in at one time; 16 by default.
    pub concurrency_max: usize,
    /// How long a request waits for its turn before it gets 503; 5 s by default.
    pub wait: Duration,
    /// How long a body may take to arrive; 30 s by default.
    pub body_timeout: Duration,
}

impl Default for ReceiveSettings {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 * MIB,
            decoded_bytes_max: 64 * MIB,
            bodies_bytes_max: 256 * MIB,
            concurrency_max: 16,
            wait: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
        }
    }
}

/// How many series there may be, and how long samples are kept. Changeable while running.
#[derive(Clone, Debug, Default)]
pub struct StoreSettings {
    /// Most active series: of all, 2,000,000 by default; of one metric, 200,000; of one source,
    /// 500,000.
    pub series: SeriesLimits,
    /// Rules of retention beside the default, the strongest first; none by default, 100 at most.
    pub retention_rules: Vec<RetentionRule>,
    /// How long rows are kept that are left of samples when these are thinned out; where none is
    /// stated, as the engine does by default.
    pub thinned: Vec<ThinnedRetention>,
}

/// How long rows of one resolution are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinnedRetention {
    /// The span of time that one row stands for, in milliseconds; one that the engine has.
    pub resolution_ms: i64,
    /// How long rows are kept, in milliseconds; 0 makes none.
    pub keep_ms: i64,
}

/// Answering queries.
#[derive(Clone, Debug)]
pub struct QuerySettings {
    /// Queries evaluated at one time; 8 by default.
    pub concurrency_max: usize,
    /// How long a query may take, the wait for its turn included; 2 min by default.
    pub timeout: Duration,
    /// How far an instant selector looks back; 5 min by default.
    pub lookback: Duration,
    /// Samples that one query may hold at one time; 50 million by default.
    pub samples_max: u64,
    /// Bytes that samples, values and labels of one query may take at one time, about; 512 MiB by
    /// default.
    pub memory_bytes_max: u64,
    /// Series that one selector may find; 500,000 by default.
    pub series_max: usize,
    /// Points that one series of an answer may have; 11,000 by default.
    pub points_max: usize,
    /// Items that a list of series, label names or label values may have; 100,000 by default.
    /// Longer lists are cut, with a warning in the answer.
    pub items_max: usize,
    /// Bytes of one query text, or of a POST form; 1 MiB by default.
    pub text_bytes_max: usize,
}

impl Default for QuerySettings {
    fn default() -> Self {
        Self {
            concurrency_max: 8,
            timeout: Duration::from_secs(120),
            lookback: Duration::from_secs(300),
            samples_max: 50_000_000,
            memory_bytes_max: 512 * MIB as u64,
            series_max: 500_000,
            points_max: 11_000,
            items_max: 100_000,
            text_bytes_max: MIB,
        }
    }
}

/// Recording rules.
#[derive(Clone, Debug)]
pub struct RuleSettings {
    /// Patterns of files of rules, absolute; none by default.
    pub files: Vec<String>,
    /// How often groups are evaluated that do not say; 1 min by default.
    pub interval: Duration,
    /// How long one rule's evaluation may take, the wait for its turn included; 30 s by default,
    /// and never more than a query may take.
    pub timeout: Duration,
    /// Groups evaluated at one time; 4 by default, further ones wait for their turn.
    pub concurrency_max: usize,
    /// Groups of all files and of the API together; 1,000 by default.
    pub groups_max: usize,
    /// Rules of one group; 500 by default.
    pub rules_per_group_max: usize,
    /// Bytes of one expression; 64 KiB by default.
    pub expr_bytes_max: usize,
    /// Series that one rule may record, whatever its group says; 100,000 by default.
    pub series_max: usize,
    /// Bytes of one file of rules; 4 MiB by default.
    pub file_bytes_max: usize,
    /// Files of rules; 500 by default, further ones are left out and named.
    pub files_max: usize,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
            concurrency_max: 4,
            groups_max: 1_000,
            rules_per_group_max: 500,
            expr_bytes_max: 64 * 1024,
            series_max: 100_000,
            file_bytes_max: 4 * MIB,
            files_max: 500,
        }
    }
}
