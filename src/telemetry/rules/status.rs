//! How groups fare, in the form of the REST API.

use std::collections::BTreeMap;

use kernel::clock::Time;
use serde::Serialize;
use utoipa::ToSchema;

use super::files::Files;
use super::manager::GroupKey;
use super::model::{API_FILE, RecordingGroupId, RuleProblem, StoredGroup};
use super::state::{GroupState, RuleHealth};
use crate::settings::RuleSettings;

/// Where a group comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleOrigin {
    /// A file that the configuration names.
    File,
    /// Created through the API.
    Api,
}

/// How a group of recording rules fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordingGroupStatus {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub origin: RuleOrigin,
    /// The path of its file, if it comes from one.
    pub file: Option<String>,
    /// The group that it was created as, if it was.
    pub group_id: Option<RecordingGroupId>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Seconds between evaluations.
    pub interval_s: f64,
    /// Series that one rule may record; 0 sets no limit of its own.
    pub limit: u64,
    /// Seconds that an evaluation looks back from its time.
    pub query_offset_s: f64,
    /// Labels of everything that the group records.
    pub labels: BTreeMap<String, String>,
    /// That of its worst rule.
    pub health: RuleHealth,
    /// When it was evaluated last.
    pub last_evaluation_at: Option<Time>,
    /// When it is evaluated next.
    pub next_evaluation_at: Option<Time>,
    /// How long the last evaluation took.
    pub duration_ms: Option<f64>,
    /// Evaluations since the program started.
    pub evaluations: u64,
    /// Evaluations left out because the one before took too long.
    pub missed: u64,
    /// Series that its rules recorded last.
    pub series: u64,
    /// The first error among its rules.
    pub error: Option<String>,
    /// Its rules in the order of their evaluation.
    pub rules: Vec<RecordingRuleStatus>,
}

/// How a rule fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordingRuleStatus {
    /// The metric that it records.
    pub record: String,
    /// Its expression.
    pub expr: String,
    /// Labels of what it records, those of its group left out.
    pub labels: BTreeMap<String, String>,
    /// How the last evaluation went.
    pub health: RuleHealth,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was evaluated last.
    pub last_evaluation_at: Option<Time>,
    /// How long that took.
    pub duration_ms: Option<f64>,
    /// Series recorded last.
    pub series: u64,
}

/// A file of rules.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RuleFileStatus {
    /// Its path.
    pub path: String,
    /// Groups in force.
    pub groups: usize,
    /// When the version in force was read; absent when no version was right.
    pub loaded_at: Option<Time>,
    /// Why the present version is refused: the version before stays in force.
    pub problems: Vec<RuleProblem>,
    /// Why it cannot be read at all.
    pub unread: Option<String>,
    /// What is kept out, such as alerting rules.
    pub warnings: Vec<RuleProblem>,
}

/// How all groups fare.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordingStatus {
    /// Every group, by name.
    pub items: Vec<RecordingGroupStatus>,
    /// Every file of rules.
    pub files: Vec<RuleFileStatus>,
    /// What is wrong with patterns of files, and with the number of groups.
    pub problems: Vec<String>,
}

/// A group at work.
pub(super) fn running_status(key: &GroupKey, state: &GroupState) -> RecordingGroupStatus {
    let is_api = key.file == API_FILE;
    let group = &state.group;
    let rules: Vec<RecordingRuleStatus> = group
        .spec
        .rules
        .iter()
        .zip(&state.rules)
        .map(|(rule, now)| RecordingRuleStatus {
            record: rule.record.clone(),
            expr: rule.expr.clone(),
            labels: rule.labels.clone(),
            health: now.health,
            error: now.error.clone(),
            last_evaluation_at: now.last_at,
            duration_ms: now.last_at.map(|_| now.duration.as_secs_f64() * 1000.0),
            series: now.alive.len() as u64,
        })
        .collect();
    RecordingGroupStatus {
        name: key.name.clone(),
        origin: if is_api { RuleOrigin::Api } else { RuleOrigin::File },
        file: (!is_api).then(|| key.file.clone()),
        group_id: None,
        enabled: true,
        interval_s: group.interval.as_secs_f64(),
        limit: group.spec.limit,
        query_offset_s: group.query_offset.as_secs_f64(),
        labels: group.spec.labels.clone(),
        health: state.health(),
        last_evaluation_at: state.last_at,
        next_evaluation_at: state.next_at,
        duration_ms: state.last_at.map(|_| state.duration.as_secs_f64() * 1000.0),
        evaluations: state.evaluations,
        missed: state.missed,
        series: rules.iter().map(|rule| rule.series).sum(),
        error: rules.iter().find_map(|rule| rule.error.clone()),
        rules,
    }
}

/// A stored group that is not at work: it is off, or it begins in a moment.
pub(super) fn resting_status(stored: StoredGroup, settings: &RuleSettings) -> RecordingGroupStatus {
    let spec = stored.spec;
    let rules = spec.rules.into_iter().map(|rule| RecordingRuleStatus {
        record: rule.record,
        expr: rule.expr,
        labels: rule.labels,
        health: RuleHealth::Unknown,
        error: None,
        last_evaluation_at: None,
        duration_ms: None,
        series: 0,
    });
    RecordingGroupStatus {
        interval_s: spec.interval_ms.map_or(settings.interval.as_secs_f64(), seconds),
        query_offset_s: spec.query_offset_ms.map_or(0.0, seconds),
        name: spec.name,
        origin: RuleOrigin::Api,
        file: None,
        group_id: None,
        enabled: stored.enabled,
        limit: spec.limit,
        labels: spec.labels,
        health: RuleHealth::Unknown,
        last_evaluation_at: None,
        next_evaluation_at: None,
        duration_ms: None,
        evaluations: 0,
        missed: 0,
        series: 0,
        error: None,
        rules: rules.collect(),
    }
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

/// The files of rules.
pub(super) fn file_status(files: &Files) -> Vec<RuleFileStatus> {
    let files = files.files.iter().map(|(path, file)| RuleFileStatus {
        path: path.display().to_string(),
        groups: file.groups.len(),
        loaded_at: file.loaded_at,
        problems: file.problems.clone(),
        unread: file.unread.clone(),
        warnings: file.warnings.clone(),
    });
    files.collect()
}
