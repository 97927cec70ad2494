//! OneMonitor.
