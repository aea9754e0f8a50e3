//! Access tokens, the keys that sign them, and refresh tokens.
//!
//! - [`access`]: the claims of a signed token. [`unverified`]: a text that claims to be a token, until its signature is
//!   verified.
//! - [`key`]: a signing key. [`ring`]: the keys in use. [`set`]: their public keys. [`keys`]: the service that stores ring and
//!   set.
//! - [`refresh`]: the opaque token that gets the next access token. [`family`]: the rules of its single use.

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

/// Lifetime of an access token. A token is refused from its `exp` on, without leeway, because the server that checks it is one
/// of those that issued it.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// Maximum time that `iat` may lie in the future, for servers whose clocks differ.
pub const CLOCK_LEEWAY: Duration = Duration::from_mins(1);

/// Maximum size of a cookie that browsers store, in bytes, including its name and attributes.
pub const MAX_COOKIE: usize = 4096;

/// Maximum length of an access token, in bytes: [`MAX_COOKIE`] minus the name and attributes of the cookie.
pub const MAX_TOKEN: usize = MAX_COOKIE - 128;

/// Time for which a used refresh token always gets the live one, for two tabs that refresh at once.
pub const REUSE_WINDOW: Duration = Duration::from_secs(10);

/// Time for which a used refresh token gets its next token while nobody has presented that one, for a response lost on its way.
/// After that, or once the next token was presented, a used token means that two clients hold it, and the session ends.
pub const LOST_RESPONSE_WINDOW: Duration = Duration::from_hours(24);

/// Maximum age of the keys in the memory of a process before it reads the store again.
pub const RING_MAX_AGE: Duration = Duration::from_mins(5);

/// Time for which a key is accepted and published after it stopped signing. A process may sign with it for another
/// [`RING_MAX_AGE`], with a clock that is [`CLOCK_LEEWAY`] off, a token that lives for [`ACCESS_TOKEN_LIFETIME`].
pub const RETIRED_KEY_LIFETIME: Duration =
    Duration::from_secs(ACCESS_TOKEN_LIFETIME.as_secs() + RING_MAX_AGE.as_secs() + CLOCK_LEEWAY.as_secs());
