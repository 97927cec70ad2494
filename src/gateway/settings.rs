//! What the gateway is told: where to listen, with which certificate, within which limits.

use std::net::SocketAddr;
use std::time::Duration;

use crate::network::Network;
use crate::tls::TlsSource;

/// The settings of the gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the certificate comes from; `None` speaks plain HTTP.
    pub tls: Option<TlsSource>,
    /// Networks that may send samples without a token; empty by default.
    pub trusted: Vec<Network>,
    /// What a client may ask for.
    pub limits: Limits,
}

impl Settings {
    /// Listens on `listen` with the default limits, trusting nobody.
    #[must_use]
    pub fn new(listen: SocketAddr, tls: Option<TlsSource>) -> Self {
        Self { listen, tls, trusted: Vec::new(), limits: Limits::default() }
    }
}

/// The limits of connections and requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Connections at a time from one address; further ones are closed at once.
    pub connections_per_source_max: usize,
    /// Requests at a time; further ones get 503 with `Retry-After`.
    pub requests_max: usize,
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// Time for a request's head to arrive, from the beginning of the connection or the end of
    /// the request before; so also the time that an HTTP/1.1 connection may rest.
    pub header_timeout: Duration,
    /// Time for the TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for a request to be read and answered.
    pub request_timeout: Duration,
    /// An HTTP/2 connection without a new request for so long is closed.
    pub idle_timeout: Duration,
    /// A client that takes in nothing of an answer for so long is cut off.
    pub stall_timeout: Duration,
    /// Bytes of a request's body.
    pub body_bytes_max: u64,
    /// Bytes of a body on the routes that take in telemetry, as sent; they check what it unpacks to.
    pub ingest_body_bytes_max: u64,
    /// Time for requests in progress to end when the server stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            connections_per_source_max: 512,
            requests_max: 512,
            header_bytes_max: 32 * 1024,
            header_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(30),
            body_bytes_max: 16 * 1024 * 1024,
            ingest_body_bytes_max: 32 * 1024 * 1024,
            drain_timeout: Duration::from_secs(8),
        }
    }
}
