//! Tests of sign-in, sessions, passwords and tokens over a real record store and a manual clock.

use std::net::IpAddr;
use std::time::Duration;

use kernel::caller::{Caller, Permission, Permissions};
use kernel::clock::{Clock, ManualClock, Time};
use kernel::db::Db;
use kernel::error::Kind;
use kernel::metrics::Metrics;
use kernel::secret::Secret;
use records::Records;
use tempfile::TempDir;

use crate::{HashCost, Identity, NewToken, NewUser, Settings, SignedIn, check_password};

const PASSWORD: &str = "a quiet river under stars";

struct Bed {
    identity: Identity,
    clock: ManualClock,
    _dir: TempDir,
}

fn permissions_of(role: &str) -> Option<Permissions> {
    match role {
        "admin" => Some(Permissions::of(&Permission::ALL)),
        "viewer" => {
            Some(Permissions::of(&[Permission::AccountSelf, Permission::MetricsRead]))
        }
        _ => None,
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn stranger() -> Caller {
    let source = Some(IpAddr::from([192, 0, 2, 7]));
    Caller { source, ..Caller::anonymous() }
}

/// A store with one administrator whose password is [`PASSWORD`].
async fn bed() -> Bed {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("records.redb");
    let records = Records::open(&path, records::Options::default()).unwrap();
    let clock = ManualClock::at(Time::parse("2026-11-23T08:00:00Z").unwrap());
    let db = Db::new(records, Clock::manual(&clock));
    // Cheap hashes: their cost is not what is tested here.
    let hash_cost = HashCost { memory_kib: 64, passes: 1, parallel: 2 };
    let settings = Settings { hash_cost, ..Settings::default() };
    let identity = Identity::new(db, settings, permissions_of, &Metrics::default()).unwrap();
    identity.ensure_first_administrator(Some(secret(PASSWORD))).await.unwrap();
    Bed { identity, clock, _dir: dir }
}

impl Bed {
    async fn sign_in(&self, password: &str) -> kernel::error::Result<SignedIn> {
        self.identity.sign_in(&stranger(), "admin", secret(password), "test").await
    }

    async fn caller(&self, signed_in: &SignedIn) -> Option<Caller> {
        self.identity.caller_of_session(&signed_in.secret, None).await.unwrap()
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let bed = bed().await;
    let again = bed.identity.ensure_first_administrator(None).await.unwrap();
    assert!(again.is_none(), "a second start makes no second administrator");
    assert!(bed.sign_in(PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_one_time_password_opens_nothing_but_its_own_change() {
    let bed = bed().await;
    let admin = Caller::local_administrator();
    let one_time = bed.identity.recover_user(&admin, "admin").await.unwrap();
    let first = bed.sign_in(one_time.expose()).await.unwrap();
    assert!(first.view.must_change_password);
    let caller = bed.caller(&first).await.unwrap();
    let refused = bed.identity.list_users(&caller).await.unwrap_err();
    assert_eq!(refused.code(), "identity.password_change_required");

    let new = secret("thirty purple umbrellas");
    let changed = bed.identity.change_password(&caller, one_time.clone(), new).await.unwrap();
    assert!(!changed.view.must_change_password);
    assert!(bed.sign_in(one_time.expose()).await.is_err(), "the one-time password is used up");
    let caller = bed.caller(&changed).await.unwrap();
    assert_eq!(bed.identity.list_users(&caller).await.unwrap().len(), 1);
}

#[tokio::test]
async fn unknown_and_known_names_are_refused_alike() {
    let bed = bed().await;
    let known = bed.sign_in("not the password").await.unwrap_err();
    let unknown =
        bed.identity.sign_in(&stranger(), "nobody", secret(PASSWORD), "test").await.unwrap_err();
    assert_eq!(known.kind(), Kind::Unauthenticated);
    assert_eq!((known.code(), known.detail()), (unknown.code(), unknown.detail()));
}

#[tokio::test]
async fn tries_slow_down_and_time_heals() {
    let bed = bed().await;
    let mut refused = None;
    for _ in 0..50 {
        let error = bed.sign_in("wrong, and wrong again").await.unwrap_err();
        if error.kind() == Kind::LimitReached {
            refused = error.retry_after();
            break;
        }
    }
    let wait_s = refused.expect("fifty wrong passwords in a row are not stopped");
    assert!(wait_s > 0);
    let right = bed.sign_in(PASSWORD).await.unwrap_err();
    assert_eq!(right.kind(), Kind::LimitReached, "the right password waits as well");
    bed.clock.advance(Duration::from_secs(u64::from(wait_s) + 1));
    assert!(bed.sign_in(PASSWORD).await.is_ok());
}

#[tokio::test]
async fn sessions_end_idle_absolutely_and_by_hand() {
    let bed = bed().await;
    let idle = bed.sign_in(PASSWORD).await.unwrap();
    assert!(bed.caller(&idle).await.is_some());
    bed.clock.advance(bed.identity.settings().session_idle + Duration::from_secs(1));
    assert!(bed.caller(&idle).await.is_none(), "an unused session ends");

    let busy = bed.sign_in(PASSWORD).await.unwrap();
    let step = bed.identity.settings().session_idle / 2;
    let mut lived = Duration::ZERO;
    while bed.caller(&busy).await.is_some() {
        bed.clock.advance(step);
        lived += step;
        assert!(lived < Duration::from_secs(7 * 24 * 3600), "a used session never ends");
    }
    assert!(lived >= bed.identity.settings().session_life);

    let (one, two) = (bed.sign_in(PASSWORD).await.unwrap(), bed.sign_in(PASSWORD).await.unwrap());
    let caller = bed.caller(&one).await.unwrap();
    let sessions = bed.identity.list_own_sessions(&caller).await.unwrap();
    let other = sessions.iter().find(|session| !session.current).unwrap();
    bed.identity.end_own_session(&caller, other.id).await.unwrap();
    assert!(bed.caller(&two).await.is_none(), "an ended session is dead at once");
    bed.identity.sign_out(&caller).await.unwrap();
    assert!(bed.caller(&one).await.is_none());
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let bed = bed().await;
    let (one, two) = (bed.sign_in(PASSWORD).await.unwrap(), bed.sign_in(PASSWORD).await.unwrap());
    let caller = bed.caller(&one).await.unwrap();
    let weak = bed.identity.change_password(&caller, secret(PASSWORD), secret("short")).await;
    assert_eq!(weak.unwrap_err().kind(), Kind::Invalid);
    let new = secret("forty lazy dromedaries");
    let wrong = bed.identity.change_password(&caller, secret("wrong"), new.clone()).await;
    assert!(wrong.is_err());
    let changed = bed.identity.change_password(&caller, secret(PASSWORD), new).await.unwrap();
    assert!(bed.caller(&two).await.is_none());
    assert!(bed.caller(&one).await.is_none(), "the secret of this session is a new one");
    assert!(bed.caller(&changed).await.is_some());
}

#[tokio::test]
async fn a_csrf_token_belongs_to_its_session() {
    let bed = bed().await;
    let (one, two) = (bed.sign_in(PASSWORD).await.unwrap(), bed.sign_in(PASSWORD).await.unwrap());
    let token = one.view.csrf_token.expose();
    assert!(bed.identity.is_csrf_token(&one.secret, token));
    assert!(!bed.identity.is_csrf_token(&two.secret, token));
    assert!(!bed.identity.is_csrf_token(&one.secret, ""));
}

#[tokio::test]
async fn tokens_live_until_they_are_deleted_or_end() {
    let bed = bed().await;
    let admin = bed.caller(&bed.sign_in(PASSWORD).await.unwrap()).await.unwrap();
    let new = |expires_in_s| NewToken {
        name: "agent".to_owned(),
        role: "viewer".to_owned(),
        expires_in_s,
    };
    let created = bed.identity.create_token(&admin, new(None)).await.unwrap();
    let caller = bed.identity.caller_of_token(&created.secret, None).await.unwrap();
    assert_eq!(caller.permissions, permissions_of("viewer").unwrap());
    let listed = bed.identity.list_tokens(&admin, 10, None).await.unwrap();
    let shown = format!("{listed:?}{created:?}{:?}", created.token);
    assert!(!shown.contains(created.secret.expose()), "a secret is shown once and never logged");

    bed.identity.delete_token(&admin, created.token.id).await.unwrap();
    let dead = bed.identity.caller_of_token(&created.secret, None).await.unwrap_err();
    assert_eq!(dead.kind(), Kind::Unauthenticated);

    let short = bed.identity.create_token(&admin, new(Some(3600))).await.unwrap();
    assert!(bed.identity.caller_of_token(&short.secret, None).await.is_ok());
    bed.clock.advance(Duration::from_secs(3601));
    assert!(bed.identity.caller_of_token(&short.secret, None).await.is_err());
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_hold() {
    let bed = bed().await;
    let admin = Caller::local_administrator();
    let new = NewUser {
        name: "eve".to_owned(),
        display_name: String::new(),
        roles: vec!["viewer".to_owned()],
    };
    let (user, one_time) = bed.identity.create_user(&admin, new).await.unwrap();
    let signed_in = bed.identity.sign_in(&stranger(), "eve", one_time.clone(), "t").await.unwrap();
    let caller = bed.caller(&signed_in).await.unwrap();
    let new = secret("sixty silent mountains");
    let signed_in = bed.identity.change_password(&caller, one_time, new).await.unwrap();
    let eve = bed.caller(&signed_in).await.unwrap();
    let mighty = NewToken {
        name: "mine".to_owned(),
        role: "admin".to_owned(),
        expires_in_s: None,
    };
    assert_eq!(bed.identity.create_token(&eve, mighty).await.unwrap_err().kind(), Kind::Forbidden);

    bed.identity.set_user_disabled(&admin, user.id, true).await.unwrap();
    assert!(bed.caller(&signed_in).await.is_none(), "a disabled person's sessions are dead");
}

#[test]
fn weak_passwords_are_named() {
    for weak in ["", "elevenchars", "password1234", "onemonitor-2026", "admin-admin-admin"] {
        let error = check_password("new_password", weak, "admin").unwrap_err();
        assert_eq!(error.wrong_field(), Some("new_password"), "{weak:?}");
    }
    assert!(check_password("new_password", PASSWORD, "admin").is_ok());
    assert!(check_password("new_password", "静水深流不问归期何处是家乡", "admin").is_ok());
}
