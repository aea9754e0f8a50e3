use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::proof::Proof;
use super::provider_sign_in::Entry;
use super::{IdentityError, ProviderSignIn};
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Event, Requester};
use crate::model::identity::{ExternalIdentity, ProviderName, ProviderRefreshToken};
use crate::model::permission::{Policy, Versioned};
use crate::model::{Digest, Session, User};
use crate::oauth::{CodeChallenge, OneTimeCode};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::permission::Roles;
use crate::port::EntropyError;
use crate::port::table::{Condition, Item, Key, Version, Write};
use crate::session::{NewSession, Opening};
use crate::{SessionId, Timestamp};

/// Lifetime of a code.
const LIFETIME: Duration = Duration::from_mins(1);

/// Authorization request of an app that stores its own tokens.
pub struct CodeOpening<'a> {
    /// PKCE challenge.
    pub challenge: &'a CodeChallenge,
    /// Address to which the code is sent.
    pub redirect_to: &'a str,
    /// Origin of the request.
    pub from: &'a Requester,
}

/// Code for a user who signed in with a provider.
#[derive(Debug)]
pub struct IdentityCode {
    /// Code, for the app's URL.
    pub code: SecretString,
    /// True if the sign-in created the account.
    pub created: bool,
}

/// Request of an app to exchange a code.
#[derive(Debug)]
pub struct Redemption {
    /// Code.
    pub code: SecretString,
    /// PKCE verifier, from which the challenge was made.
    pub verifier: SecretString,
    /// Address at which the app received the code, if the app sends it. It must then be the address to which the code was sent.
    pub redirect_to: Option<String>,
}

/// Reason that a code was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum RedeemError {
    /// The code is unknown, expired or used, or the verifier or the address does not match. The code can no longer be used.
    #[error("the code is not valid")]
    Invalid {
        /// True if the audit log records it, because the code belonged to an account.
        is_audited: bool,
    },
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(RedeemError);

/// Stored code, under its own hash.
#[derive(Serialize, Deserialize)]
struct StoredCode {
    /// Session version of the user when the code was issued, so that ending all sessions also ends the code.
    #[serde(rename = "epoch")]
    session_version: u32,
    provider: ProviderName,
    challenge: CodeChallenge,
    redirect_to: String,
    issued_at: Timestamp,
    /// Session that started with the exchange of the code. If the code is presented again, that session ends.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    session: Option<SessionId>,
}

impl StoredCode {
    fn key(code: &OneTimeCode) -> Key {
        Self::key_of(code.user(), code.digest())
    }

    fn key_of(user: crate::UserId, digest: Digest) -> Key {
        Key::new(User::partition(user), format!("code#{digest}"))
    }
}

impl ProviderSignIn {
    /// Signs in a user for whom a provider vouches, like [`sign_in`](Self::sign_in), but without a session. Returns a code
    /// instead; the app that proves that it started the authorization request exchanges it for a session.
    pub async fn sign_in_for_code(
        &self,
        external: &ExternalIdentity,
        refresh_token: Option<&ProviderRefreshToken>,
        opening: &CodeOpening<'_>,
    ) -> Result<IdentityCode, IdentityError> {
        let proof = Proof { external, refresh_token, from: opening.from, action: Action::CodeIssued };
        let Entry { begun, created, .. } = self
            .enter(&proof, |user| {
                let code = OneTimeCode::issue(user.id, &*self.accounts.entropy)?;
                let now = self.accounts.now();
                let stored = StoredCode {
                    session_version: user.session_version,
                    provider: external.provider.clone(),
                    challenge: opening.challenge.clone(),
                    redirect_to: opening.redirect_to.to_owned(),
                    issued_at: now,
                    session: None,
                };
                let write = Write::create(StoredCode::key(&code), &stored)?.expiring(stored.ends_at());
                Ok((code, vec![write]))
            })
            .await?;
        Ok(IdentityCode { code: begun.expose().into(), created })
    }

    /// Exchanges a code for a session: one read and one commit. Of several parallel exchanges one succeeds. A wrong verifier
    /// consumes the code: its sender has the code without the verifier, so they did not start the authorization request.
    ///
    /// If a code is presented again within its lifetime, two clients have it and it is unknown which of them has the session.
    /// The session therefore ends (RFC 6749, section 4.1.2). The same applies to parallel exchanges.
    pub async fn redeem_code(
        &self,
        redemption: &Redemption,
        opening: &Opening<'_>,
    ) -> Result<NewSession, RedeemError> {
        let code = OneTimeCode::parse(redemption.code.expose_secret())
            .ok_or(RedeemError::Invalid { is_audited: false })?;
        let code = &code;
        let busy = || RedeemError::from(Fault::Busy("this account is being changed"));
        retry(MAX_TRIES, busy, || self.try_redeem(code, redemption, opening)).await
    }

    async fn try_redeem(
        &self,
        code: &OneTimeCode,
        redemption: &Redemption,
        opening: &Opening<'_>,
    ) -> Result<Commit<NewSession>, RedeemError> {
        let (accounts, from) = (&*self.accounts, opening.from);
        // Use one time for everything, so that a code that is valid when read is valid when used.
        let now = accounts.now();
        let keys = [StoredCode::key(code), User::key(code.user()), Roles::key()];
        let mut items = accounts.table.get(&keys, now).await?.into_iter();
        let (Some(Some(item)), Some(Some(user_item))) = (items.next(), items.next()) else {
            return Err(RedeemError::Invalid { is_audited: false });
        };
        let (stored, user): (StoredCode, User) = (item.decode()?, user_item.decode()?);
        let policy = Versioned::<Policy>::read(items.next().flatten().as_ref())?.value;
        let is_ended = policy.sessions_from().is_some_and(|from| stored.issued_at < from);
        if let Some(session) = stored.session {
            self.end_replayed(&item, &stored, &user, session, from, now).await?;
            return Err(RedeemError::Invalid { is_audited: true });
        }
        let is_met = stored.is_met_by(redemption);
        if !is_met || !user.is_active() || user.session_version != stored.session_version || is_ended {
            let event = self.code_event(Action::CodeRefused, Actor::Anonymous, &user, &stored, from)?;
            let writes = [used_up(&item), accounts.audit.write(&event)?];
            return match Commit::of(accounts.table.commit(&writes, now).await, ())? {
                Commit::Done(()) => Err(RedeemError::Invalid { is_audited: true }),
                // Another request used it.
                Commit::Conflict(()) => Ok(Commit::Conflict(())),
            };
        }
        let signer = accounts.sessions.signer().await?;
        let started = accounts.sessions.start(&user, opening, &signer)?;
        let actor = Actor::User(user.id);
        let event = self.code_event(Action::SigninSucceeded, actor, &user, &stored, from)?;
        let exchanged = StoredCode { session: Some(started.id()), ..stored };
        let mut writes = vec![
            Write::replace(item.key, &exchanged, item.version)?.expiring(exchanged.ends_at()),
            unchanged(&user, user_item.version),
            accounts.audit.write(&event)?,
        ];
        writes.extend(started.writes()?);
        Ok(match Commit::of(accounts.table.commit(&writes, now).await, started)? {
            Commit::Done(started) => Commit::Done(accounts.sessions.signed_in(user, started).await),
            Commit::Conflict(()) => Commit::Conflict(()),
        })
    }

    /// Ends the session that started with a code that was presented again.
    async fn end_replayed(
        &self,
        item: &Item,
        stored: &StoredCode,
        user: &User,
        session: SessionId,
        from: &Requester,
        now: Timestamp,
    ) -> Result<(), RedeemError> {
        let accounts = &*self.accounts;
        let mut event = self.code_event(Action::CodeReplayed, Actor::System, user, stored, from)?;
        event.resource = Some(format!("session:{session}"));
        let end = Write::Delete { key: Session::key(user.id, session), condition: None };
        let ended = accounts.table.commit(&[used_up(item), end, accounts.audit.write(&event)?], now).await;
        // Without a response the session may have ended.
        accounts.sessions.memory().forget(session);
        // If the code no longer exists, another replay has ended the session.
        if let Commit::Done(()) = Commit::of(ended, ())? {
            tracing::warn!(%session, "a used one-time code was presented again; its session was revoked");
        }
        Ok(())
    }

    fn code_event(
        &self,
        action: Action,
        actor: Actor,
        user: &User,
        stored: &StoredCode,
        from: &Requester,
    ) -> Result<Event, EntropyError> {
        let mut event = self.accounts.audit.event(action, actor, from)?;
        event.user_id = Some(user.id);
        event.details.insert("provider".to_owned(), stored.provider.to_string());
        Ok(event)
    }
}

impl StoredCode {
    fn ends_at(&self) -> Timestamp {
        self.issued_at + LIFETIME
    }

    fn is_met_by(&self, redemption: &Redemption) -> bool {
        let target = redemption.redirect_to.as_ref();
        self.challenge.is_of(&redemption.verifier) && target.is_none_or(|target| *target == self.redirect_to)
    }
}

fn used_up(code: &Item) -> Write {
    Write::Delete { key: code.key.clone(), condition: Some(code.version) }
}

/// Demands that the user is unchanged, so that an account that is disabled, deleted or signed out everywhere at the same moment
/// starts no session.
fn unchanged(user: &User, version: Version) -> Write {
    Write::Check { key: User::key(user.id), condition: Condition::Unchanged(version) }
}
