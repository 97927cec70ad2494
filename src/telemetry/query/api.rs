//! The query API of Prometheus under `/prometheus/api/v1`, by GET and by POST form.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::error::Error;
use kernel::http::{Problem, Who};
use metric::Metadata;
use promql::Answer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer_json::{AnswerJson, Timing, pieces};
use super::error::QueryError;
use super::json::{push, push_labels, push_list, push_notes, push_text, push_texts};
use super::lists::{ListBounds, Listed};
use super::parameters::Parameters;
use super::run::{InstantQuery, QueryBounds, RangeQuery};
use crate::Telemetry;

/// Items of a list that are written without leaving the async thread.
const ITEMS_AT_ONCE: usize = 500;
/// The content type of forms.
const FORM: &[u8] = b"application/x-www-form-urlencoded";
/// The version of Prometheus whose API this is: clients decide by it what they may ask.
const COMPATIBLE_VERSION: &str = "2.55.0";

/// The routes of the query API.
pub(crate) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(query_instant))
        .routes(routes!(query_instant_form))
        .routes(routes!(query_range))
        .routes(routes!(query_range_form))
        .routes(routes!(list_series))
        .routes(routes!(list_series_form))
        .routes(routes!(list_label_names))
        .routes(routes!(list_label_names_form))
        .routes(routes!(list_label_values))
        .routes(routes!(list_metric_metadata))
        .routes(routes!(get_build_info))
}

pub(crate) type Answered = Result<Response, QueryError>;

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
        ("name" = String, Path, description = "the label"),
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
    let answer = who.require(Permission::MetricsRead).map_err(QueryError::from).map(|()| {
        let mut out = success();
        push(
            &mut out,
            format_args!(
                "{{\"application\":\"OneMonitor\",\"version\":\"{COMPATIBLE_VERSION}\",\
                 \"revision\":\"onemonitor-{}\",\"branch\":\"\",\"buildUser\":\"\",\
                 \"buildDate\":\"\",\"goVersion\":\"\"}}",
                env!("CARGO_PKG_VERSION")
            ),
        );
        finish_list(out, false)
    });
    answered(answer)
}

/// The parameters of a request: its query, and its form when it has one.
async fn read(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
) -> Result<Parameters, QueryError> {
    who.require(Permission::MetricsRead)?;
    let bytes_max = telemetry.queries().settings.text_bytes_max;
    let (parts, body) = request.into_parts();
    let mut form = Vec::new();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let is_form = content_type.is_some_and(|value| value.as_bytes().starts_with(FORM));
    if parts.method == Method::POST && is_form {
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| {
                Error::invalid("query.cut_off", "the form broke off").caused_by(error)
            })?;
            if form.len() + piece.len() > bytes_max {
                let detail = format!("the form is larger than {bytes_max} bytes");
                return Err(Error::too_large("query.too_large", detail).into());
            }
            form.extend_from_slice(&piece);
        }
    }
    Ok(Parameters::parse(&form, parts.uri.query().unwrap_or("")))
}

fn needed_query(parameters: &Parameters) -> Result<String, QueryError> {
    let query = parameters.get("query").map(str::to_owned);
    query.ok_or_else(|| {
        let reason = "unknown position: parse error: no expression found in input";
        QueryError::parameter("query", reason)
    })
}

fn bounds(parameters: &Parameters) -> Result<QueryBounds, QueryError> {
    Ok(QueryBounds {
        timeout: parameters.duration("timeout")?,
        lookback: parameters.duration("lookback_delta")?,
    })
}

fn list_bounds(parameters: &Parameters) -> Result<ListBounds, QueryError> {
    let (from_ms, to_ms) = parameters.range_ms()?;
    Ok(ListBounds { from_ms, to_ms, limit: parameters.limit("limit")? })
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

async fn texts_response(listed: Listed<String>) -> Answered {
    let count = listed.items.len();
    built(count, move || {
        let mut out = success();
        push_texts(&mut out, &listed.items);
        finish_list(out, listed.truncated)
    })
    .await
}

/// A response that is made of `count` items: off the async threads when there are many.
async fn built(count: usize, build: impl FnOnce() -> Response + Send + 'static) -> Answered {
    if count <= ITEMS_AT_ONCE {
        return Ok(build());
    }
    tokio::task::spawn_blocking(build).await.map_err(QueryError::panicked)
}

fn success() -> Vec<u8> {
    b"{\"status\":\"success\",\"data\":".to_vec()
}

fn finish_list(mut out: Vec<u8>, truncated: bool) -> Response {
    if truncated {
        push_notes(&mut out, "warnings", &["results truncated due to limit".to_owned()]);
    }
    out.push(b'}');
    json_response(out)
}

/// An answer of JSON.
pub(crate) fn json_response(body: impl Into<Body>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body.into()).into_response()
}

/// An answer, or a mistake in the envelope of Prometheus.
pub(crate) fn answered(answer: Answered) -> Response {
    let error = match answer {
        Ok(response) => return response,
        Err(error) => error,
    };
    let (status, kind) = match &error {
        QueryError::BadData(_) => (StatusCode::BAD_REQUEST, "bad_data"),
        QueryError::Execution(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
        QueryError::Timeout(_) => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        QueryError::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "canceled"),
        QueryError::Refused(_) => return refused(error),
    };
    let mut out = Vec::new();
    push(&mut out, format_args!("{{\"status\":\"error\",\"errorType\":\"{kind}\",\"error\":"));
    push_text(&mut out, &error.to_string());
    out.push(b'}');
    (status, json_response(out)).into_response()
}

/// Who may not, or what is broken, is told in the way of the whole API.
fn refused(error: QueryError) -> Response {
    match error {
        QueryError::Refused(error) => error.into_response(),
        other => Error::from(other).into_response(),
    }
}
