//! A writing process that is killed at random instants, over and over, on the same files.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Place, id};
use crate::{Collection, Error, Index, Key, Options, Records, Scan};

/// The environment variable that turns the child's test into the writing process.
const CHILD: &str = "RECORDS_CRASH_CHILD";
const KILLS: u32 = 110;
const THREADS: u64 = 4;

/// Every transaction writes two legs, in two collections, and its thread's counter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Leg {
    thread: u64,
    turn: u64,
    ballast: String,
}

const BY_TURN: Index<Leg> = Index::unique("by_turn", |leg, keys| {
    keys.add(Key::new().u64(leg.thread).u64(leg.turn));
});
const LEFT: Collection<Leg> = Collection::new("crash/left", 1, &[&BY_TURN]);
const RIGHT: Collection<Leg> = Collection::new("crash/right", 1, &[&BY_TURN]);
const COUNTERS: Collection<u64> = Collection::new("crash/counter", 1, &[]);

/// Small limits, so that kills also hit checkpoints and deletions of segments.
fn options() -> Options {
    Options {
        checkpoint_interval: Duration::from_millis(20),
        checkpoint_bytes: 40_000,
        segment_keep: Duration::from_millis(50),
        ..Options::default()
    }
}

/// Not a test by itself: the process that is killed. It prints what was acknowledged.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a test talks to its child")]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let records = Records::open(path.as_ref(), options()).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let records = &records;
            scope.spawn(move || {
                loop {
                    let turn = step(records, thread).unwrap();
                    // One write call: a line is printed whole or not at all.
                    let line = format!("acknowledged {thread} {turn}\n");
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// One transaction of a thread; gives its number.
fn step(records: &Records, thread: u64) -> Result<u64, Error> {
    records.write(move |tx| {
        let counter = id(u128::from(thread));
        let turn = tx.get(&COUNTERS, counter)?.map_or(0, |stored| stored.value) + 1;
        let name = id(u128::from(turn) << 8 | u128::from(thread));
        let leg = Leg { thread, turn, ballast: "x".repeat((turn % 7 * 100) as usize) };
        tx.insert(&LEFT, name, &leg)?;
        tx.put(&COUNTERS, counter, &turn)?;
        tx.insert(&RIGHT, name, &leg)?;
        Ok(turn)
    })
}

/// Runs the child and kills it after a while; gives the acknowledged transactions.
fn run_and_kill(place: &Place, after: Duration) -> BTreeSet<(u64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::crash::child", "--nocapture"])
        .env(CHILD, place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap());
    let (collected, acknowledged) = channel();
    let reader = thread::spawn(move || {
        let mut seen = BTreeSet::new();
        for line in lines.lines() {
            let line = line.unwrap();
            let mut words = line.split(' ');
            assert_eq!(words.next(), Some("acknowledged"), "the child says: {line}");
            let mut number = || words.next().unwrap().parse().unwrap();
            seen.insert((number(), number()));
        }
        collected.send(seen).unwrap();
    });
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    acknowledged.recv().unwrap()
}

/// Every acknowledged transaction is there, and of none only a half.
fn check(place: &Place, acknowledged: &BTreeSet<(u64, u64)>) -> u64 {
    let report = crate::verify(&place.path()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    let records = Records::open(&place.path(), options()).unwrap();
    let mut total = 0;
    for thread in 0..THREADS {
        let counter = records.read(|tx| tx.get(&COUNTERS, id(u128::from(thread)))).unwrap();
        let last = counter.map_or(0, |stored| stored.value);
        for collection in [&LEFT, &RIGHT] {
            let mut next = 1;
            let legs = Scan::index(&BY_TURN).prefix(Key::new().u64(thread));
            let visited: Result<(), Error> = records.read(|tx| {
                tx.visit(collection, legs, |leg| {
                    assert_eq!(leg.value.turn, next, "{}", collection.name());
                    assert_eq!(leg.value.ballast.len() as u64, next % 7 * 100);
                    next += 1;
                    std::ops::ControlFlow::Continue(())
                })
            });
            visited.unwrap();
            assert_eq!(next, last + 1, "{} of thread {thread}", collection.name());
        }
        let missing = acknowledged.range((thread, last + 1)..(thread + 1, 0)).next();
        assert_eq!(missing, None, "acknowledged, but the last one found is {last}");
        total += last;
    }
    total
}

#[test]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a seed that is printed")]
fn a_killed_writer_loses_nothing_acknowledged() {
    let seed = match std::env::var("RECORDS_CRASH_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
    };
    println!("seed: RECORDS_CRASH_SEED={seed}");
    let mut state = seed | 1;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let place = Place::new();
    let mut acknowledged = BTreeSet::new();
    let mut found = 0;
    for kill in 0..KILLS {
        let after = Duration::from_millis(10 + random(200));
        acknowledged.extend(run_and_kill(&place, after));
        // Half of the time the next child itself has to recover, and may be killed doing so.
        if place.path().exists() && (random(2) == 0 || kill + 1 == KILLS) {
            found = check(&place, &acknowledged);
        }
    }
    println!("{KILLS} kills, {} acknowledged, {found} found", acknowledged.len());
    assert!(acknowledged.len() > 1000, "the children got something done");
}
