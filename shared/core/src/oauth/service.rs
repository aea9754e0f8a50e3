use std::sync::Arc;

use oauth2::{CsrfToken, Scope};
use secrecy::{ExposeSecret, SecretString};

use super::authorization::{self, AuthorizationCookie, AuthorizationRequest, Purpose, Slot};
use super::callback::{CallbackError, ProviderResponse};
use super::documents::Documents;
use super::error::{FinishError, IdentifyError, StartError, UseError};
use super::exchange::{self, OauthClient, Tokens};
use super::id_token::{Expected, UnverifiedIdToken};
use super::metadata::Metadata;
use super::profile::Profile;
use super::provider::{Offline, Provider, Source};
use super::{
    CodeChallenge, InvalidRedirect, OauthMemory, OauthSettings, ProviderTokens, Redirects, ReturnTo,
    redirect, userinfo,
};
use crate::model::Digest;
use crate::model::identity::{ExternalIdentity, Issuer, LinkTicket, ProviderName, ProviderRefreshToken};
use crate::optimistic::Commit;
use crate::port::{Cache, Clock, Entropy, Fetch, Table};
use crate::seal::Sealer;
use crate::{SessionId, Timestamp, UserId};

/// Configuration of sign-in with providers.
pub(crate) struct OauthDeployment {
    /// Enabled providers.
    pub settings: Arc<OauthSettings>,
    /// Addresses that browsers may return to.
    pub redirects: Redirects,
    /// `LATCHKEY_URL`.
    pub url: String,
    /// Prefix of the names of all cookies.
    pub cookie_prefix: String,
    /// True if provider refresh tokens are stored: `LATCHKEY_PROVIDER_TOKENS`.
    pub keep_tokens: bool,
    /// Sealer of the cookie of an authorization request.
    pub sealer: Arc<Sealer>,
}

/// Sign-in with providers.
pub struct Oauth {
    deployment: OauthDeployment,
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    documents: Documents,
}

/// Parameters of a new authorization request.
#[derive(Debug)]
pub struct AuthorizationParams<'a> {
    /// Name of the provider.
    pub provider: &'a ProviderName,
    /// Return address; by default the first frontend.
    pub redirect_to: Option<&'a str>,
    /// Challenge of an app that stores its own tokens.
    pub challenge: Option<CodeChallenge>,
    /// Account that links the identity; `None` to sign in.
    pub link: Option<LinkTicket>,
    /// Current session of this browser.
    pub replaces: Option<(UserId, SessionId)>,
    /// Authorization request cookies of this browser, as names and values.
    pub cookies: &'a [(String, String)],
}

/// Authorization request that has started.
#[derive(Debug)]
pub struct AuthorizationStart {
    /// URL of the provider to which the browser goes.
    pub location: url::Url,
    /// Cookie that binds the authorization request to this browser. It replaces the oldest one if the browser has
    /// [`MAX_AUTHORIZATIONS`](super::MAX_AUTHORIZATIONS).
    pub cookie: AuthorizationCookie,
}

/// Result of a return from a provider.
#[derive(Debug)]
pub struct ExternalSignIn {
    /// Identity that the provider confirmed.
    pub identity: ExternalIdentity,
    /// Provider refresh token, if the provider gave one and the operator stores them.
    pub refresh_token: Option<ProviderRefreshToken>,
}

impl Oauth {
    /// Returns the service of this deployment.
    pub(crate) fn new(
        deployment: OauthDeployment,
        table: Arc<dyn Table>,
        fetch: Arc<dyn Fetch>,
        cache: Arc<dyn Cache>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        memory: Arc<OauthMemory>,
    ) -> Self {
        Self { deployment, table, clock, entropy, documents: Documents { fetch, cache, memory } }
    }

    /// Returns the provider with this name.
    pub fn provider(&self, name: &ProviderName) -> Option<&Arc<Provider>> {
        self.deployment.settings.provider(name)
    }

    /// Returns the start page of the first frontend, for a browser without a return address.
    pub fn home(&self) -> Option<ReturnTo> {
        self.deployment.redirects.page(None).ok()
    }

    /// Returns the prefix of the names of authorization request cookies.
    pub fn cookie_prefix(&self) -> String {
        format!("{}{}", self.deployment.cookie_prefix, authorization::COOKIE)
    }

    /// Starts an authorization request. Sends no request, except for the metadata of a provider that is not built in.
    pub async fn start(&self, start: AuthorizationParams<'_>) -> Result<AuthorizationStart, StartError> {
        let provider = self.provider(start.provider).ok_or(StartError::UnknownProvider)?;
        let return_to = self.return_to(start.redirect_to, start.challenge.is_some())?;
        let purpose = match (start.link, start.challenge) {
            (Some(ticket), _) => Purpose::Link(ticket),
            (None, Some(challenge)) => Purpose::Code(challenge),
            (None, None) => Purpose::SignIn,
        };
        let now = self.clock.now();
        let metadata = self.documents.metadata(provider, now).await?;
        let slot = Slot::choose(start.cookies, &self.deployment.cookie_prefix, &*self.entropy)?;
        let state = slot.state(&*self.entropy)?;
        let authorization = AuthorizationRequest {
            provider: start.provider.clone(),
            state: Digest::of(state.expose_secret().as_bytes()),
            nonce: authorization::random(&*self.entropy)?,
            verifier: authorization::random(&*self.entropy)?,
            return_to,
            is_awaited: start.redirect_to.is_some(),
            purpose,
            replaces: start.replaces,
            started_at: now,
        };
        let value =
            authorization.seal(&self.deployment.sealer, &*self.entropy)?.ok_or(StartError::TooLong)?;
        let name = slot.cookie_name(&self.deployment.cookie_prefix);
        let cookie = AuthorizationCookie { name, value, cross_site: provider.form_post };
        let location = self.location(provider, &metadata, &authorization, &state, now)?;
        Ok(AuthorizationStart { location, cookie })
    }

    /// Checks the return address. A refused client may belong to anybody, so the response does not name the settings; the log
    /// does.
    fn return_to(&self, text: Option<&str>, is_app: bool) -> Result<ReturnTo, InvalidRedirect> {
        let place = match (is_app, text) {
            (true, Some(text)) => self.deployment.redirects.app(text),
            (true, None) => Err(InvalidRedirect),
            (false, text) => self.deployment.redirects.page(text),
        };
        place.inspect_err(|_| {
            tracing::info!(
                redirect_to = redirect::described(text),
                "a sign-in was refused: it would return to an address that LATCHKEY_ORIGINS and LATCHKEY_APP_REDIRECTS do not list"
            );
        })
    }

    /// Returns the URL of the authorization request (RFC 6749, section 4.1.1).
    fn location(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        authorization: &AuthorizationRequest,
        state: &SecretString,
        now: Timestamp,
    ) -> Result<url::Url, IdentifyError> {
        let client = self.client(provider, metadata, now)?;
        let state = CsrfToken::new(state.expose_secret().to_owned());
        let mut request = client.authorize_url(move || state);
        request = request.add_scopes(provider.scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
        match provider.offline {
            Offline::Scope(scope) if self.deployment.keep_tokens => {
                request = request.add_scope(Scope::new(scope.to_owned()));
            }
            Offline::Parameter(name, value) if self.deployment.keep_tokens => {
                request = request.add_extra_param(name, value);
            }
            Offline::Scope(_) | Offline::Parameter(..) | Offline::Asis => {}
        }
        if provider.pkce {
            // Computed here (RFC 7636, section 4.2), because `oauth2` would add a second, older SHA-256 implementation.
            let challenge = Digest::of(authorization.verifier.expose_secret().as_bytes()).to_string();
            request = request.add_extra_param("code_challenge", challenge);
            request = request.add_extra_param("code_challenge_method", "S256");
        }
        if provider.nonce {
            request = request.add_extra_param("nonce", authorization.nonce.expose_secret().to_owned());
        }
        for (name, value) in provider.extra {
            request = request.add_extra_param(*name, *value);
        }
        Ok(request.url().0)
    }

    fn client(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<OauthClient, IdentifyError> {
        let callback = format!("{}/v1/oauth/{}/callback", self.deployment.url, provider.name);
        exchange::client(provider, metadata, callback, now)
            .map_err(|error| IdentifyError::Document(error.to_string()))
    }

    /// Returns the name of the cookie that must come with this response.
    pub fn cookie_name(&self, returned: &ProviderResponse) -> Option<String> {
        Some(Slot::of(returned.state().ok()?)?.cookie_name(&self.deployment.cookie_prefix))
    }

    /// Finds the authorization request of a response from `provider` by its state and the cookie of that state. It was started
    /// in this browser, with this provider, and has not expired. [`use_up`](Self::use_up) checks that it was not finished
    /// before.
    pub fn accept(
        &self,
        provider: &ProviderName,
        returned: &ProviderResponse,
        cookie: Option<&str>,
    ) -> Result<AuthorizationRequest, CallbackError> {
        let state = Digest::of(returned.state()?.as_bytes());
        let authorization = cookie
            .and_then(|value| AuthorizationRequest::open(&self.deployment.sealer, state, value))
            .ok_or(CallbackError::State)?;
        if authorization.provider != *provider || authorization.has_ended(self.clock.now()) {
            return Err(CallbackError::State);
        }
        Ok(authorization)
    }

    /// Consumes an authorization request before anything is sent to its provider. Of several returns with one state one
    /// proceeds, and its code is sent once. The authorization request stays consumed even if the return fails afterwards.
    pub async fn use_up(&self, authorization: &AuthorizationRequest) -> Result<(), UseError> {
        match Commit::of(self.table.commit(&[authorization.used()?], self.clock.now()).await, ())? {
            Commit::Done(()) => Ok(()),
            Commit::Conflict(()) => Err(UseError::Used),
        }
    }

    /// Checks the rest of a response before anything is sent, then redeems its code to find the identity of the person. Takes
    /// at most two consecutive requests if the documents of the provider are known.
    pub async fn identify(
        &self,
        authorization: &AuthorizationRequest,
        returned: &ProviderResponse,
    ) -> Result<ExternalSignIn, FinishError> {
        let provider = self.provider(&authorization.provider).ok_or(CallbackError::State)?;
        let now = self.clock.now();
        let metadata = self.documents.metadata(provider, now).await?;
        match &returned.iss {
            Some(iss) if !metadata.is_issuer(iss, None) => return Err(CallbackError::Issuer.into()),
            None if metadata.promises_iss => return Err(CallbackError::Issuer.into()),
            Some(_) | None => {}
        }
        let code = returned.code()?;
        let client = self.client(provider, &metadata, now)?;
        let verifier = provider.pkce.then_some(&authorization.verifier);
        let tokens = exchange::redeem(&client, code, verifier, &*self.documents.fetch).await;
        let tokens = tokens.map_err(IdentifyError::from)?;
        let (mut profile, issuer) = self.profile(provider, &metadata, authorization, &tokens).await?;
        profile.name = profile.name.or_else(|| returned.name.clone());
        let refresh_token = tokens.refresh().filter(|_| self.deployment.keep_tokens);
        Ok(ExternalSignIn {
            identity: profile.into_identity(provider.name.clone(), issuer),
            refresh_token: refresh_token.map(|refresh_token| ProviderRefreshToken { refresh_token }),
        })
    }

    async fn profile(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        authorization: &AuthorizationRequest,
        tokens: &Tokens,
    ) -> Result<(Profile, Issuer), IdentifyError> {
        let access_token = tokens.access();
        let fetch = &self.documents.fetch;
        let (map, asks) = match &provider.source {
            Source::Api { urls, map } => {
                let answers = userinfo::get_all(fetch, urls, &access_token).await?;
                let issuer = metadata.issuer.parse().map_err(|_| IdentifyError::Profile)?;
                return map(&answers).map(|profile| (profile, issuer)).ok_or(IdentifyError::Profile);
            }
            Source::IdToken { map, userinfo } => (map, *userinfo),
        };
        let text = tokens.id_token().ok_or(IdentifyError::Profile)?;
        let jwks = metadata.jwks_uri.as_deref().ok_or(IdentifyError::Profile)?;
        let token = UnverifiedIdToken::parse(text)?;
        let expected = Expected {
            metadata,
            client_id: &provider.client_id,
            nonce: provider.nonce.then(|| authorization.nonce.expose_secret()),
            access_token: access_token.expose_secret(),
            now: self.clock.now(),
        };
        let verified =
            self.documents.key_for(jwks, &token, expected.now, |key| token.verify(key, &expected)).await?;
        let profile = map(&verified);
        let issuer = verified.issuer;
        let Some(url) = metadata.userinfo_endpoint.as_deref() else { return Ok((profile, issuer)) };
        if !asks || profile.verified_email.is_some() {
            return Ok((profile, issuer));
        }
        let answers = userinfo::get_all(fetch, &[url], &access_token).await?;
        let answer = answers.first().ok_or(IdentifyError::Profile)?;
        profile.with_userinfo(answer).map(|profile| (profile, issuer)).ok_or(IdentifyError::Profile)
    }

    /// Exchanges the refresh token for new tokens. The token came from `issuer` and is sent to no other.
    pub async fn refresh(
        &self,
        provider: &ProviderName,
        issuer: &Issuer,
        refresh_token: &ProviderRefreshToken,
    ) -> Result<ProviderTokens, StartError> {
        let provider = self.provider(provider).ok_or(StartError::UnknownProvider)?;
        let now = self.clock.now();
        let metadata = self.documents.metadata(provider, now).await?;
        if !metadata.is_issuer(issuer.as_str(), None) {
            return Err(StartError::AnotherIssuer);
        }
        let client = self.client(provider, &metadata, now)?;
        let tokens = exchange::refresh(&client, &refresh_token.refresh_token, &*self.documents.fetch).await;
        let tokens = tokens.map_err(IdentifyError::from)?;
        Ok(ProviderTokens {
            access_token: tokens.access(),
            expires_in: oauth2::TokenResponse::expires_in(&tokens),
            scope: tokens.scope(),
            renewed: tokens.refresh().map(|refresh_token| ProviderRefreshToken { refresh_token }),
        })
    }
}
