//! Operations on recording rules: create, change, delete, check, import, export, and how they fare.

use std::collections::BTreeMap;

use kernel::caller::{Caller, Permission};
use kernel::db::Tx;
use kernel::error::{Error, Result};
use kernel::page::PageQuery;

use super::check::{self, Wrong, compile};
use super::file::{self, RuleFile};
use super::manager::GroupKey;
use super::model::{
    API_FILE, GroupSpec, RecordingGroup, RecordingGroupId, RecordingGroupPage, RecordingGroupWrite,
    RuleCheck, RuleCheckReport, RuleImportReport, RuleProblem, StoredGroup,
};
use super::state::GroupState;
use super::status::{RecordingStatus, file_status, resting_status, running_status};
use super::store;
use crate::Telemetry;

impl Telemetry {
    /// One page of the groups that were created through the API, oldest first.
    ///
    /// # Errors
    /// A missing permission, a wrong page.
    pub async fn list_recording_groups(
        &self,
        who: &Caller,
        page: &PageQuery,
    ) -> Result<RecordingGroupPage> {
        who.require(Permission::RulesRead)?;
        let (limit, cursor) = (page.checked_limit()?, page.cursor.clone());
        let read = self.db().read(move |read| store::list(read, limit, cursor.as_deref())).await?;
        let items = read.items.into_iter();
        let items = items.map(|it| it.value.view(RecordingGroupId(it.id), it.rev)).collect();
        Ok(RecordingGroupPage { items, next: read.next })
    }

    /// One group.
    ///
    /// # Errors
    /// `NotFound`; a missing permission.
    pub async fn get_recording_group(
        &self,
        who: &Caller,
        id: RecordingGroupId,
    ) -> Result<RecordingGroup> {
        who.require(Permission::RulesRead)?;
        let stored = self.db().read(move |read| store::get(read, id)).await?;
        Ok(stored.value.view(id, stored.rev))
    }

    /// Creates a group; its first evaluation comes within its interval.
    ///
    /// # Errors
    /// `Invalid` with the field that is wrong, `AlreadyExists` for a name that is taken,
    /// `LimitReached`; a missing permission.
    pub async fn create_recording_group(
        &self,
        who: &Caller,
        write: RecordingGroupWrite,
    ) -> Result<RecordingGroup> {
        who.require(Permission::RulesWrite)?;
        let group = self.checked(StoredGroup::create(write, self.clock().now())).await?;
        let (stored, most) = (group.clone(), self.rules().settings().groups_max);
        let create = move |tx: &mut Tx<'_>| store::create(tx, &stored, most);
        let (id, rev) = self.db().write(who, "recording_group.create", create).await?;
        self.rules().wake();
        Ok(group.view(id, rev))
    }

    /// Changes a group; `expected` is the revision that the caller saw.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `AlreadyExists`, `Invalid` with the field that is wrong; a missing
    /// permission.
    pub async fn update_recording_group(
        &self,
        who: &Caller,
        id: RecordingGroupId,
        expected: Option<u64>,
        write: RecordingGroupWrite,
    ) -> Result<RecordingGroup> {
        who.require(Permission::RulesWrite)?;
        let seen = self.db().read(move |read| store::get(read, id)).await?;
        if let Some(expected) = expected.filter(|&expected| expected != seen.rev) {
            let detail = format!(
                "it was changed meanwhile: you saw revision {expected}, now it is {}",
                seen.rev
            );
            return Err(Error::conflict("records.conflict", detail));
        }
        let mut group = seen.value;
        group.change(write, self.clock().now());
        let group = self.checked(group).await?;
        let stored = group.clone();
        // What was checked is what is written: a change in between is a conflict.
        let update = move |tx: &mut Tx<'_>| store::update(tx, id, Some(seen.rev), &stored);
        let rev = self.db().write(who, "recording_group.update", update).await?;
        self.rules().wake();
        Ok(group.view(id, rev))
    }

    /// Deletes a group; what it recorded stays until its retention ends, its series end now.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`; a missing permission.
    pub async fn delete_recording_group(
        &self,
        who: &Caller,
        id: RecordingGroupId,
        expected: Option<u64>,
    ) -> Result<()> {
        who.require(Permission::RulesWrite)?;
        let delete = move |tx: &mut Tx<'_>| store::delete(tx, id, expected);
        self.db().write(who, "recording_group.delete", delete).await?;
        self.rules().wake();
        Ok(())
    }

    /// How all groups fare, those of files included.
    ///
    /// # Errors
    /// A missing permission.
    pub async fn recording_status(&self, who: &Caller) -> Result<RecordingStatus> {
        who.require(Permission::RulesRead)?;
        let most = self.rules().settings().groups_max;
        let stored = self.db().read(move |read| store::all(read, most)).await?;
        let rules = self.rules().clone();
        // There may be many thousands of rules.
        let listed = tokio::task::spawn_blocking(move || {
            let mut items = Vec::new();
            let mut running: BTreeMap<GroupKey, GroupState> = rules
                .running()
                .into_iter()
                .map(|(key, running)| (key, running.state.lock().clone()))
                .collect();
            for group in stored {
                let name = group.value.spec.name.clone();
                let key = GroupKey { file: API_FILE.to_owned(), name };
                let mut item = match running.remove(&key) {
                    Some(state) if group.value.enabled => running_status(&key, &state),
                    _ => resting_status(group.value, rules.settings()),
                };
                item.group_id = Some(RecordingGroupId(group.id));
                items.push(item);
            }
            running.retain(|key, _| key.file != API_FILE);
            items.extend(running.iter().map(|(key, state)| running_status(key, state)));
            items.sort_by(|left, right| (&left.name, &left.file).cmp(&(&right.name, &right.file)));
            let files = rules.files();
            let mut problems = files.problems.clone();
            problems.extend(rules.problems());
            RecordingStatus { items, files: file_status(&files), problems }
        });
        listed.await.map_err(|error| Error::internal("rules.status_failed", error))
    }

    /// Checks an expression or a whole file, and names every mistake with its place.
    ///
    /// # Errors
    /// `Invalid` when neither or both are given; a text over its limit; a missing permission.
    pub async fn check_rules(&self, who: &Caller, asked: RuleCheck) -> Result<RuleCheckReport> {
        who.require(Permission::RulesRead)?;
        let settings = self.rules().settings().clone();
        let work = move || match (asked.expr, asked.yaml) {
            (Some(expr), None) => Ok(check_expression(&expr, settings.expr_bytes_max)),
            (None, Some(yaml)) => {
                check_size(&yaml, settings.file_bytes_max)?;
                let file = file::read(&yaml, &settings);
                Ok(RuleCheckReport {
                    groups: file.groups.len(),
                    rules: file.groups.iter().map(|group| group.rules.len()).sum(),
                    problems: file.problems,
                    warnings: file.warnings,
                    formatted: None,
                })
            }
            _ => Err(Error::invalid("rules.check", "give either expr or yaml")),
        };
        let checked = tokio::task::spawn_blocking(work).await;
        checked.map_err(|error| Error::internal("rules.check_failed", error))?
    }

    /// Creates the groups of a rules file, and replaces those of the same names, all or none. A
    /// dry run says what would be done.
    ///
    /// # Errors
    /// A text over its limit, too many groups; a missing permission. Mistakes in the file are in
    /// the report.
    pub async fn import_rules(
        &self,
        who: &Caller,
        yaml: String,
        dry_run: bool,
    ) -> Result<RuleImportReport> {
        who.require(Permission::RulesWrite)?;
        let settings = self.rules().settings().clone();
        check_size(&yaml, settings.file_bytes_max)?;
        let read = move || file::read(&yaml, &settings);
        let read = tokio::task::spawn_blocking(read).await;
        let file = read.map_err(|error| Error::internal("rules.import_failed", error))?;
        let RuleFile { groups, problems, warnings } = file;
        if !problems.is_empty() {
            return Ok(RuleImportReport { problems, warnings, ..RuleImportReport::default() });
        }
        let specs: Vec<GroupSpec> = groups.into_iter().map(|group| group.spec).collect();
        let most = self.rules().settings().groups_max;
        let (mut report, applied) = if dry_run {
            (self.db().read(move |read| store::compare(read, &specs)).await?, false)
        } else {
            let import = move |tx: &mut Tx<'_>| store::import(tx, &specs, most);
            (self.db().write(who, "recording_group.import", import).await?, true)
        };
        if applied {
            self.rules().wake();
        }
        report.applied = applied;
        report.warnings = warnings;
        Ok(report)
    }

    /// The groups of the API as a rules file: all, or those of one name.
    ///
    /// # Errors
    /// `NotFound` for a name that no group has; a missing permission.
    pub async fn export_rules(&self, who: &Caller, name: Option<String>) -> Result<String> {
        who.require(Permission::RulesRead)?;
        let most = self.rules().settings().groups_max;
        self.db()
            .read(move |read| {
                let mut groups = store::all(read, most)?;
                if let Some(name) = name {
                    groups.retain(|group| group.value.spec.name == name);
                    if groups.is_empty() {
                        let detail = format!("there is no group {name:?}");
                        return Err(Error::not_found("rules.not_found", detail).field("name"));
                    }
                }
                let specs: Vec<GroupSpec> =
                    groups.into_iter().map(|group| group.value.spec).collect();
                Ok(file::write(&specs))
            })
            .await
    }

    /// The group, if it can be evaluated; expressions are parsed off the async threads.
    async fn checked(&self, group: StoredGroup) -> Result<StoredGroup> {
        let settings = self.rules().settings().clone();
        let check = move || match compile(&group.spec, &settings) {
            Ok(_) => Ok(group),
            Err(wrong) => Err(invalid(&wrong)),
        };
        let checked = tokio::task::spawn_blocking(check).await;
        checked.map_err(|error| Error::internal("rules.check_failed", error))?
    }
}

fn check_size(text: &str, bytes_max: usize) -> Result<()> {
    if text.len() <= bytes_max {
        return Ok(());
    }
    let detail = format!("the text is larger than {bytes_max} bytes");
    Err(Error::too_large("rules.too_large", detail))
}

fn invalid(wrong: &[Wrong]) -> Error {
    let Some(first) = wrong.first() else {
        return Error::invalid("rules.invalid", "the group is wrong");
    };
    let more = wrong.len() - 1;
    let tail = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    let detail = format!("{}{tail}", first.message);
    Error::invalid("rules.invalid", detail).field(first.part.field())
}

fn check_expression(text: &str, bytes_max: usize) -> RuleCheckReport {
    match check::expression(text, bytes_max) {
        Ok(expr) => {
            RuleCheckReport { formatted: Some(expr.to_pretty()), ..RuleCheckReport::default() }
        }
        Err(error) => {
            let (line, column) = (error.line, error.column);
            let problem =
                RuleProblem { line, column, group: None, rule: None, message: error.message };
            RuleCheckReport { problems: vec![problem], ..RuleCheckReport::default() }
        }
    }
}
