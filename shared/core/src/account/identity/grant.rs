use secrecy::{ExposeSecret, SecretString};

use super::Identity;
use crate::UserId;
use crate::account::accounts::{MAX_TRIES, conflict};
use crate::account::{AccountError, Accounts, Authority};
use crate::audit::{Action, Actor, Requester};
use crate::oauth::{Issuer, ProviderName, Subject};
use crate::port::StoreError;
use crate::port::table::{Item, Key, Write};
use crate::seal::{Purpose, ResealError, Sealed};

const PURPOSE: Purpose = Purpose::new("provider-refresh-token");

/// The longest refresh token that is kept, in bytes.
pub const MAX_GRANT: usize = 8192;

/// What a provider gives to act for a person later: its refresh token. It never leaves the server.
#[derive(Debug, Clone)]
pub struct ProviderGrant {
    /// The provider's refresh token.
    pub refresh_token: SecretString,
}

/// A grant as it was read from its identity.
pub struct KeptGrant {
    /// What the provider takes.
    pub grant: ProviderGrant,
    /// Who gave it, and takes it.
    pub issuer: Issuer,
    user: UserId,
    provider: ProviderName,
    key: Key,
    sealed: Sealed,
}

/// Why there is no grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
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
    Account(#[from] AccountError),
}

impl From<StoreError> for GrantError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl Accounts {
    /// The refresh token that is kept for `user` at `provider`, for whoever may do all that the user may: three reads.
    pub async fn kept_grant(
        &self,
        user: UserId,
        provider: &ProviderName,
        by: Authority<'_>,
    ) -> Result<KeptGrant, GrantError> {
        let user = self.find(user).await?.ok_or(GrantError::NotKept)?;
        if !self.covers(&user, by).await? {
            return Err(GrantError::BeyondAuthority);
        }
        if !user.is_active() {
            return Err(GrantError::Disabled);
        }
        let hash = user.identities.get(provider).ok_or(GrantError::NotKept)?;
        let key = Identity::key(hash);
        let (_, identity) = self.read_identity(&key).await?.ok_or(GrantError::NotKept)?;
        let grant = self.open_grant(&identity).filter(|_| identity.user.id == user.id);
        let (Some(grant), Some(sealed)) = (grant, identity.grant) else { return Err(GrantError::NotKept) };
        let issuer = identity.issuer;
        Ok(KeptGrant { grant, issuer, user: user.id, provider: provider.clone(), key, sealed })
    }

    /// Reports that `by` was given an access token for what `kept` stands for, and keeps the refresh token that took its place,
    /// where the provider gave one. One that came by another way meanwhile is newer and stays.
    pub async fn grant_used(
        &self,
        kept: &KeptGrant,
        renewed: Option<&ProviderGrant>,
        by: UserId,
        from: &Requester,
    ) -> Result<(), AccountError> {
        let mut event = self.audit.event(Action::ProviderTokenIssued, Actor::User(by), from)?;
        event.user_id = Some(kept.user);
        event.details.insert("provider".to_owned(), kept.provider.to_string());
        for _ in 0..MAX_TRIES {
            let mut writes = vec![self.audit.write(&event)?];
            if let Some(renewed) = renewed {
                writes.extend(self.renewal(kept, renewed).await?);
            }
            if conflict(self.table.commit(&writes, self.clock.now()).await)?.is_none() {
                return Ok(());
            }
        }
        Err(AccountError::Busy("this identity is being changed"))
    }

    /// The write that puts `renewed` in the place of `kept`; none where `kept` is not there any more.
    async fn renewal(
        &self,
        kept: &KeptGrant,
        renewed: &ProviderGrant,
    ) -> Result<Option<Write>, AccountError> {
        let Some((item, identity)) = self.read_identity(&kept.key).await? else { return Ok(None) };
        if identity.user.id != kept.user || identity.grant.as_ref() != Some(&kept.sealed) {
            return Ok(None);
        }
        let of = (&identity.issuer, &identity.subject);
        let grant = self.seal_grant(kept.user, of, Some(renewed), None)?;
        Ok(Some(Write::replace(item.key, &Identity { grant, ..identity }, item.version)?))
    }

    async fn read_identity(&self, key: &Key) -> Result<Option<(Item, Identity)>, StoreError> {
        let item = self.table.get(std::slice::from_ref(key), self.clock.now()).await?.pop().flatten();
        item.map(|item| Ok((item.clone(), item.decode()?))).transpose()
    }

    /// The grant as it is stored: sealed, and bound to user and identity, so that it opens nowhere else. `before` where there is
    /// none this time, since some providers give it at the first consent only; nothing where none are to be kept.
    pub(super) fn seal_grant(
        &self,
        user: UserId,
        (issuer, subject): (&Issuer, &Subject),
        grant: Option<&ProviderGrant>,
        before: Option<&Sealed>,
    ) -> Result<Option<Sealed>, AccountError> {
        let Some(sealer) = &self.grants else { return Ok(None) };
        let Some(grant) = grant else { return Ok(before.cloned()) };
        let token = grant.refresh_token.expose_secret();
        if token.len() > MAX_GRANT {
            tracing::warn!(%issuer, "a provider's refresh token is over {MAX_GRANT} bytes and is not kept");
            return Ok(None);
        }
        let sealed =
            sealer.seal(PURPOSE, &bound_to(user, issuer, subject), token.as_bytes(), &*self.entropy)?;
        Ok(Some(sealed))
    }

    /// The kept refresh token sealed under the current secret; none where it is already. Also where none are kept any more: those that
    /// there are may be wanted again.
    pub(in crate::account) fn reseal_grant(
        &self,
        identity: &Identity,
        grant: &Sealed,
    ) -> Result<Option<Sealed>, ResealError> {
        let bound = bound_to(identity.user.id, &identity.issuer, &identity.subject);
        self.sealer.reseal(PURPOSE, &bound, grant, &*self.entropy)
    }

    /// The provider's refresh token of an identity, when one is kept and opens.
    fn open_grant(&self, identity: &Identity) -> Option<ProviderGrant> {
        let (sealer, sealed) = (self.grants.as_ref()?, identity.grant.as_ref()?);
        let bound = bound_to(identity.user.id, &identity.issuer, &identity.subject);
        match sealer.open(PURPOSE, &bound, sealed) {
            Ok(token) => {
                let refresh_token = std::str::from_utf8(&token).ok()?.into();
                Some(ProviderGrant { refresh_token })
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
