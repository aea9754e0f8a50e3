//! The rules of the house: arrows between crates, the index of decisions.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod decisions;
