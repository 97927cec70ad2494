//! The API document: what all rooms offer, in one.

use std::collections::HashSet;

use axum::Router;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi};

use crate::system;

/// The document of the whole API: that of the rooms, with the gateway's own part added.
#[must_use]
pub fn document(rooms: OpenApi) -> OpenApi {
    let mut document = rooms;
    document.merge(system::routes().into_openapi());
    document.info = InfoBuilder::new()
        .title("OneMonitor API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Lists are `{items, next}` with keyset paging; times are RFC 3339; failures are \
             RFC 9457 problem documents with a stable `code`.",
        ))
        .build();
    document.servers = None;
    let session = ApiKeyValue::with_description(
        identity::SESSION_COOKIE,
        "The cookie of a signed-in person; changes also need `X-CSRF-Token`.",
    );
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token; also taken as the password of Basic."))
        .build();
    let schemes = ComponentsBuilder::new()
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)))
        .security_scheme("token", SecurityScheme::Http(token))
        .build();
    let mut components = document.components.take().unwrap_or_default();
    components.security_schemes.extend(schemes.security_schemes);
    document.components = Some(components);
    let nothing: [&str; 0] = [];
    document.security = Some(vec![
        SecurityRequirement::new("session", nothing),
        SecurityRequirement::new("token", nothing),
    ]);
    document
}

/// The operations that need somebody to be signed in: everything that does not say `public`.
#[derive(Debug, Default)]
pub(crate) struct Protected(HashSet<(Method, String)>);

impl Protected {
    /// Reads `x-permission` of every operation.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut protected = HashSet::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                let permission =
                    operation.extensions.as_ref().and_then(|it| it.get("x-permission"));
                if permission.is_none_or(|permission| permission != "public") {
                    protected.insert((method, path.clone()));
                }
            }
        }
        Self(protected)
    }

    /// Whether the route `path` (as declared, with its holes) needs a caller for `method`.
    pub(crate) fn covers(&self, method: &Method, path: &str) -> bool {
        self.0.contains(&(method.clone(), path.to_owned()))
    }
}

/// `/api/openapi.json`, and `/api/docs`, which leads to its reader in the user interface.
pub(crate) fn router(document: &OpenApi) -> Router {
    let json = document.to_json().map(Bytes::from).map_err(|error| {
        tracing::error!(%error, "API document not written");
    });
    let answer = move || async move { answer(json) };
    Router::new()
        .route("/api/openapi.json", get(answer))
        .route("/api/docs", get(async || Redirect::temporary("/api-docs")))
}

fn answer(json: Result<Bytes, ()>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    match json {
        Ok(json) => ([(header::CONTENT_TYPE, kind)], json).into_response(),
        Err(()) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
