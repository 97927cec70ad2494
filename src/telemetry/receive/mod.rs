//! Takes in what others push. One file a protocol; the ack is sent after the data is durable.

pub(crate) mod api;
pub(crate) mod body;
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
use kernel::caller::{Caller, Permission};
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

    pub(crate) fn count_received(&self, status: u16) {
        let labels = ["remote_write", &status.to_string()];
        self.receiver().metrics.requests.with_label_values(&labels).inc();
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

    /// Stores a body of `remote_write` and answers when it is durable.
    ///
    /// # Errors
    /// `Invalid` names what was wrong with the body, or the samples that were not stored while
    /// their neighbours were; `TooLarge`; `LimitReached` when there are too many series;
    /// `Unavailable` when too much is being received or the disk refuses.
    pub(crate) async fn write_metrics(&self, who: &Caller, packed: Body) -> Result<()> {
        who.require(Permission::MetricsWrite)?;
        let receiver = self.receiver();
        let turn = Arc::clone(&receiver.turns).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(receiver.settings.wait, turn).await else {
            let detail = "too many requests wait to be stored";
            return Err(Error::unavailable("receive.busy", detail).retry_after_s(2));
        };
        let (room, bytes_max) = (receiver.room.clone(), receiver.settings.decoded_bytes_max);
        let (intake, metrics) = (self.intake().clone(), receiver.metrics.clone());
        let store = move || {
            let plain = body::unsnap(&packed, bytes_max, &room)?;
            drop(packed);
            let stored = store(&plain.bytes, &intake, &metrics);
            drop(turn);
            stored
        };
        let stored = tokio::task::spawn_blocking(store).await;
        stored.map_err(|error| Error::internal("receive.failed", error))?
    }
}

/// Stores a decoded body; blocks until it is durable.
fn store(body: &[u8], intake: &Intake, metrics: &ReceiveMetrics) -> Result<()> {
    let request = walk(body)
        .map_err(|broken| Error::invalid("receive.broken_protobuf", broken.to_string()))?;
    for (kind, count) in [("exemplar", request.exemplars), ("histogram", request.histograms)] {
        if count > 0 {
            metrics.not_stored.with_label_values(&[kind]).inc_by(count);
        }
    }
    let mut refused = request.refused;
    if !request.batch.is_empty() {
        let appended = intake.append_batch(&request.batch, "remote_write").map_err(refusal)?;
        refused.add_appended(&appended);
    }
    store_metadata(&request.metadata, intake).map_err(refusal)?;
    if refused.samples == 0 {
        return Ok(());
    }
    if refused.worth_retrying {
        let error = Error::limit_reached("receive.too_many_series", refused.describe());
        return Err(error.retry_after_s(30));
    }
    Err(Error::invalid("receive.samples_refused", refused.describe()))
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
