//! Where people, sessions and tokens are kept.

use kernel::clock::Time;
use kernel::db::Tx;
use kernel::error::{Error, Result};
use kernel::event::Event;
use records::{Collection, Cursor, Index, Key, Page, Read, Scan, Stored};

use crate::credential::Digest;
use crate::model::{Session, SessionId, Token, TokenId, User, UserId, name_key};

/// Sessions of one person; signing in ends the oldest when there are more.
const SESSIONS_PER_USER_MAX: usize = 50;
/// Ended sessions that are cleared away at a time.
const CLEARED_AT_A_TIME: usize = 100;

static USER_BY_NAME: Index<User> = Index::unique("by_name", |user, keys| {
    keys.add(Key::new().str(&name_key(&user.name)));
});
pub(crate) static USERS: Collection<User> = Collection::new("identity/user", 1, &[&USER_BY_NAME]);

static SESSION_BY_DIGEST: Index<Session> = Index::unique("by_digest", |session, keys| {
    keys.add(Key::new().bytes(session.digest.as_bytes()));
});
static SESSION_BY_USER: Index<Session> = Index::plain("by_user", |session, keys| {
    keys.add(Key::new().ulid(session.user.ulid()).i64(session.created_at.as_nanos()));
});
static SESSION_BY_END: Index<Session> = Index::plain("by_end", |session, keys| {
    keys.add(Key::new().i64(session.expires_at.as_nanos()));
});
pub(crate) static SESSIONS: Collection<Session> = Collection::new(
    "identity/session",
    1,
    &[&SESSION_BY_DIGEST, &SESSION_BY_USER, &SESSION_BY_END],
);

static TOKEN_BY_DIGEST: Index<Token> = Index::unique("by_digest", |token, keys| {
    keys.add(Key::new().bytes(token.digest.as_bytes()));
});
static TOKEN_BY_OWNER: Index<Token> = Index::plain("by_owner", |token, keys| {
    keys.add(owned_by(token.owner).i64(token.created_at.as_nanos()));
});
pub(crate) static TOKENS: Collection<Token> =
    Collection::new("identity/token", 1, &[&TOKEN_BY_DIGEST, &TOKEN_BY_OWNER]);

/// The person with this sign-in name, in any case.
pub(crate) fn user_by_name(read: &Read, name: &str) -> Result<Option<Stored<User>>> {
    Ok(read.find(&USERS, &USER_BY_NAME, Key::new().str(&name_key(name)))?)
}

/// People in the order of their creation.
pub(crate) fn users(read: &Read, limit: usize) -> Result<Vec<Stored<User>>> {
    Ok(read.scan(&USERS, Scan::all().limit(limit))?.items)
}

/// The person with this id.
pub(crate) fn user(read: &Read, id: UserId) -> Result<Stored<User>> {
    let missing = || Error::not_found("identity.user_not_found", format!("there is no user {id}"));
    read.get(&USERS, id.ulid())?.ok_or_else(missing)
}

/// The session whose secret has this digest.
pub(crate) fn session_by_digest(read: &Read, digest: Digest) -> Result<Option<Stored<Session>>> {
    Ok(read.find(&SESSIONS, &SESSION_BY_DIGEST, Key::new().bytes(digest.as_bytes()))?)
}

/// The sessions of a person, the newest first.
pub(crate) fn sessions_of(read: &Read, user: UserId) -> Result<Vec<Stored<Session>>> {
    let theirs = Scan::index(&SESSION_BY_USER).prefix(Key::new().ulid(user.ulid())).reverse();
    Ok(read.scan(&SESSIONS, theirs.limit(SESSIONS_PER_USER_MAX * 2))?.items)
}

/// The token whose secret has this digest.
pub(crate) fn token_by_digest(read: &Read, digest: Digest) -> Result<Option<Stored<Token>>> {
    Ok(read.find(&TOKENS, &TOKEN_BY_DIGEST, Key::new().bytes(digest.as_bytes()))?)
}

/// The token with this id.
pub(crate) fn token(read: &Read, id: TokenId) -> Result<Stored<Token>> {
    let missing =
        || Error::not_found("identity.token_not_found", format!("there is no token {id}"));
    read.get(&TOKENS, id.ulid())?.ok_or_else(missing)
}

/// A page of tokens: of one owner, or of everybody in the order of creation.
pub(crate) fn tokens(
    read: &Read,
    owner: Option<UserId>,
    limit: usize,
    after: Option<Cursor>,
) -> Result<Page<Token>> {
    let scan = match owner {
        Some(owner) => Scan::index(&TOKEN_BY_OWNER).prefix(owned_by(Some(owner))),
        None => Scan::all(),
    };
    Ok(read.scan(&TOKENS, scan.limit(limit).after(after))?)
}

/// How many tokens an owner has, counted up to `limit`.
pub(crate) fn tokens_of(read: &Read, owner: Option<UserId>, limit: usize) -> Result<usize> {
    let theirs = Scan::index(&TOKEN_BY_OWNER).prefix(owned_by(owner)).limit(limit);
    Ok(read.scan(&TOKENS, theirs)?.items.len())
}

/// Tokens that belong to nobody stand under the zero id.
fn owned_by(owner: Option<UserId>) -> Key {
    Key::new().ulid(owner.map(UserId::ulid).unwrap_or_default())
}

/// Ends a session before its time.
pub(crate) fn end_session(tx: &mut Tx<'_>, id: SessionId, user: UserId) -> Result<()> {
    tx.remove(&SESSIONS, id.ulid(), None)?;
    tx.emit(&Event::SessionEnded { user: user.ulid(), session: id.ulid() })
}

/// Ends the sessions of a person, except `kept`.
pub(crate) fn end_sessions(tx: &mut Tx<'_>, user: UserId, kept: Option<SessionId>) -> Result<()> {
    for session in sessions_of(tx, user)? {
        if Some(SessionId(session.id)) != kept {
            end_session(tx, SessionId(session.id), user)?;
        }
    }
    Ok(())
}

/// Stores a new session; clears away ended ones and the person's oldest above the limit.
pub(crate) fn add_session(tx: &mut Tx<'_>, session: &Session) -> Result<SessionId> {
    let over = Scan::index(&SESSION_BY_END).below(Key::new().i64(tx.now().as_nanos()));
    for ended in tx.scan(&SESSIONS, over.limit(CLEARED_AT_A_TIME))?.items {
        tx.remove(&SESSIONS, ended.id, None)?;
    }
    let theirs = sessions_of(tx, session.user)?;
    for oldest in theirs.iter().skip(SESSIONS_PER_USER_MAX - 1) {
        end_session(tx, SessionId(oldest.id), session.user)?;
    }
    let id = tx.new_id();
    tx.insert(&SESSIONS, id, session)?;
    Ok(SessionId(id))
}

/// Remembers when a session was used; `false` when it has ended.
pub(crate) fn session_seen(tx: &mut Tx<'_>, id: SessionId, at: Time) -> Result<bool> {
    let Some(mut session) = tx.get(&SESSIONS, id.ulid())? else { return Ok(false) };
    session.value.last_seen_at = session.value.last_seen_at.max(at);
    tx.update(&SESSIONS, id.ulid(), None, &session.value)?;
    Ok(true)
}

/// Remembers when a token was used; `false` when it was deleted.
pub(crate) fn token_used(tx: &mut Tx<'_>, id: TokenId, at: Time) -> Result<bool> {
    let Some(mut token) = tx.get(&TOKENS, id.ulid())? else { return Ok(false) };
    token.value.last_used_at = token.value.last_used_at.max(Some(at));
    tx.update(&TOKENS, id.ulid(), None, &token.value)?;
    Ok(true)
}
