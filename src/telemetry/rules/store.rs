//! The table of groups of recording rules.

use kernel::db::Tx;
use kernel::error::{Error, Result};
use records::{Collection, Cursor, Index, Key, Read, Scan, Stored};

use super::model::{GroupSpec, RecordingGroupId, RuleImportReport, StoredGroup};

/// Groups read at a time when all are wanted.
const BATCH: usize = 200;

static BY_NAME: Index<StoredGroup> = Index::unique("by_name", |group, keys| {
    keys.add(Key::new().str(&group.spec.name));
});

static GROUPS: Collection<StoredGroup> =
    Collection::new("telemetry/recording-group", 1, &[&BY_NAME]);

/// One page of groups, oldest first.
pub(crate) struct Page {
    pub items: Vec<Stored<StoredGroup>>,
    pub next: Option<String>,
}

pub(crate) fn list(read: &Read, limit: usize, cursor: Option<&str>) -> Result<Page> {
    let after: Option<Cursor> = cursor.map(str::parse).transpose()?;
    let page = read.scan(&GROUPS, Scan::all().after(after).limit(limit))?;
    Ok(Page { items: page.items, next: page.next.map(|next| next.to_string()) })
}

/// All groups, at most `most`, oldest first.
pub(crate) fn all(read: &Read, most: usize) -> Result<Vec<Stored<StoredGroup>>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = read.scan(&GROUPS, Scan::all().after(after).limit(BATCH))?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
    }
}

pub(crate) fn get(read: &Read, id: RecordingGroupId) -> Result<Stored<StoredGroup>> {
    read.get(&GROUPS, id.ulid())?.ok_or_else(|| missing(id))
}

pub(crate) fn find(read: &Read, name: &str) -> Result<Option<Stored<StoredGroup>>> {
    Ok(read.find(&GROUPS, &BY_NAME, Key::new().str(name))?)
}

/// Adds a group; there may be `most` of them.
pub(crate) fn create(
    tx: &mut Tx<'_>,
    group: &StoredGroup,
    most: usize,
) -> Result<(RecordingGroupId, u64)> {
    if tx.count(&GROUPS)? >= most as u64 {
        let detail = format!("there are {most} groups already, which is the limit");
        return Err(Error::limit_reached("rules.too_many_groups", detail));
    }
    check_name(tx, &group.spec.name, None)?;
    let id = RecordingGroupId(tx.new_id());
    let rev = tx.insert(&GROUPS, id.ulid(), group)?;
    Ok((id, rev))
}

pub(crate) fn update(
    tx: &mut Tx<'_>,
    id: RecordingGroupId,
    expected: Option<u64>,
    group: &StoredGroup,
) -> Result<u64> {
    check_name(tx, &group.spec.name, Some(id))?;
    Ok(tx.update(&GROUPS, id.ulid(), expected, group)?)
}

pub(crate) fn delete(tx: &mut Tx<'_>, id: RecordingGroupId, expected: Option<u64>) -> Result<()> {
    if tx.get(&GROUPS, id.ulid())?.is_none() {
        return Err(missing(id));
    }
    tx.remove(&GROUPS, id.ulid(), expected)?;
    Ok(())
}

/// Refuses a name that another group has.
fn check_name(read: &Read, name: &str, own: Option<RecordingGroupId>) -> Result<()> {
    match find(read, name)?.filter(|other| Some(RecordingGroupId(other.id)) != own) {
        Some(_) => {
            let detail = format!("there is a group {name:?} already");
            Err(Error::already_exists("rules.name_taken", detail).field("name"))
        }
        None => Ok(()),
    }
}

fn missing(id: RecordingGroupId) -> Error {
    Error::not_found("rules.not_found", format!("there is no group {id}"))
}

/// What an import of `specs` would do.
pub(crate) fn compare(read: &Read, specs: &[GroupSpec]) -> Result<RuleImportReport> {
    let mut report = RuleImportReport::default();
    for spec in specs {
        let names = match find(read, &spec.name)? {
            None => &mut report.created,
            Some(known) if known.value.spec == *spec => &mut report.unchanged,
            Some(_) => &mut report.changed,
        };
        names.push(spec.name.clone());
    }
    Ok(report)
}

/// Creates the groups that are new and replaces those that differ.
pub(crate) fn import(
    tx: &mut Tx<'_>,
    specs: &[GroupSpec],
    most: usize,
) -> Result<RuleImportReport> {
    let report = compare(tx, specs)?;
    let now = tx.now();
    for spec in specs {
        match find(tx, &spec.name)? {
            Some(known) if known.value.spec == *spec => {}
            Some(known) => {
                let group = StoredGroup { spec: spec.clone(), updated_at: now, ..known.value };
                update(tx, RecordingGroupId(known.id), Some(known.rev), &group)?;
            }
            None => {
                let spec = spec.clone();
                let group = StoredGroup { spec, enabled: true, created_at: now, updated_at: now };
                create(tx, &group, most)?;
            }
        }
    }
    Ok(report)
}
