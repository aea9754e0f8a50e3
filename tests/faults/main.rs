//! What happens when a store fails: before it does what it was asked, after it, or only for a while.

#[cfg(test)]
mod answers_lost;
#[cfg(test)]
mod counters_down;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod signing;
#[cfg(test)]
mod support;
#[cfg(test)]
mod table_down;
