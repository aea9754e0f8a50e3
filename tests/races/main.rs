//! Tests: races.
