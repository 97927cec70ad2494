//! Finds out who is asking: session cookie, API token, or a trusted network.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, header};
use identity::session_cookie;
use kernel::caller::{Caller, Permission, Permissions, Subject};
use kernel::error::{Error, Result};
use kernel::secret::Secret;

use super::envelope::{Asked, RequestId};
use super::{Front, is_ingest};
use crate::connection::Peer;

/// The header that proves that a change comes from the session's own page.
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
/// Says whether a request comes from another site; set by browsers, never by pages.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Where people sign in: a cookie that is there already plays no part.
const SIGN_IN: &str = "/api/v1/session";

/// Puts the caller into the request, or refuses it.
pub(super) async fn identify(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut head, body) = request.into_parts();
    let mut caller = match caller_of(&front, &head).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    if caller.permissions == Permissions::default() && needs_caller(&front, &head) {
        // Before the body is read: strangers get no parser to talk to.
        let error = Error::unauthenticated("identity.sign_in_required", "sign in first");
        return error.into_response();
    }
    caller.request_id = head.extensions.get::<RequestId>().map(|id| Arc::clone(&id.0));
    let asked = Asked(caller.subject.to_string());
    head.extensions.insert(caller);
    let mut response = next.run(Request::from_parts(head, body)).await;
    response.extensions_mut().insert(asked);
    response
}

fn needs_caller(front: &Front, head: &Parts) -> bool {
    let route = head.extensions.get::<MatchedPath>();
    route.is_some_and(|route| front.protected.covers(&head.method, route.as_str()))
}

async fn caller_of(front: &Front, head: &Parts) -> Result<Caller> {
    let headers = &head.headers;
    let source = head.extensions.get::<Peer>().map(|peer| peer.address.ip());
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&head.method);
    if changes {
        refuse_other_sites(headers)?;
    }
    if let Some(token) = token_of(headers)? {
        return front.identity.caller_of_token(&token, source).await;
    }
    if let Some(secret) = session_cookie(headers)
        && let Some(caller) = front.identity.caller_of_session(&secret, source).await?
    {
        let signs_in = head.method == Method::POST && head.uri.path() == SIGN_IN;
        if changes && !signs_in {
            require_csrf_token(front, &secret, headers)?;
        }
        return Ok(caller);
    }
    let mut caller = Caller { source, ..Caller::anonymous() };
    if is_ingest(&head.method, &head.uri) && is_trusted(front, source) {
        caller.name = "trusted network".into();
        caller.subject = Subject::Anonymous;
        caller.permissions = Permissions::of(&[Permission::MetricsWrite]);
    }
    Ok(caller)
}

/// The API token of the request: `Bearer`, `Token`, or the password of `Basic`.
fn token_of(headers: &HeaderMap) -> Result<Option<Secret>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let unreadable = || {
        Error::unauthenticated(
            "identity.bad_authorization",
            "Authorization must be Bearer with an API token, or Basic with it as the password",
        )
    };
    let text = value.to_str().map_err(|_| unreadable())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(unreadable)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Secret::new(rest.to_owned())));
    }
    if scheme.eq_ignore_ascii_case("token") {
        // Clients of InfluxDB; those of its version 1 put a name and a colon before the token.
        let token = rest.split_once(':').map_or(rest, |(_, token)| token);
        return Ok(Some(Secret::new(token.to_owned())));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = STANDARD.decode(rest).map_err(|_| unreadable())?;
        let pair = String::from_utf8(pair).map_err(|_| unreadable())?;
        let (_, password) = pair.split_once(':').ok_or_else(unreadable)?;
        return Ok(Some(Secret::new(password.to_owned())));
    }
    Err(unreadable())
}

fn refuse_other_sites(headers: &HeaderMap) -> Result<()> {
    let site = headers.get(FETCH_SITE).and_then(|site| site.to_str().ok());
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => {
            let detail = "changes are taken from this server's own pages only";
            Err(Error::forbidden("identity.other_site", detail))
        }
    }
}

fn require_csrf_token(front: &Front, secret: &Secret, headers: &HeaderMap) -> Result<()> {
    let given = headers.get(CSRF_TOKEN).and_then(|token| token.to_str().ok());
    if given.is_some_and(|given| front.identity.is_csrf_token(secret, given)) {
        return Ok(());
    }
    Err(Error::forbidden(
        "identity.csrf",
        "a change needs the header X-CSRF-Token with the session's csrf_token",
    ))
}

fn is_trusted(front: &Front, source: Option<IpAddr>) -> bool {
    source.is_some_and(|source| front.trusts(source))
}
