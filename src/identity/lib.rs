//! Knows people, their sessions and their API tokens, and tells who is asking.
//!
//! Invariants: passwords are stored as argon2id hashes, sessions and tokens as digests of secrets
//! that are given out once; a token never permits more than its owner may at that moment; what is
//! remembered in memory is forgotten by every change before the change is acknowledged; unknown
//! names, wrong passwords and disabled people cannot be told apart from outside.

mod api;
mod authenticate;
mod cache;
mod credential;
mod model;
mod password;
mod people;
mod rules;
mod sessions;
mod store;
#[cfg(test)]
mod tests;
mod throttle;
mod tokens;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::caller::Permissions;
use kernel::clock::{Clock, Time};
use kernel::db::Db;
use kernel::error::Result;
use kernel::metrics::Metrics;
use prometheus::IntCounterVec;

pub use api::{SESSION_COOKIE, router, routes, session_cookie};
pub use model::{
    NAME_CHARS_MAX, NewToken, NewUser, OwnSession, SessionId, SessionUser, SessionView,
    TokenCreated, TokenId, TokenView, UserId, UserView,
};
pub use password::HashCost;
pub use people::FIRST_ADMINISTRATOR;
pub use rules::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, check_password};
pub use sessions::SignedIn;

use cache::Cache;
use password::Passwords;
use throttle::Throttle;

/// Says what a role permits; `None` when there is no such role.
pub type PermissionsOfRole = fn(&str) -> Option<Permissions>;

/// The settings of sign-in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A session that was not used for so long has ended.
    pub session_idle: Duration,
    /// A session ends after so long in any case.
    pub session_life: Duration,
    /// Whether browsers may send the session's cookie only over TLS.
    pub secure_cookies: bool,
    /// What a password hash costs.
    pub hash_cost: HashCost,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_idle: Duration::from_secs(30 * 60),
            session_life: Duration::from_secs(24 * 3600),
            secure_cookies: true,
            hash_cost: HashCost::default(),
        }
    }
}

/// The service of people, sessions and tokens; clones share it.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    db: Db,
    settings: Settings,
    permissions_of_role: PermissionsOfRole,
    passwords: Passwords,
    throttle: Mutex<Throttle>,
    sessions: Cache<authenticate::KnownSession>,
    tokens: Cache<authenticate::KnownToken>,
    sign_ins: IntCounterVec,
}

impl Identity {
    /// The service over `db`; `permissions_of_role` is the table of roles.
    ///
    /// # Errors
    /// `Internal` when the settings of the password hash are out of range.
    pub fn new(
        db: Db,
        settings: Settings,
        permissions_of_role: PermissionsOfRole,
        metrics: &Metrics,
    ) -> Result<Self> {
        let passwords = Passwords::new(settings.hash_cost)?;
        let sign_ins = metrics.counters(
            "onemonitor_identity_sign_ins_total",
            "Tries to sign in, by outcome.",
            &["outcome"],
        );
        Ok(Self(Arc::new(Inner {
            db,
            settings,
            permissions_of_role,
            passwords,
            throttle: Mutex::default(),
            sessions: Cache::new(),
            tokens: Cache::new(),
            sign_ins,
        })))
    }

    /// The settings of sign-in.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn clock(&self) -> &Clock {
        self.0.db.clock()
    }

    fn now(&self) -> Time {
        self.clock().now()
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.0.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets who sessions and tokens belong to: some of it has changed.
    fn forget_known(&self) {
        self.0.sessions.clear();
        self.0.tokens.clear();
    }

    fn permissions_of(&self, roles: &[String]) -> Permissions {
        let mut permissions = Permissions::default();
        for role in roles {
            let granted = (self.0.permissions_of_role)(role).unwrap_or_default();
            permissions = permissions.union(granted);
        }
        permissions
    }
}
