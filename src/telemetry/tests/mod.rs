//! Tests of the service at its boundary: real stores in a temporary directory, real sockets on
//! loopback, targets that misbehave.

mod bed;
mod beside;
mod hosts;
mod influx;
mod limits;
mod otlp;
mod otlp_beside;
mod parquet;
mod peer;
mod query;
mod receive;
mod remote_read;
mod remote_read_beside;
mod remote_write_v2;
mod retention;
mod rules;
mod scrape;
mod scrape_native;
mod status;
mod targets;
mod transfer;
pub(crate) mod wire;
