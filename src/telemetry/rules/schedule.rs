//! When a group is evaluated: at the times that its hash spreads over its interval, as Prometheus
//! spreads them. Pure; the time is an argument.

use kernel::clock::Time;
use md5::{Digest, Md5};

/// Where in its interval a group stands: the same after every start.
pub(crate) fn place_in_interval_ns(file: &str, name: &str, interval_ns: i64) -> i64 {
    let mut hash = Md5::new();
    hash.update(file.as_bytes());
    hash.update(b";");
    hash.update(name.as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&hash.finalize()[..8]);
    let interval = interval_ns.max(1).unsigned_abs();
    i64::try_from(u64::from_be_bytes(head) % interval).unwrap_or(0)
}

/// The times at which a group is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    interval_ns: i64,
    offset_ns: i64,
}

/// What to do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Evaluate, as of `at`; `missed` evaluations did not happen.
    Now {
        /// The time of the evaluation, not later than the present.
        at: Time,
        /// Times between the evaluation before and this one that passed unused.
        missed: u64,
    },
    /// Nothing until that time.
    At(Time),
}

impl Slots {
    /// The times of the group `name` of `file`; an interval is a millisecond at least.
    pub(crate) fn new(file: &str, name: &str, interval: std::time::Duration) -> Self {
        let interval_ns = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1_000_000);
        Self { interval_ns, offset_ns: place_in_interval_ns(file, name, interval_ns) }
    }

    /// The latest time of an evaluation that is not after `now`.
    pub(crate) fn latest(&self, now: Time) -> Time {
        let since = now.as_nanos().saturating_sub(self.offset_ns).rem_euclid(self.interval_ns);
        Time::from_nanos(now.as_nanos().saturating_sub(since))
    }

    /// What to do at `now` when the evaluation before was that of `before`; a group that begins
    /// gives the latest time, so that its first evaluation is the next one in turn.
    ///
    /// A clock that jumped back by more than an interval begins anew from where it is.
    pub(crate) fn due(&self, before: Time, now: Time) -> Due {
        let latest = self.latest(now);
        let behind = latest.as_nanos().saturating_sub(before.as_nanos());
        if behind < -self.interval_ns {
            return Due::Now { at: latest, missed: 0 };
        }
        if behind <= 0 {
            let from = before.as_nanos().max(latest.as_nanos());
            return Due::At(Time::from_nanos(from.saturating_add(self.interval_ns)));
        }
        let steps = behind.div_euclid(self.interval_ns).max(1);
        Due::Now { at: latest, missed: steps.unsigned_abs() - 1 }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn at(seconds: i64) -> Time {
        Time::from_nanos(seconds * SECOND)
    }

    fn slots(interval_s: i64, offset_s: i64) -> Slots {
        Slots { interval_ns: interval_s * SECOND, offset_ns: offset_s * SECOND }
    }

    #[test]
    fn evaluations_follow_each_other_at_even_distances() {
        let slots = slots(60, 7);
        assert_eq!(slots.latest(at(127)), at(127));
        assert_eq!(slots.latest(at(126)), at(67));
        assert_eq!(slots.due(at(67), at(126)), Due::At(at(127)));
        assert_eq!(slots.due(at(67), at(127)), Due::Now { at: at(127), missed: 0 });
        assert_eq!(slots.due(at(67), at(150)), Due::Now { at: at(127), missed: 0 });
        // The evaluation of 67 took until 260: those of 127 and 187 are lost, that of 247 is due.
        assert_eq!(slots.due(at(67), at(260)), Due::Now { at: at(247), missed: 2 });
        // A group that begins takes its next turn.
        assert_eq!(slots.due(slots.latest(at(100)), at(100)), Due::At(at(127)));
    }

    #[test]
    fn a_clock_that_jumps_does_not_stop_the_group() {
        let slots = slots(60, 0);
        assert_eq!(slots.due(at(600), at(590)), Due::At(at(660)));
        assert_eq!(slots.due(at(600), at(10)), Due::Now { at: at(0), missed: 0 });
        assert_eq!(slots.due(at(600), at(6_000)), Due::Now { at: at(6_000), missed: 89 });
        let ends = Slots { interval_ns: i64::MAX, offset_ns: 0 };
        let far = Time::from_nanos(i64::MAX);
        assert!(matches!(ends.due(Time::from_nanos(i64::MIN), far), Due::Now { .. }));
        assert!(matches!(ends.due(far, Time::from_nanos(i64::MIN)), Due::Now { .. } | Due::At(_)));
    }

    #[test]
    fn groups_are_spread_over_the_interval() {
        let interval = Duration::from_secs(60);
        let mut tenths = [0_usize; 10];
        for n in 0..1_000 {
            let place = Slots::new("rules.yml", &format!("group {n}"), interval).offset_ns;
            tenths[usize::try_from(place / (6 * SECOND)).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|&tenth| tenth > 50), "{tenths:?}");
        let (one, two) = (Slots::new("a", "b", interval), Slots::new("a", "b", interval));
        assert_eq!(one, two);
    }

    proptest! {
        #[test]
        fn what_is_due_is_never_late_and_never_twice(
            interval_s in 1_i64..7_200, offset in 0_i64..7_200, before in -10_000_i64..10_000,
            passed in 0_i64..100_000,
        ) {
            let slots = slots(interval_s, offset % interval_s);
            let before = slots.latest(at(before));
            let now = at(before.as_nanos() / SECOND + passed);
            match slots.due(before, now) {
                Due::Now { at, missed } => {
                    prop_assert!(at > before && at <= now);
                    prop_assert!(now.since(at) < Duration::from_secs(interval_s.unsigned_abs()));
                    let steps = i64::try_from(missed).unwrap() + 1;
                    prop_assert_eq!(at.as_nanos() - before.as_nanos(), steps * interval_s * SECOND);
                }
                Due::At(next) => {
                    prop_assert!(next > now);
                    prop_assert_eq!(next.as_nanos() - before.as_nanos(), interval_s * SECOND);
                }
            }
        }
    }
}
