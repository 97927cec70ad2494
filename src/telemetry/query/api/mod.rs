//! The query API of Prometheus under `/prometheus/api/v1`, by GET and by POST form.

mod analyze;
mod cardinality;
mod evaluate;
mod exemplars;
mod export;
mod federate;
mod lists;
mod placeholders;
mod remote_read;
mod status;
mod syntax;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::{HeaderValue, Method, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::error::Error;
use utoipa_axum::router::OpenApiRouter;

use super::error::QueryError;
use super::json::{push, push_notes, push_text};
use super::parameters::Parameters;
use crate::Telemetry;

/// Items of a list that are written without leaving the async thread.
const ITEMS_AT_ONCE: usize = 500;
/// The content type of forms.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The routes of the query API.
pub(crate) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .merge(evaluate::routes())
        .merge(analyze::routes())
        .merge(syntax::routes())
        .merge(lists::routes())
        .merge(status::routes())
        .merge(cardinality::routes())
        .merge(exemplars::routes())
        .merge(placeholders::routes())
        .merge(federate::routes())
        .merge(export::routes())
        .merge(remote_read::routes())
}

pub(crate) type Answered = Result<Response, QueryError>;

/// The parameters of a request: its query, and its form when it has one.
pub(crate) async fn read(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
) -> Result<Parameters, QueryError> {
    who.require(Permission::MetricsRead)?;
    let bytes_max = telemetry.queries().settings.text_bytes_max;
    let (parts, body) = request.into_parts();
    let mut form = Vec::new();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let is_form = content_type.is_some_and(|value| value.as_bytes().starts_with(FORM));
    if parts.method == Method::POST && is_form {
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| {
                Error::invalid("query.cut_off", "the form broke off").caused_by(error)
            })?;
            if form.len() + piece.len() > bytes_max {
                let detail = format!("the form is larger than {bytes_max} bytes");
                return Err(Error::too_large("query.too_large", detail).into());
            }
            form.extend_from_slice(&piece);
        }
    }
    Ok(Parameters::parse(&form, parts.uri.query().unwrap_or("")))
}

/// A response that is made of `count` items: off the async threads when there are many.
async fn built(count: usize, build: impl FnOnce() -> Response + Send + 'static) -> Answered {
    if count <= ITEMS_AT_ONCE {
        return Ok(build());
    }
    tokio::task::spawn_blocking(build).await.map_err(QueryError::panicked)
}

fn success() -> Vec<u8> {
    b"{\"status\":\"success\",\"data\":".to_vec()
}

fn finish_list(mut out: Vec<u8>, truncated: bool) -> Response {
    if truncated {
        push_notes(&mut out, "warnings", &["results truncated due to limit".to_owned()]);
    }
    out.push(b'}');
    json_response(out)
}

/// An answer of JSON.
pub(crate) fn json_response(body: impl Into<Body>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body.into()).into_response()
}

/// An answer, or a mistake in the envelope of Prometheus.
pub(crate) fn answered(answer: Answered) -> Response {
    let error = match answer {
        Ok(response) => return response,
        Err(error) => error,
    };
    let (status, kind) = match &error {
        QueryError::BadData(_) => (StatusCode::BAD_REQUEST, "bad_data"),
        QueryError::Execution(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
        QueryError::Timeout(_) => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        QueryError::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "canceled"),
        QueryError::Refused(_) => return refused(error),
    };
    let mut out = Vec::new();
    push(&mut out, format_args!("{{\"status\":\"error\",\"errorType\":\"{kind}\",\"error\":"));
    push_text(&mut out, &error.to_string());
    out.push(b'}');
    (status, json_response(out)).into_response()
}

/// Who may not, or what is broken, is told in the way of the whole API.
fn refused(error: QueryError) -> Response {
    match error {
        QueryError::Refused(error) => error.into_response(),
        other => Error::from(other).into_response(),
    }
}
