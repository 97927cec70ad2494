//! Who asks: the caller of an operation, and the permissions that operations demand.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::id::Ulid;

/// What an operation demands, as `resource.verb`. Roles grant sets of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// One's own password, sessions and tokens.
    AccountSelf,
    /// Query metrics, see hosts.
    MetricsRead,
    /// Send samples.
    MetricsWrite,
    /// Delete samples.
    MetricsDelete,
    /// See scrape targets and their state.
    TargetsRead,
    /// Create, change, delete and probe scrape targets.
    TargetsWrite,
    /// See recording rules and how they fare.
    RulesRead,
    /// Create, change and delete recording rules.
    RulesWrite,
    /// See the appliance's own state.
    SystemRead,
    /// Back up the data directory.
    SystemWrite,
    /// See people.
    UsersRead,
    /// Create, change and delete people.
    UsersWrite,
    /// See everybody's API tokens.
    TokensRead,
    /// Create and delete API tokens.
    TokensWrite,
}

impl Permission {
    /// Every permission there is.
    pub const ALL: [Self; 14] = [
        Self::AccountSelf,
        Self::MetricsRead,
        Self::MetricsWrite,
        Self::MetricsDelete,
        Self::TargetsRead,
        Self::TargetsWrite,
        Self::RulesRead,
        Self::RulesWrite,
        Self::SystemRead,
        Self::SystemWrite,
        Self::UsersRead,
        Self::UsersWrite,
        Self::TokensRead,
        Self::TokensWrite,
    ];

    /// The name in the API and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountSelf => "account.self",
            Self::MetricsRead => "metrics.read",
            Self::MetricsWrite => "metrics.write",
            Self::MetricsDelete => "metrics.delete",
            Self::TargetsRead => "targets.read",
            Self::TargetsWrite => "targets.write",
            Self::RulesRead => "rules.read",
            Self::RulesWrite => "rules.write",
            Self::SystemRead => "system.read",
            Self::SystemWrite => "system.write",
            Self::UsersRead => "users.read",
            Self::UsersWrite => "users.write",
            Self::TokensRead => "tokens.read",
            Self::TokensWrite => "tokens.write",
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// The set of `permissions`.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < permissions.len() {
            bits |= 1 << permissions[i] as u64;
            i += 1;
        }
        Self(bits)
    }

    /// The set with those of `other` added.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that both sets have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether `permission` is in the set.
    #[must_use]
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    /// Whether every permission of `other` is in this set.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The permissions in the set, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |&permission| self.has(permission))
    }
}

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person, signed in with a session.
    User {
        /// The user's id.
        id: Ulid,
        /// The session's id.
        session: Ulid,
    },
    /// A program with an API token.
    Token {
        /// The token's id.
        id: Ulid,
        /// The user who made it; none for one of the local administrator.
        owner: Option<Ulid>,
    },
    /// The machine's administrator at the local command line.
    LocalAdministrator,
    /// A part of the program itself, such as `scraper`.
    System(&'static str),
    /// Nobody is signed in, or the sender's network is trusted without a token.
    Anonymous,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { id, .. } => write!(f, "usr_{id}"),
            Self::Token { id, .. } => write!(f, "tok_{id}"),
            Self::LocalAdministrator => f.write_str("local administrator"),
            Self::System(part) => write!(f, "system:{part}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// The caller of an operation: who, by what name, from where, with which permissions.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub subject: Subject,
    /// The name to show in the audit trail.
    pub name: Arc<str>,
    /// The address that the request came from, if it came over the network.
    pub source: Option<std::net::IpAddr>,
    /// The request that this call belongs to.
    pub request_id: Option<Arc<str>>,
    /// What the caller may do.
    pub permissions: Permissions,
    /// The caller must change the one-time password before anything else.
    pub must_change_password: bool,
}

impl Caller {
    /// A part of the program itself, which may do everything.
    #[must_use]
    pub fn system(part: &'static str) -> Self {
        Self {
            subject: Subject::System(part),
            name: part.into(),
            source: None,
            request_id: None,
            permissions: Permissions::of(&Permission::ALL),
            must_change_password: false,
        }
    }

    /// The administrator at the local command line, who may do everything.
    #[must_use]
    pub fn local_administrator() -> Self {
        let subject = Subject::LocalAdministrator;
        Self { subject, name: "local administrator".into(), ..Self::system("cli") }
    }

    /// Nobody: no permissions at all.
    #[must_use]
    pub fn anonymous() -> Self {
        let permissions = Permissions::default();
        Self {
            subject: Subject::Anonymous,
            name: "anonymous".into(),
            permissions,
            ..Self::system("gateway")
        }
    }

    /// Refuses unless the caller has `permission`; the first line of every operation.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody is signed in, `Forbidden` when the permission is missing or
    /// the one-time password still stands.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if permission != Permission::AccountSelf {
            self.require_settled()?;
        }
        if self.permissions.has(permission) {
            return Ok(());
        }
        if self.subject == Subject::Anonymous {
            return Err(Error::unauthenticated("identity.sign_in_required", "sign in first"));
        }
        Err(Error::forbidden(
            "access.permission_missing",
            format!("this needs the permission {}", permission.as_str()),
        ))
    }

    /// Refuses while the one-time password stands; for operations on the own account that must
    /// wait for a password of one's own.
    ///
    /// # Errors
    /// `Forbidden` until the one-time password is changed.
    pub fn require_settled(&self) -> Result<()> {
        if !self.must_change_password {
            return Ok(());
        }
        Err(Error::forbidden(
            "identity.password_change_required",
            "the one-time password must be changed first",
        ))
    }
}
