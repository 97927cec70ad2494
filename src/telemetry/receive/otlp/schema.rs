//! The messages of OTLP metrics: which JSON key is which protobuf field.

/// A message.
#[derive(Debug)]
pub(super) struct Message(pub &'static [Field]);

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub key: &'static str,
    pub number: u64,
    pub kind: Kind,
    pub repeated: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    /// Base64 in JSON.
    Bytes,
    /// Bytes that are hexadecimal in JSON: ids of traces and spans.
    Hex,
    Bool,
    Double,
    /// Eight bytes; a number or its text in JSON.
    Fixed64,
    /// Signed, eight bytes.
    Sfixed64,
    /// Signed or not, in as few bytes as it needs.
    Varint,
    /// Zigzag.
    Signed,
    /// A number, or one of these names in the order of their numbers.
    Enum(&'static [&'static str]),
    Message(&'static Message),
}

const fn one(key: &'static str, number: u64, kind: Kind) -> Field {
    Field { key, number, kind, repeated: false }
}

const fn many(key: &'static str, number: u64, kind: Kind) -> Field {
    Field { key, number, kind, repeated: true }
}

use Kind::{Bool, Bytes, Double, Enum, Fixed64, Hex, Sfixed64, Signed, Text, Varint};

const TEMPORALITY: Kind = Enum(&[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
]);

/// `ExportMetricsServiceRequest`.
pub(super) static REQUEST: Message =
    Message(&[many("resourceMetrics", 1, Kind::Message(&RESOURCE_METRICS))]);

static RESOURCE_METRICS: Message = Message(&[
    one("resource", 1, Kind::Message(&RESOURCE)),
    many("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
]);

static RESOURCE: Message = Message(&[many("attributes", 1, Kind::Message(&KEY_VALUE))]);

static SCOPE_METRICS: Message = Message(&[many("metrics", 2, Kind::Message(&METRIC))]);

static METRIC: Message = Message(&[
    one("name", 1, Text),
    one("description", 2, Text),
    one("unit", 3, Text),
    one("gauge", 5, Kind::Message(&NUMBERS)),
    one("sum", 7, Kind::Message(&NUMBERS)),
    one("histogram", 9, Kind::Message(&HISTOGRAM)),
    one("exponentialHistogram", 10, Kind::Message(&EXPONENTIAL_HISTOGRAM)),
    one("summary", 11, Kind::Message(&SUMMARY)),
]);

/// `Gauge` and `Sum`, which share their first field.
static NUMBERS: Message = Message(&[
    many("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
    one("aggregationTemporality", 2, TEMPORALITY),
    one("isMonotonic", 3, Bool),
]);

static NUMBER_POINT: Message = Message(&[
    many("attributes", 7, Kind::Message(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("asDouble", 4, Double),
    one("asInt", 6, Sfixed64),
    many("exemplars", 5, Kind::Message(&EXEMPLAR)),
    one("flags", 8, Varint),
]);

static HISTOGRAM: Message = Message(&[
    many("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
    one("aggregationTemporality", 2, TEMPORALITY),
]);

static HISTOGRAM_POINT: Message = Message(&[
    many("attributes", 9, Kind::Message(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("bucketCounts", 6, Fixed64),
    many("explicitBounds", 7, Double),
    many("exemplars", 8, Kind::Message(&EXEMPLAR)),
    one("flags", 10, Varint),
    one("min", 11, Double),
    one("max", 12, Double),
]);

static EXPONENTIAL_HISTOGRAM: Message = Message(&[
    many("dataPoints", 1, Kind::Message(&EXPONENTIAL_POINT)),
    one("aggregationTemporality", 2, TEMPORALITY),
]);

static EXPONENTIAL_POINT: Message = Message(&[
    many("attributes", 1, Kind::Message(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    one("scale", 6, Signed),
    one("zeroCount", 7, Fixed64),
    one("positive", 8, Kind::Message(&BUCKETS)),
    one("negative", 9, Kind::Message(&BUCKETS)),
    one("flags", 10, Varint),
    many("exemplars", 11, Kind::Message(&EXEMPLAR)),
    one("zeroThreshold", 14, Double),
]);

static BUCKETS: Message = Message(&[one("offset", 1, Signed), many("bucketCounts", 2, Varint)]);

static SUMMARY: Message = Message(&[many("dataPoints", 1, Kind::Message(&SUMMARY_POINT))]);

static SUMMARY_POINT: Message = Message(&[
    many("attributes", 7, Kind::Message(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("quantileValues", 6, Kind::Message(&QUANTILE)),
    one("flags", 8, Varint),
]);

static QUANTILE: Message = Message(&[one("quantile", 1, Double), one("value", 2, Double)]);

static KEY_VALUE: Message =
    Message(&[one("key", 1, Text), one("value", 2, Kind::Message(&ANY_VALUE))]);

static ANY_VALUE: Message = Message(&[
    one("stringValue", 1, Text),
    one("boolValue", 2, Bool),
    one("intValue", 3, Varint),
    one("doubleValue", 4, Double),
    one("arrayValue", 5, Kind::Message(&ARRAY)),
    one("kvlistValue", 6, Kind::Message(&KEY_VALUES)),
    one("bytesValue", 7, Bytes),
]);

static ARRAY: Message = Message(&[many("values", 1, Kind::Message(&ANY_VALUE))]);

static KEY_VALUES: Message = Message(&[many("values", 1, Kind::Message(&KEY_VALUE))]);

static EXEMPLAR: Message = Message(&[
    many("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
    one("timeUnixNano", 2, Fixed64),
    one("asDouble", 3, Double),
    one("asInt", 6, Sfixed64),
    one("spanId", 4, Hex),
    one("traceId", 5, Hex),
]);
