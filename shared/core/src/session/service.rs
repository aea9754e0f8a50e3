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

/// Sessions and their operations, which are in the other files of this module.
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

/// Parameters of a new session.
pub struct Opening<'a> {
    /// Way in which its client stores its tokens.
    pub transport: Transport,
    /// Current session of the same browser. Signing in ends it, so that no session is left behind (OWASP ASVS 7.2.4).
    pub replaces: Option<(UserId, SessionId)>,
    /// Origin of the request.
    pub from: &'a Requester,
}

/// Session that is about to start, with its tokens. Nothing is stored until its writes are committed, and nothing can fail
/// after that.
pub struct PendingSession {
    session: Session,
    tokens: Tokens,
    replaces: Option<(UserId, SessionId)>,
}

impl PendingSession {
    /// Returns the identifier of the session.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// Returns true if the user's sessions are to be counted after the start. One session in eight triggers a count, which
    /// spreads the cost of enforcing the maximum.
    pub(super) fn is_trim_due(&self) -> bool {
        self.session.id.as_bytes().last().is_some_and(|byte| byte % 8 == 0)
    }

    /// Returns the writes that start it.
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

/// Tokens of a session.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// JWT, valid for [`ACCESS_TOKEN_LIFETIME`].
    pub access_token: SecretString,
    /// Lifetime of the access token.
    pub access_lifetime: Duration,
    /// Refresh token, valid for one refresh.
    pub refresh_token: SecretString,
    /// Remaining lifetime of the session if it is not used.
    pub refresh_lifetime: Duration,
}

/// Result of a sign-up or a sign-in.
#[derive(Debug)]
pub struct NewSession {
    /// User who signed in.
    pub user: User,
    /// New session.
    pub session: Session,
    /// Its tokens.
    pub tokens: Tokens,
}

impl Sessions {
    /// Returns the sessions over these ports.
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

    /// Returns the memory of sessions in this process.
    pub fn memory(&self) -> &SessionMemory {
        &self.memory
    }

    /// Returns the current signing key, for sessions that are about to [start](Self::start).
    pub async fn signer(&self) -> Result<Signer, Fault> {
        Ok(self.keys.signer().await?)
    }

    /// Returns a new session of `user`, with its own identifier and tokens.
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

    /// Returns the first session of a new account, once its writes are committed.
    pub fn signed_up(&self, user: User, started: PendingSession) -> NewSession {
        let PendingSession { session, tokens, replaces } = started;
        if let Some((_, ended)) = replaces {
            self.memory.forget(ended);
        }
        NewSession { user, session, tokens }
    }

    /// Returns a further session of an account, once its writes are committed. Ends the oldest sessions if there are too many.
    pub async fn signed_in(&self, user: User, started: PendingSession) -> NewSession {
        if started.is_trim_due()
            && let Err(error) = self.trim(&user).await
        {
            // The user is signed in. The next sign-in or listing tries again.
            tracing::warn!(%error, user = %user.id, "the sessions beyond the maximum were not ended");
        }
        self.signed_up(user, started)
    }

    /// Returns true if an access token has room for all of these roles.
    pub fn can_name(&self, roles: &BTreeSet<RoleName>) -> bool {
        self.keys.can_name(&texts(roles))
    }

    /// Returns the roles that an access token of `user` names: all of them, or the first that fit if the store holds more than
    /// fit. Latchkey itself decides by the store. Resource servers see fewer roles, never more.
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
