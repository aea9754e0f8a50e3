//! The cases, by what they are about. Each has people of its own, so that all can run at once and again on the same store;
//! none waits for time to pass.
//!
//! What one function has ended, another may go on with for a minute (bounded revocation), so a case that asks another
//! function than the one that changed something asks for state as of now.

use crate::case::Case;

mod account;
mod audit;
mod authorize;
mod cookies;
mod cors;
mod csrf;
mod headers;
mod input;
mod keys;
mod limits;
mod lockout;
mod meta;
mod paths;
mod permissions;
mod refresh;
mod roles;
mod session;
mod signin;
mod signup;
mod tokens;
mod users;

/// The cases for a place whose limits are out of the way.
pub fn open() -> Vec<Case> {
    [
        signup::CASES,
        signin::CASES,
        lockout::CASES,
        session::CASES,
        account::CASES,
        cookies::CASES,
        tokens::CASES,
        refresh::CASES,
        permissions::CASES,
        authorize::CASES,
        roles::CASES,
        users::CASES,
        audit::CASES,
        keys::CASES,
        meta::CASES,
        headers::CASES,
        cors::CASES,
        csrf::CASES,
        input::CASES,
        paths::CASES,
    ]
    .concat()
}

/// The cases for a place whose limits are those by default. They run one after the other.
pub fn limited() -> Vec<Case> {
    limits::CASES.to_vec()
}

/// Every case.
pub fn all() -> Vec<Case> {
    [open(), limited()].concat()
}
