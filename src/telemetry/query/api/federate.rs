//! `GET /prometheus/federate`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use kernel::caller::Caller;
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::exposition::TEXT;
use super::{Answered, answered, read};
use crate::Telemetry;

/// The route of federation.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(federate_metrics))
}

/// The newest sample of every series that satisfies one of the selectors `match[]`, for another
/// Prometheus to scrape with `honor_labels`. Series without an `instance` say so with an empty one.
/// Native histograms have no form in this text and are left out.
#[utoipa::path(
    get, path = "/prometheus/federate", tag = "prometheus", summary = "Federate newest samples",
    params(("match[]" = Option<Vec<String>>, Query, description = "selectors")),
    responses((status = 200, description = "the text format 0.0.4, with times", body = String,
               content_type = "text/plain"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn federate_metrics(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(federate(&telemetry, &who, request).await)
}

async fn federate(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let selectors = read(telemetry, who, request).await?.selectors()?;
    let pieces = telemetry.federate(who, selectors).await?;
    let pieces = stream::iter(pieces.map(Ok::<Bytes, std::convert::Infallible>));
    let kind = HeaderValue::from_static(TEXT);
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response())
}
