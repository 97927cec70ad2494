//! `/influx/…`: writes of version 1 and 2, and the little that their clients ask beside.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Kind, Result};
use kernel::http::{Problem, Who, status_of};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::work::{Packing, refused_error, unsupported_response};
use super::store::{PROTOCOL, Precision, Target, store};
use crate::Telemetry;
use crate::query::parameters::Parameters;

/// The version that clients are told: they decide by it what they may send.
const VERSION: &str = "1.8.10";
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-influxdb-version");
const ERROR_HEADER: HeaderName = HeaderName::from_static("x-influxdb-error");
/// Bytes of a form that holds a statement.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// The routes of Influx.
pub(in crate::receive) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(write_influx_v1))
        .routes(routes!(write_influx_v2))
        .routes(routes!(ping_influx))
        .routes(routes!(get_influx_health))
        .routes(routes!(query_influx, query_influx_form))
}

/// Which of the two interfaces a request speaks, and so its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    First,
    Second,
}

/// Takes in line protocol as `InfluxDB` 1 does, plain or packed with gzip. Answers when it is
/// durable. Lines that cannot be stored are named in the answer with status 400; all others are
/// stored. Fields that are texts are not stored.
#[utoipa::path(
    post,
    path = "/influx/write",
    tag = "influx",
    summary = "Receive line protocol (InfluxDB 1)",
    params(
        ("db" = Option<String>, Query, description = "becomes the label db"),
        ("precision" = Option<String>, Query, description = "ns (the default), u, ms, s, m, h"),
    ),
    request_body(content_type = "text/plain", content = String),
    responses(
        (status = 204, description = "everything is stored"),
        (status = 400, description = "some lines were not stored, all others were"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn write_influx_v1(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    write(&telemetry, &who, request, Version::First).await
}

/// Takes in line protocol as `InfluxDB` 2 does; the token may come as `Authorization: Token`.
#[utoipa::path(
    post,
    path = "/influx/api/v2/write",
    tag = "influx",
    summary = "Receive line protocol (InfluxDB 2)",
    params(
        ("bucket" = Option<String>, Query, description = "becomes the label db"),
        ("org" = Option<String>, Query, description = "ignored"),
        ("precision" = Option<String>, Query, description = "ns (the default), us, ms, s"),
    ),
    request_body(content_type = "text/plain", content = String),
    responses(
        (status = 204, description = "everything is stored"),
        (status = 400, description = "some lines were not stored, all others were"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn write_influx_v2(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    write(&telemetry, &who, request, Version::Second).await
}

async fn write(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
    version: Version,
) -> Response {
    let response = match Packing::of(request.headers()) {
        Err(detail) => unsupported_response(detail),
        Ok(Packing::Snappy) => {
            let detail = "expected Content-Encoding: gzip, or none, got snappy";
            unsupported_response(detail.to_owned())
        }
        Ok(packing) => match receive(telemetry, who, request, packing, version).await {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(error) => failure(&error, version),
        },
    };
    telemetry.count_request(PROTOCOL, response.status());
    response
}

async fn receive(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
    packing: Packing,
    version: Version,
) -> Result<()> {
    who.require(Permission::MetricsWrite)?;
    let parameters = Parameters::parse(b"", request.uri().query().unwrap_or(""));
    let word = parameters.get("precision").unwrap_or("");
    let precision = Precision::of(word).ok_or_else(|| {
        let detail = format!("invalid precision {word:?}; expected ns, us, ms, s, m or h");
        Error::invalid("receive.precision", detail).field("precision")
    })?;
    let name = if version == Version::First { "db" } else { "bucket" };
    let database = parameters.get(name).unwrap_or("").to_owned();
    let now_ms = telemetry.clock().now().as_millis();
    let target = Target { database, precision, now_ms };
    let body = telemetry.take_body(who, request).await?;
    let refused = telemetry
        .work_in_turn(who, move |shop| {
            let plain = shop.unpack(body, packing)?;
            store(&plain.bytes, &target, shop)
        })
        .await?;
    refused_error(&refused).map_or(Ok(()), Err)
}

/// A failure as the clients of each version read it.
fn failure(error: &Error, version: Version) -> Response {
    let status = status_of(error.kind());
    if let Some(cause) = error.cause_chain() {
        tracing::warn!(code = error.code(), detail = error.detail(), cause, "influx write failed");
    }
    let partial = error.code() == "receive.samples_refused";
    let text = if partial {
        format!("partial write: {}", error.detail())
    } else {
        error.detail().to_owned()
    };
    let code = match error.kind() {
        Kind::Invalid => "invalid",
        Kind::TooLarge => "request too large",
        Kind::LimitReached => "too many requests",
        Kind::Forbidden => "forbidden",
        Kind::Unavailable => "unavailable",
        _ => "internal error",
    };
    let body = match version {
        Version::First => json!({ "error": text }),
        Version::Second => json!({ "code": code, "message": text }),
    };
    let mut response = (status, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
    if let Ok(text) = HeaderValue::try_from(text.replace(|c: char| !(' '..='~').contains(&c), "?"))
    {
        headers.insert(ERROR_HEADER, text);
    }
    if let Some(seconds) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Says that the server is there.
#[utoipa::path(
    get, path = "/influx/ping", tag = "influx", summary = "Ping",
    responses((status = 204, description = "the server is there")),
    extensions(("x-permission" = json!("public")))
)]
async fn ping_influx() -> Response {
    let version = (VERSION_HEADER, HeaderValue::from_static(VERSION));
    (StatusCode::NO_CONTENT, [version]).into_response()
}

/// Says that the server takes writes.
#[utoipa::path(
    get, path = "/influx/health", tag = "influx", summary = "Health as InfluxDB tells it",
    responses((status = 200, description = "the server is there", body = serde_json::Value)),
    extensions(("x-permission" = json!("public")))
)]
async fn get_influx_health() -> Response {
    let version = (VERSION_HEADER, HeaderValue::from_static(VERSION));
    let health = json!({
        "name": "influxdb", "message": "ready for writes", "status": "pass",
        "checks": [], "version": VERSION,
    });
    ([version], axum::Json(health)).into_response()
}

/// Answers the statements that clients send before they write: `CREATE DATABASE`,
/// `SHOW DATABASES`, `SHOW RETENTION POLICIES`. Metrics are queried with PromQL.
#[utoipa::path(
    get, path = "/influx/query", tag = "influx", summary = "Statements around writing",
    params(("q" = String, Query, description = "the statement"),
           ("db" = Option<String>, Query, description = "the database it is about")),
    responses((status = 200, description = "the results", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn query_influx(Who(who): Who, request: Request) -> Response {
    query(&who, b"", request.uri().query().unwrap_or(""))
}

/// As the GET form, with the parameters in a form.
#[utoipa::path(
    post, path = "/influx/query", tag = "influx", summary = "Statements around writing by form",
    request_body(content_type = "application/x-www-form-urlencoded", content = String),
    responses((status = 200, description = "the results", body = serde_json::Value),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn query_influx_form(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    let text = request.uri().query().unwrap_or("").to_owned();
    let form = match telemetry.take_body(&who, request).await {
        Ok(form) if form.bytes.len() <= FORM_BYTES_MAX => form,
        Ok(_) => {
            let detail = format!("the form is larger than {FORM_BYTES_MAX} bytes");
            return failure(&Error::too_large("receive.too_large", detail), Version::First);
        }
        Err(error) => return failure(&error, Version::First),
    };
    query(&who, &form.bytes, &text)
}

fn query(who: &Caller, form: &[u8], query: &str) -> Response {
    if let Err(error) = who.require(Permission::MetricsWrite) {
        return error.into_response();
    }
    let parameters = Parameters::parse(form, query);
    let statement = parameters.get("q").unwrap_or("").trim().trim_end_matches(';');
    let words: Vec<String> =
        statement.split_ascii_whitespace().take(3).map(str::to_ascii_uppercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let series = match words.as_slice() {
        ["CREATE", "DATABASE", _] => None,
        ["SHOW", "DATABASES", ..] => {
            let name = parameters.get("db").unwrap_or("onemonitor");
            Some(json!({ "name": "databases", "columns": ["name"], "values": [[name]] }))
        }
        ["SHOW", "RETENTION", "POLICIES"] => Some(json!({
            "columns": ["name", "duration", "shardGroupDuration", "replicaN", "default"],
            "values": [["autogen", "0s", "168h0m0s", 1, true]],
        })),
        _ => {
            let detail = "only CREATE DATABASE, SHOW DATABASES and SHOW RETENTION POLICIES are \
                          answered; query metrics with PromQL under /prometheus";
            return failure(&Error::invalid("receive.statement", detail), Version::First);
        }
    };
    let result = match series {
        Some(series) => json!({ "statement_id": 0, "series": [series] }),
        None => json!({ "statement_id": 0 }),
    };
    let version = (VERSION_HEADER, HeaderValue::from_static(VERSION));
    ([version], axum::Json(json!({ "results": [result] }))).into_response()
}
