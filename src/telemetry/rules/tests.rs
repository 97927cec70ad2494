//! Tests of rule files: what is taken, what is refused and where, and that what is written is
//! read as the same.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::file::{read, write};
use super::model::{GroupSpec, RecordingRule};
use crate::settings::RuleSettings;

fn problems(yaml: &str) -> Vec<String> {
    let file = read(yaml, &RuleSettings::default());
    file.problems.iter().map(ToString::to_string).collect()
}

fn refused(yaml: &str, expected: &[&str]) {
    assert_eq!(problems(yaml), expected, "{yaml}");
}

#[test]
fn a_whole_file_is_taken() {
    let yaml = "
groups:
  - name: node
    interval: 30s
    query_offset: 1m
    limit: 10
    labels: {team: infra, tier: base}
    rules:
      - record: instance:cpu:rate5m
        expr: |
          sum by (instance) (
            rate(node_cpu_seconds_total{mode!=\"idle\"}[5m])
          )
        labels:
          tier: top
      - alert: Down
        expr: up == 0
        for: 5m
        annotations: {summary: gone}
      - record: one
        expr: 1
  - name: empty
";
    let file = read(yaml, &RuleSettings::default());
    assert_eq!(file.problems, []);
    let warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
    let kept_out = "line 16, column 9, group \"node\", rule Down: the alerting rule is kept out: \
                    alerts are not evaluated yet";
    assert_eq!(warnings, [kept_out]);
    assert_eq!(file.groups.len(), 2);
    let group = &file.groups[0];
    let spec = &group.spec;
    assert_eq!((spec.interval_ms, spec.query_offset_ms), (Some(30_000), Some(60_000)));
    assert_eq!((group.series_max, group.rules.len()), (10, 2));
    let labels: Vec<(&str, &str)> =
        group.rules[0].labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("team", "infra"), ("tier", "top")]);
    assert_eq!(group.rules[1].expr.query(), "1");
    assert!(file.groups[1].rules.is_empty());
    assert_eq!(read("", &RuleSettings::default()).groups.len(), 0);
    assert_eq!(problems("groups:"), [""; 0]);
}

#[test]
fn every_mistake_is_named_with_its_place() {
    refused(
        "groups:\n  - name: a\n    rules:\n      - record: x\n        expr: sum(rate(m[5m])\n      \
         - record: y\n        expr: rate(m)\n      - record: z\n        expr: 'a +'\n",
        &[
            "line 5, column 30, group \"a\", rule x: 1:16: parse error: unclosed left parenthesis",
            "line 7, column 20, group \"a\", rule y: 1:6: parse error: expected type range vector \
             in call to function \"rate\", got instant vector",
            "line 9, column 19, group \"a\", rule z: 1:4: parse error: unexpected end of input",
        ],
    );
    // In a block the line and column are those of the file too.
    placed(
        "groups:\n- name: a\n  rules:\n  - record: x\n    expr: |-\n      sum(\n        1 + +)\n",
        7,
        14,
    );
    let folded = "groups:\n- name: a\n  rules:\n  - record: x\n    expr: >\n      sum(\n      up)\n\n      \
                  foo\n";
    placed(folded, 9, 7);
    placed("groups:\n- name: a\n  rules:\n  - record: x\n    expr: \"up{a=\\\"b\\\"} y\"\n", 5, 24);
    placed("groups:\n- name: a\n  rules:\n  - record: x\n    expr: 'up{a=''b''} y'\n", 5, 24);
    placed("groups:\n- name: a\n  rules:\n  - record: x\n    expr: up{a=\"b\"}\n      y\n", 6, 7);
    placed("groups: [\n", 2, 1);
}

fn placed(yaml: &str, line: usize, column: usize) {
    let problems = read(yaml, &RuleSettings::default()).problems;
    let found: Vec<(usize, usize)> = problems.iter().map(|it| (it.line, it.column)).collect();
    assert_eq!(found, [(line, column)], "{yaml}{problems:?}");
}

#[test]
fn fields_are_those_of_prometheus() {
    let group = |text: &str| format!("groups:\n- name: a\n{text}");
    let rule = |text: &str| group(&format!("  rules:\n  - record: x\n    expr: up\n{text}"));
    refused("rules: []", &["line 1, column 1: unknown field \"rules\"; known are groups"]);
    refused(
        &group("  intervall: 5s"),
        &["line 3, column 3, group \"a\": unknown field \"intervall\"; known are name, interval, \
           limit, query_offset, labels, rules"],
    );
    let wrong = "interval must be a duration such as 30s or 1m";
    refused(&group("  interval: soon"), &[&format!("line 3, column 13, group \"a\": {wrong}")]);
    let wrong = "the interval must be 100 ms to 1 day";
    refused(&group("  interval: 2d"), &[&format!("line 3, column 13, group \"a\": {wrong}")]);
    let wrong = "the limit must be a whole number";
    refused(&group("  limit: many"), &[&format!("line 3, column 10, group \"a\": {wrong}")]);
    refused(
        "groups:\n- name: a\n- name: a\n",
        &["line 3, column 9, group \"a\": the group name \"a\" is repeated in the file"],
    );
    refused("groups:\n- rules: []\n", &["line 2, column 3: the group needs a name"]);
    let at = |line: usize, column: usize, what: &str| {
        format!("line {line}, column {column}, group \"a\", rule x: {what}")
    };
    refused(&rule("    for: 5m"), &[&at(6, 10, "invalid field 'for' in recording rule")]);
    refused(&rule("    labels: {__name__: y}"), &[&at(6, 14, "invalid label name: \"__name__\"")]);
    refused(
        &rule("    alert: y"),
        &["line 4, column 5, group \"a\", rule 1: only one of 'record' and 'alert' must be set"],
    );
    refused(
        &group("  rules:\n  - record: 'x{a=\"b\"}'\n    expr: up\n  - expr: up\n  - record: y\n"),
        &[
            "line 4, column 13, group \"a\", rule x{a=\"b\"}: braces in the name to record \
             \"x{a=\\\"b\\\"}\"; should it be in expr?",
            "line 6, column 5, group \"a\", rule 2: one of 'record' or 'alert' must be set",
            "line 7, column 5, group \"a\", rule y: field 'expr' must be set in rule",
        ],
    );
    let text =
        group("  rules:\n  - record: x\n    expr: m[5m]\n  - record: y\n    expr: '\"t\"'\n");
    let found = problems(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("expected an instant vector or a scalar to record, got a range"));
}

#[test]
fn hostile_texts_are_refused_soon() {
    let deep = "[".repeat(100_000);
    assert_eq!(problems(&deep).len(), 1);
    let mut nested = String::new();
    for depth in 0..60 {
        nested.push_str(&format!("{}a:\n", "  ".repeat(depth)));
    }
    assert!(problems(&nested)[0].contains("more than 20 mappings and lists within each other"));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}, ", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{alias}*a{}]\n", level - 1));
    }
    assert!(problems(&bomb)[0].contains("more than 400000 values"), "{:?}", problems(&bomb));
    let twice = "groups: []\ngroups: []\n";
    refused(twice, &["line 2, column 1: the text is no YAML: the key occurs twice: groups"]);
    let documents = "groups: []\n---\ngroups: []\n";
    assert!(problems(documents)[0].contains("a second document"));
    let keys: String = (0..2_000).map(|n| format!("k{n}: 1\n")).collect();
    assert!(problems(&keys)[0].contains("more than 1000 keys"));
    let aliased = "groups:\n- &g {name: a, rules: [{record: x, expr: up}]}\n- *g\n";
    assert!(problems(aliased)[0].contains("is repeated"), "an alias is what it stands for");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_:]{1,8}",
        "\\PC{1,12}",
        Just("null".to_owned()),
        Just("yes: no # x".to_owned()),
        Just("- a\n\tb\r\"'\\".to_owned()),
        Just("12e3".to_owned()),
        Just("ends:".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("up".to_owned()),
        Just("sum by (job) (\n  rate(m{a=\"b: c\"}[5m])\n)".to_owned()),
        Just("a\n\n+ # why\n  b".to_owned()),
        Just(" \n up".to_owned()),
        Just("label_replace(up, 'a', '\t', 'b', '')\n".to_owned()),
        Just("1".to_owned()),
    ]
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map(text(), prop_oneof![text(), Just(String::new())], 0..3)
}

prop_compose! {
    fn rule()(record in "[a-z][a-z:_]{0,9}", expr in expression(), labels in labels())
        -> RecordingRule
    {
        RecordingRule { record, expr, labels }
    }
}

prop_compose! {
    fn group()(
        name in text().prop_filter("a name", |name| !name.trim().is_empty()),
        interval_ms in proptest::option::of(100_u64..86_400_000),
        query_offset_ms in proptest::option::of(0_u64..86_400_000),
        limit in 0_u64..5, labels in labels(), rules in proptest::collection::vec(rule(), 0..4),
    ) -> GroupSpec {
        GroupSpec { name, interval_ms, limit, query_offset_ms, labels, rules }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(
        mut groups in proptest::collection::vec(group(), 0..4)
    ) {
        groups.sort_by(|left, right| left.name.cmp(&right.name));
        groups.dedup_by(|left, right| left.name == right.name);
        let yaml = write(&groups);
        let file = read(&yaml, &RuleSettings::default());
        prop_assert_eq!(&file.problems, &[], "{}", yaml);
        let read: Vec<GroupSpec> = file.groups.into_iter().map(|group| group.spec).collect();
        prop_assert_eq!(read, groups, "{}", yaml);
    }

    #[test]
    fn no_text_does_harm(
        text in "(groups|name|rules|expr|record|[-:|>&*{}\\[\\]'\" \n]|\\PC){0,60}"
    ) {
        read(&text, &RuleSettings::default());
    }
}
