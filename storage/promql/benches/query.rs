//! What range queries over many series cost, with one thread and with more.
//!
//! `cargo bench -p om-promql`. The reader holds samples decoded: in an engine reading costs more,
//! and that more is divided between threads too.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::sync::Arc;
use std::time::Instant;

use metric::{Labels, METRIC_NAME, Matcher, ReadError, Samples, Select, Selection, SeriesReader};
use promql::{Expr, QueryOptions, parse, query_range};

const SERIES: usize = 20_000;
const SAMPLES: i64 = 240;
const INTERVAL_MS: i64 = 15_000;
const ROUNDS: u32 = 5;

#[derive(Clone)]
struct Store(Arc<Vec<(Labels, Samples)>>);

impl Store {
    fn new() -> Self {
        let series = |i: usize| {
            let (host, zone) = (format!("host-{i:05}"), format!("zone-{}", i % 20));
            let labels = [(METRIC_NAME, "x_total"), ("host", &*host), ("zone", &*zone)];
            let mut samples = Samples::new();
            for t in 0..SAMPLES {
                samples.push(t * INTERVAL_MS, (t * (i as i64 % 97 + 1)) as f64 + 0.1);
            }
            (Labels::new(labels).unwrap_or_default(), samples)
        };
        Self(Arc::new((0..SERIES).map(series).collect()))
    }
}

impl SeriesReader for Store {
    fn select(
        &self,
        _: &[Matcher],
        _: i64,
        _: i64,
        _: Select,
    ) -> Result<Box<dyn Selection>, ReadError> {
        Ok(Box::new(self.clone()))
    }
}

impl Selection for Store {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> &Labels {
        &self.0[i].0
    }

    fn read(&self, i: usize, out: &mut Samples) -> Result<(), ReadError> {
        out.clone_from(&self.0[i].1);
        Ok(())
    }
}

/// CPU seconds of this process so far, in hundredths.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn run(store: &Store, expr: &Expr, options: &QueryOptions) -> f64 {
    let end_ms = (SAMPLES - 1) * INTERVAL_MS;
    match query_range(store, expr, 600_000, end_ms, 30_000, options) {
        Ok(answer) => answer.stats.points as f64,
        Err(error) => {
            println!("{error}");
            0.0
        }
    }
}

fn main() {
    let store = Store::new();
    println!(
        "{SERIES} series of {SAMPLES} samples, 100 steps; ms per query, best wall of {ROUNDS}"
    );
    println!("{:<75} {:>7} {:>8} {:>8}", "query", "threads", "wall", "CPU");
    let part = "rate(x_total[5m])";
    for query in [
        "sum by (zone) (rate(x_total[5m]))".to_owned(),
        "sum(x_total)".to_owned(),
        "max(max_over_time(x_total[5m]))".to_owned(),
        "max(quantile_over_time(0.9, x_total[5m]))".to_owned(),
        format!("sum({part} / on (host) {part})"),
        // The same without an equal part.
        format!("sum({part} / on (host) {})", part.replace("[5m]", "{zone!=\"\"}[5m]")),
    ] {
        let Ok(expr) = parse(&query) else { continue };
        for (threads_max, analyze) in [(1, false), (1, true), (2, false), (4, false)] {
            let mut options = QueryOptions { threads_max, analyze, ..QueryOptions::default() };
            options.limits.memory_bytes_max = u64::MAX;
            run(&store, &expr, &options);
            let (cpu, mut best) = (cpu_s(), f64::INFINITY);
            for _ in 0..ROUNDS {
                let started = Instant::now();
                run(&store, &expr, &options);
                best = best.min(started.elapsed().as_secs_f64());
            }
            let cpu_ms = (cpu_s() - cpu) / f64::from(ROUNDS) * 1e3;
            let note = if analyze { "analyzed" } else { "" };
            println!("{query:<75} {threads_max:>7} {:>8.1} {cpu_ms:>8.1} {note}", best * 1e3);
        }
    }
}
