//! One trip to a provider and back: what is remembered of it, and where.

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

/// How long a person may take at the provider.
pub const AUTHORIZATION_LIFETIME: Duration = Duration::from_mins(10);

/// How many authorization requests a browser may have under way, such as one per tab. Starting one more ends the oldest.
pub const MAX_AUTHORIZATIONS: usize = 4;

/// What a browser takes of a cookie, name and attributes included, is 4096 bytes.
const MAX_COOKIE: usize = 3840;

const SEAL: SealPurpose = SealPurpose::new("oauth-flow");

/// An authorization request under way. It rests in a cookie, sealed: nobody but this service can read or change it, and
/// nobody but this browser
/// can bring it back.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub(super) provider: ProviderName,
    /// The state itself is in the URL only.
    pub(super) state: Digest,
    #[serde(serialize_with = "expose")]
    pub(super) nonce: SecretString,
    #[serde(serialize_with = "expose")]
    pub(super) verifier: SecretString,
    pub(super) return_to: ReturnTo,
    /// Whether whoever began it said where to return to, and so waits there for the outcome.
    #[serde(default)]
    pub(super) is_awaited: bool,
    pub(super) purpose: Purpose,
    /// The session that the browser had, which a sign-in ends.
    pub(super) replaces: Option<(UserId, SessionId)>,
    pub(super) started_at: Timestamp,
}

/// What an authorization request is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To sign in, with cookies.
    SignIn,
    /// To sign in to an app that holds its own tokens: it gets a one-time code, good with the verifier of this challenge.
    Code(CodeChallenge),
    /// To link an identity to the account that is signed in.
    Link(LinkTicket),
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl AuthorizationRequest {
    /// Where the browser goes afterwards.
    pub fn return_to(&self) -> &ReturnTo {
        &self.return_to
    }

    /// Where the browser goes when it is refused: where it was asked to return to, with the code of the problem in the query, as
    /// providers do (RFC 6749, section 4.1.2.1). None where nobody asked for a place, and nobody waits at one.
    pub fn refused_at(&self, code: &str) -> Option<Url> {
        self.is_awaited.then(|| self.return_to.with("error", code))
    }

    /// What it is for.
    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// The session that the browser had when it began.
    pub fn replaces(&self) -> Option<(UserId, SessionId)> {
        self.replaces
    }

    /// The write that uses it up: it conflicts where the authorization request was used before.
    pub(super) fn used(&self) -> Result<Write, StoreError> {
        let key = Key::new(format!("oauth-state#{}", self.state), "used");
        Ok(Write::create(key, &self.provider)?.expiring(self.started_at + AUTHORIZATION_LIFETIME))
    }

    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        now >= self.started_at + AUTHORIZATION_LIFETIME
    }

    /// None when it is too long for a cookie.
    pub(super) fn seal(&self, sealer: &Sealer, entropy: &dyn Entropy) -> Result<Option<String>, SealError> {
        let json = serde_json::to_vec(self).map_err(|_| SealError::TooLong)?;
        let sealed = sealer.seal(SEAL, self.state.to_string().as_bytes(), &json, entropy)?.to_string();
        let value = format!("{}.{sealed}", self.started_at.as_secs());
        Ok((value.len() <= MAX_COOKIE).then_some(value))
    }

    /// The authorization request of `state` from the value of its cookie.
    pub(super) fn open(sealer: &Sealer, state: Digest, value: &str) -> Option<Self> {
        let (_, sealed) = value.split_once('.')?;
        let sealed: Sealed = sealed.parse().ok()?;
        let json = sealer.open(SEAL, state.to_string().as_bytes(), &sealed).ok()?;
        serde_json::from_slice::<Self>(&json).ok().filter(|authorization| authorization.state == state)
    }
}

/// A cookie to set: `HttpOnly`, for the whole origin, for [`AUTHORIZATION_LIFETIME`].
#[derive(Clone)]
pub struct AuthorizationCookie {
    /// Its name, one of [`MAX_AUTHORIZATIONS`].
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it must come with a form that the provider's page posts: then it is `SameSite=None`.
    pub cross_site: bool,
}

impl fmt::Debug for AuthorizationCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationCookie({})", self.name)
    }
}

/// Part of the name of every authorization request cookie, after the prefix of the deployment.
pub(super) const COOKIE: &str = "oauth-";

/// One of the [`MAX_AUTHORIZATIONS`] cookies that a browser may have: a state names its own, so that hundreds of
/// authorization requests that begin at once pile
/// up in no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u8);

impl Slot {
    fn all() -> impl Iterator<Item = Self> {
        (0..u8::try_from(MAX_AUTHORIZATIONS).unwrap_or(u8::MAX)).map(Self)
    }

    /// A slot for an authorization request that begins in a browser with these cookies: one that is free, any of them, so
    /// that two tabs that begin
    /// at once seldom meet; else the one whose authorization request began first.
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

    /// A state in this slot.
    pub fn state(self, entropy: &dyn Entropy) -> Result<SecretString, EntropyError> {
        let random = random(entropy)?;
        Ok(format!("{}{}", random.expose_secret(), self.0).into())
    }

    /// The slot of a state.
    pub fn of(state: &str) -> Option<Self> {
        let last = state.bytes().next_back()?.checked_sub(b'0')?;
        Self::all().find(|slot| slot.0 == last)
    }

    /// The name of its cookie.
    pub fn cookie_name(self, prefix: &str) -> String {
        format!("{prefix}{COOKIE}{}", self.0)
    }
}

/// When the authorization request in a cookie began, by its own word: nobody but the browser itself is hurt where that is not true.
fn began_at(value: &str) -> i64 {
    value.split_once('.').and_then(|(seconds, _)| seconds.parse().ok()).unwrap_or(0)
}

/// 256 random bits as 43 characters, each unreserved in a URL.
pub(super) fn random(entropy: &dyn Entropy) -> Result<SecretString, EntropyError> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?).into())
}

fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}
