//! The REST API of recording rules, and `/prometheus/api/v1/rules`.
#![expect(unused_qualifications, reason = "utoipa's macro repeats the types of queries")]

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use kernel::http::{Problem, Who, if_match};
use kernel::page::PageQuery;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::listing::{self, Wanted};
use super::model::{
    RecordingGroup, RecordingGroupId, RecordingGroupPage, RecordingGroupWrite, RuleCheck,
    RuleCheckReport, RuleImportReport,
};
use super::status::RecordingStatus;
use crate::Telemetry;
use crate::api::json;
use crate::query::QueryError;
use crate::query::api::{Answered, answered, json_response};
use crate::query::parameters::Parameters;

/// The routes of recording rules.
pub(crate) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(list_recording_groups, create_recording_group))
        .routes(routes!(check_recording_rules))
        .routes(routes!(import_recording_groups))
        .routes(routes!(export_recording_groups))
        .routes(routes!(get_recording_group, update_recording_group, delete_recording_group))
        .routes(routes!(get_recording_status))
        .routes(routes!(list_prometheus_rules))
}

/// Lists the groups of recording rules that were created through the API.
#[utoipa::path(
    get, path = "/api/v1/recording-groups", tag = "rules", summary = "List recording groups",
    params(PageQuery),
    responses(
        (status = 200, description = "one page", body = RecordingGroupPage),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.read")))
)]
async fn list_recording_groups(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Query(page): Query<PageQuery>,
) -> Result<Json<RecordingGroupPage>> {
    Ok(Json(telemetry.list_recording_groups(&who, &page).await?))
}

/// Creates a group of recording rules.
#[utoipa::path(
    post, path = "/api/v1/recording-groups", tag = "rules", summary = "Create a recording group",
    request_body = RecordingGroupWrite,
    responses(
        (status = 201, description = "the group", body = RecordingGroup),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.write")))
)]
async fn create_recording_group(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    body: bytes::Bytes,
) -> Result<Response> {
    let group = telemetry.create_recording_group(&who, json(&body)?).await?;
    let place = HeaderValue::from_str(&format!("/api/v1/recording-groups/{}", group.id));
    let mut response = (StatusCode::CREATED, Json(group)).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Shows a group of recording rules.
#[utoipa::path(
    get, path = "/api/v1/recording-groups/{id}", tag = "rules", summary = "Show a recording group",
    params(("id" = String, Path, description = "the group's id")),
    responses(
        (status = 200, description = "the group", body = RecordingGroup),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.read")))
)]
async fn get_recording_group(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(id): Path<String>,
) -> Result<Json<RecordingGroup>> {
    Ok(Json(telemetry.get_recording_group(&who, group_id(&id)?).await?))
}

/// Changes a group of recording rules; absent fields stay, `null` clears. `enabled` alone turns it
/// off and on.
#[utoipa::path(
    patch, path = "/api/v1/recording-groups/{id}", tag = "rules",
    summary = "Change a recording group",
    params(
        ("id" = String, Path, description = "the group's id"),
        ("If-Match" = Option<String>, Header, description = "the revision that was read"),
    ),
    request_body = RecordingGroupWrite,
    responses(
        (status = 200, description = "the group", body = RecordingGroup),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.write")))
)]
async fn update_recording_group(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Result<Json<RecordingGroup>> {
    let (id, expected) = (group_id(&id)?, if_match(&headers)?);
    Ok(Json(telemetry.update_recording_group(&who, id, expected, json(&body)?).await?))
}

/// Deletes a group of recording rules. Its series end; what was recorded stays until its retention
/// ends.
#[utoipa::path(
    delete, path = "/api/v1/recording-groups/{id}", tag = "rules",
    summary = "Delete a recording group",
    params(
        ("id" = String, Path, description = "the group's id"),
        ("If-Match" = Option<String>, Header, description = "the revision that was read"),
    ),
    responses(
        (status = 204, description = "it is deleted"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.write")))
)]
async fn delete_recording_group(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    telemetry.delete_recording_group(&who, group_id(&id)?, if_match(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists every group of recording rules, wherever it comes from, how its last evaluation went, and
/// how the files of rules were read.
#[utoipa::path(
    get, path = "/api/v1/recording-status", tag = "rules",
    summary = "Show how recording rules fare",
    responses(
        (status = 200, description = "all groups and files", body = RecordingStatus),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.read")))
)]
async fn get_recording_status(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
) -> Result<Json<RecordingStatus>> {
    Ok(Json(telemetry.recording_status(&who).await?))
}

/// Checks an expression or a whole file of rules and names every mistake with line and column.
/// Nothing is stored.
#[utoipa::path(
    post, path = "/api/v1/recording-groups/check", tag = "rules", summary = "Check rules",
    request_body = RuleCheck,
    responses(
        (status = 200, description = "what was found", body = RuleCheckReport),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.read")))
)]
async fn check_recording_rules(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    body: bytes::Bytes,
) -> Result<Json<RuleCheckReport>> {
    Ok(Json(telemetry.check_rules(&who, json(&body)?).await?))
}

/// How to import.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// Say what would be done, and do nothing; no when absent.
    dry_run: Option<bool>,
}

/// Creates the groups of a rules file of Prometheus, and replaces those of the same names: all of
/// them, or none when something in the file is wrong. Alerting rules are kept out.
#[utoipa::path(
    post, path = "/api/v1/recording-groups/import", tag = "rules", summary = "Import a rules file",
    params(ImportQuery),
    request_body(content_type = "application/yaml", content = String,
                 description = "a rules file of Prometheus"),
    responses(
        (status = 200, description = "what was done, or what is wrong", body = RuleImportReport),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.write")))
)]
async fn import_recording_groups(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Query(query): Query<ImportQuery>,
    body: bytes::Bytes,
) -> Result<Json<RuleImportReport>> {
    who.require(Permission::RulesWrite)?;
    let yaml = String::from_utf8(body.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::invalid("http.body", format!("the body is no UTF-8 text: byte {at} is wrong"))
    })?;
    Ok(Json(telemetry.import_rules(&who, yaml, query.dry_run.unwrap_or(false)).await?))
}

/// What to export.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// One group, by its name; all groups when absent.
    name: Option<String>,
}

/// The groups that were created through the API as a rules file of Prometheus. Whether a group is
/// enabled has no place in such a file.
#[utoipa::path(
    get, path = "/api/v1/recording-groups/export", tag = "rules", summary = "Export a rules file",
    params(ExportQuery),
    responses(
        (status = 200, description = "the file", body = String, content_type = "application/yaml"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("rules.read")))
)]
async fn export_recording_groups(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Query(query): Query<ExportQuery>,
) -> Result<Response> {
    let yaml = telemetry.export_rules(&who, query.name).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/yaml")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"rules.yml\""),
        ),
    ];
    Ok((headers, yaml).into_response())
}

/// Recording rules in groups, in the order of file and group. There are no alerting rules yet.
#[utoipa::path(
    get, path = "/prometheus/api/v1/rules", tag = "prometheus", summary = "List rules",
    params(
        ("type" = Option<String>, Query, description = "alert or record"),
        ("rule_name[]" = Option<Vec<String>>, Query, description = "rules of these names"),
        ("rule_group[]" = Option<Vec<String>>, Query, description = "groups of these names"),
        ("file[]" = Option<Vec<String>>, Query, description = "groups of these files"),
        ("match[]" = Option<Vec<String>>, Query, description = "selectors of the rules' labels"),
        ("exclude_alerts" = Option<bool>, Query, description = "leave alerts out"),
        ("group_limit" = Option<u64>, Query, description = "groups in the answer at most"),
        ("group_next_token" = Option<String>, Query, description = "where the answer before ended"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_prometheus_rules(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    let query = request.uri().query().unwrap_or("").to_owned();
    answered(prometheus_rules(&telemetry, &who, &query).await)
}

async fn prometheus_rules(telemetry: &Telemetry, who: &Caller, query: &str) -> Answered {
    who.require(Permission::MetricsRead)?;
    let parameters = Parameters::parse(b"", query);
    let wanted = Wanted::of(&parameters)?;
    let rules = telemetry.rules().clone();
    // There may be many thousands of rules.
    let write = move || {
        let groups: Vec<_> = rules
            .running()
            .into_iter()
            .map(|(key, running)| (key, running.state.lock().clone()))
            .collect();
        let mut out = b"{\"status\":\"success\",\"data\":".to_vec();
        listing::write(&mut out, &groups, &wanted)?;
        out.push(b'}');
        Ok(out)
    };
    let written: std::result::Result<Vec<u8>, QueryError> =
        tokio::task::spawn_blocking(write).await.map_err(QueryError::panicked)?;
    Ok(json_response(written?))
}

fn group_id(text: &str) -> Result<RecordingGroupId> {
    text.parse()
}
