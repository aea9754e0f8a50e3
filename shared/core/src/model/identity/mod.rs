//! Identities at providers.

mod external;
mod handle;
mod link_ticket;
mod profile;
mod provider_refresh_token;
mod record;

pub use external::{
    ExternalIdentity, InvalidIssuer, InvalidProviderName, InvalidSubject, Issuer, ProviderName, Subject,
};
pub use handle::{Handle, InvalidHandle};
pub use link_ticket::LinkTicket;
pub use profile::{Avatar, InvalidAvatar, ProviderProfile};
pub use provider_refresh_token::ProviderRefreshToken;
pub(crate) use record::Sole;
pub use record::{Identity, IdentityHash, MAX_IDENTITIES};
