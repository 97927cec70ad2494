//! How many small durable transactions a second, how long each, and how long a point read.
//!
//! `cargo bench -p om-records`; goals on two cores: at least 15,000 transactions a second from 64
//! callers with p99 below 25 ms, and point reads with p99 below 20 µs. Wall time depends on the
//! disk and on the neighbours; the CPU seconds are the figure to compare.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for the terminal")]

use std::thread;
use std::time::{Duration, Instant};

use records::{Collection, Error, Index, Key, Options, Records, Scan, Ulid};
use serde::{Deserialize, Serialize};

const CALLERS: u64 = 64;
const SECONDS: u64 = 8;
const READS: u64 = 200_000;

/// A record of about 200 bytes with a unique and a plain index.
#[derive(Serialize, Deserialize)]
struct Ticket {
    number: u64,
    title: String,
    state: String,
    assignee: String,
    text: String,
}

const BY_NUMBER: Index<Ticket> =
    Index::unique("by_number", |ticket, keys| keys.add(Key::new().u64(ticket.number)));
const BY_STATE: Index<Ticket> = Index::plain("by_state", |ticket, keys| {
    keys.add(Key::new().str(&ticket.state).u64(ticket.number));
});
const TICKETS: Collection<Ticket> = Collection::new("bench/ticket", 1, &[&BY_NUMBER, &BY_STATE]);

fn ticket(number: u64) -> Ticket {
    Ticket {
        number,
        title: format!("ticket number {number}"),
        state: if number.is_multiple_of(3) { "open" } else { "closed" }.to_owned(),
        assignee: "somebody".to_owned(),
        text: "x".repeat(100),
    }
}

fn id(number: u64) -> Ulid {
    Ulid::from_parts(number >> 8, u128::from(number))
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.redb");
    let records = Records::open(&path, Options::default()).unwrap();
    let written = writes(&records);
    updates(&records, written);
    reads(&records, written);
    let started = Instant::now();
    drop(records);
    println!("close                     {:>9.1} ms", ms(started.elapsed()));
    let started = Instant::now();
    let records = Records::open(&path, Options::default()).unwrap();
    println!("open                      {:>9.1} ms", ms(started.elapsed()));
    let status = records.status();
    println!("file                      {:>9.1} MiB", status.file_bytes as f64 / 1048576.0);
    let copy = dir.path().join("copy.redb");
    let started = Instant::now();
    let bytes = records.snapshot(&copy).unwrap();
    let mib = bytes as f64 / 1048576.0;
    println!("snapshot                  {:>9.1} ms for {mib:.1} MiB", ms(started.elapsed()));
}

/// Inserts from all callers for a while; gives how many records there are.
fn writes(records: &Records) -> u64 {
    let (before, cpu_before) = (records.status(), cpu_seconds());
    let started = Instant::now();
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let records = records.clone();
        callers.push(thread::spawn(move || {
            let mut times = Vec::new();
            let mut number = caller;
            while started.elapsed() < Duration::from_secs(SECONDS) {
                let begin = Instant::now();
                let outcome: Result<u64, Error> =
                    records.write(move |tx| tx.insert(&TICKETS, id(number), &ticket(number)));
                outcome.unwrap();
                times.push(begin.elapsed());
                number += CALLERS;
            }
            times
        }));
    }
    let times = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    let cpu = cpu_seconds() - cpu_before;
    report("insert, 64 callers", times, started.elapsed(), cpu);
    let after = records.status();
    let groups = after.groups - before.groups;
    let transactions = after.transactions - before.transactions;
    println!(
        "    {:.1} transactions a group, {} us a group, {} checkpoints",
        transactions as f64 / groups as f64,
        (after.group_us - before.group_us) / groups,
        after.checkpoints - before.checkpoints
    );
    transactions / CALLERS
}

/// Read-modify-write of existing records from all callers.
fn updates(records: &Records, per_caller: u64) {
    let cpu_before = cpu_seconds();
    let started = Instant::now();
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let records = records.clone();
        callers.push(thread::spawn(move || {
            let mut times = Vec::new();
            let mut turn = 0;
            while started.elapsed() < Duration::from_secs(SECONDS) {
                let begin = Instant::now();
                let target = id(caller + CALLERS * (turn * 7919 % (per_caller / 2)));
                let outcome: Result<u64, Error> = records.write(move |tx| {
                    let mut stored = tx.get(&TICKETS, target)?.unwrap();
                    stored.value.state = format!("state {turn}");
                    tx.update(&TICKETS, target, Some(stored.rev), &stored.value)
                });
                outcome.unwrap();
                times.push(begin.elapsed());
                turn += 1;
            }
            times
        }));
    }
    let times = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    report("update, 64 callers", times, started.elapsed(), cpu_seconds() - cpu_before);
}

fn reads(records: &Records, per_caller: u64) {
    let within = per_caller / 2 * CALLERS;
    for (name, kind) in [("get by id", 0), ("find by unique key", 1), ("page of 50 by index", 2)] {
        let reads = if kind == 2 { READS / 20 } else { READS };
        for round in ["cold", "warm"] {
            let cpu_before = cpu_seconds();
            let started = Instant::now();
            let mut times = Vec::new();
            for turn in 0..reads {
                let number = turn * 7919 % within.min(20_000);
                let begin = Instant::now();
                let found: Result<usize, Error> = records.read(|tx| match kind {
                    0 => Ok(usize::from(tx.get(&TICKETS, id(number))?.is_some())),
                    1 => {
                        let key = Key::new().u64(number);
                        Ok(usize::from(tx.find(&TICKETS, &BY_NUMBER, key)?.is_some()))
                    }
                    _ => {
                        let from = Key::new().u64(number);
                        let scan = Scan::index(&BY_NUMBER).at_least(from).limit(50);
                        Ok(tx.scan(&TICKETS, scan)?.items.len())
                    }
                });
                assert!(found.unwrap() > 0);
                times.push(begin.elapsed());
            }
            if round == "warm" {
                report(name, times, started.elapsed(), cpu_seconds() - cpu_before);
            }
        }
    }
}

fn report(name: &str, mut times: Vec<Duration>, wall: Duration, cpu_seconds: f64) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
    let rate = times.len() as f64 / wall.as_secs_f64();
    println!(
        "{name:<22} {rate:>10.0}/s  p50 {:>8.1} us  p99 {:>8.1} us  p99.9 {:>8.1} us  max {:>8.1} us",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    let each = cpu_seconds / times.len() as f64 * 1e6;
    println!("    {cpu_seconds:.2} CPU s for {} operations: {each:.1} us each", times.len());
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}
