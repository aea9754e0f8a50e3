//! Sign-in with a provider of identities: Google, GitHub, any OpenID provider.

mod identity;

pub use identity::{ExternalIdentity, InvalidProviderName, InvalidSubject, ProviderName, Subject};
