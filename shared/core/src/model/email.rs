//! E-mail addresses, in the one form in which they are stored and compared.

use std::fmt;
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Maximum length of an address, in bytes (RFC 5321, section 4.5.3.1.3, minus the angle brackets).
pub const MAX_LEN: usize = 254;
const MAX_LOCAL: usize = 64;

/// Valid e-mail address in lower-case ASCII, its domain as A-labels (`xn--…`).
///
/// The local part is an unquoted local part of RFC 5321, in ASCII. A non-ASCII character in it is refused and never folded:
/// `ﬂora` with a ligature and `flora` may be the mailboxes of two people, and so may `ｂob` and `bob`. An encoded word (RFC
/// 2047, `=?…?=`) is refused too, because some mail systems decode it to another address. The local part is stored in lower
/// case: no large provider distinguishes mailboxes by case, and people type either.
///
/// The domain has at least one dot. A non-ASCII domain goes through UTS 46, which may change only its case and its composition
/// (NFC). A look-alike, such as a full-width letter, a ligature or an invisible character, is refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Error: the text is not an [`Email`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an e-mail address: use name@domain, at most {MAX_LEN} characters, with an unquoted name of ASCII characters"
)]
pub struct InvalidEmail;

impl Email {
    /// Returns the normalized address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// Returns the part after the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        // Bound the length before any work: the mapping can make a text longer, and only the result has a limit.
        if text.len() > 4 * MAX_LEN {
            return Err(InvalidEmail);
        }
        let (local, domain) = text.trim_ascii().split_once('@').ok_or(InvalidEmail)?;
        let domain = ascii_domain(domain).ok_or(InvalidEmail)?;
        format!("{}@{domain}", local.to_ascii_lowercase()).try_into()
    }
}

/// Returns the domain as A-labels in lower case (UTS 46, non-transitional). Returns `None` if it is not valid, or if the
/// mapping changes more of a label than case and composition.
fn ascii_domain(text: &str) -> Option<String> {
    let uts46 = Uts46::new();
    // An `xn--` label must decode to a valid label. `Hyphens::Allow`: some real names have hyphens in the third and fourth
    // place.
    let ascii =
        uts46.to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Verify).ok()?;
    // Both case folding and composition turn the Kelvin sign into a K.
    let is_kept = |c: char| c.is_ascii() || !c.nfc().chain(c.to_lowercase()).any(|other| other.is_ascii());
    let is_same = |given: &str, label: &str| {
        let composed: String = given.chars().flat_map(char::to_lowercase).nfc().collect();
        composed == label
            || uts46.to_unicode(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow).0 == composed
    };
    let is_unfolded = text.chars().all(is_kept)
        && text.split('.').count() == ascii.split('.').count()
        && text.split('.').zip(ascii.split('.')).all(|(given, label)| is_same(given, label));
    is_unfolded.then(|| ascii.into_owned())
}

/// Returns true if a text is an address in the stored form.
fn is_normal(text: &str) -> bool {
    text.len() <= MAX_LEN
        && !text.bytes().any(|b| b.is_ascii_uppercase())
        && text.split_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain))
}

/// Checks `Dot-string` of RFC 5321, section 4.1.2.
fn is_local_part(local: &str) -> bool {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_encoded_word = local.contains("=?") || local.contains("?=");
    local.len() <= MAX_LOCAL
        && !is_encoded_word
        && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext))
}

/// Checks `Domain` of RFC 5321, section 4.1.2, with at least two labels of at most 63 characters. Refuses address literals.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A host name whose last label ends with a digit may be an IP address. An A-label of a top-level domain may end with a
    // digit too.
    let is_name = |last: &str| last.starts_with("xn--") || !last.ends_with(|c: char| c.is_ascii_digit());
    domain.split('.').all(label) && domain.rsplit_once('.').is_some_and(|(_, last)| is_name(last))
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    // Personal data: a stray {:?} in a log line must not expose it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Reads the stored form and refuses every other spelling.
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
        for spelling in ["ada@example.com", " Ada@Example.COM ", "ADA@example.com\n"] {
            assert_eq!(spelling.parse::<Email>().unwrap().as_str(), "ada@example.com", "{spelling}");
        }
    }

    #[test]
    fn a_domain_beyond_ascii_is_stored_as_a_labels() {
        for (spelling, stored) in [
            ("ada@exämple.com", "ada@xn--exmple-cua.com"),
            ("Ada@EXÄMPLE.com", "ada@xn--exmple-cua.com"),
            ("ada@exa\u{308}mple.com", "ada@xn--exmple-cua.com"),
            ("ada@xn--exmple-cua.com", "ada@xn--exmple-cua.com"),
            ("ada@XN--EXMPLE-CUA.com", "ada@xn--exmple-cua.com"),
            ("ada@mail.straße.example", "ada@mail.xn--strae-oqa.example"),
            ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
            ("ada@пример.рф", "ada@xn--e1afmkfd.xn--p1ai"),
            ("ada@ab--cd.example", "ada@ab--cd.example"),
        ] {
            assert_eq!(spelling.parse::<Email>().map(String::from).as_deref(), Ok(stored), "{spelling}");
        }
    }

    #[test]
    fn nothing_beyond_ascii_is_folded_onto_another_address() {
        for text in [
            // A ligature, full-width letters, an accent, a long s, a Kelvin sign, a Cyrillic а, a dotless i, an invisible space.
            "ﬂora@example.com",
            "ｂob@example.com",
            "äda@example.com",
            "be\u{17f}s@example.com",
            "\u{212a}ate@example.com",
            "\u{430}da@example.com",
            "mar\u{131}a@example.com",
            "ada\u{200b}@example.com",
            "\u{a0}ada@example.com",
            "ada\u{3000}@example.com",
            // Look-alikes of the characters that separate the parts of an address.
            "ADA＠example.com",
            "ada﹫example.com",
            "ada＠evil.example@example.com",
            "ada@example.com＠evil.example",
            "ada@example．com",
            "ada@example。com",
            "ada@example｡com",
            "ada@example\u{2024}com",
            "ada@example.com，eve@example.com",
            // Domains that are valid only after a mapping.
            "ada@ｅxample.com",
            "ada@oﬃce.example",
            "ada@exam\u{200b}ple.com",
            "ada@exam\u{ad}ple.com",
            "ada@\u{212a}elvin.example",
            "ada@example.com\u{3000}",
            // A-labels that do not decode, or that decode to the text of another label.
            "ada@xn--.com",
            "ada@xn--a.com",
            "ada@xn--example-.com",
            "ada@xn--ls8h\u{308}.com",
            "ada@xn--EXMPLE-CUA\u{308}.com",
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn encoded_words_are_refused() {
        for text in [
            "=?utf-8?q?ada=40example.com=3e?=x@example.com",
            "=?x?q?ada?=@example.com",
            "a=?b@example.com",
            "a?=b@example.com",
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
        assert!("a=b?c@example.com".parse::<Email>().is_ok());
    }

    #[test]
    fn anything_but_one_plain_address_is_refused() {
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
            "ada@example.com\0",
            "a\nb@example.com",
            "<ada@example.com>",
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

    /// Generates texts that are almost addresses.
    fn near() -> impl Strategy<Value = String> {
        let local = prop_oneof![
            "[A-Za-z0-9.=?_+-]{1,12}",
            "[a-zﬀ-ﬆａ-ｚ\u{430}-\u{44f}\u{200b}-\u{200d}ſıK]{1,6}",
            "\\PC{0,12}"
        ];
        let label = prop_oneof![
            "[A-Za-z0-9-]{1,10}",
            "xn--[a-z0-9-]{0,10}",
            "[a-zäöüßéΣσς]{1,8}",
            "[ａ-ｚﬀ-ﬆ。．]{1,3}",
            "\\PC{0,8}"
        ];
        let at = prop_oneof![8 => Just("@"), 1 => Just("＠"), 1 => Just("﹫"), 1 => Just("@@")];
        (local, at, proptest::collection::vec(label, 1..4))
            .prop_map(|(local, at, labels)| format!("{local}{at}{}", labels.join(".")))
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in near()) {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
                prop_assert_eq!(Email::try_from(email.as_str().to_owned()), Ok(email.clone()));
                prop_assert!(email.as_str().is_ascii());
                prop_assert_eq!(email.as_str().matches('@').count(), 1);
            }
        }

        /// Checks that nothing but the case of a local part changes.
        #[test]
        fn a_local_part_stays_as_it_was_written(text in near()) {
            if let Ok(email) = text.parse::<Email>() {
                let (local, _) = text.trim_ascii().split_once('@').unwrap();
                prop_assert!(local.is_ascii());
                prop_assert_eq!(email.local_part(), local.to_ascii_lowercase());
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}@?\\PC{0,40}") {
            let _ = text.parse::<Email>();
        }
    }
}
