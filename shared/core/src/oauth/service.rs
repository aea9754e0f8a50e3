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
    /// The providers that are on.
    pub settings: Arc<OauthSettings>,
    /// Where browsers may go afterwards.
    pub redirects: Redirects,
    /// `LATCHKEY_URL`.
    pub url: String,
    /// Start of the names of all cookies.
    pub cookie_prefix: String,
    /// Whether refresh tokens of providers are kept: `LATCHKEY_PROVIDER_TOKENS`.
    pub keep_tokens: bool,
    /// Seals what a browser carries through the authorization request.
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

/// What an authorization request begins with.
#[derive(Debug)]
pub struct AuthorizationParams<'a> {
    /// Which provider.
    pub provider: &'a ProviderName,
    /// Where to return to; the first frontend when it is missing.
    pub redirect_to: Option<&'a str>,
    /// The challenge of an app that holds its own tokens.
    pub challenge: Option<CodeChallenge>,
    /// The account that is to get the identity; none to sign in.
    pub link: Option<LinkTicket>,
    /// The session that this browser has.
    pub replaces: Option<(UserId, SessionId)>,
    /// The authorization request cookies that this browser brings, as names and values.
    pub cookies: &'a [(String, String)],
}

/// An authorization request that has begun.
#[derive(Debug)]
pub struct AuthorizationStart {
    /// Where the browser goes: the provider.
    pub location: url::Url,
    /// Binds the authorization request to this browser. It takes the place of the oldest where the browser has
    /// [`MAX_AUTHORIZATIONS`](super::MAX_AUTHORIZATIONS).
    pub cookie: AuthorizationCookie,
}

/// Who came back.
#[derive(Debug)]
pub struct ExternalSignIn {
    /// Who the provider says it is.
    pub identity: ExternalIdentity,
    /// The provider's refresh token, where it gave one and the operator keeps them.
    pub refresh_token: Option<ProviderRefreshToken>,
}

impl Oauth {
    /// The service of this deployment.
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

    /// The provider of this name.
    pub fn provider(&self, name: &ProviderName) -> Option<&Arc<Provider>> {
        self.deployment.settings.provider(name)
    }

    /// The start page of the first frontend: where a browser goes that brings nothing to tell.
    pub fn home(&self) -> Option<ReturnTo> {
        self.deployment.redirects.page(None).ok()
    }

    /// Start of the names of authorization request cookies.
    pub fn cookie_prefix(&self) -> String {
        format!("{}{}", self.deployment.cookie_prefix, authorization::COOKIE)
    }

    /// Begins an authorization request. Asks nobody, but for the metadata of a provider that is not known beforehand.
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

    /// Where the browser goes afterwards. Whom it refuses may be anybody's user, so the response names no setting; the log does.
    fn return_to(&self, text: Option<&str>, is_app: bool) -> Result<ReturnTo, InvalidRedirect> {
        let place = match (is_app, text) {
            (true, Some(text)) => self.deployment.redirects.app(text),
            (true, None) => Err(InvalidRedirect),
            (false, text) => self.deployment.redirects.page(text),
        };
        place.inspect_err(|_| {
            tracing::info!(
                redirect_to = redirect::described(text),
                "a sign-in did not begin: it would return to a place that LATCHKEY_ORIGINS and LATCHKEY_APP_REDIRECTS do not list"
            );
        })
    }

    /// The authorization request (RFC 6749, section 4.1.1).
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
            // RFC 7636, section 4.2. By `oauth2` it would take the SHA-256 of an older generation, a second one.
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

    /// The name of the cookie that must come with this response.
    pub fn cookie_name(&self, returned: &ProviderResponse) -> Option<String> {
        Some(Slot::of(returned.state().ok()?)?.cookie_name(&self.deployment.cookie_prefix))
    }

    /// The authorization request that a response to `provider` belongs to, told by its state and by the cookie of that state:
    /// it was begun in
    /// this browser, with this provider, and is not over. [`use_up`](Self::use_up) tells whether it was finished before.
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

    /// Uses an authorization request up, before anything is sent to its provider: of any number of returns with one state,
    /// one goes on, and the code
    /// that came with it is sent once. An authorization request stays used up when its return fails afterwards.
    pub async fn use_up(&self, authorization: &AuthorizationRequest) -> Result<(), UseError> {
        match Commit::of(self.table.commit(&[authorization.used()?], self.clock.now()).await, ())? {
            Commit::Done(()) => Ok(()),
            Commit::Conflict(()) => Err(UseError::Used),
        }
    }

    /// Checks the rest of a response before anything is sent anywhere, and redeems its code: who came back? At most two
    /// requests after each other, when the provider's documents are known.
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

    /// New tokens of the provider for its refresh token, which came from `issuer` and goes to nobody else.
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
