//! Reads and unpacks bodies under limits.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use kernel::error::{Error, Result};

use crate::room::{Body, NoRoom, Room};

/// Snappy makes at most 64 bytes of three, so a body that declares more than this many times its
/// size is no such body.
const SNAPPY_RATIO_MAX: usize = 22;

/// Reads a body of at most `bytes_max` within `timeout`.
pub(crate) async fn read<S, E>(
    mut pieces: S,
    bytes_max: usize,
    timeout: Duration,
    room: &Room,
) -> Result<Body>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    let read = async {
        let mut body = Body::default();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| {
                Error::invalid("receive.cut_off", "the body broke off").caused_by(error)
            })?;
            if body.bytes.len() + piece.len() > bytes_max {
                let detail = format!("the body is larger than {bytes_max} bytes");
                return Err(Error::too_large("receive.too_large", detail));
            }
            body.extend(&piece, room).map_err(no_room)?;
        }
        Ok(body)
    };
    tokio::time::timeout(timeout, read).await.unwrap_or_else(|_| {
        let detail = format!("the body did not arrive within {} s", timeout.as_secs());
        Err(Error::invalid("receive.too_slow", detail))
    })
}

/// Unpacks a snappy block of at most `bytes_max`.
pub(crate) fn unsnap(body: &Body, bytes_max: usize, room: &Room) -> Result<Body> {
    let malformed = |error: snap::Error| {
        Error::invalid("receive.not_snappy", format!("the body is not a snappy block: {error}"))
    };
    let declared = snap::raw::decompress_len(&body.bytes).map_err(malformed)?;
    if declared > bytes_max {
        let detail = format!("the body unpacks to {declared} bytes, at most {bytes_max} are read");
        return Err(Error::too_large("receive.too_large", detail));
    }
    if declared > body.bytes.len().saturating_mul(SNAPPY_RATIO_MAX) {
        let detail = format!(
            "the body is not a snappy block: {} bytes cannot unpack to {declared}",
            body.bytes.len()
        );
        return Err(Error::invalid("receive.not_snappy", detail));
    }
    let mut plain = Body::default();
    plain.reserve(declared, room).map_err(no_room)?;
    plain.bytes = snap::raw::Decoder::new().decompress_vec(&body.bytes).map_err(malformed)?;
    Ok(plain)
}

/// The answer while others hold all the room.
pub(super) fn no_room(error: NoRoom) -> Error {
    Error::unavailable("receive.no_room", "too much is being received")
        .retry_after_s(1)
        .caused_by(error)
}
