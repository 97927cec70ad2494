//! Conditions on one label, as a selector states them.

use std::fmt;

use thiserror::Error;

use crate::labels::Labels;
use crate::pattern::Pattern;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`: the value is this text.
    Equal,
    /// `!=`: the value is not this text.
    NotEqual,
    /// `=~`: the whole value matches the regular expression.
    Matches,
    /// `!~`: the whole value does not match the regular expression.
    NotMatches,
}

impl MatchOp {
    /// The operator as PromQL writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }

    fn is_negated(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotMatches)
    }
}

/// Why a matcher could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("bad regular expression for label {name:?}: {detail}")]
pub struct MatcherError {
    /// The label's name.
    pub name: String,
    /// What the expression's compiler says.
    pub detail: String,
}

/// A condition on one label. A missing label counts as an empty value, as in Prometheus.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    pattern: Option<Pattern>,
}

/// Which values an index has to look at for a matcher, before negation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates<'a> {
    /// Just this value.
    One(&'a str),
    /// Exactly these values, sorted.
    Words(&'a [String]),
    /// Every value, the empty one too: no need to look.
    All,
    /// Every value but the empty one.
    NonEmpty,
    /// Values that start with this text; the flag says that each of them matches.
    Prefix(&'a str, bool),
}

impl Matcher {
    /// Makes a matcher; regular expressions are compiled here, within limits of size.
    ///
    /// # Errors
    /// A regular expression that is wrong or too large.
    pub fn new(op: MatchOp, name: &str, value: &str) -> Result<Self, MatcherError> {
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::NotMatches => Some(
                Pattern::new(value)
                    .map_err(|detail| MatcherError { name: name.to_owned(), detail })?,
            ),
        };
        Ok(Self { name: name.to_owned(), op, value: value.to_owned(), pattern })
    }

    /// `name="value"`, which cannot fail.
    #[must_use]
    pub fn equal(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), op: MatchOp::Equal, value: value.to_owned(), pattern: None }
    }

    /// The label's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The text or expression it compares with.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value satisfies the condition; a missing label is the empty value.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.is_negated() != self.matches_before_negation(value)
    }

    /// Whether a label set satisfies the condition.
    #[must_use]
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }

    /// Whether a series without the label satisfies the condition.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// Whether the condition is `!=` or `!~`.
    #[must_use]
    pub fn is_negated(&self) -> bool {
        self.op.is_negated()
    }

    /// Whether a value satisfies the condition with the negation left out.
    #[must_use]
    pub fn matches_before_negation(&self, value: &str) -> bool {
        match &self.pattern {
            None => self.value == value,
            Some(pattern) => pattern.matches(value),
        }
    }

    /// Which values satisfy the condition with the negation left out.
    #[must_use]
    pub fn candidates(&self) -> Candidates<'_> {
        match &self.pattern {
            None => Candidates::One(&self.value),
            Some(Pattern::Words(words)) => Candidates::Words(words),
            Some(Pattern::Anything) => Candidates::All,
            Some(Pattern::NonEmpty) => Candidates::NonEmpty,
            Some(Pattern::Prefix(prefix)) => Candidates::Prefix(prefix, true),
            Some(Pattern::Expression(_, prefix)) => Candidates::Prefix(prefix, false),
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && self.name == other.name && self.value == other.value
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}
