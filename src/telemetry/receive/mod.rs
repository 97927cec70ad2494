//! Takes in what others push. One file a protocol; the ack is sent after the data is durable.

pub(crate) mod api;
pub(crate) mod body;
pub(crate) mod exemplar;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
pub(crate) mod histogram;
mod import;
mod influx;
mod label_set;
mod otlp;
pub(crate) mod protobuf;
pub(crate) mod remote_write;
mod remote_write_v2;
mod sink;
mod work;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::Stream;
use kernel::error::{Error, Result};
use kernel::metrics::Metrics;
use metric::Metadata;
use series::AppendError;
use tokio::sync::Semaphore;

use crate::Telemetry;
use crate::intake::Intake;
use crate::own_metrics::ReceiveMetrics;
use crate::room::{Body, Room};
use crate::settings::ReceiveSettings;
use remote_write::walk;
use work::{Packing, Workshop, refused_error};

/// The name of `remote_write`, version 1, in counters.
const PROTOCOL: &str = "remote_write";

/// What receivers share.
#[derive(Debug)]
pub(crate) struct Receiver {
    settings: ReceiveSettings,
    room: Room,
    turns: Arc<Semaphore>,
    /// Running totals of what OTLP senders report as differences.
    deltas: Mutex<otlp::Deltas>,
    metrics: ReceiveMetrics,
}

impl Receiver {
    pub(crate) fn new(settings: ReceiveSettings, metrics: &Metrics) -> Self {
        Self {
            room: Room::new(settings.bodies_bytes_max),
            turns: Arc::new(Semaphore::new(settings.concurrency_max.max(1))),
            deltas: Mutex::default(),
            metrics: ReceiveMetrics::new(metrics),
            settings,
        }
    }
}

impl Telemetry {
    pub(crate) fn receive_settings(&self) -> &ReceiveSettings {
        &self.receiver().settings
    }

    /// Reads a body within the limits of receivers.
    pub(crate) async fn read_body<S, E>(&self, pieces: S) -> Result<Body>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: std::error::Error + Send + Sync + 'static,
    {
        let Receiver { settings, room, metrics, .. } = self.receiver();
        let read = body::read(pieces, settings.body_bytes_max, settings.body_timeout, room).await?;
        metrics.bytes.inc_by(read.bytes.len() as u64);
        Ok(read)
    }
}

/// Stores a body of `remote_write`; blocks until it is durable.
///
/// # Errors
/// `Invalid` names what was wrong with the body, or the samples that were not stored while their
/// neighbours were; `TooLarge`; `LimitReached` when there are too many series; `Unavailable` when
/// too much is being received or the disk refuses.
fn store(packed: Body, shop: &Workshop<'_>) -> Result<()> {
    let plain = shop.unpack(packed, Packing::Snappy)?;
    let request = walk(&plain.bytes)
        .map_err(|broken| Error::invalid("receive.broken_protobuf", broken.to_string()))?;
    let mut refused = request.refused;
    let batch = request.batch.from_source(shop.sender);
    let appended = shop.intake.append_batch(&batch, PROTOCOL).map_err(refusal)?;
    refused.add_appended(&appended, |_| String::new());
    shop.intake.count_bad(PROTOCOL, request.bad);
    store_metadata(&request.metadata, shop.intake).map_err(refusal)?;
    refused_error(&refused).map_or(Ok(()), Err)
}

fn store_metadata(stated: &[(&str, Metadata)], intake: &Intake) -> Result<(), AppendError> {
    if stated.is_empty() { Ok(()) } else { intake.set_metadata(stated) }
}

/// Why nothing could be stored, as the sender sees it.
fn refusal(error: AppendError) -> Error {
    let retry_after_s = match &error {
        AppendError::Unavailable { .. } => 10,
        AppendError::Overloaded { .. } => 5,
        AppendError::Closed => 30,
    };
    let detail = match &error {
        AppendError::Unavailable { .. } => "samples cannot be stored at present",
        AppendError::Overloaded { .. } => "too many samples wait to be written to disk",
        AppendError::Closed => "the server is stopping",
    };
    Error::unavailable("receive.unavailable", detail).retry_after_s(retry_after_s).caused_by(error)
}
