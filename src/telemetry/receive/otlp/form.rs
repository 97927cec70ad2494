//! The forms of metrics: gauge, sum, histogram, summary, and how their values are meant.

use metric::MetricType;

use super::super::protobuf::{Broken, Fields, Value};

/// What stands around the points of a metric.
pub(super) struct Form {
    pub kind: MetricType,
    pub is_delta: bool,
    pub is_exponential: bool,
    pub refused: Option<&'static str>,
    pub points: u64,
}

pub(super) fn read_form(form: u64, data: Fields<'_>) -> Result<Form, Broken> {
    let (mut temporality, mut is_monotonic, mut points) = (0, false, 0);
    let mut fields = data;
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (1, Value::Bytes(_)) => points += 1,
            (2, Value::Varint(found)) => temporality = found,
            (3, Value::Varint(found)) => is_monotonic = found != 0,
            _ => {}
        }
    }
    let kind = match form {
        7 if is_monotonic => MetricType::Counter,
        9 | 10 => MetricType::Histogram,
        11 => MetricType::Summary,
        _ => MetricType::Gauge,
    };
    let refused = match (form, temporality) {
        (7 | 9 | 10, 1 | 2) | (5 | 11, _) => None,
        _ => Some("its aggregation temporality is neither delta nor cumulative"),
    };
    let is_delta = temporality == 1 && matches!(form, 7 | 9 | 10);
    Ok(Form { kind, is_delta, is_exponential: form == 10, refused, points })
}

/// The points of a whole resource.
pub(super) fn count_points(mut resource: Fields<'_>) -> Result<u64, Broken> {
    let mut points = 0;
    while let Some((number, value)) = resource.next_field()? {
        let (2, Value::Bytes(mut scope)) = (number, value) else { continue };
        while let Some((number, value)) = scope.next_field()? {
            let (2, Value::Bytes(mut metric)) = (number, value) else { continue };
            while let Some((number, value)) = metric.next_field()? {
                if let (5 | 7 | 9 | 10 | 11, Value::Bytes(data)) = (number, value) {
                    points += read_form(number, data)?.points;
                }
            }
        }
    }
    Ok(points)
}
