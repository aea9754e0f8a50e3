//! Sign-in with identity providers: Google, GitHub, any OpenID provider.
//!
//! The authorization code grant (RFC 6749, section 4.1) with PKCE (RFC 7636), built on the `oauth2` crate over the
//! [`Fetch`](crate::port::Fetch) port, as RFC 9700 demands:
//!
//! - [`Oauth::start`] creates the secrets of an authorization request and seals them into a cookie, which binds them to this
//!   browser.
//! - [`Oauth::accept`] accepts the response of the provider only for a request that this browser started.
//! - [`Oauth::use_up`] ensures that an authorization request is finished once, before anything is sent to the provider.
//! - [`Oauth::identify`] redeems the code and finds the identity of the person. An ID token is trusted once it is an
//!   [`IdToken`].
//!
//! The module [`account`](crate::account) applies the identity to an account.

mod authorization;
mod callback;
mod code;
mod documents;
mod error;
mod exchange;
mod grant;
mod http;
mod id_token;
mod jwks;
mod memory;
mod metadata;
mod profile;
mod provider;
mod providers;
mod redirect;
mod service;
mod settings;
mod userinfo;

pub use authorization::{
    AUTHORIZATION_LIFETIME, AuthorizationCookie, AuthorizationRequest, MAX_AUTHORIZATIONS, Purpose,
};
pub use callback::{CallbackError, MAX_CODE, ProviderError, ProviderResponse};
pub use code::{CodeChallenge, InvalidCodeChallenge, OneTimeCode};
pub use error::{FinishError, IdentifyError, StartError, UseError};
pub use exchange::ExchangeError;
pub use grant::ProviderTokens;
pub use http::{DEADLINE, Failure};
pub use id_token::{IdToken, InvalidIdToken, MAX_ID_TOKEN, UnverifiedIdToken};
pub use memory::OauthMemory;
pub use provider::Provider;
pub use redirect::{AppUri, InvalidRedirect, MAX_REDIRECT, Redirects, ReturnTo};
pub(crate) use service::OauthDeployment;
pub use service::{AuthorizationParams, AuthorizationStart, ExternalSignIn, Oauth};
pub use settings::OauthSettings;

pub use crate::model::identity::{
    ExternalIdentity, InvalidIssuer, InvalidProviderName, InvalidSubject, Issuer, ProviderName, Subject,
};
