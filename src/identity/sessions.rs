//! Signing in and out, one's own sessions, one's own password.

use std::sync::Arc;

use kernel::caller::{Caller, Permission, Subject};
use kernel::error::{Error, Result};
use kernel::event::Event;
use kernel::secret::Secret;
use records::Stored;

use crate::credential::{Digest, csrf_token, new_session_secret};
use crate::model::{
    NAME_CHARS_MAX, OwnSession, Session, SessionId, SessionUser, SessionView, User, UserId,
    name_key,
};
use crate::rules::{PASSWORD_CHARS_MAX, check_password};
use crate::{Identity, store};

/// The longest name that a browser may give itself; the rest is cut off.
const USER_AGENT_CHARS_MAX: usize = 200;

/// A session that began or went on, and the secret for the browser's cookie.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The value of the cookie.
    pub secret: Secret,
    /// The session as the API shows it.
    pub view: SessionView,
}

impl Identity {
    /// Signs a person in with name and password. `who` is whoever asks, for source and request.
    ///
    /// # Errors
    /// `Unauthenticated` for a wrong name or password or a disabled person, all alike;
    /// `LimitReached` after too many tries; what the store says.
    pub async fn sign_in(
        &self,
        who: &Caller,
        name: &str,
        password: Secret,
        user_agent: &str,
    ) -> Result<SignedIn> {
        // Far beyond what can be right: not worth a hash.
        if name.chars().count() > NAME_CHARS_MAX
            || password.expose().chars().count() > PASSWORD_CHARS_MAX
        {
            return Err(bad_credentials());
        }
        let account = name_key(name);
        self.begin_try(&account, who)?;
        let wanted = account.clone();
        let found = self.0.db.read(move |read| store::user_by_name(read, &wanted)).await?;
        let hash = found.as_ref().map(|user| user.value.password.clone());
        let is_right = self.0.passwords.verify(password, hash).await?;
        let user = match found {
            Some(user) if is_right && !user.value.disabled => user,
            other => {
                self.0.sign_ins.with_label_values(&["refused"]).inc();
                let user = other.map(|user| UserId(user.id).to_string());
                tracing::info!(source = ?who.source, user, "sign-in refused");
                return Err(bad_credentials());
            }
        };
        let secret = new_session_secret()?;
        let view = self.begin_session(who, user, &secret, user_agent).await?;
        self.throttle().succeed(&account, who.source, self.now());
        self.0.sign_ins.with_label_values(&["accepted"]).inc();
        Ok(SignedIn { secret, view })
    }

    /// The session of the caller, whose secret is in the cookie.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody is signed in.
    pub async fn get_session(&self, who: &Caller, secret: &Secret) -> Result<SessionView> {
        let (user, session) = signed_in(who)?;
        let (user, session) = self
            .0
            .db
            .read(move |read| {
                let session = read.get(&store::SESSIONS, session.ulid())?;
                let session = session.ok_or_else(|| sign_in_first("the session has ended"))?;
                Ok((store::user(read, user)?, session))
            })
            .await?;
        Ok(self.view(&user, &session.value, secret))
    }

    /// Ends the caller's session.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody is signed in; what the store says.
    pub async fn sign_out(&self, who: &Caller) -> Result<()> {
        let (user, session) = signed_in(who)?;
        self.end(who, "session.end", user, session).await
    }

    /// The caller's sessions, the newest first.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody is signed in; what the store says.
    pub async fn list_own_sessions(&self, who: &Caller) -> Result<Vec<OwnSession>> {
        let (user, current) = signed_in(who)?;
        who.require_settled()?;
        let (now, idle) = (self.now(), self.0.settings.session_idle);
        let sessions = self.0.db.read(move |read| store::sessions_of(read, user)).await?;
        let mut own = Vec::with_capacity(sessions.len());
        for Stored { id, value: session, .. } in sessions {
            let is_current = id == current.ulid();
            let has_ended = now >= session.expires_at || now.since(session.last_seen_at) > idle;
            if has_ended && !is_current {
                continue;
            }
            own.push(OwnSession {
                id: SessionId(id),
                created_at: session.created_at,
                last_seen_at: session.last_seen_at,
                expires_at: session.expires_at,
                source: session.source,
                user_agent: session.user_agent,
                current: is_current,
            });
        }
        Ok(own)
    }

    /// Ends one of the caller's sessions.
    ///
    /// # Errors
    /// `NotFound` when it is not theirs; `Unauthenticated`; what the store says.
    pub async fn end_own_session(&self, who: &Caller, id: SessionId) -> Result<()> {
        let (user, _) = signed_in(who)?;
        who.require_settled()?;
        self.end(who, "session.end", user, id).await
    }

    /// Changes the caller's password; their other sessions end, this one gets a new secret.
    ///
    /// # Errors
    /// `Invalid` for a wrong current or a weak new password; `LimitReached` after too many tries;
    /// `Unauthenticated` when nobody is signed in; what the store says.
    pub async fn change_password(
        &self,
        who: &Caller,
        current: Secret,
        new: Secret,
    ) -> Result<SignedIn> {
        let (id, session) = signed_in(who)?;
        let user = self.0.db.read(move |read| store::user(read, id)).await?;
        let account = name_key(&user.value.name);
        check_password("new_password", new.expose(), &user.value.name)?;
        if new == current {
            let same = Error::invalid("identity.weak_password", "the new password is the old one");
            return Err(same.field("new_password"));
        }
        self.begin_try(&account, who)?;
        let is_right = current.expose().chars().count() <= PASSWORD_CHARS_MAX
            && self.0.passwords.verify(current, Some(user.value.password.clone())).await?;
        if !is_right {
            let wrong = Error::invalid("identity.wrong_password", "the current password is wrong");
            return Err(wrong.field("current_password"));
        }
        let hash = self.0.passwords.hash(new).await?;
        let secret = new_session_secret()?;
        let (digest, rev) = (Digest::of(&secret), user.rev);
        let (user, session) = self
            .0
            .db
            .write(who, "user.change_password", move |tx| {
                let mut user = user;
                user.value.password = hash;
                user.value.must_change_password = false;
                user.value.password_changed_at = tx.now();
                tx.update(&store::USERS, user.id, Some(rev), &user.value)?;
                store::end_sessions(tx, id, Some(session))?;
                let kept = tx.get(&store::SESSIONS, session.ulid())?;
                let mut kept = kept.ok_or_else(|| sign_in_first("the session has ended"))?.value;
                kept.digest = digest;
                tx.update(&store::SESSIONS, session.ulid(), None, &kept)?;
                tx.emit(&Event::PasswordChanged { user: id.ulid() })?;
                Ok((user, kept))
            })
            .await?;
        self.forget_known();
        let now = self.now();
        let mut throttle = self.throttle();
        throttle.reset(&account);
        throttle.succeed(&account, who.source, now);
        drop(throttle);
        let view = self.view(&user, &session, &secret);
        Ok(SignedIn { secret, view })
    }

    /// Counts a try to prove knowledge of a password; refuses when there were too many.
    fn begin_try(&self, account: &str, who: &Caller) -> Result<()> {
        let now = self.now();
        let begun = self.throttle().begin(account, who.source, now);
        begun.map_err(|wait| {
            self.0.sign_ins.with_label_values(&["slowed"]).inc();
            let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
            let detail = format!("too many tries; wait {seconds} s before the next");
            Error::limit_reached("identity.too_many_tries", detail).retry_after_s(seconds)
        })
    }

    async fn begin_session(
        &self,
        who: &Caller,
        user: Stored<User>,
        secret: &Secret,
        user_agent: &str,
    ) -> Result<SessionView> {
        let now = self.now();
        let session = Session {
            user: UserId(user.id),
            digest: Digest::of(secret),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(self.0.settings.session_life),
            source: who.source.map(|source| source.to_string()).unwrap_or_default(),
            user_agent: user_agent
                .chars()
                .filter(|c| !c.is_control())
                .take(USER_AGENT_CHARS_MAX)
                .collect(),
        };
        let name: Arc<str> = user.value.name.as_str().into();
        let subject = Subject::User { id: user.id, session: records::Ulid::default() };
        let person = Caller { subject, name, ..who.clone() };
        let (id, rev) = (user.id, user.rev);
        let session = self
            .0
            .db
            .write(&person, "session.begin", move |tx| {
                // What the password was checked against may have changed while it was hashed.
                if store::user(tx, UserId(id))?.rev != rev {
                    return Err(bad_credentials());
                }
                store::add_session(tx, &session)?;
                tx.emit(&Event::UserSignedIn { user: id })?;
                Ok(session)
            })
            .await?;
        Ok(self.view(&user, &session, secret))
    }

    async fn end(
        &self,
        who: &Caller,
        operation: &'static str,
        user: UserId,
        id: SessionId,
    ) -> Result<()> {
        self.0
            .db
            .write(who, operation, move |tx| {
                let found = tx.get(&store::SESSIONS, id.ulid())?;
                if found.is_none_or(|session| session.value.user != user) {
                    let detail = format!("you have no session {id}");
                    return Err(Error::not_found("identity.session_not_found", detail));
                }
                store::end_session(tx, id, user)
            })
            .await?;
        self.forget_known();
        Ok(())
    }

    fn view(&self, user: &Stored<User>, session: &Session, secret: &Secret) -> SessionView {
        let permissions = self.permissions_of(&user.value.roles);
        SessionView {
            user: SessionUser {
                id: UserId(user.id),
                name: user.value.name.clone(),
                display_name: user.value.display_name.clone(),
                roles: user.value.roles.clone(),
                permissions: permissions.iter().map(|it| it.as_str().to_owned()).collect(),
            },
            must_change_password: user.value.must_change_password,
            csrf_token: csrf_token(secret),
            expires_at: session.expires_at,
        }
    }
}

/// The person and session of the caller; a token or nobody has no account of its own.
pub(crate) fn signed_in(who: &Caller) -> Result<(UserId, SessionId)> {
    if let Subject::User { id, session } = who.subject {
        who.require(Permission::AccountSelf)?;
        return Ok((UserId(id), SessionId(session)));
    }
    if who.subject == Subject::Anonymous {
        return Err(sign_in_first("sign in first"));
    }
    let detail = "this is for people who are signed in, not for API tokens";
    Err(Error::forbidden("identity.people_only", detail))
}

fn bad_credentials() -> Error {
    Error::unauthenticated("identity.bad_credentials", "the name or the password is wrong")
}

fn sign_in_first(detail: &str) -> Error {
    Error::unauthenticated("identity.sign_in_required", detail)
}
