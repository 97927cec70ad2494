//! Keeps one cycle running for every group that there should be.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::clock::Time;
use kernel::id::Ulid;
use kernel::metrics::Metrics;
use kernel::stop::Stop;
use metric::{Labels, stale_nan};
use series::Batch;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use super::check::{Group, compile};
use super::cycle::Cycle;
use super::files::Files;
use super::model::API_FILE;
use super::state::{Orphans, SharedState};
use super::store;
use crate::Telemetry;
use crate::own_metrics::RuleMetrics;
use crate::settings::RuleSettings;

/// How often series without a rule are looked at.
const ORPHANS_EVERY: Duration = Duration::from_secs(5);
/// How long another group may take to go on with series: then they are too old to be seen anyway.
const ORPHANS_WAIT_MAX: Duration = Duration::from_secs(300);

/// What names a group: where it comes from, and its name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    /// The path of its file, or [`API_FILE`].
    pub file: String,
    pub name: String,
}

impl std::fmt::Display for GroupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{};{}", self.file, self.name)
    }
}

/// The groups of rules; clones share them.
#[derive(Clone)]
pub(crate) struct Rules(Arc<Inner>);

struct Inner {
    settings: RuleSettings,
    patterns: Mutex<Vec<String>>,
    files: Mutex<Arc<Files>>,
    running: Mutex<BTreeMap<GroupKey, Running>>,
    orphans: Mutex<Vec<Orphans>>,
    /// What is wrong with the number of groups.
    problems: Mutex<Vec<String>>,
    wake: Notify,
    orphaned: Notify,
    turns: Semaphore,
    metrics: RuleMetrics,
}

/// A group at work.
#[derive(Clone)]
pub(crate) struct Running {
    pub state: SharedState,
    group: watch::Sender<Arc<Group>>,
    gone: Stop,
}

impl Running {
    /// The group as it is evaluated next.
    pub(crate) fn group(&self) -> Arc<Group> {
        Arc::clone(&self.group.borrow())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rules {
    /// The groups of the files that the settings name; reads them.
    pub(crate) fn new(settings: RuleSettings, metrics: &Metrics, now: Time) -> Self {
        let rules = Self(Arc::new(Inner {
            patterns: Mutex::new(settings.files.clone()),
            files: Mutex::default(),
            running: Mutex::default(),
            orphans: Mutex::default(),
            problems: Mutex::default(),
            wake: Notify::new(),
            orphaned: Notify::new(),
            turns: Semaphore::new(settings.concurrency_max.max(1)),
            metrics: RuleMetrics::new(metrics),
            settings,
        }));
        rules.reload_files(now);
        rules
    }

    pub(crate) fn settings(&self) -> &RuleSettings {
        &self.0.settings
    }

    pub(crate) fn metrics(&self) -> &RuleMetrics {
        &self.0.metrics
    }

    pub(super) fn turns(&self) -> &Semaphore {
        &self.0.turns
    }

    /// The files as they were read last.
    pub(crate) fn files(&self) -> Arc<Files> {
        Arc::clone(&lock(&self.0.files))
    }

    /// What is wrong with the number of groups.
    pub(crate) fn problems(&self) -> Vec<String> {
        lock(&self.0.problems).clone()
    }

    /// The groups at work, by file and name.
    pub(crate) fn running(&self) -> Vec<(GroupKey, Running)> {
        let running = lock(&self.0.running);
        running.iter().map(|(key, running)| (key.clone(), running.clone())).collect()
    }

    /// Takes over other patterns and reads the files anew; blocks on the disk.
    pub(crate) fn set_files(&self, patterns: Vec<String>, now: Time) {
        *lock(&self.0.patterns) = patterns;
        self.reload_files(now);
        self.wake();
    }

    fn reload_files(&self, now: Time) {
        let patterns = lock(&self.0.patterns).clone();
        let fresh = self.files().reload(&patterns, &self.0.settings, now);
        for problem in &fresh.problems {
            tracing::error!(problem, "rule files");
        }
        for (path, file) in &fresh.files {
            let path = path.display().to_string();
            for problem in &file.problems {
                tracing::error!(path, %problem, "rule file refused, the version before stays");
            }
            if let Some(problem) = &file.unread {
                tracing::error!(path, problem, "rule file refused, the version before stays");
            }
            for warning in &file.warnings {
                tracing::warn!(path, %warning, "rule file");
            }
        }
        *lock(&self.0.files) = Arc::new(fresh);
    }

    /// Asks for a new look at the groups.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Takes series whose rule is gone; `last_ms` is the time of their last sample.
    pub(super) fn orphan(
        &self,
        series: Vec<Labels>,
        now: Time,
        last_ms: Option<i64>,
        interval: Duration,
    ) {
        if series.is_empty() {
            return;
        }
        let after = last_ms.map_or(i64::MIN, |last_ms| last_ms.saturating_add(1));
        let until = now.plus((interval * 2).min(ORPHANS_WAIT_MAX));
        let ended_ms = now.as_millis().max(after);
        lock(&self.0.orphans).push(Orphans { series, ended_ms, until });
        self.0.orphaned.notify_one();
    }

    /// Runs until `stop`, and until every cycle has ended.
    pub(crate) async fn run(self, telemetry: Telemetry, stop: Stop) {
        let mut cycles = JoinSet::new();
        self.reload(&telemetry, &mut cycles, &stop).await;
        loop {
            let waits = !lock(&self.0.orphans).is_empty();
            tokio::select! {
                () = stop.wait() => break,
                () = self.0.wake.notified() => self.reload(&telemetry, &mut cycles, &stop).await,
                () = self.0.orphaned.notified() => {}
                () = tokio::time::sleep(ORPHANS_EVERY), if waits => {}
            }
            self.end_orphans(&telemetry).await;
            while let Some(ended) = cycles.try_join_next() {
                report_panic(ended);
            }
        }
        while let Some(ended) = cycles.join_next().await {
            report_panic(ended);
        }
    }

    /// Looks at the stored groups and the files and starts, changes and ends cycles accordingly.
    async fn reload(&self, telemetry: &Telemetry, cycles: &mut JoinSet<()>, stop: &Stop) {
        let most = self.0.settings.groups_max;
        let stored = match telemetry.db().read(move |read| store::all(read, most)).await {
            Ok(stored) => stored,
            Err(error) => {
                return tracing::warn!(%error, "recording rules not read, those known are kept");
            }
        };
        let rules = self.clone();
        let planned = tokio::task::spawn_blocking(move || {
            let stored = stored.into_iter().filter(|group| group.value.enabled);
            rules.plan(stored.map(|group| (group.id, group.value.spec)).collect())
        });
        match planned.await {
            Ok(planned) => self.reconcile(planned, telemetry, cycles, stop),
            Err(error) => tracing::error!(%error, "recording rules not planned"),
        }
    }

    /// The groups that there should be; one that is known and stays the same stays as it is.
    fn plan(&self, stored: Vec<(Ulid, super::model::GroupSpec)>) -> BTreeMap<GroupKey, Arc<Group>> {
        let mut planned = BTreeMap::new();
        for (id, spec) in stored {
            let key = GroupKey { file: API_FILE.to_owned(), name: spec.name.clone() };
            let known = lock(&self.0.running).get(&key).map(Running::group);
            let group = match known.filter(|known| known.spec == spec) {
                Some(known) => Ok(known),
                None => compile(&spec, &self.0.settings).map(Arc::new),
            };
            match group {
                Ok(group) => drop(planned.insert(key, group)),
                // It was right when it was stored; the program is another one now.
                Err(wrong) => {
                    let message = wrong.first().map(|wrong| wrong.message.as_str());
                    tracing::error!(%id, group = spec.name, message, "group not evaluated");
                }
            }
        }
        for (path, file) in &self.files().files {
            for group in &file.groups {
                let file = path.display().to_string();
                let key = GroupKey { file, name: group.spec.name.clone() };
                planned.insert(key, Arc::clone(group));
            }
        }
        let mut problems = Vec::new();
        let (found, most) = (planned.len(), self.0.settings.groups_max);
        if found > most {
            let cut: Vec<GroupKey> = planned.keys().skip(most).cloned().collect();
            planned.retain(|key, _| !cut.contains(key));
            problems.push(format!("{found} groups, the first {most} are evaluated"));
        }
        *lock(&self.0.problems) = problems;
        planned
    }

    fn reconcile(
        &self,
        planned: BTreeMap<GroupKey, Arc<Group>>,
        telemetry: &Telemetry,
        cycles: &mut JoinSet<()>,
        stop: &Stop,
    ) {
        let mut running = lock(&self.0.running);
        running.retain(|key, running| {
            let stays = planned.contains_key(key);
            if !stays {
                running.gone.trigger();
            }
            stays
        });
        for (key, group) in planned {
            if let Some(known) = running.get(&key) {
                known.group.send_if_modified(|current| {
                    let changed = !Arc::ptr_eq(current, &group);
                    *current = group;
                    changed
                });
                continue;
            }
            let (state, gone) = (SharedState::new(Arc::clone(&group)), Stop::new());
            let (sender, receiver) = watch::channel(group);
            let cycle = Cycle {
                telemetry: telemetry.clone(),
                key: key.clone(),
                group: receiver,
                state: state.clone(),
                gone: gone.clone(),
            };
            running.insert(key, Running { state, group: sender, gone });
            cycles.spawn(cycle.run(stop.clone()));
        }
        let groups = i64::try_from(running.len()).unwrap_or(i64::MAX);
        self.0.metrics.groups.set(groups);
    }

    /// Marks series as ended that nobody records any more.
    async fn end_orphans(&self, telemetry: &Telemetry) {
        let mut orphans = std::mem::take(&mut *lock(&self.0.orphans));
        if orphans.is_empty() {
            return;
        }
        let running = self.running();
        let (now, intake) = (telemetry.clock().now(), telemetry.intake().clone());
        let finish = move || {
            let groups: Vec<Arc<Group>> = running.iter().map(|(_, it)| it.group()).collect();
            let names = groups.iter().flat_map(|group| &group.rules);
            let names: HashSet<&str> = names.map(|rule| rule.record.as_str()).collect();
            let alive = alive(&running);
            for some in &mut orphans {
                let is_alive = |labels: &Labels| {
                    let sets = alive.get(labels.metric_name().unwrap_or_default());
                    sets.is_some_and(|sets| sets.iter().any(|set| set.contains(labels)))
                };
                let ended = some.take_ended(now, &names, is_alive);
                let mut batch = Batch::with_capacity(ended.len());
                for labels in &ended {
                    batch.push(labels.encoded(), some.ended_ms, stale_nan());
                }
                if batch.is_empty() {
                    continue;
                }
                if let Err(error) = intake.append_batch(&batch, "rules") {
                    tracing::warn!(%error, "end of recorded series not stored");
                }
            }
            orphans.retain(|some| !some.series.is_empty());
            orphans
        };
        match tokio::task::spawn_blocking(finish).await {
            Ok(left) => lock(&self.0.orphans).extend(left),
            Err(error) => tracing::error!(%error, "end of recorded series not stored"),
        }
    }
}

/// The series that rules record at present, by the name of the metric.
fn alive(running: &[(GroupKey, Running)]) -> BTreeMap<String, Vec<Arc<HashSet<Labels>>>> {
    let mut alive: BTreeMap<String, Vec<Arc<HashSet<Labels>>>> = BTreeMap::new();
    for (_, running) in running {
        let state = running.state.lock();
        for (rule, now) in state.group.rules.iter().zip(&state.rules) {
            alive.entry(rule.record.clone()).or_default().push(Arc::clone(&now.alive));
        }
    }
    alive
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a cycle of recording rules ended");
    }
}
