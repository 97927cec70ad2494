//! Rules of retention: what goes, what stays, and that nothing is done twice.

use metric::{MatchOp, Matcher};

use super::{Bed, Data, HOUR, MINUTE, START, all, append, of, store, up};
use crate::{Estimate, RejectReason, RetentionRule, Series, TierOptions};

fn rule(instances: &str, hours: i64) -> RetentionRule {
    let matcher = Matcher::new(MatchOp::Matches, "instance", instances).unwrap();
    RetentionRule { matchers: vec![matcher], keep_ms: hours * HOUR }
}

/// Three series with a sample in each of six hours before [`START`], stored.
fn filled(bed: &mut Bed) -> Series {
    bed.options.retention_ms = None;
    let series = bed.open();
    for hours in (1..=6).rev() {
        for i in 1..=3 {
            store(&series, &up(i), START - hours * HOUR + MINUTE, f64::from(i));
        }
    }
    series.flush().unwrap();
    series
}

/// How many hours of each series are there.
fn hours(series: &Series) -> [usize; 3] {
    [1, 2, 3].map(|i| of(series, &up(i)).len())
}

fn changes(series: &Series) -> Vec<u64> {
    series.engine().partitions.list().iter().map(|partition| partition.changes()).collect()
}

#[test]
fn series_of_a_shorter_rule_go_and_nothing_else() {
    let mut bed = Bed::new();
    let series = filled(&mut bed);
    series.set_retention_rules(vec![rule("1", 2)]);
    assert_eq!(series.expire().unwrap(), 0);
    assert_eq!(hours(&series), [2, 6, 6]);
    let before = changes(&series);
    assert_eq!(series.expire().unwrap(), 0);
    assert_eq!(changes(&series), before, "nothing is written when nothing is to do");
    // An hour later one more partition is pruned.
    bed.set_now(START + HOUR);
    series.expire().unwrap();
    assert_eq!(hours(&series), [1, 6, 6]);
    let wanted = all(&series);
    let copy = bed.crashed();
    let again = copy.open();
    again.set_retention_rules(vec![rule("1", 2)]);
    again.expire().unwrap();
    assert_eq!(changes(&again), [0; 6], "a start changes nothing");
    assert_eq!(all(&again), wanted);
    again.clean().unwrap();
    assert_eq!(all(&again), wanted);
}

#[test]
fn a_longer_rule_keeps_a_partition_without_the_others() {
    let mut bed = Bed::new();
    let series = filled(&mut bed);
    series.set_retention_ms(Some(2 * HOUR));
    series.set_retention_rules(vec![rule("3", 5)]);
    assert_eq!(series.expire().unwrap(), 1, "no rule needs the oldest");
    assert_eq!(hours(&series), [2, 2, 5]);
    series.clean().unwrap();
    assert_eq!(hours(&series), [2, 2, 5]);
    // A series that nobody has kept a partition for nothing.
    series.set_retention_rules(vec![rule("9", 500)]);
    series.expire().unwrap();
    assert_eq!(hours(&series), [2, 2, 2]);
    assert_eq!(bed.partitions().len(), 5);
    series.clean().unwrap();
    assert_eq!(bed.partitions().len(), 2);
    assert_eq!(hours(&series), [2, 2, 2]);
}

#[test]
fn the_first_rule_holds_and_rules_may_change() {
    let mut bed = Bed::new();
    let series = filled(&mut bed);
    series.set_retention_rules(vec![rule("1", 4), rule("1|2", 3), rule(".*", i64::MAX / HOUR)]);
    series.expire().unwrap();
    assert_eq!(hours(&series), [4, 3, 6]);
    series.set_retention_rules(vec![rule("3", 1)]);
    series.expire().unwrap();
    assert_eq!(hours(&series), [4, 3, 1]);
    series.set_retention_rules(vec![]);
    series.expire().unwrap();
    assert_eq!(hours(&series), [4, 3, 1], "what is gone is gone");
    let late = |i: u32| append(&series, &[(&up(i), START - 6 * HOUR + 2 * MINUTE, 7.0)]);
    series.engine().evict(0);
    assert_eq!(late(3).accepted, 1);
    series.set_retention_rules(vec![rule("3", 1)]);
    series.flush().unwrap();
    series.expire().unwrap();
    assert_eq!(hours(&series), [4, 3, 1], "what came late goes too");
}

#[test]
fn samples_older_than_the_rule_of_their_series_are_refused() {
    let mut bed = Bed::new();
    bed.options.retention_ms = Some(3 * HOUR);
    let series = bed.open();
    series.set_retention_rules(vec![rule("1", 1), rule("2", 5)]);
    let at = |hours: i64| START - hours * HOUR;
    let (one, two, three) = (up(1), up(2), up(3));
    let outcome = append(
        &series,
        &[
            (&one, at(2), 1.0),
            (&one, at(1), 1.0),
            (&two, at(6), 1.0),
            (&two, at(5), 1.0),
            (&three, at(4), 1.0),
            (&three, at(3), 1.0),
        ],
    );
    assert_eq!(outcome.accepted, 3, "{outcome:?}");
    let refused: Vec<_> = outcome.rejections.iter().map(|it| (it.position, &it.reason)).collect();
    let too_old = |hours| RejectReason::TooOld { oldest_ms: at(hours) };
    assert_eq!(refused, [(0, &too_old(1)), (2, &too_old(5)), (4, &too_old(3))]);
}

#[test]
fn a_clock_that_jumps_ahead_prunes_nothing() {
    let mut bed = Bed::new();
    bed.options.retention_grace_ms = 600_000;
    let series = filled(&mut bed);
    series.set_retention_rules(vec![rule("1", 2)]);
    bed.set_now(START + 1000 * HOUR);
    series.expire().unwrap();
    bed.set_now(START - 4 * HOUR);
    series.expire().unwrap();
    assert_eq!(hours(&series), [6, 6, 6]);
}

#[test]
fn what_is_stored_is_told_by_rule_and_by_matchers() {
    let mut bed = Bed::new();
    let series = filled(&mut bed);
    series.set_retention_rules(vec![rule("1", 2), rule("none", 1)]);
    series.expire().unwrap();
    let survey = series.survey().unwrap();
    let [short, none, rest] = survey.groups[..] else { panic!("{survey:?}") };
    assert_eq!((short.oldest_ms, rest.oldest_ms), (Some(START - 2 * HOUR), Some(START - 6 * HOUR)));
    assert_eq!((none.bytes, none.oldest_ms, none.active_series), (0, None, 0));
    assert!(0 < short.bytes && short.bytes * 3 < rest.bytes, "{survey:?}");
    assert_eq!((short.active_series, rest.active_series), (1, 2));
    let series_of: Vec<u64> = survey.partitions.iter().map(|it| it.series).collect();
    assert_eq!(series_of, [2, 2, 2, 2, 3, 3]);
    assert_eq!(series.survey().unwrap(), survey, "as remembered");

    let estimate = |instance: &str, from_ms, to_ms| -> Estimate {
        let matcher = Matcher::new(MatchOp::Matches, "instance", instance).unwrap();
        series.estimate(&[vec![matcher]], from_ms, to_ms).unwrap()
    };
    let two = estimate("2", i64::MIN, i64::MAX);
    assert_eq!((two.series, two.series_exact, two.partitions), (1, true, 6));
    assert!((6..=8).contains(&two.samples), "{two:?}");
    let half = estimate("2|3", START - 3 * HOUR, START - 1);
    assert_eq!((half.series, half.partitions), (2, 3));
    assert!((6..=7).contains(&half.samples), "{half:?}");
    assert_eq!(estimate("x", i64::MIN, i64::MAX).series, 0);
    assert_eq!(estimate("2", 5, 4), Estimate { series_exact: true, ..Estimate::default() });
    // What only memory holds counts too.
    store(&series, &up(77), START, 1.0);
    let fresh = estimate("77", START - 1, START + 1);
    assert_eq!((fresh.series, fresh.partitions), (1, 0));
    // Beyond the number of label sets that are read the count is a lower bound.
    for i in 100..200 {
        store(&series, &up(i), START - MINUTE, 1.0);
    }
    series.flush().unwrap();
    let many = estimate(".*", i64::MIN, i64::MAX);
    assert!(!many.series_exact && many.series >= 30, "{many:?}");
    let kept: Data = all(&series);
    assert_eq!(kept.len(), 104);
}

/// An hour's samples of three series each hour, thinned out to five minutes.
fn thinned(bed: &mut Bed) -> Series {
    bed.options.tiers = vec![TierOptions {
        resolution_ms: 5 * MINUTE,
        retention_ms: Some(48 * HOUR),
        partitions: 4,
    }];
    let series = filled(bed);
    series.thin().unwrap();
    series
}

#[test]
fn rows_answer_for_what_is_pruned_and_none_are_kept_of_a_short_rule() {
    let mut bed = Bed::new();
    let series = thinned(&mut bed);
    series.set_retention_ms(Some(2 * HOUR));
    series.set_retention_rules(vec![rule("1", 1), rule("3", 5)]);
    series.expire().unwrap();
    // The default is two hours, and rows beyond; the rule of the first series is the end of it.
    assert_eq!(hours(&series), [1, 6, 6]);
    let wanted = all(&series);
    for _ in 0..2 {
        series.expire().unwrap();
        series.thin().unwrap();
        assert_eq!(all(&series), wanted);
        series.clean().unwrap();
        assert_eq!(all(&series), wanted);
    }
    let again = bed.crashed();
    let again = again.open();
    assert_eq!(all(&again), wanted);
    // Made anew, the rows of a short rule do not come back.
    bed.set_now(START + 2 * HOUR);
    for i in 1..=3 {
        store(&series, &up(i), START + HOUR, 9.0);
    }
    series.flush().unwrap();
    series.thin().unwrap();
    series.expire().unwrap();
    assert_eq!(hours(&series), [1, 7, 7]);
}

#[test]
fn nothing_is_pruned_before_its_rows_are_made() {
    let mut bed = Bed::new();
    bed.options.tiers =
        vec![TierOptions { resolution_ms: 5 * MINUTE, retention_ms: None, partitions: 4 }];
    let series = filled(&mut bed);
    series.set_retention_ms(Some(2 * HOUR));
    series.set_retention_rules(vec![rule("3", 50)]);
    let wanted = all(&series);
    let before = changes(&series);
    series.expire().unwrap();
    assert_eq!(changes(&series), before, "nothing is touched");
    series.thin().unwrap();
    series.expire().unwrap();
    let held: Vec<u64> = series.survey().unwrap().partitions.iter().map(|it| it.series).collect();
    assert_eq!(held, [1, 1, 1, 1, 3, 3]);
    assert_eq!(all(&series), wanted, "rows of one sample are that sample");
}
