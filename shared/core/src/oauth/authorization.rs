//! Authorization requests: their state between the start and the return from the provider, and its cookie.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::{CodeChallenge, ReturnTo};
use crate::model::identity::{LinkTicket, ProviderName};
use crate::model::{Digest, Sealed};
use crate::port::table::{Key, Write};
use crate::port::{Entropy, EntropyError, StoreError};
use crate::seal::{Purpose as SealPurpose, SealError, Sealer};
use crate::{SessionId, Timestamp, UserId};

/// Time that a person may take at the provider.
pub const AUTHORIZATION_LIFETIME: Duration = Duration::from_mins(10);

/// Maximum number of pending authorization requests of a browser, such as one per tab. A further one ends the oldest.
pub const MAX_AUTHORIZATIONS: usize = 4;

/// Maximum length of the value. Browsers accept 4096 bytes for a cookie, including name and attributes.
const MAX_COOKIE: usize = 3840;

const SEAL: SealPurpose = SealPurpose::new("oauth-flow");

/// Pending authorization request. It is stored sealed in a cookie: only this service can read or change it, and only this
/// browser can bring it back.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub(super) provider: ProviderName,
    /// Hash of the state. The state itself is only in the URL.
    pub(super) state: Digest,
    #[serde(serialize_with = "expose")]
    pub(super) nonce: SecretString,
    #[serde(serialize_with = "expose")]
    pub(super) verifier: SecretString,
    pub(super) return_to: ReturnTo,
    /// True if the client that started the request gave a return address, and so waits there for the result.
    #[serde(default)]
    pub(super) is_awaited: bool,
    pub(super) purpose: Purpose,
    /// Session that the browser had, which a sign-in ends.
    pub(super) replaces: Option<(UserId, SessionId)>,
    pub(super) started_at: Timestamp,
}

/// Purpose of an authorization request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Sign-in with cookies.
    SignIn,
    /// Sign-in to an app that stores its own tokens: the app gets a one-time code, which it can exchange with the verifier of
    /// this challenge.
    Code(CodeChallenge),
    /// Linking an identity to the signed-in account.
    Link(LinkTicket),
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl AuthorizationRequest {
    /// Returns the address to which the browser goes afterwards.
    pub fn return_to(&self) -> &ReturnTo {
        &self.return_to
    }

    /// Returns the address for a refusal: the return address with the error code in the query, as providers do (RFC 6749,
    /// section 4.1.2.1). Returns `None` if the client gave no return address, because nobody waits at one.
    pub fn refused_at(&self, code: &str) -> Option<Url> {
        self.is_awaited.then(|| self.return_to.with("error", code))
    }

    /// Returns its purpose.
    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// Returns the session that the browser had at the start.
    pub fn replaces(&self) -> Option<(UserId, SessionId)> {
        self.replaces
    }

    /// Returns the write that consumes it. The write conflicts if the authorization request was used before.
    pub(super) fn used(&self) -> Result<Write, StoreError> {
        let key = Key::new(format!("oauth-state#{}", self.state), "used");
        Ok(Write::create(key, &self.provider)?.expiring(self.started_at + AUTHORIZATION_LIFETIME))
    }

    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        now >= self.started_at + AUTHORIZATION_LIFETIME
    }

    /// Returns `None` if the sealed value is too long for a cookie.
    pub(super) fn seal(&self, sealer: &Sealer, entropy: &dyn Entropy) -> Result<Option<String>, SealError> {
        let json = serde_json::to_vec(self).map_err(|_| SealError::TooLong)?;
        let sealed = sealer.seal(SEAL, self.state.to_string().as_bytes(), &json, entropy)?.to_string();
        let value = format!("{}.{sealed}", self.started_at.as_secs());
        Ok((value.len() <= MAX_COOKIE).then_some(value))
    }

    /// Opens the authorization request of `state` from the value of its cookie.
    pub(super) fn open(sealer: &Sealer, state: Digest, value: &str) -> Option<Self> {
        let (_, sealed) = value.split_once('.')?;
        let sealed: Sealed = sealed.parse().ok()?;
        let json = sealer.open(SEAL, state.to_string().as_bytes(), &sealed).ok()?;
        serde_json::from_slice::<Self>(&json).ok().filter(|authorization| authorization.state == state)
    }
}

/// Cookie to set: `HttpOnly`, for the whole origin, for [`AUTHORIZATION_LIFETIME`].
#[derive(Clone)]
pub struct AuthorizationCookie {
    /// Name, one of [`MAX_AUTHORIZATIONS`].
    pub name: String,
    /// Value.
    pub value: String,
    /// True if the cookie must also come with a form that the provider's page posts. It is then `SameSite=None`.
    pub cross_site: bool,
}

impl fmt::Debug for AuthorizationCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationCookie({})", self.name)
    }
}

/// Part of the name of every authorization request cookie, after the prefix of the deployment.
pub(super) const COOKIE: &str = "oauth-";

/// Slot for one of the [`MAX_AUTHORIZATIONS`] cookies that a browser may have. The state names its slot, so even hundreds of
/// parallel authorization requests do not make the cookie header larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u8);

impl Slot {
    fn all() -> impl Iterator<Item = Self> {
        (0..u8::try_from(MAX_AUTHORIZATIONS).unwrap_or(u8::MAX)).map(Self)
    }

    /// Chooses a slot for a new authorization request in a browser with these cookies: a random free one, so that two tabs that
    /// start at once seldom choose the same; else the one with the oldest authorization request.
    pub fn choose(
        cookies: &[(String, String)],
        prefix: &str,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let taken = |slot: Self| cookies.iter().find(|(name, _)| *name == slot.cookie_name(prefix));
        let free: Vec<_> = Self::all().filter(|slot| taken(*slot).is_none()).collect();
        let [random] = entropy.bytes::<1>()?;
        let some = usize::from(random).checked_rem(free.len()).and_then(|n| free.get(n)).copied();
        let began = |slot: &Self| taken(*slot).map_or(0, |(_, value)| began_at(value));
        Ok(some.or_else(|| Self::all().min_by_key(began)).unwrap_or(Self(0)))
    }

    /// Returns a new state in this slot.
    pub fn state(self, entropy: &dyn Entropy) -> Result<SecretString, EntropyError> {
        let random = random(entropy)?;
        Ok(format!("{}{}", random.expose_secret(), self.0).into())
    }

    /// Returns the slot of a state.
    pub fn of(state: &str) -> Option<Self> {
        let last = state.bytes().next_back()?.checked_sub(b'0')?;
        Self::all().find(|slot| slot.0 == last)
    }

    /// Returns the name of its cookie.
    pub fn cookie_name(self, prefix: &str) -> String {
        format!("{prefix}{COOKIE}{}", self.0)
    }
}

/// Returns the unverified start time of the authorization request in a cookie. A false value harms only the browser that sends
/// it.
fn began_at(value: &str) -> i64 {
    value.split_once('.').and_then(|(seconds, _)| seconds.parse().ok()).unwrap_or(0)
}

/// Returns 256 random bits as 43 characters that need no escaping in a URL.
pub(super) fn random(entropy: &dyn Entropy) -> Result<SecretString, EntropyError> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?).into())
}

fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
