//! Identities at providers: sign in with one, link one, unlink one.

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
pub use provider_sign_in::{IdentityError, ProviderSession, ProviderSignIn};
pub use relocation::{IdentityRelocation, IssuerCount, IssuerIdentities, Relocation, RelocationReport};
pub use unlink::UnlinkError;
pub use vault::{MAX_PROVIDER_REFRESH_TOKEN, StoredRefreshToken, TokenVault, VaultError};
