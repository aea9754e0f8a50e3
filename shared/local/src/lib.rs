//! Latchkey on one machine.

pub mod adapters;
