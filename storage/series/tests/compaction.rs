//! Compaction: what a partition holds before it holds after, in fewer blocks and bytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use metric::{Matcher, Select, SeriesReader};

use super::{Bed, Data, HOUR, MINUTE, START, all, append, of, read, set, store, up};
use crate::Series;

/// Two partitions written by ten flushes, with series that come and go, late samples, doubles and
/// a restart after which series have second numbers.
fn filled(bed: &Bed) -> Series {
    let mut series = bed.open();
    for round in 0..10_i64 {
        for i in 0..200_u32 {
            let of_host = set(&[("__name__", "up"), ("n", &i.to_string()), ("x", "y")]);
            if (i64::from(i) + round) % 7 < 5 {
                for step in 0..5 {
                    let at = START - 119 * MINUTE + round * 12 * MINUTE + step * MINUTE;
                    append(&series, &[(&of_host, at, (i64::from(i) * step) as f64)]);
                    append(&series, &[(&of_host, at - 30_000, 0.5)]);
                }
            }
        }
        series.flush().unwrap();
        if round == 4 {
            series.close().unwrap();
            drop(series);
            series = bed.open();
            // Few enough to get second numbers.
            for i in 0..5 {
                let of_host = set(&[("__name__", "up"), ("n", &i.to_string()), ("x", "y")]);
                append(&series, &[(&of_host, START - 65 * MINUTE, 7.0)]);
                append(&series, &[(&of_host, START - 2 * HOUR, 9.0)]);
            }
            series.flush().unwrap();
        }
    }
    series
}

fn lists(series: &Series) -> (Vec<String>, Vec<String>, usize) {
    let names = series.label_names(&[], i64::MIN, i64::MAX, 1000).unwrap().items;
    let values = series.label_values("n", &[], i64::MIN, i64::MAX, 1000).unwrap().items;
    (names, values, series.series(&[], i64::MIN, i64::MAX, 1000).unwrap().len())
}

#[test]
fn what_is_read_and_listed_stays_the_same_and_takes_less() {
    let bed = Bed::new();
    let series = filled(&bed);
    let (data, listed) = (all(&series), lists(&series));
    let blocks = |series: &Series| -> usize {
        let list = series.engine().partitions.list();
        list.iter().map(|at| at.reader().unwrap().raw_values().unwrap().len()).sum()
    };
    let before = blocks(&series);
    assert!(series.engine().partitions.list().iter().all(|at| !at.summary().unwrap().compact));
    let cleaned = series.engine().compact_where(|_, summary| !summary.compact).unwrap();
    assert_eq!(cleaned.partitions, 2);
    assert_eq!(lists(&series), listed);
    assert_eq!(all(&series), data);
    assert!(blocks(&series) < before, "{} of {before}", blocks(&series));
    let mut samples = 0;
    for partition in series.engine().partitions.list() {
        let summary = partition.summary().unwrap();
        assert_eq!((summary.series, summary.compact, summary.compacted), (200, true, true));
        samples += summary.samples.unwrap();
    }
    assert_eq!(samples as usize, data.values().map(Vec::len).sum::<usize>(), "no doubles");
    assert_eq!(series.engine().compact_where(|_, s| !s.compact).unwrap().partitions, 0);
    let status = series.status();
    assert_eq!(status.compactions, 2);
    assert!(status.compacted_to_bytes <= status.compacted_from_bytes);
    assert_eq!(all(&bed.crashed().open()), data);
    drop(series);
    assert_eq!(all(&bed.open()), data);
}

#[test]
fn series_go_on_in_a_compacted_partition_under_their_numbers() {
    let bed = Bed::new();
    let series = filled(&bed);
    let mut data = all(&series);
    series.engine().compact_where(|_, _| true).unwrap();
    for i in 0..200 {
        let of_host = set(&[("__name__", "up"), ("n", &i.to_string()), ("x", "y")]);
        store(&series, &of_host, START - 1, 3.5);
        data.get_mut(&of_host.to_string()).unwrap().push((START - 1, 3.5_f64.to_bits()));
    }
    assert_eq!(all(&series), data);
    series.flush().unwrap();
    assert_eq!(all(&series), data);
    let summary = series.engine().partitions.list()[1].summary().unwrap();
    assert_eq!((summary.series, summary.compact), (200, false));
    series.engine().compact_where(|_, summary| !summary.compact).unwrap();
    assert_eq!(all(&series), data);
}

#[test]
fn cleaning_removes_what_was_deleted_and_partitions_that_are_empty() {
    let bed = Bed::new();
    let series = filled(&bed);
    let odd = vec![Matcher::new(metric::MatchOp::Matches, "n", ".*[13579]").unwrap()];
    series.delete(&[odd], i64::MIN, i64::MAX).unwrap();
    series.delete(&[vec![]], i64::MIN, START - HOUR - 1).unwrap();
    let left = all(&series);
    assert_eq!(left.len(), 100);
    let cleaned = series.clean().unwrap();
    assert_eq!(cleaned.partitions, 2);
    assert!(cleaned.to_bytes < cleaned.from_bytes, "{cleaned:?}");
    assert_eq!(all(&series), left);
    assert_eq!(bed.partitions().len(), 1);
    let summary = series.engine().partitions.list()[0].summary().unwrap();
    assert_eq!((summary.series, summary.tombstones), (100, false));
    assert_eq!(series.clean().unwrap().partitions, 0);
    assert_eq!(all(&bed.crashed().open()), left);
}

#[test]
fn a_selection_made_before_goes_on_reading_the_old_file() {
    let bed = Bed::new();
    let series = filled(&bed);
    let data = all(&series);
    let selection = series.select(&[], i64::MIN, i64::MAX, Select::default()).unwrap();
    series.engine().compact_where(|_, _| true).unwrap();
    series.delete(&[vec![]], i64::MIN, i64::MAX).unwrap();
    series.clean().unwrap();
    assert_eq!(all(&series), Data::new());
    let mut samples = metric::Samples::new();
    for i in 0..selection.len() {
        selection.read(i, &mut samples).unwrap();
        assert_eq!(samples.len(), data[&selection.labels(i).to_string()].len());
    }
}

#[test]
fn a_flush_or_a_deletion_in_the_middle_wins() {
    let bed = Bed::new();
    let series = filled(&bed);
    let engine = series.engine();
    let partition = engine.partitions.list()[1].clone();
    let mut steps = 0;
    let mut tries = 0;
    let late = set(&[("__name__", "late")]);
    let outcome = engine.compact_with(&partition, &mut || {
        steps += 1;
        if steps == 2 {
            store(&series, &late, START - 10, 1.0);
            series.flush().unwrap();
            tries += 1;
        }
        Ok(())
    });
    assert_eq!((outcome.unwrap(), tries), (false, 1));
    assert!(!partition.dir().join("data.new").exists());
    assert_eq!(of(&series, &late), [(START - 10, 1.0)]);
    let outcome = engine.compact_with(&partition, &mut || Ok(()));
    assert!(outcome.unwrap());
    assert_eq!(of(&series, &late), [(START - 10, 1.0)]);
    let outcome = engine.compact_with(&partition, &mut || {
        series.delete(&[vec![Matcher::equal("__name__", "late")]], 0, START).unwrap();
        Ok(())
    });
    assert!(!outcome.unwrap());
    assert_eq!(of(&series, &late), []);
}

#[test]
fn a_compaction_that_ends_early_leaves_the_old_file_and_nothing_beside() {
    let bed = Bed::new();
    let series = filled(&bed);
    let data = all(&series);
    let partition = series.engine().partitions.list()[0].clone();
    for stop in [1, 3, 6] {
        let mut steps = 0;
        let mut crashed = None;
        let outcome = series.engine().compact_with(&partition, &mut || {
            steps += 1;
            if steps < stop {
                return Ok(());
            }
            crashed = Some(bed.crashed());
            let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(crate::disk::DiskError::io(partition.dir(), &full))
        });
        assert!(outcome.is_err());
        assert!(!partition.dir().join("data.new").exists());
        assert_eq!(all(&series), data);
        // Killed at this moment: the file that was begun goes at opening.
        let copy = crashed.unwrap();
        let left = || copy.partitions()[0].with_file_name("data.new").exists();
        assert!(left());
        assert_eq!(all(&copy.open()), data);
        assert!(!left());
    }
}

#[test]
fn readers_beside_compactions_see_every_sample_under_its_labels() {
    let bed = Bed::new();
    let series = filled(&bed);
    let data = all(&series);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut rounds = 0;
                    while !done.load(Ordering::SeqCst) || rounds == 0 {
                        let wanted = [Matcher::equal("x", "y")];
                        assert!(read(&series, &wanted, i64::MIN, i64::MAX) == data);
                        rounds += 1;
                    }
                })
            })
            .collect();
        // Each time the numbers change: a series more, which sorts first.
        for round in 0..10_u32 {
            let n = (100 - round).to_string();
            let labels = set(&[("a", &n)]);
            append(&series, &[(&labels, START - 2 * HOUR, 1.0), (&labels, START - 1, 1.0)]);
            series.flush().unwrap();
            series.engine().compact_where(|_, _| true).unwrap();
            if round % 2 == 0 {
                series.delete(&[vec![Matcher::equal("a", &n)]], i64::MIN, i64::MAX).unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn partitions_whose_time_is_over_are_compacted_by_themselves() {
    let mut bed = Bed::new();
    bed.options.compact_quiet_ms = 0;
    let series = filled(&bed);
    let data = all(&series);
    let engine = series.engine();
    let compact = || -> Vec<bool> {
        engine.partitions.list().iter().map(|at| at.summary().unwrap().compact).collect()
    };
    bed.set_now(START - 1);
    engine.compact_due();
    assert_eq!(compact(), [false, false], "late samples may come");
    bed.set_now(START + HOUR - 1);
    engine.compact_due();
    assert_eq!(compact(), [true, false]);
    bed.set_now(START + HOUR);
    engine.compact_due();
    engine.compact_due();
    assert_eq!(compact(), [true, true]);
    assert_eq!(all(&series), data);
    assert_eq!(series.status().compactions, 2);
}

#[test]
fn a_damaged_partition_is_not_compacted_and_not_tried_again_at_once() {
    let mut bed = Bed::new();
    bed.options.compact_quiet_ms = 0;
    let series = filled(&bed);
    let partition = series.engine().partitions.list()[0].clone();
    let values = partition.reader().unwrap().raw_values().unwrap();
    let largest = values.iter().max_by_key(|value| value.len()).unwrap().clone();
    drop((partition, series));
    let file = bed.partitions()[0].clone();
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(64).position(|part| part == &largest[..64]).unwrap();
    bytes[at + 70] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let series = bed.open();
    bed.set_now(START + 2 * HOUR);
    for _ in 0..4 {
        series.engine().compact_due();
    }
    let status = series.status();
    assert_eq!((status.compactions, status.compaction_failures), (1, 1));
    assert!(series.engine().compact_where(|_, summary| !summary.compact).is_err());
    drop(series);
    assert!(bed.partitions()[0].exists());
}

#[test]
fn closing_does_not_wait_for_a_compaction() {
    let bed = Bed::new();
    let series = filled(&bed);
    let started = Instant::now();
    assert!(!series.engine().rest(Duration::ZERO));
    series.close().unwrap();
    assert!(series.engine().rest(Duration::from_secs(3600)), "{:?}", started.elapsed());
    assert!(series.engine().compact_where(|_, _| true).is_err());
    assert_eq!(store_up(&bed), 1);
}

fn store_up(bed: &Bed) -> usize {
    let copy = bed.crashed();
    let series = copy.open();
    store(&series, &up(1), START, 1.0);
    of(&series, &up(1)).len()
}
