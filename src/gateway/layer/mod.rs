//! What every request passes through, from the outside in.
//!
//! [`envelope`]: request id, log line, self-metrics, security headers. Compression.
//! [`problem`]: panics and plain failures become problem documents. [`admission`]: number, time and
//! size. [`credentials`]: who is asking. Then the route.

mod admission;
mod body;
mod credentials;
mod envelope;
mod headers;
mod problem;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use http::{Method, Uri};
use identity::Identity;
use kernel::clock::Clock;
use kernel::id::Ids;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

use crate::contract::Protected;
use crate::network::Network;
use crate::observe::Instruments;
use crate::settings::{Limits, Settings};

pub(crate) use envelope::Nonce;

/// What the layers need.
pub(crate) struct Front {
    identity: Identity,
    ids: Ids,
    limits: Limits,
    trusted: Vec<Network>,
    places: Semaphore,
    instruments: Instruments,
    protected: Protected,
}

impl Front {
    /// The layers' state for these settings.
    pub(crate) fn new(
        settings: &Settings,
        identity: Identity,
        clock: Clock,
        instruments: Instruments,
        protected: Protected,
    ) -> Self {
        Self {
            identity,
            ids: Ids::new(clock),
            limits: settings.limits.clone(),
            trusted: settings.trusted.clone(),
            places: Semaphore::new(settings.limits.requests_max),
            instruments,
            protected,
        }
    }

    /// Whether `address` lies in a trusted network.
    pub(crate) fn trusts(&self, address: std::net::IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// Puts the layers around the routes.
pub(crate) fn wrap(routes: Router, front: &Arc<Front>) -> Router {
    // The last one added is the outermost.
    routes
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(front), credentials::identify))
        .layer(from_fn_with_state(Arc::clone(front), admission::admit))
        .layer(from_fn_with_state(Arc::clone(front), problem::name_problems))
        .layer(CompressionLayer::new().gzip(true).zstd(true))
        .layer(from_fn_with_state(Arc::clone(front), envelope::wrap))
}

/// Whether the request brings telemetry: larger bodies, and trusted networks need no token.
fn is_ingest(method: &Method, uri: &Uri) -> bool {
    const ROUTES: [&str; 10] = [
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        "/prometheus/api/v1/write",
        "/prometheus/api/v1/otlp/v1/metrics",
        "/api/v1/metrics/import",
        "/v1/metrics",
        "/otlp/v1/metrics",
        "/otlp/v1/logs",
        "/otlp/v1/traces",
        "/loki/api/v1/push",
        "/zipkin/api/v2/spans",
    ];
    const TREES: [&str; 2] = ["/elastic/", "/influx/"];
    let path = uri.path();
    (method == Method::POST || method == Method::PUT)
        && (ROUTES.contains(&path) || TREES.iter().any(|tree| path.starts_with(tree)))
}
