//! Memory for bodies: one bound for all that are held at a time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which room is taken.
const UNIT_BYTES: usize = 16 * 1024;

/// Room in memory that bodies share; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Semaphore>);

/// There is no more room at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("others hold all the memory that bodies may take together")]
pub(crate) struct NoRoom;

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }
}

/// Bytes in memory with the room that they take.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub bytes: Vec<u8>,
    held: Option<OwnedSemaphorePermit>,
    units: usize,
}

impl Body {
    /// A body of our own making, which takes no shared room.
    pub(crate) fn own(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Takes room for `bytes` in all; never waits.
    pub(crate) fn reserve(&mut self, bytes: usize, room: &Room) -> Result<(), NoRoom> {
        let needed = bytes.div_ceil(UNIT_BYTES);
        if needed > self.units {
            let more = u32::try_from(needed - self.units).map_err(|_| NoRoom)?;
            let taken = Arc::clone(&room.0).try_acquire_many_owned(more).map_err(|_| NoRoom)?;
            match &mut self.held {
                Some(held) => held.merge(taken),
                None => self.held = Some(taken),
            }
            self.units = needed;
        }
        Ok(())
    }

    /// Appends a piece.
    pub(crate) fn extend(&mut self, piece: &[u8], room: &Room) -> Result<(), NoRoom> {
        self.reserve(self.bytes.len() + piece.len(), room)?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}
