//! What is taken, what is refused and why, and what comes back.

use metric::{EncodedLabels, LabelError, LabelLimits, Matcher, STALE_NAN, Select};
use metric::{ReadError, SeriesReader, push_label, stale_nan};

use super::{Bed, HOUR, MINUTE, START, all, append, of, read, set, store, up};
use crate::{AppendError, Appended, Batch, Options, RejectReason};

fn reason(outcome: &Appended) -> &RejectReason {
    assert_eq!((outcome.accepted, outcome.rejected), (0, 1), "{outcome:?}");
    &outcome.rejections[0].reason
}

#[test]
fn samples_come_back_bit_exact_from_memory_and_from_a_partition() {
    let bed = Bed::new();
    let series = bed.open();
    let values = [
        1.0,
        -0.0,
        0.1,
        f64::NAN,
        f64::from_bits(0xfff8_0000_0000_1234),
        f64::INFINITY,
        f64::MIN_POSITIVE / 3.0,
        f64::MAX,
        stale_nan(),
    ];
    let wanted: Vec<(i64, u64)> = values
        .iter()
        .enumerate()
        .map(|(i, value)| (START - HOUR + i as i64 * 15_000, value.to_bits()))
        .collect();
    for (at, bits) in &wanted {
        store(&series, &up(1), *at, f64::from_bits(*bits));
    }
    assert_eq!(wanted[8].1, STALE_NAN);
    let name = up(1).to_string();
    assert_eq!(all(&series)[&name], wanted);
    series.flush().unwrap();
    assert_eq!(series.status().pending_samples, 0);
    assert_eq!(all(&series)[&name], wanted);
}

#[test]
fn a_range_cuts_at_both_ends_inclusively() {
    let bed = Bed::new();
    let series = bed.open();
    for i in 0..600 {
        store(&series, &up(1), START - 3 * HOUR + i * 15_000, i as f64);
        if i == 299 {
            series.flush().unwrap();
        }
    }
    for (from, to) in [(0, 0), (3, 3), (10, 500), (299, 300), (598, 700), (-5, 2)] {
        let (from_ms, to_ms) = (START - 3 * HOUR + from * 15_000, START - 3 * HOUR + to * 15_000);
        let found = read(&series, &[], from_ms, to_ms);
        let times: Vec<i64> = found[&up(1).to_string()].iter().map(|(at, _)| *at).collect();
        let wanted: Vec<i64> =
            (from.max(0)..=to.min(599)).map(|i| START - 3 * HOUR + i * 15_000).collect();
        assert_eq!(times, wanted, "{from}..={to}");
    }
}

#[test]
fn the_first_value_at_a_time_wins_and_the_same_again_is_a_duplicate() {
    let bed = Bed::new();
    let series = bed.open();
    store(&series, &up(1), START, 1.0);
    let again = append(&series, &[(&up(1), START, 1.0)]);
    assert_eq!((again.accepted, again.duplicates, again.rejected), (0, 1, 0));
    let other = append(&series, &[(&up(1), START, 2.0)]);
    assert_eq!(reason(&other), &RejectReason::DuplicateTimestamp);
    store(&series, &up(1), START + 1, 5.0);
    let behind = append(&series, &[(&up(1), START, 1.0), (&up(1), START, 7.0)]);
    assert_eq!((behind.duplicates, behind.rejected), (1, 1));
    assert_eq!(of(&series, &up(1)), [(START, 1.0), (START + 1, 5.0)]);
    // Zero and minus zero differ, a NaN equals itself.
    assert_eq!(append(&series, &[(&up(2), START, 0.0), (&up(2), START, -0.0)]).rejected, 1);
    let nan = f64::NAN;
    assert_eq!(append(&series, &[(&up(3), START, nan), (&up(3), START, nan)]).duplicates, 1);
}

#[test]
fn samples_out_of_order_are_taken_within_the_window() {
    let mut bed = Bed::new();
    bed.options.out_of_order_ms = 10 * MINUTE;
    let series = bed.open();
    store(&series, &up(1), START, 0.0);
    for minutes in [10, 3, 7, 1] {
        store(&series, &up(1), START - minutes * MINUTE, minutes as f64);
    }
    let late = append(&series, &[(&up(1), START - 10 * MINUTE - 1, 0.0)]);
    assert_eq!(reason(&late), &RejectReason::OutOfOrder { newest_ms: START });
    assert_eq!(append(&series, &[(&up(1), START - 3 * MINUTE, 3.0)]).duplicates, 1);
    let other = append(&series, &[(&up(1), START - 3 * MINUTE, 4.0)]);
    assert_eq!(reason(&other), &RejectReason::DuplicateTimestamp);
    let wanted: Vec<(i64, f64)> =
        [10, 7, 3, 1, 0].iter().map(|m| (START - m * MINUTE, f64::from(*m as i32))).collect();
    assert_eq!(of(&series, &up(1)), wanted);
    series.flush().unwrap();
    assert_eq!(of(&series, &up(1)), wanted);
    // Late beside what the partition holds.
    store(&series, &up(1), START - 5 * MINUTE, 5.0);
    assert_eq!(of(&series, &up(1)).len(), 6);
}

#[test]
fn very_many_late_samples_cost_little_each() {
    let bed = Bed::new();
    let series = bed.open();
    store(&series, &up(1), START, 0.0);
    let labels = up(1);
    let mut batch = Batch::new();
    for i in 1..=300_000 {
        batch.push(labels.encoded(), START - i, i as f64);
    }
    let started = std::time::Instant::now();
    assert_eq!(series.append(&batch).unwrap().accepted, 300_000);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    assert_eq!(of(&series, &labels).len(), 300_001);
}

#[test]
fn times_beyond_the_window_are_refused() {
    let mut bed = Bed::new();
    bed.options.future_ms = MINUTE;
    bed.options.retention_ms = Some(HOUR);
    let series = bed.open();
    store(&series, &up(1), START + MINUTE, 0.0);
    let ahead = append(&series, &[(&up(1), START + MINUTE + 1, 0.0)]);
    assert_eq!(reason(&ahead), &RejectReason::TooFarInFuture { latest_ms: START + MINUTE });
    store(&series, &up(2), START - HOUR, 0.0);
    let old = append(&series, &[(&up(3), START - HOUR - 1, 0.0)]);
    assert_eq!(reason(&old), &RejectReason::TooOld { oldest_ms: START - HOUR });
    for extreme in [i64::MIN, i64::MAX] {
        assert_eq!(append(&series, &[(&up(4), extreme, 0.0)]).rejected, 1);
    }
    series.set_retention_ms(None);
    assert_eq!(append(&series, &[(&up(4), i64::MIN, 0.0)]).rejected, 1);
    assert_eq!(series.status().active_series, 2);
}

#[test]
fn times_before_the_epoch_are_stored() {
    let mut bed = Bed::new();
    bed.options.out_of_order_ms = i64::MAX;
    let series = bed.open();
    for at in [-1, -HOUR, -HOUR - 1, 0, 1] {
        store(&series, &up(1), at, at as f64);
    }
    series.flush().unwrap();
    let times: Vec<i64> = of(&series, &up(1)).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [-HOUR - 1, -HOUR, -1, 0, 1]);
    assert_eq!(bed.partitions().len(), 3);
}

#[test]
fn new_series_beyond_the_limit_are_refused_while_known_ones_go_on() {
    let mut bed = Bed::new();
    bed.options.series.all = 3;
    let series = bed.open();
    for i in 0..3 {
        store(&series, &up(i), START, 0.0);
    }
    let outcome = append(
        &series,
        &[(&up(0), START + 1, 1.0), (&up(3), START + 1, 1.0), (&up(2), START + 1, 1.0)],
    );
    assert_eq!((outcome.accepted, outcome.rejected), (2, 1));
    assert_eq!(outcome.rejections[0].reason, RejectReason::TooManySeries { max: 3 });
    assert_eq!(outcome.rejections[0].position, 1);
    assert_eq!(outcome.rejections[0].series, up(3).to_string());
    assert_eq!(all(&series).len(), 3);
}

#[test]
fn label_limits_name_what_exceeds_them() {
    let mut bed = Bed::new();
    bed.options.labels = LabelLimits { labels_max: 2, name_bytes_max: 8, value_bytes_max: 4 };
    let series = bed.open();
    let many = append(&series, &[(&set(&[("a", "1"), ("b", "1"), ("c", "1")]), START, 0.0)]);
    let is = |found: &RejectReason, wanted: fn(&LabelError) -> bool| match found {
        RejectReason::Labels(error) => assert!(wanted(error), "{error:?}"),
        other => panic!("{other:?}"),
    };
    is(reason(&many), |e| matches!(e, LabelError::TooMany { max: 2, .. }));
    let name = append(&series, &[(&set(&[("abcdefghi", "1")]), START, 0.0)]);
    is(reason(&name), |e| matches!(e, LabelError::NameTooLong { len_bytes: 9, .. }));
    let value = append(&series, &[(&set(&[("a", "12345")]), START, 0.0)]);
    is(reason(&value), |e| matches!(e, LabelError::ValueTooLong { len_bytes: 5, .. }));
    let none = append(&series, &[(&metric::Labels::empty(), START, 0.0)]);
    assert_eq!(reason(&none), &RejectReason::NoLabels);
    assert_eq!(series.status().active_series, 0);
}

#[test]
fn other_encodings_of_a_label_set_find_the_same_series() {
    let bed = Bed::new();
    let series = bed.open();
    let canonical = set(&[("__name__", "up"), ("job", "node")]);
    let mut unsorted = Vec::new();
    push_label(&mut unsorted, "job", "node");
    push_label(&mut unsorted, "empty", "");
    push_label(&mut unsorted, "__name__", "up");
    // A length in two bytes where one would do, and value before name.
    let long = [
        &[0x0a, 0x8e, 0x00, 0x0a, 8][..],
        b"__name__",
        &[0x12, 2],
        b"up",
        &[0x0a, 11, 0x12, 4],
        b"node",
        &[0x0a, 3],
        b"job",
    ]
    .concat();
    let encodings = [canonical.encoded().as_bytes(), &unsorted[..], &long[..]];
    for (i, encoding) in encodings.iter().enumerate() {
        let mut batch = Batch::new();
        batch.push(EncodedLabels(encoding), START + i as i64, i as f64);
        let outcome = series.append(&batch).unwrap();
        assert_eq!((outcome.accepted, outcome.new_series), (1, u64::from(i == 0)), "{outcome:?}");
    }
    assert_eq!(of(&series, &canonical).len(), 3);
    assert_eq!(all(&series).len(), 1);
}

#[test]
fn good_samples_beside_bad_ones_are_kept() {
    let bed = Bed::new();
    let series = bed.open();
    let mut twice = Vec::new();
    push_label(&mut twice, "a", "1");
    push_label(&mut twice, "a", "2");
    let bad: [&[u8]; 5] = [b"", b"\x0a\xff", &twice, &[0x0a, 4, 0x0a, 2, 0xff, 0xfe], &[0x12, 0]];
    let (first, second) = (up(1), up(2));
    let mut batch = Batch::new();
    batch.push(first.encoded(), START, 1.0);
    for bad in &bad {
        batch.push(EncodedLabels(bad), START, 9.0);
    }
    batch.push(first.encoded(), i64::MAX, 1.0);
    batch.push(second.encoded(), START, 2.0);
    let outcome = series.append(&batch).unwrap();
    assert_eq!((outcome.accepted, outcome.rejected), (2, 6));
    let positions: Vec<usize> = outcome.rejections.iter().map(|r| r.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6]);
    assert!(outcome.rejections.iter().all(|r| !r.reason.code().is_empty()));
    assert_eq!(all(&bed.crashed().open()), all(&series));
    assert_eq!(all(&series).len(), 2);
}

#[test]
fn a_hundred_rejections_are_listed_and_all_are_counted() {
    let bed = Bed::new();
    let series = bed.open();
    let labels = up(1);
    let mut batch = Batch::with_capacity(1000);
    for _ in 0..1000 {
        batch.push(labels.encoded(), i64::MAX, 0.0);
    }
    let outcome = series.append(&batch).unwrap();
    assert_eq!((outcome.rejected, outcome.rejections.len()), (1000, 100));
    assert_eq!(series.status().rejected_samples, 1000);
}

#[test]
fn large_batches_and_many_threads_end_with_every_sample_stored() {
    let bed = Bed::new();
    let series = bed.open();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let series = &series;
            scope.spawn(move || {
                let sets: Vec<_> = (0..50).map(|i| up(thread * 25 + i)).collect();
                for round in 0..20_i64 {
                    let mut batch = Batch::new();
                    for (i, labels) in sets.iter().enumerate() {
                        for step in 0..40 {
                            let at = START - HOUR + (round * 40 + step) * 1000;
                            batch.push(labels.encoded(), at, (thread as usize * 25 + i) as f64);
                        }
                    }
                    let outcome = series.append(&batch).unwrap();
                    assert_eq!(outcome.rejected, 0, "{:?}", outcome.rejections.first());
                    if round % 7 == 3 {
                        series.flush().unwrap();
                    }
                }
            });
        }
    });
    let found = all(&series);
    assert_eq!(found.len(), 125);
    assert!(found.values().all(|samples| samples.len() == 800));
    assert_eq!(all(&bed.crashed().open()), found);
}

#[test]
fn appends_are_refused_beyond_the_pending_limit_and_after_close() {
    let mut bed = Bed::new();
    bed.options.pending_samples_max = 10;
    bed.options.flush_bytes = u64::MAX;
    let series = bed.open();
    for i in 0..11 {
        store(&series, &up(1), START + i, 0.0);
    }
    let labels = up(1);
    let mut batch = Batch::new();
    batch.push(labels.encoded(), START + 20, 0.0);
    let refused = series.append(&batch).unwrap_err();
    assert_eq!(refused, AppendError::Overloaded { pending: 11, max: 10 });
    series.flush().unwrap();
    assert_eq!(series.append(&batch).unwrap().accepted, 1);
    series.close().unwrap();
    assert_eq!(series.append(&batch).unwrap_err(), AppendError::Closed);
    assert_eq!(of(&series, &labels).len(), 12);
}

#[test]
fn a_selection_beyond_its_limit_is_an_error() {
    let bed = Bed::new();
    let series = bed.open();
    for i in 0..10 {
        store(&series, &up(i), START, 0.0);
    }
    for flushed in [false, true] {
        let select = |series_max| {
            let matchers = [Matcher::equal("__name__", "up")];
            series.select(&matchers, START, START, Select { series_max, ..Select::default() })
        };
        let refused = select(9).map(|found| found.len());
        assert!(matches!(refused, Err(ReadError::Limit { max: 9, .. })), "{flushed}");
        assert_eq!(select(10).unwrap().len(), 10);
        series.flush().unwrap();
    }
}

#[test]
fn one_directory_is_opened_once() {
    let bed = Bed::new();
    let series = bed.open();
    store(&series, &up(1), START, 0.0);
    let second = crate::Series::open(&bed.path(), bed.options.clone());
    assert!(second.is_err());
    store(&series, &up(1), START + 1, 0.0);
    drop(series);
    assert_eq!(of(&bed.open(), &up(1)).len(), 2);
}

#[test]
fn the_defaults_are_those_of_an_appliance() {
    let options = Options::new(|| START);
    assert_eq!(options.retention_ms, Some(30 * 24 * HOUR));
    assert_eq!(options.partition_ms, 24 * HOUR);
}
