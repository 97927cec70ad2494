//! Tests of Parquet files: read back with the reader of the library.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use metric::{Buckets, Histogram, Labels};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use promql::{Answer, EvalStats, HistogramPoint, Point, Series, Value};
use series::Batch;

use super::bed::{Bed, bed};
use crate::query::csv::Columns;
use crate::query::parquet::{AnswerParquet, PARQUET, ParquetFile};

/// A row by the names of its columns; nulls are left out.
type Row = BTreeMap<String, String>;

fn rows(file: impl Into<Bytes>) -> Vec<Row> {
    let reader = SerializedFileReader::new(file.into()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let row = row.unwrap();
        let known = row.get_column_iter().filter(|(_, field)| **field != Field::Null);
        known
            .map(|(name, field)| {
                let text = match field {
                    Field::Str(text) => text.clone(),
                    Field::Double(value) => format!("{value}"),
                    Field::TimestampMillis(at) => format!("{at}"),
                    other => panic!("{other:?}"),
                };
                (name.clone(), text)
            })
            .collect()
    })
    .collect()
}

fn row(cells: &[(&str, &str)]) -> Row {
    cells.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

async fn fetch(bed: &Bed, path: &str) -> Bytes {
    let response = bed.raw(http::Request::get(path), "").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], PARQUET);
    assert!(response.headers()["content-disposition"].to_str().unwrap().contains(".parquet\""));
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn stored_samples_and_answers_are_files() {
    let bed = bed(|_| {}).await;
    let now = bed.clock.now().as_millis() / 60_000 * 60_000;
    let (a, b) = (
        labels(&[("__name__", "m"), ("dc", "a"), ("value", "x")]),
        labels(&[("__name__", "m"), ("dc", "b")]),
    );
    let mut batch = Batch::new();
    for (labels, at_ms, value) in [
        (&a, now - 60_000, 1.5),
        (&a, now, f64::INFINITY),
        (&b, now - 1, -0.0),
        (&b, now, metric::stale_nan()),
    ] {
        batch.push(labels.encoded(), at_ms, value);
    }
    bed.telemetry.intake().append_batch(&batch, "test").unwrap();
    let path = "/api/v1/metrics/export?match[]=m&match[]=%7Bdc=%22a%22%7D&format=parquet";
    let at = |ms: i64| ms.to_string();
    let name = ("__name__", "m");
    let expected = [
        row(&[
            name,
            ("dc", "a"),
            ("label_value", "x"),
            ("timestamp", &at(now - 60_000)),
            ("value", "1.5"),
        ]),
        row(&[name, ("dc", "a"), ("label_value", "x"), ("timestamp", &at(now)), ("value", "inf")]),
        row(&[name, ("dc", "b"), ("timestamp", &at(now - 1)), ("value", "-0")]),
    ];
    assert_eq!(rows(fetch(&bed, path).await), expected);

    let query = "/api/v1/metrics/query.parquet?query=sum%20by(dc)(m)";
    let path = format!("{query}&start={}&end={}&step=60", now / 1000 - 60, now / 1000);
    let expected = [
        row(&[("dc", "a"), ("timestamp", &at(now - 60_000)), ("value", "1.5")]),
        row(&[("dc", "a"), ("timestamp", &at(now)), ("value", "inf")]),
    ];
    assert_eq!(rows(fetch(&bed, &path).await), expected);
    let path = format!("/api/v1/metrics/query.parquet?query=1&time={}", now / 1000);
    assert_eq!(rows(fetch(&bed, &path).await), [row(&[("timestamp", &at(now)), ("value", "1")])]);
    let none = fetch(&bed, "/api/v1/metrics/query.parquet?query=none").await;
    assert_eq!(rows(none), []);
    let none = fetch(&bed, "/api/v1/metrics/export?match[]=none&format=parquet").await;
    assert_eq!(rows(none), []);
    let text = bed.get("/api/v1/metrics/query.parquet?query=%22text%22").await;
    assert_eq!(text.status, StatusCode::UNPROCESSABLE_ENTITY);
    let other = bed.get("/api/v1/metrics/export?match[]=m&format=other").await;
    assert!(other.text.contains("expected text, csv or parquet"), "{}", other.text);
}

#[test]
fn histograms_have_a_column_of_their_own() {
    let histogram = Histogram {
        count: 3.0,
        sum: 4.5,
        positive: Buckets::dense(1, vec![3.0]).unwrap(),
        ..Histogram::default()
    };
    let series = Series {
        labels: labels(&[("__name__", "h")]),
        points: vec![Point { timestamp_ms: 2, value: 7.0 }],
        histograms: [1, 3]
            .map(|timestamp_ms| HistogramPoint {
                timestamp_ms,
                histogram: Arc::new(histogram.clone()),
            })
            .into(),
    };
    let answer = Answer {
        value: Value::Matrix(vec![series]),
        warnings: Vec::new(),
        infos: Vec::new(),
        stats: EvalStats::default(),
        analysis: None,
    };
    let mut writer = AnswerParquet::new(answer).unwrap();
    let mut file = Vec::new();
    while let Some(piece) = writer.piece().unwrap() {
        file.extend_from_slice(&piece);
    }
    let text = r#"{"count":"3","sum":"4.5","buckets":[[0,"1","2","3"]]}"#;
    let name = ("__name__", "h");
    let expected = [
        row(&[name, ("histogram", text), ("timestamp", "1")]),
        row(&[name, ("timestamp", "2"), ("value", "7")]),
        row(&[name, ("histogram", text), ("timestamp", "3")]),
    ];
    assert_eq!(rows(file), expected);
}

/// However many rows there are, what waits in memory is one row group.
#[test]
fn row_groups_are_taken_away_as_they_become_whole() {
    let all: Vec<Labels> = (0..300)
        .map(|n| labels(&[("n", &format!("{n}")), ("even", if n % 2 == 0 { "y" } else { "" })]))
        .collect();
    let columns = Columns::of(all.iter()).unwrap();
    let mut file = ParquetFile::new(columns, false).unwrap();
    let (mut bytes, mut pieces) = (Vec::new(), 0);
    for labels in &all {
        file.begin(labels);
        for at in 0..1_000 {
            if file.push(at, f64::from(i32::try_from(at).unwrap()) / 3.0).unwrap() {
                pieces += 1;
                bytes.extend(file.take().unwrap());
            }
        }
    }
    file.finish().unwrap();
    bytes.extend(file.take().unwrap());
    assert_eq!(pieces, 2);
    let reader = SerializedFileReader::new(Bytes::from(bytes.clone())).unwrap();
    let groups = reader.metadata().row_groups();
    let counts: Vec<i64> = groups.iter().map(RowGroupMetaData::num_rows).collect();
    assert_eq!(counts, [131_072, 131_072, 37_856]);
    let found = rows(bytes);
    for (index, found) in found.iter().enumerate() {
        let (n, at) = (index / 1_000, index % 1_000);
        assert_eq!(found["n"], n.to_string());
        assert_eq!(found["timestamp"], at.to_string());
        assert_eq!(found.contains_key("even"), n % 2 == 0);
    }
}
