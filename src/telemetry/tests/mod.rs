//! Tests of the service at its boundary: real stores in a temporary directory, real sockets on
//! loopback, targets that misbehave.

mod bed;
mod hosts;
mod peer;
mod query;
mod receive;
mod scrape;
mod status;
mod targets;
mod transfer;
