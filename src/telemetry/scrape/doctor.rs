//! The doctor: tries the way to a target step by step and says where it ends, and what to do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kernel::caller::{Caller, Permission};
use kernel::error::{Error, Result};
use kernel::secret::Secret;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use utoipa::ToSchema;

use super::exposition::{Problem, check};
use super::fetch::{Answer, ScrapeFailure, fetch};
use super::job::{Job, invalid};
use super::target::{Candidate, Outcome, TargetOrigin, resolve};
use crate::Telemetry;
use crate::model::{StoredTarget, TargetId, TargetTls, TargetWrite};
use crate::store;

/// Probes that run at one time.
pub(crate) const PROBES_MAX: usize = 4;
/// Bytes of the body that the report shows.
const SAMPLE_BYTES: usize = 20 * 1024;
/// Wrong lines that the report lists.
const PROBLEMS_MAX: usize = 50;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Longest time for one step, in seconds.
const TIMEOUT_S_MAX: f64 = 60.0;
const TIMEOUT_S_DEFAULT: f64 = 10.0;

/// What to try: a stored target, an address, or an address with a target's settings.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeRequest {
    /// The target whose settings and secrets are used.
    pub target_id: Option<TargetId>,
    /// The address; the target's first one when absent.
    pub url: Option<String>,
    /// Seconds that each step may take.
    pub timeout_s: Option<f64>,
    /// How the certificate is checked.
    pub tls: Option<TargetTls>,
    /// The user name.
    pub basic_user: Option<String>,
    /// The password; the target's own when absent.
    pub basic_password: Option<Secret>,
    /// The bearer token; the target's own when absent.
    pub bearer_token: Option<Secret>,
}

/// A step on the way to a target's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeStepName {
    /// The name is looked up.
    Dns,
    /// A connection is made.
    Tcp,
    /// The certificate is checked.
    Tls,
    /// The metrics are asked for.
    Http,
    /// The answer is read.
    Parse,
}

/// How a step went.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProbeStep {
    /// Which step.
    pub step: ProbeStepName,
    /// Whether it succeeded; no step follows one that did not.
    pub ok: bool,
    /// How long it took.
    pub duration_ms: f64,
    /// What happened.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// A stable word for the hint, to tell it in other languages.
    pub hint_code: Option<&'static str>,
}

/// A line of the answer that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProbeProblem {
    /// Counted from 1.
    pub line: u64,
    /// Its beginning.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What the doctor found.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ProbeReport {
    /// The steps taken.
    pub steps: Vec<ProbeStep>,
    /// The beginning of what the target sent.
    pub sample: String,
    /// Samples in the answer.
    pub samples: u64,
    /// The first wrong lines.
    pub problems: Vec<ProbeProblem>,
}

impl ProbeStep {
    fn new(
        step: ProbeStepName,
        ok: bool,
        duration_ms: f64,
        detail: String,
        hint: Option<Hint>,
    ) -> Self {
        let (hint_code, hint) = hint.map(|Hint(code, text)| (code, text.to_owned())).unzip();
        Self { step, ok, duration_ms, detail, hint, hint_code }
    }
}

type Found<T> = std::result::Result<T, Failed>;

/// What to do about a failed step: a stable word and the English text.
#[derive(Clone, Copy)]
struct Hint(&'static str, &'static str);

/// Why a step failed.
struct Failed {
    detail: String,
    hint: Option<Hint>,
}

impl Failed {
    fn new(detail: impl Into<String>, hint: Option<Hint>) -> Self {
        Self { detail: detail.into(), hint }
    }
}

impl Telemetry {
    /// Tries the way to a target step by step; nothing is stored.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` with the field that is wrong; `LimitReached` when too many probes
    /// run; a missing permission. What fails on the way is in the report.
    pub async fn probe_target(&self, who: &Caller, request: ProbeRequest) -> Result<ProbeReport> {
        who.require(Permission::TargetsWrite)?;
        let _turn = self.probes().try_acquire().map_err(|_| {
            let detail = format!("{PROBES_MAX} probes run already");
            Error::limit_reached("target.probes", detail).retry_after_s(5)
        })?;
        let timeout_s = request.timeout_s.unwrap_or(TIMEOUT_S_DEFAULT);
        if !(0.1..=TIMEOUT_S_MAX).contains(&timeout_s) {
            let detail = format!("expected 0.1 to {TIMEOUT_S_MAX} seconds, got {timeout_s}");
            return Err(invalid("timeout_s", detail));
        }
        let target = self.probed_target(&request).await?;
        let (job, settings) = (target.job()?, self.scrape_settings().clone());
        let compiled = tokio::task::spawn_blocking(move || job.compile(&settings)).await;
        let job = compiled.map_err(|error| Error::internal("target.probe_failed", error))??;
        let url = scraped_url(&job, &target)?;
        let timeout = Duration::from_secs_f64(timeout_s);
        let mut report = ProbeReport::default();
        self.probe(&job, &url, timeout, &mut report).await;
        Ok(report)
    }

    /// The target as it would be with what the request states.
    async fn probed_target(&self, request: &ProbeRequest) -> Result<StoredTarget> {
        let write = TargetWrite {
            urls: request.url.clone().map(|url| vec![url]),
            tls: request.tls.clone(),
            basic_user: request.basic_user.clone().map(Some),
            basic_password: request.basic_password.clone().map(Some),
            bearer_token: request.bearer_token.clone().map(Some),
            ..TargetWrite::default()
        };
        let now = self.clock().now();
        let Some(id) = request.target_id else {
            if request.url.is_none() {
                return Err(invalid("url", "give an address or a target"));
            }
            let name = Some("probe".to_owned());
            return StoredTarget::create(&TargetWrite { name, ..write }, now);
        };
        let mut target = self.db().read(move |read| store::get(read, id)).await?.value;
        target.change(&write, now)?;
        Ok(target)
    }

    async fn probe(&self, job: &Job, url: &str, timeout: Duration, report: &mut ProbeReport) {
        let Ok(parsed) = reqwest::Url::parse(url) else { return };
        let host = parsed.host_str().unwrap_or("").trim_matches(['[', ']']).to_owned();
        let port = parsed.port_or_known_default().unwrap_or(80);
        let looked_up = look_up(&host, port, timeout);
        let Some(addresses) = report.step(ProbeStepName::Dns, looked_up).await else { return };
        let connected = connect(&addresses, timeout);
        let Some(stream) = report.step(ProbeStepName::Tcp, connected).await else { return };
        if parsed.scheme() == "https" {
            let shaken = shake_hands(job, &host, stream, timeout);
            if report.step(ProbeStepName::Tls, shaken).await.is_none() {
                return;
            }
        }
        let asked = ask(job, url, timeout, self.room());
        let Some(answer) = report.step(ProbeStepName::Http, asked).await else { return };
        let head = answer.body.bytes.len().min(SAMPLE_BYTES);
        let sample = answer.body.bytes.get(..head).unwrap_or_default();
        report.sample = String::from_utf8_lossy(sample).into_owned();
        read_answer(answer, report).await;
    }
}

/// The URL that the scraper would ask for the target's first address.
fn scraped_url(job: &Job, target: &StoredTarget) -> Result<String> {
    let candidate = Candidate {
        address: target.urls.first().cloned().unwrap_or_default(),
        labels: BTreeMap::new(),
        origin: TargetOrigin::Ui,
        target_id: None,
    };
    match resolve(job, &candidate) {
        Outcome::Active(target) => Ok(target.url),
        Outcome::Dropped(_) => Err(invalid("relabel", "the rules drop this target")),
        Outcome::Wrong(_, reason) => Err(invalid("url", reason)),
    }
}

impl ProbeReport {
    /// Takes a step and notes how it went; `None` when it failed.
    async fn step<T>(
        &mut self,
        step: ProbeStepName,
        work: impl Future<Output = Found<(T, String)>>,
    ) -> Option<T> {
        let started = Instant::now();
        let found = work.await;
        let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
        let (result, ok, detail, hint) = match found {
            Ok((value, detail)) => (Some(value), true, detail, None),
            Err(failed) => (None, false, failed.detail, failed.hint),
        };
        self.steps.push(ProbeStep::new(step, ok, duration_ms, detail, hint));
        result
    }
}

async fn look_up(host: &str, port: u16, timeout: Duration) -> Found<(Vec<SocketAddr>, String)> {
    if let Ok(address) = host.parse() {
        return Ok((vec![SocketAddr::new(address, port)], "an address, nothing to look up".into()));
    }
    let found = tokio::time::timeout(timeout, tokio::net::lookup_host((host, port))).await;
    let hint = Hint(
        "name_unknown",
        "is the name right, and does this machine's resolver (/etc/resolv.conf) know it?",
    );
    let found = match found {
        Ok(Ok(found)) => found.take(ADDRESSES_MAX).collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(Failed::new(format!("{host}: {error}"), Some(hint))),
        Err(_) => {
            return Err(Failed::new(
                format!("{host}: no answer within {} s", timeout.as_secs_f64()),
                Some(Hint("resolver_silent", "the resolver does not answer: see /etc/resolv.conf")),
            ));
        }
    };
    if found.is_empty() {
        return Err(Failed::new(format!("{host} has no address"), Some(hint)));
    }
    let shown: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
    Ok((found, format!("{host} is {}", shown.join(", "))))
}

async fn connect(addresses: &[SocketAddr], timeout: Duration) -> Found<(TcpStream, String)> {
    let mut reasons = Vec::new();
    let mut hint = Hint("unreachable", "is the target running, and does a firewall stand between?");
    for address in addresses {
        match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, format!("connected to {address}"))),
            Ok(Err(error)) => {
                if error.kind() == std::io::ErrorKind::ConnectionRefused {
                    hint = Hint(
                        "refused",
                        "nothing listens on this port: is the exporter running there?",
                    );
                }
                reasons.push(format!("{address}: {error}"));
            }
            Err(_) => {
                hint = Hint(
                    "silent",
                    "no answer at all: a firewall drops the packets, or the host is off",
                );
                reasons.push(format!("{address}: no answer in {} s", timeout.as_secs_f64()));
            }
        }
    }
    Err(Failed::new(reasons.join("; "), Some(hint)))
}

async fn shake_hands(
    job: &Job,
    host: &str,
    stream: TcpStream,
    timeout: Duration,
) -> Found<((), String)> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Failed::new(format!("{host:?} is not a name for TLS"), None))?;
    let connector = TlsConnector::from(Arc::clone(&job.scraping.tls));
    let shaken = tokio::time::timeout(timeout, connector.connect(name, stream)).await;
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let detail = error.to_string();
            let hint = tls_hint(&detail);
            return Err(Failed::new(detail, Some(hint)));
        }
        Err(_) => {
            return Err(Failed::new(
                format!("no handshake within {} s", timeout.as_secs_f64()),
                Some(Hint("no_tls", "does the port speak TLS at all? try http://")),
            ));
        }
    };
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str());
    let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let detail = format!("{}, {}", version.unwrap_or("TLS"), suite.unwrap_or("unknown cipher"));
    Ok(((), detail))
}

fn tls_hint(detail: &str) -> Hint {
    const HINTS: [(&str, Hint); 6] = [
        (
            "UnknownIssuer",
            Hint(
                "unknown_issuer",
                "nobody we trust signed the certificate: give its authority (ca_pem)",
            ),
        ),
        (
            "not valid for name",
            Hint("other_name", "the certificate is for another name: give that as server_name"),
        ),
        ("Expired", Hint("expired", "the certificate has expired: renew it on the target")),
        (
            "NotValidYet",
            Hint("not_yet_valid", "the certificate is not valid yet: compare the clocks"),
        ),
        (
            "CaUsedAsEndEntity",
            Hint(
                "authority_shown",
                "the target shows an authority's certificate as its own: \
                 give it one of its own, or do not verify",
            ),
        ),
        (
            "no trusted certificates",
            Hint("no_authorities", "this machine has no authorities installed: give ca_pem"),
        ),
    ];
    let found = HINTS.iter().find(|(word, _)| detail.contains(word));
    found.map_or(Hint("no_tls", "does the port speak TLS? try http://"), |(_, hint)| *hint)
}

async fn ask(
    job: &Job,
    url: &str,
    timeout: Duration,
    room: &crate::room::Room,
) -> Found<(Answer, String)> {
    let answer = fetch(&job.scraping, url, timeout, room)
        .await
        .map_err(|failure| Failed { hint: http_hint(&failure), detail: failure.detail })?;
    let kind = answer.content_type.as_deref().unwrap_or("no content type");
    let detail = format!("200 OK, {} bytes, {kind}", answer.body.bytes.len());
    Ok((answer, detail))
}

fn http_hint(failure: &ScrapeFailure) -> Option<Hint> {
    let detail = failure.detail.as_str();
    let (code, text) = match failure.code {
        "http_status" if detail.contains("401") => {
            ("needs_sign_in", "the target wants a user name and password, or a token")
        }
        "http_status" if detail.contains("403") => ("forbidden", "the target knows us and refuses"),
        "http_status" if detail.contains("404") => {
            ("wrong_path", "is the path right? it is often /metrics")
        }
        "http_status" => ("exporter_fails", "the exporter has a problem of its own: see its log"),
        "redirect" => {
            ("redirect", "give the address that it redirects to, if that is the right one")
        }
        "timeout" => ("slow", "the target is slow or sends without end: raise the time-out"),
        "too_large" => ("too_large", "raise the limit of the body, or let the exporter show less"),
        "truncated" => ("truncated", "the target ended the answer early: see the exporter's log"),
        "http" => {
            ("no_http", "the target does not speak HTTP here: is the port right? try https://")
        }
        _ => return None,
    };
    Some(Hint(code, text))
}

async fn read_answer(answer: Answer, report: &mut ProbeReport) {
    let started = Instant::now();
    let format = answer.format;
    let html = report.sample.trim_start().starts_with('<');
    let read = move || check(&answer.body.bytes, format, PROBLEMS_MAX);
    let Ok(checked) = tokio::task::spawn_blocking(read).await else { return };
    let ok = checked.wrong == 0;
    let detail = match (ok, checked.samples) {
        (true, 0) => "an empty answer: no samples".to_owned(),
        (true, samples) => format!("{samples} samples"),
        (false, samples) => format!("{} wrong lines, {samples} samples", checked.wrong),
    };
    let hint = match (ok, html) {
        (true, _) => None,
        (false, true) => {
            Some(Hint("web_page", "this is a web page: is the path right? it is often /metrics"))
        }
        (false, false) => Some(Hint(
            "wrong_lines",
            "one wrong line makes a whole scrape fail: see the lines, mend the exporter",
        )),
    };
    report.samples = checked.samples;
    report.problems = checked.problems.into_iter().map(ProbeProblem::from).collect();
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    report.steps.push(ProbeStep::new(ProbeStepName::Parse, ok, duration_ms, detail, hint));
}

impl From<Problem> for ProbeProblem {
    fn from(problem: Problem) -> Self {
        let line = u64::try_from(problem.line).unwrap_or(u64::MAX);
        Self { line, text: problem.text, reason: problem.reason }
    }
}
