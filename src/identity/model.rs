//! People, sessions and API tokens: as stored, and as shown.

use kernel::clock::Time;
use kernel::error::{Error, Result};
use kernel::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::credential::Digest;

kernel::define_id!(
    /// Names a user.
    pub UserId, "usr"
);
kernel::define_id!(
    /// Names a session.
    pub SessionId, "ses"
);
kernel::define_id!(
    /// Names an API token.
    pub TokenId, "tok"
);

/// The longest name of a user, session or token, in characters.
pub const NAME_CHARS_MAX: usize = 100;

/// A person as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) roles: Vec<String>,
    /// The argon2id hash in PHC form.
    pub(crate) password: Secret,
    pub(crate) must_change_password: bool,
    pub(crate) disabled: bool,
    pub(crate) created_at: Time,
    pub(crate) password_changed_at: Time,
}

/// A session as stored: the cookie's secret is not here, only its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user: UserId,
    pub(crate) digest: Digest,
    pub(crate) created_at: Time,
    /// Written at most once a minute.
    pub(crate) last_seen_at: Time,
    pub(crate) expires_at: Time,
    pub(crate) source: String,
    pub(crate) user_agent: String,
}

/// An API token as stored: only its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) prefix: String,
    pub(crate) digest: Digest,
    /// Who made it, and whose permissions it cannot exceed; none for the local administrator.
    pub(crate) owner: Option<UserId>,
    pub(crate) created_at: Time,
    pub(crate) expires_at: Option<Time>,
    /// Written at most once a minute.
    pub(crate) last_used_at: Option<Time>,
}

/// A person as an administrator sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserView {
    /// Names the user.
    pub id: UserId,
    /// The name to sign in with.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The roles.
    pub roles: Vec<String>,
    /// Whether a one-time password still stands.
    pub must_change_password: bool,
    /// Whether signing in is refused.
    pub disabled: bool,
    /// When the user was created.
    pub created_at: Time,
}

/// The signed-in person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionUser {
    /// Names the user.
    pub id: UserId,
    /// The name to sign in with.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The roles.
    pub roles: Vec<String>,
    /// The names of all permissions that the roles grant.
    pub permissions: Vec<String>,
}

/// Who is signed in, and what requests of this session need.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The signed-in person.
    pub user: SessionUser,
    /// The one-time password must be changed before anything else works.
    pub must_change_password: bool,
    /// To be sent as `X-CSRF-Token` with every request that changes something.
    pub csrf_token: Secret,
    /// When the session ends at the latest.
    pub expires_at: Time,
}

/// One of the caller's own sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnSession {
    /// Names the session.
    pub id: SessionId,
    /// When the person signed in.
    pub created_at: Time,
    /// When the session was used last, to the minute.
    pub last_seen_at: Time,
    /// When the session ends at the latest.
    pub expires_at: Time,
    /// The address that the person signed in from.
    pub source: String,
    /// The browser, as it named itself.
    pub user_agent: String,
    /// Whether it is the session that asks.
    pub current: bool,
}

/// An API token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenView {
    /// Names the token.
    pub id: TokenId,
    /// What the token is for.
    pub name: String,
    /// What it may do, as far as its owner may.
    pub role: String,
    /// The beginning of the secret, to recognise it by.
    pub prefix: String,
    /// When it was created.
    pub created_at: Time,
    /// When it stops working; absent when never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was used last, to the minute; absent when never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
}

/// A new API token: what it is for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What the token is for, 1 to 100 characters.
    pub name: String,
    /// What it may do; no more than its maker.
    pub role: String,
    /// Seconds until it stops working, 60 to 315360000; never when absent.
    pub expires_in_s: Option<u64>,
}

/// A created token and its secret, which is shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenCreated {
    /// The token.
    pub token: TokenView,
    /// The secret, to be sent as `Authorization: Bearer`.
    pub secret: Secret,
}

/// A new person.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name to sign in with: letters, digits, `.`, `_`, `-` and `@`.
    pub name: String,
    /// The name to show; the same when empty.
    pub display_name: String,
    /// The roles.
    pub roles: Vec<String>,
}

/// Refuses text that is empty, too long, or holds control characters; gives it without blanks
/// around it.
pub(crate) fn checked_text(field: &'static str, text: &str) -> Result<String> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 || chars > NAME_CHARS_MAX || text.chars().any(char::is_control) {
        let detail =
            format!("{field} must have 1 to {NAME_CHARS_MAX} characters and no control characters");
        return Err(Error::invalid("identity.text", detail).field(field));
    }
    Ok(text.to_owned())
}

/// Refuses a sign-in name that could be confused with another or break a log line.
pub(crate) fn checked_name(name: &str) -> Result<String> {
    let name = checked_text("name", name)?;
    let is_allowed = |c: char| c.is_alphanumeric() || "._-@".contains(c);
    if !name.chars().all(is_allowed) {
        let detail = "name must consist of letters, digits, '.', '_', '-' and '@'";
        return Err(Error::invalid("identity.name", detail).field("name"));
    }
    Ok(name)
}

/// The form of a sign-in name by which people are found: case does not matter.
pub(crate) fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}
