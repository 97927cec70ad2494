//! Native histograms and exemplars: stored, found again, and gone when they should be.

use std::sync::Arc;

use metric::{Exemplar, Labels, Matcher};
use proptest::prelude::*;

use super::{Bed, HOUR, MINUTE, START, all, bits_of, histogram, set, store, up};
use crate::{Batch, ExemplarLimits, RejectReason, Series};

const LIMITS: ExemplarLimits = ExemplarLimits { series_max: 100, exemplars_max: 1000 };

fn exemplar(timestamp_ms: i64, number: u32) -> Exemplar {
    let labels = set(&[("trace_id", &format!("{number:032x}"))]);
    Exemplar { timestamp_ms, value: f64::from(number), labels }
}

/// Appends exemplars of a series that has samples; returns how many were stored.
fn tell(series: &Series, labels: &Labels, exemplars: &[Exemplar]) -> u64 {
    let mut batch = Batch::new();
    for exemplar in exemplars {
        batch.push_exemplar(labels.encoded(), exemplar.clone());
    }
    let outcome = series.append(&batch).unwrap();
    assert!(outcome.exemplars + outcome.exemplars_dropped <= exemplars.len() as u64);
    outcome.exemplars
}

fn told(series: &Series, from_ms: i64, to_ms: i64) -> Vec<(Labels, Vec<Exemplar>)> {
    series.exemplars(&[vec![]], from_ms, to_ms, LIMITS).unwrap()
}

/// Whatever happens to the files, the same is found.
fn check_everywhere(bed: &Bed, series: &Series, check: impl Fn(&Series)) {
    check(series);
    check(&bed.crashed().open());
    series.flush().unwrap();
    check(series);
    check(&bed.crashed().open());
    series.engine().compact_where(|_, _| true).unwrap();
    check(series);
    check(&bed.crashed().open());
}

#[test]
fn a_histogram_is_read_as_it_came() {
    let bed = Bed::new();
    let series = bed.open();
    let mut wanted = Vec::new();
    let mut batch = Batch::new();
    let labels = up(1);
    // Over two partitions, and more than one value of the table holds.
    for number in 0..600 {
        let at = START + i64::from(number) * 10_000 - 2 * MINUTE;
        bed.set_now(at);
        batch.push_histogram(labels.encoded(), at, Arc::new(histogram(number)));
        wanted.push((at, bits_of(&histogram(number))));
    }
    assert_eq!(series.append(&batch).unwrap().accepted, 600);
    check_everywhere(&bed, &series, |series| {
        assert_eq!(all(series)[&labels.to_string()], wanted);
    });
    assert_eq!(bed.partitions().len(), 3);
}

#[test]
fn of_a_number_and_a_histogram_at_one_time_the_first_stays() {
    let bed = Bed::new();
    let series = bed.open();
    store(&series, &up(1), START, 1.0);
    let mut batch = Batch::new();
    let (first, second) = (up(1), up(2));
    batch.push_histogram(first.encoded(), START, Arc::new(histogram(3)));
    batch.push_histogram(second.encoded(), START, Arc::new(histogram(3)));
    batch.push_histogram(second.encoded(), START, Arc::new(histogram(3)));
    batch.push_histogram(second.encoded(), START, Arc::new(histogram(4)));
    batch.push(second.encoded(), START, 1.0);
    let outcome = series.append(&batch).unwrap();
    assert_eq!((outcome.accepted, outcome.duplicates, outcome.rejected), (1, 1, 3));
    let reasons: Vec<_> = outcome.rejections.iter().map(|r| (r.position, &r.reason)).collect();
    let twice = &RejectReason::DuplicateTimestamp;
    assert_eq!(reasons, [(0, twice), (3, twice), (4, twice)]);
    check_everywhere(&bed, &series, |series| {
        let found = all(series);
        assert_eq!(found[&first.to_string()], [(START, 1.0_f64.to_bits())]);
        assert_eq!(found[&second.to_string()], [(START, bits_of(&histogram(3)))]);
    });
}

#[test]
fn a_stale_histogram_is_a_stale_marker() {
    let bed = Bed::new();
    let series = bed.open();
    let mut batch = Batch::new();
    let labels = up(1);
    let mut stale = histogram(1);
    stale.sum = metric::stale_nan();
    batch.push_histogram(labels.encoded(), START - 1000, Arc::new(histogram(1)));
    batch.push_histogram(labels.encoded(), START, Arc::new(stale));
    assert_eq!(series.append(&batch).unwrap().accepted, 2);
    check_everywhere(&bed, &series, |series| {
        let wanted = [(START - 1000, bits_of(&histogram(1))), (START, metric::STALE_NAN)];
        assert_eq!(all(series)[&labels.to_string()], wanted);
    });
}

#[test]
fn exemplars_are_found_by_series_and_time() {
    let bed = Bed::new();
    let series = bed.open();
    let mut wanted = Vec::new();
    for number in 0..3_u32 {
        store(&series, &up(number), START, 1.0);
        let at = |minute: i64| START + (minute - 70) * MINUTE + i64::from(number);
        let list: Vec<_> = (0..70).map(|minute| exemplar(at(minute), number)).collect();
        assert_eq!(tell(&series, &up(number), &list), 70);
        wanted.push((up(number), list));
    }
    // Sent again, and earlier than the newest: nothing new.
    assert_eq!(tell(&series, &up(0), &wanted[0].1), 0);
    let one = [vec![Matcher::equal("instance", "1")]];
    check_everywhere(&bed, &series, |series| {
        assert_eq!(told(series, i64::MIN, i64::MAX), wanted);
        let some = series.exemplars(&one, START - 5 * MINUTE, START - MINUTE, LIMITS).unwrap();
        assert_eq!(some, [(up(1), wanted[1].1[65..69].to_vec())]);
        let few = ExemplarLimits { exemplars_max: 200, ..LIMITS };
        assert!(series.exemplars(&[vec![]], i64::MIN, i64::MAX, few).is_err());
    });
}

#[test]
fn exemplars_that_cannot_be_kept_are_counted() {
    let mut bed = Bed::new();
    bed.options.exemplars_max = 2;
    let series = bed.open();
    store(&series, &up(1), START, 1.0);
    let long = Exemplar { labels: set(&[("a", &"x".repeat(128))]), ..exemplar(START, 1) };
    assert_eq!(tell(&series, &up(1), &[long]), 0);
    assert_eq!(tell(&series, &up(2), &[exemplar(START, 1)]), 0, "no such series");
    let far = exemplar(START + HOUR, 1);
    assert_eq!(tell(&series, &up(1), &[far]), 0);
    let many: Vec<_> = (0..3).map(|number| exemplar(START + i64::from(number), number)).collect();
    assert_eq!(tell(&series, &up(1), &many), 2);
    assert_eq!(series.status().dropped_exemplars, 4);
    series.flush().unwrap();
    assert_eq!(tell(&series, &up(1), &many[2..]), 1, "a flush makes room");
    assert_eq!(told(&series, i64::MIN, i64::MAX), [(up(1), many)]);
}

#[test]
fn what_is_deleted_is_deleted_with_its_histograms_and_exemplars() {
    let bed = Bed::new();
    let series = bed.open();
    let labels = up(1);
    let at = |minute: i64| START + minute * MINUTE;
    bed.set_now(at(40));
    let mut batch = Batch::new();
    for minute in 0..40 {
        batch.push_histogram(labels.encoded(), at(minute), Arc::new(histogram(1)));
        batch.push_exemplar(labels.encoded(), exemplar(at(minute), 1));
    }
    series.append(&batch).unwrap();
    series.delete(&[vec![]], at(10), at(29)).unwrap();
    let times = |series: &Series| -> Vec<i64> {
        all(series)[&labels.to_string()].iter().map(|(at, _)| *at).collect()
    };
    let left: Vec<i64> = (0..10).chain(30..40).map(at).collect();
    check_everywhere(&bed, &series, |series| {
        assert_eq!(times(series), left);
        let found = told(series, i64::MIN, i64::MAX);
        let found: Vec<i64> = found[0].1.iter().map(|exemplar| exemplar.timestamp_ms).collect();
        assert_eq!(found, left);
    });
    // The newest ones too, after which the same times may come again.
    series.delete(&[vec![]], i64::MIN, i64::MAX).unwrap();
    assert_eq!(all(&series).len(), 0);
    assert_eq!(series.append(&batch).unwrap().accepted, 40);
    assert_eq!(times(&series).len(), 40);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_values_are_errors(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..300) {
        use crate::partition::damage;
        damage::read_any(&bytes);
        damage::read_flipped(&[(START, Arc::new(histogram(3)))], &[exemplar(START, 1)], at);
    }
}
