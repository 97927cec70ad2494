//! Tells who sends a request: by the session's cookie or by an API token.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use kernel::caller::{Caller, Permissions, Subject};
use kernel::clock::Time;
use kernel::error::{Error, Result};
use kernel::secret::Secret;

use crate::credential::{self, Digest};
use crate::model::{SessionId, TokenId, UserId};
use crate::{Identity, store};

/// How often the last use of a session or token is written at most.
const SEEN_INTERVAL: Duration = Duration::from_secs(60);

/// What is remembered of a session.
#[derive(Clone, Debug)]
pub(crate) struct KnownSession {
    id: SessionId,
    user: UserId,
    name: Arc<str>,
    permissions: Permissions,
    must_change_password: bool,
    expires_at: Time,
    last_seen_at: Time,
    written_at: Time,
}

/// What is remembered of a token.
#[derive(Clone, Debug)]
pub(crate) struct KnownToken {
    id: TokenId,
    owner: Option<UserId>,
    name: Arc<str>,
    permissions: Permissions,
    expires_at: Option<Time>,
    written_at: Option<Time>,
}

impl KnownSession {
    /// Uses the session: gives it, and whether that should be written; `None` when it has ended.
    fn touch(&mut self, now: Time, idle: Duration) -> Option<(Self, bool)> {
        if now >= self.expires_at || now.since(self.last_seen_at) > idle {
            return None;
        }
        self.last_seen_at = now;
        let is_due = is_due(now, self.written_at);
        if is_due {
            self.written_at = now;
        }
        Some((self.clone(), is_due))
    }
}

impl KnownToken {
    /// Uses the token: gives it, and whether that should be written.
    fn touch(&mut self, now: Time) -> (Self, bool) {
        let is_due = self.written_at.is_none_or(|written_at| is_due(now, written_at));
        if is_due {
            self.written_at = Some(now);
        }
        (self.clone(), is_due)
    }
}

impl Identity {
    /// The person whose session has this secret; `None` when there is none, or it has ended.
    ///
    /// # Errors
    /// What the store says.
    pub async fn caller_of_session(
        &self,
        secret: &Secret,
        source: Option<IpAddr>,
    ) -> Result<Option<Caller>> {
        let digest = Digest::of(secret);
        let now = self.now();
        let idle = self.0.settings.session_idle;
        let seen = match self.0.sessions.with(digest, |known| known.touch(now, idle)) {
            Some(seen) => seen,
            None => self.learn_session(digest, now, idle).await?,
        };
        let Some((known, is_due)) = seen else { return Ok(None) };
        if is_due {
            let id = known.id;
            let noted = self.0.db.note(move |tx| store::session_seen(tx, id, now)).await;
            if let Err(error) = noted {
                // A full disk must not keep people out.
                tracing::warn!(%error, "last use of a session not written");
            }
        }
        Ok(Some(Caller {
            subject: Subject::User { id: known.user.ulid(), session: known.id.ulid() },
            name: known.name,
            source,
            request_id: None,
            permissions: known.permissions,
            must_change_password: known.must_change_password,
        }))
    }

    /// The owner of this API token, with the permissions that it has at this moment.
    ///
    /// # Errors
    /// `Unauthenticated` for a token that is malformed, unknown, expired or whose owner is gone;
    /// what the store says.
    pub async fn caller_of_token(&self, secret: &Secret, source: Option<IpAddr>) -> Result<Caller> {
        if !credential::is_token(secret.expose()) {
            return Err(bad_token("the API token is malformed; it looks like om_…"));
        }
        let digest = Digest::of(secret);
        let now = self.now();
        let seen = match self.0.tokens.with(digest, |known| known.touch(now)) {
            Some(seen) => Some(seen),
            None => self.learn_token(digest, now).await?,
        };
        let unknown = || bad_token("the API token is unknown or was deleted");
        let (known, is_due) = seen.ok_or_else(unknown)?;
        if known.expires_at.is_some_and(|expires_at| now >= expires_at) {
            return Err(bad_token("the API token has expired"));
        }
        if is_due {
            let id = known.id;
            let noted = self.0.db.note(move |tx| store::token_used(tx, id, now)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "last use of a token not written");
            }
        }
        let owner = known.owner.map(UserId::ulid);
        Ok(Caller {
            subject: Subject::Token { id: known.id.ulid(), owner },
            name: known.name,
            source,
            request_id: None,
            permissions: known.permissions,
            must_change_password: false,
        })
    }

    /// Whether `given` is the anti-forgery token of the session with this secret.
    #[must_use]
    pub fn is_csrf_token(&self, session: &Secret, given: &str) -> bool {
        credential::equal(credential::csrf_token(session).expose(), given)
    }

    /// Reads a session and remembers it; `None` when there is none, or it has ended.
    async fn learn_session(
        &self,
        digest: Digest,
        now: Time,
        idle: Duration,
    ) -> Result<Option<(KnownSession, bool)>> {
        let generation = self.0.sessions.generation();
        let found = self
            .0
            .db
            .read(move |read| {
                let Some(session) = store::session_by_digest(read, digest)? else {
                    return Ok(None);
                };
                let user = store::user(read, session.value.user)?;
                Ok(Some((session, user)))
            })
            .await?;
        let Some((session, user)) = found else { return Ok(None) };
        if user.value.disabled {
            return Ok(None);
        }
        let mut known = KnownSession {
            id: SessionId(session.id),
            user: UserId(user.id),
            name: user.value.name.as_str().into(),
            permissions: self.permissions_of(&user.value.roles),
            must_change_password: user.value.must_change_password,
            expires_at: session.value.expires_at,
            last_seen_at: session.value.last_seen_at,
            written_at: session.value.last_seen_at,
        };
        let seen = known.touch(now, idle);
        if seen.is_some() {
            self.0.sessions.put(digest, known, generation);
        }
        Ok(seen)
    }

    /// Reads a token and remembers it; `None` when there is none, or its owner may not sign in.
    async fn learn_token(&self, digest: Digest, now: Time) -> Result<Option<(KnownToken, bool)>> {
        let generation = self.0.tokens.generation();
        let found = self
            .0
            .db
            .read(move |read| {
                let Some(token) = store::token_by_digest(read, digest)? else { return Ok(None) };
                let owner = token.value.owner.map(|owner| store::user(read, owner)).transpose()?;
                Ok(Some((token, owner)))
            })
            .await?;
        let Some((token, owner)) = found else { return Ok(None) };
        let mut permissions = self.permissions_of(std::slice::from_ref(&token.value.role));
        if let Some(owner) = owner {
            if owner.value.disabled {
                return Ok(None);
            }
            permissions = permissions.intersection(self.permissions_of(&owner.value.roles));
        }
        let mut known = KnownToken {
            id: TokenId(token.id),
            owner: token.value.owner,
            name: token.value.name.as_str().into(),
            permissions,
            expires_at: token.value.expires_at,
            written_at: token.value.last_used_at,
        };
        let seen = known.touch(now);
        self.0.tokens.put(digest, known, generation);
        Ok(Some(seen))
    }
}

/// Whether the last use should be written again; also after the clock was set back.
fn is_due(now: Time, written_at: Time) -> bool {
    now.since(written_at) >= SEEN_INTERVAL || written_at.since(now) >= SEEN_INTERVAL
}

fn bad_token(detail: &str) -> Error {
    Error::unauthenticated("identity.bad_token", detail)
}
