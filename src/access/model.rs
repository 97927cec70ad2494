//! What a role is.

use kernel::caller::Permissions;

/// A named set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name that people and tokens carry.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub description: &'static str,
    /// What it permits.
    pub permissions: Permissions,
}
