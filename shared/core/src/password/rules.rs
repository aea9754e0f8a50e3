use zxcvbn::{Score, zxcvbn};

use super::Password;
use super::rated::rated;
use crate::Email;

/// The longest password, in bytes of its NFC form.
pub const MAX_LEN: usize = 256;
/// What must be left of a password when the words that anyone can guess from its owner are taken out.
const MIN_OWN_CHARS: usize = 4;
const PRODUCT: &str = "latchkey";

/// What a new password must be. There are no rules about kinds of characters and no forced change (NIST SP 800-63B-4,
/// section 3.1.1.2).
#[derive(Debug, Clone)]
pub struct PasswordRules {
    /// The fewest characters (Unicode code points in NFC).
    pub min_chars: usize,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_chars: 8 }
    }
}

/// Why a password is refused; the text is for the person who chose it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer characters than asked for.
    #[error("the password is too short: use at least {min} characters")]
    TooShort {
        /// The fewest characters.
        min: usize,
    },
    /// More than [`MAX_LEN`] bytes.
    #[error("the password is too long: use at most {MAX_LEN} bytes")]
    TooLong,
    /// It is little more than the owner's e-mail address, their name or the product's name.
    #[error(
        "the password is made of your e-mail address, your name or the name of this service: choose other words"
    )]
    FromContext,
    /// zxcvbn rates it under 3 of 4.
    #[error("the password is easy to guess: {advice}")]
    Guessable {
        /// What makes it so, and what would be better.
        advice: String,
    },
}

impl PasswordRules {
    /// Checks a new password for the owner of `email`.
    pub fn check(&self, password: &Password, email: &Email, name: Option<&str>) -> Result<(), WeakPassword> {
        let text = password.expose();
        if text.chars().count() < self.min_chars {
            return Err(WeakPassword::TooShort { min: self.min_chars });
        }
        if text.len() > MAX_LEN {
            return Err(WeakPassword::TooLong);
        }
        let context = context_words(email, name);
        if is_from(text, &context) {
            return Err(WeakPassword::FromContext);
        }
        let words: Vec<&str> = context.iter().map(String::as_str).collect();
        let rating = zxcvbn(rated(text), &words);
        if rating.score() < Score::Three {
            return Err(WeakPassword::Guessable { advice: advice(&rating) });
        }
        Ok(())
    }
}

/// Words that anyone guesses first for this owner, longest first so that the whole address goes before its parts.
fn context_words(email: &Email, name: Option<&str>) -> Vec<String> {
    let parts = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect()
    };
    let mut words = vec![email.as_str().to_owned(), email.local_part().to_owned(), PRODUCT.to_owned()];
    words.extend(parts(email.as_str()));
    if let Some(name) = name {
        words.push(name.to_lowercase());
        words.extend(parts(name));
    }
    words.retain(|word| word.chars().count() >= 3);
    words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    words.dedup();
    words
}

/// Whether `text` holds some of `words` and few letters and digits besides.
fn is_from(text: &str, words: &[String]) -> bool {
    let text = text.to_lowercase();
    let mut rest = text.clone();
    for word in words {
        rest = rest.replace(word.as_str(), "");
    }
    rest != text && rest.chars().filter(|c| c.is_alphanumeric()).count() < MIN_OWN_CHARS
}

fn advice(rating: &zxcvbn::Entropy) -> String {
    let Some(feedback) = rating.feedback() else {
        return "use a few words that do not belong together".to_owned();
    };
    let mut sentences: Vec<String> = feedback.warning().iter().map(ToString::to_string).collect();
    sentences.extend(feedback.suggestions().iter().map(ToString::to_string));
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(password: &str) -> Result<(), WeakPassword> {
        let email = "grace.hopper@example.com".parse().unwrap();
        PasswordRules::default().check(&Password::new(&password.into()), &email, Some("Grace Hopper"))
    }

    #[test]
    fn length_is_counted_in_characters_at_the_low_end_and_in_bytes_at_the_high_end() {
        assert_eq!(check("q7#Kz!2"), Err(WeakPassword::TooShort { min: 8 }));
        assert_eq!(check("ключ夜明け前の七鍵"), Ok(()));
        assert_eq!(check(&"correct horse battery staple ".repeat(8)), Ok(()));
        assert_eq!(check(&"x9!é".repeat(52)), Err(WeakPassword::TooLong));
    }

    #[test]
    fn common_and_patterned_passwords_are_refused_with_the_reason() {
        for weak in
            ["password", "12345678", "qwertyuiop", "iloveyou1", "Passw0rd!", "aaaaaaaaaaaa", "abcdefgh1234"]
        {
            assert!(
                matches!(check(weak), Err(WeakPassword::Guessable { advice }) if !advice.is_empty()),
                "{weak}"
            );
        }
    }

    #[test]
    fn the_owners_words_and_the_products_name_are_refused() {
        for weak in
            ["grace.hopper@example.com", "GraceHopper1", "hopperhopper!!", "latchkeylatchkey", "Latchkey2026"]
        {
            let result = check(weak);
            assert!(
                matches!(result, Err(WeakPassword::FromContext | WeakPassword::Guessable { .. })),
                "{weak}: {result:?}"
            );
        }
        assert_eq!(check("graceexample"), Err(WeakPassword::FromContext));
        assert_eq!(check("latchkey!!!"), Err(WeakPassword::FromContext));
    }

    #[test]
    fn no_rule_about_kinds_of_characters() {
        assert_eq!(check("violet harbour tundra"), Ok(()));
        assert_eq!(check("!)~(_{%;^+#"), Ok(()));
        assert_eq!(check(&"4@8({[<3691!|70$5+%2".repeat(5)), Ok(()));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_rules_panic(text in "\\PC{0,300}") {
            let _ = check(&text);
        }
    }
}
