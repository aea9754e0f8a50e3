use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::SessionMemory;
use crate::audit::AuditLog;
use crate::fault::Fault;
use crate::limit::Limits;
use crate::model::audit::Requester;
use crate::model::permission::RoleName;
use crate::model::{RefreshFamily, Session, Transport, User};
use crate::permission::Roles;
use crate::port::table::Write;
use crate::port::{Clock, Entropy, StoreError, Table};
use crate::seal::Sealer;
use crate::token::{ACCESS_TOKEN_LIFETIME, Claims, Keys, RefreshToken, Signer, TokenSubject};
use crate::{SessionId, UserId};

/// The sessions and what can be done with them. Its operations are in the files beside this one.
pub struct Sessions {
    pub(super) table: Arc<dyn Table>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) sealer: Arc<Sealer>,
    pub(super) keys: Arc<Keys>,
    pub(super) roles: Roles,
    pub(super) audit: AuditLog,
    pub(super) memory: Arc<SessionMemory>,
    pub(super) limits: Limits,
}

/// How a session begins.
pub struct Opening<'a> {
    /// How its client will hold its tokens.
    pub transport: Transport,
    /// The session that the same browser has until now: signing in ends it, so that none is left behind (OWASP ASVS 7.2.4).
    pub replaces: Option<(UserId, SessionId)>,
    /// Where the request came from.
    pub from: &'a Requester,
}

/// A session that is about to begin, with its tokens: nothing is stored until its writes are committed, and nothing can fail
/// after that.
pub struct PendingSession {
    session: Session,
    tokens: Tokens,
    replaces: Option<(UserId, SessionId)>,
}

impl PendingSession {
    /// Which session it will be.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// Whether the sessions of its user are counted after it began: of one in eight, which spreads the cost of keeping the
    /// maximum.
    pub(super) fn is_trim_due(&self) -> bool {
        self.session.id.as_bytes().last().is_some_and(|byte| byte % 8 == 0)
    }

    /// The writes that begin it.
    pub fn writes(&self) -> Result<Vec<Write>, StoreError> {
        let session = &self.session;
        let mut writes = vec![
            Write::create(Session::key(session.user_id, session.id), session)?.expiring(session.ends_at()),
        ];
        if let Some((user, id)) = self.replaces {
            writes.push(Write::Delete { key: Session::key(user, id), condition: None });
        }
        Ok(writes)
    }
}

/// The tokens of a session.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// A JWT for [`ACCESS_TOKEN_LIFETIME`].
    pub access_token: SecretString,
    /// How long the access token is good for.
    pub access_lifetime: Duration,
    /// Good for one refresh.
    pub refresh_token: SecretString,
    /// How long the session lasts if it is not used.
    pub refresh_lifetime: Duration,
}

/// What a sign-up or a sign-in leads to.
#[derive(Debug)]
pub struct NewSession {
    /// Who signed in.
    pub user: User,
    /// The session that began.
    pub session: Session,
    /// Its tokens.
    pub tokens: Tokens,
}

impl Sessions {
    /// The sessions over these ports.
    #[expect(clippy::too_many_arguments, reason = "called once, where the service is put together")]
    pub fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        sealer: Arc<Sealer>,
        keys: Arc<Keys>,
        roles: Roles,
        audit: AuditLog,
        memory: Arc<SessionMemory>,
        limits: Limits,
    ) -> Self {
        Self { table, clock, entropy, sealer, keys, roles, audit, memory, limits }
    }

    /// What this process remembers of sessions.
    pub fn memory(&self) -> &SessionMemory {
        &self.memory
    }

    /// The key that signs, for sessions that are about to [start](Self::start).
    pub async fn signer(&self) -> Result<Signer, Fault> {
        Ok(self.keys.signer().await?)
    }

    /// A new session of `user`, with an identifier and tokens of its own.
    pub fn start(
        &self,
        user: &User,
        opening: &Opening<'_>,
        signer: &Signer,
    ) -> Result<PendingSession, Fault> {
        let Opening { transport, replaces, from } = *opening;
        let now = self.clock.now();
        let id = SessionId::new(&*self.clock, &*self.entropy)?;
        let refresh_token = RefreshToken::issue(user.id, id, &*self.entropy, &self.sealer)?;
        let session = Session {
            id,
            user_id: user.id,
            session_version: user.session_version,
            created_at: now,
            seen_at: now,
            transport,
            address: from.address.as_ref().map(ToString::to_string),
            user_agent: from.user_agent.clone(),
            family: RefreshFamily::new(&refresh_token),
        };
        let tokens = self.tokens(user, &session, &refresh_token, signer)?;
        Ok(PendingSession { session, tokens, replaces })
    }

    /// The first session of a new account, after it has begun.
    pub fn signed_up(&self, user: User, started: PendingSession) -> NewSession {
        let PendingSession { session, tokens, replaces } = started;
        if let Some((_, ended)) = replaces {
            self.memory.forget(ended);
        }
        NewSession { user, session, tokens }
    }

    /// A further session of an account, after it has begun. Where too many are there now, the oldest give way.
    pub async fn signed_in(&self, user: User, started: PendingSession) -> NewSession {
        if started.is_trim_due()
            && let Err(error) = self.trim(&user).await
        {
            // The person is signed in; the next sign-in or listing tries again.
            tracing::warn!(%error, user = %user.id, "the sessions beyond the maximum were not ended");
        }
        self.signed_up(user, started)
    }

    /// Whether an access token can name all of these roles.
    pub fn can_name(&self, roles: &BTreeSet<RoleName>) -> bool {
        self.keys.can_name(&texts(roles))
    }

    /// The roles that an access token of `user` names: all of them, or the first that fit where the store holds more than a
    /// grant would give. Latchkey itself decides by the store; others see fewer roles, never more.
    fn named_roles(&self, user: &User) -> Vec<String> {
        let mut roles = texts(&user.roles);
        if !self.keys.can_name(&roles) {
            let counts: Vec<_> = (1..=roles.len()).collect();
            let fits = |count: &usize| roles.get(..*count).is_some_and(|some| self.keys.can_name(some));
            let count = counts.partition_point(fits);
            tracing::warn!(user = %user.id, named = count, held = roles.len(), "an access token has no room for all roles");
            roles.truncate(count);
        }
        roles
    }

    pub(super) fn tokens(
        &self,
        user: &User,
        session: &Session,
        refresh_token: &RefreshToken,
        signer: &Signer,
    ) -> Result<Tokens, Fault> {
        let now = self.clock.now();
        let subject =
            TokenSubject { user: user.id, session: session.id, roles: self.named_roles(user), org: None };
        let claims = Claims::new(self.keys.issuer_and_audience(), subject, now, &*self.entropy)?;
        Ok(Tokens {
            access_token: signer.sign(&claims)?.into(),
            access_lifetime: ACCESS_TOKEN_LIFETIME,
            refresh_token: refresh_token.expose().into(),
            refresh_lifetime: session.ends_at().since(now),
        })
    }
}

fn texts(roles: &BTreeSet<RoleName>) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}
