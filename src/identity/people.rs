//! People: the first administrator, and what the local administrator does for the others.

use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use kernel::event::Event;
use kernel::secret::Secret;
use records::Stored;

use crate::credential::new_one_time_password;
use crate::model::{NewUser, User, UserId, UserView, checked_name, checked_text};
use crate::rules::check_password;
use crate::{Identity, store};

/// The name of the administrator who is there from the first start.
pub const FIRST_ADMINISTRATOR: &str = "admin";
/// The role of the first administrator.
const ADMINISTRATORS: &str = "admin";
/// People whom the list shows at a time.
const USERS_MAX: usize = 1_000;
/// The shortest password that the first administrator can be given from outside, in characters.
const GIVEN_CHARS_MIN: usize = 8;

impl Identity {
    /// Creates the administrator `admin` when there are no people yet.
    ///
    /// With `given` that is the password. Otherwise a one-time password is made and returned, to be
    /// shown this once; it must be changed at the first sign-in.
    ///
    /// # Errors
    /// `Invalid` when the given password is too short; what the store says.
    pub async fn ensure_first_administrator(
        &self,
        given: Option<Secret>,
    ) -> Result<Option<Secret>> {
        let nobody = self.0.db.read(|read| Ok(read.count(&store::USERS)? == 0)).await?;
        if !nobody {
            return Ok(None);
        }
        if let Some(password) = &given {
            judge_given(password)?;
        }
        let one_time = given.is_none();
        let password = given.map_or_else(new_one_time_password, Ok)?;
        let hash = self.0.passwords.hash(password.clone()).await?;
        let now = self.now();
        let user = User {
            name: FIRST_ADMINISTRATOR.to_owned(),
            display_name: "Administrator".to_owned(),
            roles: vec![ADMINISTRATORS.to_owned()],
            password: hash,
            must_change_password: one_time,
            disabled: false,
            created_at: now,
            password_changed_at: now,
        };
        let created = self
            .0
            .db
            .write(&Caller::system("identity"), "user.create_first", move |tx| {
                if tx.count(&store::USERS)? > 0 {
                    return Ok(false);
                }
                let id = tx.new_id();
                tx.insert(&store::USERS, id, &user)?;
                Ok(true)
            })
            .await?;
        Ok((created && one_time).then_some(password))
    }

    /// Everybody, in the order of creation; at most 1000.
    ///
    /// # Errors
    /// `Forbidden` without `users.read`; what the store says.
    pub async fn list_users(&self, who: &Caller) -> Result<Vec<UserView>> {
        who.require(Permission::UsersRead)?;
        let users = self.0.db.read(|read| store::users(read, USERS_MAX)).await?;
        Ok(users.into_iter().map(view).collect())
    }

    /// Creates a person and gives their one-time password, which is shown this once.
    ///
    /// # Errors
    /// `Forbidden` without `users.write`, or for roles that permit more than the caller may;
    /// `Invalid` for a bad name or an unknown role; `AlreadyExists` when the name is taken.
    pub async fn create_user(&self, who: &Caller, new: NewUser) -> Result<(UserView, Secret)> {
        who.require(Permission::UsersWrite)?;
        let name = checked_name(&new.name)?;
        let display_name = if new.display_name.trim().is_empty() {
            name.clone()
        } else {
            checked_text("display_name", &new.display_name)?
        };
        for role in &new.roles {
            self.require_grantable(who, "roles", role)?;
        }
        let password = new_one_time_password()?;
        let hash = self.0.passwords.hash(password.clone()).await?;
        let now = self.now();
        let user = User {
            name,
            display_name,
            roles: new.roles,
            password: hash,
            must_change_password: true,
            disabled: false,
            created_at: now,
            password_changed_at: now,
        };
        let stored = self
            .0
            .db
            .write(who, "user.create", move |tx| {
                if store::user_by_name(tx, &user.name)?.is_some() {
                    let detail = format!("there is a user {} already", user.name);
                    let taken = Error::already_exists("identity.user_exists", detail);
                    return Err(taken.field("name"));
                }
                let id = tx.new_id();
                let rev = tx.insert(&store::USERS, id, &user)?;
                Ok(Stored { id, rev, value: user })
            })
            .await?;
        Ok((view(stored), password))
    }

    /// Lets a person in again: a new one-time password, enabled, all sessions ended.
    ///
    /// # Errors
    /// `Forbidden` without `users.write`; `NotFound` when there is nobody of that name.
    pub async fn recover_user(&self, who: &Caller, name: &str) -> Result<Secret> {
        who.require(Permission::UsersWrite)?;
        let password = new_one_time_password()?;
        let hash = self.0.passwords.hash(password.clone()).await?;
        let wanted = name.to_owned();
        let account = self
            .0
            .db
            .write(who, "user.recover", move |tx| {
                let found = store::user_by_name(tx, &wanted)?.ok_or_else(|| {
                    let detail = format!("there is no user {wanted:?}");
                    Error::not_found("identity.user_not_found", detail)
                })?;
                let id = UserId(found.id);
                let mut user = found.value;
                user.password = hash;
                user.must_change_password = true;
                user.disabled = false;
                user.password_changed_at = tx.now();
                tx.update(&store::USERS, found.id, None, &user)?;
                store::end_sessions(tx, id, None)?;
                tx.emit(&Event::PasswordChanged { user: found.id })?;
                Ok(crate::model::name_key(&user.name))
            })
            .await?;
        self.forget_known();
        self.throttle().reset(&account);
        Ok(password)
    }

    /// Lets a person in, or keeps them out: with it their sessions end and their tokens rest.
    ///
    /// # Errors
    /// `Forbidden` without `users.write`; `NotFound`; `Conflict` for the last administrator.
    pub async fn set_user_disabled(&self, who: &Caller, id: UserId, disabled: bool) -> Result<()> {
        who.require(Permission::UsersWrite)?;
        let operation = if disabled { "user.disable" } else { "user.enable" };
        self.0
            .db
            .write(who, operation, move |tx| {
                let mut user = store::user(tx, id)?.value;
                if disabled && is_last_administrator(tx, id)? {
                    let detail = "the last administrator cannot be disabled";
                    return Err(Error::conflict("identity.last_administrator", detail));
                }
                user.disabled = disabled;
                tx.update(&store::USERS, id.ulid(), None, &user)?;
                if disabled {
                    store::end_sessions(tx, id, None)?;
                }
                Ok(())
            })
            .await?;
        self.forget_known();
        Ok(())
    }

    /// Gives a person other roles; their sessions and tokens follow at once.
    ///
    /// # Errors
    /// `Forbidden` without `users.write`, or for roles that permit more than the caller may;
    /// `Invalid` for an unknown role; `NotFound`; `Conflict` for the last administrator.
    pub async fn set_user_roles(&self, who: &Caller, id: UserId, roles: Vec<String>) -> Result<()> {
        who.require(Permission::UsersWrite)?;
        for role in &roles {
            self.require_grantable(who, "roles", role)?;
        }
        self.0
            .db
            .write(who, "user.set_roles", move |tx| {
                let mut user = store::user(tx, id)?.value;
                let stays = roles.iter().any(|role| role == ADMINISTRATORS);
                if !stays && is_last_administrator(tx, id)? {
                    let detail = "the last administrator must stay one";
                    return Err(Error::conflict("identity.last_administrator", detail));
                }
                user.roles = roles;
                tx.update(&store::USERS, id.ulid(), None, &user)?;
                Ok(())
            })
            .await?;
        self.forget_known();
        Ok(())
    }

    /// Refuses a role that does not exist or permits more than the caller may.
    pub(crate) fn require_grantable(
        &self,
        who: &Caller,
        field: &'static str,
        role: &str,
    ) -> Result<()> {
        let Some(permissions) = (self.0.permissions_of_role)(role) else {
            let detail = format!("there is no role {role:?}");
            return Err(Error::invalid("access.unknown_role", detail).field(field));
        };
        if who.permissions.covers(permissions) {
            return Ok(());
        }
        let detail = format!("the role {role} permits more than you may do yourself");
        Err(Error::forbidden("access.beyond_own", detail).field(field))
    }
}

/// Whether it is somebody without whom no administrator could sign in.
fn is_last_administrator(read: &records::Read, id: UserId) -> Result<bool> {
    let everybody = store::users(read, usize::MAX)?;
    let is_able =
        |user: &User| !user.disabled && user.roles.iter().any(|role| role == ADMINISTRATORS);
    let mut able = everybody.iter().filter(|user| is_able(&user.value));
    Ok(able.next().is_some_and(|user| user.id == id.ulid()) && able.next().is_none())
}

/// A password from the machine's administrator is taken, and warned about when it is weak.
fn judge_given(password: &Secret) -> Result<()> {
    if password.expose().chars().count() < GIVEN_CHARS_MIN {
        let detail = format!(
            "the first administrator's password must have {GIVEN_CHARS_MIN} characters or more"
        );
        return Err(Error::invalid("identity.weak_password", detail));
    }
    if let Err(weak) = check_password("password", password.expose(), FIRST_ADMINISTRATOR) {
        tracing::warn!(reason = weak.detail(), "the first administrator's password is weak");
    }
    Ok(())
}

fn view(user: Stored<User>) -> UserView {
    UserView {
        id: UserId(user.id),
        name: user.value.name,
        display_name: user.value.display_name,
        roles: user.value.roles,
        must_change_password: user.value.must_change_password,
        disabled: user.value.disabled,
        created_at: user.value.created_at,
    }
}
