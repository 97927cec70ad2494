//! Tests of the JSON that answers are written in.

use std::sync::Arc;

use bytes::Bytes;
use metric::{Buckets, Histogram, Labels};
use promql::{Answer, EvalStats, HistogramPoint, Point, Series, Value, VectorPoint};
use proptest::prelude::*;

use super::answer_json::{AnswerJson, pieces};
use super::json::{push_text, push_time, push_value};
use super::parameters::Parameters;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn values_as_prometheus_writes_them() {
    let check = |value: f64, expected: &str| {
        assert_eq!(written(|out| push_value(out, value)), format!("\"{expected}\""));
    };
    check(0.0, "0");
    check(-0.0, "-0");
    check(1.0, "1");
    check(-1.5, "-1.5");
    check(0.1 + 0.2, "0.30000000000000004");
    check(1e20, "100000000000000000000");
    check(1e21, "1e+21");
    check(-1.5e300, "-1.5e+300");
    check(1e-6, "0.000001");
    check(9.9e-7, "9.9e-07");
    check(5e-324, "5e-324");
    check(f64::NAN, "NaN");
    check(f64::INFINITY, "+Inf");
    check(f64::NEG_INFINITY, "-Inf");
}

#[test]
fn times_as_prometheus_writes_them() {
    let check = |millis: i64, expected: &str| {
        assert_eq!(written(|out| push_time(out, millis)), expected);
    };
    check(0, "0");
    check(1_700_000_000_000, "1700000000");
    check(1_700_000_000_050, "1700000000.050");
    check(1_500, "1.500");
    check(-1_001, "-1.001");
    check(i64::MIN, "-9223372036854775.808");
}

fn answer(value: Value) -> Answer {
    Answer {
        value,
        warnings: Vec::new(),
        infos: Vec::new(),
        stats: EvalStats::default(),
        analysis: None,
    }
}

fn whole(answer: Answer, limit: Option<usize>) -> (String, usize) {
    let mut first = Vec::new();
    let json = AnswerJson::begin(answer, limit, None, &mut first);
    let all: Vec<Bytes> = pieces(first, json).collect();
    (String::from_utf8(all.concat()).unwrap(), all.len())
}

#[test]
fn every_kind_of_answer() {
    let point = Point { timestamp_ms: 1_500, value: 2.0 };
    let labels = Labels::new([("__name__", "a"), ("b", "\"\n")]).unwrap();
    let check = |value: Value, expected: &str| {
        let (text, _) = whole(answer(value), None);
        assert_eq!(text, format!("{{\"status\":\"success\",\"data\":{expected}}}"));
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    };
    check(Value::Scalar(point), r#"{"resultType":"scalar","result":[1.500,"2"]}"#);
    check(
        Value::String { timestamp_ms: 0, text: "t\\".to_owned() },
        r#"{"resultType":"string","result":[0,"t\\"]}"#,
    );
    check(Value::Vector(Vec::new()), r#"{"resultType":"vector","result":[]}"#);
    check(
        Value::Vector(vec![(labels.clone(), point.into()), (Labels::empty(), point.into())]),
        r#"{"resultType":"vector","result":[{"metric":{"__name__":"a","b":"\"\n"},"value":[1.500,"2"]},{"metric":{},"value":[1.500,"2"]}]}"#,
    );
    let later = Point { timestamp_ms: 3_000, value: f64::NAN };
    check(
        Value::Matrix(vec![
            Series { labels: labels.clone(), points: vec![point, later], ..Series::default() },
            Series { points: vec![point], ..Series::default() },
        ]),
        r#"{"resultType":"matrix","result":[{"metric":{"__name__":"a","b":"\"\n"},"values":[[1.500,"2"],[3,"NaN"]]},{"metric":{},"values":[[1.500,"2"]]}]}"#,
    );
    let (cut, _) = whole(
        answer(Value::Vector(vec![(labels.clone(), point.into()), (labels, point.into())])),
        Some(1),
    );
    assert!(cut.contains(r#""warnings":["results truncated due to limit"]"#), "{cut}");
    assert_eq!(cut.matches("metric").count(), 1);
}

#[test]
fn histograms_are_written_as_prometheus_writes_them() {
    let mut histogram = Histogram { count: 9.0, sum: 1e21, ..Histogram::default() };
    (histogram.zero_threshold, histogram.zero_count) = (0.25, 3.0);
    histogram.positive = Buckets::dense(0, vec![2.0, 0.0, 0.5]).unwrap();
    histogram.negative = Buckets::dense(1, vec![1.0]).unwrap();
    let histogram = Arc::new(histogram);
    let written = r#"{"count":"9","sum":"1e+21","buckets":[[1,"-2","-1","1"],[3,"-0.25","0.25","3"],[0,"0.5","1","2"],[0,"2","4","0.5"]]}"#;
    let of = |value: Value| whole(answer(value), None).0;
    let at = VectorPoint {
        timestamp_ms: 1_000,
        value: f64::NAN,
        histogram: Some(Arc::clone(&histogram)),
    };
    let vector = of(Value::Vector(vec![(Labels::empty(), at)]));
    assert!(
        vector.contains(&format!(r#"{{"metric":{{}},"histogram":[1,{written}]}}"#)),
        "{vector}"
    );
    let point = HistogramPoint { timestamp_ms: 2_000, histogram };
    let histograms = vec![point.clone(), point];
    let points = vec![Point { timestamp_ms: 1_000, value: 1.0 }];
    let mixed = Series { points, histograms: histograms.clone(), ..Series::default() };
    let matrix = of(Value::Matrix(vec![mixed, Series { histograms, ..Series::default() }]));
    let list = format!(r#""histograms":[[2,{written}],[2,{written}]]"#);
    let expected =
        format!(r#"[{{"metric":{{}},"values":[[1,"1"]],{list}}},{{"metric":{{}},{list}}}]"#);
    assert!(matrix.contains(&expected), "{matrix}");
    let empty = HistogramPoint { timestamp_ms: 0, histogram: Arc::default() };
    let series = Series { histograms: vec![empty], ..Series::default() };
    let text = of(Value::Matrix(vec![series]));
    assert!(text.contains(r#""histograms":[[0,{"count":"0","sum":"0"}]]"#), "{text}");
}

#[test]
fn a_piece_may_end_behind_any_part_of_a_series() {
    let points = vec![Point { timestamp_ms: 1_000, value: 1.0 }; 2];
    let short = Series { points: points.clone(), ..Series::default() };
    for len in 65_380..65_560 {
        let long = Labels::new([("l", "x".repeat(len).as_str())]).unwrap();
        let series = Series { labels: long, points: points.clone(), ..Series::default() };
        let list = vec![series, short.clone()];
        let (text, _) = whole(answer(Value::Matrix(list)), None);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let result = read["data"]["result"].as_array().unwrap();
        assert_eq!(result.len(), 2, "{len}");
        assert!(result.iter().all(|one| one["values"].as_array().unwrap().len() == 2), "{len}");
    }
}

#[test]
fn large_answers_come_in_pieces() {
    let points: Vec<Point> =
        (0..20_000).map(|at| Point { timestamp_ms: at * 1000, value: 0.5 }).collect();
    let series: Vec<Series> = (0..5)
        .map(|n| Series {
            labels: Labels::new([("n", n.to_string().as_str())]).unwrap(),
            points: points.clone(),
            ..Series::default()
        })
        .collect();
    let (text, count) = whole(answer(Value::Matrix(series)), None);
    assert!(count > 10 && text.len() / count < 128 * 1024, "{count} pieces of {}", text.len());
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    let result = read["data"]["result"].as_array().unwrap();
    assert_eq!(result.len(), 5);
    assert!(result.iter().all(|it| it["values"].as_array().unwrap().len() == 20_000));
    let vector = (0..20_000)
        .map(|n| {
            let labels = Labels::new([("n", n.to_string().as_str())]).unwrap();
            (labels, Point { timestamp_ms: 1, value: 1.0 }.into())
        })
        .collect();
    let (text, count) = whole(answer(Value::Vector(vector)), None);
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((read["data"]["result"].as_array().unwrap().len(), count > 5), (20_000, true));
}

#[test]
fn parameters_of_all_kinds() {
    let get = |query: &str| Parameters::parse(b"query=form%20wins", query);
    assert_eq!(get("query=late").get("query"), Some("form wins"));
    let time = |text: &str| {
        let parameters = get(&format!("time={text}"));
        parameters.time("time").map(|time| time.map(kernel::clock::Time::as_millis)).ok()
    };
    assert_eq!(time("1700000000.123"), Some(Some(1_700_000_000_123)));
    assert_eq!(time("2023-11-14T22:13:20Z"), Some(Some(1_700_000_000_000)));
    assert_eq!(time(""), Some(None));
    assert_eq!(time("soon"), None);
    assert_eq!(time("1e300"), None);
    let duration = |text: &str| get(&format!("step={text}")).duration("step").ok().flatten();
    assert_eq!(duration("15").map(|it| it.as_millis()), Some(15_000));
    assert_eq!(duration("0.5").map(|it| it.as_millis()), Some(500));
    assert_eq!(duration("1m30s").map(|it| it.as_millis()), Some(90_000));
    assert_eq!(duration("-5").map(|it| it.as_millis()), Some(0));
    assert_eq!(duration("x"), None);
    let selectors = |text: &str| get(&format!("match[]={text}")).selectors().map(|it| it.len());
    assert!(matches!(selectors("up"), Ok(1)));
    assert!(selectors("{}").is_err() && selectors("rate(up[5m])").is_err());
    assert!(get("start=5&end=4").range_ms().is_err());
}

proptest! {
    #[test]
    fn any_text_is_valid_json(text in any::<String>()) {
        let json = written(|out| push_text(out, &text));
        let back: String = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(back, text);
    }

    #[test]
    fn any_value_reads_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let json = written(|out| push_value(out, value));
        let text: String = serde_json::from_str(&json).unwrap();
        let back: f64 = text.parse().unwrap();
        prop_assert!(back == value || back.is_nan() && value.is_nan(), "{}", text);
    }
}
