//! API tokens: made, listed and deleted.

use std::time::Duration;

use kernel::caller::{Caller, Permission, Subject};
use kernel::error::{Error, Result};
use kernel::event::Event;
use records::{Cursor, Stored};

use crate::credential::{Digest, new_token};
use crate::model::{NewToken, Token, TokenCreated, TokenId, TokenView, UserId, checked_text};
use crate::{Identity, store};

/// Tokens of one owner.
const TOKENS_PER_OWNER_MAX: usize = 500;
/// The shortest and the longest life of a token, in seconds.
const LIFE_S: std::ops::RangeInclusive<u64> = 60..=315_360_000;

impl Identity {
    /// Creates a token. People make it for themselves; the local administrator makes one that
    /// belongs to nobody; another token must have `tokens.write`.
    ///
    /// # Errors
    /// `Forbidden` for a role that permits more than the caller may; `Invalid` for a bad name, role
    /// or life; `LimitReached` at 500 tokens of one owner; what the store says.
    pub async fn create_token(&self, who: &Caller, new: NewToken) -> Result<TokenCreated> {
        who.require_settled()?;
        let owner = match who.subject {
            Subject::User { id, .. } => {
                who.require(Permission::AccountSelf)?;
                Some(UserId(id))
            }
            Subject::Token { owner, .. } => {
                who.require(Permission::TokensWrite)?;
                owner.map(UserId)
            }
            _ => {
                who.require(Permission::TokensWrite)?;
                None
            }
        };
        let name = checked_text("name", &new.name)?;
        self.require_grantable(who, "role", &new.role)?;
        let now = self.now();
        let expires_at = match new.expires_in_s {
            Some(seconds) if !LIFE_S.contains(&seconds) => {
                let (shortest, longest) = (LIFE_S.start(), LIFE_S.end());
                let detail = format!("expires_in_s must be {shortest} to {longest}, got {seconds}");
                return Err(Error::invalid("identity.token_life", detail).field("expires_in_s"));
            }
            Some(seconds) => Some(now.plus(Duration::from_secs(seconds))),
            None => None,
        };
        let (secret, prefix) = new_token()?;
        let digest = Digest::of(&secret);
        let token = Token {
            name,
            role: new.role,
            prefix,
            digest,
            owner,
            created_at: now,
            expires_at,
            last_used_at: None,
        };
        let token = self
            .0
            .db
            .write(who, "token.create", move |tx| {
                if store::tokens_of(tx, owner, TOKENS_PER_OWNER_MAX)? >= TOKENS_PER_OWNER_MAX {
                    let detail = format!(
                        "there are {TOKENS_PER_OWNER_MAX} tokens already; delete some first"
                    );
                    return Err(Error::limit_reached("identity.too_many_tokens", detail));
                }
                let id = tx.new_id();
                let rev = tx.insert(&store::TOKENS, id, &token)?;
                tx.emit(&Event::TokenCreated { token: id })?;
                Ok(Stored { id, rev, value: token })
            })
            .await?;
        Ok(TokenCreated { token: view(token), secret })
    }

    /// A page of tokens: everybody's with `tokens.read`, else the caller's own.
    ///
    /// # Errors
    /// `Unauthenticated` or `Forbidden` for whoever has no account; `Invalid` for a bad cursor.
    pub async fn list_tokens(
        &self,
        who: &Caller,
        limit: usize,
        after: Option<String>,
    ) -> Result<(Vec<TokenView>, Option<String>)> {
        who.require_settled()?;
        let owner =
            if who.require(Permission::TokensRead).is_ok() { None } else { Some(own_tokens(who)?) };
        let after = after.map(|text| text.parse::<Cursor>()).transpose()?;
        let page = self.0.db.read(move |read| store::tokens(read, owner, limit, after)).await?;
        let next = page.next.map(|cursor| cursor.to_string());
        Ok((page.items.into_iter().map(view).collect(), next))
    }

    /// Deletes a token; requests with it are refused from then on.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is somebody else's and the caller lacks `tokens.write`.
    pub async fn delete_token(&self, who: &Caller, id: TokenId) -> Result<()> {
        who.require_settled()?;
        let owner = if who.require(Permission::TokensWrite).is_ok() {
            None
        } else {
            Some(own_tokens(who)?)
        };
        self.0
            .db
            .write(who, "token.delete", move |tx| {
                let token = store::token(tx, id)?;
                if owner.is_some() && token.value.owner != owner {
                    let detail = format!("there is no token {id}");
                    return Err(Error::not_found("identity.token_not_found", detail));
                }
                tx.remove(&store::TOKENS, id.ulid(), None)?;
                tx.emit(&Event::TokenDeleted { token: id.ulid() })
            })
            .await?;
        self.forget_known();
        Ok(())
    }
}

/// The owner whose tokens the caller may see and delete without a further permission.
fn own_tokens(who: &Caller) -> Result<UserId> {
    who.require(Permission::AccountSelf)?;
    match who.subject {
        Subject::User { id, .. } | Subject::Token { owner: Some(id), .. } => Ok(UserId(id)),
        _ => {
            let detail = "this needs the permission tokens.read";
            Err(Error::forbidden("access.permission_missing", detail))
        }
    }
}

fn view(token: Stored<Token>) -> TokenView {
    TokenView {
        id: TokenId(token.id),
        name: token.value.name,
        role: token.value.role,
        prefix: token.value.prefix,
        created_at: token.value.created_at,
        expires_at: token.value.expires_at,
        last_used_at: token.value.last_used_at,
    }
}
