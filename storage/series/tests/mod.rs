//! Tests of the engine at its interface.
