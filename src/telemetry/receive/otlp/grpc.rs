//! OTLP metrics over gRPC, on the port of everything else: one message in, one message out, both
//! with five bytes before them, and the status in trailers.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Kind, Result};
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::work::Packing;
use super::api::{checked, message};
use super::translate::{Outcome, PROTOCOL, store};
use crate::Telemetry;
use crate::room::Body as Held;

/// What stands before a message: whether it is packed, and its length.
const PREFIX_BYTES: usize = 5;
/// Characters of the text of a status: it travels among headers.
const TEXT_CHARS_MAX: usize = 1_000;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The route of the gRPC service.
pub(in crate::receive) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(receive_otlp_metrics_by_grpc))
}

/// Takes in metrics as OpenTelemetry exporters send them over gRPC, plain or packed with gzip,
/// on this port: the `Export` of `MetricsService`. The status is in `grpc-status`.
#[utoipa::path(
    post,
    path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    tag = "otlp",
    summary = "Receive metrics (OTLP/gRPC)",
    request_body(content_type = "application/grpc", content = Vec<u8>),
    responses(
        (status = 200, description = "an ExportMetricsServiceResponse, or a status alone"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn receive_otlp_metrics_by_grpc(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    let outcome = receive(&telemetry, &who, request).await;
    let response = match &outcome {
        Ok(outcome) => success(outcome),
        Err(error) => failure(error),
    };
    // The status of gRPC is no status of HTTP; counters tell the latter.
    let status = outcome
        .as_ref()
        .map_or_else(|error| kernel::http::status_of(error.kind()), |_| http::StatusCode::OK);
    telemetry.count_request("otlp_grpc", status);
    response
}

async fn receive(telemetry: &Telemetry, who: &Caller, request: Request) -> Result<Outcome> {
    who.require(Permission::MetricsWrite)?;
    let packing = packing_of(request.headers())?;
    let mut body = telemetry.take_body(who, request).await?;
    let now_ms = telemetry.clock().now().as_millis();
    let outcome = telemetry
        .work_in_turn(who, move |shop| {
            let is_packed = unwrap(&mut body)?;
            let packing = if is_packed { packing } else { Packing::Plain };
            let plain = shop.unpack(body, packing)?;
            store(&plain.bytes, shop, now_ms)
        })
        .await?;
    checked(outcome)
}

fn packing_of(headers: &HeaderMap) -> Result<Packing> {
    let name = headers.get(ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
    match name {
        "" | "identity" => Ok(Packing::Plain),
        "gzip" => Ok(Packing::Gzip),
        _ => {
            let detail = format!("expected grpc-encoding gzip or identity, got {name:?}");
            Err(Error::not_found("receive.unsupported", detail))
        }
    }
}

/// Leaves the one message in a body; says whether it is packed.
fn unwrap(body: &mut Held) -> Result<bool> {
    let wrong = |detail: String| Error::invalid("receive.broken_grpc", detail);
    let Some((prefix, message)) = body.bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(wrong(format!("{} bytes are no message", body.bytes.len())));
    };
    let [packed, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length);
    if u64::from(length) != message.len() as u64 {
        let found = message.len();
        return Err(wrong(format!("a message of {length} bytes, but {found} follow")));
    }
    if packed > 1 {
        return Err(wrong(format!("{packed} does not say whether the message is packed")));
    }
    body.bytes.drain(..PREFIX_BYTES);
    Ok(packed == 1)
}

fn success(outcome: &Outcome) -> Response {
    let message = message(outcome);
    let mut framed = Vec::with_capacity(message.len() + PREFIX_BYTES);
    framed.push(0);
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let frames = [Frame::data(Bytes::from(framed)), Frame::trailers(trailers)];
    let frames = frames.map(Ok::<Frame<Bytes>, std::convert::Infallible>);
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    let kind = HeaderValue::from_static("application/grpc");
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// A status alone, in the headers.
fn failure(error: &Error) -> Response {
    if let Some(cause) = error.cause_chain() {
        tracing::warn!(code = error.code(), detail = error.detail(), cause, "{PROTOCOL} failed");
    }
    let code = match error.kind() {
        Kind::NotFound => 12,
        Kind::Unauthenticated => 16,
        Kind::Forbidden => 7,
        Kind::TooLarge | Kind::LimitReached => 8,
        Kind::Unavailable => 14,
        Kind::Internal => 13,
        _ => 3,
    };
    let mut response = Body::empty().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(code));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip"));
    if let Ok(text) = HeaderValue::try_from(percent_encoded(error.detail())) {
        headers.insert(MESSAGE, text);
    }
    response
}

/// A text in the characters that the header of a status may have.
fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(TEXT_CHARS_MAX) {
        if (' '..='~').contains(&c) && c != '%' {
            out.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
