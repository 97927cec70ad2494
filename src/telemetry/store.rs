//! The table of scrape targets.

use kernel::db::Tx;
use kernel::error::{Error, Result};
use kernel::event::Event;
use records::{Collection, Cursor, Index, Key, Read, Scan, Stored};

use crate::model::{StoredTarget, TargetId};

/// Targets read at a time when all are wanted.
const BATCH: usize = 500;

static BY_NAME: Index<StoredTarget> = Index::plain("by_name", |target, keys| {
    keys.add(Key::new().str(&target.name));
});

static TARGETS: Collection<StoredTarget> = Collection::new("telemetry/target", 1, &[&BY_NAME]);

/// One page of targets, oldest first.
pub(crate) struct Page {
    pub items: Vec<Stored<StoredTarget>>,
    pub next: Option<String>,
}

pub(crate) fn list(read: &Read, limit: usize, cursor: Option<&str>) -> Result<Page> {
    let after: Option<Cursor> = cursor.map(str::parse).transpose()?;
    let page = read.scan(&TARGETS, Scan::all().after(after).limit(limit))?;
    Ok(Page { items: page.items, next: page.next.map(|next| next.to_string()) })
}

/// All targets, at most `most`.
pub(crate) fn all(read: &Read, most: usize) -> Result<Vec<Stored<StoredTarget>>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = read.scan(&TARGETS, Scan::all().after(after).limit(BATCH))?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
    }
}

pub(crate) fn get(read: &Read, id: TargetId) -> Result<Stored<StoredTarget>> {
    read.get(&TARGETS, id.ulid())?.ok_or_else(|| missing(id))
}

pub(crate) fn create(tx: &mut Tx<'_>, target: &StoredTarget) -> Result<(TargetId, u64)> {
    let id = TargetId(tx.new_id());
    let rev = tx.insert(&TARGETS, id.ulid(), target)?;
    tx.emit(&Event::TargetChanged { target: id.ulid() })?;
    Ok((id, rev))
}

pub(crate) fn update(
    tx: &mut Tx<'_>,
    id: TargetId,
    expected: Option<u64>,
    target: &StoredTarget,
) -> Result<u64> {
    let rev = tx.update(&TARGETS, id.ulid(), expected, target)?;
    tx.emit(&Event::TargetChanged { target: id.ulid() })?;
    Ok(rev)
}

pub(crate) fn delete(tx: &mut Tx<'_>, id: TargetId, expected: Option<u64>) -> Result<()> {
    if tx.get(&TARGETS, id.ulid())?.is_none() {
        return Err(missing(id));
    }
    tx.remove(&TARGETS, id.ulid(), expected)?;
    tx.emit(&Event::TargetDeleted { target: id.ulid() })
}

fn missing(id: TargetId) -> Error {
    Error::not_found("target.not_found", format!("there is no target {id}"))
}
