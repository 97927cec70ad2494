//! The way of a request through a receiver: its body under limits, unpacked, and its work in turn
//! on the blocking pool.

use std::io::Read;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use kernel::http::{Problem, problem_response};

use super::body::{no_room, unsnap};
use super::remote_write::Refused;
use super::sink::SinkError;
use super::{Receiver, refusal};
use crate::Telemetry;
use crate::intake::Intake;
use crate::room::Body;
use crate::sender::sender_of;
use crate::settings::ReceiveSettings;

/// The piece in which packed bodies are unpacked.
const PIECE_BYTES: usize = 64 * 1024;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    /// One snappy block, as `remote_write` packs.
    Snappy,
}

impl Packing {
    /// What `Content-Encoding` says; the text is for the answer 415.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let value = headers.get(header::CONTENT_ENCODING);
        let name = value.map_or("", |value| value.to_str().unwrap_or("?")).trim();
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "snappy" => Ok(Self::Snappy),
            _ => Err(format!("expected Content-Encoding: gzip, or none, got {name:?}")),
        }
    }
}

/// What the work of a receiver has at hand.
pub(crate) struct Workshop<'w> {
    pub intake: &'w Intake,
    /// Who sends.
    pub sender: &'w str,
    receiver: &'w Receiver,
}

impl<'w> Workshop<'w> {
    /// For bodies that come from no request.
    #[cfg(feature = "fuzz")]
    pub(super) fn over(intake: &'w Intake, receiver: &'w Receiver) -> Self {
        Self { intake, sender: "fuzz", receiver }
    }

    /// What receivers share.
    pub(super) fn receiver(&self) -> &'w Receiver {
        self.receiver
    }

    /// Bytes that a body may unfold to.
    pub(super) fn decoded_bytes_max(&self) -> usize {
        self.receiver.settings.decoded_bytes_max
    }

    /// Unpacks a body within the limits.
    pub(crate) fn unpack(&self, body: Body, packing: Packing) -> Result<Body> {
        let Receiver { settings: ReceiveSettings { decoded_bytes_max, .. }, room, .. } =
            self.receiver;
        match packing {
            Packing::Plain if body.bytes.len() <= *decoded_bytes_max => Ok(body),
            Packing::Plain => Err(too_large(*decoded_bytes_max)),
            Packing::Snappy => unsnap(&body, *decoded_bytes_max, room),
            Packing::Gzip => {
                let mut plain = Body::default();
                let mut pieces = flate2::read::MultiGzDecoder::new(body.bytes.as_slice());
                let mut piece = vec![0; PIECE_BYTES];
                loop {
                    let read = pieces.read(&mut piece).map_err(|error| {
                        let detail = format!("the body is not gzip: {error}");
                        Error::invalid("receive.not_gzip", detail)
                    })?;
                    let piece = piece.get(..read).unwrap_or_default();
                    if piece.is_empty() {
                        return Ok(plain);
                    }
                    if plain.bytes.len() + piece.len() > *decoded_bytes_max {
                        return Err(too_large(*decoded_bytes_max));
                    }
                    plain.extend(piece, room).map_err(no_room)?;
                }
            }
        }
    }

    /// Counts what was received and has no store.
    pub(crate) fn count_not_stored(&self, kind: &str, items: u64) {
        if items > 0 {
            self.receiver.metrics.not_stored.with_label_values(&[kind]).inc_by(items);
        }
    }
}

fn too_large(bytes_max: usize) -> Error {
    let detail = format!("the body unpacks to more than {bytes_max} bytes");
    Error::too_large("receive.too_large", detail)
}

impl Telemetry {
    /// Counts a request of a protocol by its answer.
    pub(crate) fn count_request(&self, protocol: &str, status: StatusCode) {
        let labels = [protocol, status.as_str()];
        self.receiver().metrics.requests.with_label_values(&labels).inc();
    }

    /// Reads the body of a request of somebody who may write metrics.
    pub(crate) async fn take_body(&self, who: &Caller, request: Request) -> Result<Body> {
        who.require(Permission::MetricsWrite)?;
        let bytes_max = self.receive_settings().body_bytes_max;
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if let Some(bytes) = declared.filter(|&bytes| bytes > bytes_max) {
            let detail = format!("the body has {bytes} bytes, at most {bytes_max} are read");
            return Err(Error::too_large("receive.too_large", detail));
        }
        self.read_body(request.into_body().into_data_stream()).await
    }

    /// Runs work that stores, in its turn, on the blocking pool.
    pub(crate) async fn work_in_turn<T, F>(&self, who: &Caller, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Workshop<'_>) -> Result<T> + Send + 'static,
    {
        who.require(Permission::MetricsWrite)?;
        let receiver = self.receiver();
        let turn = Arc::clone(&receiver.turns).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(receiver.settings.wait, turn).await else {
            let detail = "too many requests wait to be stored";
            return Err(Error::unavailable("receive.busy", detail).retry_after_s(2));
        };
        let telemetry = self.clone();
        let sender = sender_of(who);
        let work = move || {
            let (intake, receiver) = (telemetry.intake(), telemetry.receiver());
            let shop = Workshop { intake, sender: &sender, receiver };
            let done = work(&shop);
            drop(turn);
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::internal("receive.failed", error))?
    }
}

impl From<SinkError> for Error {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Append(error) => refusal(error),
            SinkError::TooMuch => Self::too_large("receive.too_large", error.to_string()),
        }
    }
}

/// The answer to a request some of whose samples were refused; `None` when none was.
pub(crate) fn refused_error(refused: &Refused) -> Option<Error> {
    if refused.samples == 0 {
        return None;
    }
    if refused.worth_retrying {
        let error = Error::limit_reached("receive.too_many_series", refused.describe());
        return Some(error.retry_after_s(30));
    }
    Some(Error::invalid("receive.samples_refused", refused.describe()))
}

/// 415 with what was expected.
pub(crate) fn unsupported_response(detail: String) -> Response {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let problem = Problem {
        kind: "about:blank",
        title: "Unsupported Media Type",
        status: status.as_u16(),
        code: "receive.unsupported",
        detail,
        field: None,
        request_id: None,
    };
    problem_response(status, &problem)
}

/// A failure as a response, or the response.
pub(crate) fn response_of(outcome: Result<Response>) -> Response {
    outcome.unwrap_or_else(IntoResponse::into_response)
}
