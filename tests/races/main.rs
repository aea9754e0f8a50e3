//! Many who do the same thing at once, one who acts between the read and the commit of another, and random histories against a
//! model.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod interleaved;
#[cfg(test)]
mod model;
#[cfg(test)]
mod passwords;
#[cfg(test)]
mod refreshes;
#[cfg(test)]
mod support;
