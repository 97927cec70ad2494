//! Tests of the journal's files and operations.
