//! The bridge from asynchronous services to the synchronous record store.

use std::ops::{Deref, DerefMut};

use records::{Read, Records, Write};
use tokio::sync::{oneshot, watch};

use crate::audit::{self, AuditEntry};
use crate::caller::Caller;
use crate::clock::{Clock, Time};
use crate::error::{Error, Result};
use crate::event::{self, Event};
use crate::id::{Ids, Ulid};

/// Reads and writes records from asynchronous code; clones share one store.
#[derive(Clone)]
pub struct Db {
    records: Records,
    clock: Clock,
    ids: Ids,
    published: watch::Sender<u64>,
}

impl Db {
    /// A bridge to `records` that takes the time of changes from `clock`.
    #[must_use]
    pub fn new(records: Records, clock: Clock) -> Self {
        let ids = Ids::new(clock.clone());
        Self { records, clock, ids, published: watch::Sender::new(0) }
    }

    /// The clock that changes are dated by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Runs `f` over a snapshot, off the asynchronous threads.
    ///
    /// # Errors
    /// What `f` answers, or what the store says.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Read) -> Result<T> + Send + 'static,
    {
        let records = self.records.clone();
        tokio::task::spawn_blocking(move || records.read(f))
            .await
            .map_err(|error| Error::internal("records.read_failed", error))?
    }

    /// Runs `f` as one durable transaction: changes, audit entry and events commit together.
    ///
    /// Answers after the commit is on disk. `operation` names the act in the audit trail
    /// (`target.create`). When `f` fails nothing is kept.
    ///
    /// # Errors
    /// What `f` answers, or what the store says.
    pub async fn write<T, F>(&self, caller: &Caller, operation: &'static str, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let caller = caller.clone();
        self.transact(move |tx| {
            let value = f(tx)?;
            let mut entry = AuditEntry::of(&caller, operation, tx.now());
            entry.detail = tx.detail.take();
            let id = tx.new_id();
            audit::record(tx, id, &entry)?;
            Ok(value)
        })
        .await
    }

    /// A transaction without an audit entry, for what is no change of the administrator's world:
    /// the time a session was last seen, a subscriber's cursor.
    ///
    /// # Errors
    /// What `f` answers, or what the store says.
    pub async fn note<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.transact(f).await
    }

    async fn transact<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        let (done, outcome) = oneshot::channel();
        let run = move |write: &mut Write| -> Result<(T, Option<u64>)> {
            let mut tx = Tx { write, now: clock.now(), ids, last_event: None, detail: None };
            let value = f(&mut tx)?;
            Ok((value, tx.last_event))
        };
        // The receiver is gone when the request was cancelled; the transaction stands all the same.
        self.records.submit(run, move |result| drop(done.send(result)));
        let (value, last_event) = outcome
            .await
            .map_err(|_| Error::unavailable("records.closed", "the server is stopping"))??;
        if let Some(number) = last_event {
            self.published.send_if_modified(|last| {
                let newer = number > *last;
                *last = number.max(*last);
                newer
            });
        }
        Ok(value)
    }

    /// A signal that carries the number of the newest event.
    pub(crate) fn published(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }
}

/// A write transaction with the time it happens at, new ids, and events.
pub struct Tx<'a> {
    write: &'a mut Write,
    now: Time,
    ids: Ids,
    last_event: Option<u64>,
    detail: Option<String>,
}

impl Tx<'_> {
    /// The time of the transaction.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// A new id, greater than every one made before.
    #[must_use]
    pub fn new_id(&self) -> Ulid {
        self.ids.next()
    }

    /// Says in the audit entry what the change is about.
    pub fn describe(&mut self, detail: impl Into<String>) {
        self.detail = Some(detail.into());
    }

    /// Publishes an event; subscribers see it after the commit, and only then.
    ///
    /// # Errors
    /// What the store says.
    pub fn emit(&mut self, event: &Event) -> Result<()> {
        let number = event::append(self, event)?;
        self.last_event = Some(number);
        Ok(())
    }
}

impl Deref for Tx<'_> {
    type Target = Write;

    fn deref(&self) -> &Write {
        self.write
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Write {
        self.write
    }
}

impl From<records::Error> for Error {
    fn from(error: records::Error) -> Self {
        use records::Error as E;
        let text = error.to_string();
        match error {
            E::NotFound { .. } => Self::not_found("records.not_found", "it does not exist"),
            E::AlreadyExists { .. } | E::Unique { .. } => {
                Self::already_exists("records.already_exists", text)
            }
            E::Conflict { expected, found, .. } => Self::conflict(
                "records.conflict",
                format!("it was changed meanwhile: you saw revision {expected}, now it is {found}"),
            ),
            E::BadCursor => Self::invalid("page.cursor", text).field("cursor"),
            E::TooLarge { .. } => Self::too_large("records.too_large", text),
            E::Busy => {
                Self::unavailable("records.busy", "too many changes are waiting").retry_after_s(1)
            }
            E::Unavailable { .. } => {
                Self::unavailable("records.unavailable", "the record store cannot work at present")
                    .retry_after_s(10)
                    .caused_by(text)
            }
            E::Closed => Self::unavailable("records.closed", "the server is stopping"),
            other => Self::internal("records.failed", other),
        }
    }
}
