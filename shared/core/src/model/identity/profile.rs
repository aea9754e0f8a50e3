use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::identity::ExternalIdentity;
use crate::model::{Email, Name};

const MAX_URL: usize = 2048;

/// URL of a person's picture: https, at most 2,048 characters, without a user or password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Avatar(String);

/// Error: the text is not an [`Avatar`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a picture's address: expected an https URL of at most {MAX_URL} characters")]
pub struct InvalidAvatar;

impl Avatar {
    /// Returns the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Avatar {
    type Err = InvalidAvatar;
    fn from_str(text: &str) -> Result<Self, InvalidAvatar> {
        if text.len() > MAX_URL {
            return Err(InvalidAvatar);
        }
        let url = Url::parse(text).map_err(|_| InvalidAvatar)?;
        let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        // The serialized URL escapes every character that could end an attribute or a line.
        let text = String::from(url);
        if plain && text.len() <= MAX_URL { Ok(Self(text)) } else { Err(InvalidAvatar) }
    }
}

impl TryFrom<String> for Avatar {
    type Error = InvalidAvatar;
    fn try_from(text: String) -> Result<Self, InvalidAvatar> {
        text.parse()
    }
}

impl From<Avatar> for String {
    fn from(avatar: Avatar) -> String {
        avatar.0
    }
}

impl fmt::Debug for Avatar {
    // Personal data: a stray {:?} in a log line must not expose it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Avatar(…)")
    }
}

/// Usable part of the claims that a provider made about a person at their last sign-in there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderProfile {
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Name>,
    /// Username at the provider.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<Name>,
    /// Picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub avatar: Option<Avatar>,
    /// E-mail address, if the provider vouches for it. No account is looked up by it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<Email>,
}

impl From<&ExternalIdentity> for ProviderProfile {
    fn from(external: &ExternalIdentity) -> Self {
        Self {
            name: external.name.as_deref().and_then(name),
            username: external.username.as_deref().and_then(name),
            avatar: external.avatar.as_deref().and_then(|text| text.parse().ok()),
            email: external.verified_email.clone(),
        }
    }
}

impl ProviderProfile {
    /// Returns the profile after the provider sent `self`. A missing value does not replace the value in `before`: Apple, for
    /// example, sends the name only at the first sign-in.
    #[must_use]
    pub(crate) fn after(self, before: &Self) -> Self {
        Self {
            name: self.name.or_else(|| before.name.clone()),
            username: self.username.or_else(|| before.username.clone()),
            avatar: self.avatar.or_else(|| before.avatar.clone()),
            email: self.email.or_else(|| before.email.clone()),
        }
    }
}

/// Returns the part of a provider's text that can be shown as a name.
fn name(text: &str) -> Option<Name> {
    let clean: String = text.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    clean.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_https_and_nothing_else() {
        assert_eq!(
            "https://a.example/p.png?s=1".parse::<Avatar>().unwrap().as_str(),
            "https://a.example/p.png?s=1"
        );
        assert_eq!(
            "https://a.example/\"><b>".parse::<Avatar>().unwrap().as_str(),
            "https://a.example/%22%3E%3Cb%3E"
        );
        for bad in [
            "",
            "p.png",
            "//a.example/p.png",
            "http://a.example/p.png",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "https://user@a.example/p.png",
            "https://a.example:x/",
            &format!("https://a.example/{}", "x".repeat(3000)),
        ] {
            assert_eq!(bad.parse::<Avatar>(), Err(InvalidAvatar), "{bad}");
        }
    }

    #[test]
    fn names_of_providers_are_cleaned_and_cut() {
        assert_eq!(name(" Ada\u{0}\nLovelace ").unwrap().as_str(), "AdaLovelace");
        assert_eq!(name(&"x".repeat(500)).unwrap().as_str().len(), 100);
        assert_eq!(name(" \u{7} "), None);
    }
}
