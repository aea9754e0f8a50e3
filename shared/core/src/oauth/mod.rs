//! Sign-in with a provider of identities: Google, GitHub, any OpenID provider.

mod code;
mod identity;

pub use code::{CodeChallenge, InvalidCodeChallenge, OneTimeCode};
pub use identity::{ExternalIdentity, InvalidProviderName, InvalidSubject, ProviderName, Subject};
