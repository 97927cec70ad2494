//! Operations on scrape targets: create, change, delete, and how they fare.

use std::collections::BTreeMap;

use kernel::caller::{Caller, Permission};
use kernel::clock::Time;
use kernel::error::{Error, Result};
use kernel::page::PageQuery;
use metric::Labels;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Telemetry;
use crate::model::{StoredTarget, Target, TargetId, TargetPage, TargetWrite};
use crate::scrape::manager::{Manager, Scraped};
use crate::scrape::plan::WrongTarget;
use crate::scrape::status::TargetHealth;
use crate::scrape::target::TargetOrigin;
use crate::store;

/// How a target fares.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetStatus {
    /// Its `job` label.
    pub job: String,
    /// Its `instance` label.
    pub instance: String,
    /// What is scraped.
    pub url: String,
    /// Where the target comes from.
    pub origin: TargetOrigin,
    /// The target that it was created as, if it was.
    pub target_id: Option<TargetId>,
    /// Whether it answers.
    pub health: TargetHealth,
    /// When it was scraped last.
    pub last_scrape_at: Option<Time>,
    /// When it is scraped next.
    pub next_scrape_at: Option<Time>,
    /// How long the last scrape took.
    pub duration_ms: Option<f64>,
    /// Samples of the last scrape.
    pub samples: Option<u64>,
    /// Samples that relabelling left.
    pub samples_after_relabel: Option<u64>,
    /// Bytes of the last body after decompression.
    pub body_bytes: Option<u64>,
    /// What went wrong; of a target that is up, why samples were not stored.
    pub error: Option<String>,
    /// A stable word for what went wrong.
    pub error_code: Option<String>,
    /// The labels of its series.
    pub labels: BTreeMap<String, String>,
    /// The labels before relabelling.
    pub discovered_labels: BTreeMap<String, String>,
}

/// How all targets fare.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetStatusList {
    /// Every target, those that cannot be scraped included.
    pub items: Vec<TargetStatus>,
    /// What is wrong with files of targets, and with their number.
    pub problems: Vec<String>,
}

impl Telemetry {
    /// One page of targets, oldest first.
    ///
    /// # Errors
    /// A missing permission, a wrong page.
    pub async fn list_targets(&self, who: &Caller, page: &PageQuery) -> Result<TargetPage> {
        who.require(Permission::TargetsRead)?;
        let (limit, cursor) = (page.checked_limit()?, page.cursor.clone());
        let read = self.db().read(move |read| store::list(read, limit, cursor.as_deref())).await?;
        let items = read.items.into_iter();
        let items = items.map(|it| it.value.view(TargetId(it.id), it.rev)).collect();
        Ok(TargetPage { items, next: read.next })
    }

    /// One target.
    ///
    /// # Errors
    /// `NotFound`; a missing permission.
    pub async fn get_target(&self, who: &Caller, id: TargetId) -> Result<Target> {
        who.require(Permission::TargetsRead)?;
        let stored = self.db().read(move |read| store::get(read, id)).await?;
        Ok(stored.value.view(id, stored.rev))
    }

    /// Creates a target; it is scraped within its interval.
    ///
    /// # Errors
    /// `Invalid` with the field that is wrong; a missing permission.
    pub async fn create_target(&self, who: &Caller, write: &TargetWrite) -> Result<Target> {
        who.require(Permission::TargetsWrite)?;
        let target = StoredTarget::create(write, self.clock().now())?;
        self.check_target(&target).await?;
        let stored = target.clone();
        let create = self.db().write(who, "target.create", move |tx| store::create(tx, &stored));
        let (id, rev) = create.await?;
        self.manager().wake();
        Ok(target.view(id, rev))
    }

    /// Changes a target; `expected` is the revision that the caller saw.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Invalid` with the field that is wrong; a missing permission.
    pub async fn update_target(
        &self,
        who: &Caller,
        id: TargetId,
        expected: Option<u64>,
        write: &TargetWrite,
    ) -> Result<Target> {
        who.require(Permission::TargetsWrite)?;
        let seen = self.db().read(move |read| store::get(read, id)).await?;
        if let Some(expected) = expected.filter(|&expected| expected != seen.rev) {
            let detail = format!(
                "it was changed meanwhile: you saw revision {expected}, now it is {}",
                seen.rev
            );
            return Err(Error::conflict("records.conflict", detail));
        }
        let mut target = seen.value;
        target.change(write, self.clock().now())?;
        self.check_target(&target).await?;
        let stored = target.clone();
        // What was checked is what is written: a change in between is a conflict.
        let expected = Some(seen.rev);
        let update = move |tx: &mut kernel::db::Tx<'_>| store::update(tx, id, expected, &stored);
        let rev = self.db().write(who, "target.update", update).await?;
        self.manager().wake();
        Ok(target.view(id, rev))
    }

    /// Deletes a target; its series end, their samples stay.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`; a missing permission.
    pub async fn delete_target(
        &self,
        who: &Caller,
        id: TargetId,
        expected: Option<u64>,
    ) -> Result<()> {
        who.require(Permission::TargetsWrite)?;
        let delete = move |tx: &mut kernel::db::Tx<'_>| store::delete(tx, id, expected);
        self.db().write(who, "target.delete", delete).await?;
        self.manager().wake();
        Ok(())
    }

    /// Compiles what the target would be scraped with; certificates are parsed off the async
    /// threads.
    async fn check_target(&self, target: &StoredTarget) -> Result<()> {
        let job = target.job()?;
        let settings = self.scrape_settings().clone();
        let checked = tokio::task::spawn_blocking(move || job.check(&settings)).await;
        checked.map_err(|error| Error::internal("target.check_failed", error))?
    }

    /// How all targets fare.
    ///
    /// # Errors
    /// A missing permission.
    pub async fn list_target_status(&self, who: &Caller) -> Result<TargetStatusList> {
        who.require(Permission::TargetsRead)?;
        let manager = self.manager().clone();
        // There may be many thousands.
        let listed = tokio::task::spawn_blocking(move || target_status(&manager)).await;
        listed.map_err(|error| Error::internal("target.status_failed", error))
    }
}

fn target_status(manager: &Manager) -> TargetStatusList {
    let plan = manager.last_plan();
    let mut items: Vec<TargetStatus> = manager.scraped().iter().map(scraped_status).collect();
    items.extend(plan.wrong.iter().map(wrong_status));
    items.sort_by(|left, right| {
        (&left.job, &left.instance, &left.url).cmp(&(&right.job, &right.instance, &right.url))
    });
    TargetStatusList { items, problems: plan.problems }
}

fn scraped_status((target, state): &Scraped) -> TargetStatus {
    let state = state.get();
    let scraped = state.last_scrape_at.is_some();
    let label = |name: &str| target.labels.get(name).unwrap_or("").to_owned();
    TargetStatus {
        job: label("job"),
        instance: label("instance"),
        url: target.url.clone(),
        origin: target.origin,
        target_id: target.target_id.map(TargetId),
        health: state.health,
        last_scrape_at: state.last_scrape_at,
        next_scrape_at: state.next_scrape_at,
        duration_ms: scraped.then_some(state.duration_ms),
        samples: scraped.then_some(state.samples),
        samples_after_relabel: scraped.then_some(state.samples_after_relabel),
        body_bytes: scraped.then_some(state.body_bytes),
        error: state.failure.as_ref().map(|failure| failure.detail.clone()),
        error_code: state.failure.as_ref().map(|failure| failure.code.to_owned()),
        labels: map(&target.labels),
        discovered_labels: map(&target.discovered),
    }
}

fn wrong_status(wrong: &WrongTarget) -> TargetStatus {
    TargetStatus {
        job: wrong.job.clone(),
        instance: wrong.url.clone(),
        url: wrong.url.clone(),
        origin: wrong.origin,
        target_id: wrong.target_id.map(TargetId),
        health: TargetHealth::Down,
        last_scrape_at: None,
        next_scrape_at: None,
        duration_ms: None,
        samples: None,
        samples_after_relabel: None,
        body_bytes: None,
        error: Some(wrong.reason.clone()),
        error_code: Some("bad_target".to_owned()),
        labels: BTreeMap::new(),
        discovered_labels: map(&wrong.discovered),
    }
}

fn map(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|label| (label.name.to_owned(), label.value.to_owned())).collect()
}
