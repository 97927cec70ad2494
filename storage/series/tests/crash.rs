//! A writing process that is killed at random instants, over and over, on the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use metric::{Labels, Matcher, Metadata};

use super::{Bed, HOUR, MINUTE, START, all, set};
use crate::{Batch, Options, Series};

/// The environment variable that turns the child's test into the writing process: its directory
/// and the number of the round.
const CHILD: &str = "SERIES_CRASH_CHILD";
const SEED: &str = "SERIES_CRASH_SEED";
const KILLS: u32 = 32;
const THREADS: u32 = 3;
/// Turns that a round can have; their numbers are never used twice.
const TURNS: i64 = 1_000_000;

/// Small limits, so that kills also hit flushes, the background thread and deletions.
fn options(bed: &Bed) -> Options {
    Options {
        partition_ms: MINUTE,
        out_of_order_ms: HOUR,
        flush_bytes: 9000,
        journal_keep_ms: 20,
        ..bed.options.clone()
    }
}

/// The series and samples of a turn; everything follows from its number.
fn samples(thread: u32, round: i64, turn: i64) -> Vec<(Labels, i64, f64)> {
    // Now and then a batch so large that a kill can hit the middle of its writing.
    let series = if turn % 16 == 15 { 300 } else { 12 };
    let base = START - HOUR + round * 50_000 + turn * 15 % 50_000;
    let sample = |i: i64| {
        let name = ((turn * 7 + i) % 500).to_string();
        let thread_name = thread.to_string();
        let labels = set(&[("__name__", "work"), ("name", &name), ("thread", &thread_name)]);
        // Some of them behind what came before.
        let at = if i % 5 == 4 { base - i * 97 } else { base };
        (labels, at, value(thread, round, turn, i))
    };
    (0..series).map(sample).collect()
}

/// Noise, so that batches do not compress.
fn value(thread: u32, round: i64, turn: i64, i: i64) -> f64 {
    let mut x = (i64::from(thread) << 50 ^ round << 40 ^ turn << 20 ^ i) as u64;
    x = (x ^ x >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
    (x ^ x >> 27).wrapping_mul(0x81da_def4_bc2d_d44d) as f64
}

/// Not a test by itself: the process that is killed. It prints what was acknowledged.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a test talks to its child")]
fn child() {
    let Ok(wanted) = std::env::var(CHILD) else { return };
    let (round, path) = wanted.split_once(' ').unwrap();
    let round: i64 = round.parse().unwrap();
    let series = Series::open(path.as_ref(), options(&Bed::new())).unwrap();
    let turns = AtomicI64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (series, turns) = (&series, &turns);
            scope.spawn(move || {
                for turn in 0..TURNS {
                    step(series, thread, round, turn);
                    match turns.fetch_add(1, Ordering::Relaxed) % 240 {
                        59 | 119 | 179 => series.flush().unwrap(),
                        100 => drop(series.clean().unwrap()),
                        239 => compact(series),
                        _ => {}
                    }
                    if turn % 40 == 39 {
                        delete(series, thread, turn);
                    }
                }
            });
        }
    });
}

/// Compacts whatever is not compact.
fn compact(series: &Series) {
    series.engine().compact_where(|_, summary| !summary.compact).unwrap();
}

/// The series that a thread deletes in a turn.
fn deleted_by(thread: u32, turn: i64) -> Labels {
    let (name, thread) = ((turn * 7 % 500).to_string(), thread.to_string());
    set(&[("__name__", "work"), ("name", &name), ("thread", &thread)])
}

fn delete(series: &Series, thread: u32, turn: i64) {
    let say = |what: &str| {
        let line = format!("{what} {thread} {turn}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    };
    let labels = deleted_by(thread, turn);
    let selector = labels.iter().map(|label| Matcher::equal(label.name, label.value)).collect();
    say("deleting");
    series.delete(&[selector], i64::MIN, i64::MAX).unwrap();
    say("deleted");
}

/// One acknowledged turn of a thread.
fn step(series: &Series, thread: u32, round: i64, turn: i64) {
    let samples = samples(thread, round, turn);
    let mut batch = Batch::new();
    for (labels, at, value) in &samples {
        batch.push(labels.encoded(), *at, *value);
    }
    let outcome = series.append(&batch).unwrap();
    // A time that another turn took before has its value; those are not acknowledged.
    let refused: Vec<String> = outcome.rejections.iter().map(|r| r.position.to_string()).collect();
    assert_eq!(refused.len() as u64, outcome.rejected);
    if turn % 8 == 0 {
        let metadata = Metadata { help: format!("{round} {turn}"), ..Metadata::default() };
        series.set_metadata(&[(&format!("work_{thread}"), metadata)]).unwrap();
    }
    // One write call: a line is printed whole or not at all.
    let line = format!("acknowledged {thread} {turn} {}\n", refused.join(","));
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// What the child acknowledged: samples by series and time, and the turns of each thread.
#[derive(Default)]
struct Acknowledged {
    samples: BTreeMap<(String, i64), u64>,
    /// Times that were deleted and not stored again.
    gone: BTreeSet<(String, i64)>,
    /// Times that a deletion might have reached before the kill.
    unsure: BTreeSet<(String, i64)>,
    deletions: u64,
    turns: BTreeMap<u32, (i64, i64)>,
    total: u64,
}

impl Acknowledged {
    fn line(&mut self, round: i64, line: &str) {
        let mut words = line.split(' ');
        let what = words.next().unwrap();
        assert!(["acknowledged", "deleting", "deleted"].contains(&what), "the child says: {line}");
        let thread: u32 = words.next().unwrap().parse().unwrap();
        let turn: i64 = words.next().unwrap().parse().unwrap();
        if what != "acknowledged" {
            self.deletion(what == "deleted", &deleted_by(thread, turn).to_string());
            return;
        }
        let refused: Vec<&str> = words.next().unwrap().split(',').collect();
        for (position, (labels, at, value)) in samples(thread, round, turn).iter().enumerate() {
            if !refused.contains(&position.to_string().as_str()) {
                let key = (labels.to_string(), *at);
                self.gone.remove(&key);
                self.samples.entry(key).or_insert(value.to_bits());
            }
        }
        if turn % 8 == 0 {
            self.turns.insert(thread, (round, turn));
        }
        self.total += 1;
    }
}

impl Acknowledged {
    fn deletion(&mut self, done: bool, labels: &str) {
        let of = |key: &(String, i64)| key.0 == labels;
        if done {
            self.deletions += 1;
            self.gone.extend(self.unsure.extract_if(.., of));
        } else {
            self.unsure.extend(self.samples.keys().filter(|key| of(key)).cloned());
            self.samples.retain(|key, _| !of(key));
        }
    }
}

fn run_and_kill(bed: &Bed, round: i64, after: Duration, into: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::crash::child", "--nocapture"])
        .env(CHILD, format!("{round} {}", bed.path().display()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap());
    let reader = thread::spawn(move || lines.lines().map(Result::unwrap).collect::<Vec<_>>());
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in reader.join().unwrap() {
        into.line(round, &line);
    }
}

fn check(bed: &Bed, acknowledged: &Acknowledged, flush: bool) {
    let series = Series::open(&bed.path(), options(bed)).unwrap();
    let mut found = BTreeMap::new();
    for (name, samples) in all(&series) {
        found.extend(samples.into_iter().map(|(at, bits)| ((name.clone(), at), bits)));
    }
    for (sample, bits) in &acknowledged.samples {
        if !acknowledged.unsure.contains(sample) {
            assert_eq!(found.get(sample), Some(bits), "{sample:?}");
        }
    }
    for sample in &acknowledged.gone {
        assert_eq!(found.get(sample), None, "deleted: {sample:?}");
    }
    for (thread, turn) in &acknowledged.turns {
        let known = series.metadata(Some(&format!("work_{thread}")), 1);
        let help = &known.first().unwrap().1.help;
        let (round, number) = help.split_once(' ').unwrap();
        let known: (i64, i64) = (round.parse().unwrap(), number.parse().unwrap());
        assert!(known >= *turn, "metadata of thread {thread}: {known:?}, not {turn:?}");
    }
    if flush {
        series.flush().unwrap();
    }
}

#[test]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a failure can be repeated")]
fn killed_at_any_instant_every_acknowledged_sample_is_found() {
    let mut seed: u64 = match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().build_hasher().finish(),
    };
    eprintln!("{SEED}={seed}");
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let bed = Bed::new();
    let mut acknowledged = Acknowledged::default();
    for round in 0..i64::from(KILLS) {
        let after = Duration::from_millis(5 + random(250));
        run_and_kill(&bed, round, after, &mut acknowledged);
        if random(4) == 0 {
            check(&bed, &acknowledged, random(2) == 0);
        }
    }
    check(&bed, &acknowledged, true);
    check(&bed, &acknowledged, false);
    let Acknowledged { samples, gone, unsure, deletions, total, .. } = &acknowledged;
    eprintln!("{total} turns, {} samples, {deletions} deletions", samples.len());
    eprintln!("{} samples deleted, {} unsure", gone.len(), unsure.len());
    assert!(acknowledged.total > 100);
}
