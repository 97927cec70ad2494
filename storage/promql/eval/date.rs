//! Parts of dates, in UTC and the Gregorian calendar.

use crate::function::Function;

/// A part of the date of a time in seconds since the epoch. Fractions are cut off.
pub(crate) fn part(function: Function, seconds: f64) -> f64 {
    // The cast saturates, and turns NaN into 0.
    let seconds = seconds as i64;
    let days = seconds.div_euclid(86_400);
    let second_of_day = seconds.rem_euclid(86_400);
    let date = Date::from_days(days);
    let number = match function {
        Function::Minute => second_of_day / 60 % 60,
        Function::Hour => second_of_day / 3600,
        Function::DayOfWeek => (days + 4).rem_euclid(7),
        Function::DayOfMonth => date.day,
        Function::DayOfYear => days - days_before(date.year, 1) + 1,
        Function::DaysInMonth => days_in_month(date.year, date.month),
        Function::Month => date.month,
        _ => date.year,
    };
    number as f64
}

/// A time in seconds since the epoch, as RFC 3339 has it.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let Date { year, month, day } = Date::from_days(seconds.div_euclid(86_400));
    let second_of_day = seconds.rem_euclid(86_400);
    let (hour, minute) = (second_of_day / 3600, second_of_day / 60 % 60);
    let second = second_of_day % 60;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// The date a number of days after 1970-01-01, by the civil calendar algorithm that counts
    /// years from March, so that the leap day is the last one.
    fn from_days(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
