//! Remembers who a session or token belongs to, so that a request need not read the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::credential::Digest;

/// Sessions and tokens that are remembered; beyond it some are read again.
const ENTRIES_MAX: usize = 4_096;

/// A bounded table by digest that is emptied by every change it could hide.
#[derive(Debug)]
pub(crate) struct Cache<V>(Mutex<State<V>>);

#[derive(Debug)]
struct State<V> {
    entries: HashMap<Digest, V>,
    generation: u64,
}

impl<V: Clone> Cache<V> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { entries: HashMap::new(), generation: 0 }))
    }

    /// The generation to name when what is read now is put in later.
    pub(crate) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Lets `look` see and change the entry, if there is one.
    pub(crate) fn with<T>(&self, digest: Digest, look: impl FnOnce(&mut V) -> T) -> Option<T> {
        self.lock().entries.get_mut(&digest).map(look)
    }

    /// Remembers `value`, unless something changed since `generation`.
    pub(crate) fn put(&self, digest: Digest, value: V, generation: u64) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        if state.entries.len() >= ENTRIES_MAX
            && let Some(any) = state.entries.keys().next().copied()
        {
            state.entries.remove(&any);
        }
        state.entries.insert(digest, value);
    }

    /// Forgets everything; called after the change is on disk.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.entries.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
