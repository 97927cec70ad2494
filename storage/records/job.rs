//! A waiting write transaction: the closure, and who wants to know how it ended.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;
use crate::write::Write;

/// A write transaction without its types, as it stands in the queue.
pub(crate) trait Job: Send {
    /// Runs the closure; true when its changes are to be kept.
    fn run(&mut self, write: &mut Write) -> bool;
    /// Tells the caller: the closure's own outcome, or `failure` in its stead.
    fn finish(self: Box<Self>, failure: Option<Error>);
}

/// A job for a closure; a job that is dropped unfinished reports a closed store.
pub(crate) struct ClosureJob<T, E, F, D>
where
    E: From<Error>,
    D: FnOnce(Result<T, E>),
{
    closure: Option<F>,
    outcome: Option<Result<T, E>>,
    done: Option<D>,
}

impl<T, E, F, D> ClosureJob<T, E, F, D>
where
    E: From<Error>,
    D: FnOnce(Result<T, E>),
{
    pub(crate) fn new(closure: F, done: D) -> Self {
        Self { closure: Some(closure), outcome: None, done: Some(done) }
    }
}

impl<T, E, F, D> Job for ClosureJob<T, E, F, D>
where
    T: Send,
    E: From<Error> + Send,
    F: FnOnce(&mut Write) -> Result<T, E> + Send,
    D: FnOnce(Result<T, E>) + Send,
{
    fn run(&mut self, write: &mut Write) -> bool {
        let Some(closure) = self.closure.take() else { return false };
        let outcome = catch_unwind(AssertUnwindSafe(|| closure(write)))
            .unwrap_or_else(|panic| Err(Error::Panicked { message: message_of(&*panic) }.into()));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn finish(mut self: Box<Self>, failure: Option<Error>) {
        let outcome = match (failure, self.outcome.take()) {
            (None, Some(outcome)) => outcome,
            (Some(error), _) => Err(error.into()),
            (None, None) => Err(Error::Closed.into()),
        };
        if let Some(done) = self.done.take()
            && catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err()
        {
            tracing::error!("a transaction's completion panicked");
        }
    }
}

impl<T, E, F, D> Drop for ClosureJob<T, E, F, D>
where
    E: From<Error>,
    D: FnOnce(Result<T, E>),
{
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(Error::Closed.into()));
        }
    }
}

/// The text of a panic.
pub(crate) fn message_of(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "unknown".to_owned()
    }
}
