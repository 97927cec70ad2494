//! Tests of the table of roles.

use kernel::caller::{Caller, Permission, Permissions};

use crate::{ADMIN, INGEST, OPERATOR, ROLES, VIEWER, list_roles, permissions_of, resolve};

fn check(role: &str, permission: Permission, expected: bool) {
    assert_eq!(resolve([role]).has(permission), expected, "{role} {}", permission.as_str());
}

#[test]
fn roles_permit_what_the_table_says() {
    check(ADMIN, Permission::UsersWrite, true);
    check(OPERATOR, Permission::TargetsWrite, true);
    check(OPERATOR, Permission::UsersRead, false);
    check(OPERATOR, Permission::TokensWrite, false);
    check(OPERATOR, Permission::MetricsDelete, false);
    check(VIEWER, Permission::MetricsRead, true);
    check(VIEWER, Permission::MetricsWrite, false);
    check(VIEWER, Permission::TargetsWrite, false);
    check(INGEST, Permission::MetricsWrite, true);
    check(INGEST, Permission::MetricsRead, false);
    check(INGEST, Permission::AccountSelf, false);
    check("nobody", Permission::MetricsRead, false);
}

#[test]
fn a_role_more_never_permits_less() {
    for one in &ROLES {
        for two in &ROLES {
            let both = resolve([one.name, two.name]);
            assert!(both.covers(one.permissions) && both.covers(two.permissions));
        }
    }
    assert_eq!(resolve([]), Permissions::default());
    assert_eq!(permissions_of("root"), None);
}

#[test]
fn roles_are_listed_for_whoever_has_an_account() {
    assert!(list_roles(&Caller::anonymous()).is_err());
    assert_eq!(list_roles(&Caller::local_administrator()).map(<[_]>::len).ok(), Some(4));
}
