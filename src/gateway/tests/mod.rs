//! Tests of the gateway through its port, with real TLS clients and with bare sockets.

mod pages;
mod problems;
mod sign_in;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use identity::{HashCost, Identity};
use kernel::caller::{Caller, Permission};
use kernel::clock::{Clock, ManualClock};
use kernel::db::Db;
use kernel::error::Error;
use kernel::http::Who;
use kernel::metrics::Metrics;
use kernel::secret::Secret;
use kernel::stop::Stop;
use records::Records;
use reqwest::{Certificate, Client, ClientBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use utoipa_axum::router::OpenApiRouter;

use crate::{Gateway, GatewayError, Settings, Site, SystemFacts, SystemSource, Tls, TlsSource};

const PASSWORD: &str = "a quiet river under stars";
/// No wait in these tests takes longer unless something is broken.
const DEADLINE: Duration = Duration::from_secs(20);

/// A gateway at work over an empty store with the administrator `admin`.
struct Bed {
    address: SocketAddr,
    base: String,
    identity: Identity,
    metrics: Metrics,
    clock: ManualClock,
    tls: Option<Tls>,
    /// Lets a request to `/test/wait` end.
    gate: Arc<Semaphore>,
    stop: Stop,
    served: JoinHandle<Result<(), GatewayError>>,
    dir: TempDir,
}

/// A gateway with TLS of its own.
async fn bed() -> Bed {
    bed_with(|_| {}).await
}

/// A gateway with settings changed by `change`.
async fn bed_with(change: impl FnOnce(&mut Settings)) -> Bed {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("records.redb");
    let records = Records::open(&path, records::Options::default()).unwrap();
    // Clients check certificates by the real time.
    let clock = ManualClock::at(Clock::system().now());
    let db = Db::new(records, Clock::manual(&clock));
    let metrics = Metrics::default();
    let tls = TlsSource::Auto { directory: dir.path().join("tls"), extra_names: Vec::new() };
    let mut settings = Settings::new(([127, 0, 0, 1], 0).into(), Some(tls));
    change(&mut settings);
    let hash_cost = HashCost { memory_kib: 64, passes: 1, parallel: 2 };
    let people = identity::Settings {
        hash_cost,
        secure_cookies: settings.tls.is_some(),
        ..identity::Settings::default()
    };
    let identity = Identity::new(db, people, access::permissions_of, &metrics).unwrap();
    let password = Secret::new(PASSWORD.to_owned());
    identity.ensure_first_administrator(Some(password)).await.unwrap();
    let gateway = Gateway::bind(settings, Clock::manual(&clock), &metrics).await.unwrap();
    let (address, base, tls) = (gateway.local_address(), gateway.url(), gateway.tls());
    gateway.readiness().set(true);
    let (gate, stop) = (Arc::new(Semaphore::new(0)), Stop::new());
    let people = identity::router(identity.clone()).merge(access::router());
    let rooms = OpenApiRouter::new().nest("/api/v1", people).merge(test_routes(&gate).into());
    let facts = SystemFacts { data_dir: "/data".to_owned(), ..SystemFacts::default() };
    let system = SystemSource::new(move || Ok(facts.clone()));
    let site = Site { rooms, identity: identity.clone(), system };
    let served = tokio::spawn(gateway.serve(site, stop.clone()));
    Bed { address, base, identity, metrics, clock, tls, gate, stop, served, dir }
}

/// A gateway without TLS, for clients that speak byte by byte.
async fn plain_bed(change: impl FnOnce(&mut Settings)) -> Bed {
    bed_with(|settings| {
        settings.tls = None;
        change(settings);
    })
    .await
}

fn test_routes(gate: &Arc<Semaphore>) -> Router {
    let gate = Arc::clone(gate);
    let wait = async move || {
        gate.acquire().await.map(tokio::sync::SemaphorePermit::forget).unwrap();
        "waited"
    };
    Router::new()
        .route("/test/length", post(async |body: Bytes| body.len().to_string()))
        .route("/test/panic", get(panics))
        .route("/test/wait", get(wait))
        .route("/test/large", get(async || vec![b'x'; 64 * 1024 * 1024]))
        .route("/prometheus/api/v1/write", post(tell_permissions))
        .route("/test/fails", get(fails))
}

async fn panics() -> &'static str {
    panic!("a handler's secret fault")
}

async fn fails() -> Result<(), Error> {
    Err(Error::internal("test.failed", "the cause inside"))
}

async fn tell_permissions(Who(who): Who) -> Result<String, Error> {
    who.require(Permission::MetricsWrite)?;
    let names: Vec<&str> = who.permissions.iter().map(Permission::as_str).collect();
    Ok(names.join(" "))
}

impl Bed {
    /// The address of a path.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A client that trusts nothing but the gateway's own authority.
    fn client_builder(&self) -> ClientBuilder {
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let Some(pem) = self.tls.as_ref().and_then(Tls::authority_pem) else {
            return builder;
        };
        builder.tls_certs_only([Certificate::from_pem(pem.as_bytes()).unwrap()])
    }

    fn client(&self) -> Client {
        self.client_builder().build().unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A token of `role`, made by the local administrator.
    async fn token(&self, role: &str) -> String {
        let new = identity::NewToken {
            name: "test".to_owned(),
            role: role.to_owned(),
            expires_in_s: None,
        };
        let local = Caller::local_administrator();
        self.identity.create_token(&local, new).await.unwrap().secret.expose().to_owned()
    }

    /// Waits until a self-metric shows `value`.
    async fn wait_for_metric(&self, line: &str) {
        within(async {
            while !self.metrics.gather_text().lines().any(|shown| shown == line) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// Fails the test when `work` does not end in time.
async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("nothing happened within the deadline")
}

/// The problem document of an answer; checks its form.
async fn problem(response: reqwest::Response, status: StatusCode, code: &str) -> Value {
    let (shown, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    assert_eq!(shown, status, "{text}");
    assert_eq!(headers["content-type"], "application/problem+json", "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], code, "{text}");
    assert_eq!(problem["status"], status.as_u16(), "{text}");
    assert_eq!(problem["request_id"], headers["x-request-id"].to_str().unwrap(), "{text}");
    problem
}
