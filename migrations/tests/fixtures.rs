//! Data directories that older formats wrote are brought to the newest version and compared.
//!
//! A fixture is a killed data directory, never changed after its release. What it must look like
//! in the newest version stands beside it. `UPDATE=1 cargo test -p om-migrations` writes that file
//! anew, and the fixture of the newest version when it is missing.

use std::fs;
use std::path::{Path, PathBuf};

use records::{Collection, Error, Index, Key, Ulid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{dump, open};
use crate::{STEPS, newest, run};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Copies a record store as it lies.
fn copy(fixture: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::copy(fixture.join("records.redb"), to.join("records.redb")).unwrap();
    fs::create_dir(to.join("records.journal")).unwrap();
    for segment in fs::read_dir(fixture.join("records.journal")).unwrap() {
        let segment = segment.unwrap();
        fs::copy(segment.path(), to.join("records.journal").join(segment.file_name())).unwrap();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how golden files are rewritten")]
fn every_old_format_becomes_the_newest() {
    for version in 1..=newest(STEPS) {
        let fixture = fixtures().join(format!("v{version:04}"));
        let golden = fixtures().join(format!("v{version:04}.dump.json"));
        let update = std::env::var("UPDATE").is_ok();
        if update && version == newest(STEPS) && !fixture.exists() {
            write_fixture(&fixture);
        }
        let dir = tempfile::tempdir().unwrap();
        copy(&fixture, dir.path());
        let report = records::verify(&dir.path().join("records.redb")).unwrap();
        assert_eq!((report.data_version, report.problems), (version, vec![]));
        let store = open(dir.path());
        run(&store, STEPS, |_| Ok(())).unwrap();
        let found = dump(&store);
        if update {
            let text = serde_json::to_string_pretty(&found).unwrap();
            fs::write(&golden, text + "\n").unwrap();
        }
        let expected: Value = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
        assert!(found == expected, "v{version:04} differs from {}: {found}", golden.display());
    }
}

/// A record of every shape that services use.
#[derive(Serialize, Deserialize)]
struct Sample {
    name: String,
    state: State,
    owner: Option<Ulid>,
    labels: Vec<(String, String)>,
    changed_ns: i64,
    #[serde(default)]
    secret: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
enum State {
    Open,
    Closed { reason: String },
}

const BY_NAME: Index<Sample> =
    Index::unique("by_name", |sample, keys| keys.add(Key::new().str(&sample.name)));
const BY_LABEL: Index<Sample> = Index::plain("by_label", |sample, keys| {
    for (name, value) in &sample.labels {
        keys.add(Key::new().str(name).str(value).i64(sample.changed_ns));
    }
});
const SAMPLES: Collection<Sample> = Collection::new("fixture/sample", 1, &[&BY_NAME, &BY_LABEL]);

fn sample(number: u128) -> Sample {
    Sample {
        name: format!("sample {number} 样本"),
        state: match number % 2 {
            0 => State::Open,
            _ => State::Closed { reason: "done".to_owned() },
        },
        owner: number.is_multiple_of(3).then_some(Ulid(number)),
        labels: vec![("site".to_owned(), format!("s{}", number % 2))],
        changed_ns: -(number as i64),
        secret: vec![0, 0xff, number as u8],
    }
}

/// Writes a store with records in the file, others in the journal only, as a killed process
/// leaves it.
fn write_fixture(to: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    run(&store, STEPS, |_| Ok(())).unwrap();
    for round in 0..2_u128 {
        let written: Result<(), Error> = store.write(move |tx| {
            for number in round * 4..round * 4 + 4 {
                tx.insert(&SAMPLES, Ulid(number), &sample(number))?;
            }
            tx.update(&SAMPLES, Ulid(round * 4), Some(1), &sample(round * 4 + 100))?;
            tx.remove(&SAMPLES, Ulid(round * 4 + 1), None)
        });
        written.unwrap();
        if round == 0 {
            store.checkpoint().unwrap();
        }
    }
    copy(dir.path(), to);
    fs::write(to.join("VERSION"), format!("{}\n", newest(STEPS))).unwrap();
}
