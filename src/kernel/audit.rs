//! The audit trail: who changed what, written in the transaction of the change.

use records::{Collection, Index, Key, Ulid};
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::clock::Time;

/// One change, as the trail keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Time,
    /// Who, as an id (`usr_…`, `tok_…`, `system:scraper`).
    pub subject: String,
    /// Who, by the name of that time.
    pub name: String,
    /// The address that the request came from.
    pub source: Option<String>,
    /// What was done (`target.create`).
    pub operation: String,
    /// The request that it belongs to.
    pub request_id: Option<String>,
    /// What it was about, where the operation says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl AuditEntry {
    /// The entry for `operation` by `caller` at `at`.
    #[must_use]
    pub fn of(caller: &Caller, operation: &str, at: Time) -> Self {
        Self {
            at,
            subject: caller.subject.to_string(),
            name: caller.name.to_string(),
            source: caller.source.map(|source| source.to_string()),
            operation: operation.to_owned(),
            request_id: caller.request_id.as_deref().map(str::to_owned),
            detail: None,
        }
    }
}

static BY_SUBJECT: Index<AuditEntry> = Index::plain("by_subject", |entry, keys| {
    keys.add(Key::new().str(&entry.subject).i64(entry.at.as_nanos()));
});

pub(crate) static ENTRIES: Collection<AuditEntry> =
    Collection::new("kernel/audit", 1, &[&BY_SUBJECT]);

/// Adds the entry of a change to its own transaction.
pub(crate) fn record(
    tx: &mut records::Write,
    id: Ulid,
    entry: &AuditEntry,
) -> Result<(), records::Error> {
    tx.insert(&ENTRIES, id, entry).map(|_rev| ())
}
