//! A file of rules in the form of Prometheus: read with the place of every mistake, and written.
//! Pure.
//!
//! Fields are those of `rulefmt` of Prometheus; an unknown one is a mistake. Alerting rules are
//! kept out and named in a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::check::{Group, Part, compile};
use super::model::{GroupSpec, RecordingRule, RuleProblem};
use super::yaml::{self, Node, Place, Value};
use crate::duration::{format_duration, parse_duration};
use crate::settings::RuleSettings;

/// Problems and warnings that are told of one file, each.
const TOLD_MAX: usize = 200;

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct RuleFile {
    /// The groups, those that are right.
    pub groups: Vec<Group>,
    /// Every mistake, in the order of the text.
    pub problems: Vec<RuleProblem>,
    /// What is kept out or looks wrong.
    pub warnings: Vec<RuleProblem>,
}

/// Reads a file of rules.
pub(crate) fn read(source: &str, settings: &RuleSettings) -> RuleFile {
    let mut reader = Reader { source, settings, file: RuleFile::default() };
    match yaml::read(source) {
        Ok(None) => {}
        Ok(Some(root)) => reader.root(&root),
        Err(error) => {
            let message = format!("the text is no YAML: {}", error.message);
            reader.problem(error.place, None, None, message);
        }
    }
    let mut file = reader.file;
    for told in [&mut file.problems, &mut file.warnings] {
        told.sort_by_key(|problem| (problem.line, problem.column));
        told.truncate(TOLD_MAX);
    }
    file
}

struct Reader<'a> {
    source: &'a str,
    settings: &'a RuleSettings,
    file: RuleFile,
}

/// Where the parts of a group stand.
#[derive(Default)]
struct Places<'a> {
    group: Place,
    fields: BTreeMap<&'static str, &'a Node>,
    rules: Vec<RulePlaces<'a>>,
}

/// Where the parts of a rule stand.
struct RulePlaces<'a> {
    rule: Place,
    /// Its number in the group, from 1, alerting rules counted.
    number: usize,
    record: Option<&'a Node>,
    expr: Option<&'a Node>,
    labels: Option<&'a Node>,
}

const GROUP_FIELDS: [&str; 6] = ["name", "interval", "limit", "query_offset", "labels", "rules"];
const RULE_FIELDS: [&str; 7] =
    ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];

impl<'a> Reader<'a> {
    fn problem(&mut self, at: Place, group: Option<&str>, rule: Option<String>, message: String) {
        self.file.problems.push(told(at, group, rule, message));
    }

    fn root(&mut self, root: &Node) {
        if root.is_null() {
            return;
        }
        let fields = self.fields(root, None, None, &["groups"]);
        let Some(groups) = fields.get("groups").filter(|groups| !groups.is_null()) else { return };
        let Value::List(groups) = &groups.value else {
            let message = format!("groups must be a list, not {}", groups.kind());
            return self.problem(groups.place, None, None, message);
        };
        let mut names = BTreeSet::new();
        for group in groups {
            let (spec, places) = self.group(group);
            if !spec.name.is_empty() && !names.insert(spec.name.clone()) {
                let message = format!("the group name {:?} is repeated in the file", spec.name);
                let at = places.fields.get("name").map_or(group.place, |name| name.place);
                self.problem(at, Some(&spec.name), None, message);
            }
            self.compile(&spec, &places);
        }
    }

    /// The known fields of a mapping; whatever else there is becomes a mistake.
    fn fields<'n>(
        &mut self,
        node: &'n Node,
        group: Option<&str>,
        rule: Option<&str>,
        known: &[&'static str],
    ) -> BTreeMap<&'static str, &'n Node> {
        let mut found = BTreeMap::new();
        let Value::Map(pairs) = &node.value else {
            let expected = known.join(", ");
            let message = format!("expected a mapping with {expected}, got {}", node.kind());
            self.problem(node.place, group, rule.map(str::to_owned), message);
            return found;
        };
        for (key, value) in pairs {
            let name = key.text().unwrap_or_default();
            if let Some(known) = known.iter().find(|known| **known == name) {
                found.insert(*known, value);
            } else {
                let shown: String = name.chars().take(60).collect();
                let message = format!("unknown field {shown:?}; known are {}", known.join(", "));
                self.problem(key.place, group, rule.map(str::to_owned), message);
            }
        }
        found
    }

    fn group<'n>(&mut self, node: &'n Node) -> (GroupSpec, Places<'n>) {
        let name_of = |node: &Node| -> Option<String> {
            let Value::Map(pairs) = &node.value else { return None };
            let (_, name) = pairs.iter().find(|(key, _)| key.text() == Some("name"))?;
            name.text().map(str::to_owned)
        };
        let name = name_of(node).unwrap_or_default();
        let shown = Some(name.as_str());
        let fields = self.fields(node, shown, None, &GROUP_FIELDS);
        let mut spec = GroupSpec {
            // Zero is the interval of the settings, as in Prometheus.
            interval_ms: self.duration(&fields, "interval", &name).filter(|&millis| millis > 0),
            query_offset_ms: self.duration(&fields, "query_offset", &name),
            labels: self.labels(fields.get("labels").copied(), &name, None),
            ..GroupSpec::default()
        };
        if let Some(limit) = fields.get("limit").filter(|limit| !limit.is_null()) {
            match limit.text().and_then(|text| text.parse::<i64>().ok()) {
                // A negative limit is none, as in Prometheus.
                Some(limit) => spec.limit = u64::try_from(limit).unwrap_or(0),
                None => {
                    let message = "the limit must be a whole number".to_owned();
                    self.problem(limit.place, shown, None, message);
                }
            }
        }
        let mut places = Places { group: node.place, rules: Vec::new(), fields };
        let rules = places.fields.get("rules").copied().filter(|rules| !rules.is_null());
        match rules.map(|rules| (&rules.value, rules)) {
            None => {}
            Some((Value::List(rules), _)) => {
                for (at, rule) in rules.iter().enumerate() {
                    self.rule(rule, at + 1, &name, &mut spec, &mut places);
                }
            }
            Some((_, node)) => {
                let message = format!("rules must be a list, not {}", node.kind());
                self.problem(node.place, shown, None, message);
            }
        }
        spec.name = name;
        (spec, places)
    }

    fn rule<'n>(
        &mut self,
        node: &'n Node,
        number: usize,
        group: &str,
        spec: &mut GroupSpec,
        places: &mut Places<'n>,
    ) {
        let label = number.to_string();
        let fields = self.fields(node, Some(group), Some(&label), &RULE_FIELDS);
        let text = |name: &str| fields.get(name).filter(|it| !it.is_null());
        for name in ["record", "alert", "expr"] {
            if let Some(wrong) = text(name).filter(|it| it.text().is_none()) {
                let message = format!("{name} must be a text, not {}", wrong.kind());
                self.problem(wrong.place, Some(group), Some(label.clone()), message);
                return;
            }
        }
        let value = |name: &str| text(name).and_then(|it| it.text()).unwrap_or_default().to_owned();
        let (record, alert) = (value("record"), value("alert"));
        if !record.is_empty() && !alert.is_empty() {
            let message = "only one of 'record' and 'alert' must be set".to_owned();
            return self.problem(node.place, Some(group), Some(label), message);
        }
        if !alert.is_empty() {
            let message = "the alerting rule is kept out: alerts are not evaluated yet".to_owned();
            let warning = told(node.place, Some(group), Some(alert), message);
            return self.file.warnings.push(warning);
        }
        if record.is_empty() {
            let message = "one of 'record' or 'alert' must be set".to_owned();
            return self.problem(node.place, Some(group), Some(label), message);
        }
        for name in ["for", "keep_firing_for", "annotations"] {
            if let Some(found) = fields.get(name) {
                let message = format!("invalid field '{name}' in recording rule");
                self.problem(found.place, Some(group), Some(record.clone()), message);
            }
        }
        if value("expr").is_empty() {
            let message = "field 'expr' must be set in rule".to_owned();
            return self.problem(node.place, Some(group), Some(record), message);
        }
        let labels = self.labels(fields.get("labels").copied(), group, Some(&record));
        let same = |rule: &RecordingRule| rule.record == record && rule.labels == labels;
        if spec.rules.iter().any(same) {
            let message = "an earlier rule of the group records the same name and labels";
            let warning = told(node.place, Some(group), Some(record.clone()), message.to_owned());
            self.file.warnings.push(warning);
        }
        spec.rules.push(RecordingRule { record, expr: value("expr"), labels });
        places.rules.push(RulePlaces {
            rule: node.place,
            number,
            record: fields.get("record").copied(),
            expr: fields.get("expr").copied(),
            labels: fields.get("labels").copied(),
        });
    }

    fn duration(
        &mut self,
        fields: &BTreeMap<&'static str, &Node>,
        name: &str,
        group: &str,
    ) -> Option<u64> {
        let node = fields.get(name).filter(|node| !node.is_null())?;
        let parsed = node.text().and_then(parse_duration);
        if parsed.is_none() {
            let message = format!("{name} must be a duration such as 30s or 1m");
            self.problem(node.place, Some(group), None, message);
        }
        parsed.map(|parsed| u64::try_from(parsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn labels(
        &mut self,
        node: Option<&Node>,
        group: &str,
        rule: Option<&str>,
    ) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let Some(node) = node.filter(|node| !node.is_null()) else { return labels };
        let rule = || rule.map(str::to_owned);
        let Value::Map(pairs) = &node.value else {
            let message = format!("labels must be a mapping, not {}", node.kind());
            self.problem(node.place, Some(group), rule(), message);
            return labels;
        };
        for (name, value) in pairs {
            match (name.text(), value.text()) {
                (Some(name), Some(text)) => {
                    let text = if value.is_null() { "" } else { text };
                    labels.insert(name.to_owned(), text.to_owned());
                }
                _ => {
                    let message = format!("a label's value must be a text, not {}", value.kind());
                    self.problem(value.place, Some(group), rule(), message);
                }
            }
        }
        labels
    }

    fn compile(&mut self, spec: &GroupSpec, places: &Places<'_>) {
        let wrong = match compile(spec, self.settings) {
            Ok(group) => return self.file.groups.push(group),
            Err(wrong) => wrong,
        };
        for fault in wrong {
            let rule = fault.part.rule().and_then(|at| places.rules.get(at));
            let at = places.of(&fault.part, fault.at, self.source);
            let named = rule.map(|rule| {
                let record = rule.record.and_then(|record| record.text());
                record.map_or_else(|| rule.number.to_string(), str::to_owned)
            });
            self.problem(at, Some(&spec.name), named, fault.message);
        }
    }
}

impl Places<'_> {
    fn of(&self, part: &Part, at: Option<usize>, source: &str) -> Place {
        let field = |name: &str| self.fields.get(name).map_or(self.group, |node| node.place);
        let rule = part.rule().and_then(|at| self.rules.get(at));
        let begins = rule.map_or(self.group, |rule| rule.rule);
        let label = |labels: Option<&Node>, name: &str| {
            let labels = labels.and_then(|node| match &node.value {
                Value::Map(pairs) => pairs.iter().find(|(key, _)| key.text() == Some(name)),
                _ => None,
            });
            labels.map(|(key, _)| key.place)
        };
        match part {
            Part::Name => field("name"),
            Part::Interval => field("interval"),
            Part::QueryOffset => field("query_offset"),
            Part::Rules => field("rules"),
            Part::Label(name) => {
                label(self.fields.get("labels").copied(), name).unwrap_or_else(|| field("labels"))
            }
            Part::Record(_) => rule.and_then(|it| it.record).map_or(begins, |node| node.place),
            Part::Expr(_) => rule
                .and_then(|rule| rule.expr)
                .map_or(begins, |node| node.place_of(source, at.unwrap_or(0))),
            Part::RuleLabel(_, name) => {
                label(rule.and_then(|rule| rule.labels), name).unwrap_or(begins)
            }
        }
    }
}

fn told(at: Place, group: Option<&str>, rule: Option<String>, message: String) -> RuleProblem {
    let group = group.filter(|group| !group.is_empty()).map(str::to_owned);
    RuleProblem { line: at.line, column: at.column, group, rule, message }
}

/// Writes groups as a file of rules, which reads as the same groups.
pub(crate) fn write(groups: &[GroupSpec]) -> String {
    let mut out = String::from(if groups.is_empty() { "groups: []\n" } else { "groups:\n" });
    for group in groups {
        write_line(&mut out, format_args!("  - name: {}", scalar(&group.name)));
        for (name, millis) in
            [("interval", group.interval_ms), ("query_offset", group.query_offset_ms)]
        {
            if let Some(millis) = millis {
                let duration = format_duration(Duration::from_millis(millis));
                write_line(&mut out, format_args!("    {name}: {duration}"));
            }
        }
        if group.limit > 0 {
            write_line(&mut out, format_args!("    limit: {}", group.limit));
        }
        write_labels(&mut out, "    ", &group.labels);
        let rules = if group.rules.is_empty() { "    rules: []" } else { "    rules:" };
        write_line(&mut out, format_args!("{rules}"));
        for rule in &group.rules {
            write_line(&mut out, format_args!("      - record: {}", scalar(&rule.record)));
            write_expr(&mut out, &rule.expr);
            write_labels(&mut out, "        ", &rule.labels);
        }
    }
    out
}

fn write_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    if out.write_fmt(line).is_ok() {
        out.push('\n');
    }
}

/// An expression of several lines is a block, which people can read; others are one text.
fn write_expr(out: &mut String, expr: &str) {
    let plain = |line: &str| !line.contains(char::is_control) && !line.contains('\u{feff}');
    let is_block = expr.contains('\n')
        && expr.trim() == expr
        && expr.split('\n').all(|line| plain(line) && line.trim_end() == line);
    if !is_block {
        return write_line(out, format_args!("        expr: {}", scalar(expr)));
    }
    out.push_str("        expr: |-\n");
    for line in expr.split('\n') {
        let margin = if line.is_empty() { "" } else { "          " };
        write_line(out, format_args!("{margin}{line}"));
    }
}

fn write_labels(out: &mut String, margin: &str, labels: &BTreeMap<String, String>) {
    if labels.is_empty() {
        return;
    }
    write_line(out, format_args!("{margin}labels:"));
    for (name, value) in labels {
        write_line(out, format_args!("{margin}  {}: {}", scalar(name), scalar(value)));
    }
}

/// A text as YAML: bare where every reader takes it for that text, else in double quotes.
fn scalar(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let colons = |c: char| bare(c) || c == ':';
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(colons)
        && !text.ends_with(':')
        && !words.contains(&text.to_ascii_lowercase().as_str());
    if is_bare {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
