//! What an expression is, without evaluating it: laid out, and as a tree.

use axum::extract::{Request, State};
use axum::response::Response;
use kernel::caller::Caller;
use kernel::http::{Problem, Who};
use promql::Expr;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::QueryError;
use super::super::json::push_text;
use super::evaluate::needed_query;
use super::{Answered, answered, finish_list, read, success};
use crate::Telemetry;

/// The routes of expressions.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(format_query))
        .routes(routes!(format_query_form))
        .routes(routes!(parse_query))
        .routes(routes!(parse_query_form))
}

/// Lays an expression out as Prometheus does: in one line if it is short, else over many.
#[utoipa::path(
    get, path = "/prometheus/api/v1/format_query", tag = "prometheus",
    summary = "Format an expression",
    params(("query" = String, Query, description = "the expression")),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn format_query(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(formatted(&telemetry, &who, request).await)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/prometheus/api/v1/format_query", tag = "prometheus",
    summary = "Format an expression by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn format_query_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(formatted(&telemetry, &who, request).await)
}

async fn formatted(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let write = |expr: &Expr, out: &mut Vec<u8>| push_text(out, &expr.to_pretty());
    understood(telemetry, who, request, write).await
}

/// The syntax tree of an expression, in the shape that Prometheus gives it.
#[utoipa::path(
    get, path = "/prometheus/api/v1/parse_query", tag = "prometheus",
    summary = "Parse an expression",
    params(("query" = String, Query, description = "the expression")),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn parse_query(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(parsed(&telemetry, &who, request).await)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/prometheus/api/v1/parse_query", tag = "prometheus",
    summary = "Parse an expression by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn parse_query_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(parsed(&telemetry, &who, request).await)
}

async fn parsed(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let write = |expr: &Expr, out: &mut Vec<u8>| {
        out.extend_from_slice(expr.to_json().to_string().as_bytes());
    };
    understood(telemetry, who, request, write).await
}

/// Parses the expression of a request and writes what becomes of it, off the async threads: both
/// take a while when the expression is long.
async fn understood(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
    write: impl FnOnce(&Expr, &mut Vec<u8>) + Send + 'static,
) -> Answered {
    let parameters = read(telemetry, who, request).await?;
    let expr = telemetry.parse(needed_query(&parameters)?).await?;
    let build = move || {
        let mut out = success();
        write(&expr, &mut out);
        finish_list(out, false)
    };
    tokio::task::spawn_blocking(build).await.map_err(QueryError::panicked)
}
