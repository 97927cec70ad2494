//! What a million samples cost: CPU to append, bytes on disk, bytes of memory for each series.
//!
//! `cargo bench -p om-series`; 100,000 series with 60 samples each at 15 seconds, in batches of
//! 8,000 samples whose label bytes lie encoded, as `remote_write` brings them. CPU seconds and
//! bytes are the figures to compare; wall time depends on the disk and on the neighbours.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for the terminal")]

use std::time::Instant;

use metric::{EncodedLabels, Labels, Matcher, Samples, Select, SeriesReader};
use series::{Batch, Options, Series};

const SERIES: usize = 100_000;
const ROUNDS: usize = 60;
const BATCH: usize = 8_000;
const START: i64 = 1_692_000_000_000;
const STEP: i64 = 15_000;

/// Series of 500 hosts with about ten labels each: 170 bytes as they are encoded.
fn labels(i: usize) -> Vec<u8> {
    let (host, metric) = (i / 200, i % 200);
    let name = format!("node_metric_{:03}_total", metric / 4);
    let instance = format!("host-{host:04}.example.net:9100");
    let set = Labels::new([
        ("__name__", name.as_str()),
        ("cpu", ["0", "1", "2", "3"][metric % 4]),
        ("datacenter", ["fra1", "ams2", "sin3"][host % 3]),
        ("environment", "production"),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("mode", ["idle", "user", "system", "iowait"][metric / 50]),
        ("rack", ["r01", "r02", "r03", "r04", "r05"][host % 5]),
    ]);
    set.unwrap().encoded().as_bytes().to_vec()
}

/// Half of the series are counters, a quarter stands still, the rest has a few decimals.
fn value(i: usize, round: usize) -> f64 {
    let noise = (i.wrapping_mul(2_654_435_761) ^ round.wrapping_mul(40_503_001)) >> 7;
    match i % 4 {
        0 | 1 => (i * 1000 + round * 150 + noise % 40) as f64,
        2 => (i % 97) as f64,
        _ => (noise % 10_000) as f64 / 100.0,
    }
}

/// CPU seconds of this process, in steps of 10 ms.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// Resident bytes of this process.
fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// Appends some rounds of all series; returns CPU seconds.
fn append(series: &Series, sets: &[Vec<u8>], rounds: std::ops::Range<usize>) -> f64 {
    let started = cpu_s();
    for round in rounds {
        for (number, chunk) in sets.chunks(BATCH).enumerate() {
            let mut batch = Batch::with_capacity(BATCH);
            for (i, labels) in chunk.iter().enumerate() {
                let value = value(number * BATCH + i, round);
                batch.push(EncodedLabels(labels), START + round as i64 * STEP, value);
            }
            assert_eq!(series.append(&batch).unwrap().accepted, chunk.len() as u64);
        }
    }
    cpu_s() - started
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options {
        retention_ms: None,
        flush_bytes: u64::MAX,
        ..Options::new(|| START + 1000 * STEP)
    };
    let series = Series::open(dir.path(), options()).unwrap();
    let sets: Vec<Vec<u8>> = (0..SERIES).map(labels).collect();
    let encoded = sets.iter().map(Vec::len).sum::<usize>() as f64 / SERIES as f64;
    println!("{SERIES} series, {encoded:.0} bytes of labels each, {ROUNDS} samples each");

    let before = resident_bytes();
    let cpu = append(&series, &sets, 0..1);
    let million = 1e6 / SERIES as f64;
    println!("append, new series        {:>9.3} CPU s per million", cpu * million);
    let memory = (resident_bytes() - before) / SERIES as f64;
    println!("memory                    {memory:>9.0} bytes per series with one sample");

    let wall = Instant::now();
    let cpu = append(&series, &sets, 1..ROUNDS);
    let millions = (SERIES * (ROUNDS - 1)) as f64 / 1e6;
    println!("append, known series      {:>9.3} CPU s per million", cpu / millions);
    println!(
        "append, known series      {:>9.3} s per million",
        wall.elapsed().as_secs_f64() / millions
    );
    let memory = (resident_bytes() - before) / SERIES as f64;
    println!("memory                    {memory:>9.0} bytes per series with {ROUNDS} samples");
    let samples = (SERIES * ROUNDS) as f64;
    let journal = series.sizes().journal_bytes as f64;
    println!("journal                   {:>9.2} bytes per sample", journal / samples);

    let started = cpu_s();
    series.flush().unwrap();
    println!(
        "flush                     {:>9.3} CPU s per million",
        (cpu_s() - started) / samples * 1e6
    );
    let stored: u64 = series.sizes().partitions.iter().map(|partition| partition.bytes).sum();
    println!("partition                 {:>9.2} bytes per sample", stored as f64 / samples);
    let memory = (resident_bytes() - before) / SERIES as f64;
    println!("memory                    {memory:>9.0} bytes per series after the flush");

    read(&series);
    series.close().unwrap();
    drop(series);
    let started = Instant::now();
    let series = Series::open(dir.path(), options()).unwrap();
    println!("open, all flushed         {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    read(&series);
}

/// Reads one metric of all hosts.
fn read(series: &Series) {
    let started = cpu_s();
    let matchers = [Matcher::equal("__name__", "node_metric_007_total")];
    let limit = Select::default();
    let selection = series.select(&matchers, START, START + 1000 * STEP, limit).unwrap();
    let (mut found, mut samples) = (0, Samples::new());
    for i in 0..selection.len() {
        selection.read(i, &mut samples).unwrap();
        found += samples.len();
    }
    let per_million = (cpu_s() - started) / found as f64 * 1e6;
    println!("read, {found} samples      {per_million:>9.3} CPU s per million");
}
