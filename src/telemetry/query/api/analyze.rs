//! What a query costs, node by node.

use axum::Json;
use axum::extract::{Request, State};
use kernel::caller::Caller;
use kernel::error::Error;
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::analysis::QueryAnalysis;
use super::super::error::QueryError;
use super::super::run::{InstantQuery, RangeQuery};
use super::evaluate::{bounds, needed_query};
use super::read;
use crate::Telemetry;

/// The routes of the analysis.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(analyze_query)).routes(routes!(analyze_query_form))
}

/// Evaluates an expression and tells what each of its nodes cost, instead of its values: over a
/// range when `step` is there, else at one time. The limits are those of any query.
#[utoipa::path(
    get, path = "/api/v1/metrics/analyze", tag = "metrics", summary = "Analyze a query",
    params(
        ("query" = String, Query, description = "the expression"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("step" = Option<String>, Query, description = "seconds, or a duration such as 15s"),
        ("time" = Option<String>, Query, description = "of an instant query; now when absent"),
        ("timeout" = Option<String>, Query, description = "a duration such as 30s"),
        ("lookback_delta" = Option<String>, Query, description = "a duration such as 5m"),
    ),
    responses((status = 200, description = "what the query cost", body = QueryAnalysis),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn analyze_query(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Result<Json<QueryAnalysis>, Error> {
    Ok(analyzed(&telemetry, &who, request).await?)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/api/v1/metrics/analyze", tag = "metrics", summary = "Analyze a query by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "what the query cost", body = QueryAnalysis),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn analyze_query_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Result<Json<QueryAnalysis>, Error> {
    Ok(analyzed(&telemetry, &who, request).await?)
}

async fn analyzed(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
) -> Result<Json<QueryAnalysis>, QueryError> {
    let parameters = read(telemetry, who, request).await?;
    let query = needed_query(&parameters)?;
    let mut bounds = bounds(&parameters)?;
    bounds.analyze = true;
    let answer = match parameters.duration("step")? {
        Some(step) => {
            let start = parameters.needed_time("start")?;
            let end = parameters.needed_time("end")?;
            telemetry.query_range(who, RangeQuery { query, start, end, step, bounds }).await?
        }
        None => {
            let at = parameters.time("time")?;
            telemetry.query_instant(who, InstantQuery { query, at, bounds }).await?
        }
    };
    // Letting go of a large answer is not for the async threads.
    let made = tokio::task::spawn_blocking(move || QueryAnalysis::from(answer)).await;
    Ok(Json(made.map_err(QueryError::panicked)?))
}
