//! Identities at providers: signing in with one, linking one, taking one away.

mod code;
mod displaced;
mod grant;
mod handle;
mod link;
mod profile;
mod record;
mod relocate;
mod signin;
mod unlink;

pub use code::{CodeOpening, IdentityCode, RedeemError, Redemption};
pub use grant::{GrantError, KeptGrant, MAX_GRANT, ProviderGrant};
pub use handle::{Handle, InvalidHandle};
pub use link::{LinkError, LinkTicket};
pub use profile::{Avatar, InvalidAvatar, ProviderProfile};
pub(super) use record::Sole;
pub use record::{Identity, IdentityHash, MAX_IDENTITIES};
pub use relocate::{IssuerCount, Located, Relocated, Relocation};
pub use signin::{IdentityError, IdentitySignedIn};
pub use unlink::UnlinkError;
