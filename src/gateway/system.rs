//! The appliance's own state over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use kernel::caller::Permission;
use kernel::clock::{Clock, Time};
use kernel::error::{Error, Result};
use kernel::http::{Problem, Who};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tls::Tls;

/// Collects [`SystemFacts`]; runs on the blocking pool, so it may look at files.
#[derive(Clone)]
pub struct SystemSource(Arc<dyn Fn() -> Result<SystemFacts> + Send + Sync>);

impl SystemSource {
    /// Facts from `collect`.
    #[must_use]
    pub fn new(collect: impl Fn() -> Result<SystemFacts> + Send + Sync + 'static) -> Self {
        Self(Arc::new(collect))
    }
}

/// What only the services know about the appliance.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct SystemFacts {
    /// When the server started.
    pub started_at: Time,
    /// The data directory.
    pub data_dir: String,
    /// What each store occupies on disk.
    pub stores: Vec<StoreSize>,
    /// The file system of the data directory.
    pub disk: DiskSpace,
    /// Resident memory of the process.
    pub memory_bytes: u64,
    /// CPU time that the process has used.
    pub cpu_seconds: f64,
    /// The series engine.
    pub series: SeriesFacts,
    /// Numbers of the record store, by name.
    pub records: BTreeMap<String, f64>,
    /// Delivery of events.
    pub events: EventFacts,
}

/// What a store occupies on disk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreSize {
    /// The store, such as `series`.
    pub name: String,
    /// Its size on disk.
    pub bytes: u64,
}

/// Space on a file system, in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct DiskSpace {
    /// The size of the file system.
    pub total: u64,
    /// What is left for the server.
    pub free: u64,
}

/// Numbers of the series engine.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct SeriesFacts {
    /// Series that received samples lately.
    pub active: u64,
    /// Samples stored.
    pub samples_total: u64,
    /// Samples that arrive in a second.
    pub ingested_per_s: f64,
}

/// Delivery of events.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct EventFacts {
    /// The subscribers.
    pub subscribers: Vec<SubscriberLag>,
}

/// How far a subscriber is behind.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SubscriberLag {
    /// The subscriber.
    pub name: String,
    /// Events published and not yet handled.
    pub lag: u64,
}

/// The certificate that the server shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TlsView {
    /// Until when it is valid.
    not_after: Time,
    /// The host names and addresses that it certifies.
    names: Vec<String>,
    /// SHA-256 of the certificate, `AB:CD:…`.
    fingerprint: String,
    /// Whether the appliance's own authority issued it.
    self_issued: bool,
    /// Where the authority's certificate is, to import into browsers; absent with an own one.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_download: Option<&'static str>,
}

/// The appliance's state.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = System)]
pub(crate) struct SystemView {
    /// The version of the program.
    version: &'static str,
    /// The commit that it was built from, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<&'static str>,
    /// How long the server runs.
    uptime_s: u64,
    #[serde(flatten)]
    facts: SystemFacts,
    /// The certificate; absent without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsView>,
}

/// Where the authority's certificate can be had.
const CA_PATH: &str = "/api/v1/system/ca.pem";

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) source: SystemSource,
    pub(crate) tls: Option<Tls>,
    pub(crate) clock: Clock,
}

/// The routes of the gateway's own part of the API, with their full paths.
pub(crate) fn routes() -> OpenApiRouter<System> {
    OpenApiRouter::new().routes(routes!(get_system)).routes(routes!(get_ca_certificate))
}

/// Tells the appliance's own state.
#[utoipa::path(
    get,
    path = "/api/v1/system",
    tag = "system",
    summary = "Get the appliance's state",
    responses(
        (status = 200, description = "the state", body = SystemView),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("system.read")))
)]
async fn get_system(State(system): State<System>, Who(who): Who) -> Result<Json<SystemView>> {
    who.require(Permission::SystemRead)?;
    let source = system.source.clone();
    let facts = tokio::task::spawn_blocking(move || (source.0)())
        .await
        .map_err(|error| Error::internal("system.failed", error))??;
    let tls = system.tls.as_ref().map(|tls| {
        let certificate = tls.facts();
        TlsView {
            not_after: certificate.not_after,
            names: certificate.names,
            fingerprint: certificate.fingerprint,
            self_issued: certificate.self_issued,
            ca_download: certificate.self_issued.then_some(CA_PATH),
        }
    });
    let uptime_s = system.clock.now().since(facts.started_at).as_secs();
    let (version, git) = (env!("CARGO_PKG_VERSION"), option_env!("ONEMONITOR_GIT"));
    Ok(Json(SystemView { version, git, uptime_s, facts, tls }))
}

/// Gives the certificate of the appliance's own authority, to import into browsers.
#[utoipa::path(
    get,
    path = "/api/v1/system/ca.pem",
    tag = "system",
    summary = "Get the authority's certificate",
    responses(
        (status = 200, description = "the certificate, PEM", body = String,
         content_type = "application/x-pem-file"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    security(()),
    extensions(("x-permission" = json!("public")))
)]
async fn get_ca_certificate(State(system): State<System>) -> Result<Response> {
    let pem = system.tls.as_ref().and_then(Tls::authority_pem).ok_or_else(|| {
        let detail = "this server has no authority of its own";
        Error::not_found("system.no_authority", detail)
    })?;
    let kind = HeaderValue::from_static("application/x-pem-file");
    let name = HeaderValue::from_static("attachment; filename=\"onemonitor-ca.pem\"");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], pem).into_response())
}
