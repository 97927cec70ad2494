//! Tests of the record store.

mod basics;
pub(crate) mod faults;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{Collection, Index, Key, Options, Records, Ulid};

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

/// A store in a directory of its own.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("records.redb")
    }

    pub(crate) fn open(&self) -> Records {
        Records::open(&self.path(), Options::default()).unwrap()
    }
}
