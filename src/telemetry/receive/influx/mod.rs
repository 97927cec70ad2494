//! Influx line protocol, version 1 and 2: each numeric field becomes the metric
//! `measurement_field`, each tag a label, the database or bucket the label `db`.

pub(super) mod api;
mod line;
mod store;

#[cfg(test)]
mod tests;

/// Stores any bytes as lines.
#[cfg(feature = "fuzz")]
pub(super) fn read_any(body: &[u8], shop: &super::work::Workshop<'_>, now_ms: i64) {
    let precision = store::Precision::Finer(1_000_000);
    let target = store::Target { database: "db".to_owned(), precision, now_ms };
    drop(store::store(body, &target, shop));
}
