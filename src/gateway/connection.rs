//! One connection: TLS or a word to those who do not speak it, then HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use kernel::stop::Stop;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::settings::Limits;
use crate::timed::Timed;

/// The first byte of a TLS connection: a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// Requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;

/// Where a request came from; stands in its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) address: SocketAddr,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
}

/// What is behind the port.
pub(crate) struct Doorway {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

impl Doorway {
    /// Serves `router`, encrypted when `tls` is given.
    pub(crate) fn new(
        router: Router,
        tls: Option<Arc<rustls::ServerConfig>>,
        limits: Limits,
    ) -> Self {
        Self { router, tls: tls.map(TlsAcceptor::from), limits }
    }

    /// Whether clients must encrypt.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves one connection to its end; after `stop`, to the end of its requests in progress.
    pub(crate) async fn serve(&self, stream: TcpStream, peer: Peer, stop: &Stop) {
        // Whoever connects and says nothing is not waited for longer than for a request's head.
        let mut first = [0];
        let arrived = timeout(self.limits.header_timeout, stream.peek(&mut first));
        let arrived = tokio::select! {
            () = stop.wait() => return,
            arrived = arrived => arrived,
        };
        if !matches!(arrived, Ok(Ok(1))) {
            return;
        }
        let Some(acceptor) = &self.tls else {
            self.serve_http(Timed::new(stream, self.limits.stall_timeout), peer, None, stop).await;
            return;
        };
        if first[0] != TLS_HANDSHAKE {
            point_to_https(stream, self.limits.header_timeout).await;
            return;
        }
        match timeout(self.limits.handshake_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let stream = Timed::new(stream, self.limits.stall_timeout);
                self.serve_http(stream, peer, Some(http2), stop).await;
            }
            Ok(Err(error)) => {
                tracing::debug!(source = %peer.address.ip(), %error, "TLS handshake failed");
            }
            Err(_) => tracing::debug!(source = %peer.address.ip(), "TLS handshake timed out"),
        }
    }

    /// Speaks HTTP: the version that was negotiated, or the one that the client begins with.
    async fn serve_http<S>(&self, stream: S, peer: Peer, http2: Option<bool>, stop: &Stop)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let active = Arc::new(AtomicBool::new(true));
        let (router, seen) = (self.router.clone(), Arc::clone(&active));
        let service = service_fn(move |request: Request<Incoming>| {
            seen.store(true, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let builder = self.builder();
        let builder = match http2 {
            Some(true) => builder.http2_only(),
            Some(false) => builder.http1_only(),
            None => builder,
        };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        loop {
            let idle = tokio::time::sleep(self.limits.idle_timeout);
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(source = %peer.address.ip(), error, "connection failed");
                    }
                    return;
                }
                () = stop.wait() => break,
                () = idle => {
                    if !active.swap(false, Ordering::Relaxed) {
                        break;
                    }
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        if let Err(error) = connection.await {
            tracing::debug!(source = %peer.address.ip(), error, "connection failed");
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let head = self.limits.header_bytes_max;
        // A client that vanished is found out within half of the time that it may rest.
        let ping = self.limits.idle_timeout / 4;
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_buf_size(head.max(8 * 1024));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(ping)
            .keep_alive_timeout(ping)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
        builder
    }
}

/// Answers someone who speaks plain HTTP to the TLS port: browsers are sent on, programs are told.
async fn point_to_https(stream: TcpStream, limit: Duration) {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limit).keep_alive(false);
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(https_answer(&request))
    });
    let served = builder.serve_connection(TokioIo::new(stream), service);
    if !matches!(timeout(limit, served).await, Ok(Ok(()))) {
        tracing::debug!("a connection without TLS was closed");
    }
}

fn https_answer<B>(request: &Request<B>) -> Response<Body> {
    let wants_page = request.method() == Method::GET
        && request
            .headers()
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    let place = host
        .filter(|host| wants_page && path.starts_with('/') && host.chars().all(is_host_char))
        .and_then(|host| HeaderValue::try_from(format!("https://{host}{path}")).ok());
    let text = "this port speaks HTTPS: use https:// instead of http://\n";
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    if let Some(place) = place {
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
