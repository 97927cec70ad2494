//! Places of nodes and errors, what is accepted and what is refused.
//!
//! The cases follow what Prometheus' own parser accepts and says (`promql/parser/parse_test.go`).

mod accepted;
mod bounds;
mod mutated;
mod places;
mod pretty;
mod refused;
mod round_trip;
mod tree;

use proptest::prelude::*;

use crate::{parse, parse_selector};

#[test]
fn selectors_are_matchers() {
    let matchers = parse_selector("up{job=\"a\",x!~\"b.*\"}").unwrap();
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["__name__=\"up\"", "job=\"a\"", "x!~\"b.*\""]);
    assert_eq!(parse_selector("{x=~\".*\"}").unwrap().len(), 1);
    for (text, column, message) in [
        ("up offset 5m", 4, "unexpected <offset>"),
        ("up anchored", 4, "unexpected <anchored>"),
        ("sum(up)", 4, "unexpected \"(\""),
        ("up[5m]", 3, "unexpected \"[\""),
        ("1", 1, "unexpected number \"1\""),
        ("", 1, "unexpected end of input"),
    ] {
        let error = parse_selector(text).unwrap_err();
        assert_eq!((error.column, error.message.as_str()), (column, message), "{text}");
    }
}

proptest! {
    /// No text makes the parser panic, and what it places lies within the text.
    #[test]
    fn any_text_parses_or_is_refused(text in "[a-z(){}\\[\\]0-9+*@:,.\"'`= ~!\\\\é#\n-]{0,40}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.start <= error.end && error.end <= text.len());
        }
    }

    #[test]
    fn any_bytes_parse_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = parse(&text) {
            prop_assert!(error.start <= error.end && error.end <= text.len());
        }
    }
}
