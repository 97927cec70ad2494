//! Relabelling, with the rules and the meaning of Prometheus' `relabel_configs`.

use md5::{Digest, Md5};
use metric::{LabelsBuilder, anchored_regex};
use regex::Regex;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most rules in one list.
const RULES_MAX: usize = 200;
/// Longest text that a rule may make, in bytes; a replacement can repeat what it matched.
const RESULT_BYTES_MAX: usize = 64 * 1024;

/// One rule as it is written, with the names of Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelabelRule {
    /// Labels whose values are joined and given to the rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_labels: Vec<String>,
    /// What stands between the joined values; `;` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// What the joined value (or the label's name) must match as a whole; `(.*)` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// The number of shards of `hashmod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modulus: Option<u64>,
    /// The label to write or to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
    /// The new value, in which `$1` is the first group; `$1` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep,
    /// lowercase or uppercase; `replace` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// A rule that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("relabel rule {number}: {reason}")]
pub(crate) struct RelabelError {
    /// Which rule, counted from 1.
    pub number: usize,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod(u64),
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

#[derive(Clone, Debug)]
struct Rule {
    sources: Vec<String>,
    separator: String,
    regex: Regex,
    target: String,
    replacement: String,
    action: Action,
}

/// Checked rules, ready to be applied; regular expressions run in linear time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relabel {
    rules: Vec<Rule>,
}

impl Relabel {
    /// Checks and compiles rules.
    pub(crate) fn compile(rules: &[RelabelRule]) -> Result<Self, RelabelError> {
        if rules.len() > RULES_MAX {
            let reason =
                format!("there are {} rules, at most {RULES_MAX} are allowed", rules.len());
            return Err(RelabelError { number: RULES_MAX + 1, reason });
        }
        let mut compiled = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let checked = compile_rule(rule);
            let number = index + 1;
            compiled.push(checked.map_err(|reason| RelabelError { number, reason })?);
        }
        Ok(Self { rules: compiled })
    }

    /// Applies the rules in order; `false` means that the target or sample is dropped.
    pub(crate) fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        self.rules.iter().all(|rule| rule.apply(labels))
    }
}

fn compile_rule(rule: &RelabelRule) -> Result<Rule, String> {
    let name = rule.action.as_deref().unwrap_or("replace").to_ascii_lowercase();
    let action = match name.as_str() {
        "replace" => Action::Replace,
        "keep" => Action::Keep,
        "drop" => Action::Drop,
        "keepequal" => Action::KeepEqual,
        "dropequal" => Action::DropEqual,
        "hashmod" => Action::HashMod(rule.modulus.unwrap_or(0)),
        "labelmap" => Action::LabelMap,
        "labeldrop" => Action::LabelDrop,
        "labelkeep" => Action::LabelKeep,
        "lowercase" => Action::Lowercase,
        "uppercase" => Action::Uppercase,
        other => return Err(format!("{other:?} is not an action")),
    };
    let target = rule.target_label.clone().unwrap_or_default();
    check_fields(rule, action, &name, &target)?;
    let pattern = rule.regex.as_deref().unwrap_or("(.*)");
    let regex = anchored_regex(pattern).map_err(|detail| format!("bad regex: {detail}"))?;
    Ok(Rule {
        sources: rule.source_labels.clone(),
        separator: rule.separator.clone().unwrap_or_else(|| ";".to_owned()),
        regex,
        target,
        replacement: rule.replacement.clone().unwrap_or_else(|| "$1".to_owned()),
        action,
    })
}

/// Which fields a rule must and must not have, by its action.
fn check_fields(
    rule: &RelabelRule,
    action: Action,
    name: &str,
    target: &str,
) -> Result<(), String> {
    use Action as A;
    let writes = matches!(
        action,
        A::Replace | A::HashMod(_) | A::Lowercase | A::Uppercase | A::KeepEqual | A::DropEqual
    );
    if writes && target.is_empty() {
        return Err(format!("{name} needs target_label"));
    }
    if action == A::HashMod(0) {
        return Err("hashmod needs a modulus above 0".to_owned());
    }
    let by_name = matches!(action, A::LabelDrop | A::LabelKeep);
    let extra = rule.modulus.is_some() || rule.separator.is_some() || rule.replacement.is_some();
    if by_name && (extra || !rule.source_labels.is_empty() || !target.is_empty()) {
        return Err(format!("{name} takes a regex and nothing else"));
    }
    let compares = matches!(action, A::KeepEqual | A::DropEqual);
    if compares && (extra || rule.regex.is_some()) {
        return Err(format!("{name} takes source_labels and target_label and nothing else"));
    }
    Ok(())
}

impl Rule {
    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        match self.action {
            Action::Keep => return self.regex.is_match(&self.joined(labels)),
            Action::Drop => return !self.regex.is_match(&self.joined(labels)),
            Action::KeepEqual => return self.equals_target(labels),
            Action::DropEqual => return !self.equals_target(labels),
            Action::Replace => self.replace(labels),
            Action::Lowercase => {
                let value = self.joined(labels).to_lowercase();
                labels.set(&self.target, &value);
            }
            Action::Uppercase => {
                let value = self.joined(labels).to_uppercase();
                labels.set(&self.target, &value);
            }
            Action::HashMod(modulus) => {
                let shard = hash(&self.joined(labels)) % modulus;
                labels.set(&self.target, &shard.to_string());
            }
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => {
                labels.retain(|name, _| !self.regex.is_match(name));
            }
            Action::LabelKeep => {
                labels.retain(|name, _| self.regex.is_match(name));
            }
        }
        true
    }

    fn joined(&self, labels: &LabelsBuilder) -> String {
        let mut value = String::new();
        for (index, source) in self.sources.iter().enumerate() {
            if index > 0 {
                value.push_str(&self.separator);
            }
            value.push_str(labels.get(source).unwrap_or(""));
        }
        value
    }

    fn equals_target(&self, labels: &LabelsBuilder) -> bool {
        labels.get(&self.target).unwrap_or("") == self.joined(labels)
    }

    /// Without a match, and where the target's name comes out empty, nothing changes.
    fn replace(&self, labels: &mut LabelsBuilder) {
        let value = self.joined(labels);
        let Some(groups) = self.regex.captures(&value) else { return };
        let mut target = String::new();
        groups.expand(&self.target, &mut target);
        let mut replaced = String::new();
        groups.expand(&self.replacement, &mut replaced);
        if !target.is_empty() && target.len().max(replaced.len()) <= RESULT_BYTES_MAX {
            labels.set(&target, &replaced);
        }
    }

    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mut mapped = Vec::new();
        for label in labels.iter() {
            if let Some(groups) = self.regex.captures(label.name) {
                let mut name = String::new();
                groups.expand(&self.replacement, &mut name);
                if !name.is_empty() && name.len() <= RESULT_BYTES_MAX {
                    mapped.push((name, label.value.to_owned()));
                }
            }
        }
        for (name, value) in mapped {
            labels.set(&name, &value);
        }
    }
}

/// The last eight bytes of the MD5, as Prometheus takes them.
fn hash(text: &str) -> u64 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    let mut last = [0; 8];
    last.copy_from_slice(&digest[8..]);
    u64::from_be_bytes(last)
}
