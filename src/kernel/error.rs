//! The one error type of the services: no HTTP in it, a stable code, a text for outside.

use std::error::Error as StdError;
use std::fmt;

/// What a service operation answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn StdError + Send + Sync>;

/// What kind of failure it is; the gateway maps each kind to one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The thing named does not exist, or the caller may not know that it does.
    NotFound,
    /// A thing with that name or key exists.
    AlreadyExists,
    /// The input breaks a rule that the answer names.
    Invalid,
    /// The record changed since the caller read it.
    Conflict,
    /// Nobody is signed in, or the credentials are wrong.
    Unauthenticated,
    /// The caller is known and lacks a permission.
    Forbidden,
    /// A limit of rate or number is reached; later it may succeed.
    LimitReached,
    /// The input is larger than the limit.
    TooLarge,
    /// A limit of a query is reached; the same query cannot succeed.
    Unprocessable,
    /// The service cannot work at the moment (starting, stopping, disk full).
    Unavailable,
    /// A fault of ours; the text outside says nothing about its cause.
    Internal,
}

/// A failure: kind, stable code (`ticket.already_closed`), text for outside, cause for inside.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    code: &'static str,
    detail: String,
    field: Option<String>,
    retry_after_s: Option<u32>,
    cause: Option<Cause>,
}

impl Error {
    fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, code, detail: detail.into(), field: None, retry_after_s: None, cause: None }
    }

    /// A thing that does not exist.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, code, detail)
    }

    /// A thing that exists already.
    pub fn already_exists(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::AlreadyExists, code, detail)
    }

    /// Input that breaks a rule; say what was wrong and what was expected.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, code, detail)
    }

    /// A record that changed since it was read.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, detail)
    }

    /// Missing or wrong credentials.
    pub fn unauthenticated(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, code, detail)
    }

    /// A permission that the caller lacks.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, code, detail)
    }

    /// A limit of rate or number.
    pub fn limit_reached(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::LimitReached, code, detail)
    }

    /// Input over a size limit.
    pub fn too_large(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, code, detail)
    }

    /// A well-formed request that asks for more than a limit allows.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Unprocessable, code, detail)
    }

    /// A service that cannot work at the moment.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, code, detail)
    }

    /// A fault of ours; `cause` goes to the log, never outside.
    pub fn internal(code: &'static str, cause: impl Into<Cause>) -> Self {
        let mut error = Self::new(Kind::Internal, code, "internal error");
        error.cause = Some(cause.into());
        error
    }

    /// Names the field of the input that is wrong (`labels.job`).
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says after how many seconds a new try makes sense.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The stable code, `service.what`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text for outside.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The field of the input that is wrong, if one is.
    #[must_use]
    pub fn wrong_field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Seconds after which a new try makes sense, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after_s
    }

    /// The cause and its causes on one line, for the log.
    #[must_use]
    pub fn cause_chain(&self) -> Option<String> {
        let mut next: Option<&dyn StdError> = Some(self.cause.as_deref()?);
        let mut chain = String::new();
        while let Some(error) = next {
            if !chain.is_empty() {
                chain.push_str(": ");
            }
            chain.push_str(&error.to_string());
            next = error.source();
        }
        Some(chain)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}
