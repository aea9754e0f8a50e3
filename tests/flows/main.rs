//! What users do, through the real router: one module per function, named by its URL, and what crosses them.

#[cfg(test)]
mod admin_audit;
#[cfg(test)]
mod admin_roles;
#[cfg(test)]
mod admin_users;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod end_all;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod permissions_check;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod session;
#[cfg(test)]
mod signin;
#[cfg(test)]
mod signup;
#[cfg(test)]
mod support;
#[cfg(test)]
mod token_refresh;
#[cfg(test)]
mod trips;
