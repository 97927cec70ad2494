//! Tests of line protocol.

use proptest::prelude::*;

use super::line::{FieldValue, lines, parse};
use super::store::Precision;

/// A line as `measurement|tag=value|field=value|time`.
fn shown(text: &str) -> String {
    let line = match parse(text) {
        Ok(line) => line,
        Err(reason) => return reason,
    };
    let tags: Vec<String> = line.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let fields = line.fields.iter().map(|(key, value)| match value {
        FieldValue::Number(number) => format!("{key}={number}"),
        FieldValue::Text => format!("{key}=text"),
    });
    let fields: Vec<String> = fields.collect();
    let time = line.timestamp.map(|time| time.to_string()).unwrap_or_default();
    format!("{}|{}|{}|{time}", line.measurement, tags.join(";"), fields.join(";"))
}

/// The cases of the protocol's reference.
#[test]
fn lines_of_the_reference() {
    let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
    check("m f=1", "m||f=1|");
    check(
        "m,t=a,u=b f=1,g=2i,h=3u,i=t,j=FALSE 1556813561098000000",
        "m|t=a;u=b|f=1;g=2;h=3;i=1;j=0|1556813561098000000",
    );
    check(
        r#"myMeasurement,tag1=value1 fieldKey="string value" -5"#,
        "myMeasurement|tag1=value1|fieldKey=text|-5",
    );
    check(r#"m f="Launch, \"now\"=1 \\",g=1"#, "m||f=text;g=1|");
    check(r"my\ m\,x,tag\ k\=ey=v\,a\ l f\ k=1e3", "my m,x|tag k=ey=v,a l|f k=1000|");
    check(r"C:\path,t=a\b f=-1.5", r"C:\path|t=a\b|f=-1.5|");
    check("m,t=emoji🍭 f=1", "m|t=emoji🍭|f=1|");
    check("m,t=a=b f=1", "m|t=a=b|f=1|");
    check("m,t= f=1", "m|t=|f=1|");
    check("m  f=1   7  ", "m||f=1|7");
    check("m f=\"line\nbreak\" 1", "m||f=text|1");
}

#[test]
fn wrong_lines_say_what_is_wrong() {
    let check = |text: &str, expected: &str| {
        assert!(shown(text).contains(expected), "{text}: {}", shown(text));
    };
    check(",t=a f=1", "a measurement at column 1");
    check("m", "a space and fields at column 2");
    check("m,t f=1", "a tag such as key=value at column 4");
    check("m,=a f=1", "a tag such as key=value at column 3");
    check("ä,t=a f", "a field such as key=1 at column 8");
    check("m f=", "the value \"\" is not a number");
    check("m f=1x", "the value \"1x\"");
    check("m f=1.5i", "the value \"1.5i\"");
    check("m f=NaN", "the value \"NaN\"");
    check("m f=1e999", "the value");
    check("m f=99999999999999999999i", "the value");
    check("m f=\"open", "not closed");
    check("m f=1, 5", "a field such as key=1 at column 7");
    check("m f=1 5x", "the timestamp \"5x\"");
    check("m f=1 5 6", "the timestamp \"5 6\"");
}

#[test]
fn lines_are_split_outside_of_texts() {
    let body = b"a f=1\r\n\n# comment \"\nb,q=\"x f=\"two\nlines\" 1\n  c f=1\nd f=\"open\ne f=1";
    let found: Vec<(usize, String)> = lines(body)
        .map(|(number, line)| (number, String::from_utf8_lossy(line).into_owned()))
        .collect();
    let expected = [
        (1, "a f=1"),
        (4, "b,q=\"x f=\"two\nlines\" 1"),
        (6, "c f=1"),
        (7, "d f=\"open"),
        // A text that is never closed takes no other line with it.
        (8, "e f=1"),
    ];
    assert_eq!(found, expected.map(|(number, line)| (number, line.to_owned())));
}

#[test]
fn precisions() {
    for word in ["", "n", "ns", "u", "us", "ms", "s", "m", "h"] {
        assert!(Precision::of(word).is_some(), "{word}");
    }
    assert_eq!(Precision::of("fortnight"), None);
}

proptest! {
    #[test]
    fn rubbish_never_panics(body in prop::collection::vec(any::<u8>(), 0..300)) {
        for (_, line) in lines(&body) {
            if let Ok(line) = std::str::from_utf8(line) {
                drop(parse(line));
            }
        }
    }

    #[test]
    fn near_lines_never_panic(body in "[a, =\\\\\"\n#1i]{0,60}") {
        let mut bytes = 0;
        for (_, line) in lines(body.as_bytes()) {
            bytes += line.len();
            if let Ok(line) = std::str::from_utf8(line) {
                drop(parse(line));
            }
        }
        prop_assert!(bytes <= body.len());
    }
}
