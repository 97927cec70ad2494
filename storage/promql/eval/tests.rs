//! Pure parts of evaluation, against slow and obvious ones.

use proptest::prelude::*;

use super::bucket::{self, Bucket};
use super::date;
use super::kahan::{Mean, Sum};
use super::order::natural;
use super::quantile::quantile;
use super::rate::{RateKind, extrapolated};
use super::window::{HistogramWindow, Window};
use crate::format::{format_value, short_float};
use crate::function::Function;

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
            Window { times: &times, values: &values, histograms: HistogramWindow::default(), start_ms: 0, end_ms, at_ms: end_ms };
        let kind = RateKind { counter: true, per_second: true };
        let rate = extrapolated(&window, kind).unwrap_or(f64::NAN);
        prop_assert!((rate / f64::from(slope) - 1.0).abs() < 1e-6, "{rate} of {slope}");
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
