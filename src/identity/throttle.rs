//! Slows down guessing: growing pauses per account and per source, never a lock-out.
//!
//! A try is counted before its outcome is known, so that many at once gain nothing; a success
//! forgets the count. Pauses end by themselves. An account is not paused for a source that has
//! signed in to it before: a stranger's guesses do not keep its owner out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use kernel::clock::Time;

/// Accounts, sources, and pairs of them that are remembered.
const REMEMBERED_MAX: usize = 10_000;
/// Without a try for so long a count is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);

/// How pauses grow.
struct Policy {
    free_tries: u32,
    pause_max: Duration,
}

const PER_ACCOUNT: Policy = Policy { free_tries: 5, pause_max: Duration::from_secs(60) };
const PER_SOURCE: Policy = Policy { free_tries: 20, pause_max: Duration::from_secs(300) };

#[derive(Clone, Copy, Debug)]
struct Tries {
    count: u32,
    last: Time,
    paused_until: Time,
}

/// Counts tries; all times are arguments.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    accounts: HashMap<String, Tries>,
    sources: HashMap<IpAddr, Tries>,
    familiar: HashMap<(String, IpAddr), Time>,
}

impl Throttle {
    /// Counts a try; refuses with the time to wait when there were too many.
    pub(crate) fn begin(
        &mut self,
        account: &str,
        source: Option<IpAddr>,
        now: Time,
    ) -> Result<(), Duration> {
        let source = source.map(network_of);
        let is_familiar =
            source.is_some_and(|source| self.familiar.contains_key(&(account.to_owned(), source)));
        let account = (!is_familiar).then(|| account.to_owned());
        let mut wait = Duration::ZERO;
        if let Some(account) = &account {
            wait = wait.max(pause_left(self.accounts.get(account), now, &PER_ACCOUNT));
        }
        if let Some(source) = source {
            wait = wait.max(pause_left(self.sources.get(&source), now, &PER_SOURCE));
        }
        if wait > Duration::ZERO {
            return Err(wait);
        }
        if let Some(account) = account {
            count_try(&mut self.accounts, account, now, &PER_ACCOUNT);
        }
        if let Some(source) = source {
            count_try(&mut self.sources, source, now, &PER_SOURCE);
        }
        Ok(())
    }

    /// The try that began last for this account was right.
    pub(crate) fn succeed(&mut self, account: &str, source: Option<IpAddr>, now: Time) {
        self.accounts.remove(account);
        let Some(source) = source.map(network_of) else { return };
        self.sources.remove(&source);
        if self.familiar.len() >= REMEMBERED_MAX
            && let Some(oldest) =
                self.familiar.iter().min_by_key(|(_, at)| **at).map(|(pair, _)| pair.clone())
        {
            self.familiar.remove(&oldest);
        }
        self.familiar.insert((account.to_owned(), source), now);
    }

    /// Forgets what is held against an account and who is familiar with it: its password changed.
    pub(crate) fn reset(&mut self, account: &str) {
        self.accounts.remove(account);
        self.familiar.retain(|(name, _), _| name != account);
    }
}

/// What one customer usually has: an IPv4 address, or an IPv6 network of 64 bits.
fn network_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

fn pause_left(tries: Option<&Tries>, now: Time, policy: &Policy) -> Duration {
    let left = tries.map_or(Duration::ZERO, |tries| tries.paused_until.since(now));
    // A pause longer than any means that the clock was set back.
    if left > policy.pause_max { Duration::ZERO } else { left }
}

fn count_try<K: Hash + Eq + Clone>(
    table: &mut HashMap<K, Tries>,
    key: K,
    now: Time,
    policy: &Policy,
) {
    make_room(table, &key, now);
    let fresh = Tries { count: 0, last: now, paused_until: now };
    let tries = match table.entry(key) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(fresh),
    };
    if now.since(tries.last) > FORGET_AFTER {
        *tries = fresh;
    }
    tries.count = tries.count.saturating_add(1);
    tries.last = now;
    if tries.count > policy.free_tries {
        let doublings = (tries.count - policy.free_tries - 1).min(16);
        let pause = Duration::from_secs(1 << doublings).min(policy.pause_max);
        tries.paused_until = now.plus(pause);
    }
}

/// Keeps a table within its size: what is forgotten anyway goes first, then the oldest.
fn make_room<K: Hash + Eq + Clone>(table: &mut HashMap<K, Tries>, key: &K, now: Time) {
    if table.len() < REMEMBERED_MAX || table.contains_key(key) {
        return;
    }
    table.retain(|_, tries| now.since(tries.last) <= FORGET_AFTER);
    if table.len() >= REMEMBERED_MAX
        && let Some(oldest) = table.iter().min_by_key(|(_, it)| it.last).map(|(key, _)| key.clone())
    {
        table.remove(&oldest);
    }
}
