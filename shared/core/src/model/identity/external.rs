use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::Email;

/// Name of a provider in routes and in the store: 1 to 32 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderName(String);

/// Error: the text is not a [`ProviderName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a provider's name: expected 1 to 32 lower-case letters, digits and hyphens")]
pub struct InvalidProviderName;

impl ProviderName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderName {
    type Err = InvalidProviderName;
    fn from_str(text: &str) -> Result<Self, InvalidProviderName> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidProviderName) }
    }
}

impl TryFrom<String> for ProviderName {
    type Error = InvalidProviderName;
    fn try_from(text: String) -> Result<Self, InvalidProviderName> {
        text.parse()
    }
}

impl From<ProviderName> for String {
    fn from(name: ProviderName) -> Self {
        name.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identifier of a person at an issuer. The issuer never changes it and never gives it to another person. Compared byte by
/// byte. 1 to 255 bytes (OpenID Connect Core, section 2), without control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

/// Error: the text is not a [`Subject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a subject: expected 1 to 255 bytes without control characters")]
pub struct InvalidSubject;

impl Subject {
    /// Returns the identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = InvalidSubject;
    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let fits = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidSubject) }
    }
}

impl TryFrom<String> for Subject {
    type Error = InvalidSubject;
    fn try_from(text: String) -> Result<Self, InvalidSubject> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

impl fmt::Debug for Subject {
    // Personal data: a stray {:?} in a log line must not expose it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(…)")
    }
}

/// Authority that vouches for a person: an issuer of ID tokens by its `iss`, or the fixed name of an API such as GitHub's. It
/// differs from the provider name, which the operator chooses and can point at another issuer. Compared byte by byte. 1 to
/// 1,024 bytes, without white space and control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

/// Error: the text is not an [`Issuer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an issuer: give its URL, exactly as its metadata has it")]
pub struct InvalidIssuer;

impl Issuer {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Issuer {
    type Err = InvalidIssuer;
    fn from_str(text: &str) -> Result<Self, InvalidIssuer> {
        let fits =
            (1..=1024).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidIssuer) }
    }
}

impl TryFrom<String> for Issuer {
    type Error = InvalidIssuer;
    fn try_from(text: String) -> Result<Self, InvalidIssuer> {
        text.parse()
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Claims of a provider about a person, verified to come from that provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalIdentity {
    /// Name of the provider.
    pub provider: ProviderName,
    /// Issuer that vouches for the person.
    pub issuer: Issuer,
    /// Identifier of the person at the issuer. Issuer and subject alone are the identity.
    pub subject: Subject,
    /// E-mail address, only if the provider vouches that it belongs to the person.
    pub verified_email: Option<Email>,
    /// Display name, as the provider writes it.
    pub name: Option<String>,
    /// Username at the provider, from which a handle is made.
    pub username: Option<String>,
    /// URL (https) of the picture.
    pub avatar: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_names_are_plain() {
        assert_eq!("google".parse::<ProviderName>().unwrap().as_str(), "google");
        for bad in ["", "Google", "a/b", "a b", "ä", &"x".repeat(33)] {
            assert_eq!(bad.parse::<ProviderName>(), Err(InvalidProviderName), "{bad:?}");
        }
    }

    #[test]
    fn issuers_are_one_word() {
        assert_eq!("https://id.example.com".parse::<Issuer>().unwrap().as_str(), "https://id.example.com");
        for bad in ["", "https://id.example.com\n", "a b", &"x".repeat(1025)] {
            assert_eq!(bad.parse::<Issuer>(), Err(InvalidIssuer), "{bad:?}");
        }
    }

    #[test]
    fn subjects_are_bounded_and_never_shown() {
        let subject: Subject = "1234567890".parse().unwrap();
        assert_eq!(format!("{subject:?}"), "Subject(…)");
        for bad in ["", "a\nb", &"x".repeat(256)] {
            assert_eq!(bad.parse::<Subject>(), Err(InvalidSubject), "{bad:?}");
        }
    }
}
