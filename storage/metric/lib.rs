//! The words of metrics: label sets, matchers, samples, native histograms, and how they are read.
//!
//! Storage engines, the query language and the receivers all speak these types, so this crate
//! knows no disk, no clock and no protocol.
//!
//! Invariants: a [`Labels`] is sorted by name, has no label twice, no empty name and no empty
//! value (an empty value means that the label is missing), and is valid UTF-8 throughout. Its
//! bytes are the protobuf encoding that `remote_write` uses, so a label set that arrives in that
//! form is compared, hashed and stored as it lies.

mod encoded;
mod exemplar;
mod histogram;
mod labels;
mod matcher;
mod metadata;
mod pattern;
mod reader;
mod sample;

pub use encoded::{EncodedLabels, push_label};
pub use exemplar::{EXEMPLAR_CHARS_MAX, Exemplar};
pub use histogram::{
    Accumulator, Bucket, Buckets, CUSTOM_BUCKETS, DamagedHistogram, Histogram, HistogramDecoder,
    HistogramEncoder, HistogramError, IncompatibleBuckets, Merged, ResetHint, SCHEMA_MAX,
    SCHEMA_MIN, Span, Tally,
};
pub use labels::{Label, LabelError, LabelIter, LabelLimits, Labels, LabelsBuilder, METRIC_NAME};
pub use matcher::{Candidates, MatchOp, Matcher, MatcherError};
pub use metadata::{Metadata, MetricType};
pub use pattern::anchored_regex;
pub use reader::{Aggregate, ReadError, Select, Selection, SeriesReader, Thinned};
pub use sample::{STALE_NAN, Sample, Samples, is_stale, stale_nan};

#[cfg(test)]
mod tests;
