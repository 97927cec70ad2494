//! Tests of the record store.

mod basics;
mod crash;
mod damage;
mod failing;
pub(crate) mod faults;
mod group;
mod keys;
mod model;
mod shape;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{Collection, Error, Index, Key, Options, Records, Ulid, Write};

/// A record with keys of all kinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) age: i64,
    pub(crate) tags: Vec<String>,
}

pub(crate) const BY_NAME: Index<Person> =
    Index::unique("by_name", |person, keys| keys.add(Key::new().str(&person.name)));
pub(crate) const BY_AGE: Index<Person> =
    Index::plain("by_age", |person, keys| keys.add(Key::new().i64(person.age).str(&person.name)));
pub(crate) const BY_TAG: Index<Person> = Index::plain("by_tag", |person, keys| {
    for tag in &person.tags {
        keys.add(Key::new().str(tag));
    }
});
pub(crate) const PEOPLE: Collection<Person> =
    Collection::new("test/person", 1, &[&BY_NAME, &BY_AGE, &BY_TAG]);

pub(crate) fn person(name: &str, age: i64, tags: &[&str]) -> Person {
    Person { name: name.into(), age, tags: tags.iter().map(|&tag| tag.into()).collect() }
}

pub(crate) fn id(number: u128) -> Ulid {
    Ulid(number)
}

/// A write whose errors are the engine's own.
pub(crate) fn write<T: Send + 'static>(
    records: &Records,
    act: impl FnOnce(&mut Write) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    records.write(act)
}

/// Inserts a person who is named by the number.
pub(crate) fn insert(records: &Records, number: u128) -> Result<u64, Error> {
    write(records, move |tx| {
        let name = number.to_string();
        tx.insert(&PEOPLE, id(number), &person(&name, number as i64, &["tag"]))
    })
}

/// The ids of all people, in order.
pub(crate) fn ids(records: &Records) -> Result<Vec<u128>, Error> {
    let page = records.read(|tx| tx.scan(&PEOPLE, crate::Scan::all()))?;
    Ok(page.items.into_iter().map(|stored| stored.id.0).collect())
}

/// Options under which only the test decides when a checkpoint is written.
pub(crate) fn quiet() -> Options {
    Options { checkpoint_interval: Duration::from_secs(3600), ..Options::default() }
}

/// A store in a directory of its own.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A place in memory, where a sync costs nothing: for tests that look at files and answers
    /// only, thousands of times.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let has_room = crate::disk::free_bytes(memory).is_ok_and(|free| free > 1 << 28);
        if has_room { Self { dir: tempfile::tempdir_in(memory).unwrap() } } else { Self::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("records.redb")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.path().join("records.journal")
    }

    pub(crate) fn open(&self) -> Records {
        Records::open(&self.path(), quiet()).unwrap()
    }

    /// What a crash at this instant would leave: the files as they are, without the last words
    /// of the open store.
    pub(crate) fn crashed(&self) -> Self {
        let beside = self.dir.path().parent().unwrap();
        let copy = Self { dir: tempfile::tempdir_in(beside).unwrap() };
        std::fs::copy(self.path(), copy.path()).unwrap();
        std::fs::create_dir(copy.journal()).unwrap();
        for segment in self.segments() {
            match std::fs::copy(&segment, copy.journal().join(segment.file_name().unwrap())) {
                // A superfluous segment may be deleted meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
        copy
    }

    /// The journal's segment files in order.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.journal()).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }
}
