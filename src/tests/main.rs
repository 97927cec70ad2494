//! The one integration binary: the real program, real clients, and the rules of the sources.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod clients;
mod compare;
mod durability;
mod gateway;
mod grafana;
mod hostile;
mod native;
mod openapi;
mod outages;
mod peers;
mod peers_equal;
mod refusals;
mod remote_write;
mod server;
mod tidy;
