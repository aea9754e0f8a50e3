//! Identities at providers: signing in with one, linking one, taking one away.

mod code;
mod displaced;
mod handle;
mod linking;
mod proof;
mod provider_sign_in;
mod relocation;
mod unlink;
mod vault;

pub use code::{CodeOpening, IdentityCode, RedeemError, Redemption};
pub use linking::{IdentityLinking, LinkError};
pub use provider_sign_in::{IdentityError, IdentitySignedIn, ProviderSignIn};
pub use relocation::{IdentityRelocation, IssuerCount, Located, Relocated, Relocation};
pub use unlink::UnlinkError;
pub use vault::{GrantError, KeptGrant, MAX_GRANT, TokenVault};
