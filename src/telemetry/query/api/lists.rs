//! Lists of series, label names, label values and metadata.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use kernel::caller::Caller;
use kernel::http::{Problem, Who};
use metric::Metadata;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::QueryError;
use super::super::json::{push, push_labels, push_list, push_text, push_texts};
use super::super::lists::{ListBounds, Listed, unescape_name};
use super::super::parameters::Parameters;
use super::{Answered, answered, built, finish_list, read, success};
use crate::Telemetry;

/// The routes of lists.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(list_series))
        .routes(routes!(list_series_form))
        .routes(routes!(list_label_names))
        .routes(routes!(list_label_names_form))
        .routes(routes!(list_label_values))
        .routes(routes!(list_metric_metadata))
}

/// Lists the series that satisfy one of the selectors `match[]`.
#[utoipa::path(
    get, path = "/prometheus/api/v1/series", tag = "prometheus", summary = "List series",
    params(
        ("match[]" = Vec<String>, Query, description = "selectors, at least one"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("limit" = Option<u64>, Query, description = "items at most"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_series(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(series(&telemetry, &who, request).await)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/prometheus/api/v1/series", tag = "prometheus", summary = "List series by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_series_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(series(&telemetry, &who, request).await)
}

async fn series(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let parameters = read(telemetry, who, request).await?;
    let selectors = parameters.selectors()?;
    if selectors.is_empty() {
        return Err(QueryError::BadData("no match[] parameter provided".to_owned()));
    }
    let listed = telemetry.list_series(who, selectors, list_bounds(&parameters)?).await?;
    let count = listed.items.len();
    built(count, move || {
        let mut out = success();
        push_list(&mut out, &listed.items, push_labels);
        finish_list(out, listed.truncated)
    })
    .await
}

/// Lists the label names, of series that satisfy one of the selectors `match[]` if there are any.
#[utoipa::path(
    get, path = "/prometheus/api/v1/labels", tag = "prometheus", summary = "List label names",
    params(
        ("match[]" = Option<Vec<String>>, Query, description = "selectors"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("limit" = Option<u64>, Query, description = "items at most"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_label_names(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(label_names(&telemetry, &who, request).await)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/prometheus/api/v1/labels", tag = "prometheus",
    summary = "List label names by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_label_names_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(label_names(&telemetry, &who, request).await)
}

async fn label_names(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let parameters = read(telemetry, who, request).await?;
    let selectors = parameters.selectors()?;
    let listed = telemetry.list_label_names(who, selectors, list_bounds(&parameters)?).await?;
    texts_response(listed).await
}

/// Lists the values of a label, of series that satisfy one of the selectors if there are any.
#[utoipa::path(
    get, path = "/prometheus/api/v1/label/{name}/values", tag = "prometheus",
    summary = "List label values",
    params(
        ("name" = String, Path, description = "the label; one in other letters as U__…"),
        ("match[]" = Option<Vec<String>>, Query, description = "selectors"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("limit" = Option<u64>, Query, description = "items at most"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_label_values(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let answer = async {
        let parameters = read(&telemetry, &who, request).await?;
        let (selectors, bounds) = (parameters.selectors()?, list_bounds(&parameters)?);
        let name = unescape_name(&name);
        let listed = telemetry.list_label_values(&who, name, selectors, bounds).await?;
        texts_response(listed).await
    };
    answered(answer.await)
}

/// What metrics are: type, help and unit.
#[utoipa::path(
    get, path = "/prometheus/api/v1/metadata", tag = "prometheus", summary = "List metadata",
    params(
        ("metric" = Option<String>, Query, description = "one metric only"),
        ("limit" = Option<u64>, Query, description = "metrics at most"),
        ("limit_per_metric" = Option<u64>, Query, description = "entries of a metric at most"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_metric_metadata(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    let answer = async {
        let parameters = read(&telemetry, &who, request).await?;
        let metric = parameters.get("metric").map(str::to_owned);
        let known = telemetry.list_metadata(&who, metric, parameters.limit("limit")?).await?;
        built(known.len(), move || metadata_response(&known)).await
    };
    answered(answer.await)
}

fn metadata_response(known: &[(String, Metadata)]) -> Response {
    let mut out = success();
    out.push(b'{');
    for (index, (name, metadata)) in known.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(&mut out, name);
        push(&mut out, format_args!(":[{{\"type\":\"{}\"", metadata.metric_type.as_str()));
        out.extend_from_slice(b",\"help\":");
        push_text(&mut out, &metadata.help);
        out.extend_from_slice(b",\"unit\":");
        push_text(&mut out, &metadata.unit);
        out.extend_from_slice(b"}]");
    }
    out.push(b'}');
    finish_list(out, false)
}

fn list_bounds(parameters: &Parameters) -> Result<ListBounds, QueryError> {
    let (from_ms, to_ms) = parameters.range_ms()?;
    Ok(ListBounds { from_ms, to_ms, limit: parameters.limit("limit")? })
}

async fn texts_response(listed: Listed<String>) -> Answered {
    let count = listed.items.len();
    built(count, move || {
        let mut out = success();
        push_texts(&mut out, &listed.items);
        finish_list(out, listed.truncated)
    })
    .await
}
