//! What is known about the evaluations of a group: how they went, and which series are alive.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::clock::Time;
use metric::Labels;
use serde::Serialize;
use utoipa::ToSchema;

use super::check::{Group, Rule};

/// How the evaluations of a rule or group go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleHealth {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// The last evaluation succeeded.
    Ok,
    /// The last evaluation failed.
    Error,
}

/// One rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleState {
    pub health: RuleHealth,
    pub error: Option<String>,
    pub last_at: Option<Time>,
    pub duration: Duration,
    /// The series that it recorded last and that no marker has ended.
    pub alive: Arc<HashSet<Labels>>,
}

/// One group.
#[derive(Clone, Debug)]
pub(crate) struct GroupState {
    /// The group as it is evaluated.
    pub group: Arc<Group>,
    pub last_at: Option<Time>,
    pub next_at: Option<Time>,
    pub duration: Duration,
    /// Evaluations of this run of the program.
    pub evaluations: u64,
    /// Evaluations whose time passed while one before was still running.
    pub missed: u64,
    pub rules: Vec<RuleState>,
    /// The latest time of a sample or marker, in milliseconds.
    pub last_ms: Option<i64>,
}

impl GroupState {
    /// The state of a group that was not evaluated yet.
    pub(crate) fn of(group: Arc<Group>) -> Self {
        Self {
            rules: vec![RuleState::default(); group.rules.len()],
            group,
            last_at: None,
            next_at: None,
            duration: Duration::ZERO,
            evaluations: 0,
            missed: 0,
            last_ms: None,
        }
    }

    /// The health of the whole group: that of its worst rule.
    pub(crate) fn health(&self) -> RuleHealth {
        let any = |health| self.rules.iter().any(|rule| rule.health == health);
        if any(RuleHealth::Error) {
            RuleHealth::Error
        } else if self.last_at.is_none() {
            RuleHealth::Unknown
        } else {
            RuleHealth::Ok
        }
    }

    /// Takes over a changed group: a rule that stays keeps its state and its series. Gives the
    /// series of rules that are no more.
    pub(crate) fn adopt(&mut self, now: &Arc<Group>) -> Vec<Labels> {
        let before = std::mem::replace(&mut self.group, Arc::clone(now));
        let mut old: Vec<Option<RuleState>> =
            std::mem::take(&mut self.rules).into_iter().map(Some).collect();
        let mut same = |rule: &Rule| -> RuleState {
            let fits = |known: &Rule| known.record == rule.record && known.labels == rule.labels;
            for (known, state) in before.rules.iter().zip(&mut old) {
                if fits(known)
                    && let Some(state) = state.take()
                {
                    // Of another expression the series stay, until it is evaluated.
                    let is_same = known.expr.query() == rule.expr.query();
                    let alive = Arc::clone(&state.alive);
                    let fresh = RuleState { alive, ..RuleState::default() };
                    return if is_same { state } else { fresh };
                }
            }
            RuleState::default()
        };
        self.rules = now.rules.iter().map(&mut same).collect();
        series_of(old.iter().flatten())
    }

    /// The series of all rules, which the group has no more afterwards.
    pub(crate) fn forget(&mut self) -> Vec<Labels> {
        let series = series_of(self.rules.iter());
        for rule in &mut self.rules {
            rule.alive = Arc::default();
        }
        series
    }
}

fn series_of<'a>(rules: impl Iterator<Item = &'a RuleState>) -> Vec<Labels> {
    rules.flat_map(|rule| rule.alive.iter().cloned()).collect()
}

/// A state that the evaluation writes and the API reads; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct SharedState(Arc<Mutex<GroupState>>);

impl SharedState {
    pub(crate) fn new(group: Arc<Group>) -> Self {
        Self(Arc::new(Mutex::new(GroupState::of(group))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, GroupState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Series whose rule is gone: they end unless another rule goes on with them.
#[derive(Clone, Debug)]
pub(crate) struct Orphans {
    pub series: Vec<Labels>,
    /// The time of their end, in milliseconds.
    pub ended_ms: i64,
    /// When nobody is waited for any more.
    pub until: Time,
}

impl Orphans {
    /// Takes out the series that end now: those that no rule records, and whose metric no rule
    /// records or which were waited for long enough. `names` are the metrics of all rules.
    pub(crate) fn take_ended(
        &mut self,
        now: Time,
        names: &HashSet<&str>,
        is_alive: impl Fn(&Labels) -> bool,
    ) -> Vec<Labels> {
        let is_over = now >= self.until;
        let mut ended = Vec::new();
        self.series.retain(|labels| {
            if is_alive(labels) {
                return false;
            }
            let is_free = !names.contains(labels.metric_name().unwrap_or_default());
            if is_over || is_free {
                ended.push(labels.clone());
            }
            !is_over && !is_free
        });
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::compile;
    use super::super::model::{GroupSpec, RecordingRule};
    use super::*;
    use crate::settings::RuleSettings;

    fn labels(name: &str, value: &str) -> Labels {
        Labels::new([("__name__", name), ("n", value)]).unwrap()
    }

    fn group(rules: &[(&str, &str)]) -> Arc<Group> {
        let rule = |&(record, expr): &(&str, &str)| RecordingRule {
            record: record.to_owned(),
            expr: expr.to_owned(),
            ..RecordingRule::default()
        };
        let rules = rules.iter().map(rule).collect();
        let spec = GroupSpec { name: "g".to_owned(), rules, ..GroupSpec::default() };
        Arc::new(compile(&spec, &RuleSettings::default()).unwrap())
    }

    #[test]
    fn a_changed_group_keeps_what_stays_and_orphans_the_rest() {
        let before = group(&[("a", "1"), ("a", "2"), ("b", "3")]);
        let mut state = GroupState::of(before);
        for (at, rule) in state.rules.iter_mut().enumerate() {
            rule.alive = Arc::new(HashSet::from([labels("x", &at.to_string())]));
            rule.health = RuleHealth::Ok;
        }
        let orphans = state.adopt(&group(&[("b", "4"), ("a", "1"), ("c", "5")]));
        assert_eq!(orphans, [labels("x", "1")]);
        let alive = |state: &GroupState, at: usize| -> Vec<Labels> {
            state.rules[at].alive.iter().cloned().collect()
        };
        assert_eq!(alive(&state, 0), [labels("x", "2")]);
        assert_eq!(state.rules[0].health, RuleHealth::Unknown, "another expression");
        assert_eq!(alive(&state, 1), [labels("x", "0")]);
        assert_eq!(state.rules[1].health, RuleHealth::Ok);
        assert_eq!(state.rules[2].alive.len(), 0);
        assert_eq!(state.forget().len(), 2);
        assert_eq!(state.forget().len(), 0);
    }

    #[test]
    fn orphans_end_at_once_unless_another_rule_may_go_on_with_them() {
        let series = vec![labels("kept", "0"), labels("taken", "0"), labels("free", "0")];
        let until = Time::from_millis(100);
        let mut orphans = Orphans { series, ended_ms: 5, until };
        let names = HashSet::from(["kept", "taken"]);
        let taken = |it: &Labels| *it == labels("taken", "0");
        let now = Time::from_millis(50);
        assert_eq!(orphans.take_ended(now, &names, taken), [labels("free", "0")]);
        assert_eq!(orphans.series, [labels("kept", "0")]);
        assert_eq!(orphans.take_ended(until, &names, taken), [labels("kept", "0")]);
        assert!(orphans.series.is_empty());
    }
}
