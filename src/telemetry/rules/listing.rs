//! The groups in the form of Prometheus' `/api/v1/rules`: which are asked for, and the JSON.

use std::collections::BTreeSet;

use kernel::clock::Time;
use md5::{Digest, Md5};
use metric::{Labels, Matcher};

use super::check::Rule;
use super::manager::GroupKey;
use super::state::{GroupState, RuleHealth, RuleState};
use crate::query::QueryError;
use crate::query::json::{push, push_labels, push_text};
use crate::query::parameters::Parameters;

/// Which rules are asked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    recording: bool,
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
    files: BTreeSet<String>,
    matchers: Vec<Vec<Matcher>>,
    limit: Option<usize>,
    token: Option<String>,
}

impl Wanted {
    /// Reads what Prometheus reads: `type`, `rule_name[]`, `rule_group[]`, `file[]`, `match[]`,
    /// `exclude_alerts`, `group_limit`, `group_next_token`.
    ///
    /// # Errors
    /// A parameter that is wrong, in the words of Prometheus.
    pub(crate) fn of(parameters: &Parameters) -> Result<Self, QueryError> {
        let recording = match parameters.get("type") {
            None | Some("record") => true,
            Some("alert") => false,
            Some(other) => {
                let reason = format!("not supported value {other:?}");
                return Err(QueryError::parameter("type", reason));
            }
        };
        // Recording rules have no alerts to exclude: the value is only checked.
        let words =
            ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];
        if let Some(text) = parameters.get("exclude_alerts").filter(|it| !words.contains(it)) {
            let reason = format!("error converting exclude_alerts: {text:?} is not true or false");
            return Err(QueryError::parameter("exclude_alerts", reason));
        }
        let limit = match parameters.get("group_limit") {
            None => None,
            Some(text) => match text.parse::<usize>() {
                Ok(limit) if limit > 0 => Some(limit),
                Ok(_) => {
                    let reason = "group_limit needs to be greater than 0";
                    return Err(QueryError::parameter("group_limit", reason));
                }
                Err(error) => {
                    let reason = format!("group_limit needs to be a valid number: {error}");
                    return Err(QueryError::parameter("group_limit", reason));
                }
            },
        };
        let token = parameters.get("group_next_token").map(str::to_owned);
        if token.is_some() && limit.is_none() {
            let reason = "group_limit needs to be present in order to paginate over the groups";
            return Err(QueryError::parameter("group_next_token", reason));
        }
        let set = |name: &str| parameters.all(name).map(str::to_owned).collect();
        Ok(Self {
            recording,
            names: set("rule_name[]"),
            groups: set("rule_group[]"),
            files: set("file[]"),
            matchers: parameters.selectors()?,
            limit,
            token,
        })
    }

    fn wants_group(&self, key: &GroupKey) -> bool {
        let fits = |set: &BTreeSet<String>, text: &str| set.is_empty() || set.contains(text);
        fits(&self.groups, &key.name) && fits(&self.files, &key.file)
    }

    fn wants(&self, rule: &Rule, labels: &Labels) -> bool {
        let fits = |all: &Vec<Matcher>| all.iter().all(|matcher| matcher.matches_labels(labels));
        let named = self.names.is_empty() || self.names.contains(&rule.record);
        self.recording && named && (self.matchers.is_empty() || self.matchers.iter().any(fits))
    }
}

/// What stands for a group in `group_next_token`.
fn token(key: &GroupKey) -> String {
    let digest = Md5::digest(key.to_string().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the groups that are asked for, in order of file and name; those without such rules are
/// left out.
///
/// # Errors
/// A token that stands for no group.
pub(crate) fn write(
    out: &mut Vec<u8>,
    groups: &[(GroupKey, GroupState)],
    wanted: &Wanted,
) -> Result<(), QueryError> {
    let from = match &wanted.token {
        None => 0,
        Some(given) => {
            let found = groups.iter().position(|(key, _)| token(key) == *given);
            found.ok_or_else(|| {
                let reason =
                    format!("invalid group_next_token '{given}'. were rule groups changed?");
                QueryError::parameter("group_next_token", reason)
            })?
        }
    };
    out.extend_from_slice(b"{\"groups\":[");
    let mut written = 0;
    let mut next = None;
    for (key, state) in groups.iter().skip(from).filter(|(key, _)| wanted.wants_group(key)) {
        let mut rules = Vec::new();
        for (rule, now) in state.group.rules.iter().zip(&state.rules) {
            let pairs = rule.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let labels = Labels::new(pairs).unwrap_or_default();
            if wanted.wants(rule, &labels) {
                if !rules.is_empty() {
                    rules.push(b',');
                }
                write_rule(&mut rules, rule, &labels, now);
            }
        }
        if rules.is_empty() {
            continue;
        }
        if wanted.limit == Some(written) {
            next = Some(token(key));
            break;
        }
        if written > 0 {
            out.push(b',');
        }
        written += 1;
        write_group(out, key, state, &rules);
    }
    out.push(b']');
    if let Some(next) = next {
        out.extend_from_slice(b",\"groupNextToken\":");
        push_text(out, &next);
    }
    out.push(b'}');
    Ok(())
}

fn write_group(out: &mut Vec<u8>, key: &GroupKey, state: &GroupState, rules: &[u8]) {
    out.extend_from_slice(b"{\"name\":");
    push_text(out, &key.name);
    out.extend_from_slice(b",\"file\":");
    push_text(out, &key.file);
    out.extend_from_slice(b",\"rules\":[");
    out.extend_from_slice(rules);
    let interval = state.group.interval.as_secs_f64();
    let (limit, took) = (state.group.spec.limit, state.duration.as_secs_f64());
    push(
        out,
        format_args!("],\"interval\":{interval},\"limit\":{limit},\"evaluationTime\":{took}"),
    );
    push_last(out, state.last_at);
    out.push(b'}');
}

fn write_rule(out: &mut Vec<u8>, rule: &Rule, labels: &Labels, state: &RuleState) {
    out.extend_from_slice(b"{\"name\":");
    push_text(out, &rule.record);
    out.extend_from_slice(b",\"query\":");
    push_text(out, &rule.expr.to_string());
    if !labels.is_empty() {
        out.extend_from_slice(b",\"labels\":");
        push_labels(out, labels);
    }
    let health = match state.health {
        RuleHealth::Unknown => "unknown",
        RuleHealth::Ok => "ok",
        RuleHealth::Error => "err",
    };
    push(out, format_args!(",\"health\":\"{health}\""));
    if let Some(error) = &state.error {
        out.extend_from_slice(b",\"lastError\":");
        push_text(out, error);
    }
    push(out, format_args!(",\"evaluationTime\":{}", state.duration.as_secs_f64()));
    push_last(out, state.last_at);
    out.extend_from_slice(b",\"type\":\"recording\"}");
}

/// Never is the zero time of Go.
fn push_last(out: &mut Vec<u8>, at: Option<Time>) {
    out.extend_from_slice(b",\"lastEvaluation\":");
    let text = at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string());
    push_text(out, &text);
}
