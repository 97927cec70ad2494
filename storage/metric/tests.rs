//! Tests of labels, matchers and samples.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

fn raw_label(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![0x0a, (4 + name.len() + value.len()) as u8, 0x0a, name.len() as u8];
    out.extend_from_slice(name);
    out.extend_from_slice(&[0x12, value.len() as u8]);
    out.extend_from_slice(value);
    out
}

fn parse(bytes: &[u8]) -> Result<Labels, LabelError> {
    EncodedLabels(bytes).to_labels(&LabelLimits::default())
}

#[test]
fn labels_are_sorted_and_found() {
    let set = labels(&[("job", "node"), ("__name__", "up"), ("a", ""), ("instance", "h:1")]);
    let names: Vec<&str> = set.iter().map(|label| label.name).collect();
    assert_eq!(names, ["__name__", "instance", "job"]);
    assert_eq!(set.get("job"), Some("node"));
    assert_eq!(set.get("a"), None);
    assert_eq!(set.metric_name(), Some("up"));
    assert_eq!(set.to_string(), r#"up{instance="h:1", job="node"}"#);
    assert_eq!(set.without_name().to_string(), r#"{instance="h:1", job="node"}"#);
    assert_eq!(Labels::empty().to_string(), "{}");
    assert_eq!(labels(&[("__name__", "up")]).to_string(), "up");
}

#[test]
fn labels_order_as_prometheus_does() {
    let ordered = [
        labels(&[]),
        labels(&[("a", "a")]),
        labels(&[("a", "a"), ("b", "a")]),
        labels(&[("a", "aaaaaaaaaa")]),
        labels(&[("a", "b")]),
        labels(&[("aa", "a")]),
        labels(&[("b", "a")]),
    ];
    for (i, left) in ordered.iter().enumerate() {
        for (j, right) in ordered.iter().enumerate() {
            assert_eq!(left.cmp(right), i.cmp(&j), "{left} and {right}");
        }
    }
}

#[test]
fn encodings_that_are_not_canonical_become_so() {
    let set = labels(&[("a", "1"), ("b", "2")]);
    let unsorted = [raw_label(b"b", b"2"), raw_label(b"a", b"1")].concat();
    assert_eq!(parse(&unsorted).unwrap(), set);
    let with_empty = [raw_label(b"a", b"1"), raw_label(b"aa", b""), raw_label(b"b", b"2")].concat();
    assert_eq!(parse(&with_empty).unwrap(), set);
    let long_varint =
        [&[0x0a, 0x86, 0x00, 0x0a, 1, b'a', 0x12, 1, b'1'][..], &raw_label(b"b", b"2")].concat();
    assert_eq!(parse(&long_varint).unwrap(), set);
    // Value before name, and an unknown field.
    let swapped = [0x0a, 8, 0x12, 1, b'1', 0x0a, 1, b'a', 0x18, 7];
    assert_eq!(parse(&swapped).unwrap(), labels(&[("a", "1")]));
    assert_eq!(parse(set.encoded().as_bytes()).unwrap(), set);
}

#[test]
fn bad_label_sets_are_named() {
    let twice = [raw_label(b"a", b"1"), raw_label(b"a", b"")].concat();
    assert_eq!(parse(&twice), Err(LabelError::Duplicate { name: "a".into() }));
    assert_eq!(parse(&raw_label(b"", b"1")), Err(LabelError::EmptyName));
    let error = parse(&raw_label(b"a", b"\xff")).unwrap_err();
    assert!(matches!(error, LabelError::InvalidUtf8 { part: "value", .. }));
    assert_eq!(parse(&[0x12, 1, 0]), Err(LabelError::Malformed { offset: 0 }));
    assert_eq!(parse(&[0x0a, 9, 0]), Err(LabelError::Malformed { offset: 1 }));
    let limits = LabelLimits { labels_max: 1, name_bytes_max: 3, value_bytes_max: 2 };
    let check = |set: Labels| set.encoded().to_labels(&limits).unwrap_err();
    assert_eq!(check(labels(&[("a", "1"), ("b", "1")])), LabelError::TooMany { count: 2, max: 1 });
    assert!(matches!(check(labels(&[("aaaa", "1")])), LabelError::NameTooLong { .. }));
    assert!(matches!(check(labels(&[("aaa", "123")])), LabelError::ValueTooLong { .. }));
    assert_eq!(Labels::new([("", "x")]), Err(LabelError::EmptyName));
}

#[track_caller]
fn check_pattern(pattern: &str, matching: &[&str], other: &[&str]) -> Matcher {
    let is = Matcher::new(MatchOp::Matches, "l", pattern).unwrap();
    let is_not = Matcher::new(MatchOp::NotMatches, "l", pattern).unwrap();
    for value in matching {
        assert!(is.matches(value) && !is_not.matches(value), "{pattern} on {value:?}");
    }
    for value in other {
        assert!(!is.matches(value) && is_not.matches(value), "{pattern} on {value:?}");
    }
    is
}

#[test]
fn patterns_are_anchored_and_simplified() {
    let words = |m: &Matcher| match m.candidates() {
        Candidates::Words(words) => words.join(","),
        other => panic!("{other:?}"),
    };
    let m = check_pattern("a|b", &["a", "b"], &["", "ab", "xa"]);
    assert_eq!(words(&m), "a,b");
    let m = check_pattern("node_(Free|Cached)_b(ytes)?", &["node_Free_b"], &["node_Free"]);
    assert_eq!(words(&m), "node_Cached_b,node_Cached_bytes,node_Free_b,node_Free_bytes");
    let m = check_pattern("^host-[12]$", &["host-1", "host-2"], &["host-3"]);
    assert_eq!(words(&m), "host-1,host-2");
    let m = check_pattern("(?i)ab", &["ab", "AB", "aB"], &["abc"]);
    assert_eq!(words(&m), "AB,Ab,aB,ab");
    assert_eq!(words(&check_pattern("", &[""], &["a"])), "");
    let m = check_pattern(".*", &["", "a", "a\nb"], &[]);
    assert_eq!(m.candidates(), Candidates::All);
    let m = check_pattern("(.+)", &["a", "\n"], &[""]);
    assert_eq!(m.candidates(), Candidates::NonEmpty);
    let m = check_pattern("api.*", &["api", "api/v1"], &["", "xapi"]);
    assert_eq!(m.candidates(), Candidates::Prefix("api", true));
    let m = check_pattern("api/v[0-9]+", &["api/v1", "api/v22"], &["api/v", "api/v1x"]);
    assert_eq!(m.candidates(), Candidates::Prefix("api/v", false));
    check_pattern("a|", &["a", ""], &["b"]);
    check_pattern("a\\b", &["a"], &["ab", ""]);
    check_pattern("a$|b", &["a", "b"], &["ab", ""]);
    check_pattern("fra.*|nyc3", &["fra1", "nyc3"], &["nyc", "nyc33"]);
}

#[test]
fn patterns_follow_go_syntax() {
    check_pattern("\\Qa.b*\\E+", &["a.b*", "a.b**"], &["axb"]);
    check_pattern("a{b", &["a{b"], &["a"]);
    check_pattern("x{,2}", &["x{,2}"], &["xx"]);
    check_pattern("x{1,2}", &["x", "xx"], &["xxx"]);
    check_pattern("[[a]", &["[", "a"], &["b"]);
    check_pattern("[]a]", &["]", "a"], &["b"]);
    check_pattern("[^]a]", &["b"], &["]", "a"]);
    check_pattern("[a&&b]", &["a", "&", "b"], &["c"]);
    check_pattern("[[:digit:]x]+", &["12x"], &["a"]);
    check_pattern("\\d+", &["12"], &["\u{663}", ""]);
    check_pattern("[\\d.]+", &["1.2"], &["a"]);
    check_pattern("\\w\\W\\S", &["a-b"], &["abc"]);
    check_pattern("a\\.b\\-c\\_d\\/", &["a.b-c_d/"], &["axb-c_d/"]);
    for wrong in ["a)|(b", "(", "*", "a\\", "[a", "(?P<n>", "\\8"] {
        assert!(Matcher::new(MatchOp::Matches, "l", wrong).is_err(), "{wrong}");
        assert!(anchored_regex(wrong).is_err(), "{wrong}");
    }
    assert!(Matcher::new(MatchOp::Matches, "l", "((a{1000}){1000}){1000}").is_err());
    assert!(Matcher::new(MatchOp::Matches, "l", &"(".repeat(60_000)).is_err());
}

#[test]
fn missing_labels_count_as_empty() {
    let set = labels(&[("a", "1")]);
    let check = |op, value: &str| Matcher::new(op, "b", value).unwrap().matches_labels(&set);
    assert!(check(MatchOp::Equal, ""));
    assert!(!check(MatchOp::NotEqual, ""));
    assert!(check(MatchOp::NotEqual, "x"));
    assert!(check(MatchOp::Matches, ".*"));
    assert!(!check(MatchOp::Matches, ".+"));
    assert!(check(MatchOp::NotMatches, ".+"));
}

#[test]
fn stale_marker_is_one_nan_of_many() {
    assert!(is_stale(stale_nan()));
    assert!(!is_stale(f64::NAN) && stale_nan().is_nan());
    let mut samples: Samples =
        [Sample { timestamp_ms: 1, value: stale_nan() }].into_iter().collect();
    assert_eq!(samples.get(0).unwrap().value.to_bits(), STALE_NAN);
    samples.clear();
    assert!(samples.is_empty() && samples.get(0).is_none());
}

proptest! {
    #[test]
    fn any_pairs_round_trip(pairs in prop::collection::btree_map(".{1,9}", ".{0,200}", 0..9)) {
        let set = Labels::new(pairs.iter().rev().map(|(n, v)| (n.as_str(), v.as_str()))).unwrap();
        let kept: BTreeMap<_, _> = pairs.into_iter().filter(|(_, v)| !v.is_empty()).collect();
        let found: BTreeMap<_, _> =
            set.iter().map(|l| (l.name.to_owned(), l.value.to_owned())).collect();
        prop_assert_eq!(&found, &kept);
        prop_assert_eq!(parse(set.encoded().as_bytes()).unwrap(), set.clone());
        let rebuilt = LabelsBuilder::from_labels(&set).build().unwrap();
        prop_assert_eq!(rebuilt, set);
    }

    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), pattern in ".{0,20}") {
        if let Ok(set) = parse(&bytes) {
            prop_assert_eq!(parse(set.encoded().as_bytes()).unwrap(), set);
        }
        if let Ok(m) = Matcher::new(MatchOp::Matches, "l", &pattern) {
            prop_assert_eq!(m.matches(""), m.matches_empty());
        }
    }

    #[test]
    fn simplified_patterns_agree_with_the_engine(
        pattern in "[ab]{0,2}(\\(a\\|b?\\))?(\\.\\*|\\.\\+|a\\*|b\\?|\\[ab\\])?[ab]?(\\|[ab]{0,2})?",
        value in "[abc]{0,4}",
    ) {
        let plain = regex::Regex::new(&format!("^(?s:{pattern})$")).unwrap();
        let m = Matcher::new(MatchOp::Matches, "l", &pattern).unwrap();
        prop_assert_eq!(m.matches(&value), plain.is_match(&value), "{} on {}", pattern, value);
    }
}

fn random_labels() -> impl Strategy<Value = Labels> {
    let names =
        prop::collection::btree_map("[ab]{1,2}|__name__|long_name", "[xyé]{1,3}|v{140}", 0..6);
    names.prop_map(|pairs| {
        Labels::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap()
    })
}

proptest! {
    #[test]
    fn labels_are_ordered_label_by_label(left in random_labels(), right in random_labels()) {
        prop_assert_eq!(left.cmp(&right), left.iter().cmp(right.iter()));
        prop_assert_eq!(left == right, left.cmp(&right).is_eq());
    }

    #[test]
    fn filters_keep_what_they_accept(labels in random_labels(), dropped in "[ab]|__name__") {
        let pairs = labels.iter().filter(|label| label.name != dropped);
        let wanted = Labels::new(pairs.map(|label| (label.name, label.value))).unwrap();
        prop_assert_eq!(&labels.filter(|label| label.name != dropped), &wanted);
        let mut bytes = vec![1];
        labels.filter_names(|name| name != dropped.as_bytes(), &mut bytes);
        prop_assert_eq!(Labels::from_filtered(&bytes), wanted);
    }
}
