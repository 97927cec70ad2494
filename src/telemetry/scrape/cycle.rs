//! The life of one target: scraped at its time, its end marked when it goes away.

use std::sync::Arc;
use std::time::Duration;

use kernel::clock::{Clock, Time};
use kernel::stop::Stop;
use metric::Metadata;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::fetch::{Answer, ScrapeFailure};
use super::report::Report;
use super::series_cache::{Pass, Reading, Row, SeriesCache};
use super::source::Source;
use super::status::{SharedState, TargetHealth};
use super::target::ScrapeTarget;
use crate::intake::Intake;
use crate::own_metrics::ScrapeMetrics;
use crate::room::Room;
use crate::sender::sender_of_target;

/// A scrape that begins this close to its time gets exactly that time: samples at even distances
/// take less room.
const TOLERANCE_MS: i64 = 2;
/// How long after the first one the host's second collection follows.
const SECOND_AFTER: Duration = Duration::from_secs(5);

/// What all targets share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub intake: Intake,
    pub clock: Clock,
    pub turns: Arc<Semaphore>,
    pub room: Room,
    pub metrics: ScrapeMetrics,
}

/// One target being scraped.
#[derive(Debug)]
pub(crate) struct Cycle {
    pub shared: Shared,
    pub target: watch::Receiver<Arc<ScrapeTarget>>,
    pub source: Source,
    pub state: SharedState,
    /// Given when the target goes away.
    pub gone: Stop,
    pub cache: Option<SeriesCache>,
    /// Time of the last scrape.
    pub last_ms: i64,
}

impl Cycle {
    /// Scrapes until `stop`, or until the target is gone.
    pub(crate) async fn run(mut self, stop: Stop) {
        let target = self.current();
        let mut next = Instant::now() + self.first_wait(&target);
        let mut scheduled_ms = None;
        let mut early = self.source.is_local();
        loop {
            self.show_next(next);
            tokio::select! {
                biased;
                () = stop.wait() => return,
                () = self.gone.wait() => return self.end().await,
                changed = self.target.changed() => {
                    // Nobody describes the target any more: it is gone.
                    if changed.is_err() {
                        return self.end().await;
                    }
                    let target = self.current();
                    next = next.min(Instant::now() + self.first_wait(&target));
                    scheduled_ms = None;
                    continue;
                }
                () = tokio::time::sleep_until(next) => {}
            }
            let target = self.current();
            let Some(at) = self.scrape(&target, &mut scheduled_ms, &stop).await else { return };
            // The second scrape of a local source comes early, so that rates exist soon.
            let wait = if early { SECOND_AFTER.min(target.interval) } else { target.interval };
            early = false;
            next += wait;
            scheduled_ms = scheduled_ms.map(|ms: i64| ms.saturating_add(millis(wait)));
            while next <= Instant::now() {
                next += target.interval;
                scheduled_ms = None;
            }
            self.last_ms = at;
        }
    }

    fn current(&mut self) -> Arc<ScrapeTarget> {
        Arc::clone(&self.target.borrow_and_update())
    }

    /// Local sources begin at once; others at the place in the interval that their hash gives.
    fn first_wait(&self, target: &ScrapeTarget) -> Duration {
        if self.source.is_local() {
            return Duration::ZERO;
        }
        let interval = i128::try_from(target.interval.as_nanos()).unwrap_or(i128::MAX).max(1);
        let offset = i128::try_from(target.offset().as_nanos()).unwrap_or(0);
        let now = i128::from(self.shared.clock.now().as_nanos());
        let wait = (offset - now).rem_euclid(interval);
        Duration::from_nanos(u64::try_from(wait).unwrap_or(0))
    }

    fn show_next(&self, next: Instant) {
        let wait = next.saturating_duration_since(Instant::now());
        let at = self.shared.clock.now().plus(wait);
        self.state.update(|state| state.next_scrape_at = Some(at));
    }

    /// One scrape; gives its time, or nothing when the program stops.
    async fn scrape(
        &mut self,
        target: &Arc<ScrapeTarget>,
        scheduled_ms: &mut Option<i64>,
        stop: &Stop,
    ) -> Option<i64> {
        let turn = tokio::select! {
            () = stop.wait() => return None,
            turn = Arc::clone(&self.shared.turns).acquire_owned() => turn.ok()?,
        };
        let started = Instant::now();
        let now = self.shared.clock.now();
        let at_ms = aligned(now, scheduled_ms);
        let answer = tokio::select! {
            () = stop.wait() => return None,
            answer = self.source.fetch(target, &self.shared.room) => answer,
        };
        let elapsed = started.elapsed();
        let job = Work {
            cache: self.cache.take().unwrap_or_default(),
            intake: self.shared.intake.clone(),
            target: Arc::clone(target),
            at_ms,
            elapsed,
        };
        let finished = tokio::task::spawn_blocking(move || job.store(answer)).await;
        drop(turn);
        match finished {
            Ok((cache, outcome)) => {
                self.cache = Some(cache);
                self.show(now, &outcome);
            }
            Err(error) => {
                tracing::error!(url = target.url, %error, "scrape failed within the program");
                let failure = ScrapeFailure::new("internal", "internal error, see the log");
                self.show(now, &Outcome::failed(elapsed, 0, failure));
            }
        }
        Some(at_ms)
    }

    fn show(&self, at: Time, outcome: &Outcome) {
        let metrics = &self.shared.metrics;
        let code = outcome.failure.as_ref().filter(|_| !outcome.up).map_or("", |it| it.code);
        metrics.scrapes.with_label_values(&[if outcome.up { "ok" } else { code }]).inc();
        metrics.seconds.observe(outcome.elapsed.as_secs_f64());
        metrics.samples.inc_by(outcome.kept as u64);
        self.state.update(|state| {
            state.health = if outcome.up { TargetHealth::Up } else { TargetHealth::Down };
            state.last_scrape_at = Some(at);
            state.duration_ms = outcome.elapsed.as_secs_f64() * 1000.0;
            state.samples = outcome.scraped as u64;
            state.samples_after_relabel = outcome.kept as u64;
            state.body_bytes = outcome.body_bytes as u64;
            state.failure.clone_from(&outcome.failure);
        });
    }

    /// Ends every series of the target, its report among them.
    async fn end(mut self) {
        let target = self.current();
        let cache = self.cache.take().unwrap_or_default();
        let intake = self.shared.intake.clone();
        let at_ms = self.shared.clock.now().as_millis().max(self.last_ms.saturating_add(1));
        if self.last_ms == i64::MIN {
            return;
        }
        let finish = move || {
            let mut rows = cache.mark_all(at_ms);
            Report::end(&target.labels, at_ms, &mut rows);
            intake.append(&rows, &sender_of_target(&target.labels))
        };
        match tokio::task::spawn_blocking(finish).await {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => tracing::warn!(%failure.detail, "end of a target not stored"),
            Err(error) => tracing::error!(%error, "end of a target not stored"),
        }
    }
}

/// The time of a scrape: its scheduled time when it is close to it, otherwise the present.
fn aligned(now: Time, scheduled_ms: &mut Option<i64>) -> i64 {
    let now_ms = now.as_millis();
    let close = scheduled_ms.filter(|ms| now_ms.abs_diff(*ms) <= TOLERANCE_MS.unsigned_abs());
    let at_ms = close.unwrap_or(now_ms);
    *scheduled_ms = Some(at_ms);
    at_ms
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The part of a scrape that computes and waits for the disk.
struct Work {
    cache: SeriesCache,
    intake: Intake,
    target: Arc<ScrapeTarget>,
    at_ms: i64,
    elapsed: Duration,
}

/// What came of a scrape.
#[derive(Debug)]
struct Outcome {
    up: bool,
    elapsed: Duration,
    scraped: usize,
    kept: usize,
    body_bytes: usize,
    failure: Option<ScrapeFailure>,
}

impl Outcome {
    fn failed(elapsed: Duration, body_bytes: usize, failure: ScrapeFailure) -> Self {
        Self { up: false, elapsed, scraped: 0, kept: 0, body_bytes, failure: Some(failure) }
    }
}

impl Work {
    fn store(mut self, answer: Result<Answer, ScrapeFailure>) -> (SeriesCache, Outcome) {
        let body_bytes = answer.as_ref().map_or(0, |answer| answer.body.bytes.len());
        let read = answer.and_then(|answer| {
            let reading = Reading {
                scraping: &self.target.scraping,
                labels: &self.target.labels,
                at_ms: self.at_ms,
            };
            self.cache.take_in(&answer.body.bytes, answer.format, &reading)
        });
        let outcome = match read {
            Ok(pass) => self.store_pass(pass, body_bytes),
            Err(failure) => self.store_failure(failure, body_bytes),
        };
        (self.cache, outcome)
    }

    fn store_pass(&mut self, mut pass: Pass, body_bytes: usize) -> Outcome {
        let report = Report {
            up: true,
            duration: self.elapsed,
            scraped: pass.scraped,
            kept: pass.kept,
            added: pass.added,
        };
        report.append(&self.target.labels, self.at_ms, &mut pass.rows);
        self.intake.count_bad_exemplars(pass.bad_exemplars);
        let sender = sender_of_target(&self.target.labels);
        match self.intake.append_with(&pass.rows, &pass.exemplars, &sender) {
            Ok(rejected) => {
                self.cache.commit();
                let stated: Vec<(&str, Metadata)> =
                    pass.metadata.iter().map(|(name, it)| (name.as_str(), it.clone())).collect();
                if !stated.is_empty() && self.intake.set_metadata(&stated).is_err() {
                    self.cache.forget_metadata();
                }
                let (scraped, kept) = (pass.scraped, pass.kept);
                let elapsed = self.elapsed;
                Outcome { up: true, elapsed, scraped, kept, body_bytes, failure: rejected }
            }
            Err(failure) => {
                self.cache.forget_metadata();
                Outcome::failed(self.elapsed, body_bytes, failure)
            }
        }
    }

    fn store_failure(&mut self, failure: ScrapeFailure, body_bytes: usize) -> Outcome {
        let mut rows: Vec<Row> = self.cache.mark_all(self.at_ms);
        let report = Report { up: false, duration: self.elapsed, scraped: 0, kept: 0, added: 0 };
        report.append(&self.target.labels, self.at_ms, &mut rows);
        match self.intake.append(&rows, &sender_of_target(&self.target.labels)) {
            Ok(_) => self.cache.commit_end(),
            Err(storing) => tracing::warn!(%storing.detail, "end of series not stored"),
        }
        Outcome::failed(self.elapsed, body_bytes, failure)
    }
}
