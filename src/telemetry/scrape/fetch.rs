//! Asks a target for its metrics over HTTP and reads the answer within limits.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header;
use kernel::error::Result;
use reqwest::redirect::{Attempt, Policy};
use rustls::ClientConfig;

use super::exposition::Format;
use super::job::{Credentials, Scraping, invalid};
use crate::room::{Body, Room};

/// What we read, best first.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,\
     application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// The same for jobs that want native histograms, which only protobuf can show.
const ACCEPT_NATIVE: &str = "application/vnd.google.protobuf;\
     proto=io.prometheus.client.MetricFamily;encoding=delimited,\
     application/openmetrics-text;version=1.0.0;q=0.8,\
     application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
/// How the target sees us.
const USER_AGENT: &str = concat!("OneMonitor/", env!("CARGO_PKG_VERSION"));
/// Redirects followed at most.
const REDIRECTS_MAX: usize = 5;
/// Idle connections kept for a target.
const IDLE_CONNECTIONS_MAX: usize = 1;

/// Why a scrape failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScrapeFailure {
    /// A stable word that the UI translates.
    pub code: &'static str,
    /// What happened, in one sentence.
    pub detail: String,
}

impl ScrapeFailure {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// A target's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub body: Body,
    pub format: Format,
    pub content_type: Option<String>,
}

/// The client of a job. It has no proxy and no cookies.
pub(crate) fn client(tls: &Arc<ClientConfig>, follow_redirects: bool) -> Result<reqwest::Client> {
    let policy = if follow_redirects { Policy::custom(same_host) } else { Policy::none() };
    reqwest::Client::builder()
        .tls_backend_preconfigured(ClientConfig::clone(tls))
        .redirect(policy)
        .no_proxy()
        .referer(false)
        .user_agent(USER_AGENT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .pool_idle_timeout(Duration::from_secs(300))
        .build()
        .map_err(|error| invalid("tls", chain(&error)))
}

/// Follows a redirect only where the administrator's target is: the same host, never from TLS to
/// plain text.
fn same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first();
    let stays = first.is_some_and(|first| {
        let downgrade = first.scheme() == "https" && attempt.url().scheme() != "https";
        first.host_str() == attempt.url().host_str() && !downgrade
    });
    if stays && attempt.previous().len() <= REDIRECTS_MAX {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// Fetches `url` within `timeout`; at most `scraping.limits.body_bytes_max` bytes are read.
pub(crate) async fn fetch(
    scraping: &Scraping,
    url: &str,
    timeout: Duration,
    room: &Room,
) -> Result<Answer, ScrapeFailure> {
    let accept = if scraping.native_histograms { ACCEPT_NATIVE } else { ACCEPT };
    let mut request = scraping
        .client
        .get(url)
        .header(header::ACCEPT, accept)
        .header("X-Prometheus-Scrape-Timeout-Seconds", timeout.as_secs_f64().to_string());
    match &scraping.credentials {
        Credentials::None => {}
        Credentials::Basic(name, password) => {
            request = request.basic_auth(name, Some(password.expose()));
        }
        Credentials::Bearer(token) => request = request.bearer_auth(token.expose()),
    }
    let limit = scraping.limits.body_bytes_max;
    tokio::time::timeout(timeout, read(request, limit, room)).await.unwrap_or_else(|_| {
        let detail = format!("no complete answer within {} s", timeout.as_secs_f64());
        Err(ScrapeFailure::new("timeout", detail))
    })
}

async fn read(
    request: reqwest::RequestBuilder,
    limit: usize,
    room: &Room,
) -> Result<Answer, ScrapeFailure> {
    let mut response = request.send().await.map_err(|error| classify(&error))?;
    let status = response.status();
    if status.is_redirection() {
        let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        let detail = format!("the target redirects to {}, not followed", shown(to.unwrap_or("")));
        return Err(ScrapeFailure::new("redirect", detail));
    }
    if status != http::StatusCode::OK {
        return Err(ScrapeFailure::new("http_status", format!("the target answers {status}")));
    }
    let header = response.headers().get(header::CONTENT_TYPE);
    let content_type = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let format = Format::of_content_type(content_type.as_deref())
        .map_err(|reason| ScrapeFailure::new("content_type", reason))?;
    let mut body = Body::own(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.bytes.len() + chunk.len() > limit {
            let detail = format!("the body is larger than {limit} bytes");
            return Err(ScrapeFailure::new("too_large", detail));
        }
        body.extend(&chunk, room)
            .map_err(|full| ScrapeFailure::new("no_room", full.to_string()))?;
    }
    Ok(Answer { body, format, content_type })
}

/// Names the kind of a failed request.
fn classify(error: &reqwest::Error) -> ScrapeFailure {
    let detail = chain(error);
    let code = if causes(error).any(<dyn StdError>::is::<rustls::Error>) {
        "tls"
    } else if detail.contains("dns error") {
        "dns"
    } else if error.is_connect() {
        let refused = io_kind(error) == Some(io::ErrorKind::ConnectionRefused);
        if refused { "refused" } else { "connect" }
    } else if error.is_body() || error.is_decode() {
        "truncated"
    } else {
        "http"
    };
    ScrapeFailure::new(code, detail)
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let current = next?;
        // An I/O error that wraps another does not name it as its source.
        next = current
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map_or_else(|| current.source(), |inner| Some(inner as &(dyn StdError + 'static)));
        Some(current)
    })
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind).last()
}

/// The causes on one line, without those that an outer one repeats, and without the URL, which
/// may hold a secret.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error).skip(1) {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    }
    if parts.is_empty() {
        parts.push("the request failed".to_owned());
    }
    parts.join(": ")
}

/// A piece of what the target sent, cut to what fits in a message.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(200).collect::<String>())
}
