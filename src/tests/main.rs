//! The one integration binary: the real program, real clients, and the rules of the sources.

mod durability;
mod openapi;
mod peers;
mod peers_equal;
mod refusals;
mod remote_write;
mod server;
mod tidy;
