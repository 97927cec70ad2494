//! `POST /prometheus/api/v1/read`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, header};
use kernel::caller::{Caller, Permission};
use kernel::error::Error;
use kernel::http::{Problem, Who};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::QueryError;
use super::super::remote_read::{ReadRequest, ReadStream};
use super::{Answered, answered};
use crate::Telemetry;
use crate::receive::body::unsnap;
use crate::room::Body as Held;

const PROTOBUF: &str = "application/x-protobuf";
const STREAM: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// The route of `remote_read`.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(remote_read_metrics))
}

/// Stored samples for another Prometheus: a `ReadRequest` packed with snappy, answered by a
/// stream of chunks when the request takes one first, else by all samples at once. Native histograms
/// come with floating-point counts, in chunks of type `FLOAT_HISTOGRAM` where numbers come in those
/// of type `XOR`.
#[utoipa::path(
    post, path = "/prometheus/api/v1/read", tag = "prometheus",
    summary = "Read samples (remote_read)",
    request_body(content_type = "application/x-protobuf", content = Vec<u8>,
                 description = "a ReadRequest packed as one snappy block"),
    responses((status = 200, description = "a ReadResponse, or a stream of ChunkedReadResponse"),
              (status = "default", description = "a problem", body = Problem,
               content_type = "application/problem+json")),
    extensions(("x-permission" = json!("metrics.read")))
)]
async fn remote_read_metrics(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    answered(remote_read(&telemetry, &who, request).await)
}

async fn remote_read(telemetry: &Telemetry, who: &Caller, request: Request) -> Answered {
    who.require(Permission::MetricsRead)?;
    let packed = read_body(telemetry, request).await?;
    let bytes_max = telemetry.queries().settings.text_bytes_max;
    let plain = unsnap(&Held::own(packed), bytes_max, telemetry.room())?;
    let request = ReadRequest::parse(&plain.bytes)?;
    if request.is_streamed {
        let stream = telemetry.read_stream(who, request).await?;
        let frames = stream::unfold(Some(stream), |stream| async move { next(stream?).await });
        let kind = HeaderValue::from_static(STREAM);
        return Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(frames)).into_response());
    }
    let packed = telemetry.read_samples(who, request).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF)),
        (header::CONTENT_ENCODING, HeaderValue::from_static("snappy")),
    ];
    Ok((headers, packed).into_response())
}

/// The body, not larger than a query may be.
async fn read_body(telemetry: &Telemetry, request: Request) -> Result<Vec<u8>, QueryError> {
    let bytes_max = telemetry.queries().settings.text_bytes_max;
    let mut bytes = Vec::new();
    let mut pieces = request.into_body().into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            Error::invalid("query.cut_off", "the body broke off").caused_by(error)
        })?;
        if bytes.len() + piece.len() > bytes_max {
            let detail = format!("the body is larger than {bytes_max} bytes");
            return Err(Error::too_large("query.too_large", detail).into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// A frame is made when the client has taken the one before.
async fn next(mut stream: ReadStream) -> Option<(Result<Bytes, QueryError>, Option<ReadStream>)> {
    let made = tokio::task::spawn_blocking(move || (stream.frame(), stream)).await;
    match made {
        Ok((Ok(Some(frame)), stream)) => Some((Ok(frame), Some(stream))),
        Ok((Ok(None), _)) => None,
        Ok((Err(error), _)) => {
            tracing::warn!(%error, "remote_read cut off");
            Some((Err(error), None))
        }
        Err(error) => Some((Err(QueryError::panicked(error)), None)),
    }
}
