//! The functions as Lambda runs them.

#[cfg(test)]
mod events;
#[cfg(test)]
mod process;
