//! The outermost layer: request id, log line, self-metrics and security headers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, StatusCode, Uri};
use kernel::http::REQUEST_ID;
use tracing::Instrument as _;

use super::{Front, headers};
use crate::connection::Peer;

/// The longest request id that is taken over from a client.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// The request's id in its extensions.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) Arc<str>);

/// The response's nonce for styles, in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Nonce(pub(crate) Arc<str>);

/// Who asked, in the response's extensions, for the log.
#[derive(Clone, Debug)]
pub(super) struct Asked(pub(super) String);

/// Carries a request in and its answer out.
pub(super) async fn wrap(
    State(front): State<Arc<Front>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let _in_flight = front.instruments.request();
    let id = request_id(&front, &request);
    let nonce = new_nonce();
    let peer = request.extensions().get::<Peer>().copied();
    let route = request.extensions().get::<MatchedPath>().map(|it| it.as_str().to_owned());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    request.extensions_mut().insert(Nonce(Arc::clone(&nonce)));

    let span = tracing::info_span!("request", request_id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;

    if let Ok(value) = HeaderValue::try_from(&*id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    headers::secure(response.headers_mut(), &nonce, peer.is_some_and(|peer| peer.tls));
    let line = Line { route: route.as_deref(), method: &method, uri: &uri, peer };
    let took = began.elapsed();
    span.in_scope(|| line.log(&response, took));
    let status = response.status().as_u16();
    let route = route.as_deref().unwrap_or_else(|| unrouted(response.status()));
    front.instruments.answered(route, method_label(&method), status, took);
    response
}

/// The client's id when it is a plain word, else a new one.
fn request_id(front: &Front, request: &Request) -> Arc<str> {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_plain = |id: &&str| {
        let is_word_char = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !id.is_empty() && id.len() <= REQUEST_ID_CHARS_MAX && id.chars().all(is_word_char)
    };
    given.filter(is_plain).map_or_else(|| front.ids.next().to_string().into(), Arc::from)
}

fn new_nonce() -> Arc<str> {
    let mut bytes = [0; 16];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Without randomness no style gets a nonce that could be guessed.
        tracing::error!(%error, "no randomness for a nonce");
        return Arc::from("none");
    }
    STANDARD.encode(bytes).into()
}

/// The route of a request that no route of the API took.
fn unrouted(status: StatusCode) -> &'static str {
    if status.is_client_error() { "none" } else { "ui" }
}

/// Methods as a label: a client cannot invent more of them.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A line of the access log. Never a query string, header or body: they may hold secrets.
struct Line<'a> {
    route: Option<&'a str>,
    method: &'a Method,
    uri: &'a Uri,
    peer: Option<Peer>,
}

impl Line<'_> {
    fn log(&self, response: &Response, took: Duration) {
        let status = response.status();
        let route = self.route.unwrap_or_else(|| self.uri.path());
        let source = self.peer.map(|peer| peer.address.ip().to_string());
        let asked = response.extensions().get::<Asked>().map(|asked| asked.0.as_str());
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (method, status_code) = (self.method.as_str(), status.as_u16());
        let is_change = self.route.is_some()
            && ![Method::GET, Method::HEAD, Method::OPTIONS].contains(self.method)
            && !super::is_ingest(self.method, self.uri);
        if status.is_server_error() {
            tracing::warn!(
                method,
                route,
                status = status_code,
                duration_ms,
                source,
                asked,
                "request failed"
            );
        } else if is_change || status.is_client_error() {
            tracing::info!(
                method,
                route,
                status = status_code,
                duration_ms,
                source,
                asked,
                "request"
            );
        } else {
            tracing::debug!(
                method,
                route,
                status = status_code,
                duration_ms,
                source,
                asked,
                "request"
            );
        }
    }
}
