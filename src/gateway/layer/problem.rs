//! Failures of every kind become problem documents that name the request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Collected, Limited};
use kernel::error::Error;
use kernel::http::{Failure, Problem};

use super::Front;
use super::envelope::RequestId;

/// How much of a plain failure's text becomes the detail of its problem.
const DETAIL_BYTES_MAX: usize = 4 * 1024;

/// Answers panics and plain failures with a problem document; logs the cause of a failure.
pub(super) async fn name_problems(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.to_string());
    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            front.instruments.refused("panic");
            Error::internal("http.panicked", panic_text(panic.as_ref())).into_response()
        }
    };
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        let Failure { mut problem, cause } = failure;
        if let Some(cause) = cause {
            log_cause(&problem, &cause);
        }
        problem.request_id = id;
        return with_problem(response, &problem);
    }
    if !is_plain_failure(&response) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = Limited::new(body, DETAIL_BYTES_MAX).collect().await;
    let text = text.map(Collected::to_bytes).unwrap_or_default();
    let problem = of_plain(parts.status, &String::from_utf8_lossy(&text), id);
    with_problem(Response::from_parts(parts, Body::empty()), &problem)
}

fn log_cause(problem: &Problem, cause: &str) {
    let (code, detail) = (problem.code, problem.detail.as_str());
    if problem.status >= 500 {
        tracing::error!(code, detail, cause, "operation failed");
    } else {
        tracing::info!(code, detail, cause, "operation refused");
    }
}

/// Whether it is a failure in words: of an extractor, of the router, of a layer.
fn is_plain_failure(response: &Response) -> bool {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return false;
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_none_or(|kind| kind.starts_with("text/plain"))
}

fn of_plain(status: StatusCode, text: &str, request_id: Option<String>) -> Problem {
    let (status, code, detail) = match status {
        // The house answers input that breaks a rule with 400; what is wrong is in the text.
        StatusCode::UNPROCESSABLE_ENTITY => (StatusCode::BAD_REQUEST, "http.body_invalid", text),
        StatusCode::BAD_REQUEST => (status, "http.bad_request", text),
        StatusCode::NOT_FOUND => (status, "http.not_found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail =
                "this address does not take this method; the header Allow lists those it does";
            (status, "http.method_not_allowed", detail)
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            (status, "http.body_too_large", "the body is larger than the limit of this route")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (status, "http.unsupported_media_type", text),
        StatusCode::SERVICE_UNAVAILABLE => (status, "http.unavailable", text),
        _ if status.is_server_error() => (status, "http.failed", "internal error"),
        _ => (status, "http.refused", text),
    };
    Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("error"),
        status: status.as_u16(),
        code,
        detail: detail.trim().to_owned(),
        field: None,
        request_id,
    }
}

/// Replaces the body of `response` and keeps its other headers.
fn with_problem(mut response: Response, problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status);
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.body_mut() = Body::from(serde_json::to_vec(problem).unwrap_or_default());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    let kind = HeaderValue::from_static("application/problem+json");
    headers.insert(header::CONTENT_TYPE, kind);
    if problem.status == 401 && !headers.contains_key(header::WWW_AUTHENTICATE) {
        let challenge = HeaderValue::from_static("Bearer realm=\"onemonitor\"");
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the handler panicked: {}", text.unwrap_or_default())
}
