//! Instant and range queries.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use kernel::caller::Caller;
use kernel::http::{Problem, Who};
use promql::Answer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::answer_json::{AnswerJson, Timing, pieces};
use super::super::error::QueryError;
use super::super::parameters::Parameters;
use super::super::run::{InstantQuery, QueryBounds, RangeQuery};
use super::{Answered, answered, json_response, read};
use crate::Telemetry;

/// The routes of queries.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(query_instant))
        .routes(routes!(query_instant_form))
        .routes(routes!(query_range))
        .routes(routes!(query_range_form))
}

/// Evaluates a PromQL expression at one time: `query`, `time`, `timeout`, `limit`,
/// `lookback_delta`, `stats`.
#[utoipa::path(
    get, path = "/prometheus/api/v1/query", tag = "prometheus", summary = "Instant query",
    params(
        ("query" = String, Query, description = "the expression"),
        ("time" = Option<String>, Query, description = "seconds or RFC 3339; now when absent"),
        ("timeout" = Option<String>, Query, description = "a duration such as 30s"),
        ("limit" = Option<u64>, Query, description = "series in the answer at most"),
        ("lookback_delta" = Option<String>, Query, description = "a duration such as 5m"),
        ("stats" = Option<String>, Query, description = "anything: say what the query cost"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn query_instant(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(instant(&telemetry, &who, request).await)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/prometheus/api/v1/query", tag = "prometheus", summary = "Instant query by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn query_instant_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(instant(&telemetry, &who, request).await)
}

async fn instant(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let started = Instant::now();
    let parameters = read(telemetry, who, request).await?;
    let query = InstantQuery {
        query: needed_query(&parameters)?,
        at: parameters.time("time")?,
        bounds: bounds(&parameters)?,
    };
    let answer = telemetry.query_instant(who, query).await?;
    answer_response(answer, &parameters, started)
}

/// Evaluates a PromQL expression at every step of a range: `query`, `start`, `end`, `step`, and
/// the parameters of an instant query but `time`.
#[utoipa::path(
    get, path = "/prometheus/api/v1/query_range", tag = "prometheus", summary = "Range query",
    params(
        ("query" = String, Query, description = "the expression"),
        ("start" = String, Query, description = "seconds or RFC 3339"),
        ("end" = String, Query, description = "seconds or RFC 3339"),
        ("step" = String, Query, description = "seconds, or a duration such as 15s"),
        ("timeout" = Option<String>, Query, description = "a duration such as 30s"),
        ("limit" = Option<u64>, Query, description = "series in the answer at most"),
        ("lookback_delta" = Option<String>, Query, description = "a duration such as 5m"),
        ("stats" = Option<String>, Query, description = "anything: say what the query cost"),
    ),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn query_range(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(range(&telemetry, &who, request).await)
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/prometheus/api/v1/query_range", tag = "prometheus",
    summary = "Range query by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the envelope of Prometheus", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn query_range_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(range(&telemetry, &who, request).await)
}

async fn range(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let started = Instant::now();
    let parameters = read(telemetry, who, request).await?;
    let step = parameters.duration("step")?;
    let query = RangeQuery {
        start: parameters.needed_time("start")?,
        end: parameters.needed_time("end")?,
        step: step.ok_or_else(|| {
            QueryError::parameter("step", "cannot parse \"\" to a valid duration")
        })?,
        query: needed_query(&parameters)?,
        bounds: bounds(&parameters)?,
    };
    let answer = telemetry.query_range(who, query).await?;
    answer_response(answer, &parameters, started)
}

pub(super) fn needed_query(parameters: &Parameters) -> Result<String, QueryError> {
    let query = parameters.get("query").map(str::to_owned);
    query.ok_or_else(|| {
        let reason = "unknown position: parse error: no expression found in input";
        QueryError::parameter("query", reason)
    })
}

pub(super) fn bounds(parameters: &Parameters) -> Result<QueryBounds, QueryError> {
    Ok(QueryBounds {
        timeout: parameters.duration("timeout")?,
        lookback: parameters.duration("lookback_delta")?,
        analyze: false,
    })
}

fn answer_response(answer: Answer, parameters: &Parameters, started: Instant) -> Answered {
    let limit = parameters.limit("limit")?;
    let timing =
        parameters.get("stats").map(|_| Timing { total_s: started.elapsed().as_secs_f64() });
    let mut first = Vec::new();
    let json = AnswerJson::begin(answer, limit, timing, &mut first);
    let mut pieces = pieces(first, json);
    let head = pieces.next().unwrap_or_default();
    let Some(second) = pieces.next() else { return Ok(json_response(head)) };
    let all = [head, second].into_iter().chain(pieces);
    let body = Body::from_stream(stream::iter(all.map(Ok::<Bytes, std::convert::Infallible>)));
    Ok(json_response(body))
}
