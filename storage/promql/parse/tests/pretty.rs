//! How long expressions are laid out: the cases are answers of Prometheus 2.42.

use crate::format_query;

/// Checks that an expression gets this layout, from one line as from itself.
fn check(wanted: &str) {
    let wanted = wanted.trim_start_matches('\n');
    let line = wanted.split_whitespace().collect::<Vec<&str>>().join(" ");
    for query in [line.as_str(), wanted] {
        assert_eq!(format_query(query).unwrap(), wanted, "{query}");
    }
}

#[test]
fn short_expressions_stay_in_a_line() {
    check("sum by (b) (a)");
    let name = "x".repeat(96);
    check(&format!("{name} + 1"));
    check(&format!("  x{name}\n+\n  1"));
    check(&format!("-({name})"));
    assert!(format_query("sum(").is_err());
}

#[test]
fn aggregations() {
    check(
        r#"
sum by (job, instance, method) (
  rate(http_requests_total{code=~"5..",job="api-server",region!~"eu-.*"}[5m] offset 1h)
)"#,
    );
    check(
        r#"
topk by (job) (
  scalar(max(node_cpu_seconds_total{mode="idle"})) + 1,
  http_requests_total{instance="localhost:9090"} * 100
)"#,
    );
}

#[test]
fn calls_and_parentheses() {
    check(
        r#"
histogram_quantile(
  0.99,
  (sum by (le, job) (rate(http_request_duration_seconds_bucket{job="api"}[5m])) / 2)
)"#,
    );
    check(
        r#"
label_replace(
  up{instance="some.long.host.name:9100",job="a-long-name-of-a-job"},
  "foo",
  "$1",
  "instance",
  "(.*):.*"
)"#,
    );
}

#[test]
fn operators() {
    check(
        r#"
    sum(rate(http_requests_total{code=~"5.."}[5m]))
  / on (job) group_left (team)
    sum(rate(http_requests_total[5m]))
> bool
  0.05"#,
    );
    check(
        r#"
-(
    node_filesystem_avail_bytes{fstype!="rootfs",mountpoint="/"}
  /
    node_filesystem_size_bytes{fstype!="rootfs",mountpoint="/"}
)"#,
    );
}

#[test]
fn subqueries() {
    // One that fits into a line stands without indent.
    check(
        r#"
max_over_time(
sum by (job, instance) (rate(requests_total{code=~"5.."}[5m]))[1h:5m] @ 10.000 offset 5m
)"#,
    );
    check(
        r#"
  max_over_time((rate(a_rather_long_name_of_a_counter_total{job="api"}[5m]))[1h:])
+
  min_over_time(another_long_name[2h:1m])"#,
    );
}

#[test]
fn selectors_are_never_split() {
    let name = "long_name_".repeat(10);
    check(&format!("{name}{{a=\"b\",c!~\"d\"}}[5m] @ end() offset 1w"));
    check(&format!("sum(\n  {name}\n)"));
}
