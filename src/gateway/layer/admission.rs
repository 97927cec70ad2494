//! Lets a request in within the limits of number, size and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use kernel::error::Error;
use kernel::http::Failure;

use super::body::Watched;
use super::{Front, is_ingest};

/// Seconds after which a request that found no place may try again.
const BUSY_RETRY_S: u32 = 1;

/// Refuses a request over a limit; cuts one off that takes too long.
pub(super) async fn admit(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    // Whether the server lives must be known also when it is busy.
    let _place = match front.places.try_acquire() {
        Ok(place) => Some(place),
        Err(_) if request.uri().path() == "/healthz" => None,
        Err(_) => {
            front.instruments.refused("requests");
            let detail = "too many requests at this moment";
            let busy = Error::unavailable("http.busy", detail).retry_after_s(BUSY_RETRY_S);
            return busy.into_response();
        }
    };
    let limit = if is_ingest(request.method(), request.uri()) {
        front.limits.ingest_body_bytes_max
    } else {
        front.limits.body_bytes_max
    };
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(bytes) = declared.filter(|bytes| *bytes > limit) {
        front.instruments.refused("body");
        let detail = format!("the body has {bytes} bytes, the limit of this route is {limit}");
        return Error::too_large("http.body_too_large", detail).into_response();
    }
    let whole = Arc::new(AtomicBool::new(true));
    let request = request.map(|body| Body::new(Watched::new(body, limit, &whole)));
    let seconds = front.limits.request_timeout.as_secs();
    match tokio::time::timeout(front.limits.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) if whole.load(Ordering::Relaxed) => {
            front.instruments.refused("time");
            let detail = format!("no answer was found within {seconds} s");
            Error::unavailable("http.timed_out", detail).into_response()
        }
        Err(_) => {
            front.instruments.refused("time");
            too_slow(seconds)
        }
    }
}

/// Tells a client that its body took too long, in its own status.
fn too_slow(seconds: u64) -> Response {
    let detail = format!("the body did not arrive within {seconds} s");
    let mut response = Error::invalid("http.body_too_slow", detail).into_response();
    let status = StatusCode::REQUEST_TIMEOUT;
    if let Some(failure) = response.extensions_mut().get_mut::<Failure>() {
        failure.problem.status = status.as_u16();
        failure.problem.title = status.canonical_reason().unwrap_or_default();
    }
    response
}
