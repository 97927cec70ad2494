//! OneMonitor: the composition of its rooms into one program.

pub mod app;
pub mod cli;
pub mod config;
mod watch;
