use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::UserId;
use crate::account::Authority;
use crate::account::accounts::Accounts;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::identity::{Identity, Issuer, ProviderName, ProviderRefreshToken, Subject};
use crate::model::{Sealed, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::port::StoreError;
use crate::port::table::{Item, Key, Write};
use crate::seal::{Purpose, ResealError};

const PURPOSE: Purpose = Purpose::new("provider-refresh-token");

/// Maximum length of a refresh token that is stored, in bytes.
pub const MAX_PROVIDER_REFRESH_TOKEN: usize = 8192;

/// Provider refresh token as it was read from its identity.
pub struct StoredRefreshToken {
    /// Token that the provider accepts.
    pub refresh_token: ProviderRefreshToken,
    /// Issuer that issued the token and accepts it.
    pub issuer: Issuer,
    user: UserId,
    provider: ProviderName,
    key: Key,
    sealed: Sealed,
}

/// Reason that no refresh token is returned.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The user does not exist, no identity of this provider is linked, or no refresh token of it is stored.
    #[error("no token of this provider is stored for this user")]
    NotKept,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The user has permissions that the caller lacks, so a token of the user would give the caller more rights.
    #[error("this user holds permissions that you do not have: ask somebody who does")]
    BeyondAuthority,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(VaultError);

/// Vault of provider refresh tokens.
pub struct TokenVault {
    accounts: Arc<Accounts>,
    /// True if new tokens are stored and stored ones are returned: `LATCHKEY_PROVIDER_TOKENS`.
    is_open: bool,
}

impl TokenVault {
    /// Returns the vault of these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>, is_open: bool) -> Self {
        Self { accounts, is_open }
    }

    /// Returns the refresh token that is stored for `user` at `provider`, if `by` has all permissions of the user: three reads.
    pub async fn kept(
        &self,
        user: UserId,
        provider: &ProviderName,
        by: Authority<'_>,
    ) -> Result<StoredRefreshToken, VaultError> {
        let user = self.accounts.find(user).await?.ok_or(VaultError::NotKept)?;
        if !self.covers(&user, by).await? {
            return Err(VaultError::BeyondAuthority);
        }
        if !user.is_active() {
            return Err(VaultError::Disabled);
        }
        let hash = user.identities.get(provider).ok_or(VaultError::NotKept)?;
        let key = Identity::key(hash);
        let (_, identity) = self.read_identity(&key).await?.ok_or(VaultError::NotKept)?;
        let refresh_token = self.open(&identity).filter(|_| identity.user.id == user.id);
        let (Some(refresh_token), Some(sealed)) = (refresh_token, identity.refresh_token) else {
            return Err(VaultError::NotKept);
        };
        let issuer = identity.issuer;
        Ok(StoredRefreshToken {
            refresh_token,
            issuer,
            user: user.id,
            provider: provider.clone(),
            key,
            sealed,
        })
    }

    /// Records that `by` was given an access token for `kept`, and stores the refresh token that replaces it, if the provider
    /// gave one. If another token was stored meanwhile, that one is newer and stays.
    pub async fn used(
        &self,
        kept: &StoredRefreshToken,
        renewed: Option<&ProviderRefreshToken>,
        by: UserId,
        from: &Requester,
    ) -> Result<(), Fault> {
        let mut event = self.accounts.audit.event(Action::ProviderTokenIssued, Actor::User(by), from)?;
        event.user_id = Some(kept.user);
        event.details.insert("provider".to_owned(), kept.provider.to_string());
        let (event, busy) = (&event, || Fault::Busy("this identity is being changed"));
        retry(MAX_TRIES, busy, || async {
            let mut writes = vec![self.accounts.audit.write(event)?];
            if let Some(renewed) = renewed {
                writes.extend(self.renewal(kept, renewed).await?);
            }
            Ok(Commit::of(self.accounts.commit(&writes).await, ())?)
        })
        .await
    }

    /// Returns true if `by` has all permissions of `user`, by the current roles.
    async fn covers(&self, user: &User, by: Authority<'_>) -> Result<bool, StoreError> {
        let Authority::Administrator(live) = by else { return Ok(true) };
        let policy = self.accounts.roles.load_fresh().await?;
        Ok(live.grants.covers(&policy.value.compile(&user.roles)))
    }

    /// Returns the write that replaces `kept` by `renewed`, or `None` if `kept` was replaced or removed.
    async fn renewal(
        &self,
        kept: &StoredRefreshToken,
        renewed: &ProviderRefreshToken,
    ) -> Result<Option<Write>, Fault> {
        let Some((item, identity)) = self.read_identity(&kept.key).await? else { return Ok(None) };
        if identity.user.id != kept.user || identity.refresh_token.as_ref() != Some(&kept.sealed) {
            return Ok(None);
        }
        let of = (&identity.issuer, &identity.subject);
        let refresh_token = self.seal(kept.user, of, Some(renewed), None)?;
        Ok(Some(Write::replace(item.key, &Identity { refresh_token, ..identity }, item.version)?))
    }

    async fn read_identity(&self, key: &Key) -> Result<Option<(Item, Identity)>, StoreError> {
        let item = self.accounts.item(key.clone()).await?;
        item.map(|item| Ok((item.clone(), item.decode()?))).transpose()
    }

    /// Returns the refresh token in its stored form: sealed, and bound to user and identity, so that it opens nowhere else.
    /// Without a new token it returns `before`, because some providers send one at the first consent only. Returns `None` if no
    /// tokens are to be stored.
    pub(super) fn seal(
        &self,
        user: UserId,
        (issuer, subject): (&Issuer, &Subject),
        refresh_token: Option<&ProviderRefreshToken>,
        before: Option<&Sealed>,
    ) -> Result<Option<Sealed>, Fault> {
        if !self.is_open {
            return Ok(None);
        }
        let Some(refresh_token) = refresh_token else { return Ok(before.cloned()) };
        let token = refresh_token.refresh_token.expose_secret();
        if token.len() > MAX_PROVIDER_REFRESH_TOKEN {
            tracing::warn!(%issuer, "a provider's refresh token is over {MAX_PROVIDER_REFRESH_TOKEN} bytes and is not stored");
            return Ok(None);
        }
        let Accounts { sealer, entropy, .. } = &*self.accounts;
        let sealed = sealer.seal(PURPOSE, &bound_to(user, issuer, subject), token.as_bytes(), &**entropy)?;
        Ok(Some(sealed))
    }

    /// Returns the stored refresh token sealed with the current secret; `None` if it already is. Also works if tokens are no
    /// longer stored, because existing ones may be needed again.
    pub(in crate::account) fn reseal(
        &self,
        identity: &Identity,
        refresh_token: &Sealed,
    ) -> Result<Option<Sealed>, ResealError> {
        let bound = bound_to(identity.user.id, &identity.issuer, &identity.subject);
        self.accounts.sealer.reseal(PURPOSE, &bound, refresh_token, &*self.accounts.entropy)
    }

    /// Returns the provider refresh token of an identity, if one is stored and opens.
    fn open(&self, identity: &Identity) -> Option<ProviderRefreshToken> {
        let sealed = identity.refresh_token.as_ref().filter(|_| self.is_open)?;
        let bound = bound_to(identity.user.id, &identity.issuer, &identity.subject);
        match self.accounts.sealer.open(PURPOSE, &bound, sealed) {
            Ok(token) => {
                let refresh_token = std::str::from_utf8(&token).ok()?.into();
                Some(ProviderRefreshToken { refresh_token })
            }
            Err(error) => {
                tracing::warn!(%error, provider = %identity.provider, "a stored provider refresh token cannot be opened");
                None
            }
        }
    }
}

fn bound_to(user: UserId, issuer: &Issuer, subject: &Subject) -> Vec<u8> {
    // Neither of the first two contains a zero byte, so the three parts have one reading.
    format!("{user}\0{issuer}\0{}", subject.as_str()).into_bytes()
}
