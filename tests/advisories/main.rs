//! Tests: advisories.
