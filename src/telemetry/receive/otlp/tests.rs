//! Tests of names, units and the JSON of OTLP.

use metric::MetricType;
use proptest::prelude::*;

use super::json::to_protobuf;
use super::name::{label_name, metric_name, unit_name};
use super::schema::REQUEST;

#[test]
fn metrics_are_named_as_by_prometheus() {
    use MetricType::{Counter, Gauge, Histogram};
    let check = |name: &str, unit: &str, kind: MetricType, expected: &str| {
        assert_eq!(metric_name(name, unit, kind).as_deref(), Ok(expected), "{name} in {unit}");
    };
    check("system.io", "By", Counter, "system_io_bytes_total");
    check("network.transmitted.bytes.total", "By", Counter, "network_transmitted_bytes_total");
    check("http.server.duration", "s", Histogram, "http_server_duration_seconds");
    check("system.memory.utilization", "1", Gauge, "system_memory_utilization_ratio");
    check("ratio.of.things", "1", Gauge, "of_things_ratio");
    check("requests", "1", Counter, "requests_total");
    check("hits", "{hits}", Counter, "hits_total");
    check("system.network.io", "By/s", Gauge, "system_network_io_bytes_per_second");
    check("speed", "m/{lap}", Gauge, "speed_meters");
    check("speed", "{lap}/h", Gauge, "speed_per_hour");
    check("fan", "rpm", Gauge, "fan_rpm");
    check("odd", "k²By//s", Gauge, "odd_k_By_per_s");
    check("broken", "_/_", Gauge, "broken");
    check("cpu.load%", "%", Gauge, "cpu_load_percent");
    check("unit already seconds", "s", Gauge, "unit_already_seconds");
    check("(lambda).function.executions(#)", "", Gauge, "lambda_function_executions");
    check("3.14 digits", "", Gauge, "_3_14_digits");
    check("a::b", "", Gauge, "a::b");
    check("__leading__", "", Gauge, "leading");
    for wrong in ["", "___", "…", "%/%"] {
        assert!(metric_name(wrong, "", Gauge).is_err(), "{wrong}");
    }
    assert_eq!(
        (unit_name("By/s"), unit_name("1"), unit_name("ms")),
        ("bytes_per_second".into(), String::new(), "milliseconds".into())
    );
}

#[test]
fn labels_are_named_as_by_prometheus() {
    let check = |name: &str, expected: &str| assert_eq!(label_name(name).as_deref(), Ok(expected));
    check("http.method", "http_method");
    check("plain", "plain");
    check("0day", "key_0day");
    check("_private", "key_private");
    check("__reserved__", "__reserved__");
    check("größe", "gr__e");
    assert!(label_name("").is_err() && label_name("äö").is_err());
}

fn transcoded(json: &str) -> Result<Vec<u8>, String> {
    to_protobuf(json.as_bytes(), &REQUEST, 1 << 20).map_err(|error| error.to_string())
}

#[test]
fn json_becomes_the_same_protobuf() {
    let point = |value: &str| {
        transcoded(&format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"gauge":{{"dataPoints":[{value}]}}}}]}}]}}]}}"#
        ))
    };
    // A number, its text, and the same in another shape.
    let one = point(r#"{"timeUnixNano":"1","asInt":"5"}"#).unwrap();
    assert_eq!(point(r#"{"timeUnixNano":1,"asInt":5,"newKey":[{"a":1}]}"#).unwrap(), one);
    assert_eq!(point(r#"{"timeUnixNano":1e0,"asInt":5.0,"exemplars":null}"#).unwrap(), one);
    let body = [0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x31, 5, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(one[one.len() - 18..], body);
    let not_a_number = point(r#"{"asDouble":"NaN"}"#).unwrap();
    assert!(
        f64::from_le_bytes(not_a_number[not_a_number.len() - 8..].try_into().unwrap()).is_nan()
    );
    assert!(
        point(r#"{"asDouble":"-Infinity"}"#).unwrap().ends_with(&f64::NEG_INFINITY.to_le_bytes())
    );
}

#[test]
fn wrong_json_is_named_with_its_place() {
    let check = |json: &str, told: &str| {
        let error = transcoded(json).unwrap_err();
        assert!(error.contains(told) && error.contains("line 1 column"), "{json}: {error}");
    };
    check(r#"{"resourceMetrics":{}}"#, "an object where resourceMetrics needs a list");
    check(r#"{"resourceMetrics":[[]]}"#, "a list where resourceMetrics needs an object");
    check(r#"{"resourceMetrics":[5]}"#, "a number where resourceMetrics needs an object");
    check(
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":5}]}]}]}"#,
        "name needs a text",
    );
    let sum = |value: &str| {
        format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"sum":{value}}}]}}]}}]}}"#)
    };
    check(&sum(r#"{"aggregationTemporality":"SOON"}"#), "aggregationTemporality needs a number");
    check(&sum(r#"{"dataPoints":[{"timeUnixNano":-1}]}"#), "out of range");
    check(&sum(r#"{"dataPoints":[{"asInt":1.5}]}"#), "a fraction");
    check(&sum(r#"{"isMonotonic":"yes"}"#), "true or false");
    check("[]", "an object");
    check(r#"{"resourceMetrics":["#, "EOF");
    check("{} x", "trailing");
    let around = r#"{"resourceMetrics":[{"resource":{"attributes":[{"value":"#;
    let deep = format!("{around}{}", r#"{"arrayValue":{"values":["#.repeat(100));
    check(&deep, "recursion limit");
    let small =
        to_protobuf(sum(r#"{"dataPoints":[{"asInt":1},{"asInt":2}]}"#).as_bytes(), &REQUEST, 20);
    assert!(small.unwrap_err().to_string().contains("more than 20 bytes"));
    assert!(
        transcoded(&sum(r#"{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"}"#)).is_ok()
    );
}

proptest! {
    #[test]
    fn any_name_makes_a_valid_name(name in any::<String>(), unit in any::<String>()) {
        if let Ok(made) = metric_name(&name, &unit, MetricType::Counter) {
            let plain = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
            prop_assert!(made.chars().all(plain) && !made.starts_with(|c: char| c.is_ascii_digit()), "{}", made);
        }
        if let Ok(made) = label_name(&name) {
            let plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
            prop_assert!(made.chars().all(plain) && !made.starts_with(|c: char| c.is_ascii_digit()), "{}", made);
        }
    }

    #[test]
    fn rubbish_never_panics(json in any::<String>()) {
        drop(transcoded(&json));
    }
}
