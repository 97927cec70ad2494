//! The headers that keep browsers from doing what a page did not mean.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Headers that every answer carries unless it has its own.
const FIXED: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    // What is not meant to be kept says nothing; only assets say otherwise.
    (header::CACHE_CONTROL, "no-store"),
];

/// A year: browsers that once trusted the certificate do not fall back to plain HTTP.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

/// Adds the security headers to an answer.
pub(super) fn secure(headers: &mut HeaderMap, nonce: &str, tls: bool) {
    for (name, value) in FIXED {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if tls {
        let value = HeaderValue::from_static(TRANSPORT_SECURITY);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if let Ok(policy) = HeaderValue::try_from(content_policy(nonce)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn content_policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    )
}
