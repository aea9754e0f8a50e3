//! E-mail addresses, in the one form in which they are stored and compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const MAX_LEN: usize = 254;
const MAX_LOCAL: usize = 64;

/// A valid e-mail address, trimmed, NFKC-normalised and in lower case.
///
/// What may stand in it is a subset of RFC 5321: an unquoted local part and a domain name with at least one dot, both in
/// ASCII after normalisation. The text is normalised before it is examined, so a look-alike of `@` or `.` is either that
/// character or refused, never a way to smuggle a second address in. The case of the local part is dropped: no large
/// provider tells two mailboxes apart by it, while people type it either way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Why a text is not an [`Email`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address: expected name@domain, unquoted and in ASCII, at most {MAX_LEN} characters")]
pub struct InvalidEmail;

impl Email {
    /// The normalised address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        // A bound before any work: normalising can grow a text, and only its result is kept.
        if text.len() > 4 * MAX_LEN {
            return Err(InvalidEmail);
        }
        text.trim().nfkc().collect::<String>().to_ascii_lowercase().try_into()
    }
}

/// Whether a text is an address in the form in which it is stored.
fn is_normal(text: &str) -> bool {
    text.len() <= MAX_LEN
        && !text.bytes().any(|b| b.is_ascii_uppercase())
        && text.split_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain))
}

/// `Dot-string` of RFC 5321, section 4.1.2.
fn is_local_part(local: &str) -> bool {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.len() <= MAX_LOCAL && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext))
}

/// `Domain` of RFC 5321, section 4.1.2, with at least two labels of at most 63 characters; address literals are refused.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(label) && !domain.ends_with(|c: char| c.is_ascii_digit())
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    // Personal data: a stray {:?} in a log line must not carry it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// What is stored: the one form, and no other spelling of it.
impl TryFrom<String> for Email {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        if is_normal(&text) { Ok(Self(text)) } else { Err(InvalidEmail) }
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_form_for_every_spelling() {
        for spelling in ["ada@example.com", " Ada@Example.COM ", "ADA＠example．com", "ａda@example.com"] {
            assert_eq!(spelling.parse::<Email>().unwrap().as_str(), "ada@example.com", "{spelling}");
        }
    }

    #[test]
    fn what_is_no_single_plain_address_is_refused() {
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@@example.com",
            "a@b@example.com",
            "ada@example.com,eve@example.com",
            "ada@example.com eve@example.com",
            "\"a b\"@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "ada@-example.com",
            "ada@example-.com",
            "ada@example..com",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada@exämple.com",
            "äda@example.com",
            "ada@example.com\0",
            "a\nb@example.com",
            "<ada@example.com>",
            "ada@exam\u{200b}ple.com",
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
        assert!(format!("{}@example.com", "a".repeat(64)).parse::<Email>().is_ok());
        assert!(format!("{}@example.com", "a".repeat(65)).parse::<Email>().is_err());
        assert!("x".repeat(10_000).parse::<Email>().is_err());
    }

    #[test]
    fn the_store_holds_one_form_and_no_other_spelling() {
        let read = |text: &str| serde_json::from_value::<Email>(text.into());
        assert_eq!(read("ada@example.com").unwrap().as_str(), "ada@example.com");
        for text in [" ada@example.com", "Ada@example.com", "ＡDA@example.com", "ada@example", "ada"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn debug_shows_no_address() {
        assert_eq!(format!("{:?}", "ada@example.com".parse::<Email>().unwrap()), "Email(…)");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,40}@\\PC{0,40}") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
                prop_assert!(email.as_str().is_ascii());
                prop_assert_eq!(email.as_str().matches('@').count(), 1);
            }
        }
    }
}
