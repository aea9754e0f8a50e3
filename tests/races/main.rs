//! What happens when many do the same thing at once, and random histories against a model.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod model;
#[cfg(test)]
mod passwords;
#[cfg(test)]
mod refreshes;
#[cfg(test)]
mod support;
