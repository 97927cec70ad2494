//! `POST /prometheus/api/v1/write`, and the routes of all receivers together.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::error::Result;
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::work::unsupported_response;
use super::{PROTOCOL, import, influx, otlp, remote_write_v2, store};
use crate::Telemetry;

/// The routes of receivers.
pub(crate) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new()
        .routes(routes!(write_metrics))
        .merge(import::routes())
        .merge(otlp::api::routes())
        .merge(otlp::grpc::routes())
        .merge(influx::api::routes())
}

/// Takes in samples, native histograms and exemplars as Prometheus' `remote_write` sends them,
/// version 1 or 2 by the `proto` of the content type: protobuf packed with snappy. Answers when they
/// are durable. Samples that cannot be stored are named in the answer with status 400; all others of
/// the body are stored. Exemplars never fail a request. Answers to version 2 say in
/// `X-Prometheus-Remote-Write-Samples-Written` and its like how much was written.
#[utoipa::path(
    post,
    path = "/prometheus/api/v1/write",
    tag = "prometheus",
    summary = "Receive samples (remote_write)",
    request_body(content_type = "application/x-protobuf", content = Vec<u8>,
                 description = "a WriteRequest, or a write.v2.Request, packed as one snappy block"),
    responses(
        (status = 204, description = "everything is stored"),
        (status = 400, description = "the body is wrong, or some samples were not stored",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "the body is too large", body = Problem,
         content_type = "application/problem+json"),
        (status = 415, description = "no version that is known, or not packed with snappy", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "too many series, try again later", body = Problem,
         content_type = "application/problem+json"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn write_metrics(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    if let Err(error) = who.require(Permission::MetricsWrite) {
        return error.into_response();
    }
    let version = match version_of(request.headers()) {
        Ok(version) => version,
        Err(detail) => {
            let response = unsupported_response(detail);
            telemetry.count_request(PROTOCOL, response.status());
            return response;
        }
    };
    if version == Version::Second {
        let response = remote_write_v2::receive(&telemetry, &who, request).await;
        telemetry.count_request(remote_write_v2::PROTOCOL, response.status());
        return response;
    }
    let response = match receive(&telemetry, &who, request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    };
    telemetry.count_request(PROTOCOL, response.status());
    response
}

async fn receive(telemetry: &Telemetry, who: &Caller, request: Request) -> Result<()> {
    let body = telemetry.take_body(who, request).await?;
    telemetry.work_in_turn(who, move |shop| store(body, shop)).await
}

/// The version of the message in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// `prometheus.WriteRequest`.
    First,
    /// `io.prometheus.write.v2.Request`.
    Second,
}

/// What the headers say; the text is for the answer 415, after which a sender tries another
/// version.
fn version_of(headers: &HeaderMap) -> Result<Version, String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let encoding = text(header::CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("snappy") {
        return Err(format!("expected Content-Encoding: snappy, got {encoding:?}"));
    }
    let content_type = text(header::CONTENT_TYPE);
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or("");
    if !essence.is_empty() && !essence.eq_ignore_ascii_case("application/x-protobuf") {
        return Err(format!("expected application/x-protobuf, got {essence:?}"));
    }
    let mut protocols = parts.filter_map(|part| part.strip_prefix("proto="));
    match protocols.next().map(|name| name.trim_matches('"')) {
        None | Some("prometheus.WriteRequest") => Ok(Version::First),
        Some("io.prometheus.write.v2.Request") => Ok(Version::Second),
        Some(other) => Err(format!(
            "expected proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request, \
             got {other:?}"
        )),
    }
}
