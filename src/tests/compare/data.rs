//! Made samples with everything that makes answers hard: gaps, stale markers, resets, NaN.

use crate::remote_write::Body;

/// Bits of the NaN that ends a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;
const STEP_MS: i64 = 15_000;
/// An hour of samples.
const STEPS: i64 = 240;
/// Steps in one body.
const STEPS_A_BODY: i64 = 30;
/// Where samples lie behind a whole quarter minute: never on the edge of a range.
const PHASE_MS: i64 = 7_000;

/// Where the samples lie in time.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    /// A whole minute before the first sample.
    pub(super) begin_ms: i64,
}

impl Hour {
    /// The hour that ended a moment ago.
    pub(super) fn last() -> Self {
        let hour_ms = STEPS * STEP_MS;
        Self { begin_ms: (Body::now_ms() - hour_ms) / 60_000 * 60_000 - 60_000 }
    }

    /// Seconds at which to ask: three behind a whole quarter minute.
    pub(super) fn at_s(self, minutes: i64) -> i64 {
        self.begin_ms / 1000 + minutes * 60 + 3
    }

    /// The bodies in the order of time.
    pub(super) fn bodies(self) -> Vec<Body> {
        let firsts = (0..STEPS).step_by(STEPS_A_BODY as usize);
        firsts.map(|first| self.body(first..first + STEPS_A_BODY)).collect()
    }

    fn body(self, steps: std::ops::Range<i64>) -> Body {
        let mut body = Body::new();
        for step in steps {
            let at_ms = self.begin_ms + step * STEP_MS;
            let jitter_ms = noise(step, 0) % 400;
            // On the second at which questions are asked.
            body = body.sample(&[("__name__", "on_the_edge")], at_ms + 3_000, 1.0);
            for row in rows(step) {
                let labels: Vec<(&str, &str)> =
                    row.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
                body = body.sample(&labels, at_ms + PHASE_MS + jitter_ms, row.value);
            }
        }
        body
    }
}

struct Row {
    labels: Vec<(&'static str, String)>,
    value: f64,
}

fn row(labels: &[(&'static str, &str)], value: f64) -> Row {
    let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Row { labels: labels.collect(), value }
}

/// Even noise, the same each time.
fn noise(step: i64, series: i64) -> i64 {
    let mixed = (step * 2_654_435_761) ^ (series * 40_503_001 + 977);
    (mixed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) & 0xffff
}

/// A counter's value: it grows unevenly and begins anew every `reset` steps.
fn counter(step: i64, series: i64, reset: i64) -> f64 {
    let since = step % reset;
    (5_000 * i64::from(step < reset) + 40 + since * (20 + series) + noise(step, series) % 15) as f64
}

fn rows(step: i64) -> Vec<Row> {
    let mut rows = counters(step);
    rows.extend(gauges(step));
    rows.extend(sensors(step));
    rows.extend(flaky(step));
    rows.extend(latencies(step));
    rows
}

fn counters(step: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, instance) in ["a", "b", "c"].into_iter().enumerate() {
        let number = number as i64;
        for (place, job) in ["api", "web"].into_iter().enumerate() {
            for (kind, code) in ["200", "404", "500"].into_iter().enumerate() {
                let series = number * 7 + place as i64 * 31 + kind as i64 * 3;
                let labels = [
                    ("__name__", "requests_total"),
                    ("code", code),
                    ("instance", instance),
                    ("job", job),
                ];
                rows.push(row(&labels, counter(step, series, 90 + series)));
            }
        }
        let version = ["1.2", "1.2", "2.0"][(number as usize + usize::from(step > 130)) % 3];
        let labels = [("__name__", "build_info"), ("instance", instance), ("version", version)];
        rows.push(row(&labels, 1.0));
    }
    rows
}

fn gauges(step: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    for room in 1..=4 {
        let value = (1_600 + noise(step, room) % 800 + room * 7) as f64 / 100.0;
        let (floor, room) = ((room / 3 + 1).to_string(), room.to_string());
        let labels = [("__name__", "temperature_celsius"), ("floor", &*floor), ("room", &*room)];
        rows.push(row(&labels, value));
    }
    for (number, instance) in ["a", "b", "c"].into_iter().enumerate() {
        let used = 3_000_000_000 + noise(step, 50 + number as i64) * 65_536;
        let free = 16_000_000_000 - used;
        for (kind, value) in [("free", free), ("used", used)] {
            let labels = [("__name__", "memory_bytes"), ("instance", instance), ("kind", kind)];
            rows.push(row(&labels, value as f64));
        }
    }
    for (path, quote, text) in
        [("/ä/x", "a\"b\\c", "a\nb"), ("/日本", "-", "a-b"), ("/", "'", "ab")]
    {
        let labels = [("__name__", "odd_labels"), ("path", path), ("quote", quote), ("text", text)];
        rows.push(row(&labels, step as f64));
    }
    rows
}

/// Values that are no ordinary numbers, now and then.
fn sensors(step: i64) -> Vec<Row> {
    let plain = (noise(step, 80) % 1_000) as f64 / 1_000.0 - 0.25;
    let odd = |value: f64, every: i64| if step % every < 2 { value } else { plain };
    let values = [
        ("inf", odd(f64::INFINITY, 9)),
        ("nan", odd(f64::NAN, 7)),
        ("negative", odd(f64::NEG_INFINITY, 11)),
        ("zero", if step % 3 == 0 { -0.0 } else { 0.0 }),
    ];
    values
        .map(|(sensor, value)| row(&[("__name__", "sensor_ratio"), ("sensor", sensor)], value))
        .into()
}

/// Series that pause: `a` with a stale marker, `b` without a word, `c` for single samples.
fn flaky(step: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    for (instance, phase) in [("a", step % 60), ("b", step % 70), ("c", step % 5 * 20)] {
        let ends = instance == "a" && phase == 30;
        if phase > 30 || (phase == 30 && !ends) {
            continue;
        }
        let gauge = if ends { f64::from_bits(STALE) } else { (step % 7) as f64 + 0.5 };
        let total = if ends { f64::from_bits(STALE) } else { 9_000.0 + step as f64 * 3.25 };
        rows.push(row(&[("__name__", "flaky_gauge"), ("instance", instance)], gauge));
        rows.push(row(&[("__name__", "flaky_total"), ("instance", instance)], total));
    }
    rows
}

/// A classic histogram, which begins anew once.
fn latencies(step: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, job) in ["api", "web"].into_iter().enumerate() {
        let series = 100 + place as i64 * 10;
        let since = if step < 150 { step + 500 } else { step - 140 };
        let mut total = 0;
        for (number, le) in ["0.05", "0.1", "0.5", "1", "5", "+Inf"].into_iter().enumerate() {
            total += since * (9 - number as i64 + place as i64) + noise(step, series) % 4;
            let labels = [("__name__", "latency_seconds_bucket"), ("job", job), ("le", le)];
            rows.push(row(&labels, total as f64));
        }
        let labels = [("__name__", "latency_seconds_count"), ("job", job)];
        rows.push(row(&labels, total as f64));
        let labels = [("__name__", "latency_seconds_sum"), ("job", job)];
        rows.push(row(&labels, total as f64 * 0.37));
    }
    rows
}
