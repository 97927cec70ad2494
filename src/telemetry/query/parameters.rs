//! The parameters of a request, from its query and its form.

use std::time::Duration;

use kernel::clock::Time;
use metric::Matcher;

use super::error::QueryError;
use crate::duration::parse_duration;

/// The earliest and latest time that can be asked for, as Prometheus names them.
const ALL_TIMES_MS: (i64, i64) = (-9_223_309_901_257_974, 9_223_309_901_257_974);
/// Parameters of one request.
const PARAMETERS_MAX: usize = 1_000;

/// Names and values in their order; a name may occur often.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a form and a query; what the form says comes first.
    pub(crate) fn parse(form: &[u8], query: &str) -> Self {
        let both = form_urlencoded::parse(form).chain(form_urlencoded::parse(query.as_bytes()));
        let pairs = both
            .take(PARAMETERS_MAX)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self(pairs)
    }

    /// The first value of a name, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(at, _)| at == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(at, _)| at == name).map(|(_, value)| value.as_str())
    }

    /// A time, as seconds or RFC 3339.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Time>, QueryError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let time = parse_time(text).ok_or_else(|| {
            QueryError::parameter(name, format!("cannot parse {text:?} to a valid timestamp"))
        })?;
        Ok(Some(time))
    }

    /// A time that must be there.
    pub(crate) fn needed_time(&self, name: &str) -> Result<Time, QueryError> {
        self.time(name)?
            .ok_or_else(|| QueryError::parameter(name, "cannot parse \"\" to a valid timestamp"))
    }

    /// A duration, as seconds or in units.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, QueryError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let parsed = match text.parse::<f64>() {
            Ok(seconds) if seconds >= 0.0 => Duration::try_from_secs_f64(seconds).ok(),
            Ok(_) => Some(Duration::ZERO),
            Err(_) => parse_duration(text),
        };
        let duration = parsed.ok_or_else(|| {
            QueryError::parameter(name, format!("cannot parse {text:?} to a valid duration"))
        })?;
        Ok(Some(duration))
    }

    /// A whole number that is not negative.
    pub(crate) fn limit(&self, name: &str) -> Result<Option<usize>, QueryError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let limit = text.parse().map_err(|_| {
            QueryError::parameter(name, format!("{text:?} is not a number from 0 up"))
        })?;
        Ok(Some(limit))
    }

    /// The selectors of `match[]`.
    pub(crate) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, QueryError> {
        let mut selectors = Vec::new();
        for (_, text) in self.0.iter().filter(|(name, _)| name == "match[]") {
            let matchers = promql::parse_selector(text)
                .map_err(|error| QueryError::parse("match[]", &error))?;
            if matchers.iter().all(Matcher::matches_empty) {
                let reason = "match[] must contain at least one non-empty matcher";
                return Err(QueryError::parameter("match[]", reason));
            }
            selectors.push(matchers);
        }
        Ok(selectors)
    }

    /// `start` and `end` in milliseconds; all times when absent.
    pub(crate) fn range_ms(&self) -> Result<(i64, i64), QueryError> {
        let start = self.time("start")?.map_or(ALL_TIMES_MS.0, Time::as_millis);
        let end = self.time("end")?.map_or(ALL_TIMES_MS.1, Time::as_millis);
        if end < start {
            return Err(QueryError::parameter(
                "end",
                "end timestamp must not be before start time",
            ));
        }
        Ok((start, end))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked against the range before")]
fn parse_time(text: &str) -> Option<Time> {
    if let Ok(seconds) = text.parse::<f64>() {
        let millis = (seconds * 1000.0).round();
        return (millis.abs() < 9.2e15).then_some(Time::from_millis(millis as i64));
    }
    Time::parse(text).ok()
}
