//! Series and answers as a Parquet file in the long form: one row a sample; a column for the time,
//! one for each label name, one for the value, one for native histograms.
//!
//! The file is written row group by row group, so that only one is in memory whatever the number
//! of samples: its encoded bytes are taken away as soon as it is whole. A file that breaks off
//! has no footer, which every reader notices.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use kernel::error::Error;
use metric::{Histogram, Labels};
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnPath, Type};
use promql::{Answer, HistogramPoint, Point, Series, Value};

use super::csv::Columns;
use super::error::QueryError;
use super::json::push_histogram;

/// The content type of Parquet.
pub(crate) const PARQUET: &str = "application/vnd.apache.parquet";
/// Rows of one row group.
const ROWS: usize = 128 * 1024;
/// Bytes of histograms as text that one row group may hold.
const HISTOGRAM_BYTES: usize = 8 * 1024 * 1024;
/// Values of a column handed over at one time.
const BATCH: usize = 8 * 1024;
/// Columns of all row groups together: the footer has some 100 bytes for each, and waits in
/// memory until the end.
const CHUNKS_MAX: usize = 400_000;

const TIMESTAMP: &str = "timestamp";
const VALUE: &str = "value";
const HISTOGRAM: &str = "histogram";

/// A file being written.
pub(crate) struct ParquetFile {
    writer: SerializedFileWriter<Vec<u8>>,
    labels: Columns,
    chunks: usize,
    rows: Rows,
}

/// The rows of the next row group.
#[derive(Default)]
struct Rows {
    timestamps: Vec<i64>,
    /// The numbers; a row that is a histogram has none.
    values: Vec<f64>,
    /// 1 for each row that is a number.
    are_numbers: Vec<i16>,
    histograms: Vec<ByteArray>,
    histogram_bytes: usize,
    /// The series with the number of their rows, in order.
    runs: Vec<(Labels, usize)>,
}

impl From<ParquetError> for QueryError {
    fn from(error: ParquetError) -> Self {
        Self::Refused(Error::internal("export.parquet", error))
    }
}

impl ParquetFile {
    /// Begins a file with columns for these labels, and one for histograms if there may be any.
    ///
    /// # Errors
    /// A fault of ours.
    pub(crate) fn new(labels: Columns, with_histograms: bool) -> Result<Self, QueryError> {
        let utf8 = Some(LogicalType::String);
        let time = Some(LogicalType::timestamp(true, TimeUnit::MILLIS));
        let mut fields = vec![field(TIMESTAMP, Physical::INT64, time, Repetition::REQUIRED)?];
        for name in column_names(&labels) {
            fields.push(field(&name, Physical::BYTE_ARRAY, utf8.clone(), Repetition::OPTIONAL)?);
        }
        fields.push(field(VALUE, Physical::DOUBLE, None, Repetition::OPTIONAL)?);
        if with_histograms {
            fields.push(field(HISTOGRAM, Physical::BYTE_ARRAY, utf8, Repetition::OPTIONAL)?);
        }
        let schema = Type::group_type_builder("samples").with_fields(fields).build()?;
        let timestamp = ColumnPath::from(TIMESTAMP);
        let properties = WriterProperties::builder()
            .set_created_by("OneMonitor".to_owned())
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_column_statistics_enabled(timestamp.clone(), EnabledStatistics::Chunk)
            .set_column_dictionary_enabled(timestamp.clone(), false)
            .set_column_encoding(timestamp, Encoding::DELTA_BINARY_PACKED)
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        Ok(Self { writer, labels, chunks: 0, rows: Rows::default() })
    }

    /// Begins the rows of a series.
    pub(crate) fn begin(&mut self, labels: &Labels) {
        // One that got no rows leaves no trace.
        self.rows.runs.pop_if(|(_, count)| *count == 0);
        self.rows.runs.push((labels.clone(), 0));
    }

    /// Adds a number to the series that was begun last; says whether there are bytes to take.
    ///
    /// # Errors
    /// More rows than one file can have.
    pub(crate) fn push(&mut self, timestamp_ms: i64, value: f64) -> Result<bool, QueryError> {
        self.rows.values.push(value);
        self.push_row(timestamp_ms, 1)
    }

    /// Adds a native histogram to the series that was begun last: as text, in the form of the
    /// query API. Says whether there are bytes to take.
    ///
    /// # Errors
    /// More rows than one file can have.
    pub(crate) fn push_histogram(
        &mut self,
        timestamp_ms: i64,
        histogram: &Histogram,
    ) -> Result<bool, QueryError> {
        let mut text = Vec::new();
        push_histogram(&mut text, histogram);
        self.rows.histogram_bytes += text.len();
        self.rows.histograms.push(ByteArray::from(text));
        self.push_row(timestamp_ms, 0)
    }

    fn push_row(&mut self, timestamp_ms: i64, is_number: i16) -> Result<bool, QueryError> {
        let rows = &mut self.rows;
        rows.timestamps.push(timestamp_ms);
        rows.are_numbers.push(is_number);
        if let Some((_, count)) = rows.runs.last_mut() {
            *count += 1;
        }
        let is_full = rows.timestamps.len() >= ROWS || rows.histogram_bytes >= HISTOGRAM_BYTES;
        if is_full {
            self.write_group()?;
        }
        Ok(is_full)
    }

    /// Writes the rows as a row group; the series begun last goes on in the next one.
    fn write_group(&mut self) -> Result<(), QueryError> {
        let rows = std::mem::take(&mut self.rows);
        if let Some((labels, _)) = rows.runs.last() {
            self.begin(&labels.clone());
        }
        if rows.timestamps.is_empty() {
            return Ok(());
        }
        self.chunks += self.labels.names().len() + 3;
        if self.chunks > CHUNKS_MAX {
            return Err(QueryError::Execution(
                "the samples do not fit into one Parquet file; select fewer series, or a shorter \
                 time"
                    .to_owned(),
            ));
        }
        let mut group = self.writer.next_row_group()?;
        let mut column = 0;
        while let Some(mut writer) = group.next_column()? {
            let labels = self.labels.names();
            match column {
                0 => {
                    writer.typed::<Int64Type>().write_batch(&rows.timestamps, None, None)?;
                }
                at if at <= labels.len() => write_label(&mut writer, &rows, &labels[at - 1])?,
                at if at == labels.len() + 1 => {
                    let numbers = Some(rows.are_numbers.as_slice());
                    writer.typed::<DoubleType>().write_batch(&rows.values, numbers, None)?;
                }
                _ => {
                    let others: Vec<i16> = rows.are_numbers.iter().map(|it| 1 - it).collect();
                    let writer = writer.typed::<ByteArrayType>();
                    writer.write_batch(&rows.histograms, Some(&others), None)?;
                }
            }
            writer.close()?;
            column += 1;
        }
        group.close()?;
        Ok(())
    }

    /// What is encoded and was not taken yet.
    pub(crate) fn take(&mut self) -> Result<Vec<u8>, QueryError> {
        self.writer.flush().map_err(ParquetError::from)?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Writes the last rows and the footer.
    pub(crate) fn finish(&mut self) -> Result<(), QueryError> {
        self.write_group()?;
        self.writer.finish()?;
        Ok(())
    }
}

fn field(
    name: &str,
    physical: Physical,
    logical: Option<LogicalType>,
    repetition: Repetition,
) -> Result<Arc<Type>, ParquetError> {
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    Ok(Arc::new(builder.with_logical_type(logical).build()?))
}

/// The names of the label columns; a label with the name of another column gets `label_` before
/// it.
fn column_names(labels: &Columns) -> Vec<String> {
    let mut taken: BTreeSet<&str> = [TIMESTAMP, VALUE, HISTOGRAM].into();
    taken.extend(labels.names().iter().map(String::as_str));
    let own = [TIMESTAMP, VALUE, HISTOGRAM];
    let name = |label: &String| {
        let mut name = label.clone();
        if own.contains(&label.as_str()) {
            while taken.contains(name.as_str()) {
                name.insert_str(0, "label_");
            }
        }
        name
    };
    labels.names().iter().map(name).collect()
}

/// One label of all rows: a series without it has nothing there.
fn write_label(
    writer: &mut SerializedColumnWriter<'_>,
    rows: &Rows,
    name: &str,
) -> Result<(), ParquetError> {
    let writer = writer.typed::<ByteArrayType>();
    let (mut values, mut levels) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    for (labels, count) in &rows.runs {
        let value = labels.get(name).map(|text| ByteArray::from(text.as_bytes().to_vec()));
        for _ in 0..*count {
            levels.push(i16::from(value.is_some()));
            values.extend(value.clone());
            if levels.len() == BATCH {
                writer.write_batch(&values, Some(&levels), None)?;
                values.clear();
                levels.clear();
            }
        }
    }
    writer.write_batch(&values, Some(&levels), None)?;
    Ok(())
}

/// An answer as a Parquet file, piece by piece.
pub(crate) struct AnswerParquet {
    file: Option<ParquetFile>,
    rest: VecDeque<Series>,
}

impl AnswerParquet {
    /// Begins an answer.
    ///
    /// # Errors
    /// More label names than columns can be; a string, which has no rows.
    pub(crate) fn new(answer: Answer) -> Result<Self, QueryError> {
        let rest: VecDeque<Series> = match answer.value {
            Value::Scalar(point) => {
                [Series { labels: Labels::empty(), points: vec![point], ..Series::default() }]
                    .into()
            }
            Value::Vector(items) => items
                .into_iter()
                .map(|(labels, point)| {
                    let timestamp_ms = point.timestamp_ms;
                    let points: Vec<Point> = point.number().into_iter().collect();
                    let histograms = point.histogram.into_iter();
                    let histograms =
                        histograms.map(|histogram| HistogramPoint { timestamp_ms, histogram });
                    Series { labels, points, histograms: histograms.collect() }
                })
                .collect(),
            Value::Matrix(items) => items.into(),
            Value::String { .. } => {
                return Err(QueryError::Execution("a string has no rows of samples".to_owned()));
            }
        };
        let columns = Columns::of(rest.iter().map(|series| &series.labels))?;
        let with_histograms = rest.iter().any(|series| !series.histograms.is_empty());
        let file = ParquetFile::new(columns, with_histograms)?;
        Ok(Self { file: Some(file), rest })
    }

    /// The next piece; nothing behind the last.
    ///
    /// # Errors
    /// More rows than one file can have.
    pub(crate) fn piece(&mut self) -> Result<Option<Bytes>, QueryError> {
        let Some(file) = &mut self.file else { return Ok(None) };
        while let Some(series) = self.rest.pop_front() {
            push_series(file, &series)?;
            let piece = file.take()?;
            if !piece.is_empty() {
                return Ok(Some(Bytes::from(piece)));
            }
        }
        file.finish()?;
        let piece = file.take()?;
        self.file = None;
        Ok(Some(Bytes::from(piece)))
    }
}

/// Numbers and histograms in the order of their times.
fn push_series(file: &mut ParquetFile, series: &Series) -> Result<(), QueryError> {
    file.begin(&series.labels);
    let mut histograms = series.histograms.iter().peekable();
    for point in &series.points {
        while let Some(before) = histograms.next_if(|it| it.timestamp_ms < point.timestamp_ms) {
            file.push_histogram(before.timestamp_ms, &before.histogram)?;
        }
        file.push(point.timestamp_ms, point.value)?;
    }
    for point in histograms {
        file.push_histogram(point.timestamp_ms, &point.histogram)?;
    }
    Ok(())
}
