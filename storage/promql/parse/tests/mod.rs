//! Places of nodes and errors, what is accepted and what is refused.
//!
//! The cases follow what Prometheus' own parser accepts and says (`promql/parser/parse_test.go`).

mod accepted;
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
    for other in ["up offset 5m", "up offset step()", "up anchored", "sum(up)", "up[5m]", "1"] {
        assert!(parse_selector(other).is_err(), "{other}");
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
