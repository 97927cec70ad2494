//! Influx line protocol, version 1 and 2: each numeric field becomes the metric
//! `measurement_field`, each tag a label, the database or bucket the label `db`.

pub(super) mod api;
mod line;
mod store;

#[cfg(test)]
mod tests;
