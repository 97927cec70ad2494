//! What the server says about itself in the way of Prometheus: versions, settings, totals.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::response::Response;
use kernel::caller::{Caller, Permission};
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::QueryError;
use super::super::json::{push_text, push_texts};
use super::super::parameters::Parameters;
use super::super::status_json;
use super::{Answered, answered, finish_list, read, success};
use crate::Telemetry;

/// Items of each top list when the request does not say.
const TOP_DEFAULT: usize = 10;
/// Items of each top list at most.
const TOP_MAX: usize = 10_000;

/// The routes of the server's status.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(get_build_info))
        .routes(routes!(get_runtime_info))
        .routes(routes!(get_prometheus_flags))
        .routes(routes!(get_prometheus_config))
        .routes(routes!(get_tsdb_status))
        .routes(routes!(get_wal_replay))
        .routes(routes!(list_scrape_pools))
}

/// The version whose API this is.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/buildinfo", tag = "prometheus",
    summary = "Show build information",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_build_info(Who(who): Who) -> Response {
    answered(written(&who, status_json::push_build_info))
}

/// When the server started, and how long samples are kept.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/runtimeinfo", tag = "prometheus",
    summary = "Show runtime information",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_runtime_info(State(telemetry): State<Telemetry>, Who(who): Who) -> Response {
    let answer = match telemetry.engine_status(&who).await {
        Ok(status) => written(&who, |out| status_json::push_runtime_info(out, &telemetry, &status)),
        Err(error) => Err(error),
    };
    answered(answer)
}

/// The limits of queries under the names of Prometheus' flags.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/flags", tag = "prometheus",
    summary = "Show settings as flags",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_prometheus_flags(State(telemetry): State<Telemetry>, Who(who): Who) -> Response {
    answered(written(&who, |out| status_json::push_flags(out, &telemetry)))
}

/// The scrape jobs in the form of Prometheus' configuration, without any secret.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/config", tag = "prometheus",
    summary = "Show the configuration as YAML",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_prometheus_config(State(telemetry): State<Telemetry>, Who(who): Who) -> Response {
    answered(written(&who, |out| {
        out.extend_from_slice(b"{\"yaml\":");
        push_text(out, &status_json::config_yaml(&telemetry));
        out.push(b'}');
    }))
}

/// Series and labels in memory: totals, and the metrics, labels and pairs with most of them.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/tsdb", tag = "prometheus",
    summary = "Show where series come from",
    params(("limit" = Option<u64>, Query, description = "items of each list; 10 when absent")),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_tsdb_status(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(tsdb(&telemetry, &who, request).await)
}

async fn tsdb(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let parameters = read(telemetry, who, request).await?;
    let top = top(&parameters)?;
    let (cardinality, status) = telemetry.tsdb_status(who, top).await?;
    let mut out = success();
    status_json::push_tsdb(&mut out, &cardinality, &status);
    Ok(finish_list(out, false))
}

fn top(parameters: &Parameters) -> Result<usize, QueryError> {
    match parameters.limit("limit")? {
        None => Ok(TOP_DEFAULT),
        Some(top) if (1..=TOP_MAX).contains(&top) => Ok(top),
        Some(_) => {
            let reason = format!("expected a number from 1 to {TOP_MAX}");
            Err(QueryError::parameter("limit", reason))
        }
    }
}

/// The progress of reading the journal at start: the server answers only when it is done.
#[utoipa::path(
    get, path = "/prometheus/api/v1/status/walreplay", tag = "prometheus",
    summary = "Show the replay of the journal",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn get_wal_replay(Who(who): Who) -> Response {
    let done = b"{\"min\":0,\"max\":0,\"current\":0,\"state\":\"done\"}";
    answered(written(&who, |out| out.extend_from_slice(done)))
}

/// The names of scrape jobs that have targets.
#[utoipa::path(
    get, path = "/prometheus/api/v1/scrape_pools", tag = "prometheus",
    summary = "List scrape jobs",
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn list_scrape_pools(State(telemetry): State<Telemetry>, Who(who): Who) -> Response {
    answered(written(&who, |out| {
        let scraped = telemetry.manager().scraped();
        let pools = scraped.iter().filter_map(|(target, _)| target.labels.get("job"));
        let pools: Vec<&str> = pools.collect::<BTreeSet<_>>().into_iter().collect();
        out.extend_from_slice(b"{\"scrapePools\":");
        push_texts(out, &pools);
        out.push(b'}');
    }))
}

/// An answer that is made at once.
fn written(who: &Caller, write: impl FnOnce(&mut Vec<u8>)) -> Answered {
    who.require(Permission::MetricsRead)?;
    let mut out = success();
    write(&mut out);
    Ok(finish_list(out, false))
}
