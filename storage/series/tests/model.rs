//! The engine against a map, under any order of appends, flushes, ends and retention.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use metric::{MatchOp, Matcher};
use proptest::prelude::*;

use super::{Bed, Data, HOUR, MINUTE, all, bits_of, histogram, read, read_last, up};
use crate::{Batch, RejectReason, RetentionRule, Series};

const SERIES: u32 = 6;
const WINDOW: i64 = 30 * MINUTE;
const RETENTION: i64 = 3 * HOUR;

#[derive(Debug, Clone)]
enum Step {
    /// Series, time relative to the clock in tens of seconds, value: see [`bits`].
    Append(Vec<(u32, i64, u8)>),
    Flush,
    Evict,
    /// Ends cleanly and opens.
    Close,
    /// Ends without a flush and opens.
    Drop,
    /// Opens a copy of the files as they are.
    Crash,
    /// Lets time pass, in minutes.
    Pass(i64),
    Expire,
    /// Compacts all partitions.
    Compact,
    /// Compacts those with tombstones.
    Clean,
    /// Deletes some series (as bits) within a range in tens of seconds relative to the clock.
    Delete(u8, i64, i64),
    /// Sets rules: for some series (as bits) the hours that they are kept.
    Rules(Vec<(u8, i64)>),
    /// Reads a range in tens of seconds relative to the clock.
    Read(i64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let sample = (0..SERIES, prop_oneof![4 => -200_i64..=0, 1 => -1100_i64..=60], 0_u8..6);
    prop_oneof![
        8 => prop::collection::vec(sample, 1..40).prop_map(Step::Append),
        2 => Just(Step::Flush),
        1 => Just(Step::Evict),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
        1 => Just(Step::Crash),
        3 => (0_i64..90).prop_map(Step::Pass),
        1 => Just(Step::Expire),
        2 => Just(Step::Compact),
        1 => Just(Step::Clean),
        2 => (-1100_i64..60, 0_i64..600).prop_map(|(from, len)| Step::Read(from, from + len)),
        2 => (any::<u8>(), -600_i64..60, prop_oneof![0_i64..400, Just(5000)])
            .prop_map(|(of, from, len)| Step::Delete(of, from, from + len)),
        1 => any::<u8>().prop_map(|of| Step::Delete(of, -5000, 5000)),
        1 => prop::collection::vec((any::<u8>(), 1_i64..7), 0..4).prop_map(Step::Rules),
    ]
}

/// The bits of a value; from 4 on it is a histogram.
fn bits(value: u8) -> u64 {
    match value.checked_sub(4) {
        Some(observations) => bits_of(&histogram(u32::from(observations))),
        None => (f64::from(value) / 4.0).to_bits(),
    }
}

/// What the engine should hold: for each series the first value of each time.
#[derive(Default)]
struct Model {
    series: BTreeMap<u32, BTreeMap<i64, u64>>,
    /// Newest times that the engine must know: nothing was evicted or reopened since.
    newest: BTreeMap<u32, i64>,
    /// Every value that was ever taken. A series that left memory comes back without its past, so
    /// a second value of a time may be taken then; the first stays the one that is read.
    taken: BTreeMap<(u32, i64), BTreeSet<u64>>,
    rules: Vec<(u8, i64)>,
}

impl Model {
    fn append(&mut self, bed: &Bed, series: &Series, samples: &[(u32, i64, u8)]) {
        let now = bed.now();
        let sets: Vec<_> = (0..SERIES).map(up).collect();
        let samples: Vec<(u32, i64, u8)> =
            samples.iter().map(|&(of, at, value)| (of, now + at * 10_000, value)).collect();
        let mut batch = Batch::new();
        for &(of, at, value) in &samples {
            let labels = sets[of as usize].encoded();
            match value.checked_sub(4) {
                Some(seen) => batch.push_histogram(labels, at, Arc::new(histogram(seen.into()))),
                None => batch.push(labels, at, f64::from(value) / 4.0),
            }
        }
        let outcome = series.append(&batch).unwrap();
        let total = outcome.accepted + outcome.duplicates + outcome.rejected;
        assert_eq!(total, samples.len() as u64);
        let mut rejections = outcome.rejections.iter().peekable();
        for (position, (of, at, value)) in samples.into_iter().enumerate() {
            let keep = self.keep(of);
            let known = self.series.entry(of).or_default();
            if let Some(rejection) = rejections.next_if(|r| r.position == position) {
                match rejection.reason {
                    RejectReason::TooOld { .. } => assert!(at < now - keep),
                    RejectReason::TooFarInFuture { .. } => assert!(at > now + 600_000),
                    RejectReason::OutOfOrder { newest_ms } => assert!(at < newest_ms - WINDOW),
                    RejectReason::DuplicateTimestamp => {
                        let mut taken = self.taken.get(&(of, at)).into_iter().flatten();
                        assert!(taken.any(|taken| *taken != bits(value)));
                    }
                    ref other => panic!("{other:?}"),
                }
                continue;
            }
            assert!((now - keep..=now + 600_000).contains(&at));
            if let Some(&newest) = self.newest.get(&of) {
                assert!(at >= newest - WINDOW, "out of order, yet taken");
            }
            let newest = self.newest.entry(of).or_insert(at);
            *newest = at.max(*newest);
            known.entry(at).or_insert(bits(value));
            self.taken.entry((of, at)).or_default().insert(bits(value));
        }
        assert_eq!(rejections.next(), None);
    }

    /// How long a series is kept.
    fn keep(&self, of: u32) -> i64 {
        let rule = self.rules.iter().find(|(bits, _)| bits >> of & 1 == 1);
        rule.map_or(RETENTION, |(_, hours)| hours * HOUR)
    }

    fn expire(&mut self, now: i64) {
        for of in 0..SERIES {
            let end = (now - self.keep(of)).div_euclid(HOUR) * HOUR;
            self.delete(|number| number == of, i64::MIN, end - 1);
        }
    }

    fn delete(&mut self, of: impl Fn(u32) -> bool, from_ms: i64, to_ms: i64) {
        let span = from_ms..=to_ms;
        for (_, samples) in self.series.iter_mut().filter(|(number, _)| of(**number)) {
            samples.retain(|at, _| !span.contains(at));
        }
        self.taken.retain(|(number, at), _| !of(*number) || !span.contains(at));
        // A newer one that the engine knew from before it was opened may be what is deleted; then
        // it knows nothing of the series any more.
        self.newest.retain(|number, at| !of(*number) || *at > to_ms);
    }

    fn data(&self, from_ms: i64, to_ms: i64) -> Data {
        let mut data = Data::new();
        for (of, samples) in &self.series {
            let list: Vec<_> =
                samples.range(from_ms..=to_ms).map(|(at, bits)| (*at, *bits)).collect();
            if !list.is_empty() {
                data.insert(up(*of).to_string(), list);
            }
        }
        data
    }
}

/// Each rule as one that the engine knows.
fn rules_of(rules: &[(u8, i64)]) -> Vec<RetentionRule> {
    let rule = |(bits, hours): &(u8, i64)| {
        let numbers = (0..SERIES).filter(|number| bits >> number & 1 == 1);
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let pattern = format!("x|{}", numbers.join("|"));
        let matcher = Matcher::new(MatchOp::Matches, "instance", &pattern).unwrap();
        RetentionRule { matchers: vec![matcher], keep_ms: hours * HOUR }
    };
    rules.iter().map(rule).collect()
}

fn run(steps: Vec<Step>) {
    let mut bed = Bed::new();
    bed.options.out_of_order_ms = WINDOW;
    bed.options.retention_ms = Some(RETENTION);
    let mut model = Model::default();
    let mut series = bed.open();
    for step in steps {
        match step {
            Step::Append(samples) => model.append(&bed, &series, &samples),
            Step::Flush => series.flush().unwrap(),
            Step::Evict => {
                series.engine().evict(0);
                model.newest.clear();
            }
            Step::Close | Step::Drop => {
                if matches!(step, Step::Close) {
                    series.close().unwrap();
                }
                drop(series);
                series = bed.open();
                series.set_retention_rules(rules_of(&model.rules));
                model.newest.clear();
            }
            Step::Crash => {
                let copy = bed.crashed();
                series = copy.open();
                series.set_retention_rules(rules_of(&model.rules));
                bed = copy;
                model.newest.clear();
            }
            Step::Pass(minutes) => bed.set_now(bed.now() + minutes * MINUTE),
            Step::Expire => {
                series.flush().unwrap();
                series.expire().unwrap();
                model.expire(bed.now());
            }
            Step::Rules(rules) => {
                series.set_retention_rules(rules_of(&rules));
                model.rules = rules;
            }
            Step::Compact => drop(series.engine().compact_where(|_, _| true).unwrap()),
            Step::Clean => drop(series.clean().unwrap()),
            Step::Delete(bits, from, to) => {
                let of = |number: u32| bits >> number & 1 == 1;
                let (from_ms, to_ms) = (bed.now() + from * 10_000, bed.now() + to * 10_000);
                let selectors: Vec<_> = (0..SERIES)
                    .filter(|number| of(*number))
                    .map(|number| vec![Matcher::equal("instance", &number.to_string())])
                    .collect();
                series.delete(&selectors, from_ms, to_ms).unwrap();
                model.delete(of, from_ms, to_ms);
            }
            Step::Read(from, to) => {
                let (from_ms, to_ms) = (bed.now() + from * 10_000, bed.now() + to * 10_000);
                let mut found = read(&series, &[], from_ms, to_ms);
                found.retain(|_, samples| !samples.is_empty());
                assert_eq!(found, model.data(from_ms, to_ms));
                let mut last = model.data(from_ms, to_ms);
                last.values_mut().for_each(|samples| drop(samples.drain(..samples.len() - 1)));
                assert_eq!(read_last(&series, from_ms, to_ms), last);
            }
        }
    }
    let wanted = model.data(i64::MIN, i64::MAX);
    assert_eq!(all(&series), wanted);
    assert_eq!(all(&bed.crashed().open()), wanted);
    series.flush().unwrap();
    assert_eq!(all(&series), wanted);
    series.engine().compact_where(|_, _| true).unwrap();
    assert_eq!(all(&series), wanted);
    assert_eq!(all(&bed.crashed().open()), wanted);
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_engine_is_a_map(steps in prop::collection::vec(step(), 1..20)) {
        run(steps);
    }
}
