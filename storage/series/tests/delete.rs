//! Deleting: what vanishes, what stays, what comes back and what a crash may not undo.

use metric::{MatchOp, Matcher};

use super::{Bed, HOUR, MINUTE, START, all, append, of, read_last, store, up};
use crate::{DeleteError, Deleted, Series};

fn delete(series: &Series, instance: u32, from_ms: i64, to_ms: i64) -> Deleted {
    let selector = vec![Matcher::equal("instance", &instance.to_string())];
    series.delete(&[selector], from_ms, to_ms).unwrap()
}

/// Ten series with a sample each minute of two hours, in two partitions, half of it in memory.
fn filled(bed: &Bed) -> Series {
    let series = bed.open();
    for minute in 0..120 {
        for i in 0..10 {
            store(&series, &up(i), START - 2 * HOUR + minute * MINUTE, f64::from(i));
        }
        if minute == 60 {
            series.flush().unwrap();
        }
    }
    series
}

#[test]
fn a_span_of_a_series_vanishes_and_nothing_else() {
    let bed = Bed::new();
    let series = filled(&bed);
    let mut wanted = all(&series);
    let (from_ms, to_ms) = (START - 80 * MINUTE, START - 40 * MINUTE);
    wanted.get_mut(&up(3).to_string()).unwrap().retain(|(at, _)| !(from_ms..=to_ms).contains(at));
    assert_eq!(delete(&series, 3, from_ms, to_ms), Deleted { series: 1, partitions: 2 });
    assert_eq!(all(&series), wanted);
    assert_eq!(wanted[&up(3).to_string()].len(), 120 - 41);
    assert_eq!(all(&bed.crashed().open()), wanted);
    drop(series);
    assert_eq!(all(&bed.open()), wanted);
}

#[test]
fn a_series_without_samples_is_in_no_list() {
    let bed = Bed::new();
    let series = filled(&bed);
    let selectors = [
        vec![Matcher::equal("instance", "1"), Matcher::equal("__name__", "up")],
        vec![Matcher::new(MatchOp::Matches, "instance", "2|3").unwrap()],
    ];
    let deleted = series.delete(&selectors, i64::MIN, i64::MAX).unwrap();
    assert_eq!(deleted, Deleted { series: 3, partitions: 2 });
    let again = bed.crashed();
    for series in [series, again.open()] {
        let values = || series.label_values("instance", &[], i64::MIN, i64::MAX, 100).unwrap();
        assert_eq!(values().items, ["0", "4", "5", "6", "7", "8", "9"]);
        assert_eq!(series.series(&[], i64::MIN, i64::MAX, 100).unwrap().len(), 7);
        let gone = [Matcher::equal("instance", "2")];
        let names = series.label_names(&gone, i64::MIN, i64::MAX, 100).unwrap();
        assert_eq!(names.items, Vec::<String>::new());
        assert_eq!(series.delete(&selectors, i64::MIN, i64::MAX).unwrap(), Deleted::default());
        // It comes back under its old number.
        store(&series, &up(2), START, 5.0);
        series.flush().unwrap();
        assert_eq!(of(&series, &up(2)), [(START, 5.0)]);
        assert_eq!(values().items.len(), 8);
    }
}

#[test]
fn what_comes_after_a_deletion_is_kept_at_the_same_times() {
    let mut bed = Bed::new();
    bed.options.out_of_order_ms = 3 * HOUR;
    let series = filled(&bed);
    let wanted = all(&series);
    delete(&series, 4, i64::MIN, i64::MAX);
    assert_eq!(of(&series, &up(4)), []);
    // The newest first: it is neither a duplicate nor does it make the others late.
    for minute in (60..120).rev().chain(0..60) {
        store(&series, &up(4), START - 2 * HOUR + minute * MINUTE, 4.0);
    }
    assert_eq!(all(&series), wanted);
    assert_eq!(all(&bed.crashed().open()), wanted);
    series.flush().unwrap();
    assert_eq!(all(&series), wanted);
    assert_eq!(all(&bed.crashed().open()), wanted);
}

#[test]
fn the_newest_sample_is_not_shown_from_memory() {
    let bed = Bed::new();
    let series = filled(&bed);
    let newest_ms = START - MINUTE;
    delete(&series, 5, newest_ms, newest_ms);
    let last = |series: &Series| read_last(series, i64::MIN, i64::MAX)[&up(5).to_string()][0].0;
    assert_eq!(last(&series), newest_ms - MINUTE);
    // An older one comes: the newest is still one that a partition holds.
    let late = append(&series, &[(&up(5), START - 30 * MINUTE - 1, 1.0)]);
    assert_eq!(late.accepted, 1);
    assert_eq!(last(&series), newest_ms - MINUTE);
    let again = append(&series, &[(&up(5), newest_ms, 7.0)]);
    assert_eq!((again.accepted, again.duplicates), (1, 0));
    assert_eq!(of(&series, &up(5)).last(), Some(&(newest_ms, 7.0)));
}

#[test]
fn many_deletions_of_one_span_are_one_tombstone_and_too_many_are_refused() {
    let bed = Bed::new();
    let series = filled(&bed);
    for i in 0..10 {
        delete(&series, i, START - HOUR, START - HOUR + MINUTE);
    }
    let refused = (0..2000).find_map(|step| {
        let selector = vec![Matcher::equal("instance", "1")];
        series.delete(&[selector], START - HOUR, START - HOUR + step).err()
    });
    let Some(DeleteError::Disk(error)) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("too many deletions"), "{error}");
    assert_eq!(of(&series, &up(2)).len(), 118);
}

#[test]
fn a_closed_engine_deletes_nothing() {
    let bed = Bed::new();
    let series = filled(&bed);
    series.close().unwrap();
    let refused = series.delete(&[vec![]], i64::MIN, i64::MAX);
    assert!(matches!(refused, Err(DeleteError::Closed)));
    assert_eq!(all(&series).len(), 10);
}

#[test]
fn a_flush_that_failed_between_partition_and_catalogue_brings_nothing_back() {
    let bed = Bed::new();
    let series = filled(&bed);
    let before = bed.crashed();
    series.flush().unwrap();
    for (from, to) in bed.partitions().iter().zip(before.partitions()) {
        std::fs::copy(from, to).unwrap();
    }
    // Replayed, and in a partition already.
    let series = before.open();
    assert!(series.status().pending_samples > 0);
    delete(&series, 6, i64::MIN, i64::MAX);
    assert_eq!(of(&series, &up(6)), []);
    assert_eq!(of(&before.crashed().open(), &up(6)), []);
    assert_eq!(of(&series, &up(7)).len(), 120);
}
