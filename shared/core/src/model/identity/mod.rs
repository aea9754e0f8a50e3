//! Identities at providers.

mod external;
mod handle;
mod link_ticket;
mod profile;
mod provider_grant;
mod record;

pub use external::{
    ExternalIdentity, InvalidIssuer, InvalidProviderName, InvalidSubject, Issuer, ProviderName, Subject,
};
pub use handle::{Handle, InvalidHandle};
pub use link_ticket::LinkTicket;
pub use profile::{Avatar, InvalidAvatar, ProviderProfile};
pub use provider_grant::ProviderGrant;
pub(crate) use record::Sole;
pub use record::{Identity, IdentityHash, MAX_IDENTITIES};
