//! Stored samples and answers as files: text, CSV and Parquet.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use kernel::caller::Caller;
use kernel::http::{Problem, Who};
use promql::Answer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::csv::{AnswerCsv, CSV};
use super::super::error::QueryError;
use super::super::export::{Export, ExportFormat};
use super::super::exposition::TEXT;
use super::super::parquet::{AnswerParquet, PARQUET};
use super::super::run::{InstantQuery, RangeQuery};
use super::evaluate::{bounds, needed_query};
use super::{Answered, answered, read};
use crate::Telemetry;

/// The routes of files.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(export_metrics))
        .routes(routes!(export_query_csv))
        .routes(routes!(export_query_parquet))
}

/// The stored samples of the series that satisfy one of the selectors `match[]`, series after
/// series, markers of their ends left out, and so are native histograms and exemplars, which have
/// no form here. The text can be imported again. The answer is streamed; one that fails half-way is
/// cut off, never ended in good order.
#[utoipa::path(
    get, path = "/api/v1/metrics/export", tag = "metrics", summary = "Export samples",
    params(
        ("match[]" = Vec<String>, Query, description = "selectors, at least one"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("format" = Option<String>, Query, description = "text (the default), csv or parquet"),
    ),
    responses((status = 200, description = "the samples", body = String,
               content_type = "text/plain"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn export_metrics(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(export(&telemetry, &who, request).await)
}

async fn export(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let parameters = read(telemetry, who, request).await?;
    let selectors = parameters.selectors()?;
    if selectors.is_empty() {
        return Err(QueryError::BadData("no match[] parameter provided".to_owned()));
    }
    let (format, kind, name) = match parameters.get("format").unwrap_or("text") {
        "text" => (ExportFormat::Text, TEXT, "metrics.prom"),
        "csv" => (ExportFormat::Csv, CSV, "metrics.csv"),
        "parquet" => (ExportFormat::Parquet, PARQUET, "metrics.parquet"),
        other => {
            let reason = format!("expected text, csv or parquet, got {other:?}");
            return Err(QueryError::parameter("format", reason));
        }
    };
    let export = telemetry.export(who, selectors, parameters.range_ms()?, format).await?;
    Ok(file(kind, name, streamed(export, Export::piece)))
}

/// A body whose pieces are made off the async threads.
fn streamed<T: Send + 'static>(
    source: T,
    piece: fn(&mut T) -> Result<Option<Bytes>, QueryError>,
) -> Body {
    let next = move |source: Option<T>| async move { next_piece(source?, piece).await };
    Body::from_stream(stream::unfold(Some(source), next))
}

/// A piece is made when the client has taken the one before.
async fn next_piece<T: Send + 'static>(
    mut source: T,
    piece: fn(&mut T) -> Result<Option<Bytes>, QueryError>,
) -> Option<(Result<Bytes, QueryError>, Option<T>)> {
    let made = tokio::task::spawn_blocking(move || (piece(&mut source), source)).await;
    match made {
        Ok((Ok(Some(piece)), source)) => Some((Ok(piece), Some(source))),
        Ok((Ok(None), _)) => None,
        Ok((Err(error), _)) => {
            tracing::warn!(%error, "export cut off");
            Some((Err(error), None))
        }
        Err(error) => Some((Err(QueryError::panicked(error)), None)),
    }
}

/// The answer of a query as CSV: of a range query when `step` is there, else of an instant query.
#[utoipa::path(
    get, path = "/api/v1/metrics/query.csv", tag = "metrics", summary = "Query as CSV",
    params(
        ("query" = String, Query, description = "the expression"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("step" = Option<String>, Query, description = "seconds, or a duration such as 15s"),
        ("time" = Option<String>, Query, description = "of an instant query; now when absent"),
        ("timeout" = Option<String>, Query, description = "a duration such as 30s"),
        ("lookback_delta" = Option<String>, Query, description = "a duration such as 5m"),
    ),
    responses((status = 200, description = "a row a sample", body = String,
               content_type = "text/csv"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn export_query_csv(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(query_csv(&telemetry, &who, request).await)
}

async fn query_csv(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let answer = answer(telemetry, who, request).await?;
    // The columns of many series are not found on an async thread.
    let made = tokio::task::spawn_blocking(move || AnswerCsv::new(answer)).await;
    let pieces = made.map_err(QueryError::panicked)??;
    let pieces = stream::iter(pieces.map(Ok::<Bytes, std::convert::Infallible>));
    Ok(file(CSV, "query.csv", Body::from_stream(pieces)))
}

/// The answer of a query as a Parquet file: of a range query when `step` is there, else of an
/// instant query. A row a sample: `timestamp`, a column for each label, `value`, and `histogram` as
/// JSON when the answer has native histograms.
#[utoipa::path(
    get, path = "/api/v1/metrics/query.parquet", tag = "metrics", summary = "Query as Parquet",
    params(
        ("query" = String, Query, description = "the expression"),
        ("start" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("end" = Option<String>, Query, description = "seconds or RFC 3339"),
        ("step" = Option<String>, Query, description = "seconds, or a duration such as 15s"),
        ("time" = Option<String>, Query, description = "of an instant query; now when absent"),
        ("timeout" = Option<String>, Query, description = "a duration such as 30s"),
        ("lookback_delta" = Option<String>, Query, description = "a duration such as 5m"),
    ),
    responses((status = 200, description = "a Parquet file", body = Vec<u8>,
               content_type = "application/vnd.apache.parquet"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn export_query_parquet(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(query_parquet(&telemetry, &who, request).await)
}

async fn query_parquet(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    let answer = answer(telemetry, who, request).await?;
    let made = tokio::task::spawn_blocking(move || AnswerParquet::new(answer)).await;
    let answer = made.map_err(QueryError::panicked)??;
    Ok(file(PARQUET, "query.parquet", streamed(answer, AnswerParquet::piece)))
}

/// Asks what the parameters ask.
async fn answer(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
) -> Result<Answer, QueryError> {
    let parameters = read(telemetry, who, request).await?;
    let (query, bounds) = (needed_query(&parameters)?, bounds(&parameters)?);
    match parameters.duration("step")? {
        Some(step) => {
            let start = parameters.needed_time("start")?;
            let end = parameters.needed_time("end")?;
            telemetry.query_range(who, RangeQuery { query, start, end, step, bounds }).await
        }
        None => {
            let at = parameters.time("time")?;
            telemetry.query_instant(who, InstantQuery { query, at, bounds }).await
        }
    }
}

/// A body that a browser saves.
fn file(kind: &'static str, name: &str, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(place) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, place);
    }
    response
}
