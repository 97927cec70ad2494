//! Tests of relabelling, after the cases of Prometheus' own table.

use metric::{Labels, LabelsBuilder};
use proptest::prelude::*;

use super::relabel::{Relabel, RelabelRule};

fn rules(yaml: &str) -> Vec<RelabelRule> {
    serde_yaml_ng::from_str(yaml).unwrap()
}

/// Applies rules to labels written as PromQL does; `None` when dropped.
fn apply(labels: &[(&str, &str)], yaml: &str) -> Option<String> {
    let relabel = Relabel::compile(&rules(yaml)).unwrap();
    let mut builder = LabelsBuilder::from_labels(&Labels::new(labels.iter().copied()).unwrap());
    relabel.apply(&mut builder).then(|| builder.build().unwrap().to_string())
}

fn check(labels: &[(&str, &str)], yaml: &str, expected: Option<&str>) {
    assert_eq!(apply(labels, yaml).as_deref(), expected, "{yaml}");
}

const ABC: &[(&str, &str)] = &[("a", "foo"), ("b", "bar"), ("c", "baz")];

#[test]
fn replace() {
    check(
        ABC,
        "[{source_labels: [a], target_label: d, regex: 'f(.*)', separator: ';', \
          replacement: 'ch${1}-ch${1}', action: replace}]",
        Some(r#"{a="foo", b="bar", c="baz", d="choo-choo"}"#),
    );
    check(
        ABC,
        "[{source_labels: [a, b], target_label: a, regex: 'f(.*);(.*)r', \
          replacement: 'b${1}${2}m'}]",
        Some(r#"{a="boobam", b="bar", c="baz"}"#),
    );
    // Anchored: no match in the middle, so nothing changes.
    check(
        &[("a", "xfoox")],
        "[{source_labels: [a], target_label: b, regex: foo}]",
        Some(r#"{a="xfoox"}"#),
    );
    // An empty result deletes the label; an empty target does nothing.
    check(
        &[("a", "boo")],
        "[{source_labels: [a], target_label: a, regex: 'b.*', replacement: ''}]",
        Some("{}"),
    );
    check(
        &[("a", "boo")],
        "[{source_labels: [a], target_label: '${2}', regex: '(b.*)'}]",
        Some(r#"{a="boo"}"#),
    );
    check(
        &[("__meta_sd_tags", "path:/secret,job:some-job")],
        "[{source_labels: [__meta_sd_tags], target_label: '__${1}', \
          regex: '(?:.+,|^)(job):([^,]+).*', replacement: '${2}'}]",
        None.or(Some(r#"{__job="some-job", __meta_sd_tags="path:/secret,job:some-job"}"#)),
    );
    check(
        &[("a", "x\ny")],
        "[{source_labels: [a], target_label: b, regex: 'x.y', replacement: hit}]",
        Some(r#"{a="x\ny", b="hit"}"#),
    );
    check(
        &[("a", "5")],
        "[{source_labels: [a], target_label: b, replacement: '$$$1'}]",
        Some(r#"{a="5", b="$5"}"#),
    );
    check(&[], "[{target_label: b, replacement: fixed}]", Some(r#"{b="fixed"}"#));
}

#[test]
fn keep_and_drop() {
    check(&[("a", "foo")], "[{source_labels: [a], regex: '.*o.*', action: drop}]", None);
    check(
        ABC,
        "[{source_labels: [a], regex: '.*b.*', action: drop}]",
        Some(r#"{a="foo", b="bar", c="baz"}"#),
    );
    check(&[("a", "foo")], "[{source_labels: [a], regex: 'no-match', action: keep}]", None);
    check(&[("a", "foo")], "[{source_labels: [a], regex: 'f|o', action: keep}]", None);
    check(
        &[("a", "foo")],
        "[{source_labels: [a], regex: 'x|foo', action: KEEP}]",
        Some(r#"{a="foo"}"#),
    );
    let ports = &[("__tmp_port", "1234"), ("__port1", "1234"), ("__port2", "5678")];
    let kept = Some(r#"{__port1="1234", __port2="5678", __tmp_port="1234"}"#);
    check(ports, "[{source_labels: [__tmp_port], action: keepequal, target_label: __port1}]", kept);
    check(ports, "[{source_labels: [__tmp_port], action: keepequal, target_label: __port2}]", None);
    check(ports, "[{source_labels: [__tmp_port], action: dropequal, target_label: __port2}]", kept);
    check(ports, "[{source_labels: [__tmp_port], action: dropequal, target_label: __port1}]", None);
}

#[test]
fn names() {
    check(
        &[("a", "foo"), ("b1", "bar"), ("b2", "baz")],
        "[{regex: '(b.*)', replacement: 'bar_${1}', action: labelmap}]",
        Some(r#"{a="foo", b1="bar", b2="baz", bar_b1="bar", bar_b2="baz"}"#),
    );
    check(
        &[
            ("a", "foo"),
            ("__meta_my_bar", "aaa"),
            ("__meta_my_baz", "bbb"),
            ("__meta_other", "ccc"),
        ],
        "[{regex: '__meta_(my.*)', action: labelmap}, {regex: '__meta.*', action: labeldrop}]",
        Some(r#"{a="foo", my_bar="aaa", my_baz="bbb"}"#),
    );
    check(
        &[("a", "foo"), ("b1", "bar")],
        "[{regex: 'a', action: labelkeep}]",
        Some(r#"{a="foo"}"#),
    );
}

#[test]
fn letters_and_hashes() {
    check(
        &[("foo", "bAr123Foo")],
        "[{source_labels: [foo], action: uppercase, target_label: up}, {source_labels: [foo], action: lowercase, target_label: low}]",
        Some(r#"{foo="bAr123Foo", low="bar123foo", up="BAR123FOO"}"#),
    );
    // From Prometheus' own test table: md5 of "foo" modulo 1000, and of "foo\nbar".
    check(
        &[("c", "baz")],
        "[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]",
        Some(r#"{c="baz", d="976"}"#),
    );
    check(
        &[("a", "foo\nbar")],
        "[{source_labels: [a], target_label: b, action: hashmod, modulus: 1000}]",
        Some(r#"{a="foo\nbar", b="734"}"#),
    );
}

#[test]
fn senseless_rules_are_named() {
    let wrong = |yaml: &str, expected: &str| {
        let error = Relabel::compile(&rules(yaml)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    wrong("[{}]", "relabel rule 1: replace needs target_label");
    wrong("[{target_label: a}, {action: jump}]", "relabel rule 2: \"jump\" is not an action");
    wrong(
        "[{action: hashmod, target_label: a}]",
        "relabel rule 1: hashmod needs a modulus above 0",
    );
    wrong(
        "[{action: labeldrop, source_labels: [a]}]",
        "relabel rule 1: labeldrop takes a regex and nothing else",
    );
    wrong(
        "[{action: keepequal, target_label: a, regex: x}]",
        "relabel rule 1: keepequal takes source_labels and target_label and nothing else",
    );
    let error = Relabel::compile(&rules("[{action: drop, regex: '('}]")).unwrap_err();
    assert!(error.to_string().contains("bad regex"), "{error}");
    assert!(serde_yaml_ng::from_str::<Vec<RelabelRule>>("[{regexp: x}]").is_err());
}

proptest! {
    #[test]
    fn any_rule_ends(
        regex in "[a-c.*+()|]{0,8}",
        replacement in "[$0-3{}a]{0,8}",
        target in "[$1{}a]{1,5}",
        value in "[a-c]{0,20}",
        action in prop::sample::select(vec!["replace", "labelmap", "keep", "drop"]),
    ) {
        let rule = RelabelRule {
            source_labels: vec!["a".to_owned()],
            regex: Some(regex),
            replacement: Some(replacement),
            target_label: Some(target),
            action: Some(action.to_owned()),
            ..RelabelRule::default()
        };
        if let Ok(relabel) = Relabel::compile(&[rule]) {
            let mut builder = LabelsBuilder::new();
            builder.set("a", &value);
            relabel.apply(&mut builder);
            prop_assert!(builder.build().is_ok());
        }
    }
}
