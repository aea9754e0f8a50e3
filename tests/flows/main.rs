//! What users do, through the real router, and what crosses functions. The rules of one function are tested in its crate.

#[cfg(test)]
mod devices;
#[cfg(test)]
mod end_all;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trips;
