//! The REST operations of retention and deletion, and the admin API of Prometheus.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CleanReport, DeletionReport, DeletionRequest, RetentionReport, SelectionEstimate};
use crate::Telemetry;
use crate::query::api::{answered, read};
use crate::query::error::QueryError;
use crate::query::parameters::Parameters;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(get_retention))
        .routes(routes!(estimate_selection))
        .routes(routes!(delete_samples))
        .routes(routes!(clean_samples))
        .routes(routes!(delete_prometheus_series, put_delete_prometheus_series))
        .routes(routes!(clean_prometheus_tombstones, put_clean_prometheus_tombstones))
        .routes(routes!(snapshot_prometheus, put_snapshot_prometheus))
}

/// Shows the rules of retention, what is stored for each, the size of each day, and what a
/// forecast needs.
#[utoipa::path(
    get, path = "/api/v1/metrics/retention", tag = "metrics",
    summary = "Show how long samples are kept and what they take",
    responses(
        (status = 200, description = "rules, days and sizes", body = RetentionReport),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_retention(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
) -> Result<Json<RetentionReport>> {
    Ok(Json(telemetry.get_retention(&who).await?))
}

/// Says how many series and samples a selection concerns: the preview of a deletion or of a rule.
#[utoipa::path(
    post, path = "/api/v1/metrics/estimate", tag = "metrics",
    summary = "Estimate what a selection concerns",
    request_body = DeletionRequest,
    responses(
        (status = 200, description = "about how much", body = SelectionEstimate),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn estimate_selection(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    body: bytes::Bytes,
) -> Result<Json<SelectionEstimate>> {
    Ok(Json(telemetry.estimate_selection(&who, &crate::api::json(&body)?).await?))
}

/// Deletes the samples of a selection; durable when it answers. Nothing brings them back.
#[utoipa::path(
    post, path = "/api/v1/metrics/deletions", tag = "metrics",
    summary = "Delete samples",
    request_body = DeletionRequest,
    responses(
        (status = 200, description = "what was deleted", body = DeletionReport),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn delete_samples(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    body: bytes::Bytes,
) -> Result<Json<DeletionReport>> {
    Ok(Json(telemetry.delete_samples(&who, &crate::api::json(&body)?).await?))
}

/// Frees the space of deleted samples now; compaction does so by itself some time later.
#[utoipa::path(
    post, path = "/api/v1/metrics/clean", tag = "metrics",
    summary = "Free the space of deleted samples",
    responses(
        (status = 200, description = "what was freed", body = CleanReport),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn clean_samples(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
) -> Result<Json<CleanReport>> {
    Ok(Json(telemetry.clean_samples(&who).await?))
}

/// Deletes series as Prometheus does: `match[]`, `start`, `end`.
#[utoipa::path(
    post, path = "/prometheus/api/v1/admin/tsdb/delete_series", tag = "prometheus",
    summary = "Delete series",
    params(("match[]" = Vec<String>, Query, description = "selectors"),
           ("start" = Option<String>, Query, description = "the first time"),
           ("end" = Option<String>, Query, description = "the last time")),
    responses((status = 204, description = "they are deleted"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn delete_prometheus_series(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(delete(&telemetry, &who, request).await)
}

/// As by POST.
#[utoipa::path(
    put, path = "/prometheus/api/v1/admin/tsdb/delete_series", tag = "prometheus",
    summary = "Delete series by PUT",
    params(("match[]" = Vec<String>, Query, description = "selectors")),
    responses((status = 204, description = "they are deleted"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn put_delete_prometheus_series(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(delete(&telemetry, &who, request).await)
}

async fn delete(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
) -> Result<Response, QueryError> {
    who.require(Permission::MetricsDelete)?;
    let parameters = read(telemetry, who, request).await?;
    let wanted = wanted(&parameters)?;
    match telemetry.delete_samples(who, &wanted).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(error) if error.code() == "metrics.selection" => {
            Err(QueryError::parameter("match[]", error.detail()))
        }
        Err(error) => Err(error.into()),
    }
}

fn wanted(parameters: &Parameters) -> Result<DeletionRequest, QueryError> {
    let selectors: Vec<String> = parameters.all("match[]").map(str::to_owned).collect();
    if selectors.is_empty() {
        return Err(QueryError::BadData("no match[] parameter provided".to_owned()));
    }
    parameters.range_ms()?;
    let (start, end) = (parameters.time("start")?, parameters.time("end")?);
    Ok(DeletionRequest { selectors, start, end })
}

/// Frees the space of deleted series.
#[utoipa::path(
    post, path = "/prometheus/api/v1/admin/tsdb/clean_tombstones", tag = "prometheus",
    summary = "Free the space of deleted series",
    responses((status = 204, description = "it is free"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn clean_prometheus_tombstones(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
) -> Result<StatusCode> {
    telemetry.clean_samples(&who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As by POST.
#[utoipa::path(
    put, path = "/prometheus/api/v1/admin/tsdb/clean_tombstones", tag = "prometheus",
    summary = "Free the space of deleted series by PUT",
    responses((status = 204, description = "it is free"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn put_clean_prometheus_tombstones(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
) -> Result<StatusCode> {
    telemetry.clean_samples(&who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that there are no snapshots of Prometheus here, and what there is instead.
#[utoipa::path(
    post, path = "/prometheus/api/v1/admin/tsdb/snapshot", tag = "prometheus",
    summary = "Snapshots are made on the command line",
    responses((status = 404, description = "what to use instead", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn snapshot_prometheus(Who(who): Who) -> Result<StatusCode> {
    no_snapshot(&who)
}

/// As by POST.
#[utoipa::path(
    put, path = "/prometheus/api/v1/admin/tsdb/snapshot", tag = "prometheus",
    summary = "Snapshots are made on the command line, also by PUT",
    responses((status = 404, description = "what to use instead", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.delete")))
)]
async fn put_snapshot_prometheus(Who(who): Who) -> Result<StatusCode> {
    no_snapshot(&who)
}

fn no_snapshot(who: &Caller) -> Result<StatusCode> {
    who.require(Permission::MetricsDelete)?;
    let detail = "there are no snapshots of Prometheus here: `onemonitor backup DEST` writes a \
                  consistent copy of everything while the server runs, and /api/v1/metrics/export \
                  gives samples";
    Err(Error::not_found("metrics.no_snapshots", detail))
}
