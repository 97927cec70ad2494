//! The user interface, which lies inside the binary.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::layer::Nonce;

/// The built user interface; debug builds read the folder while running.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Files;

/// The page that every address of the user interface answers with.
const PAGE: &str = "index.html";
/// What the page has in place of its response's nonce.
const NONCE_MARK: &str = "{{csp-nonce}}";
/// Assets with a hash of their content in the name: they never change.
const HASHED: &str = "assets/";
/// First parts of addresses that belong to programs: a wrong one is an error, not a page.
const PROGRAMS: [&str; 14] = [
    "api",
    "v1",
    "prometheus",
    "otlp",
    "elastic",
    "loki",
    "influx",
    "zipkin",
    "alertmanager",
    "oauth2",
    ".well-known",
    "healthz",
    "readyz",
    "metrics",
];
/// The encodings that assets are stored in, the smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// Answers whatever no route of the API took: an asset, the page, or 404.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if PROGRAMS.contains(&first) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let allow = HeaderValue::from_static("GET, HEAD");
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response();
    }
    let is_variant = path.ends_with(".br") || path.ends_with(".gz");
    if !path.is_empty()
        && path != PAGE
        && !is_variant
        && let Some(file) = Files::get(path)
    {
        return asset(path, &file, request.headers());
    }
    // Below the root a dot belongs to a name in an address of the interface: `/hosts/a.example`.
    let is_file = path.starts_with(HASHED) || (!path.contains('/') && path.contains('.'));
    if is_file && path != PAGE {
        return StatusCode::NOT_FOUND.into_response();
    }
    page(request.extensions().get::<Nonce>())
}

/// The page with the nonce of this response; never stored, so that the nonce is used once.
fn page(nonce: Option<&Nonce>) -> Response {
    let Some(file) = Files::get(PAGE) else { return StatusCode::NOT_FOUND.into_response() };
    let text = String::from_utf8_lossy(&file.data);
    let text = text.replace(NONCE_MARK, nonce.map_or("", |nonce| &nonce.0));
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let never = HeaderValue::from_static("no-store");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, never)], text).into_response()
}

fn asset(path: &str, file: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let caching =
        if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Weak: the stored encodings of one asset share it.
    let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..12]));
    let is_known = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|it| it.trim() == tag));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    if let Ok(kind) = HeaderValue::try_from(content_type(path)) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    for (encoding, extension) in ENCODINGS {
        if accepts(asked, encoding)
            && let Some(packed) = Files::get(&format!("{path}.{extension}"))
        {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            *response.body_mut() = Body::from(packed.data);
            return response;
        }
    }
    *response.body_mut() = Body::from(file.data.clone());
    response
}

fn content_type(path: &str) -> String {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    if kind.type_() == mime_guess::mime::TEXT {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_string()
    }
}

/// Whether the client takes `encoding`: named, and not with the weight 0.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    let offers = asked.get(header::ACCEPT_ENCODING).and_then(|offers| offers.to_str().ok());
    offers.unwrap_or_default().split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let is_refused = parts.any(|weight| {
            weight.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0))
        });
        is_named && !is_refused
    })
}

/// The names of all embedded files.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = String> {
    Files::iter().map(std::borrow::Cow::into_owned)
}
