//! `POST /otlp/v1/metrics`, and the same under the other paths that senders know.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use kernel::http::{Problem, Who, status_of};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::work::{Packing, unsupported_response};
use super::json::to_protobuf;
use super::schema::REQUEST;
use super::translate::{Outcome, PROTOCOL, store};
use crate::Telemetry;
use crate::query::json::{push, push_text};
use crate::query::wire::{push_bytes, push_varint};

/// The routes of OTLP metrics.
pub(in crate::receive) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(receive_otlp_metrics))
        .routes(routes!(receive_otlp_metrics_at_root))
        .routes(routes!(receive_otlp_metrics_as_prometheus))
}

/// How the request, and so the answer, is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

/// Takes in metrics as OpenTelemetry exporters and collectors send them over HTTP: protobuf or
/// JSON, plain or packed with gzip. Answers when they are durable. Data points that cannot be
/// stored are counted in `partial_success`; all others are stored. Exponential histograms become
/// native histograms; exemplars keep their trace and span as labels.
#[utoipa::path(
    post,
    path = "/otlp/v1/metrics",
    tag = "otlp",
    summary = "Receive metrics (OTLP/HTTP)",
    request_body(content_type = "application/x-protobuf", content = Vec<u8>,
                 description = "an ExportMetricsServiceRequest, also as application/json"),
    responses(
        (status = 200, description = "an ExportMetricsServiceResponse"),
        (status = 400, description = "the body is wrong; a google.rpc.Status"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn receive_otlp_metrics(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answer(&telemetry, &who, request).await
}

/// As `/otlp/v1/metrics`, for exporters whose endpoint is the server alone.
#[utoipa::path(
    post,
    path = "/v1/metrics",
    tag = "otlp",
    summary = "Receive metrics (OTLP/HTTP, default path)",
    request_body(content_type = "application/x-protobuf", content = Vec<u8>),
    responses(
        (status = 200, description = "an ExportMetricsServiceResponse"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn receive_otlp_metrics_at_root(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answer(&telemetry, &who, request).await
}

/// As `/otlp/v1/metrics`, for senders that are set up for Prometheus.
#[utoipa::path(
    post,
    path = "/prometheus/api/v1/otlp/v1/metrics",
    tag = "prometheus",
    summary = "Receive metrics (OTLP/HTTP, path of Prometheus)",
    request_body(content_type = "application/x-protobuf", content = Vec<u8>),
    responses(
        (status = 200, description = "an ExportMetricsServiceResponse"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn receive_otlp_metrics_as_prometheus(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answer(&telemetry, &who, request).await
}

async fn answer(telemetry: &Telemetry, who: &Caller, request: Request) -> Response {
    let response = match encoding_of(request.headers()) {
        Ok((encoding, packing)) => {
            match receive(telemetry, who, request, encoding, packing).await {
                Ok(outcome) => success(&outcome, encoding),
                Err(error) => failure(&error, encoding),
            }
        }
        Err(detail) => unsupported_response(detail),
    };
    telemetry.count_request(PROTOCOL, response.status());
    response
}

fn encoding_of(headers: &HeaderMap) -> Result<(Encoding, Packing), String> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or("").split(';').next().unwrap_or("").trim();
    let encoding = match essence.to_ascii_lowercase().as_str() {
        "" | "application/x-protobuf" => Encoding::Protobuf,
        "application/json" => Encoding::Json,
        _ => {
            let expected = "expected application/x-protobuf or application/json";
            return Err(format!("{expected}, got {essence:?}"));
        }
    };
    match Packing::of(headers)? {
        Packing::Snappy => Err("expected Content-Encoding: gzip, or none, got snappy".to_owned()),
        packing => Ok((encoding, packing)),
    }
}

async fn receive(
    telemetry: &Telemetry,
    who: &Caller,
    request: Request,
    encoding: Encoding,
    packing: Packing,
) -> Result<Outcome> {
    who.require(Permission::MetricsWrite)?;
    let body = telemetry.take_body(who, request).await?;
    let now_ms = telemetry.clock().now().as_millis();
    let outcome = telemetry
        .work_in_turn(who, move |shop| {
            let plain = shop.unpack(body, packing)?;
            if encoding == Encoding::Protobuf {
                return store(&plain.bytes, shop, now_ms);
            }
            let made = to_protobuf(&plain.bytes, &REQUEST, shop.decoded_bytes_max());
            let made = made.map_err(|error| {
                Error::invalid("receive.broken_json", format!("broken JSON: {error}"))
            })?;
            drop(plain);
            store(&made, shop, now_ms)
        })
        .await?;
    checked(outcome)
}

/// Refuses a request of which nothing was stored and which may be stored later.
pub(super) fn checked(outcome: Outcome) -> Result<Outcome> {
    if outcome.worth_retrying && outcome.samples == 0 {
        let detail = format!("nothing was stored: {}", outcome.reasons.join("; "));
        return Err(Error::limit_reached("receive.too_many_series", detail).retry_after_s(30));
    }
    Ok(outcome)
}

/// 200, with what was rejected.
fn success(outcome: &Outcome, encoding: Encoding) -> Response {
    let rejected = outcome.rejected_points;
    let body = match encoding {
        Encoding::Protobuf => message(outcome),
        Encoding::Json if rejected == 0 => b"{}".to_vec(),
        Encoding::Json => {
            let mut body = b"{\"partialSuccess\":{\"rejectedDataPoints\":".to_vec();
            push(&mut body, format_args!("\"{rejected}\",\"errorMessage\":"));
            push_text(&mut body, &outcome.reasons.join("; "));
            body.extend_from_slice(b"}}");
            body
        }
    };
    written(StatusCode::OK, body, encoding)
}

/// An `ExportMetricsServiceResponse`.
pub(super) fn message(outcome: &Outcome) -> Vec<u8> {
    let mut body = Vec::new();
    if outcome.rejected_points > 0 {
        let mut partial = vec![1 << 3];
        push_varint(&mut partial, outcome.rejected_points);
        push_bytes(&mut partial, 2, outcome.reasons.join("; ").as_bytes());
        push_bytes(&mut body, 1, &partial);
    }
    body
}

/// A `google.rpc.Status` in the encoding of the request, as the protocol demands.
fn failure(error: &Error, encoding: Encoding) -> Response {
    let status = status_of(error.kind());
    if let Some(cause) = error.cause_chain() {
        tracing::warn!(code = error.code(), detail = error.detail(), cause, "otlp request failed");
    }
    let code = match status {
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        _ => 3,
    };
    let mut body = Vec::new();
    match encoding {
        Encoding::Json => {
            push(&mut body, format_args!("{{\"code\":{code},\"message\":"));
            push_text(&mut body, error.detail());
            body.push(b'}');
        }
        Encoding::Protobuf => {
            body.extend_from_slice(&[1 << 3, code]);
            push_bytes(&mut body, 2, error.detail().as_bytes());
        }
    }
    let mut response = written(status, body, encoding);
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn written(status: StatusCode, body: Vec<u8>, encoding: Encoding) -> Response {
    let kind = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}
