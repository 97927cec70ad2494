//! Keeps one cycle running for every target that there should be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::db::Db;
use kernel::error::Result;
use kernel::id::Ulid;
use kernel::stop::Stop;
use notify_debouncer_mini::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{Debouncer, new_debouncer};
use records::Stored;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::cycle::{Cycle, Shared};
use super::file_sd::{self, Files};
use super::job::{Job, ScrapeJob};
use super::plan::{Plan, PlannedJob, WrongTarget, patterns, plan};
use super::source::Source;
use super::status::SharedState;
use super::target::{ScrapeTarget, TargetKey, TargetOrigin};
use crate::model::StoredTarget;
use crate::settings::ScrapeSettings;
use crate::store;

/// How often files are read anew even when nobody says that they changed: watching does not see
/// every file system.
const FILES_EVERY: Duration = Duration::from_secs(60);
/// How long changes of files are gathered.
const FILES_SETTLE: Duration = Duration::from_millis(300);
/// Records that are read at most.
const RECORDS_MAX: usize = 10_000;

/// Runs the scrapes of all targets; clones share them.
#[derive(Clone)]
pub(crate) struct Manager(Arc<Inner>);

struct Inner {
    shared: Shared,
    settings: ScrapeSettings,
    db: Db,
    /// Sources that need no network, with the target that stands for each.
    local: Vec<(ScrapeTarget, Source)>,
    configured: Mutex<Vec<PlannedJob>>,
    running: Mutex<BTreeMap<TargetKey, Running>>,
    last: Mutex<LastPlan>,
    /// The jobs of records, as they were read last.
    recorded: Mutex<Recorded>,
    wake: Arc<Notify>,
}

#[derive(Clone)]
struct Running {
    target: watch::Sender<Arc<ScrapeTarget>>,
    state: SharedState,
    gone: Stop,
}

/// What the last plan said beside the targets.
#[derive(Clone, Default)]
pub(crate) struct LastPlan {
    pub dropped: Vec<metric::Labels>,
    pub dropped_total: usize,
    pub wrong: Vec<WrongTarget>,
    pub problems: Vec<String>,
    files: Files,
}

/// A target being scraped, with its state.
pub(crate) type Scraped = (Arc<ScrapeTarget>, SharedState);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Manager {
    /// A manager of the configured jobs and of local sources.
    ///
    /// # Errors
    /// `Invalid` for a job that is wrong; the text names it.
    pub(crate) fn new(
        shared: Shared,
        settings: ScrapeSettings,
        db: Db,
        local: Vec<(ScrapeTarget, Source)>,
    ) -> Result<Self> {
        let configured = check_jobs(&settings.jobs, &settings)?;
        Ok(Self(Arc::new(Inner {
            shared,
            settings,
            db,
            local,
            configured: Mutex::new(configured),
            running: Mutex::default(),
            last: Mutex::default(),
            recorded: Mutex::default(),
            wake: Arc::new(Notify::new()),
        })))
    }

    /// Takes over other jobs of the configuration; targets that stay go on.
    ///
    /// # Errors
    /// `Invalid` for a job that is wrong; then nothing changes.
    pub(crate) fn set_jobs(&self, jobs: &[ScrapeJob]) -> Result<()> {
        let checked = check_jobs(jobs, &self.0.settings)?;
        *lock(&self.0.configured) = checked;
        self.wake();
        Ok(())
    }

    /// Asks for a new look at records, files and jobs.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// The targets being scraped, in order of their labels.
    pub(crate) fn scraped(&self) -> Vec<Scraped> {
        let running = lock(&self.0.running);
        let scraped = running.values();
        scraped.map(|it| (Arc::clone(&it.target.borrow()), it.state.clone())).collect()
    }

    /// What else the last plan said.
    pub(crate) fn last_plan(&self) -> LastPlan {
        lock(&self.0.last).clone()
    }

    /// Runs until `stop`, and until every cycle has ended.
    pub(crate) async fn run(self, stop: Stop) {
        let mut cycles = JoinSet::new();
        let mut watcher = Watcher::new(Arc::clone(&self.0.wake));
        for (target, source) in self.0.local.clone() {
            self.start(&mut cycles, Arc::new(target), source, &stop);
        }
        loop {
            self.reload(&mut cycles, &mut watcher, &stop).await;
            tokio::select! {
                () = stop.wait() => break,
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(FILES_EVERY) => {}
            }
            while let Some(ended) = cycles.try_join_next() {
                report_panic(ended);
            }
        }
        while let Some(ended) = cycles.join_next().await {
            report_panic(ended);
        }
    }

    fn start(
        &self,
        cycles: &mut JoinSet<()>,
        target: Arc<ScrapeTarget>,
        source: Source,
        stop: &Stop,
    ) {
        let key = target.key();
        let (sender, receiver) = watch::channel(target);
        let (state, gone) = (SharedState::default(), Stop::new());
        let cycle = Cycle {
            shared: self.0.shared.clone(),
            target: receiver,
            source,
            state: state.clone(),
            gone: gone.clone(),
            cache: None,
            last_ms: i64::MIN,
        };
        lock(&self.0.running).insert(key, Running { target: sender, state, gone });
        cycles.spawn(cycle.run(stop.clone()));
    }

    /// Looks at everything anew and starts, changes and ends cycles accordingly.
    async fn reload(&self, cycles: &mut JoinSet<()>, watcher: &mut Watcher, stop: &Stop) {
        let read = self.0.db.read(|read| store::all(read, RECORDS_MAX)).await;
        if let Err(error) = &read {
            tracing::warn!(%error, "targets not read, those known are kept");
        }
        let stored = read.ok();
        let inner = Arc::clone(&self.0);
        let made = tokio::task::spawn_blocking(move || inner.plan(stored)).await;
        let (plan, last, patterns) = match made {
            Ok(made) => made,
            Err(error) => return tracing::error!(%error, "targets not planned"),
        };
        watcher.watch(&patterns);
        for problem in &last.problems {
            if !lock(&self.0.last).problems.contains(problem) {
                tracing::warn!(problem, "scrape targets");
            }
        }
        *lock(&self.0.last) = last;
        self.reconcile(cycles, plan, stop);
    }

    fn reconcile(&self, cycles: &mut JoinSet<()>, plan: Plan, stop: &Stop) {
        let local: BTreeSet<TargetKey> = self.0.local.iter().map(|(it, _)| it.key()).collect();
        lock(&self.0.running).retain(|key, running| {
            let stays = plan.targets.contains_key(key) || local.contains(key);
            if !stays {
                running.gone.trigger();
            }
            stays
        });
        for (key, target) in plan.targets {
            let found = lock(&self.0.running).get(&key).cloned();
            match found {
                Some(running) => {
                    running.target.send_if_modified(|current| {
                        let changed = !current.same_settings(&target);
                        if changed {
                            *current = Arc::new(target);
                        }
                        changed
                    });
                }
                None => self.start(cycles, Arc::new(target), Source::Http, stop),
            }
        }
        let metrics = &self.0.shared.metrics;
        let count = |state: &str, number: usize| {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            metrics.targets.with_label_values(&[state]).set(number);
        };
        count("active", lock(&self.0.running).len());
        let last = lock(&self.0.last);
        count("dropped", last.dropped_total);
        count("wrong", last.wrong.len());
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a scrape cycle ended");
    }
}

fn check_jobs(jobs: &[ScrapeJob], settings: &ScrapeSettings) -> Result<Vec<PlannedJob>> {
    let mut planned = Vec::with_capacity(jobs.len());
    let mut names = BTreeSet::new();
    for job in jobs {
        if !names.insert(&job.name) {
            let detail = format!("two scrape jobs have the name {:?}", job.name);
            return Err(super::job::invalid("name", detail));
        }
        let checked = job.compile(settings).map_err(|error| {
            let field = format!("{}.{}", job.name, error.wrong_field().unwrap_or("job"));
            let detail = format!("scrape job {:?}: {}", job.name, error.detail());
            super::job::invalid(&field, detail)
        })?;
        let origin = TargetOrigin::Config;
        planned.push(PlannedJob { job: Arc::new(checked), origin, target_id: None });
    }
    Ok(planned)
}

/// The jobs of records, and records that make no job.
#[derive(Clone, Default)]
struct Recorded {
    /// Compiled jobs by id and revision.
    compiled: HashMap<Ulid, (u64, Arc<Job>)>,
    jobs: Vec<PlannedJob>,
    broken: Vec<WrongTarget>,
}

impl Recorded {
    /// Compiles what changed since `self` was read.
    fn reread(&self, stored: Vec<Stored<StoredTarget>>, settings: &ScrapeSettings) -> Self {
        let mut fresh = Self::default();
        for record in stored {
            let known = self.compiled.get(&record.id).filter(|(rev, _)| *rev == record.rev);
            let job = match known {
                Some((_, job)) => Ok(Arc::clone(job)),
                None => record.value.job().and_then(|job| job.compile(settings)).map(Arc::new),
            };
            let (origin, target_id) = (TargetOrigin::Ui, Some(record.id));
            match job {
                Ok(job) => {
                    fresh.compiled.insert(record.id, (record.rev, Arc::clone(&job)));
                    if record.value.enabled {
                        fresh.jobs.push(PlannedJob { job, origin, target_id });
                    }
                }
                Err(error) => fresh.broken.push(WrongTarget {
                    job: record.value.name,
                    url: record.value.urls.first().cloned().unwrap_or_default(),
                    discovered: metric::Labels::empty(),
                    origin,
                    target_id,
                    reason: error.detail().to_owned(),
                }),
            }
        }
        fresh
    }
}

impl Inner {
    /// Compiles, reads files, and puts the plan together; blocks on the disk.
    fn plan(
        &self,
        stored: Option<Vec<Stored<StoredTarget>>>,
    ) -> (Plan, LastPlan, BTreeSet<String>) {
        let mut recorded = lock(&self.recorded).clone();
        if let Some(stored) = stored {
            recorded = recorded.reread(stored, &self.settings);
            *lock(&self.recorded) = recorded.clone();
        }
        let mut jobs = lock(&self.configured).clone();
        jobs.extend(recorded.jobs);
        let patterns = patterns(&jobs);
        let known = lock(&self.last).files.clone();
        let files = known.reload(&patterns);
        let mut plan = plan(&jobs, &files, self.settings.targets_max);
        plan.wrong.extend(recorded.broken);
        let last = LastPlan {
            dropped: std::mem::take(&mut plan.dropped),
            dropped_total: plan.dropped_total,
            wrong: std::mem::take(&mut plan.wrong),
            problems: std::mem::take(&mut plan.problems),
            files,
        };
        (plan, last, patterns)
    }
}

/// Watches the folders of `file_sd` files.
struct Watcher {
    debouncer: Option<Debouncer<RecommendedWatcher>>,
    folders: BTreeSet<PathBuf>,
    wake: Arc<Notify>,
}

impl Watcher {
    fn new(wake: Arc<Notify>) -> Self {
        Self { debouncer: None, folders: BTreeSet::new(), wake }
    }

    /// Watches the folders of `patterns` and no others. Where that fails the files are still read
    /// every minute.
    fn watch(&mut self, patterns: &BTreeSet<String>) {
        let wanted: BTreeSet<PathBuf> =
            patterns.iter().map(|pattern| file_sd::folder(pattern)).collect();
        if wanted.is_empty() && self.debouncer.is_none() {
            return;
        }
        if self.debouncer.is_none() {
            let wake = Arc::clone(&self.wake);
            match new_debouncer(FILES_SETTLE, move |_| wake.notify_one()) {
                Ok(debouncer) => self.debouncer = Some(debouncer),
                Err(error) => {
                    tracing::warn!(%error, "files of targets are not watched, only polled");
                    return;
                }
            }
        }
        let Some(debouncer) = &mut self.debouncer else { return };
        for gone in self.folders.difference(&wanted) {
            // The folder may be gone with its watch.
            drop(debouncer.watcher().unwatch(gone));
        }
        let mut watched = BTreeSet::new();
        for folder in wanted {
            let known = self.folders.contains(&folder);
            if known || debouncer.watcher().watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                watched.insert(folder);
            }
        }
        self.folders = watched;
    }
}
