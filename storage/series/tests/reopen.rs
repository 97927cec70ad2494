//! What is found again after a clean end and after none.

use std::sync::mpsc::channel;

use super::{Bed, Data, HOUR, MINUTE, START, all, append, of, store, up};
use crate::Series;

/// Samples in two partitions, in the journal, out of order, and of a series that is new.
fn fill(bed: &Bed, series: &Series) -> Data {
    for i in 0..100_u32 {
        store(series, &up(i), START - HOUR - MINUTE, f64::from(i));
        store(series, &up(i), START - HOUR + MINUTE, f64::from(i) / 10.0);
    }
    series.flush().unwrap();
    for i in 50..150_u32 {
        store(series, &up(i), START - 20 * MINUTE, f64::from(i) * 1e9);
        store(series, &up(i), START - 25 * MINUTE, -0.0);
    }
    series.flush().unwrap();
    for i in 100..200_u32 {
        store(series, &up(i), START, metric::stale_nan());
        store(series, &up(i), START - 5 * MINUTE, 0.5);
    }
    assert_eq!(bed.partitions().len(), 2);
    let data = all(series);
    assert_eq!(data.values().map(Vec::len).sum::<usize>(), 600);
    data
}

#[test]
fn after_a_clean_close_all_is_there() {
    let bed = Bed::new();
    let series = bed.open();
    let data = fill(&bed, &series);
    series.close().unwrap();
    assert_eq!(all(&series), data);
    drop(series);
    let series = bed.open();
    assert_eq!(series.status().pending_samples, 0);
    assert_eq!(all(&series), data);
}

#[test]
fn after_a_drop_without_close_all_is_there() {
    let bed = Bed::new();
    let series = bed.open();
    let data = fill(&bed, &series);
    drop(series);
    let series = bed.open();
    assert_eq!(series.status().pending_samples, 200);
    assert_eq!(all(&series), data);
    series.flush().unwrap();
    assert_eq!(all(&series), data);
}

#[test]
fn after_a_crash_all_is_there_however_often() {
    let bed = Bed::new();
    let series = bed.open();
    let data = fill(&bed, &series);
    let mut last = bed.crashed();
    for round in 0..4 {
        let series = last.open();
        assert_eq!(all(&series), data, "round {round}");
        if round == 2 {
            series.flush().unwrap();
        }
        last = last.crashed();
    }
}

#[test]
fn series_go_on_after_a_crash_where_they_stood() {
    let bed = Bed::new();
    let series = bed.open();
    let mut data = fill(&bed, &series);
    let bed = bed.crashed();
    let series = bed.open();
    for i in 0..200_u32 {
        store(&series, &up(i), START + MINUTE, 8.0);
        data.entry(up(i).to_string()).or_default().push((START + MINUTE, 8_f64.to_bits()));
    }
    assert_eq!(all(&series), data);
    assert_eq!(append(&series, &[(&up(150), START - 5 * MINUTE, 0.5)]).duplicates, 1);
    assert_eq!(all(&bed.crashed().open()), data);
    series.flush().unwrap();
    assert_eq!(all(&series), data);
}

#[test]
fn a_flush_interrupted_before_the_catalogue_shows_nothing_twice() {
    let bed = Bed::new();
    let series = bed.open();
    let data = fill(&bed, &series);
    let before = bed.crashed();
    series.flush().unwrap();
    let after = bed.crashed();
    // Partitions of after the flush, catalogue and journal of before.
    for (from, to) in after.partitions().iter().zip(before.partitions()) {
        std::fs::copy(from, to).unwrap();
    }
    let series = before.open();
    assert_eq!(series.status().pending_samples, 200);
    assert_eq!(all(&series), data);
    series.flush().unwrap();
    assert_eq!(all(&series), data);
}

#[test]
fn the_first_value_wins_whichever_number_a_series_has_in_a_partition() {
    let bed = Bed::new();
    let series = bed.open();
    for i in 0..40 {
        store(&series, &up(i), START, 1.0);
    }
    series.close().unwrap();
    drop(series);
    // Unknown in memory now, and too few for a search of the dictionary.
    let series = bed.open();
    store(&series, &up(7), START, 2.0);
    series.flush().unwrap();
    assert_eq!(of(&series, &up(7)), [(START, 1.0)]);
    store(&series, &up(7), START + 1, 3.0);
    series.close().unwrap();
    drop(series);
    // All are unknown: the search finds the older of the two numbers.
    let series = bed.open();
    for i in 0..40 {
        store(&series, &up(i), START + 1, 4.0);
    }
    series.flush().unwrap();
    assert_eq!(of(&series, &up(7)), [(START, 1.0), (START + 1, 3.0)]);
    drop(series);
    assert_eq!(of(&bed.open(), &up(7)), [(START, 1.0), (START + 1, 3.0)]);
}

#[test]
fn a_journal_that_fails_during_a_flush_loses_nothing_acknowledged() {
    let bed = Bed::new();
    let series = bed.open();
    store(&series, &up(1), START, 1.0);
    let partition = series.engine().partitions.get_or_create((START / HOUR) as i32).unwrap();
    let (begun, has_begun) = channel();
    let (end, may_end) = channel::<()>();
    let copy = std::thread::scope(|scope| {
        // Holds the flush in the middle: its transaction waits for this one.
        scope.spawn(move || {
            let held = partition.write(|_| {
                begun.send(()).unwrap();
                may_end.recv().unwrap();
                Ok(())
            });
            held.unwrap();
        });
        has_begun.recv().unwrap();
        let segments = bed.segments().len();
        let flush = scope.spawn(|| series.flush());
        while bed.segments().len() == segments || series.engine().head().frozen_samples == 0 {
            std::thread::yield_now();
        }
        store(&series, &up(1), START + 1, 2.0);
        series.engine().journal.fail("the disk is full");
        end.send(()).unwrap();
        flush.join().unwrap().unwrap();
        bed.crashed()
    });
    assert_eq!(of(&copy.open(), &up(1)), [(START, 1.0), (START + 1, 2.0)]);
    // The next flush stores it and takes the journal up again.
    series.flush().unwrap();
    assert_eq!(series.status().trouble, None);
    store(&series, &up(1), START + 2, 3.0);
    assert_eq!(of(&bed.crashed().open(), &up(1)).len(), 3);
}

#[test]
fn a_failed_journal_refuses_until_a_flush_revives_it() {
    let bed = Bed::new();
    let series = bed.open();
    store(&series, &up(1), START, 1.0);
    series.engine().journal.fail("the disk is full");
    let labels = up(1);
    let mut batch = crate::Batch::new();
    batch.push(labels.encoded(), START + 1, 2.0);
    let refused = series.append(&batch).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("the disk is full"), "{refused}");
    series.flush().unwrap();
    assert_eq!(series.append(&batch).unwrap().accepted, 1);
    assert_eq!(of(&bed.crashed().open(), &labels).len(), 2);
}
