//! Queries that are damaged at some places: parsed or refused, never a panic, and places within
//! the text.

use proptest::prelude::*;

use crate::parse;

const QUERIES: [&str; 8] = [
    "sum by (job, \"a b\") (rate(requests_total{code=~\"5..\", x!='y'}[5m] offset -1h)) > bool 5",
    "histogram_quantile(0.9, sum without (le) (rate(x_bucket[5m:30s] @ end() offset (1h / 2))))",
    "-foo{a=\"b\\n\"} ^ +-3.5e-7 atan2 0x1F # a comment (",
    "a == on (x, y) group_left (z,) fill_left (1) fill_right (-Inf) b or (c unless ignoring () d)",
    "label_replace(up{job='x'}, `a\\d`, \"$1\", \"\\u00e9\\xff\", \"(.*)\")",
    "topk(scalar(k) + 1, avg_over_time(((x))[1h + step() * 2 : max_of(1m, range())])) </ 1_000",
    "{\"http.requests\", le!~\"1|2\"}[5m] anchored @ -1.5",
    "count_values by (on, by, sum) (\"v\", start() + x smoothed offset min(1h, 5m))",
];
const PARTS: [&str; 24] = [
    "(", ")", "{", "}", "[", "]", ",", ":", "\"", "'", "`", "\\", "#", "\n", "@", "-", "=~", "!",
    "offset ", " by ", "1h", "é", "\u{0}", "sum(",
];

/// Cuts, doubles or inserts something at a place, given as a fraction of the text.
fn damage(text: &str, at: f64, length: usize, part: usize) -> String {
    let mut start = (text.len() as f64 * at) as usize;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (start + length).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let (before, cut, after) = (&text[..start], &text[start..end], &text[end..]);
    match PARTS.get(part) {
        Some(part) => format!("{before}{part}{cut}{after}"),
        None if part.is_multiple_of(2) => format!("{before}{after}"),
        None => format!("{before}{cut}{cut}{after}"),
    }
}

proptest! {
    #[test]
    fn damaged_queries_parse_or_are_refused(
        query in 0..QUERIES.len(),
        damages in prop::collection::vec((0.0..1.0, 0_usize..9, 0_usize..48), 1..5),
    ) {
        let mut text = QUERIES[query].to_owned();
        for (at, length, part) in damages {
            text = damage(&text, at, length, part);
        }
        match parse(&text) {
            Ok(expr) => {
                // What was understood can be printed and understood again.
                let printed = expr.to_string();
                let again = parse(&printed).map(|expr| expr.to_string());
                prop_assert_eq!(again, Ok(printed), "{}", text);
            }
            Err(error) => {
                prop_assert!(error.start <= error.end && error.end <= text.len(), "{}", text);
                prop_assert!(text.is_char_boundary(error.start) && !error.message.is_empty());
            }
        }
    }
}

#[test]
fn undamaged_queries_parse() {
    for query in QUERIES {
        parse(query).unwrap();
    }
}
