use serde::Deserialize;
use url::Url;

use super::id_token::{IdToken, Truth};
use crate::Email;
use crate::json::{self, Optional};
use crate::model::identity::{ExternalIdentity, Issuer, ProviderName, Subject};

/// Maximum length of a name that is stored, in characters: the same as for a user's own name.
const MAX_NAME: usize = 100;

/// Profile of a person, as the provider sent it.
#[derive(Debug)]
pub(super) struct Profile {
    pub subject: Subject,
    /// E-mail address, only if the provider vouches that it belongs to the person.
    pub verified_email: Option<String>,
    pub name: Option<String>,
    pub username: Option<String>,
    pub avatar: Option<String>,
}

impl Profile {
    /// Reads the standard claims of OpenID Connect Core, section 5.1. The address counts if `email_verified` is `true`.
    pub fn from_claims(token: &IdToken) -> Self {
        let is_verified = token.claims.email_verified == Truth::Yes;
        Self::from_claims_where(token, is_verified)
    }

    /// Reads the standard claims. `is_verified` decides if the address counts.
    pub fn from_claims_where(token: &IdToken, is_verified: bool) -> Self {
        const OF: &str = "an ID token";
        let claims = &token.claims;
        Self {
            subject: token.subject.clone(),
            verified_email: claims.email.clone().get(OF, "email").filter(|_| is_verified),
            name: claims.name.clone().get(OF, "name"),
            username: claims.preferred_username.clone().get(OF, "preferred_username"),
            avatar: claims.picture.clone().get(OF, "picture"),
        }
    }

    /// Adds the response of the userinfo endpoint (section 5.3). Returns `None` if it is about another person, as section 5.3.2
    /// demands, or is not a userinfo response.
    pub fn with_userinfo(self, json: &[u8]) -> Option<Self> {
        const OF: &str = "userinfo";
        #[derive(Deserialize)]
        struct Userinfo {
            sub: String,
            #[serde(default)]
            email: Optional<String>,
            #[serde(default)]
            email_verified: Truth,
            #[serde(default)]
            name: Optional<String>,
            #[serde(default)]
            preferred_username: Optional<String>,
            #[serde(default)]
            picture: Optional<String>,
        }
        let info: Userinfo = json::object(json).ok()?;
        let is_verified = info.email_verified == Truth::Yes;
        (info.sub == self.subject.as_str()).then(|| Self {
            subject: self.subject,
            verified_email: self.verified_email.or(info.email.get(OF, "email").filter(|_| is_verified)),
            name: self.name.or(info.name.get(OF, "name")),
            username: self.username.or(info.preferred_username.get(OF, "preferred_username")),
            avatar: self.avatar.or(info.picture.get(OF, "picture")),
        })
    }

    /// Returns the identity, without values that are too long or have the wrong form.
    pub fn into_identity(self, provider: ProviderName, issuer: Issuer) -> ExternalIdentity {
        ExternalIdentity {
            provider,
            issuer,
            subject: self.subject,
            verified_email: self.verified_email.and_then(|email| email.parse::<Email>().ok()),
            name: self.name.and_then(|name| line(&name)),
            username: self.username.and_then(|name| line(&name)),
            avatar: self.avatar.filter(|url| is_picture(url)),
        }
    }
}

/// Returns the text as one line of bounded length.
pub(super) fn line(text: &str) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    Some(clean.trim().to_owned()).filter(|line| !line.is_empty())
}

fn is_picture(text: &str) -> bool {
    text.len() <= 2048
        && Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty())
}
