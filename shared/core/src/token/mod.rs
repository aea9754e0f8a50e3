//! Access tokens, the keys that sign them, and refresh tokens.
//!
//! - [`access`]: the claims of a signed token; [`unverified`]: a text that claims to be one, until its signature is checked.
//! - [`key`], [`ring`], [`set`], [`keys`]: a signing key; the three that are in use; their public halves; the service that keeps
//!   both in the store.
//! - [`refresh`], [`family`]: the opaque token that gets the next access token, and the rules of its single use.

use std::time::Duration;

pub mod access;
pub mod algorithm;
mod blinding;
#[cfg(test)]
mod earlier;
pub mod family;
pub mod invalid;
pub mod jwk;
pub mod key;
pub mod keys;
pub mod memory;
mod next_token;
pub mod refresh;
pub mod ring;
pub mod set;
mod stored;
#[cfg(test)]
pub(crate) mod testing;
pub mod unverified;
pub mod verifying;

pub use access::{Claims, IssuerAndAudience, TokenSubject};
pub use algorithm::Algorithm;
pub use family::{Presentation, Rotation};
pub use invalid::{InvalidToken, Reason};
pub use jwk::{Jwk, Jwks, KeyId};
pub use key::SigningKey;
pub use keys::{Keys, KeysError, Signer, VerifyError};
pub use memory::KeyMemory;
pub use refresh::{InvalidRefreshToken, RefreshToken};
pub use ring::KeyRing;
pub use set::KeySet;
pub use unverified::UnverifiedToken;
pub use verifying::VerifyingKey;

pub use crate::model::{Digest, RefreshFamily};

/// How long an access token is good for. A token is refused from the moment its `exp` names, with no leeway: the server
/// that checks it is one of those that issued it.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// How far in the future `iat` may lie, for servers whose clocks differ.
pub const CLOCK_LEEWAY: Duration = Duration::from_mins(1);

/// The longest cookie that browsers keep, in bytes, with its name and attributes.
pub const MAX_COOKIE: usize = 4096;

/// The longest access token, in bytes: what a cookie's name and attributes leave of [`MAX_COOKIE`].
pub const MAX_TOKEN: usize = MAX_COOKIE - 128;

/// How long a used refresh token is still answered with the live one, whatever happened since: two tabs asked at once.
pub const REUSE_WINDOW: Duration = Duration::from_secs(10);

/// How long a used refresh token is still answered with its next token while nobody has presented that one: the response
/// was lost on its way. Later, or once the next token was presented, a used token means that two hold it, and the session
/// ends.
pub const LOST_RESPONSE_WINDOW: Duration = Duration::from_hours(24);

/// How old the keys in a process's memory may be before the store is asked again.
pub const RING_MAX_AGE: Duration = Duration::from_mins(5);

/// How long a key is still accepted and published after it stopped signing: a process may go on signing with it for
/// [`RING_MAX_AGE`], by a clock that is [`CLOCK_LEEWAY`] off, a token that lives [`ACCESS_TOKEN_LIFETIME`].
pub const RETIRED_KEY_LIFETIME: Duration =
    Duration::from_secs(ACCESS_TOKEN_LIFETIME.as_secs() + RING_MAX_AGE.as_secs() + CLOCK_LEEWAY.as_secs());
