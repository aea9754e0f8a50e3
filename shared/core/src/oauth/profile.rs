use serde::Deserialize;
use url::Url;

use super::id_token::{IdToken, truth};
use super::{ExternalIdentity, ProviderName, Subject};
use crate::Email;

/// The longest name that is taken over, in characters; as long as a user's own name may be.
const MAX_NAME: usize = 100;

/// What a provider says of a person, in its own words.
#[derive(Debug)]
pub(super) struct Profile {
    pub subject: Subject,
    /// Only where the provider vouches that it is theirs.
    pub verified_email: Option<String>,
    pub name: Option<String>,
    pub username: Option<String>,
    pub avatar: Option<String>,
}

impl Profile {
    /// The standard claims of OpenID Connect Core, section 5.1.
    pub fn from_claims(token: &IdToken) -> Self {
        let claims = &token.claims;
        Self {
            subject: token.subject.clone(),
            verified_email: claims.email.clone().filter(|_| claims.email_verified),
            name: claims.name.clone(),
            username: claims.preferred_username.clone(),
            avatar: claims.picture.clone(),
        }
    }

    /// What the userinfo endpoint adds (section 5.3). `None` when it is about another person, as section 5.3.2 demands, or is
    /// no userinfo at all.
    pub fn with_userinfo(self, json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Userinfo {
            sub: String,
            #[serde(default)]
            email: Option<String>,
            #[serde(default, deserialize_with = "truth")]
            email_verified: bool,
            #[serde(default)]
            name: Option<String>,
            #[serde(default)]
            preferred_username: Option<String>,
            #[serde(default)]
            picture: Option<String>,
        }
        let info: Userinfo = serde_json::from_slice(json).ok()?;
        (info.sub == self.subject.as_str()).then(|| Self {
            subject: self.subject,
            verified_email: self.verified_email.or(info.email.filter(|_| info.email_verified)),
            name: self.name.or(info.name),
            username: self.username.or(info.preferred_username),
            avatar: self.avatar.or(info.picture),
        })
    }

    /// The identity, with whatever is too long or of the wrong form left out.
    pub fn into_identity(self, provider: ProviderName) -> ExternalIdentity {
        ExternalIdentity {
            provider,
            subject: self.subject,
            verified_email: self.verified_email.and_then(|email| email.parse::<Email>().ok()),
            name: self.name.and_then(|name| line(&name)),
            username: self.username.and_then(|name| line(&name)),
            avatar: self.avatar.filter(|url| is_picture(url)),
        }
    }
}

/// One line of bounded length.
pub(super) fn line(text: &str) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    Some(clean.trim().to_owned()).filter(|line| !line.is_empty())
}

fn is_picture(text: &str) -> bool {
    text.len() <= 2048
        && Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty())
}
