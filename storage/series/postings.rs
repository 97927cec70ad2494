//! Which series satisfy matchers, over any label index.

use metric::{Candidates, MatchOp, Matcher, ReadError};
use roaring::RoaringBitmap;

/// A label index: for each name and value the series that carry it.
pub(crate) trait Postings {
    /// All series.
    fn all(&self) -> Result<RoaringBitmap, ReadError>;

    /// Series that are still in the index and must not be found.
    fn gone(&self) -> Option<&RoaringBitmap> {
        None
    }

    /// Adds the series with `name="value"`.
    fn add(&self, name: &str, value: &str, into: &mut RoaringBitmap) -> Result<(), ReadError>;

    /// Adds the series whose value of `name` starts with `prefix` and is accepted by `keep`.
    fn add_where(
        &self,
        name: &str,
        prefix: &str,
        keep: &mut dyn FnMut(&str) -> bool,
        into: &mut RoaringBitmap,
    ) -> Result<(), ReadError>;

    /// Calls `visit` with each name that series of `among` carry (`None`: all series).
    fn names(
        &self,
        among: Option<&RoaringBitmap>,
        visit: &mut dyn FnMut(&str),
    ) -> Result<(), ReadError>;

    /// Calls `visit` with each value of `name` that series of `among` carry, and their number.
    fn values(
        &self,
        name: &str,
        among: Option<&RoaringBitmap>,
        visit: &mut dyn FnMut(&str, u64),
    ) -> Result<(), ReadError>;
}

/// The series that satisfy all matchers.
pub(crate) fn find(
    index: &impl Postings,
    matchers: &[Matcher],
) -> Result<RoaringBitmap, ReadError> {
    let mut needing: Vec<&Matcher> = matchers.iter().filter(|m| !m.matches_empty()).collect();
    // What is cheap and narrow comes first: an empty result ends the work.
    needing.sort_by_key(|m| match m.candidates() {
        Candidates::One(_) if m.op() == MatchOp::Equal => 0,
        Candidates::Words(_) if !m.is_negated() => 1,
        Candidates::Prefix(prefix, _) if !m.is_negated() && !prefix.is_empty() => 2,
        _ => 3,
    });
    let mut found: Option<RoaringBitmap> = None;
    for matcher in needing {
        let set = if matcher.is_negated() {
            failing_before_negation(index, matcher)?
        } else {
            passing_before_negation(index, matcher)?
        };
        let narrowed = match found {
            None => set,
            Some(found) => found & set,
        };
        if narrowed.is_empty() {
            return Ok(narrowed);
        }
        found = Some(narrowed);
    }
    let mut found = match found {
        Some(found) => found,
        None => index.all()?,
    };
    // Series without the label pass these matchers: take away those with a wrong value.
    for matcher in matchers.iter().filter(|m| m.matches_empty()) {
        if found.is_empty() {
            break;
        }
        found -= if matcher.is_negated() {
            passing_before_negation(index, matcher)?
        } else {
            failing_before_negation(index, matcher)?
        };
    }
    if let Some(gone) = index.gone() {
        found -= gone;
    }
    Ok(found)
}

/// Series with a value, not empty, that the matcher's text or pattern accepts.
fn passing_before_negation(
    index: &impl Postings,
    matcher: &Matcher,
) -> Result<RoaringBitmap, ReadError> {
    let mut set = RoaringBitmap::new();
    let name = matcher.name();
    match matcher.candidates() {
        Candidates::One(value) => {
            if !value.is_empty() {
                index.add(name, value, &mut set)?;
            }
        }
        Candidates::Words(words) => {
            for word in words.iter().filter(|word| !word.is_empty()) {
                index.add(name, word, &mut set)?;
            }
        }
        Candidates::All | Candidates::NonEmpty => {
            index.add_where(name, "", &mut |_| true, &mut set)?;
        }
        Candidates::Prefix(prefix, decided) => {
            let mut keep = |value: &str| decided || matcher.matches_before_negation(value);
            index.add_where(name, prefix, &mut keep, &mut set)?;
        }
    }
    Ok(set)
}

/// Series with a value, not empty, that the matcher's text or pattern does not accept.
fn failing_before_negation(
    index: &impl Postings,
    matcher: &Matcher,
) -> Result<RoaringBitmap, ReadError> {
    let mut set = RoaringBitmap::new();
    if matches!(matcher.candidates(), Candidates::All | Candidates::NonEmpty) {
        return Ok(set);
    }
    let mut keep = |value: &str| !matcher.matches_before_negation(value);
    index.add_where(matcher.name(), "", &mut keep, &mut set)?;
    Ok(set)
}
