//! Whether the server lives and is ready, and its self-metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::metrics::Metrics;

use crate::connection::Peer;
use crate::layer::Front;

/// Headers by which a proxy tells for whom it asks.
const FORWARDED: [HeaderName; 2] = [header::FORWARDED, HeaderName::from_static("x-forwarded-for")];

/// Says whether the server takes work; clones share it. Not ready at first.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets what `/readyz` answers.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }

    /// Whether the server takes work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What the probes look at.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    pub(crate) front: Arc<Front>,
}

/// `/healthz`, `/readyz`, `/metrics`.
pub(crate) fn router(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(tell_readiness))
        .route("/metrics", get(tell_metrics))
        .with_state(health)
}

async fn tell_readiness(State(health): State<Health>) -> Response {
    if health.readiness.is_ready() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the server is starting or stopping").into_response()
}

/// The self-metrics: for whoever may see the system, for trusted networks, and for programs on
/// this machine, unless they ask for somebody else.
async fn tell_metrics(State(health): State<Health>, request: Request) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.unwrap_or_else(Caller::anonymous);
    let source = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    let is_near = source.is_some_and(|source| {
        health.front.trusts(source) || (source.is_loopback() && !is_forwarded(request.headers()))
    });
    if !is_near && let Err(error) = caller.require(Permission::SystemRead) {
        return error.into_response();
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], health.metrics.gather_text()).into_response()
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDED.iter().any(|name| headers.contains_key(name))
}
