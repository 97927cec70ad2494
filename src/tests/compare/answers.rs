//! The same question to Prometheus and to us, and what tells the two answers apart.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::server::Api;

/// Relative difference between numbers that counts as none.
const TOLERANCE: f64 = 1e-9;

/// Us, and a Prometheus with the same samples.
pub(crate) struct Pair {
    pub(crate) reader: Api,
    /// Address of Prometheus.
    pub(crate) prometheus: String,
}

/// A question to the API of Prometheus: path and parameters.
#[derive(Clone)]
pub(crate) struct Question {
    path: &'static str,
    form: Vec<(&'static str, String)>,
}

impl Question {
    pub(crate) fn instant(query: &str, at_s: f64) -> Self {
        let form = vec![("query", query.to_owned()), ("time", at_s.to_string())];
        Self { path: "/api/v1/query", form }
    }

    pub(crate) fn range(query: &str, from_s: f64, until_s: f64, step_s: u32) -> Self {
        let form = vec![
            ("query", query.to_owned()),
            ("start", from_s.to_string()),
            ("end", until_s.to_string()),
            ("step", step_s.to_string()),
        ];
        Self { path: "/api/v1/query_range", form }
    }
}

impl Pair {
    pub(crate) async fn ask_prometheus(&self, question: &Question) -> Value {
        let url = format!("{}{}", self.prometheus, question.path);
        let response = self.reader.client.post(url).form(&question.form).send().await.unwrap();
        response.json().await.unwrap()
    }

    pub(crate) async fn ask_us(&self, question: &Question) -> Value {
        let request = self.reader.post(&format!("/prometheus{}", question.path));
        request.form(&question.form).send().await.unwrap().json().await.unwrap()
    }
}

type Points = Vec<(f64, f64)>;

/// Labels as text with the points of each series, in the order of the answer.
fn series_of(data: &Value) -> Vec<(String, Points)> {
    let number = |text: &Value| text.as_str().unwrap().parse::<f64>().unwrap();
    let point = |pair: &Value| (pair[0].as_f64().unwrap(), number(&pair[1]));
    if data["resultType"] == "scalar" {
        return vec![("{}".to_owned(), vec![point(&data["result"])])];
    }
    let mut series = Vec::new();
    for item in data["result"].as_array().unwrap() {
        let points = match item.get("values") {
            Some(values) => values.as_array().unwrap().iter().map(point).collect(),
            None => vec![point(&item["value"])],
        };
        let labels: BTreeMap<_, _> = item["metric"].as_object().unwrap().iter().collect();
        series.push((format!("{labels:?}"), points));
    }
    series
}

fn close(left: f64, right: f64) -> bool {
    left == right
        || (left.is_nan() && right.is_nan())
        || (left - right).abs() <= TOLERANCE * left.abs().max(right.abs())
}

/// What tells two answers apart; `None` when nothing does. The order of the series counts when
/// `ordered`.
pub(crate) fn difference(theirs: &Value, ours: &Value, ordered: bool) -> Option<String> {
    if theirs["status"] != ours["status"] {
        return Some(format!("{} there, {} here", outcome(theirs), outcome(ours)));
    }
    if theirs["status"] != "success" {
        let (left, right) = (&theirs["errorType"], &ours["errorType"]);
        return (left != right)
            .then(|| format!("{} there, {} here", outcome(theirs), outcome(ours)));
    }
    let (theirs, ours) = (&theirs["data"], &ours["data"]);
    if theirs["resultType"] != ours["resultType"] {
        return Some(format!("{} there, {} here", theirs["resultType"], ours["resultType"]));
    }
    if theirs["resultType"] == "string" {
        return (theirs != ours).then(|| format!("{theirs} there, {ours} here"));
    }
    let (mut theirs, mut ours) = (series_of(theirs), series_of(ours));
    if !ordered {
        theirs.sort_by(|left, right| left.0.cmp(&right.0));
        ours.sort_by(|left, right| left.0.cmp(&right.0));
    }
    series_differ(&theirs, &ours)
}

fn outcome(answer: &Value) -> String {
    match answer["error"].as_str() {
        Some(error) => format!("{} ({error})", answer["errorType"]),
        None => "an answer".to_owned(),
    }
}

fn series_differ(theirs: &[(String, Points)], ours: &[(String, Points)]) -> Option<String> {
    let names = |side: &[(String, Points)]| -> Vec<String> {
        side.iter().map(|(name, _)| name.clone()).collect()
    };
    let (left, right) = (names(theirs), names(ours));
    if left != right {
        let only = |side: &[String], other: &[String]| -> Vec<String> {
            side.iter().filter(|name| !other.contains(name)).cloned().collect()
        };
        let (there, here) = (only(&left, &right), only(&right, &left));
        return Some(match there.is_empty() && here.is_empty() {
            true => format!("in another order: {left:?} there, {right:?} here"),
            false => format!("series only there {there:?}, only here {here:?}"),
        });
    }
    theirs.iter().zip(ours).find_map(|((name, left), (_, right))| {
        points_differ(left, right).map(|said| format!("{name}: {said}"))
    })
}

fn points_differ(theirs: &[(f64, f64)], ours: &[(f64, f64)]) -> Option<String> {
    for ((left_time, left), (right_time, right)) in theirs.iter().zip(ours) {
        if !close(*left_time, *right_time) {
            return Some(format!("a point at {left_time} there, at {right_time} here"));
        }
        if !close(*left, *right) {
            return Some(format!("at {left_time}: {left} there, {right} here"));
        }
    }
    let (left, right) = (theirs.len(), ours.len());
    (left != right).then(|| format!("{left} points there, {right} here"))
}

/// Whether an answer is a success that holds anything.
pub(crate) fn says_something(answer: &Value) -> bool {
    let result = &answer["data"]["result"];
    answer["status"] == "success" && result.as_array().is_some_and(|items| !items.is_empty())
}
