//! The one thread that writes: it runs waiting closures in groups, each under one journal sync.
//!
//! Invariants: a closure is answered only after its group is in the journal and visible to
//! readers; a closure that fails or panics is taken out of the group before the next one runs;
//! when the disk fails, the whole group is answered with `Unavailable`, because a closure may
//! have seen what its neighbours wrote.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use redb::Database;

use crate::disk::free_bytes;
use crate::error::Error;
use crate::job::{Job, message_of};
use crate::journal::format::encode_changes;
use crate::journal::{Journal, Keep};
use crate::records::{Options, Shared};
use crate::store::{self, Place};
use crate::write::Write;

/// Most transactions in one group.
const GROUP_JOBS_MAX: usize = 512;
/// A group with this many bytes of changes takes no further transaction.
const GROUP_BYTES: u64 = 4 * 1024 * 1024;
/// How often an idle thread looks after checkpoints and superfluous segments.
const TICK: Duration = Duration::from_secs(1);
/// Free bytes below which a checkpoint is not even tried, beside the bytes to be written.
const CHECKPOINT_FREE_BYTES: u64 = 4 * 1024 * 1024;
/// A journal of this size takes no more records until a checkpoint succeeds.
const JOURNAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Pause after a checkpoint that failed for want of space.
const CHECKPOINT_PAUSE: Duration = Duration::from_secs(10);
/// First and longest pause between attempts to get a failing disk back.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// What the handles ask of the writing thread.
pub(crate) enum Command {
    Job(Box<dyn Job>),
    Checkpoint(SyncSender<Result<(), Error>>),
    Close(SyncSender<Result<(), Error>>),
}

/// The writing thread's state.
pub(crate) struct Writer {
    place: Place,
    options: Options,
    shared: Arc<Shared>,
    /// `None` while the store is unavailable or closed.
    journal: Option<Journal>,
    /// Whether the record file holds commits that are not durable yet.
    dirty_since: Option<Instant>,
    checkpoint_again_at: Option<Instant>,
    retry_at: Option<Instant>,
    retry_pause: Duration,
    closed: bool,
}

impl Writer {
    /// A writer over an opened store; makes what was replayed durable.
    pub(crate) fn start(
        place: Place,
        options: Options,
        shared: Arc<Shared>,
        journal: Journal,
    ) -> Result<Self, Error> {
        let mut writer = Self {
            place,
            options,
            shared,
            journal: Some(journal),
            dirty_since: Some(Instant::now()),
            checkpoint_again_at: None,
            retry_at: None,
            retry_pause: RETRY_PAUSE.0,
            closed: false,
        };
        writer.checkpoint()?;
        Ok(writer)
    }

    /// Serves commands until the last handle is gone.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut waiting = VecDeque::new();
        loop {
            match commands.recv_timeout(TICK) {
                Ok(command) => waiting.push_back(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while waiting.len() < GROUP_JOBS_MAX {
                let Ok(command) = commands.try_recv() else { break };
                waiting.push_back(command);
            }
            self.serve(&mut waiting);
            self.look_after();
        }
        if !self.closed
            && let Err(error) = self.close()
        {
            tracing::warn!(%error, "the record store was left without a last checkpoint");
        }
    }

    fn serve(&mut self, waiting: &mut VecDeque<Command>) {
        while let Some(command) = waiting.pop_front() {
            match command {
                Command::Job(job) => self.serve_group(job, waiting),
                Command::Checkpoint(answer) => {
                    let outcome = self.ready().and_then(|()| self.checkpoint());
                    drop(answer.send(outcome));
                }
                Command::Close(answer) => {
                    let outcome = if self.closed { Ok(()) } else { self.close() };
                    drop(answer.send(outcome));
                }
            }
        }
    }

    /// Runs a group that begins with `first`, contained even against panics of the engine.
    fn serve_group(&mut self, first: Box<dyn Job>, waiting: &mut VecDeque<Command>) {
        let mut group = vec![first];
        if let Err(error) = self.ready() {
            return self.finish(group, Some(&error));
        }
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.commit_group(&mut group, waiting)));
        let result = outcome.unwrap_or_else(|panic| {
            let cause = format!("the engine panicked: {}", message_of(&*panic));
            self.shared.suspect.store(true, Ordering::Release);
            Err(Error::Unavailable { cause })
        });
        let counters = &self.shared.counters;
        counters.groups.fetch_add(1, Ordering::Relaxed);
        counters.transactions.fetch_add(group.len() as u64, Ordering::Relaxed);
        let busy_us = started.elapsed().as_micros() as u64;
        counters.group_us.fetch_add(busy_us, Ordering::Relaxed);
        self.publish_sizes();
        self.finish(group, result.err().as_ref());
    }

    fn commit_group(
        &mut self,
        group: &mut Vec<Box<dyn Job>>,
        waiting: &mut VecDeque<Command>,
    ) -> Result<(), Error> {
        let snapshot = self.shared.snapshot()?;
        let mut write = Write::new(snapshot, self.options.transaction_bytes_max);
        let mut at = 0;
        while let Some(job) = group.get_mut(at) {
            let keep = job.run(&mut write);
            write.settle(keep);
            at += 1;
            let has_room = write.kept_bytes() < GROUP_BYTES && group.len() < GROUP_JOBS_MAX;
            if has_room && matches!(waiting.front(), Some(Command::Job(_))) {
                let Some(Command::Job(next)) = waiting.pop_front() else { break };
                group.push(next);
            }
        }
        let changes = write.into_write_set();
        if changes.is_empty() {
            return Ok(());
        }
        let journal = self.journal.as_mut().ok_or_else(gone)?;
        let appended = journal.append(&encode_changes(&changes));
        let seq = appended.map_err(|error| Error::Unavailable { cause: error.to_string() })?;
        self.dirty_since.get_or_insert_with(Instant::now);
        let applied = self.shared.with_database(|database| store::apply(database, &changes, seq));
        if let Err(error) = applied {
            // The group is durable; opening the store anew replays it.
            tracing::warn!(%error, "cannot apply a group to the record file, opening it anew");
            self.shared.suspect.store(true, Ordering::Release);
            self.ready()?;
        }
        Ok(())
    }

    /// Brings the store back if it is suspect or gone; an error tells why it is not there.
    fn ready(&mut self) -> Result<(), Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        let suspect = self.shared.suspect.load(Ordering::Acquire);
        if !suspect && self.journal.as_ref().is_some_and(Journal::is_ready) {
            let too_long = self.journal.as_ref().map_or(0, Journal::active_bytes);
            return if too_long > JOURNAL_BYTES_MAX { self.checkpoint() } else { Ok(()) };
        }
        let now = Instant::now();
        if !suspect && self.retry_at.is_some_and(|at| now < at) {
            return Err(self.shared.trouble().unwrap_or_else(gone));
        }
        self.recover(now)
    }

    /// Opens the store anew inside the process.
    fn recover(&mut self, now: Instant) -> Result<(), Error> {
        let outcome = self.reopen().and_then(|()| {
            self.checkpoint().inspect_err(|_| {
                // The failed commit spoilt the file's handle: get reading back at least.
                if let Err(error) = self.reopen() {
                    tracing::warn!(%error, "the record store cannot be read");
                }
            })
        });
        match &outcome {
            Ok(()) => {
                tracing::info!("the record store is back");
                self.shared.set_trouble(None);
                self.retry_at = None;
                self.retry_pause = RETRY_PAUSE.0;
            }
            Err(error) => {
                tracing::warn!(%error, pause = ?self.retry_pause, "the record store stays away");
                self.shared.set_trouble(Some(error.clone()));
                self.retry_at = Some(now + self.retry_pause);
                self.retry_pause = (self.retry_pause * 2).min(RETRY_PAUSE.1);
            }
        }
        outcome
    }

    /// Closes the file's handle and opens it, replaying the journal: readable, not yet writable.
    fn reopen(&mut self) -> Result<(), Error> {
        self.journal = None;
        self.shared.close_database(gone());
        self.shared.suspect.store(false, Ordering::Release);
        match self.place.open() {
            Ok((database, journal)) => {
                self.shared.open_database(database);
                self.journal = Some(journal);
                self.dirty_since = Some(Instant::now());
                Ok(())
            }
            Err(error) => {
                let error = Error::Unavailable { cause: error.to_string() };
                self.shared.close_database(error.clone());
                Err(error)
            }
        }
    }

    /// Commits to the record file durably, then begins a new journal segment.
    fn checkpoint(&mut self) -> Result<(), Error> {
        let journal = self.journal.as_mut().ok_or_else(gone)?;
        if self.dirty_since.is_some() {
            let free = free_bytes(&self.place.path).map_err(|error| unavailable(&error))?;
            let needed = CHECKPOINT_FREE_BYTES + journal.active_bytes();
            if free < needed {
                let cause = format!("the disk is full: {free} bytes free, {needed} needed");
                return Err(Error::Unavailable { cause });
            }
            let seq = journal.last_seq();
            let commit = |database: &Database| store::checkpoint(database, seq, false);
            if let Err(error) = self.shared.with_database(commit) {
                self.shared.suspect.store(true, Ordering::Release);
                return Err(error);
            }
            self.dirty_since = None;
            self.shared.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
        }
        journal.begin_segment().map_err(|error| unavailable(&error))?;
        self.publish_sizes();
        Ok(())
    }

    /// Checkpoints when it is time, tries to recover, deletes superfluous segments.
    fn look_after(&mut self) {
        if self.closed || self.ready().is_err() {
            return;
        }
        let now = Instant::now();
        let active_bytes = self.journal.as_ref().map_or(0, Journal::active_bytes);
        let dirty_for = self.dirty_since.map(|since| now.saturating_duration_since(since));
        let due = dirty_for.is_some_and(|age| {
            age >= self.options.checkpoint_interval || active_bytes >= self.options.checkpoint_bytes
        });
        let may_try = self.checkpoint_again_at.is_none_or(|at| now >= at);
        if due && may_try {
            self.checkpoint_again_at = None;
            if let Err(error) = self.checkpoint() {
                tracing::warn!(%error, "cannot write a checkpoint");
                self.checkpoint_again_at = Some(now + CHECKPOINT_PAUSE);
            }
        }
        let Options { segment_keep, segment_keep_bytes, .. } = self.options;
        if let Some(journal) = &mut self.journal {
            journal.sweep(Keep { time: segment_keep, bytes: segment_keep_bytes }, now);
        }
        self.publish_sizes();
    }

    /// Makes the record file whole by itself and lets go of it.
    fn close(&mut self) -> Result<(), Error> {
        let journal = self.journal.take();
        self.closed = true;
        let seq = journal.as_ref().map_or(0, Journal::last_seq);
        let outcome = match journal {
            Some(_) => self.shared.with_database(|database| store::checkpoint(database, seq, true)),
            None => Err(self.shared.trouble().unwrap_or_else(gone)),
        };
        self.shared.close_database(Error::Closed);
        outcome
    }

    fn finish(&self, group: Vec<Box<dyn Job>>, failure: Option<&Error>) {
        self.shared.counters.queue_len.fetch_sub(group.len() as u64, Ordering::Relaxed);
        for job in group {
            job.finish(failure.cloned());
        }
    }

    fn publish_sizes(&self) {
        if let Some(journal) = &self.journal {
            let counters = &self.shared.counters;
            counters.journal_bytes.store(journal.bytes(), Ordering::Relaxed);
            counters.journal_segments.store(journal.segments() as u64, Ordering::Relaxed);
        }
    }
}

fn unavailable(error: &std::io::Error) -> Error {
    Error::Unavailable { cause: error.to_string() }
}

fn gone() -> Error {
    Error::Unavailable { cause: "the record file is not open".to_owned() }
}
