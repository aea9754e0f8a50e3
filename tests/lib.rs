//! Tests of what crosses functions; each folder is one target.
