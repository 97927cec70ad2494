//! Tests of the steps and of what runs them.

mod fixtures;
mod running;

use std::ops::ControlFlow;
use std::path::Path;

use records::{Options, Records};
use serde_json::{Map, Value, json};

pub(crate) fn open(dir: &Path) -> Records {
    Records::open(&dir.join("records.redb"), Options::default()).unwrap()
}

/// Everything in a store as text that can be compared.
pub(crate) fn dump(records: &Records) -> Value {
    records
        .read(|tx| {
            let mut collections = Map::new();
            for collection in tx.collections()? {
                let mut rows = Map::new();
                tx.visit_raw(&collection.name, |record| {
                    let value: Value = rmp_serde::from_slice(record.value).unwrap();
                    rows.insert(
                        record.id.to_string(),
                        json!({ "rev": record.rev, "value": value }),
                    );
                    ControlFlow::Continue(())
                })?;
                let indexes: Vec<&str> =
                    collection.indexes.iter().map(|index| index.name.as_str()).collect();
                collections.insert(
                    collection.name,
                    json!({ "schema": collection.schema, "indexes": indexes, "records": rows }),
                );
            }
            Ok::<_, records::Error>(json!({
                "version": tx.data_version()?,
                "collections": collections,
            }))
        })
        .unwrap()
}
