//! What happens by itself: flushes, retention, idle series.

use std::time::{Duration, Instant};

use super::{Bed, HOUR, MINUTE, START, all, of, store, up};

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn retention_deletes_whole_partitions_and_nothing_younger() {
    let mut bed = Bed::new();
    bed.options.retention_ms = Some(4 * HOUR);
    let series = bed.open();
    for hours in (0..4).rev() {
        store(&series, &up(1), START - hours * HOUR + MINUTE, hours as f64);
    }
    series.flush().unwrap();
    assert_eq!(bed.partitions().len(), 4);
    assert_eq!(series.expire().unwrap(), 0);
    bed.set_now(START + HOUR + 59 * MINUTE);
    assert_eq!(series.expire().unwrap(), 0, "its last minute is young enough");
    assert_eq!(of(&series, &up(1)).len(), 4);
    bed.set_now(START + 2 * HOUR);
    assert_eq!(series.expire().unwrap(), 1);
    assert_eq!(of(&series, &up(1)).len(), 3);
    bed.set_now(START + 2 * HOUR - 1);
    series.set_retention_ms(Some(HOUR));
    assert_eq!(series.expire().unwrap(), 2);
    series.set_retention_ms(None);
    bed.set_now(START + 1000 * HOUR);
    assert_eq!(series.expire().unwrap(), 0);
    let left = all(&series);
    assert_eq!(left.values().map(Vec::len).sum::<usize>(), 1);
    drop(series);
    assert_eq!(bed.partitions().len(), 1);
    assert_eq!(all(&bed.open()), left);
}

#[test]
fn retention_by_size_deletes_the_oldest_and_never_the_newest() {
    let bed = Bed::new();
    let series = bed.open();
    for hours in (0..4).rev() {
        store(&series, &up(1), START - hours * HOUR + MINUTE, hours as f64);
    }
    series.flush().unwrap();
    let each = series.engine().partitions.list()[0].size_bytes();
    assert_eq!(series.expire().unwrap(), 0);
    series.set_retention_bytes(Some(each * 7 / 2));
    assert_eq!(series.expire().unwrap(), 1);
    let times = || of(&series, &up(1)).into_iter().map(|(_, hours)| hours).collect::<Vec<_>>();
    assert_eq!(times(), [2.0, 1.0, 0.0]);
    series.set_retention_bytes(Some(0));
    assert_eq!(series.expire().unwrap(), 2);
    assert_eq!(times(), [0.0]);
    assert_eq!(series.expire().unwrap(), 0);
}

#[test]
fn a_partition_that_comes_again_after_its_end_is_a_new_one() {
    let bed = Bed::new();
    let series = bed.open();
    for i in 0..10 {
        store(&series, &up(i), START + i64::from(i), 1.0);
    }
    series.flush().unwrap();
    series.set_retention_ms(Some(HOUR));
    bed.set_now(START + 3 * HOUR);
    assert_eq!(series.expire().unwrap(), 1);
    series.set_retention_ms(None);
    store(&series, &up(9), START + 100, 2.0);
    store(&series, &up(10), START + 101, 3.0);
    series.flush().unwrap();
    assert_eq!(of(&series, &up(9)), [(START + 100, 2.0)]);
    assert_eq!(of(&series, &up(10)), [(START + 101, 3.0)]);
    assert_eq!(all(&series).len(), 2);
}

#[test]
fn a_clock_that_jumps_ahead_and_back_deletes_nothing() {
    let mut bed = Bed::new();
    bed.options.retention_ms = Some(HOUR);
    bed.options.retention_grace_ms = 600_000;
    let series = bed.open();
    store(&series, &up(1), START, 1.0);
    series.flush().unwrap();
    bed.set_now(START + 100_000 * HOUR);
    assert_eq!(series.expire().unwrap(), 0);
    bed.set_now(START);
    assert_eq!(series.expire().unwrap(), 0);
    assert_eq!(of(&series, &up(1)), [(START, 1.0)]);
}

#[test]
fn memory_that_is_full_is_flushed_by_itself() {
    let mut bed = Bed::new();
    bed.options.flush_bytes = 100;
    let series = bed.open();
    for i in 0..120 {
        store(&series, &up(1), START + i, 0.0);
    }
    eventually("a flush", || series.status().flushes > 0);
    assert_eq!(of(&series, &up(1)).len(), 120);
}

#[test]
fn a_failed_journal_recovers_by_itself() {
    let bed = Bed::new();
    let series = bed.open();
    store(&series, &up(1), START, 0.0);
    series.engine().journal.fail("the disk is full");
    assert_eq!(series.status().trouble.as_deref(), Some("the disk is full"));
    eventually("the journal takes appends again", || series.trouble().is_none());
    store(&series, &up(1), START + 1, 0.0);
}

#[test]
fn flushed_segments_stay_for_a_while_and_then_go() {
    let mut bed = Bed::new();
    bed.options.journal_keep_ms = 300;
    let series = bed.open();
    store(&series, &up(1), START, 0.0);
    series.flush().unwrap();
    assert_eq!(bed.segments().len(), 2);
    eventually("the flushed segment goes", || bed.segments().len() == 1);
    assert_eq!(of(&series, &up(1)), [(START, 0.0)]);
}

#[test]
fn idle_series_leave_memory_and_come_back() {
    let bed = Bed::new();
    let series = bed.open();
    for i in 0..10 {
        store(&series, &up(i), START, 1.0);
    }
    series.engine().evict(0);
    assert_eq!(series.status().active_series, 10, "what no partition holds stays");
    series.flush().unwrap();
    series.engine().evict(0);
    assert_eq!((series.status().active_series, series.status().evicted_series), (0, 10));
    assert_eq!(series.cardinality(5).label_names, 0);
    // Slots are taken again by others, in the same segment.
    for i in (5..15).rev() {
        store(&series, &up(i), START + 1, f64::from(i));
    }
    let data = all(&series);
    assert_eq!(data.len(), 15);
    assert_eq!(of(&series, &up(7)), [(START, 1.0), (START + 1, 7.0)]);
    assert_eq!(of(&series, &up(12)), [(START + 1, 12.0)]);
    assert_eq!(all(&bed.crashed().open()), data);
    series.flush().unwrap();
    assert_eq!(all(&series), data);
}
