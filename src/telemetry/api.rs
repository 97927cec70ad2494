//! The REST API of the room under `/api/v1`, and all its routes together.
#![expect(unused_qualifications, reason = "utoipa's macro repeats the types of queries")]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kernel::error::{Error, Result};
use kernel::http::{Problem, Who, if_match};
use kernel::page::PageQuery;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::hosts::{Host, HostPage, HostQuery, ProcessList};
use crate::model::{Target, TargetId, TargetPage, TargetWrite};
use crate::scrape::doctor::{ProbeReport, ProbeRequest};
use crate::targets::TargetStatusList;
use crate::{Telemetry, query, receive, retention, rules, scrape};

/// All routes of the room with their full paths, without the service behind them: enough for the
/// API document.
#[must_use]
pub fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(list_targets, create_target))
        .routes(routes!(get_target, update_target, delete_target))
        .routes(routes!(list_target_status))
        .routes(routes!(probe_target))
        .routes(routes!(list_hosts))
        .routes(routes!(get_host))
        .routes(routes!(list_processes))
        .merge(query::api::routes())
        .merge(scrape::api::routes())
        .merge(receive::api::routes())
        .merge(retention::api::routes())
        .merge(rules::api::routes())
}

/// The same routes over `telemetry`.
#[must_use]
pub fn router(telemetry: Telemetry) -> OpenApiRouter {
    routes().with_state(telemetry)
}

/// A body of JSON; what is wrong with it is told as a problem.
pub(crate) fn json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|error| Error::invalid("http.body", format!("the body is wrong: {error}")))
}

/// Lists the scrape targets that were created through the API.
#[utoipa::path(
    get, path = "/api/v1/targets", tag = "targets", summary = "List targets",
    params(PageQuery),
    responses(
        (status = 200, description = "one page", body = TargetPage),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("targets.read")))
)]
async fn list_targets(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Query(page): Query<PageQuery>,
) -> Result<Json<TargetPage>> {
    Ok(Json(telemetry.list_targets(&who, &page).await?))
}

/// Creates a scrape target.
#[utoipa::path(
    post, path = "/api/v1/targets", tag = "targets", summary = "Create a target",
    request_body = TargetWrite,
    responses(
        (status = 201, description = "the target", body = Target),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("targets.write")))
)]
async fn create_target(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    body: bytes::Bytes,
) -> Result<Response> {
    let target = telemetry.create_target(&who, &json(&body)?).await?;
    let place = HeaderValue::from_str(&format!("/api/v1/targets/{}", target.id));
    let mut response = (StatusCode::CREATED, Json(target)).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Shows a scrape target.
#[utoipa::path(
    get, path = "/api/v1/targets/{id}", tag = "targets", summary = "Show a target",
    params(("id" = String, Path, description = "the target's id")),
    responses(
        (status = 200, description = "the target", body = Target),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("targets.read")))
)]
async fn get_target(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(id): Path<String>,
) -> Result<Json<Target>> {
    Ok(Json(telemetry.get_target(&who, target_id(&id)?).await?))
}

/// Changes a scrape target; absent fields stay, `null` clears.
#[utoipa::path(
    patch, path = "/api/v1/targets/{id}", tag = "targets", summary = "Change a target",
    params(
        ("id" = String, Path, description = "the target's id"),
        ("If-Match" = Option<String>, Header, description = "the revision that was read"),
    ),
    request_body = TargetWrite,
    responses(
        (status = 200, description = "the target", body = Target),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("targets.write")))
)]
async fn update_target(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Result<Json<Target>> {
    let (id, expected) = (target_id(&id)?, if_match(&headers)?);
    Ok(Json(telemetry.update_target(&who, id, expected, &json(&body)?).await?))
}

/// Deletes a scrape target; what it brought stays until its retention ends.
#[utoipa::path(
    delete, path = "/api/v1/targets/{id}", tag = "targets", summary = "Delete a target",
    params(
        ("id" = String, Path, description = "the target's id"),
        ("If-Match" = Option<String>, Header, description = "the revision that was read"),
    ),
    responses(
        (status = 204, description = "it is deleted"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("targets.write")))
)]
async fn delete_target(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    telemetry.delete_target(&who, target_id(&id)?, if_match(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists every scrape target, wherever it comes from, and how its last scrape went.
#[utoipa::path(
    get, path = "/api/v1/target-status", tag = "targets", summary = "List how targets fare",
    responses(
        (status = 200, description = "all targets", body = TargetStatusList),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("targets.read")))
)]
async fn list_target_status(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
) -> Result<Json<TargetStatusList>> {
    Ok(Json(telemetry.list_target_status(&who).await?))
}

/// Tries the way to a target: DNS, TCP, TLS, HTTP, parse. Nothing is stored.
#[utoipa::path(
    post, path = "/api/v1/target-probe", tag = "targets", summary = "Examine a target",
    request_body = ProbeRequest,
    responses(
        (status = 200, description = "the steps taken", body = ProbeReport),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("targets.write")))
)]
async fn probe_target(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    body: bytes::Bytes,
) -> Result<Json<ProbeReport>> {
    Ok(Json(telemetry.probe_target(&who, json(&body)?).await?))
}

/// Lists hosts: what sent metrics of a machine within the last day.
#[utoipa::path(
    get, path = "/api/v1/hosts", tag = "hosts", summary = "List hosts",
    params(HostQuery),
    responses(
        (status = 200, description = "one page", body = HostPage),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_hosts(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Query(query): Query<HostQuery>,
) -> Result<Json<HostPage>> {
    Ok(Json(telemetry.list_hosts(&who, &query).await?))
}

/// Shows a host.
#[utoipa::path(
    get, path = "/api/v1/hosts/{instance}", tag = "hosts", summary = "Show a host",
    params(("instance" = String, Path, description = "the instance label")),
    responses(
        (status = 200, description = "the host", body = Host),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_host(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(instance): Path<String>,
) -> Result<Json<Host>> {
    Ok(Json(telemetry.get_host(&who, &instance).await?))
}

/// Which host's processes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProcessQuery {
    /// The instance label of the host.
    instance: String,
}

/// Lists the busiest groups of processes of a host.
#[utoipa::path(
    get, path = "/api/v1/processes", tag = "hosts", summary = "List processes",
    params(ProcessQuery),
    responses(
        (status = 200, description = "the groups, busiest first", body = ProcessList),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_processes(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Query(query): Query<ProcessQuery>,
) -> Result<Json<ProcessList>> {
    Ok(Json(telemetry.list_processes(&who, &query.instance).await?))
}

fn target_id(text: &str) -> Result<TargetId> {
    text.parse()
}
