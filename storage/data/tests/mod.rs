//! Tests of opening, refusing, backing up and checking data directories.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use metric::{EncodedLabels, Matcher, Samples, Select, SeriesReader};
use records::{Collection, Error, Ulid};
use series::Batch;
use tempfile::TempDir;

use crate::{Data, DataOptions, OpenError, verify};

const NOTES: Collection<String> = Collection::new("test/note", 1, &[]);
/// `{__name__="up"}` as `remote_write` encodes it.
const UP: &[u8] = b"\x0a\x0e\x0a\x08__name__\x12\x02up";
const NOW_MS: i64 = 1_800_000_000_000;

fn options() -> DataOptions {
    DataOptions::new("onemonitor 0.0.1", || NOW_MS)
}

fn open(dir: &Path) -> Result<Data, OpenError> {
    Data::open(dir, options())
}

fn note(data: &Data, number: u128) {
    let outcome: Result<u64, Error> =
        data.records().write(move |tx| tx.insert(&NOTES, Ulid(number), &format!("note {number}")));
    outcome.unwrap();
}

fn sample(data: &Data, number: i64) {
    let mut batch = Batch::new();
    batch.push(EncodedLabels(UP), NOW_MS - 1000 + number, number as f64);
    assert_eq!(data.series().append(&batch).unwrap().accepted, 1);
}

/// The values of all samples.
fn samples(data: &Data) -> Vec<f64> {
    let all = [Matcher::equal("__name__", "up")];
    let limit = Select::default();
    let selection = data.series().select(&all, 0, NOW_MS, limit).unwrap();
    let mut found = Samples::new();
    selection.read(0, &mut found).unwrap();
    found.values().to_vec()
}

/// A directory with one note and one sample.
fn written() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = open(dir.path()).unwrap();
    note(&data, 1);
    sample(&data, 1);
    dir
}

/// Names and contents of all files below a directory.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn refusal(dir: &Path) -> (&'static str, String) {
    let error = open(dir).unwrap_err();
    assert!(!error.to_string().contains('\n'), "one sentence: {error}");
    (error.code(), error.to_string())
}

#[test]
fn a_new_directory_is_made_private_and_opens_again() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b");
    let data = open(&dir).unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    let version = fs::read_to_string(dir.join("VERSION")).unwrap();
    assert_eq!(version, "1\nonemonitor 0.0.1\n");
    note(&data, 1);
    sample(&data, 1);
    let sizes = data.sizes();
    assert_eq!(sizes.iter().map(|size| size.name).collect::<Vec<_>>(), ["records", "series"]);
    assert!(sizes.iter().all(|size| size.bytes > 0), "{sizes:?}");
    let disk = data.disk().unwrap();
    assert!(disk.free_bytes > 0 && disk.free_bytes <= disk.total_bytes, "{disk:?}");
    data.close().unwrap();
    drop(data);
    let data = open(&dir).unwrap();
    assert_eq!(data.records().read(|tx| tx.count(&NOTES)), Ok(1));
}

#[test]
fn what_is_not_a_directory_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [file.clone(), file.join("below")] {
        let (code, text) = refusal(&path);
        assert_eq!(code, "data.not_a_directory");
        assert_eq!(
            text,
            format!("the data directory {} is not a directory; name another one", path.display())
        );
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_directory_that_may_not_be_written_is_refused() {
    let dir = written();
    let lock = dir.path().join("lock");
    fs::remove_file(&lock).unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o500)).unwrap();
    if fs::create_dir(&lock).is_ok() {
        // The administrator may write anywhere: a lock file that cannot be one stands in.
        assert_eq!(refusal(dir.path()).0, "data.no_access");
    } else {
        let (code, text) = refusal(dir.path());
        assert_eq!(code, "data.no_access");
        assert!(text.contains("must belong to the user"), "{text}");
    }
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn refusals_of_the_system_say_what_to_do() {
    let refused = |kind: ErrorKind| OpenError::io("open", Path::new("/d"), kind.into());
    let denied = refused(ErrorKind::PermissionDenied);
    assert_eq!(
        denied.to_string(),
        "cannot open /d: permission denied; the data directory must belong to the user that runs \
         the program"
    );
    assert_eq!(refused(ErrorKind::StorageFull).code(), "data.disk_full");
}

/// The environment variable that turns the child's test into the other process.
const CHILD: &str = "DATA_CHILD";

/// Not a test by itself: a process that holds a data directory until its input ends.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a test talks to its child")]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let _data = open(dir.as_ref()).unwrap();
    std::io::stderr().write_all(b"open\n").unwrap();
    let mut end = String::new();
    std::io::stdin().read_line(&mut end).unwrap();
}

#[test]
fn a_directory_in_use_is_refused_and_the_process_named() {
    let dir = written();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::child", "--nocapture"])
        .env(CHILD, dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "open\n");
    let (code, text) = refusal(dir.path());
    assert_eq!(code, "data.in_use");
    assert_eq!(
        text,
        format!(
            "the data directory {} is in use by process {}; stop it or name another directory",
            dir.path().display(),
            child.id()
        )
    );
    assert!(matches!(verify(dir.path()), Err(OpenError::InUse { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn newer_data_is_refused_untouched() {
    let dir = written();
    fs::write(dir.path().join("VERSION"), "7\nonemonitor 9.1.0\n").unwrap();
    fs::write(dir.path().join("lock"), format!("{}\n", std::process::id())).unwrap();
    let before = contents(dir.path());
    let (code, text) = refusal(dir.path());
    assert_eq!(code, "data.newer");
    assert_eq!(
        text,
        format!(
            "the data directory {} has format version 7, written by onemonitor 9.1.0, but this \
             program knows up to 1; install that version or a newer one",
            dir.path().display()
        )
    );
    assert!(contents(dir.path()) == before, "something was changed");
    assert!(matches!(verify(dir.path()), Err(OpenError::Newer { found: 7, .. })));
    // The records' own version counts as well.
    fs::write(dir.path().join("VERSION"), "1\n").unwrap();
    let data = open(dir.path()).unwrap();
    let raised: Result<(), Error> = data.records().write(|tx| {
        tx.set_data_version(8);
        Ok(())
    });
    raised.unwrap();
    drop(data);
    assert_eq!(refusal(dir.path()).0, "data.newer");
}

#[test]
fn a_full_disk_is_refused_at_the_start() {
    let dir = written();
    let full = DataOptions { free_bytes_min: 1 << 60, ..options() };
    let error = Data::open(dir.path(), full).unwrap_err();
    assert_eq!(error.code(), "data.disk_full");
    let text = error.to_string();
    assert!(text.contains("is full: ") && text.contains(" MiB are needed; delete"), "{text}");
    open(dir.path()).unwrap();
}

#[test]
fn a_version_that_is_none_is_damage() {
    let dir = written();
    for text in ["", "x\n", "-1\n", "4294967296\n"] {
        fs::write(dir.path().join("VERSION"), text).unwrap();
        assert_eq!(refusal(dir.path()).0, "data.damaged", "{text:?}");
    }
    fs::write(dir.path().join("VERSION"), [0xff, 0xfe]).unwrap();
    assert_eq!(refusal(dir.path()).0, "data.damaged");
    fs::remove_file(dir.path().join("VERSION")).unwrap();
    assert_eq!(open(dir.path()).unwrap().records().read(|tx| tx.count(&NOTES)), Ok(1));
    assert!(dir.path().join("VERSION").exists());
}

#[test]
fn damaged_or_missing_records_are_refused() {
    let dir = written();
    fs::write(dir.path().join("records.redb"), "rubbish").unwrap();
    let (code, text) = refusal(dir.path());
    assert_eq!(code, "data.damaged");
    assert!(text.contains("records.redb is damaged"), "{text}");
    fs::remove_file(dir.path().join("records.redb")).unwrap();
    fs::remove_dir_all(dir.path().join("records.journal")).unwrap();
    let (code, text) = refusal(dir.path());
    assert_eq!(code, "data.damaged");
    assert!(text.contains("records.redb is missing"), "{text}");
}

#[test]
fn a_backup_of_a_running_directory_is_whole() {
    let dir = written();
    let data = open(dir.path()).unwrap();
    for number in 2..200 {
        note(&data, number);
        sample(&data, number as i64);
    }
    let parent = tempfile::tempdir().unwrap();
    let to = parent.path().join("backup");
    let done = data.backup(&to).unwrap();
    assert!(done.files > 2 && done.bytes > 0, "{done:?}");
    note(&data, 1000);
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);
    let report = verify(&to).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.version, report.program.as_str()), (1, "onemonitor 0.0.1"));
    assert!(report.stores[0].summary.starts_with("199 records in 1 collections"), "{report:?}");
    let copy = open(&to).unwrap();
    assert_eq!(copy.records().read(|tx| tx.count(&NOTES)), Ok(199));
    assert_eq!(samples(&copy), (1..200).map(f64::from).collect::<Vec<_>>());
    sample(&copy, 500);
    let refused = data.backup(&to).unwrap_err();
    assert!(refused.to_string().contains("is not an empty directory"), "{refused}");
}

#[test]
fn verify_names_what_is_wrong() {
    let dir = written();
    assert!(verify(dir.path()).unwrap().is_whole());
    let missing = dir.path().join("nowhere");
    assert_eq!(verify(&missing).unwrap_err().code(), "data.no_access");
    fs::write(dir.path().join("records.redb"), "rubbish").unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(!report.is_whole());
    assert!(report.stores[0].problems[0].contains("records.redb is damaged"), "{report:?}");
    fs::remove_file(dir.path().join("VERSION")).unwrap();
    assert_eq!(verify(dir.path()).unwrap_err().code(), "data.damaged");
}

#[test]
fn the_copy_before_a_migration_can_be_opened_and_replaces_an_earlier_one() {
    let dir = written();
    let data = open(dir.path()).unwrap();
    crate::backup::before_migration(dir.path(), data.records(), 2).unwrap();
    note(&data, 2);
    crate::backup::before_migration(dir.path(), data.records(), 2).unwrap();
    let copy = dir.path().join("backups/before-v0002");
    assert_eq!(fs::read_to_string(copy.join("VERSION")).unwrap(), "1\nonemonitor 0.0.1\n");
    let opened = open(&copy).unwrap();
    assert_eq!(opened.records().read(|tx| tx.count(&NOTES)), Ok(2));
}
