//! Says what a role permits. Roles are built in: names that people and API tokens carry.
//!
//! Invariants: allow only, deny by default; more roles never permit less; an unknown role permits
//! nothing.

mod api;
mod model;

#[cfg(test)]
mod tests;

pub use api::router;
pub use model::Role;

use kernel::caller::{Caller, Permission, Permissions};
use kernel::error::Result;

/// May do everything.
pub const ADMIN: &str = "admin";
/// Runs the monitoring: metrics, targets and rules, no people.
pub const OPERATOR: &str = "operator";
/// Looks, changes nothing but their own account.
pub const VIEWER: &str = "viewer";
/// Sends samples, sees nothing: for agents.
pub const INGEST: &str = "ingest";

/// The built-in roles, the mightiest first.
pub static ROLES: [Role; 4] = [
    Role {
        name: ADMIN,
        description: "May do everything.",
        permissions: Permissions::of(&Permission::ALL),
    },
    Role {
        name: OPERATOR,
        description: "Runs the monitoring: metrics, targets and rules, no people.",
        permissions: Permissions::of(&[
            Permission::AccountSelf,
            Permission::MetricsRead,
            Permission::MetricsWrite,
            Permission::TargetsRead,
            Permission::TargetsWrite,
            Permission::RulesRead,
            Permission::RulesWrite,
            Permission::SystemRead,
        ]),
    },
    Role {
        name: VIEWER,
        description: "Looks, changes nothing but the own account.",
        permissions: Permissions::of(&[
            Permission::AccountSelf,
            Permission::MetricsRead,
            Permission::TargetsRead,
            Permission::RulesRead,
            Permission::SystemRead,
        ]),
    },
    Role {
        name: INGEST,
        description: "Sends samples, sees nothing: for agents.",
        permissions: Permissions::of(&[Permission::MetricsWrite]),
    },
];

/// What the role `name` permits; `None` when there is no such role.
#[must_use]
pub fn permissions_of(name: &str) -> Option<Permissions> {
    ROLES.iter().find(|role| role.name == name).map(|role| role.permissions)
}

/// What several roles permit together; names that are no role add nothing.
#[must_use]
pub fn resolve<'a>(roles: impl IntoIterator<Item = &'a str>) -> Permissions {
    let mut permissions = Permissions::default();
    for name in roles {
        permissions = permissions.union(permissions_of(name).unwrap_or_default());
    }
    permissions
}

/// The roles, so that people can choose one for a token.
///
/// # Errors
/// `Unauthenticated` or `Forbidden` for whoever has no account of their own.
pub fn list_roles(who: &Caller) -> Result<&'static [Role]> {
    who.require(Permission::AccountSelf)?;
    who.require_settled()?;
    Ok(&ROLES)
}
