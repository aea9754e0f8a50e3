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

/// The longest refresh token that is kept, in bytes.
pub const MAX_PROVIDER_REFRESH_TOKEN: usize = 8192;

/// A provider's refresh token as it was read from its identity.
pub struct StoredRefreshToken {
    /// What the provider takes.
    pub refresh_token: ProviderRefreshToken,
    /// Who gave it, and takes it.
    pub issuer: Issuer,
    user: UserId,
    provider: ProviderName,
    key: Key,
    sealed: Sealed,
}

/// Reason for which there is no refresh token.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such user, no identity of this provider is linked, or no refresh token of it is kept.
    #[error("no token of this provider is kept for this user")]
    NotKept,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The user may do more than whoever asks: a token of theirs would be worth more than the asker is.
    #[error("this user holds permissions that you do not have: ask somebody who does")]
    BeyondAuthority,
    /// It could not be carried out.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(VaultError);

/// Vault of the refresh tokens that providers give.
pub struct TokenVault {
    accounts: Arc<Accounts>,
    /// Whether new ones are kept, and kept ones given out: `LATCHKEY_PROVIDER_TOKENS`.
    is_open: bool,
}

impl TokenVault {
    /// Returns the vault of these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>, is_open: bool) -> Self {
        Self { accounts, is_open }
    }

    /// The refresh token that is kept for `user` at `provider`, for whoever may do all that the user may: three reads.
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

    /// Reports that `by` was given an access token for what `kept` stands for, and keeps the refresh token that took its place,
    /// where the provider gave one. One that came by another way meanwhile is newer and stays.
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

    /// Whether `by` may do all that `user` may, by the roles as they are now.
    async fn covers(&self, user: &User, by: Authority<'_>) -> Result<bool, StoreError> {
        let Authority::Administrator(live) = by else { return Ok(true) };
        let policy = self.accounts.roles.load_fresh().await?;
        Ok(live.grants.covers(&policy.value.compile(&user.roles)))
    }

    /// The write that puts `renewed` in the place of `kept`; none where `kept` is not there any more.
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

    /// The refresh token as it is stored: sealed, and bound to user and identity, so that it opens nowhere else. `before` where there is
    /// none this time, since some providers give it at the first consent only; nothing where none are to be kept.
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
            tracing::warn!(%issuer, "a provider's refresh token is over {MAX_PROVIDER_REFRESH_TOKEN} bytes and is not kept");
            return Ok(None);
        }
        let Accounts { sealer, entropy, .. } = &*self.accounts;
        let sealed = sealer.seal(PURPOSE, &bound_to(user, issuer, subject), token.as_bytes(), &**entropy)?;
        Ok(Some(sealed))
    }

    /// The kept refresh token sealed under the current secret; none where it is already. Also where none are kept any more: those that
    /// there are may be wanted again.
    pub(in crate::account) fn reseal(
        &self,
        identity: &Identity,
        refresh_token: &Sealed,
    ) -> Result<Option<Sealed>, ResealError> {
        let bound = bound_to(identity.user.id, &identity.issuer, &identity.subject);
        self.accounts.sealer.reseal(PURPOSE, &bound, refresh_token, &*self.accounts.entropy)
    }

    /// The provider's refresh token of an identity, when one is kept and opens.
    fn open(&self, identity: &Identity) -> Option<ProviderRefreshToken> {
        let sealed = identity.refresh_token.as_ref().filter(|_| self.is_open)?;
        let bound = bound_to(identity.user.id, &identity.issuer, &identity.subject);
        match self.accounts.sealer.open(PURPOSE, &bound, sealed) {
            Ok(token) => {
                let refresh_token = std::str::from_utf8(&token).ok()?.into();
                Some(ProviderRefreshToken { refresh_token })
            }
            Err(error) => {
                tracing::warn!(%error, provider = %identity.provider, "a kept refresh token does not open");
                None
            }
        }
    }
}

fn bound_to(user: UserId, issuer: &Issuer, subject: &Subject) -> Vec<u8> {
    // Neither of the first two has a zero byte in its text, so the three parts have one reading.
    format!("{user}\0{issuer}\0{}", subject.as_str()).into_bytes()
}
