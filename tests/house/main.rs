//! The rules of the house: arrows between crates and between modules of the domain, the index of decisions.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod core;
#[cfg(test)]
mod decisions;
