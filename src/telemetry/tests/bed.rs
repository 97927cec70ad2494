//! A whole service over temporary stores.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use kernel::caller::{Caller, Permissions};
use kernel::clock::Clock;
use kernel::db::Db;
use kernel::metrics::Metrics;
use kernel::stop::Stop;
use promql::Value;
use tower::ServiceExt;

use crate::{
    InstantQuery, QueryBounds, ScrapeJob, TargetStatus, Telemetry, TelemetrySettings, router,
};

/// A service, running.
pub(super) struct Bed {
    pub telemetry: Telemetry,
    pub who: Caller,
    pub clock: Clock,
    pub metrics: Metrics,
    api: Router,
    stop: Stop,
    worker: Option<tokio::task::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// A service of the test's settings; local sources are off unless the test puts them on.
pub(super) async fn bed(change: impl FnOnce(&mut TelemetrySettings)) -> Bed {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let records =
        records::Records::open(&folder.path().join("records.redb"), records::Options::default())
            .unwrap();
    let engine_clock = clock.clone();
    let options = series::Options::new(move || engine_clock.now().as_millis());
    let series = series::Series::open(&folder.path().join("series"), options).unwrap();
    let mut settings = TelemetrySettings::new("testhost");
    settings.host.enabled = false;
    settings.host.own_metrics = false;
    settings.query.timeout = Duration::from_secs(20);
    change(&mut settings);
    let metrics = Metrics::new();
    let db = Db::new(records, clock.clone());
    let telemetry = Telemetry::open(series, db, clock.clone(), &metrics, settings).await.unwrap();
    let stop = Stop::new();
    let worker = tokio::spawn(telemetry.clone().run(stop.clone()));
    let (api, _) = router(telemetry.clone()).split_for_parts();
    let who = Caller::system("test");
    Bed { telemetry, who, clock, metrics, api, stop, worker: Some(worker), _folder: folder }
}

/// A job that scrapes one address often.
pub(super) fn job(name: &str, address: &str) -> ScrapeJob {
    ScrapeJob {
        name: name.to_owned(),
        targets: vec![address.to_owned()],
        interval_s: Some(1.0),
        timeout_s: Some(1.0),
        ..ScrapeJob::default()
    }
}

impl Bed {
    /// The values of an instant query now, as `labels value`.
    pub(super) async fn values(&self, query: &str) -> Vec<String> {
        let query =
            InstantQuery { query: query.to_owned(), at: None, bounds: QueryBounds::default() };
        let answer = self.telemetry.query_instant(&self.who, query).await.unwrap();
        match answer.value {
            Value::Vector(found) => {
                found.iter().map(|(labels, point)| format!("{labels} {}", point.value)).collect()
            }
            other => vec![format!("{other:?}")],
        }
    }

    /// Waits until a query gives what `wanted` accepts.
    pub(super) async fn until_values(
        &self,
        query: &str,
        wanted: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        let mut last = Vec::new();
        for _ in 0..600 {
            last = self.values(query).await;
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{query} gives {last:?}");
    }

    /// The status of the only target of a job.
    pub(super) async fn status(&self, job: &str) -> Option<TargetStatus> {
        let list = self.telemetry.list_target_status(&self.who).await.unwrap();
        list.items.into_iter().find(|it| it.job == job)
    }

    /// Waits until the status of a job's target is one that `wanted` accepts.
    pub(super) async fn until_status(
        &self,
        job: &str,
        wanted: impl Fn(&TargetStatus) -> bool,
    ) -> TargetStatus {
        let mut last = None;
        for _ in 0..600 {
            last = self.status(job).await;
            if let Some(status) = last.as_ref().filter(|it| wanted(it)) {
                return status.clone();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{job}: {last:?}");
    }

    /// Sends a request as somebody who may do everything.
    pub(super) async fn send(
        &self,
        request: http::request::Builder,
        body: impl Into<Body>,
    ) -> Reply {
        self.send_as(Caller::system("test"), request, body).await
    }

    /// Sends a request as somebody who may do nothing.
    pub(super) async fn send_powerless(&self, request: http::request::Builder) -> Reply {
        let mut caller = Caller::system("test");
        caller.permissions = Permissions::default();
        self.send_as(caller, request, Body::empty()).await
    }

    /// Sends a request and gives the response as it is, for bodies that are no text.
    pub(super) async fn raw(
        &self,
        request: http::request::Builder,
        body: impl Into<Body>,
    ) -> axum::response::Response {
        let request = request.extension(Caller::system("test")).body(body.into()).unwrap();
        self.api.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn send_as(
        &self,
        caller: Caller,
        request: http::request::Builder,
        body: impl Into<Body>,
    ) -> Reply {
        let request = request.extension(caller).body(body.into()).unwrap();
        let response = self.api.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply { status: parts.status, headers: parts.headers, text }
    }

    /// Asks for a path.
    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path), Body::empty()).await
    }

    /// Stops the service and waits for its end.
    pub(super) async fn stop(mut self) -> Telemetry {
        self.stop.trigger();
        if let Some(worker) = self.worker.take() {
            worker.await.unwrap();
        }
        self.telemetry.clone()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.trigger();
    }
}

/// An answer of the API.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Reply {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}
