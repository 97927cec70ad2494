//! Metrics, in and out: pulls them from targets and from this machine, takes what others push,
//! and answers queries in the way of Prometheus.
//!
//! Invariants: every operation begins with the permission check; the engine is called on the
//! blocking pool alone; an acknowledgement is sent after the data is durable; whatever a target,
//! a sender or a query asks for stays within a limit of the settings, and one that misbehaves
//! harms no other.

mod api;
mod cardinality;
mod duration;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod host;
mod hosts;
mod intake;
mod model;
mod own_metrics;
mod query;
mod receive;
mod retention;
mod room;
mod rules;
mod scrape;
mod sender;
mod settings;
mod store;
mod targets;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::clock::{Clock, Time};
use kernel::db::Db;
use kernel::error::{Error, Result};
use kernel::metrics::Metrics;
use kernel::stop::Stop;
use metric::Labels;
use series::Series;
use tokio::sync::Semaphore;

pub use api::{router, routes};
pub use cardinality::{
    CardinalityBy, CardinalityGroup, CardinalityOrder, CardinalityQuery, CardinalityReport,
    SeriesLimit, SeriesScope,
};
pub use hosts::{Host, HostHealth, HostPage, HostQuery, HostSpark, ProcessGroup, ProcessList};
pub use model::{Target, TargetId, TargetPage, TargetTls, TargetWrite};
pub use query::{InstantQuery, QueryBounds, QueryError, RangeQuery};
pub use retention::{
    CleanReport, DeletionReport, DeletionRequest, RetentionReport, RetentionRule, RetentionUse,
    SelectionEstimate, StoredSpan,
};
pub use rules::check_rule_pattern;
pub use rules::model::{
    RecordingGroup, RecordingGroupId, RecordingGroupPage, RecordingGroupWrite, RecordingRule,
    RuleCheck, RuleCheckReport, RuleImportReport, RuleProblem,
};
pub use rules::state::RuleHealth;
pub use rules::status::{
    RecordingGroupStatus, RecordingRuleStatus, RecordingStatus, RuleFileStatus, RuleOrigin,
};
pub use scrape::doctor::{ProbeProblem, ProbeReport, ProbeRequest, ProbeStep, ProbeStepName};
pub use scrape::job::{BasicAuth, ScrapeJob, TlsSettings};
pub use scrape::relabel::RelabelRule;
pub use scrape::status::TargetHealth;
pub use scrape::target::TargetOrigin;
pub use series::SeriesLimits;
pub use settings::{
    HostSettings, QuerySettings, ReceiveSettings, RuleSettings, ScrapeSettings, StoreSettings,
    TelemetrySettings, ThinnedRetention,
};
pub use targets::{TargetStatus, TargetStatusList};

use intake::Intake;
use own_metrics::ScrapeMetrics;
use query::run::Queries;
use receive::Receiver;
use room::Room;
use rules::manager::Rules;
use scrape::cycle::Shared;
use scrape::manager::Manager;
use scrape::source::Source;
use scrape::target::ScrapeTarget;

/// The `job` label of this machine's metrics.
pub(crate) const HOST_JOB: &str = "node";
/// The `job` label of the appliance's own metrics.
pub(crate) const OWN_JOB: &str = "onemonitor";

/// Metrics, in and out; clones share one.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    series: Series,
    db: Db,
    clock: Clock,
    intake: Intake,
    manager: Manager,
    receiver: Receiver,
    queries: Queries,
    rules: Rules,
    scrape: ScrapeSettings,
    room: Room,
    probes: Semaphore,
    /// The rules of retention in force.
    retention_rules: Mutex<Vec<RetentionRule>>,
    /// For what changes the store: one at a time.
    store_turn: Arc<Semaphore>,
    about: About,
}

/// What is told about this process.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// When the service was put together.
    pub started_at: Time,
    /// The name of this machine.
    pub hostname: String,
}

impl Telemetry {
    /// Puts the service together; [`Telemetry::run`] starts it.
    ///
    /// # Errors
    /// `Invalid` for a scrape job of the settings that is wrong; the text names it.
    pub async fn open(
        series: Series,
        db: Db,
        clock: Clock,
        metrics: &Metrics,
        settings: TelemetrySettings,
    ) -> Result<Self> {
        let metrics = metrics.clone();
        // Jobs may name files of certificates.
        let build = move || Self::build(series, db, clock, &metrics, settings);
        let built = tokio::task::spawn_blocking(build).await;
        built.map_err(|error| Error::internal("telemetry.open_failed", error))?
    }

    fn build(
        series: Series,
        db: Db,
        clock: Clock,
        metrics: &Metrics,
        settings: TelemetrySettings,
    ) -> Result<Self> {
        set_store(&series, &settings.store);
        let intake = Intake::new(series.clone(), metrics);
        let room = Room::new(settings.scrape.bodies_bytes_max);
        let shared = Shared {
            intake: intake.clone(),
            clock: clock.clone(),
            turns: Arc::new(Semaphore::new(settings.scrape.concurrency_max.max(1))),
            room: room.clone(),
            metrics: ScrapeMetrics::new(metrics),
        };
        let local = local_targets(&settings, &clock, metrics)?;
        let about = About { started_at: clock.now(), hostname: settings.hostname };
        let rules = Rules::new(settings.rules, metrics, clock.now());
        let manager = Manager::new(shared, settings.scrape.clone(), db.clone(), local)?;
        Ok(Self(Arc::new(Inner {
            series,
            db,
            clock,
            intake,
            manager,
            receiver: Receiver::new(settings.receive, metrics),
            queries: Queries::new(settings.query, metrics),
            rules,
            scrape: settings.scrape,
            room,
            probes: Semaphore::new(scrape::doctor::PROBES_MAX),
            retention_rules: Mutex::new(settings.store.retention_rules),
            store_turn: Arc::new(Semaphore::new(1)),
            about,
        })))
    }

    /// Scrapes targets and this machine, and evaluates rules, until `stop`.
    pub async fn run(self, stop: Stop) {
        let rules = self.0.rules.clone().run(self.clone(), stop.clone());
        tokio::join!(self.0.manager.clone().run(stop), rules);
    }

    /// Takes over other patterns of rule files and reads the files anew. A file that is wrong is
    /// refused with a line in the log, and its version before stays in force.
    ///
    /// # Errors
    /// A fault of ours.
    pub async fn set_rule_files(&self, patterns: Vec<String>) -> Result<()> {
        let (rules, now) = (self.0.rules.clone(), self.0.clock.now());
        let set = tokio::task::spawn_blocking(move || rules.set_files(patterns, now)).await;
        set.map_err(|error| Error::internal("telemetry.rules_failed", error))
    }

    /// Takes over other scrape jobs of the configuration; targets that stay go on.
    ///
    /// # Errors
    /// `Invalid` for a job that is wrong; then nothing changes.
    pub async fn set_jobs(&self, jobs: Vec<ScrapeJob>) -> Result<()> {
        let manager = self.0.manager.clone();
        let set = tokio::task::spawn_blocking(move || manager.set_jobs(&jobs)).await;
        set.map_err(|error| Error::internal("telemetry.jobs_failed", error))?
    }

    /// Takes over other limits of series and other rules of retention.
    pub fn set_store(&self, settings: &StoreSettings) {
        set_store(self.series(), settings);
        let rules = &self.0.retention_rules;
        *rules.lock().unwrap_or_else(PoisonError::into_inner) = settings.retention_rules.clone();
    }

    /// Looks at the stored targets anew: some were created, changed or deleted.
    ///
    /// # Errors
    /// None at present; the look itself happens later.
    #[expect(clippy::unused_async, reason = "the shape of an event's handler")]
    pub async fn refresh_targets(&self) -> Result<()> {
        self.0.manager.wake();
        Ok(())
    }

    pub(crate) fn series(&self) -> &Series {
        &self.0.series
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.0.intake
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.0.manager
    }

    pub(crate) fn receiver(&self) -> &Receiver {
        &self.0.receiver
    }

    pub(crate) fn queries(&self) -> &Queries {
        &self.0.queries
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.0.rules
    }

    pub(crate) fn scrape_settings(&self) -> &ScrapeSettings {
        &self.0.scrape
    }

    pub(crate) fn room(&self) -> &Room {
        &self.0.room
    }

    pub(crate) fn retention_rules(&self) -> Vec<RetentionRule> {
        self.0.retention_rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn store_turn(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.store_turn)
    }

    pub(crate) fn probes(&self) -> &Semaphore {
        &self.0.probes
    }

    pub(crate) fn about(&self) -> &About {
        &self.0.about
    }
}

fn set_store(series: &Series, settings: &StoreSettings) {
    series.set_series_limits(settings.series);
    let rules = settings.retention_rules.iter().map(RetentionRule::for_engine);
    series.set_retention_rules(rules.collect());
    for thinned in &settings.thinned {
        series.set_tier_retention_ms(thinned.resolution_ms, Some(thinned.keep_ms));
    }
}

/// The sources that need no network, each with the target that stands for it.
fn local_targets(
    settings: &TelemetrySettings,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<Vec<(ScrapeTarget, Source)>> {
    let mut local = Vec::new();
    let instance = settings.hostname.as_str();
    if settings.host.enabled {
        let host = host::Host::new(&settings.host, clock.clone());
        let target = local_target(HOST_JOB, instance, "/proc", TargetOrigin::Host, settings)?;
        local.push((target, Source::Host(Arc::new(Mutex::new(host)))));
    }
    if settings.host.own_metrics {
        let target = local_target(OWN_JOB, instance, "/metrics", TargetOrigin::Own, settings)?;
        local.push((target, Source::Own(metrics.clone())));
    }
    Ok(local)
}

fn local_target(
    job: &str,
    instance: &str,
    url: &str,
    origin: TargetOrigin,
    settings: &TelemetrySettings,
) -> Result<ScrapeTarget> {
    let interval = settings.host.interval.max(Duration::from_millis(100));
    let described = ScrapeJob { name: job.to_owned(), ..ScrapeJob::default() };
    let compiled = described.compile(&settings.scrape)?;
    let labels = Labels::new([("job", job), ("instance", instance)])
        .map_err(|error| Error::internal("telemetry.labels", error))?;
    Ok(ScrapeTarget {
        discovered: labels.clone(),
        labels,
        url: url.to_owned(),
        origin,
        target_id: None,
        interval,
        timeout: interval,
        scraping: compiled.scraping,
    })
}
