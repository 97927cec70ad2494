//! The write-ahead journal: what is acknowledged lies here until a flush has stored it.
//!
//! Appends put their operations into one buffer; the first of them that waits writes the buffer
//! as one record and syncs it once for all that wait with it. After an error nothing more is
//! written to that segment and all appends fail, until a flush has stored the whole head and
//! [`Journal::revive`] begins a new segment: only so can it be that nothing acknowledged is lost,
//! for the failed group already lies in the head and counts as known.

mod ops;
mod segment;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) use ops::{Op, OpReader, OpWriter};
pub(crate) use segment::{
    SegmentError, SegmentWriter, Tail, list_segments, read_segment, segment_path, sync_dir,
};

/// The journal as appenders see it.
pub(crate) struct Journal {
    dir: PathBuf,
    state: Mutex<State>,
    written: Condvar,
    writer: Mutex<SegmentWriter>,
}

#[derive(Default)]
struct State {
    /// Operations not yet written.
    waiting: Vec<u8>,
    /// A buffer to reuse.
    spare: Vec<u8>,
    /// Groups are numbered by the position of their end in all bytes ever enqueued.
    enqueued: u64,
    synced: u64,
    writing: bool,
    failed: Option<Arc<str>>,
    syncs: u64,
}

/// Until where an append must be synced before it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(u64);

impl Journal {
    /// Begins with a new segment.
    pub(crate) fn create(dir: &Path, number: u64) -> io::Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            state: Mutex::default(),
            written: Condvar::new(),
            writer: Mutex::new(SegmentWriter::create(dir, number)?),
        })
    }

    /// Whether appends are possible, otherwise why not.
    pub(crate) fn check(&self) -> Result<(), Arc<str>> {
        self.state().failed.clone().map_or(Ok(()), Err)
    }

    /// Puts operations in line. Called under the head's lock, so that the order in the journal is
    /// the order in the head. Empty operations get a ticket too: what they rely on may still
    /// wait to be synced.
    pub(crate) fn enqueue(&self, operations: &[u8]) -> Ticket {
        let mut state = self.state();
        state.waiting.extend_from_slice(operations);
        state.enqueued += operations.len() as u64;
        Ticket(state.enqueued)
    }

    /// Waits until everything up to the ticket is durable; writes it, if nobody else does.
    pub(crate) fn sync(&self, ticket: Ticket) -> Result<(), Arc<str>> {
        let mut state = self.state();
        loop {
            if state.synced >= ticket.0 {
                return Ok(());
            }
            if let Some(reason) = &state.failed {
                return Err(Arc::clone(reason));
            }
            state = if state.writing {
                self.written.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.write_waiting(state)
            };
        }
    }

    /// Writes what waits as one record; the lock is open meanwhile.
    fn write_waiting<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let spare = std::mem::take(&mut state.spare);
        let mut group = std::mem::replace(&mut state.waiting, spare);
        let end = state.enqueued;
        state.writing = true;
        drop(state);
        let mut writing = WritingGuard { journal: self, done: false };
        let outcome = self.writer().write(&group);
        group.clear();
        group.shrink_to(1 << 20);
        let mut state = self.state();
        state.spare = group;
        match outcome {
            Ok(()) => {
                state.synced = end;
                state.syncs += 1;
            }
            Err(error) => state.failed = Some(Arc::from(error.to_string())),
        }
        writing.done = true;
        state.writing = false;
        self.written.notify_all();
        state
    }

    /// Ends the segment and goes on in `next`; called while nobody can enqueue.
    /// Returns the number of the segment that ended. A failed journal stays as it is.
    pub(crate) fn rotate(&self, next: Option<SegmentWriter>) -> u64 {
        let end = Ticket(self.state().enqueued);
        let synced = self.sync(end);
        let mut writer = self.writer();
        let ended = writer.number();
        match next {
            Some(next) if synced.is_ok() => *writer = next,
            _ => self.fail("the next journal segment could not be begun"),
        }
        ended
    }

    /// Refuses appends from now on, until [`Journal::revive`].
    pub(crate) fn fail(&self, reason: &str) {
        let mut state = self.state();
        if state.failed.is_none() {
            state.failed = Some(Arc::from(reason));
        }
        self.written.notify_all();
    }

    /// Takes appends again in a new segment; called after a flush has stored the whole head,
    /// while nobody can enqueue.
    pub(crate) fn revive(&self, next: SegmentWriter) {
        let mut state = self.state();
        *self.writer() = next;
        state.waiting.clear();
        state.synced = state.enqueued;
        state.failed = None;
        self.written.notify_all();
    }

    /// The directory of the segments.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Syncs so far: with many appenders fewer than appends.
    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, SegmentWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fails the journal when the writing thread panics, so that the others do not wait for ever.
struct WritingGuard<'a> {
    journal: &'a Journal,
    done: bool,
}

impl Drop for WritingGuard<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.journal.fail("writing the journal ended unexpectedly");
            self.journal.state().writing = false;
            self.journal.written.notify_all();
        }
    }
}

#[cfg(test)]
mod tests;
