//! Identities at providers: signing in with one, linking one, taking one away.

mod code;
mod displaced;
mod handle;
mod linking;
mod profile;
mod proof;
mod provider_sign_in;
mod record;
mod relocation;
mod unlink;
mod vault;

pub use code::{CodeOpening, IdentityCode, RedeemError, Redemption};
pub use handle::{Handle, InvalidHandle};
pub use linking::{IdentityLinking, LinkError, LinkTicket};
pub use profile::{Avatar, InvalidAvatar, ProviderProfile};
pub use provider_sign_in::{IdentityError, IdentitySignedIn, ProviderSignIn};
pub(super) use record::Sole;
pub use record::{Identity, IdentityHash, MAX_IDENTITIES};
pub use relocation::{IdentityRelocation, IssuerCount, Located, Relocated, Relocation};
pub use unlink::UnlinkError;
pub use vault::{GrantError, KeptGrant, MAX_GRANT, ProviderGrant, TokenVault};
