//! Pure parts of evaluation, against slow and obvious ones.

use metric::{Accumulator, Bucket as NativeBucket, Buckets, CUSTOM_BUCKETS, Histogram, Labels};
use proptest::prelude::*;

use super::bucket::{self, Bucket};
use super::date;
use super::histogram_sum::Gathered;
use super::kahan::{Mean, Sum};
use super::native;
use super::noting::Noting;
use super::order::natural;
use super::quantile::quantile;
use super::rate::{RateKind, extrapolated};
use super::run::Run;
use super::trim;
use super::window::{HistogramWindow, Window};
use super::xxhash;
use crate::expr::Span;
use crate::format::{format_value, short_float};
use crate::function::Function;
use crate::options::QueryOptions;
use crate::parse;
use crate::script::store::MemoryStore;

#[test]
fn sums_keep_small_parts_beside_large_ones() {
    let mut sum = Sum::default();
    [1.0, 1e100, 1.0, -1e100].iter().for_each(|value| sum.add(*value));
    assert_eq!(sum.total(), 2.0);
}

#[test]
fn means_survive_sums_that_overflow() {
    let mut mean = Mean::of(f64::MAX);
    mean.add(f64::MAX);
    mean.add(f64::MAX);
    assert!((mean.mean() / f64::MAX - 1.0).abs() < 1e-12);
}

#[test]
fn numbers_read_as_in_go() {
    for (value, plain, short) in [
        (1.0, "1", "1"),
        (-0.5, "-0.5", "-0.5"),
        (1e21, "1000000000000000000000", "1e+21"),
        (0.00001, "0.00001", "1e-05"),
        (f64::INFINITY, "+Inf", "+Inf"),
        (f64::NEG_INFINITY, "-Inf", "-Inf"),
        (f64::NAN, "NaN", "NaN"),
    ] {
        assert_eq!(format_value(value), plain);
        assert_eq!(short_float(value), short);
    }
}

#[test]
fn chunks_of_digits_compare_as_numbers() {
    let mut names = ["a10", "a9", "a", "b1", "a9b", "9", "10"];
    names.sort_by(|a, b| natural(a, b));
    assert_eq!(names, ["9", "10", "a", "a9", "a9b", "a10", "b1"]);
}

#[test]
fn dates_beyond_all_bounds_are_no_panic() {
    for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, -0.5] {
        for function in [Function::Year, Function::DayOfYear, Function::DaysInMonth] {
            assert!(date::part(function, seconds).is_finite());
        }
    }
}

#[test]
fn a_histogram_without_an_upper_end_has_no_quantile() {
    let mut buckets = vec![Bucket { upper: 1.0, count: 1.0 }, Bucket { upper: 2.0, count: 2.0 }];
    assert!(bucket::quantile(0.5, &mut buckets).0.is_nan());
}

#[test]
fn hashes_are_those_of_the_reference() {
    for (text, hash) in [
        ("", 0xef46_db37_51d8_e999),
        ("a", 0xd24e_c4f1_a98c_6e5b),
        ("abc", 0x44bc_2cf5_ad77_0999),
        ("Nobody inspects the spammish repetition", 0xfbce_a83c_8a37_8bf1),
    ] {
        assert_eq!(xxhash::of_bytes(text.as_bytes()), hash, "{text}");
    }
    let long = "v".repeat(300);
    let labels = Labels::new([("a", "b"), ("c", long.as_str())]).unwrap();
    let laid_out = b"\x01a\x01b\x01c";
    let laid_out = [&laid_out[..], &[0xff, 0x2c, 0x01, 0x00], long.as_bytes()].concat();
    assert_eq!(xxhash::of_labels(&labels), xxhash::of_bytes(&laid_out));
}

/// Calls `test` with notes that go nowhere.
fn noting(test: impl FnOnce(&Noting<'_>)) {
    let (store, options) = (MemoryStore::default(), QueryOptions::default());
    let expr = parse("1").unwrap();
    let run = Run::new(&store, &expr, &options, (0, 0), 0);
    test(&Noting::unnamed(&run, Span::default()));
}

#[test]
fn sums_of_histograms_keep_small_parts_beside_large_ones() {
    let of = |sum: f64| Histogram { count: sum, sum, ..Histogram::default() };
    let all: Vec<Histogram> = [1.0, 1e100, 1.0, -1e100].into_iter().map(of).collect();
    let mut sum = Accumulator::<Sum>::of(&all[0]);
    for histogram in &all[1..] {
        sum.add(histogram, 1.0).unwrap();
    }
    assert_eq!((sum.histogram().count, sum.histogram().sum), (2.0, 2.0));
    noting(|noting| {
        let large = vec![of(f64::MAX); 3];
        let mean = Gathered::of(&large, true).unwrap().unwrap().finish(noting);
        assert!((mean.sum / f64::MAX - 1.0).abs() < 1e-12);
    });
}

/// Histograms with something in them, of all kinds; custom ones end at 1 to 8.
fn histograms() -> impl Strategy<Value = Histogram> {
    let counts = || prop::collection::vec(0_u32..50, 0..8);
    let sides = (counts(), counts(), -6_i32..6, -6_i32..6);
    (-2_i8..=4, any::<bool>(), 0_u32..50, sides).prop_map(|(schema, custom, zero, sides)| {
        let (positive, negative, first, negative_first) = sides;
        let counts = |counts: Vec<u32>| counts.into_iter().map(f64::from).collect::<Vec<f64>>();
        let (mut positive, mut negative) = (counts(positive), counts(negative));
        positive.push(1.0);
        let mut histogram = Histogram { schema, ..Histogram::default() };
        if custom {
            let bounds = 1..positive.len();
            histogram.custom_values = bounds.map(|bound| bound as f64).collect();
            histogram.schema = CUSTOM_BUCKETS;
            negative.clear();
        } else {
            histogram.zero_count = f64::from(zero);
            histogram.zero_threshold = 1e-20;
        }
        let first = if custom { 0 } else { first };
        histogram.count = positive.iter().chain(&negative).sum::<f64>() + histogram.zero_count;
        histogram.positive = Buckets::dense(first, positive).unwrap();
        histogram.negative = Buckets::dense(negative_first, negative).unwrap();
        histogram
    })
}

fn days_in_year(year: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if leap { 366 } else { 365 }
}

proptest! {
    /// Days counted one by one give the same date.
    #[test]
    fn dates_match_counting(days in 0_i64..60_000) {
        let (mut year, mut rest) = (1970, days);
        while rest >= days_in_year(year) {
            rest -= days_in_year(year);
            year += 1;
        }
        let at = days as f64 * 86_400.0 + 3_723.0;
        prop_assert_eq!(date::part(Function::Year, at), year as f64);
        prop_assert_eq!(date::part(Function::DayOfYear, at), rest as f64 + 1.0);
        prop_assert_eq!(date::part(Function::Hour, at), 1.0);
        prop_assert_eq!(date::part(Function::Minute, at), 2.0);
    }

    #[test]
    fn quantiles_lie_between_the_extremes(
        mut values in prop::collection::vec(-1e6_f64..1e6, 1..40),
        q in 0.0_f64..=1.0,
    ) {
        let found = quantile(q, &mut values);
        prop_assert!(found >= values[0] && found <= values[values.len() - 1]);
    }

    /// A steady counter has its slope as its rate, wherever the window cuts it.
    #[test]
    fn steady_counters_have_steady_rates(
        samples in 2_usize..30,
        interval_ms in 1_000_i64..60_000,
        slope in 1_u32..1_000,
        margin_ms in 0_i64..1_000,
    ) {
        let times: Vec<i64> = (1..=samples as i64).map(|i| i * interval_ms).collect();
        let per_interval = f64::from(slope) * interval_ms as f64 / 1000.0;
        // Far from zero, so that the zero point does not cut the extrapolation.
        let values: Vec<f64> =
            (1..=samples).map(|i| 1e9 + per_interval * i as f64).collect();
        let end_ms = times[samples - 1] + margin_ms;
        let window =
            Window { times: &times, values: &values, histograms: HistogramWindow::default(), ascending: false, start_ms: 0, end_ms, at_ms: end_ms, share: 1.0, apart_ms: 0 };
        let kind = RateKind { counter: true, per_second: true };
        let rate = extrapolated(&window, kind).unwrap_or(f64::NAN);
        prop_assert!((rate / f64::from(slope) - 1.0).abs() < 1e-6, "{rate} of {slope}");
    }

    #[test]
    fn quantiles_of_histograms_rise_with_q(
        histogram in histograms(),
        a in 0.0_f64..=1.0,
        b in 0.0_f64..=1.0,
    ) {
        noting(|noting| {
            let quantile = |q: f64| native::quantile(q, &histogram, noting);
            let (low, high) = (quantile(a.min(b)), quantile(a.max(b)));
            // Two halves are counted from two ends.
            assert!(low <= high + high.abs() * 1e-9 + 1e-12, "{low} > {high}");
            let buckets = histogram.buckets();
            let (lowest, highest) = (buckets[0].lower, buckets[buckets.len() - 1].upper);
            let within = lowest * (1.0 + 1e-9_f64.copysign(-lowest)) <= low;
            assert!(within && high <= highest + highest.abs() * 1e-9, "{low} to {high}");
        });
    }

    /// The fraction of observations below a quantile is what was asked for.
    #[test]
    fn fractions_undo_quantiles(histogram in histograms(), q in 0.001_f64..0.999) {
        noting(|noting| {
            let value = native::quantile(q, &histogram, noting);
            let fraction = native::fraction((f64::NEG_INFINITY, value), &histogram, noting);
            // In buckets without an end nothing is interpolated.
            let custom = &histogram.custom_values;
            let ends = custom.first().zip(custom.last());
            let endless = histogram.has_custom_buckets()
                && ends.is_none_or(|(first, last)| value <= *first || value >= *last);
            assert!(endless || (fraction - q).abs() < 1e-6, "{fraction} of {q}");
            let all = native::fraction((f64::NEG_INFINITY, f64::INFINITY), &histogram, noting);
            assert!((all - 1.0).abs() < 1e-12);
        });
    }

    /// What one operator leaves the other one takes.
    #[test]
    fn trimming_at_a_number_divides_observations(histogram in histograms(), limit in -8.0_f64..8.0) {
        let (below, above) = (trim::below(&histogram, limit), trim::above(&histogram, limit));
        prop_assert!(below.count <= histogram.count && above.count <= histogram.count);
        if !histogram.has_custom_buckets() {
            let both = below.count + above.count;
            prop_assert!((both - histogram.count).abs() < 1e-6, "{} of {}", both, histogram.count);
        }
        let holds = |it: &Histogram, inside: fn(&NativeBucket, f64) -> bool| {
            it.buckets().iter().all(|bucket| bucket.count == 0.0 || inside(bucket, limit))
        };
        prop_assert!(holds(&below, |bucket, limit| bucket.lower < limit));
        prop_assert!(holds(&above, |bucket, limit| bucket.upper > limit));
        let all = trim::below(&histogram, f64::INFINITY);
        prop_assert!(histogram.has_custom_buckets() || all.same(&histogram));
    }

    /// A mean of one histogram many times is that histogram.
    #[test]
    fn means_of_the_same_are_the_same(histogram in histograms(), times in 1_usize..6) {
        noting(|noting| {
            let all = vec![histogram.clone(); times];
            let mean = Gathered::of(&all, true).unwrap().unwrap().finish(noting);
            assert!((mean.count / histogram.count - 1.0).abs() < 1e-12);
            assert_eq!(mean.buckets().len(), histogram.buckets().len());
        });
    }

    #[test]
    fn quantiles_of_buckets_rise_with_q(
        counts in prop::collection::vec(0_u32..100, 2..12),
        a in 0.0_f64..=1.0,
        b in 0.0_f64..=1.0,
    ) {
        let mut total = 1.0;
        let mut buckets: Vec<Bucket> = Vec::new();
        for (i, count) in counts.iter().enumerate() {
            total += f64::from(*count);
            buckets.push(Bucket { upper: i as f64, count: total });
        }
        if let Some(last) = buckets.last_mut() {
            last.upper = f64::INFINITY;
        }
        let low = bucket::quantile(a.min(b), &mut buckets.clone()).0;
        let high = bucket::quantile(a.max(b), &mut buckets).0;
        prop_assert!(low <= high, "{low} > {high}");
    }
}
