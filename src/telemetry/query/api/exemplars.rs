//! `query_exemplars`: observations that stand for those behind the samples of an expression.

use axum::extract::{Request, State};
use axum::response::Response;
use kernel::caller::Caller;
use kernel::http::{Problem, Who};
use metric::Exemplar;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::json::{push_labels, push_list, push_time, push_value};
use super::evaluate::needed_query;
use super::{Answered, answered, built, finish_list, read, success};
use crate::Telemetry;

/// The routes of exemplars.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(query_exemplars)).routes(routes!(query_exemplars_form))
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
    let range_ms = parameters.range_ms()?;
    let query = needed_query(&parameters)?;
    let found = telemetry.query_exemplars(who, query, range_ms).await?;
    let count = found.iter().map(|(_, exemplars)| exemplars.len()).sum();
    built(count, move || {
        let mut out = success();
        push_list(&mut out, &found, |out, (labels, exemplars)| {
            out.extend_from_slice(b"{\"seriesLabels\":");
            push_labels(out, labels);
            out.extend_from_slice(b",\"exemplars\":");
            push_list(out, exemplars, push_exemplar);
            out.push(b'}');
        });
        finish_list(out, false)
    })
    .await
}

fn push_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b"{\"labels\":");
    push_labels(out, &exemplar.labels);
    out.extend_from_slice(b",\"value\":");
    push_value(out, exemplar.value);
    out.extend_from_slice(b",\"timestamp\":");
    push_time(out, exemplar.timestamp_ms);
    out.push(b'}');
}
