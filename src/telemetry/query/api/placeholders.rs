//! What clients of Prometheus ask for and nothing here has yet: alerts and exemplars. The
//! answers are valid and empty; questions are checked as Prometheus checks them.

use axum::extract::{Request, State};
use axum::response::Response;
use kernel::caller::{Caller, Permission};
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::evaluate::needed_query;
use super::{Answered, answered, finish_list, read, success};
use crate::Telemetry;

/// The routes of what is empty.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(list_prometheus_alerts))
        .routes(routes!(list_alertmanagers))
        .routes(routes!(query_exemplars))
        .routes(routes!(query_exemplars_form))
}

/// Alerts that fire or are pending.
#[utoipa::path(
    get, path = "/prometheus/api/v1/alerts", tag = "prometheus", summary = "List alerts",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_prometheus_alerts(Who(who): Who) -> Response {
    answered(empty(&who, b"{\"alerts\":[]}"))
}

/// The Alertmanagers that alerts are sent to: none, alerts stay in the house.
#[utoipa::path(
    get, path = "/prometheus/api/v1/alertmanagers", tag = "prometheus",
    summary = "List Alertmanagers",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_alertmanagers(Who(who): Who) -> Response {
    answered(empty(&who, b"{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}"))
}

/// Exemplars of the series that an expression selects: `query`, `start`, `end`.
#[utoipa::path(
    get, path = "/prometheus/api/v1/query_exemplars", tag = "prometheus",
    summary = "Query exemplars",
    params(
        ("query" = String, Query, description = "the expression"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn query_exemplars(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(exemplars(&telemetry, &who, request).await)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/prometheus/api/v1/query_exemplars", tag = "prometheus",
    summary = "Query exemplars by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn query_exemplars_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(exemplars(&telemetry, &who, request).await)
}

async fn exemplars(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let parameters = read(telemetry, who, request).await?;
    parameters.range_ms()?;
    telemetry.parse(needed_query(&parameters)?).await?;
    empty(who, b"[]")
}

fn empty(who: &Caller, data: &[u8]) -> Answered {
    who.require(Permission::MetricsRead)?;
    let mut out = success();
    out.extend_from_slice(data);
    Ok(finish_list(out, false))
}
