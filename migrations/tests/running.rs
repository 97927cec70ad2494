//! Steps that succeed, fail, are killed half-way, or come from the future.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use records::{Collection, Error, Index, Key, Read, Records, Ulid, Write};
use serde::{Deserialize, Serialize};

use super::{dump, open};
use crate::{MigrateError, STEPS, Step, newest, run};

#[derive(Serialize, Deserialize)]
struct Old {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct New {
    first_name: String,
    length: u64,
}

const BY_LENGTH: Index<New> =
    Index::plain("by_length", |new, keys| keys.add(Key::new().u64(new.length)));
const OLD: Collection<Old> = Collection::new("test/name", 1, &[]);
const NEW: Collection<New> = Collection::new("test/name", 2, &[&BY_LENGTH]);

/// The real first step, then one that rewrites a collection.
static TWO: &[Step] = &[
    Step { number: 1, name: "initial", up: |_| Ok(()) },
    Step { number: 2, name: "longer names", up: rewrite },
];
/// The second step fails when it has done all its work.
static FAILING: &[Step] = &[
    Step { number: 1, name: "initial", up: |_| Ok(()) },
    Step { number: 2, name: "failing", up: |tx| rewrite(tx).and(Err(Error::BadCursor)) },
];

fn rewrite(tx: &mut Write) -> Result<(), Error> {
    tx.upgrade(&OLD, &NEW, |old| {
        let length = old.value.name.len() as u64;
        Ok(New { first_name: old.value.name, length })
    })?;
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every backup")]
fn no_backup(_: u32) -> Result<(), String> {
    Ok(())
}

/// A store of version 1 with some records.
fn version_1(dir: &Path, count: u128) -> Records {
    let records = open(dir);
    assert_eq!(run(&records, &TWO[..1], |_| panic!("a new store needs no backup")).unwrap(), 1);
    let filled: Result<(), Error> = records.write(move |tx| {
        for number in 0..count {
            tx.insert(&OLD, Ulid(number), &Old { name: format!("name {number}") })?;
        }
        Ok(())
    });
    filled.unwrap();
    records
}

#[test]
fn numbers_are_consecutive() {
    for (at, step) in STEPS.iter().enumerate() {
        assert_eq!(step.number, at as u32 + 1, "{}", step.name);
        assert!(!step.name.is_empty());
    }
    assert_eq!(newest(STEPS), STEPS.len() as u32);
}

#[test]
fn a_new_store_gets_all_steps_and_a_second_run_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path());
    assert_eq!(run(&records, STEPS, no_backup).unwrap(), newest(STEPS));
    let first = dump(&records);
    let again = run(&records, STEPS, |_| panic!("there is nothing to do")).unwrap();
    assert_eq!((again, dump(&records)), (newest(STEPS), first));
}

#[test]
fn fresh_is_the_same_as_all_steps_in_a_row() {
    let fresh = tempfile::tempdir().unwrap();
    let fresh = open(fresh.path());
    run(&fresh, STEPS, no_backup).unwrap();
    for upto in 1..=STEPS.len() {
        let dir = tempfile::tempdir().unwrap();
        let records = open(dir.path());
        run(&records, &STEPS[..upto], no_backup).unwrap();
        run(&records, STEPS, no_backup).unwrap();
        assert_eq!(dump(&records), dump(&fresh), "from version {upto}");
    }
}

#[test]
fn a_step_runs_after_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let records = version_1(dir.path(), 3);
    let copy = dir.path().join("copy.redb");
    let reached = run(&records, TWO, |version| {
        assert_eq!(version, 2);
        records.snapshot(&copy).map(drop).map_err(|error| error.to_string())
    });
    assert_eq!(reached.unwrap(), 2);
    let found = records.read(|tx| tx.get(&NEW, Ulid(2))).unwrap().unwrap();
    assert_eq!((found.value.first_name.as_str(), found.value.length), ("name 2", 6));
    let before = Records::open(&copy, records::Options::default()).unwrap();
    assert_eq!(before.read(Read::data_version), Ok(1));
    assert_eq!(before.read(|tx| tx.count(&OLD)), Ok(3));
}

#[test]
fn without_a_backup_nothing_runs() {
    let dir = tempfile::tempdir().unwrap();
    let records = version_1(dir.path(), 3);
    let before = dump(&records);
    let failed = run(&records, TWO, |_| Err("no room".to_owned()));
    assert!(matches!(failed, Err(MigrateError::Backup { version: 2, .. })), "{failed:?}");
    assert_eq!(dump(&records), before);
}

#[test]
fn a_failing_step_leaves_the_version_before_and_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let records = version_1(dir.path(), 3);
    let before = dump(&records);
    let failed = run(&records, FAILING, no_backup);
    assert!(matches!(failed, Err(MigrateError::Step { number: 2, .. })), "{failed:?}");
    assert_eq!(dump(&records), before);
    assert_eq!(run(&records, TWO, no_backup).unwrap(), 2);
}

#[test]
fn newer_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let records = version_1(dir.path(), 1);
    run(&records, TWO, no_backup).unwrap();
    let before = dump(&records);
    let refused = run(&records, &TWO[..1], no_backup).unwrap_err();
    assert_eq!(refused.to_string(), "the data has format version 2, this program knows up to 1");
    assert_eq!(dump(&records), before);
}

#[test]
fn a_hundred_thousand_records_are_rewritten_in_one_step() {
    let dir = tempfile::tempdir().unwrap();
    let records = version_1(dir.path(), 100_000);
    assert_eq!(run(&records, TWO, no_backup).unwrap(), 2);
    assert_eq!(records.read(|tx| tx.count(&NEW)), Ok(100_000));
}

/// The environment variable that turns the child's test into a migrating process.
const CHILD: &str = "MIGRATIONS_CHILD";

/// Not a test by itself: the process that is killed.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a test talks to its child")]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let records = open(dir.as_ref());
    std::fs::write(Path::new(&dir).join("started"), "").unwrap();
    run(&records, TWO, no_backup).unwrap();
}

#[test]
fn a_step_killed_half_way_is_repeated() {
    const COUNT: u128 = 3000;
    let mut reached = [0, 0];
    for turn in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        drop(version_1(dir.path(), COUNT));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::running::child", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !dir.path().join("started").exists() {
            assert!(Instant::now() < deadline, "the child does not start");
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(turn * 12));
        child.kill().unwrap();
        child.wait().unwrap();

        let records = open(dir.path());
        let version = records.read(Read::data_version).unwrap();
        match version {
            1 => assert_eq!(records.read(|tx| tx.count(&OLD)), Ok(COUNT as u64)),
            2 => assert_eq!(records.read(|tx| tx.count(&NEW)), Ok(COUNT as u64)),
            other => panic!("version {other}"),
        }
        reached[version as usize - 1] += 1;
        assert_eq!(run(&records, TWO, no_backup).unwrap(), 2);
        assert_eq!(records.read(|tx| tx.count(&NEW)), Ok(COUNT as u64));
    }
    assert!(reached[0] > 0, "no child was killed before its end: {reached:?}");
}
