//! The handle of a record store.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use redb::{Database, ReadableDatabase};

use crate::copy::copy;
use crate::disk::Disk;
use crate::error::{Error, OpenError};
use crate::job::ClosureJob;
use crate::read::Read;
use crate::store::Place;
use crate::table::Snapshot;
use crate::write::Write;
use crate::writer::{Command, Writer};

/// Limits and intervals of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for pages of the record file, in bytes.
    pub cache_bytes: usize,
    /// Transactions that may wait; one more is refused with [`Error::Busy`] by
    /// [`Records::submit`], and made to wait by [`Records::write`].
    pub queue_len: usize,
    /// Longest time between a commit and the checkpoint that takes it into the record file.
    pub checkpoint_interval: Duration,
    /// Journal bytes after which a checkpoint is written at once.
    pub checkpoint_bytes: u64,
    /// How long journal segments stay after the checkpoint that makes them superfluous, so that
    /// a copy of the directory made meanwhile finds journal and record file to overlap.
    pub segment_keep: Duration,
    /// Superfluous segments above this total are deleted earlier.
    pub segment_keep_bytes: u64,
    /// The largest write transaction, in bytes of keys and values.
    pub transaction_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 32 * 1024 * 1024,
            queue_len: 1024,
            checkpoint_interval: Duration::from_secs(10),
            checkpoint_bytes: 16 * 1024 * 1024,
            segment_keep: Duration::from_secs(300),
            segment_keep_bytes: 256 * 1024 * 1024,
            transaction_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// How large a store is and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Bytes that the record file takes up on the disk.
    pub file_bytes: u64,
    /// Bytes of the journal's segments.
    pub journal_bytes: u64,
    /// Number of journal segments.
    pub journal_segments: u64,
    /// Write transactions since the store was opened, successful or not.
    pub transactions: u64,
    /// Groups in which they were committed.
    pub groups: u64,
    /// Time spent on groups, in microseconds.
    pub group_us: u64,
    /// Durable checkpoints since the store was opened.
    pub checkpoints: u64,
    /// Transactions that wait.
    pub queue_len: u64,
    /// Why the store does not serve, if it does not.
    pub unavailable: Option<String>,
}

/// A handle of an open record store; clones share it. The store closes with the last handle.
#[derive(Clone)]
pub struct Records {
    inner: Arc<Inner>,
}

impl Records {
    /// Opens the store whose record file is `path` (`…/records.redb`), creating it where there is
    /// none; its journal lies beside it in a directory (`…/records.journal`).
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_with(path, options, Disk::default())
    }

    pub(crate) fn open_with(path: &Path, options: Options, disk: Disk) -> Result<Self, OpenError> {
        let place = Place::new(path, options.cache_bytes, disk);
        place.create_if_missing()?;
        let (database, journal) = place.open()?;
        let shared = Arc::new(Shared::new(&place, database));
        let (commands, waiting) = sync_channel(options.queue_len);
        let writer = Writer::start(place, options, shared.clone(), journal)
            .map_err(|error| OpenError::io("open", path, std::io::Error::other(error)))?;
        let thread = thread::Builder::new()
            .name("records-writer".to_owned())
            .spawn(move || writer.run(&waiting))
            .map_err(|error| OpenError::io("start a thread for", path, error))?;
        let inner = Inner { shared, commands: Some(commands), thread: Some(thread) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs a closure over a snapshot: it sees everything acknowledged before, nothing later.
    pub fn read<T, E: From<Error>>(
        &self,
        closure: impl FnOnce(&Read) -> Result<T, E>,
    ) -> Result<T, E> {
        closure(&Read::new(self.inner.shared.snapshot()?))
    }

    /// Runs a closure as one atomic transaction and waits until it is durable. Must not be called
    /// inside another transaction's closure.
    pub fn write<T, E>(
        &self,
        closure: impl FnOnce(&mut Write) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        if self.inner.writer_id() == Some(thread::current().id()) {
            return Err(Error::Nested.into());
        }
        let (answer, outcome) = sync_channel(1);
        let job = ClosureJob::new(closure, move |outcome| drop(answer.send(outcome)));
        let waiting = &self.inner.shared.counters.queue_len;
        if let Some(commands) = &self.inner.commands {
            waiting.fetch_add(1, Ordering::Relaxed);
            if commands.send(Command::Job(Box::new(job))).is_err() {
                waiting.fetch_sub(1, Ordering::Relaxed);
            }
        }
        outcome.recv().unwrap_or_else(|_| Err(Error::Closed.into()))
    }

    /// Queues a closure as one atomic transaction and returns at once; `done` gets the outcome
    /// when it is durable, on the writing thread, or at once, on this thread, when the queue is
    /// full. `done` must not block.
    pub fn submit<T, E>(
        &self,
        closure: impl FnOnce(&mut Write) -> Result<T, E> + Send + 'static,
        done: impl FnOnce(Result<T, E>) + Send + 'static,
    ) where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job = ClosureJob::new(closure, done);
        let waiting = &self.inner.shared.counters.queue_len;
        let Some(commands) = &self.inner.commands else { return };
        waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(refused) = commands.try_send(Command::Job(Box::new(job))) {
            waiting.fetch_sub(1, Ordering::Relaxed);
            // A job that is merely dropped reports a closed store.
            if let TrySendError::Full(Command::Job(job)) = refused {
                job.finish(Some(Error::Busy));
            }
        }
    }

    /// Takes everything committed into the record file, durably, and begins a journal segment.
    pub fn checkpoint(&self) -> Result<(), Error> {
        self.inner.ask(Command::Checkpoint)
    }

    /// Writes a consistent copy of everything committed so far into a new file, which must not
    /// exist yet, while the store goes on serving; gives its length in bytes. The copy is a store
    /// of its own: it needs no journal, and this store's journal does not fit it.
    pub fn snapshot(&self, to: &Path) -> Result<u64, OpenError> {
        let snapshot = self.inner.shared.snapshot();
        let snapshot = snapshot
            .map_err(|error| OpenError::io("copy into", to, std::io::Error::other(error)))?;
        copy(&Read::new(snapshot), to)
    }

    /// Finishes what is queued, writes a last checkpoint and closes the file; later operations
    /// give [`Error::Closed`]. Dropping the last handle does the same without telling of errors.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.ask(Command::Close)
    }

    /// Sizes and counters.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.shared.status()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("path", &self.inner.shared.path).finish_non_exhaustive()
    }
}

/// What all handles share; dropping it stops the writing thread.
struct Inner {
    shared: Arc<Shared>,
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Inner {
    fn writer_id(&self) -> Option<ThreadId> {
        self.thread.as_ref().map(|thread| thread.thread().id())
    }

    fn ask(&self, command: fn(SyncSender<Result<(), Error>>) -> Command) -> Result<(), Error> {
        if self.writer_id() == Some(thread::current().id()) {
            return Err(Error::Nested);
        }
        let (answer, outcome) = sync_channel(1);
        if let Some(commands) = &self.commands {
            drop(commands.send(command(answer)));
        }
        outcome.recv().unwrap_or(Err(Error::Closed))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.commands = None;
        let on_writer = self.writer_id() == Some(thread::current().id());
        if let Some(thread) = self.thread.take()
            && !on_writer
            && thread.join().is_err()
        {
            tracing::error!("the writing thread of the record store panicked");
        }
    }
}

/// What handles and the writing thread share.
pub(crate) struct Shared {
    path: PathBuf,
    /// The open file, or why it is not open.
    database: RwLock<Result<Database, Error>>,
    /// Why writing does not work although the file is open.
    trouble: Mutex<Option<Error>>,
    /// Raised when the file must be opened anew.
    pub(crate) suspect: Arc<AtomicBool>,
    pub(crate) counters: Counters,
}

/// Numbers that the writing thread keeps for [`Status`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) transactions: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) group_us: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) journal_bytes: AtomicU64,
    pub(crate) journal_segments: AtomicU64,
    pub(crate) queue_len: AtomicU64,
}

impl Shared {
    fn new(place: &Place, database: Database) -> Self {
        Self {
            path: place.path.clone(),
            database: RwLock::new(Ok(database)),
            trouble: Mutex::default(),
            suspect: Arc::default(),
            counters: Counters::default(),
        }
    }

    /// A view of everything committed so far.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        let txn = self.with_database(|database| Ok(database.begin_read()?))?;
        Ok(Snapshot::new(txn, self.suspect.clone()))
    }

    /// Uses the open file.
    pub(crate) fn with_database<T>(
        &self,
        act: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().map_err(Clone::clone)?;
        act(database).map_err(|error| Error::Unavailable { cause: error.to_string() })
    }

    /// Puts a freshly opened file in place.
    pub(crate) fn open_database(&self, fresh: Database) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Ok(fresh);
    }

    /// Lets go of the file; snapshots that are still in use fail from now on.
    pub(crate) fn close_database(&self, why: Error) {
        let closed = {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *database, Err(why))
        };
        if let Ok(database) = closed
            && let Err(error) = database.close()
        {
            tracing::debug!(%error, "the record file did not close cleanly");
        }
    }

    /// Notes why writing does not work, or that it works again.
    pub(crate) fn set_trouble(&self, trouble: Option<Error>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Why writing does not work.
    pub(crate) fn trouble(&self) -> Option<Error> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn status(&self) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Status {
            file_bytes: std::fs::metadata(&self.path).map_or(0, |data| data.blocks() * 512),
            journal_bytes: read(&counters.journal_bytes),
            journal_segments: read(&counters.journal_segments),
            transactions: read(&counters.transactions),
            groups: read(&counters.groups),
            group_us: read(&counters.group_us),
            checkpoints: read(&counters.checkpoints),
            queue_len: read(&counters.queue_len),
            unavailable: self.trouble().map(|error| error.to_string()),
        }
    }
}
