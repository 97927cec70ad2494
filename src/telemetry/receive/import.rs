//! `POST /api/v1/metrics/import`: samples in the text formats of Prometheus.
//!
//! Unlike a scrape, a wrong line harms no other: it is named in the answer and left out.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header;
use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use kernel::http::{Problem, Who};
use metric::Metadata;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::label_set::LabelSet;
use super::sink::Sink;
use super::work::{Packing, Workshop, refused_error, response_of, unsupported_response};
use super::{refusal, store_metadata};
use crate::Telemetry;
use crate::query::parameters::Parameters;
use crate::scrape::exposition::{Entry, Format, LineParser};

/// The protocol's name in counters.
const PROTOCOL: &str = "import";
/// Metadata entries taken from one request.
const METADATA_MAX: usize = 10_000;
/// Longest text of metadata, in bytes.
const METADATA_BYTES_MAX: usize = 4_096;

/// The route of the import.
pub(super) fn routes() -> OpenApiRouter<Telemetry> {
    OpenApiRouter::new().routes(routes!(import_metrics))
}

/// What an import stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ImportReport {
    /// Samples stored now.
    pub stored: u64,
    /// Samples that were there already.
    pub duplicates: u64,
}

/// Takes in samples in the text format of Prometheus 0.0.4, or in that of OpenMetrics when the
/// `Content-Type` says `application/openmetrics-text`, plain or packed with gzip. Answers when
/// they are durable. Lines that are wrong are named in the answer with status 400; all others are
/// stored, with the exemplars of totals and buckets.
#[utoipa::path(
    post,
    path = "/api/v1/metrics/import",
    tag = "metrics",
    summary = "Import samples as text",
    params(
        ("extra_label" = Option<Vec<String>>, Query,
         description = "name=value, set on every series; may occur often"),
        ("timestamp" = Option<String>, Query,
         description = "the time of samples without one, seconds or RFC 3339; now when absent"),
    ),
    request_body(content_type = "text/plain", content = String),
    responses(
        (status = 200, description = "everything is stored", body = ImportReport),
        (status = 400, description = "some lines were not stored, all others were",
         body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "a problem", body = Problem,
         content_type = "application/problem+json"),
    ),
    extensions(("x-permission" = json!("metrics.write")))
)]
async fn import_metrics(
    State(telemetry): State<Telemetry>,
    Who(who): Who,
    request: Request,
) -> Response {
    let response = response_of(receive(&telemetry, &who, request).await);
    telemetry.count_request(PROTOCOL, response.status());
    response
}

async fn receive(telemetry: &Telemetry, who: &Caller, request: Request) -> Result<Response> {
    who.require(Permission::MetricsWrite)?;
    let headers = request.headers();
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let format = Format::of_content_type(content_type).ok();
    let Some(format) = format.filter(|format| *format != Format::Protobuf) else {
        let detail = "expected text/plain or application/openmetrics-text, got protobuf";
        return Ok(unsupported_response(detail.to_owned()));
    };
    let packing = match Packing::of(headers) {
        Ok(packing) => packing,
        Err(detail) => return Ok(unsupported_response(detail)),
    };
    let now_ms = telemetry.clock().now().as_millis();
    let import = Import::new(format, now_ms, request.uri().query().unwrap_or(""))?;
    let body = telemetry.take_body(who, request).await?;
    let report = telemetry.work_in_turn(who, move |shop| {
        let plain = shop.unpack(body, packing)?;
        import.store(&plain.bytes, shop)
    });
    Ok(Json(report.await?).into_response())
}

/// How a body is read.
#[derive(Debug)]
struct Import {
    format: Format,
    /// The time of samples that state none.
    at_ms: i64,
    extra: Vec<(String, String)>,
}

impl Import {
    fn new(format: Format, now_ms: i64, query: &str) -> Result<Self> {
        let parameters = Parameters::parse(b"", query);
        let mut extra = Vec::new();
        for text in parameters.all("extra_label") {
            let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, value) = pair.ok_or_else(|| {
                let detail = format!("extra_label must be name=value, got {text:?}");
                Error::invalid("receive.extra_label", detail).field("extra_label")
            })?;
            extra.push((name.to_owned(), value.to_owned()));
        }
        let at = parameters.time("timestamp").map_err(Error::from)?;
        Ok(Self { format, at_ms: at.map_or(now_ms, kernel::clock::Time::as_millis), extra })
    }

    fn store(&self, body: &[u8], shop: &Workshop<'_>) -> Result<ImportReport> {
        let mut sink = Sink::new(shop, PROTOCOL, "line");
        let mut parser = LineParser::new(self.format);
        let mut known = Known::default();
        let content = body.strip_suffix(b"\n").unwrap_or(body);
        let lines = content.split(|&byte| byte == b'\n').filter(|_| !content.is_empty());
        let mut labels = LabelSet::new();
        let mut last = 0;
        for (index, line) in lines.enumerate() {
            last = index + 1;
            let parsed = std::str::from_utf8(line)
                .map_err(|error| format!("not valid UTF-8 from byte {}", error.valid_up_to() + 1))
                .and_then(|text| parser.parse(text));
            let sample = match parsed {
                Ok(Entry::Sample(sample)) => sample,
                Ok(other) => {
                    known.take(&other);
                    continue;
                }
                Err(reason) => {
                    sink.refuse(1, last, &reason);
                    continue;
                }
            };
            labels.clear();
            for label in parser.labels() {
                labels.add(label.name.text(), label.value.text());
            }
            for (name, value) in &self.extra {
                labels.set(name.as_str(), value.as_str());
            }
            match sink.begin(&labels)? {
                Ok(()) => {
                    let at_ms = sample.timestamp_ms.unwrap_or(self.at_ms);
                    sink.push(last, at_ms, sample.value)?;
                    if let Some(line) = sample.exemplar {
                        sink.push_exemplar(parser.exemplar(line, at_ms))?;
                    }
                }
                Err(reason) => sink.refuse(1, last, &reason),
            }
        }
        if let Err(reason) = parser.finish() {
            sink.refuse(0, last.max(1), &reason);
        }
        let taken = sink.finish()?;
        store_metadata(&known.stated(), shop.intake).map_err(refusal)?;
        if let Some(error) = refused_error(&taken.refused) {
            return Err(error);
        }
        if let Some(reason) = taken.refused.reasons.first() {
            let detail = format!("all samples that arrived were stored, but {reason}");
            return Err(Error::invalid("receive.cut_off", detail));
        }
        Ok(ImportReport { stored: taken.stored, duplicates: taken.duplicates })
    }
}

/// What comments say about metrics.
#[derive(Debug, Default)]
struct Known(BTreeMap<String, Metadata>);

impl Known {
    fn take(&mut self, entry: &Entry<'_>) {
        let (Entry::Type(name, _) | Entry::Help(name, _) | Entry::Unit(name, _)) = entry else {
            return;
        };
        let is_new = !self.0.contains_key(name.as_ref());
        if name.len() > METADATA_BYTES_MAX || (is_new && self.0.len() >= METADATA_MAX) {
            return;
        }
        let metadata = self.0.entry(name.clone().into_owned()).or_default();
        match entry {
            Entry::Type(_, kind) => metadata.metric_type = *kind,
            Entry::Help(_, text) => metadata.help = cut(text),
            Entry::Unit(_, unit) => metadata.unit = cut(unit),
            Entry::Nothing | Entry::Sample(_) | Entry::End => {}
        }
    }

    fn stated(&self) -> Vec<(&str, Metadata)> {
        self.0.iter().map(|(name, metadata)| (name.as_str(), metadata.clone())).collect()
    }
}

/// Text of metadata in the length that is stored.
pub(super) fn cut(text: &str) -> String {
    let mut end = text.len().min(METADATA_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
