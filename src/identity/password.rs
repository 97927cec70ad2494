//! Argon2id, a few at a time: each hash takes tens of megabytes and a tenth of a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use kernel::error::{Error, Result};
use kernel::secret::Secret;
use tokio::sync::Semaphore;

/// Hashes that wait for their turn; further ones are refused.
const WAITING_MAX: usize = 32;

/// What a password hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Hashes at a time.
    pub parallel: usize,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 2, parallel: 2 }
    }
}

/// Makes and checks password hashes; clones share the limit.
#[derive(Clone)]
pub(crate) struct Passwords {
    params: Params,
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// A hash of nobody's password, to spend equal time on unknown names.
    decoy: Secret,
}

impl Passwords {
    /// Sets the cost.
    pub(crate) fn new(cost: HashCost) -> Result<Self> {
        let params = params(cost.memory_kib, cost.passes)?;
        let decoy = decoy(&params)?;
        let turns = Arc::new(Semaphore::new(cost.parallel.max(1)));
        Ok(Self { params, turns, waiting: Arc::default(), decoy })
    }

    /// The hash of a new password, in PHC form.
    pub(crate) async fn hash(&self, password: Secret) -> Result<Secret> {
        let params = self.params.clone();
        self.in_turn(move || hash_now(&params, &password)).await
    }

    /// Whether `password` belongs to `hash`; without one it takes as long and says no.
    pub(crate) async fn verify(&self, password: Secret, hash: Option<Secret>) -> Result<bool> {
        let is_real = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let verifier = argon(&self.params);
        self.in_turn(move || {
            let fits = verifier.verify_password(password.expose().as_bytes(), hash.expose());
            Ok(fits.is_ok() && is_real)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _place = Place::take(&self.waiting)?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| Error::unavailable("identity.stopping", "the server is stopping"))?;
        let run = move || {
            let outcome = work();
            // The turn is given back by the work itself: a request that is cut off does not let
            // another begin while its own hash still runs.
            drop(turn);
            outcome
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| Error::internal("identity.hash_failed", error))?
    }
}

/// A place among those that wait; free again when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::SeqCst) < WAITING_MAX {
            return Ok(place);
        }
        let detail = "too many people are signing in at this moment";
        Err(Error::limit_reached("identity.busy", detail).retry_after_s(2))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn params(memory_kib: u32, passes: u32) -> Result<Params> {
    Params::new(memory_kib, passes, 1, None)
        .map_err(|error| Error::internal("identity.hash_cost", error.to_string()))
}

/// A hash that claims to have cost as much as `params`, and so takes as long to check. It was
/// made at the least cost instead: nothing fits it anyway, and a start need not wait for it.
fn decoy(params: &Params) -> Result<Secret> {
    let cheap = self::params(Params::MIN_M_COST, Params::MIN_T_COST)?;
    let hash = hash_now(&cheap, &crate::credential::new_session_secret()?)?;
    let cost = |params: &Params| format!("m={},t={},p=1", params.m_cost(), params.t_cost());
    Ok(Secret::new(hash.expose().replace(&cost(&cheap), &cost(params))))
}

fn argon(params: &Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
}

fn hash_now(params: &Params, password: &Secret) -> Result<Secret> {
    argon(params)
        .hash_password(password.expose().as_bytes())
        .map(|hash| Secret::new(hash.to_string()))
        .map_err(|error| Error::internal("identity.hash_failed", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_costs_what_a_real_hash_costs() {
        let params = params(64, 3).unwrap();
        let real = hash_now(&params, &Secret::new("a password".to_owned())).unwrap();
        let decoy = decoy(&params).unwrap();
        let cost = |hash: &Secret| hash.expose().split('$').nth(3).map(str::to_owned);
        assert_eq!(cost(&decoy), cost(&real));
        let refusal = argon(&params).verify_password(b"a password", decoy.expose()).unwrap_err();
        assert_eq!(refusal, argon2::password_hash::Error::PasswordInvalid, "it was computed");
    }
}
