//! Composition root: opens the data directory, builds the services, wires events, starts and
//! stops everything in order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data::{Data, DataOptions};
use gateway::{Gateway, Site, Tls};
use identity::Identity;
use kernel::caller::{Caller, Permission};
use kernel::clock::{Clock, Time};
use kernel::db::Db;
use kernel::error::{Error, Result};
use kernel::event::{Event, Events};
use kernel::metrics::Metrics;
use kernel::secret::Secret;
use kernel::stop::Stop;
use telemetry::Telemetry;
use tokio::task::JoinSet;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Settings;
use crate::watch::Watch;

/// The program's name and version, as data directories name their writer.
const PROGRAM: &str = concat!("onemonitor ", env!("CARGO_PKG_VERSION"));
/// Below this lies the product's own API.
const API: &str = "/api/v1";
/// The longest wait for workers after the gateway has drained.
const WORKERS_STOP_MAX: Duration = Duration::from_secs(5);

/// Why the program cannot start: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] data::OpenError),
    /// The port or the certificate cannot be used.
    #[error(transparent)]
    Gateway(#[from] gateway::GatewayError),
    /// A service cannot start.
    #[error("{}", with_cause(.0))]
    Service(#[from] Error),
}

fn with_cause(error: &Error) -> String {
    match error.cause_chain() {
        Some(cause) => format!("{}: {cause}", error.detail()),
        None => error.detail().to_owned(),
    }
}

/// All services over one open data directory; clones share them.
#[derive(Clone)]
pub struct Services {
    pub(crate) data: Arc<Data>,
    clock: Clock,
    metrics: Metrics,
    identity: Identity,
    telemetry: Telemetry,
    pub(crate) events: Arc<Events>,
    pub(crate) watch: Watch,
    pub(crate) started_at: Time,
}

impl Services {
    /// Opens the data directory and builds the services; nothing runs yet.
    ///
    /// # Errors
    /// One sentence that says what is wrong, where, and what to do.
    pub async fn open(settings: &Settings) -> std::result::Result<Self, StartError> {
        let clock = Clock::system();
        let data = Arc::new(open_data(settings, &clock).await?);
        let metrics = Metrics::new();
        let db = Db::new(data.records().clone(), clock.clone());
        let identity =
            Identity::new(db.clone(), settings.identity.clone(), access::permissions_of, &metrics)?;
        let telemetry = Telemetry::open(
            data.series().clone(),
            db.clone(),
            clock.clone(),
            &metrics,
            settings.telemetry.clone(),
        )
        .await?;
        let events = Arc::new(subscriptions(db, &metrics, &telemetry));
        let watch = Watch::new(Arc::clone(&data), &metrics);
        let started_at = clock.now();
        Ok(Self { data, clock, metrics, identity, telemetry, events, watch, started_at })
    }

    /// Opens the port and starts everything.
    ///
    /// # Errors
    /// One sentence that says what is wrong, where, and what to do.
    pub async fn start(
        &self,
        settings: &Settings,
        first_password: Option<Secret>,
    ) -> std::result::Result<Running, StartError> {
        let gateway =
            Gateway::bind(settings.gateway.clone(), self.clock.clone(), &self.metrics).await?;
        let one_time_password = self.identity.ensure_first_administrator(first_password).await?;
        let (address, tls) = (gateway.url(), gateway.tls());
        let (doors, stop) = (Stop::new(), Stop::new());
        let mut workers = JoinSet::new();
        workers.spawn(Arc::clone(&self.events).run(stop.clone()));
        workers.spawn(self.watch.clone().run(self.clock.clone(), stop.clone()));
        workers.spawn(self.telemetry.clone().run(stop.clone()));
        let site = Site {
            rooms: rooms(self.identity.clone(), self.telemetry.clone()),
            identity: self.identity.clone(),
            system: self.system_source(),
        };
        let readiness = gateway.readiness();
        let listener = tokio::spawn(gateway.serve(site, doors.clone()));
        readiness.set(true);
        Ok(Running { address, one_time_password, stop, doors, tls, listener, workers })
    }

    /// Takes over what may change while the server runs: scrape jobs, rule files, retention and the
    /// limits of series.
    pub async fn reload(&self, settings: &Settings) {
        self.data.series().set_retention_ms(Some(settings.retention_ms));
        self.data.series().set_retention_bytes(settings.retention_bytes);
        self.telemetry.set_store(&settings.telemetry.store);
        if let Err(error) = self.telemetry.set_jobs(settings.telemetry.scrape.jobs.clone()).await {
            tracing::error!(%error, "scrape jobs not changed");
        }
        let patterns = settings.telemetry.rules.files.clone();
        if let Err(error) = self.telemetry.set_rule_files(patterns).await {
            tracing::error!(%error, "rule files not read");
        }
    }

    /// Flushes and closes the stores.
    pub async fn close(self) {
        let data = Arc::clone(&self.data);
        let closed = tokio::task::spawn_blocking(move || data.close()).await;
        match closed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error, "stores not closed cleanly"),
            Err(error) => tracing::error!(%error, "stores not closed cleanly"),
        }
    }

    /// Creates an API token; gives its secret, which is shown this once.
    ///
    /// # Errors
    /// An unknown role, a name that cannot be used.
    pub async fn create_token(
        &self,
        caller: &Caller,
        name: String,
        role: String,
        expires_in_s: Option<u64>,
    ) -> Result<String> {
        let new = identity::NewToken { name, role, expires_in_s };
        let created = self.identity.create_token(caller, new).await?;
        Ok(created.secret.expose().to_owned())
    }

    /// Sets a new one-time password; gives it.
    ///
    /// # Errors
    /// `NotFound` when there is no such user.
    pub async fn recover_user(&self, caller: &Caller, name: &str) -> Result<String> {
        let password = self.identity.recover_user(caller, name).await?;
        Ok(password.expose().to_owned())
    }

    /// Writes a consistent copy of the data directory into `dest`; says how large it is.
    ///
    /// # Errors
    /// A destination that cannot be used.
    pub async fn backup(&self, caller: &Caller, dest: PathBuf) -> Result<String> {
        caller.require(Permission::SystemWrite)?;
        let data = Arc::clone(&self.data);
        let copied = tokio::task::spawn_blocking(move || data.backup(&dest)).await;
        let copied = copied.map_err(|error| Error::internal("data.backup_failed", error))?;
        let backup = copied.map_err(|error| Error::invalid("data.backup", error.to_string()))?;
        Ok(format!("{} bytes in {} files", backup.bytes, backup.files))
    }
}

async fn open_data(settings: &Settings, clock: &Clock) -> std::result::Result<Data, StartError> {
    let engine_clock = clock.clone();
    let mut options = DataOptions::new(PROGRAM, move || engine_clock.now().as_millis());
    options.series.retention_ms = Some(settings.retention_ms);
    options.series.retention_bytes = settings.retention_bytes;
    let dir = settings.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || Data::open(&dir, options)).await;
    let opened = opened.map_err(|error| Error::internal("data.open_failed", error))?;
    Ok(opened?)
}

/// Every subscription of the program, one line each.
fn subscriptions(db: Db, metrics: &Metrics, telemetry: &Telemetry) -> Events {
    let mut events = Events::new(db, metrics);
    let targets = telemetry.clone();
    events.on("telemetry.targets", Event::is_target, move |_number, _event| {
        let telemetry = targets.clone();
        async move { telemetry.refresh_targets().await }
    });
    events
}

/// The routers of all rooms.
fn rooms(identity: Identity, telemetry: Telemetry) -> OpenApiRouter {
    let people = identity::router(identity).merge(access::router());
    OpenApiRouter::new().nest(API, people).merge(telemetry::router(telemetry))
}

/// The API document, made from the routes themselves; no data directory is needed.
#[must_use]
pub fn api_document() -> utoipa::openapi::OpenApi {
    let mut people = identity::routes().into_openapi();
    people.merge(access::router().into_openapi());
    let mut document = utoipa::openapi::OpenApi::default().nest(API, people);
    document.merge(telemetry::routes().into_openapi());
    gateway::document(document)
}

/// A server at work.
pub struct Running {
    /// Where it listens, as a URL.
    pub address: String,
    /// The first administrator's password, at the first start without a given one.
    pub one_time_password: Option<Secret>,
    /// Ends the workers.
    pub stop: Stop,
    doors: Stop,
    tls: Option<Tls>,
    listener: tokio::task::JoinHandle<std::result::Result<(), gateway::GatewayError>>,
    workers: JoinSet<()>,
}

impl Running {
    /// Reads the certificate again; a mistake leaves the old one in force.
    pub async fn reload_certificate(&self) {
        let Some(tls) = self.tls.clone() else { return };
        match tokio::task::spawn_blocking(move || tls.reload()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "certificate not reloaded"),
            Err(error) => tracing::error!(%error, "certificate not reloaded"),
        }
    }

    /// Lets requests in progress end, then ends the workers.
    pub async fn stop(mut self) {
        self.doors.trigger();
        match self.listener.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "gateway ended with an error"),
            Err(error) => tracing::error!(%error, "gateway ended with an error"),
        }
        self.stop.trigger();
        let drained = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(WORKERS_STOP_MAX, drained).await.is_err() {
            tracing::warn!("workers did not stop in time");
            self.workers.abort_all();
        }
    }
}
