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

use crate::throttle::Throttle;
use crate::{
    HashCost, Identity, NewToken, NewUser, Settings, SignedIn, UserId, check_password, credential,
};

const PASSWORD: &str = "a quiet river under stars";
/// The password that [`Bed::person`] chooses.
const OWN: &str = "sixty silent mountains";

struct Bed {
    identity: Identity,
    clock: ManualClock,
    dir: TempDir,
}

fn permissions_of(role: &str) -> Option<Permissions> {
    match role {
        "admin" => Some(Permissions::of(&Permission::ALL)),
        "viewer" => Some(Permissions::of(&[Permission::AccountSelf, Permission::MetricsRead])),
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
    bed_in(TempDir::new().unwrap()).await
}

/// The same over the store in `dir`, which may be there already.
async fn bed_in(dir: TempDir) -> Bed {
    let path = dir.path().join("records.redb");
    let records = Records::open(&path, records::Options::default()).unwrap();
    let clock = ManualClock::at(Time::parse("2026-11-23T08:00:00Z").unwrap());
    let db = Db::new(records, Clock::manual(&clock));
    // Cheap hashes: their cost is not what is tested here.
    let hash_cost = HashCost { memory_kib: 64, passes: 1, parallel: 2 };
    let settings = Settings { hash_cost, ..Settings::default() };
    let identity = Identity::new(db, settings, permissions_of, &Metrics::default()).unwrap();
    identity.ensure_first_administrator(Some(secret(PASSWORD))).await.unwrap();
    Bed { identity, clock, dir }
}

impl Bed {
    async fn sign_in(&self, password: &str) -> kernel::error::Result<SignedIn> {
        self.identity.sign_in(&stranger(), "admin", secret(password), "test").await
    }

    fn clock_now(&self) -> Time {
        Clock::manual(&self.clock).now()
    }

    /// A new person, signed in with a password of their own.
    async fn person(&self, name: &str, role: &str) -> (UserId, Caller) {
        let local = Caller::local_administrator();
        let new = NewUser {
            name: name.to_owned(),
            display_name: String::new(),
            roles: vec![role.to_owned()],
        };
        let (user, one_time) = self.identity.create_user(&local, new).await.unwrap();
        let first = self.identity.sign_in(&stranger(), name, one_time.clone(), "t").await.unwrap();
        let caller = self.caller(&first).await.unwrap();
        let own = secret(OWN);
        let settled = self.identity.change_password(&caller, one_time, own).await.unwrap();
        (user.id, self.caller(&settled).await.unwrap())
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
    let (eve, caller) = bed.person("eve", "viewer").await;
    let mighty = NewToken { name: "mine".to_owned(), role: "admin".to_owned(), expires_in_s: None };
    assert_eq!(
        bed.identity.create_token(&caller, mighty).await.unwrap_err().kind(),
        Kind::Forbidden
    );

    let new = NewUser {
        name: "mallory".to_owned(),
        display_name: String::new(),
        roles: vec!["admin".to_owned()],
    };
    assert_eq!(bed.identity.create_user(&caller, new).await.unwrap_err().kind(), Kind::Forbidden);
    bed.identity.set_user_disabled(&admin, eve, true).await.unwrap();
    let people = bed.identity.list_users(&admin).await.unwrap();
    assert!(people.iter().any(|person| person.id == eve && person.disabled));
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

#[tokio::test]
async fn a_token_never_permits_more_than_its_owner_may_now() {
    let bed = bed().await;
    let local = Caller::local_administrator();
    let (eve, caller) = bed.person("eve", "viewer").await;
    let new = |role: &str| NewToken {
        name: "mine".to_owned(),
        role: role.to_owned(),
        expires_in_s: None,
    };
    let own = bed.identity.create_token(&caller, new("viewer")).await.unwrap();
    let program = bed.identity.caller_of_token(&own.secret, None).await.unwrap();
    assert!(program.permissions.has(Permission::MetricsRead));
    let more = bed.identity.create_token(&program, new("viewer")).await.unwrap_err();
    assert_eq!(more.kind(), Kind::Forbidden, "a token without tokens.write makes no tokens");

    bed.identity.set_user_disabled(&local, eve, true).await.unwrap();
    let resting = bed.identity.caller_of_token(&own.secret, None).await.unwrap_err();
    assert_eq!(resting.kind(), Kind::Unauthenticated);
    bed.identity.set_user_disabled(&local, eve, false).await.unwrap();
    assert!(bed.identity.caller_of_token(&own.secret, None).await.is_ok());

    let foreign = bed.identity.create_token(&local, new("admin")).await.unwrap();
    let refused = bed.identity.delete_token(&caller, foreign.token.id).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound, "whose it is stays hidden");
    let (listed, _) = bed.identity.list_tokens(&caller, 10, None).await.unwrap();
    assert_eq!(listed.len(), 1, "people without tokens.read see their own");
}

#[tokio::test]
async fn other_roles_count_at_once_for_sessions_and_tokens() {
    let bed = bed().await;
    let local = Caller::local_administrator();
    let (eve, caller) = bed.person("eve", "admin").await;
    let new = NewToken { name: "mine".to_owned(), role: "admin".to_owned(), expires_in_s: None };
    let token = bed.identity.create_token(&caller, new).await.unwrap().secret;
    let may = async || {
        let program = bed.identity.caller_of_token(&token, None).await.unwrap();
        program.permissions.has(Permission::UsersWrite)
    };
    assert!(may().await);
    bed.identity.set_user_roles(&local, eve, vec!["viewer".to_owned()]).await.unwrap();
    assert!(!may().await, "a token permits what its owner may, no more");
    let signed_in = bed.identity.sign_in(&stranger(), "eve", secret(OWN), "t").await.unwrap();
    let caller = bed.caller(&signed_in).await.unwrap();
    let up = bed.identity.set_user_roles(&caller, eve, vec!["admin".to_owned()]).await;
    assert_eq!(up.unwrap_err().kind(), Kind::Forbidden);
    bed.identity.set_user_roles(&local, eve, vec!["admin".to_owned()]).await.unwrap();
    assert!(may().await);
    assert!(bed.caller(&signed_in).await.unwrap().permissions.has(Permission::UsersWrite));
    let unknown = bed.identity.set_user_roles(&local, eve, vec!["root".to_owned()]).await;
    assert_eq!(unknown.unwrap_err().code(), "access.unknown_role");
}

#[tokio::test]
async fn the_last_administrator_cannot_be_disabled() {
    let bed = bed().await;
    let local = Caller::local_administrator();
    let admin = bed.identity.list_users(&local).await.unwrap().remove(0);
    let refused = bed.identity.set_user_disabled(&local, admin.id, true).await.unwrap_err();
    assert_eq!(refused.code(), "identity.last_administrator");
    let viewer = vec!["viewer".to_owned()];
    let refused = bed.identity.set_user_roles(&local, admin.id, viewer).await.unwrap_err();
    assert_eq!(refused.code(), "identity.last_administrator");
    bed.person("second", "admin").await;
    let session = bed.sign_in(PASSWORD).await.unwrap();
    assert!(bed.caller(&session).await.is_some());
    bed.identity.set_user_disabled(&local, admin.id, true).await.unwrap();
    assert!(bed.caller(&session).await.is_none(), "a disabled person's sessions are dead");
    assert!(bed.sign_in(PASSWORD).await.is_err(), "a disabled person cannot sign in");
}

#[tokio::test]
async fn use_is_written_at_most_once_a_minute() {
    let bed = bed().await;
    let session = bed.sign_in(PASSWORD).await.unwrap();
    let begun = bed.clock_now();
    let seen = async || {
        let caller = bed.caller(&session).await.unwrap();
        bed.identity.list_own_sessions(&caller).await.unwrap().remove(0).last_seen_at
    };
    bed.clock.advance(Duration::from_secs(59));
    assert_eq!(seen().await, begun);
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(seen().await, begun.plus(Duration::from_secs(60)));
    bed.clock.set(begun.minus(Duration::from_secs(3600)));
    assert!(bed.caller(&session).await.is_some(), "a clock set back ends no session");
}

#[tokio::test]
async fn sessions_and_tokens_outlive_the_process_and_no_secret_is_stored() {
    let dir = TempDir::new().unwrap();
    let bed = bed_in(dir).await;
    let session = bed.sign_in(PASSWORD).await.unwrap();
    let new = NewToken { name: "agent".to_owned(), role: "viewer".to_owned(), expires_in_s: None };
    let local = Caller::local_administrator();
    let token = bed.identity.create_token(&local, new).await.unwrap();
    let Bed { identity, dir, .. } = bed;
    drop(identity);

    let mut stored = Vec::new();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            stored.extend(std::fs::read(path).unwrap());
        }
    }
    let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("agent"), "the store is read where it lies");
    for hidden in [PASSWORD, session.secret.expose(), token.secret.expose()] {
        assert!(!holds(hidden), "a secret is on disk");
    }
    let bed = bed_in(dir).await;
    assert!(bed.caller(&session).await.is_some());
    assert!(bed.identity.caller_of_token(&token.secret, None).await.is_ok());
}

#[tokio::test]
async fn many_tries_at_once_gain_nothing() {
    let bed = bed().await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let identity = bed.identity.clone();
        tries.spawn(async move {
            identity.sign_in(&stranger(), "admin", secret("guess after guess"), "t").await
        });
    }
    let mut guessed = 0;
    while let Some(outcome) = tries.join_next().await {
        let error = outcome.unwrap().unwrap_err();
        guessed += usize::from(error.kind() == Kind::Unauthenticated);
    }
    assert!((1..=6).contains(&guessed), "{guessed} of 30 guesses were looked at");
}

#[test]
fn a_strangers_guesses_do_not_keep_the_owner_out() {
    let start = Time::from_millis(1_000_000_000_000);
    let (home, stranger) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([192, 0, 2, 7]));
    let mut throttle = Throttle::default();
    throttle.begin("admin", Some(home), start).unwrap();
    throttle.succeed("admin", Some(home), start);
    let mut now = start;
    for _ in 0..200 {
        if let Err(wait) = throttle.begin("admin", Some(stranger), now) {
            assert!(wait <= Duration::from_secs(300));
            now = now.plus(wait);
        }
    }
    assert!(now.since(start) > Duration::from_secs(3600), "guessing is slow");
    assert!(throttle.begin("admin", Some(stranger), now).is_err());
    assert!(throttle.begin("admin", Some(home), now).is_ok());
    // A clock set back by years must not make a pause of years.
    assert!(throttle.begin("admin", Some(stranger), Time::from_millis(0)).is_ok());
}

#[test]
fn sources_are_slowed_across_accounts_and_by_network() {
    let now = Time::from_millis(1_000_000_000_000);
    let mut throttle = Throttle::default();
    let mut refused = 0;
    for i in 0..100_u16 {
        let source = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, i]);
        refused += usize::from(throttle.begin(&format!("user{i}"), Some(source), now).is_err());
    }
    assert_eq!(refused, 79, "one network has twenty free tries and one that begins the pause");
    let other = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
    assert!(throttle.begin("user0", Some(other), now).is_ok());
}

#[test]
fn tokens_have_a_form_that_typing_errors_break() {
    let (token, prefix) = credential::new_token().unwrap();
    let text = token.expose();
    assert!(text.starts_with(&prefix) && credential::is_token(text), "{text}");
    assert!(!credential::is_token(&text[..text.len() - 1]));
    let wrong = if text.ends_with('0') { "1" } else { "0" };
    assert!(!credential::is_token(&format!("{}{wrong}", &text[..text.len() - 1])));
    for other in ["", "om_", "om___", "secret", "ghp_0123456789abcdef"] {
        assert!(!credential::is_token(other), "{other:?}");
    }
}

#[test]
fn the_cookie_is_found_among_others() {
    let mut headers = http::HeaderMap::new();
    assert!(crate::session_cookie(&headers).is_none());
    let text = "theme=dark; om_session_old=x; om_session=abc; lang=zh";
    headers.append("cookie", text.parse().unwrap());
    assert_eq!(crate::session_cookie(&headers).unwrap().expose(), "abc");
}
