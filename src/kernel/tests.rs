//! Tests of the kernel's words.

use std::time::Duration;

use crate::caller::{Caller, Permission, Permissions};
use crate::clock::{Clock, ManualClock, Time};
use crate::error::Kind;
use crate::id::Ids;

#[expect(unreachable_pub, dead_code, reason = "the macro declares types for the whole program")]
mod widget {
    crate::define_id!(
        /// A test id.
        pub WidgetId, "wdg"
    );
}
use widget::WidgetId;

#[test]
fn time_is_rfc3339_in_json() {
    let time = Time::parse("2026-11-23T16:00:00.25+08:00").unwrap();
    assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-11-23T08:00:00.25Z\"");
    let back: Time = serde_json::from_str("\"2026-11-23T08:00:00.25Z\"").unwrap();
    assert_eq!(back, time);
    assert!(Time::parse("yesterday").is_err());
}

#[test]
fn time_before_the_epoch_rounds_down() {
    assert_eq!(Time::from_nanos(-1).as_millis(), -1);
    assert_eq!(Time::from_nanos(i64::MAX).plus(Duration::from_secs(1)).as_nanos(), i64::MAX);
}

#[test]
fn ids_grow_when_the_clock_jumps_back() {
    let hand = ManualClock::at(Time::from_millis(1_000_000));
    let ids = Ids::new(Clock::manual(&hand));
    let first = ids.next();
    hand.set(Time::from_millis(10));
    let second = ids.next();
    assert!(second > first);
}

#[test]
fn ids_read_only_their_own_prefix() {
    let id = WidgetId(Ids::new(Clock::system()).next());
    assert_eq!(id.to_string().parse::<WidgetId>().unwrap(), id);
    assert!(id.to_string().replace("wdg", "usr").parse::<WidgetId>().is_err());
    assert!("wdg_short".parse::<WidgetId>().is_err());
}

#[test]
fn permission_decides() {
    let mut caller = Caller::anonymous();
    let missing = caller.require(Permission::TargetsRead).unwrap_err();
    assert_eq!(missing.kind(), Kind::Unauthenticated);

    caller = Caller::local_administrator();
    caller.permissions = Permissions::of(&[Permission::AccountSelf, Permission::TargetsRead]);
    assert!(caller.require(Permission::TargetsRead).is_ok());
    let missing = caller.require(Permission::TargetsWrite).unwrap_err();
    assert_eq!(missing.kind(), Kind::Forbidden);

    caller.must_change_password = true;
    let refused = caller.require(Permission::TargetsRead).unwrap_err();
    assert_eq!(refused.code(), "identity.password_change_required");
    assert!(caller.require(Permission::AccountSelf).is_ok());
}
