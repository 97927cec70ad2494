//! Native histograms: boundaries, arithmetic and resets, against what must always hold.

use std::sync::Arc;

use proptest::prelude::*;

use super::bounds::upper_bound;
use super::*;

fn exponential(schema: i8, first: i32, counts: &[f64]) -> Histogram {
    let count = counts.iter().sum();
    let positive = Buckets::dense(first, counts.to_vec()).unwrap();
    Histogram { schema, count, sum: 2.0 * count, positive, ..Histogram::default() }
}

fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
    let custom_values = Arc::from(bounds);
    Histogram { custom_values, ..exponential(CUSTOM_BUCKETS, 0, counts) }
}

/// Count of all buckets.
fn counted(histogram: &Histogram) -> f64 {
    histogram.buckets().iter().map(|bucket| bucket.count).sum()
}

#[test]
fn boundaries_are_powers() {
    for (schema, index, bound) in [
        (0, 0, 1.0),
        (0, 3, 8.0),
        (0, -1, 0.5),
        (0, 1024, f64::MAX),
        (0, 1025, f64::INFINITY),
        (2, 4, 2.0),
        (2, -8, 0.25),
        (-1, 1, 4.0),
        (-4, 64, f64::MAX),
        (-4, 65, f64::INFINITY),
        (8, 256 * 1024, f64::MAX),
        (0, -1074, 5e-324),
        (0, -1100, 0.0),
        (-4, i32::MAX, f64::INFINITY),
        (-4, i32::MIN, 0.0),
    ] {
        assert_eq!(upper_bound(schema, index), bound, "schema {schema}, index {index}");
    }
    let root = upper_bound(1, 1);
    assert!((root * root - 2.0).abs() < 1e-15);
}

#[test]
fn buckets_ascend_through_zero() {
    let mut histogram = exponential(0, 0, &[1.0, 2.0]);
    histogram.negative = Buckets::dense(1, vec![3.0, 4.0]).unwrap();
    histogram.zero_threshold = 0.75;
    histogram.zero_count = 5.0;
    let found: Vec<_> = histogram.buckets().iter().map(|b| (b.lower, b.upper, b.count)).collect();
    let expected = [
        (-4.0, -2.0, 4.0),
        (-2.0, -1.0, 3.0),
        (-0.75, 0.75, 5.0),
        (0.75, 1.0, 1.0),
        (1.0, 2.0, 2.0),
    ];
    assert_eq!(found, expected);
    let classic = custom(&[1.0, 5.0], &[1.0, 0.0, 2.0]);
    let found: Vec<_> = classic.buckets().iter().map(|b| (b.lower, b.upper)).collect();
    assert_eq!(found, [(f64::NEG_INFINITY, 1.0), (1.0, 5.0), (5.0, f64::INFINITY)]);
}

#[test]
fn spans_that_lie_are_refused() {
    let span = |offset, length| Span { offset, length };
    assert!(Buckets::new(vec![span(0, 2)], vec![1.0]).is_err());
    assert!(Buckets::new(vec![span(0, 1), span(-1, 1)], vec![1.0, 1.0]).is_err());
    assert!(Buckets::new(vec![span(i32::MAX, 1)], vec![1.0]).is_err());
    assert!(Buckets::new(vec![span(0, u32::MAX), span(0, u32::MAX)], vec![]).is_err());
    let gap = Buckets::new(vec![span(-3, 1), span(2, 0), span(1, 2)], vec![1.0, 2.0, 3.0]).unwrap();
    assert_eq!(gap.iter().collect::<Vec<_>>(), [(-3, 1.0), (1, 2.0), (2, 3.0)]);
    assert_eq!(gap.last_index(), Some(2));
}

#[test]
fn what_makes_no_sense_is_not_accepted() {
    assert_eq!(exponential(0, 0, &[1.0]).validate(), Ok(()));
    assert_eq!(custom(&[1.0, 2.0], &[1.0, 1.0, 1.0]).validate(), Ok(()));
    let refused = |histogram: Histogram| histogram.validate().unwrap_err();
    assert_eq!(refused(exponential(9, 0, &[1.0])), HistogramError::Schema(9));
    assert_eq!(refused(exponential(0, 0, &[-1.0])), HistogramError::Count);
    assert_eq!(refused(exponential(0, 0, &[f64::NAN])), HistogramError::Count);
    assert_eq!(refused(custom(&[2.0, 1.0], &[])), HistogramError::CustomValues);
    assert_eq!(refused(custom(&[1.0], &[1.0, 1.0, 1.0])), HistogramError::CustomValues);
    let zero_threshold = -1.0;
    let below = Histogram { zero_threshold, ..exponential(0, 0, &[1.0]) };
    assert_eq!(refused(below), HistogramError::ZeroThreshold);
}

#[test]
fn zero_buckets_grow_until_they_cut_nothing() {
    let mut wide = exponential(0, 2, &[1.0]);
    wide.zero_threshold = 1.5;
    wide.zero_count = 7.0;
    let narrow = exponential(0, 0, &[1.0, 2.0, 4.0]);
    let mut sum = narrow.clone();
    sum.add(&wide).unwrap();
    // 1.5 lies in the bucket (1, 2], which is not empty.
    assert_eq!((sum.zero_threshold, sum.zero_count), (2.0, 10.0));
    assert_eq!(sum.positive.iter().collect::<Vec<_>>(), [(2, 5.0)]);
    let mut other = wide.clone();
    other.add(&narrow).unwrap();
    assert!(other.same(&sum), "{other:?} {sum:?}");
}

#[test]
fn boundaries_that_only_one_has_are_lost() {
    let mut sum = custom(&[1.0, 2.0, 5.0], &[1.0, 2.0, 4.0, 8.0]);
    let merged = sum.add(&custom(&[2.0, 3.0, 5.0], &[10.0, 20.0, 40.0, 80.0])).unwrap();
    assert!(merged.bounds_reconciled);
    assert_eq!(&*sum.custom_values, [2.0, 5.0]);
    assert_eq!(sum.positive.counts(), [13.0, 64.0, 88.0]);
    assert_eq!(sum.add(&exponential(0, 0, &[])), Err(IncompatibleBuckets));
}

#[test]
fn hints_meet() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    for (a, b, hint, collide) in [
        (Unknown, Unknown, Unknown, false),
        (Reset, Reset, Reset, false),
        (Reset, NotReset, Unknown, true),
        (Reset, Unknown, Unknown, false),
        (NotReset, Gauge, Gauge, false),
        (Gauge, Reset, Gauge, false),
    ] {
        let mut sum = Histogram { reset_hint: a, ..Histogram::default() };
        let merged = sum.add(&Histogram { reset_hint: b, ..Histogram::default() }).unwrap();
        assert_eq!((sum.reset_hint, merged.hints_collide), (hint, collide), "{a:?} {b:?}");
    }
}

#[test]
fn resets_are_seen() {
    let before = exponential(1, 0, &[1.0, 2.0, 3.0]);
    let reset = |now: &Histogram| now.reset_since(&before);
    assert!(!reset(&before));
    assert!(!reset(&exponential(1, 0, &[1.0, 2.0, 4.0])));
    assert!(!reset(&exponential(1, -1, &[1.0, 1.0, 2.0, 3.0])));
    assert!(reset(&exponential(1, 0, &[0.0, 9.0, 9.0])), "a bucket shrank");
    assert!(reset(&exponential(1, 1, &[9.0, 9.0])), "a bucket is gone");
    assert!(reset(&exponential(2, 0, &[9.0, 9.0, 9.0])), "a higher resolution");
    // At the lower resolution buckets 1 and 2 are one.
    assert!(!reset(&exponential(0, 0, &[1.0, 5.0])));
    assert!(reset(&exponential(0, 0, &[9.0, 4.0])));
    let mut hinted = exponential(1, 0, &[]);
    hinted.reset_hint = ResetHint::NotReset;
    assert!(!reset(&hinted));
    let mut widened = exponential(1, 2, &[3.0]);
    (widened.zero_threshold, widened.zero_count, widened.count) = (upper_bound(1, 1), 3.0, 6.0);
    assert!(!reset(&widened));
    widened.zero_count = 2.0;
    assert!(reset(&widened), "the zero bucket lost one");
    widened.zero_threshold = 1.2;
    assert!(reset(&widened), "the threshold cuts a bucket");
    let bounds = custom(&[1.0, 2.0], &[1.0, 1.0, 1.0]);
    assert!(!custom(&[2.0, 9.0], &[2.0, 0.0, 1.0]).reset_since(&bounds));
    assert!(custom(&[2.0, 9.0], &[1.0, 1.0, 1.0]).reset_since(&bounds));
}

#[test]
fn dividing_by_zero_leaves_no_bucket() {
    let mut histogram = exponential(0, 0, &[1.0]);
    histogram.divide(0.0);
    assert!(histogram.positive.is_empty() && histogram.count.is_infinite());
    let mut negative = exponential(0, 0, &[1.0]);
    negative.scale(-2.0);
    assert_eq!((negative.reset_hint, negative.positive.counts()), (ResetHint::Gauge, &[-2.0][..]));
}

#[test]
fn deltas_are_differences() {
    let spans = vec![Span { offset: 3, length: 3 }];
    let buckets = Buckets::from_deltas(spans.clone(), [5, -2, 1]).unwrap();
    assert_eq!(buckets.iter().collect::<Vec<_>>(), [(3, 5.0), (4, 3.0), (5, 4.0)]);
    assert!(Buckets::from_deltas(spans, [1]).is_err());
    // Far beyond what is supported, as some senders have them.
    let mut fine = exponential(40, -7, &[1.0, 2.0]);
    fine.reduce(SCHEMA_MAX);
    assert_eq!((fine.validate(), counted(&fine)), (Ok(()), 3.0));
}

fn encoded(histograms: &[Histogram]) -> Vec<u8> {
    let (mut encoder, mut bytes) = (HistogramEncoder::default(), Vec::new());
    histograms.iter().for_each(|histogram| encoder.push(histogram, &mut bytes));
    bytes
}

#[test]
fn few_changes_take_few_bytes() {
    // 160 buckets, of which three grow.
    let mut counts: Vec<f64> = (0..160).map(|i| f64::from(i * 1000)).collect();
    let mut histograms = Vec::new();
    for at in 0..100 {
        [20, 21, 90].into_iter().for_each(|bucket| counts[bucket] += 5.0);
        histograms.push(Histogram { sum: 0.1 + f64::from(at), ..exponential(3, -80, &counts) });
    }
    let bytes = encoded(&histograms).len();
    assert!(bytes < 100 * 24 + 600, "{bytes}");
    let mut first = encoded(&histograms[..1]);
    assert!(HistogramDecoder::default().next(&mut &first[..1]).is_err(), "cut short");
    first[0] &= !1;
    assert!(HistogramDecoder::default().next(&mut &first[..]).is_err(), "no layout before");
}

/// Sides with whole counts, so that sums are exact.
fn sides() -> impl Strategy<Value = Buckets> {
    (prop::collection::vec((0_i32..4, 1_u32..4), 0..5), -20_i32..20).prop_flat_map(
        |(gaps, first)| {
            let length = gaps.iter().map(|(_, length)| *length as usize).sum::<usize>();
            prop::collection::vec(0_u32..1000, length).prop_map(move |counts| {
                let offset = |at: usize, gap: i32| if at == 0 { first } else { gap };
                let spans = gaps.iter().enumerate();
                let spans = spans
                    .map(|(at, (gap, length))| Span { offset: offset(at, *gap), length: *length })
                    .collect();
                Buckets::new(spans, counts.into_iter().map(f64::from).collect()).unwrap()
            })
        },
    )
}

fn histograms() -> impl Strategy<Value = Histogram> {
    let threshold = prop_oneof![Just(0.0), Just(1e-9), 0.001_f64..4.0];
    (SCHEMA_MIN..=SCHEMA_MAX, threshold, 0_u32..100, sides(), sides()).prop_map(
        |(schema, zero_threshold, zero_count, positive, negative)| {
            let zero_count = f64::from(zero_count);
            let counts = positive.counts().iter().chain(negative.counts());
            let count = counts.sum::<f64>() + zero_count;
            let sum = count / 2.0;
            Histogram {
                schema,
                zero_threshold,
                zero_count,
                count,
                sum,
                positive,
                negative,
                ..Histogram::default()
            }
        },
    )
}

proptest! {
    /// Nothing is lost: the buckets of a sum hold what the buckets of both held.
    #[test]
    fn sums_keep_counts(a in histograms(), b in histograms()) {
        let mut sum = a.clone();
        sum.add(&b).unwrap();
        prop_assert_eq!(sum.schema, a.schema.min(b.schema));
        prop_assert!(sum.zero_threshold >= a.zero_threshold.max(b.zero_threshold));
        prop_assert_eq!(counted(&sum), counted(&a) + counted(&b));
        prop_assert_eq!(sum.count, a.count + b.count);
        prop_assert_eq!(sum.validate(), Ok(()));
    }

    #[test]
    fn sums_do_not_depend_on_the_order(a in histograms(), b in histograms()) {
        let (mut left, mut right) = (a.clone(), b.clone());
        left.add(&b).unwrap();
        right.add(&a).unwrap();
        left.compact();
        right.compact();
        prop_assert!(left.same(&right), "{:?} {:?}", left, right);
    }

    /// Adding and subtracting the same leaves the histogram, at the resolution of the sum.
    #[test]
    fn subtracting_undoes_adding(a in histograms(), b in histograms()) {
        let mut there = a.clone();
        there.add(&b).unwrap();
        let mut back = there.clone();
        back.subtract(&b).unwrap();
        back.compact();
        // The same layout, reached by adding something empty of it.
        let mut empty = there.clone();
        empty.scale(0.0);
        let mut expected = a.clone();
        expected.add(&empty).unwrap();
        expected.compact();
        prop_assert!(back.same(&expected), "{:?} {:?}", back, expected);
        let mut nothing = a.clone();
        nothing.subtract(&a).unwrap();
        nothing.compact();
        prop_assert!(nothing.positive.is_empty() && nothing.negative.is_empty());
    }

    /// A counter that only grew is never taken for one that was reset.
    #[test]
    fn growing_is_no_reset(a in histograms(), b in histograms()) {
        let mut grown = a.clone();
        grown.add(&b).unwrap();
        prop_assert!(!grown.reset_since(&a));
        prop_assert!(b.count == 0.0 || a.reset_since(&grown));
    }

    #[test]
    fn bytes_read_back(
        mut histograms in prop::collection::vec(histograms(), 0..8),
        changes in prop::collection::vec((0_usize..8, any::<f64>(), 0_u8..6), 0..20),
    ) {
        for (at, number, what) in changes {
            let count = histograms.len();
            let Some(histogram) = histograms.get_mut(at) else { continue };
            match what {
                0 => histogram.sum = number,
                1 => histogram.scale(number),
                2 => histogram.reset_hint = ResetHint::Gauge,
                3 => histogram.zero_count = number,
                4 if at + 1 < count => histograms[at + 1] = histograms[at].clone(),
                _ => *histogram = custom(&[1.0, number], &[3.0, number]),
            }
        }
        let bytes = encoded(&histograms);
        let (mut decoder, mut rest) = (HistogramDecoder::default(), &bytes[..]);
        for histogram in &histograms {
            let found = decoder.next(&mut rest).unwrap();
            prop_assert!(found.same(histogram), "{:?} {:?}", found, histogram);
            prop_assert_eq!(found.reset_hint, histogram.reset_hint);
        }
        prop_assert!(rest.is_empty());
    }

    /// Damaged bytes are refused or read as something, never with a panic or without bound.
    #[test]
    fn damage_is_no_panic(
        histograms in prop::collection::vec(histograms(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encoded(&histograms);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let (mut decoder, mut rest) = (HistogramDecoder::default(), &bytes[..]);
        for _ in 0..histograms.len() {
            if decoder.next(&mut rest).is_err() {
                break;
            }
        }
    }

    #[test]
    fn compacting_changes_no_bucket(a in histograms()) {
        let mut compact = a.clone();
        compact.compact();
        let full = |h: &Histogram| {
            h.buckets().into_iter().filter(|b| b.count != 0.0).collect::<Vec<_>>()
        };
        prop_assert_eq!(full(&a), full(&compact));
        prop_assert!(!compact.positive.counts().contains(&0.0));
    }

    /// A sample's place in the columns says what it is, whatever is cut off or put in order.
    #[test]
    fn samples_keep_histograms_at_their_times(
        times in prop::collection::vec((0_i64..60, any::<bool>()), 0..40),
        from in 0_i64..60,
        to in 0_i64..60,
    ) {
        let mut samples = crate::Samples::new();
        for (time, histogram) in &times {
            if *histogram {
                let count = *time as f64;
                samples.push_histogram(*time, Arc::new(Histogram { count, ..Histogram::default() }));
            } else {
                samples.push(*time, *time as f64);
            }
        }
        samples.settle(from, to);
        let mut expected = times.clone();
        expected.sort_by_key(|(time, _)| *time);
        expected.dedup_by_key(|(time, _)| *time);
        expected.retain(|(time, _)| (from..=to).contains(time));
        prop_assert_eq!(samples.len(), expected.len());
        for (i, (time, histogram)) in expected.iter().enumerate() {
            prop_assert_eq!(samples.timestamps()[i], *time);
            prop_assert_eq!(samples.histogram(i).map(|h| h.count), histogram.then_some(*time as f64));
        }
    }
}
