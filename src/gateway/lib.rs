//! The one port: TLS, limits, who is asking, the API document, health and the embedded pages.
//!
//! Invariants: everything that a client can make grow has a limit; every answer carries a request
//! id and the security headers; every failure is a problem document; no secret and no query string
//! reaches the log; a panic ends one request.
//!
//! ```text
//! let gateway = Gateway::bind(settings, clock, &metrics).await?;
//! println!("listening on {}", gateway.url());
//! gateway.readiness().set(true);
//! gateway.serve(Site { rooms, identity, system }, stop).await?;
//! ```

mod connection;
mod contract;
mod health;
mod layer;
mod listener;
mod network;
mod observe;
mod settings;
mod system;
#[cfg(test)]
mod tests;
mod timed;
mod tls;
mod ui;

use std::net::SocketAddr;
use std::sync::Arc;

use identity::Identity;
use kernel::clock::Clock;
use kernel::metrics::Metrics;
use kernel::stop::Stop;
use tokio::net::TcpListener;
use utoipa_axum::router::OpenApiRouter;

pub use contract::document;
pub use health::Readiness;
pub use network::Network;
pub use settings::{Limits, Settings};
pub use system::{
    DiskSpace, EventFacts, SeriesFacts, StoreSize, SubscriberLag, SystemFacts, SystemSource,
};
pub use tls::{CertificateFacts, Tls, TlsError, TlsSource};

use connection::Doorway;
use contract::Protected;
use health::Health;
use layer::Front;
use observe::Instruments;
use system::System;

/// Why the gateway cannot start: one sentence that says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The port cannot be opened.
    #[error("{0}")]
    Listen(String),
    /// The certificate cannot be read, used or made.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What is served.
pub struct Site {
    /// The routers of all rooms, merged, with their full paths (`/api/v1/…`, `/prometheus/…`).
    pub rooms: OpenApiRouter,
    /// Tells who is asking.
    pub identity: Identity,
    /// Collects the appliance's own state.
    pub system: SystemSource,
}

/// An open port that does not answer yet.
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
    tls: Option<Tls>,
    clock: Clock,
    metrics: Metrics,
    readiness: Readiness,
}

impl Gateway {
    /// Opens the port and reads, or makes, the certificate. Connections wait until
    /// [`Gateway::serve`].
    ///
    /// # Errors
    /// A port that cannot be opened, a certificate that cannot be used.
    pub async fn bind(
        settings: Settings,
        clock: Clock,
        metrics: &Metrics,
    ) -> Result<Self, GatewayError> {
        let (source, tls_clock) = (settings.tls.clone(), clock.clone());
        let open = move || source.map(|source| Tls::open(source, tls_clock)).transpose();
        let tls = tokio::task::spawn_blocking(open)
            .await
            .map_err(|error| GatewayError::Listen(format!("TLS cannot be set up: {error}")))??;
        let listener = listener::bind(settings.listen).map_err(GatewayError::Listen)?;
        let address =
            listener.local_addr().map_err(|error| GatewayError::Listen(error.to_string()))?;
        let (metrics, readiness) = (metrics.clone(), Readiness::default());
        Ok(Self { listener, address, settings, tls, clock, metrics, readiness })
    }

    /// The address and port that it listens on.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// An address to open in a browser, such as `https://monitor:8443`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if self.address.ip().is_unspecified() {
            return format!("{scheme}://{}:{}", tls::reachable_name(), self.address.port());
        }
        format!("{scheme}://{}", self.address)
    }

    /// The listener's TLS, to reload its certificate; `None` when it speaks plain HTTP.
    #[must_use]
    pub fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// What `/readyz` answers.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Answers requests until `stop`, then lets those in progress end.
    ///
    /// # Errors
    /// TLS that cannot be set up.
    pub async fn serve(self, site: Site, stop: Stop) -> Result<(), GatewayError> {
        let instruments = Instruments::new(&self.metrics);
        let system =
            System { source: site.system, tls: self.tls.clone(), clock: self.clock.clone() };
        let (rooms, document) = site.rooms.split_for_parts();
        let document = contract::document(document);
        let front = Arc::new(Front::new(
            &self.settings,
            site.identity,
            self.clock.clone(),
            instruments.clone(),
            Protected::of(&document),
        ));
        let health = Health {
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
            front: Arc::clone(&front),
        };
        let (own, _) = system::routes().with_state(system).split_for_parts();
        let routes = rooms
            .merge(own)
            .merge(health::router(health))
            .merge(contract::router(&document))
            .fallback(ui::serve);
        let router = layer::wrap(routes, &front);

        let config = self.tls.as_ref().map(Tls::server_config).transpose()?.map(Arc::new);
        let renewal = self.tls.map(|tls| tokio::spawn(tls.keep_fresh(stop.clone())));
        let limits = self.settings.limits;
        let doorway = Doorway::new(router, config, limits.clone());
        let readiness = self.readiness;
        let announce = async {
            stop.wait().await;
            readiness.set(false);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = listener::run(self.listener, doorway, limits, instruments, stop.clone()) => {}
            () = announce => {}
        }
        if let Some(renewal) = renewal {
            renewal.abort();
        }
        Ok(())
    }
}
