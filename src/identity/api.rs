//! Sign-in, account and API tokens over HTTP.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::error::{Error, Result};
use kernel::http::{Problem, Who};
use kernel::page::PageQuery;
use kernel::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{
    NewToken, OwnSession, SessionId, SessionView, TokenCreated, TokenId, TokenView,
};
use crate::{Identity, SignedIn};

/// The name of the session's cookie.
pub const SESSION_COOKIE: &str = "om_session";

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The name to sign in with.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// The old password and the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The password so far.
    pub current_password: Secret,
    /// The password from now on, 12 to 256 characters.
    pub new_password: Secret,
}

/// The caller's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnSessionList {
    /// The sessions, the newest first.
    pub items: Vec<OwnSession>,
}

/// A page of API tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenList {
    /// The tokens, the oldest first.
    pub items: Vec<TokenView>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The routes of this room, to be nested under `/api/v1`.
#[must_use]
pub fn router(identity: Identity) -> OpenApiRouter {
    routes().with_state(identity)
}

/// The same routes without the service behind them: enough for the API document.
#[must_use]
pub fn routes() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, get_session, sign_out))
        .routes(routes!(change_password))
        .routes(routes!(list_own_sessions))
        .routes(routes!(end_own_session))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(delete_token))
}

/// The secret in the session's cookie.
#[must_use]
pub fn session_cookie(headers: &HeaderMap) -> Option<Secret> {
    for cookies in headers.get_all(header::COOKIE) {
        for cookie in cookies.to_str().unwrap_or_default().split(';') {
            if let Some((name, value)) = cookie.trim().split_once('=')
                && name == SESSION_COOKIE
                && !value.is_empty()
            {
                return Some(Secret::new(value.to_owned()));
            }
        }
    }
    None
}

/// The session view together with the cookie of a new secret.
fn with_cookie(identity: &Identity, signed_in: SignedIn) -> Result<Response> {
    let cookie = set_cookie(identity, &signed_in.secret)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(signed_in.view)).into_response())
}

fn set_cookie(identity: &Identity, secret: &Secret) -> Result<HeaderValue> {
    let secure = if identity.settings().secure_cookies { "; Secure" } else { "" };
    let value = secret.expose();
    // Without a secret the browser deletes the cookie.
    let life = if value.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{life}");
    let mut value =
        HeaderValue::try_from(text).map_err(|error| Error::internal("identity.cookie", error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Signs in with name and password and sets the session's cookie.
#[utoipa::path(
    post,
    path = "/session",
    tag = "identity",
    summary = "Sign in",
    request_body = Credentials,
    responses(
        (status = 200, description = "signed in", body = SessionView,
         headers(("Set-Cookie" = String, description = "the session's cookie `om_session`"))),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    security(()),
    extensions(("x-permission" = json!("public")))
)]
async fn sign_in(
    State(identity): State<Identity>,
    Who(who): Who,
    headers: HeaderMap,
    Json(credentials): Json<Credentials>,
) -> Result<Response> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let Credentials { name, password } = credentials;
    let signed_in = identity.sign_in(&who, &name, password, agent.unwrap_or_default()).await?;
    with_cookie(&identity, signed_in)
}

/// Tells who is signed in.
#[utoipa::path(
    get,
    path = "/session",
    tag = "identity",
    summary = "Get the session",
    responses(
        (status = 200, description = "who is signed in", body = SessionView),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    security(("session" = [])),
    extensions(("x-permission" = json!("account.self")))
)]
async fn get_session(
    State(identity): State<Identity>,
    Who(who): Who,
    headers: HeaderMap,
) -> Result<Json<SessionView>> {
    let secret = session_cookie(&headers).unwrap_or_default();
    Ok(Json(identity.get_session(&who, &secret).await?))
}

/// Signs out: the session ends, the cookie is deleted.
#[utoipa::path(
    delete,
    path = "/session",
    tag = "identity",
    summary = "Sign out",
    responses(
        (status = 204, description = "signed out"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    security(("session" = [])),
    extensions(("x-permission" = json!("account.self")))
)]
async fn sign_out(State(identity): State<Identity>, Who(who): Who) -> Result<Response> {
    identity.sign_out(&who).await?;
    let cookie = set_cookie(&identity, &Secret::default())?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Changes the own password; all other sessions end.
#[utoipa::path(
    post,
    path = "/account/password",
    tag = "identity",
    summary = "Change the password",
    request_body = PasswordChange,
    responses(
        (status = 200, description = "changed; the session goes on with a new cookie",
         body = SessionView),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    security(("session" = [])),
    extensions(("x-permission" = json!("account.self")))
)]
async fn change_password(
    State(identity): State<Identity>,
    Who(who): Who,
    Json(change): Json<PasswordChange>,
) -> Result<Response> {
    let PasswordChange { current_password, new_password } = change;
    let signed_in = identity.change_password(&who, current_password, new_password).await?;
    with_cookie(&identity, signed_in)
}

/// Lists the own sessions.
#[utoipa::path(
    get,
    path = "/account/sessions",
    tag = "identity",
    summary = "List own sessions",
    responses(
        (status = 200, description = "the sessions", body = OwnSessionList),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    security(("session" = [])),
    extensions(("x-permission" = json!("account.self")))
)]
async fn list_own_sessions(
    State(identity): State<Identity>,
    Who(who): Who,
) -> Result<Json<OwnSessionList>> {
    Ok(Json(OwnSessionList { items: identity.list_own_sessions(&who).await? }))
}

/// Ends one of the own sessions.
#[utoipa::path(
    delete,
    path = "/account/sessions/{id}",
    tag = "identity",
    summary = "End an own session",
    params(("id" = SessionId, Path, description = "the session")),
    responses(
        (status = 204, description = "ended"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    security(("session" = [])),
    extensions(("x-permission" = json!("account.self")))
)]
async fn end_own_session(
    State(identity): State<Identity>,
    Who(who): Who,
    Path(id): Path<SessionId>,
) -> Result<StatusCode> {
    identity.end_own_session(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists API tokens: everybody's for whoever may see them, else the own ones.
#[utoipa::path(
    get,
    path = "/tokens",
    tag = "identity",
    summary = "List API tokens",
    params(PageQuery),
    responses(
        (status = 200, description = "a page of tokens", body = TokenList),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("account.self")))
)]
async fn list_tokens(
    State(identity): State<Identity>,
    Who(who): Who,
    Query(page): Query<PageQuery>,
) -> Result<Json<TokenList>> {
    let limit = page.checked_limit()?;
    let (items, next) = identity.list_tokens(&who, limit, page.cursor).await?;
    Ok(Json(TokenList { items, next }))
}

/// Creates an API token; its secret is shown this once.
#[utoipa::path(
    post,
    path = "/tokens",
    tag = "identity",
    summary = "Create an API token",
    request_body = NewToken,
    responses(
        (status = 201, description = "created", body = TokenCreated),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("account.self")))
)]
async fn create_token(
    State(identity): State<Identity>,
    Who(who): Who,
    Json(new): Json<NewToken>,
) -> Result<Response> {
    let created = identity.create_token(&who, new).await?;
    let place = format!("/api/v1/tokens/{}", created.token.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(created)).into_response())
}

/// Deletes an API token; requests with it are refused from then on.
#[utoipa::path(
    delete,
    path = "/tokens/{id}",
    tag = "identity",
    summary = "Delete an API token",
    params(("id" = TokenId, Path, description = "the token")),
    responses(
        (status = 204, description = "deleted"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("account.self")))
)]
async fn delete_token(
    State(identity): State<Identity>,
    Who(who): Who,
    Path(id): Path<TokenId>,
) -> Result<StatusCode> {
    identity.delete_token(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
