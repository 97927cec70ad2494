//! Recording rules in groups: what is stored, shown, and sent.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::clock::Time;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

kernel::define_id!(
    /// Names a group of recording rules that was created through the API.
    pub RecordingGroupId, "rgr"
);

/// What stands as the file of groups that were created through the API.
pub(crate) const API_FILE: &str = "onemonitor";

/// A rule: the value of an expression, recorded as a metric of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingRule {
    /// The name of the metric that the rule records.
    pub record: String,
    /// The PromQL expression whose value is recorded.
    pub expr: String,
    /// Labels of what is recorded; over those of the group. An empty value takes a label away.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A group of rules as it is meant, wherever it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupSpec {
    pub name: String,
    /// How often, in milliseconds; that of the settings when absent.
    #[serde(default)]
    pub interval_ms: Option<u64>,
    /// Series that one rule may record; 0: no limit but that of the settings.
    #[serde(default)]
    pub limit: u64,
    /// How far before its time an evaluation looks, in milliseconds.
    #[serde(default)]
    pub query_offset_ms: Option<u64>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub rules: Vec<RecordingRule>,
}

impl GroupSpec {
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.interval_ms.map(Duration::from_millis)
    }

    pub(crate) fn query_offset(&self) -> Option<Duration> {
        self.query_offset_ms.map(Duration::from_millis)
    }
}

/// A group as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredGroup {
    pub spec: GroupSpec,
    pub enabled: bool,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A group of recording rules that was created through the API.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordingGroup {
    /// Its id.
    pub id: RecordingGroupId,
    /// Its revision, for `If-Match`.
    pub rev: u64,
    /// Its name, unique among the groups of the API.
    pub name: String,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Seconds between evaluations; the default of the settings when absent.
    pub interval_s: Option<f64>,
    /// Series that one rule may record; 0 sets no limit of its own.
    pub limit: u64,
    /// Seconds that an evaluation looks back from its time.
    pub query_offset_s: Option<f64>,
    /// Labels of everything that the group records.
    pub labels: BTreeMap<String, String>,
    /// The rules, evaluated in this order: a later one sees what an earlier one recorded.
    pub rules: Vec<RecordingRule>,
    /// When it was created.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

/// One page of groups.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordingGroupPage {
    /// The groups, oldest first.
    pub items: Vec<RecordingGroup>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// What to create or change: a field that is absent stays as it is, `null` clears it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingGroupWrite {
    /// The name; needed to create.
    pub name: Option<String>,
    /// Whether it is evaluated; yes at first.
    pub enabled: Option<bool>,
    /// Seconds between evaluations, 0.1 to 86400.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<f64>)]
    pub interval_s: Option<Option<f64>>,
    /// Series that one rule may record; 0 sets no limit of its own.
    pub limit: Option<u64>,
    /// Seconds that an evaluation looks back from its time, 0 to 86400.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<f64>)]
    pub query_offset_s: Option<Option<f64>>,
    /// Labels of everything that the group records.
    pub labels: Option<BTreeMap<String, String>>,
    /// The rules in the order of their evaluation; they replace those that were.
    pub rules: Option<Vec<RecordingRule>>,
}

/// Tells a field that is `null` from one that is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Seconds to whole milliseconds; what is no length of time becomes one that no check accepts.
fn millis(seconds: f64) -> u64 {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn seconds(millis: Option<u64>) -> Option<f64> {
    millis.map(|millis| Duration::from_millis(millis).as_secs_f64())
}

impl StoredGroup {
    /// A group of the first values and those of `write`; still to be checked.
    pub(crate) fn create(write: RecordingGroupWrite, now: Time) -> Self {
        let spec = GroupSpec::default();
        let mut group = Self { spec, enabled: true, created_at: now, updated_at: now };
        group.change(write, now);
        group
    }

    /// Takes over what `write` states; still to be checked.
    pub(crate) fn change(&mut self, write: RecordingGroupWrite, now: Time) {
        let spec = &mut self.spec;
        spec.name = write.name.unwrap_or_else(|| std::mem::take(&mut spec.name));
        spec.labels = write.labels.unwrap_or_else(|| std::mem::take(&mut spec.labels));
        spec.rules = write.rules.unwrap_or_else(|| std::mem::take(&mut spec.rules));
        spec.limit = write.limit.unwrap_or(spec.limit);
        if let Some(interval_s) = write.interval_s {
            spec.interval_ms = interval_s.map(millis);
        }
        if let Some(offset_s) = write.query_offset_s {
            spec.query_offset_ms = offset_s.map(millis);
        }
        self.enabled = write.enabled.unwrap_or(self.enabled);
        self.updated_at = now;
    }

    /// What is shown of it.
    pub(crate) fn view(self, id: RecordingGroupId, rev: u64) -> RecordingGroup {
        RecordingGroup {
            id,
            rev,
            enabled: self.enabled,
            interval_s: seconds(self.spec.interval_ms),
            limit: self.spec.limit,
            query_offset_s: seconds(self.spec.query_offset_ms),
            name: self.spec.name,
            labels: self.spec.labels,
            rules: self.spec.rules,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Something wrong, or worth knowing, in an expression or a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleProblem {
    /// The line in the text, from 1.
    pub line: usize,
    /// The column in the line in characters, from 1.
    pub column: usize,
    /// The group.
    pub group: Option<String>,
    /// The rule: what it records, or its number in the group.
    pub rule: Option<String>,
    /// What is wrong. Of an expression it names the place within the expression too.
    pub message: String,
}

impl std::fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if let Some(group) = &self.group {
            write!(f, ", group {group:?}")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, ", rule {rule}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A text to check: an expression, or a whole file of rules.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleCheck {
    /// An expression.
    pub expr: Option<String>,
    /// A file of rules, YAML.
    pub yaml: Option<String>,
}

/// What a check found.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct RuleCheckReport {
    /// Every mistake; empty when the text can be used.
    pub problems: Vec<RuleProblem>,
    /// What is kept out or looks wrong, and hinders nothing.
    pub warnings: Vec<RuleProblem>,
    /// Groups of a file.
    pub groups: usize,
    /// Recording rules of a file.
    pub rules: usize,
    /// The expression laid out as Prometheus does, when it is right.
    pub formatted: Option<String>,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct RuleImportReport {
    /// Whether groups were stored: not when there are problems, nor in a dry run.
    pub applied: bool,
    /// Names of groups that are new.
    pub created: Vec<String>,
    /// Names of groups that were there and are replaced.
    pub changed: Vec<String>,
    /// Names of groups that are the same already.
    pub unchanged: Vec<String>,
    /// Every mistake in the file.
    pub problems: Vec<RuleProblem>,
    /// What is kept out, such as alerting rules.
    pub warnings: Vec<RuleProblem>,
}
