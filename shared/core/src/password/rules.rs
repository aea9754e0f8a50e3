use std::collections::BTreeSet;

use super::Password;
use super::common::is_common;
use super::fold::{letters, plain, stems};
use super::pattern::{unit, without_repeats, without_runs};
use crate::Email;

/// Maximum length of a password, in bytes of its NFC form.
pub const MAX_LEN: usize = 256;
/// Minimum number of characters in addition to words that anybody can guess from the owner.
const MIN_BESIDE_CONTEXT: usize = 4;
/// Minimum number of characters if a run along the keyboard or the alphabet, or of one character, counts as one.
pub(super) const MIN_OWN_CHARS: usize = 5;
/// Minimum number of different characters.
const MIN_DISTINCT: usize = 4;
/// Maximum number of context words; the longest are used.
const MAX_WORDS: usize = 16;
const PRODUCT: &str = "latchkey";

/// Rules for a new password, the same on every platform. They demand no kinds of characters, use no strength meter and force no
/// change (NIST SP 800-63B-4, section 3.1.1.2). A check takes constant memory and less than 0.1 ms.
#[derive(Debug, Clone)]
pub struct PasswordRules {
    /// Minimum number of characters (Unicode code points in NFC).
    pub min_chars: usize,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_chars: 8 }
    }
}

/// Reason that a password is refused; the text is for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It has too few characters.
    #[error("the password is too short: use at least {min} characters")]
    TooShort {
        /// Minimum number of characters.
        min: usize,
    },
    /// It has more than [`MAX_LEN`] bytes.
    #[error("the password is too long: use at most {MAX_LEN} bytes")]
    TooLong,
    /// It has a tab, a line break or another control character, which not every device can type.
    #[error(
        "the password has a control character, such as a tab or a line break: use letters, digits, signs and spaces"
    )]
    ControlCharacter,
    /// It is little more than the owner's e-mail address, their name or the product's name.
    #[error(
        "the password is made of your e-mail address, your name or the name of this service: choose other words"
    )]
    FromContext,
    /// It is one short piece repeated, or has few different characters.
    #[error("the password repeats a few characters: choose words that do not belong together")]
    Repeats,
    /// It is little more than runs along the keyboard, the alphabet or the digits.
    #[error("the password follows the keyboard or the alphabet: choose words that do not belong together")]
    Walks,
    /// It is on the list of the most common passwords, as it is or with digits and signs.
    #[error(
        "the password is one of the most common ones, with or without digits and signs: choose words that do not belong together"
    )]
    Common,
    /// A range service knows it from a breach.
    #[error("the password was found in a data breach: choose one that you use nowhere else")]
    Breached,
}

impl PasswordRules {
    /// Checks a new password for the owner of `email`.
    pub fn check(&self, password: &Password, email: &Email, name: Option<&str>) -> Result<(), WeakPassword> {
        let text = password.expose();
        // First, because the time and memory of the other rules depend on the length of the text.
        if text.len() > MAX_LEN {
            return Err(WeakPassword::TooLong);
        }
        if text.chars().count() < self.min_chars {
            return Err(WeakPassword::TooShort { min: self.min_chars });
        }
        if text.chars().any(char::is_control) {
            return Err(WeakPassword::ControlCharacter);
        }
        let plain = plain(text);
        let context = context_words(email, name);
        // As it is, and without its tail.
        if stems(&plain).take(2).any(|stem| is_from(stem, &context)) {
            return Err(WeakPassword::FromContext);
        }
        let characters: Vec<char> = plain.chars().collect();
        if self.repeats(&characters) {
            return Err(WeakPassword::Repeats);
        }
        if without_runs(&characters) < MIN_OWN_CHARS {
            return Err(WeakPassword::Walks);
        }
        if is_common(&plain) {
            return Err(WeakPassword::Common);
        }
        Ok(())
    }

    fn repeats(&self, text: &[char]) -> bool {
        unit(text).is_some_and(|unit| unit.len() < self.min_chars)
            || without_repeats(text) < MIN_OWN_CHARS
            || text.iter().collect::<BTreeSet<_>>().len() < MIN_DISTINCT
    }
}

/// Returns the words that anybody guesses first for this owner.
fn context_words(email: &Email, name: Option<&str>) -> Vec<String> {
    let (email, name) = (plain(email.as_str()), plain(name.unwrap_or_default()));
    let parts = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
    };
    let local_part = email.split('@').next().unwrap_or_default().to_owned();
    let mut words = [parts(&email), parts(&name), vec![local_part, email, name, PRODUCT.to_owned()]].concat();
    words.retain(|word| word.chars().nth(2).is_some());
    words.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    words.dedup();
    // No real name has fifty parts, and it would take fifty times as long.
    words.truncate(MAX_WORDS);
    words
}

/// Returns true if `text` contains some of `words`, as they are or with digits and signs for letters, and few other letters and
/// digits.
fn is_from(text: &str, words: &[String]) -> bool {
    let folded: Vec<String> = words.iter().map(|word| letters(word)).collect();
    is_made_of(text, words) || is_made_of(&letters(text), &folded)
}

fn is_made_of(text: &str, words: &[String]) -> bool {
    let mut covered = vec![false; text.len()];
    for word in words {
        for (begin, found) in text.match_indices(word.as_str()) {
            covered.iter_mut().skip(begin).take(found.len()).for_each(|byte| *byte = true);
        }
    }
    let beside = |(at, c): &(usize, char)| c.is_alphanumeric() && covered.get(*at) == Some(&false);
    covered.contains(&true) && text.char_indices().filter(beside).count() < MIN_BESIDE_CONTEXT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(password: &str) -> Result<(), WeakPassword> {
        let email = "grace.hopper@example.com".parse().unwrap();
        PasswordRules::default().check(&Password::new(&password.into()), &email, Some("Grace Hopper"))
    }

    fn refused(passwords: &[&str], why: WeakPassword) {
        for password in passwords {
            assert_eq!(check(password), Err(why), "{password}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_at_the_low_end_and_in_bytes_at_the_high_end() {
        assert_eq!(check("q7#Kz!2"), Err(WeakPassword::TooShort { min: 8 }));
        assert_eq!(check("q7#Kz!2m"), Ok(()));
        assert_eq!(check("ключ夜明け前の七鍵"), Ok(()));
        assert_eq!(check(&"correct horse battery staple ".repeat(8)), Ok(()));
        assert_eq!(check(&"x9!é".repeat(52)), Err(WeakPassword::TooLong));
    }

    #[test]
    fn control_characters_are_refused() {
        refused(
            &[
                "violet\tharbour",
                "violet harbour\n",
                "violet\0harbour",
                "violet\u{7f}harbour",
                "violet\u{85}harbour",
            ],
            WeakPassword::ControlCharacter,
        );
    }

    #[test]
    fn common_passwords_are_refused_in_every_disguise() {
        refused(
            &[
                "password",
                "iloveyou1",
                "Passw0rd!",
                "P@ssw0rd2024!",
                "trustno1",
                "PASSWORD",
                "ｐａｓｓｗｏｒｄ",
                "Pässwörd99",
                "passwordPASSWORD",
                "monkey123",
                "michael!",
            ],
            WeakPassword::Common,
        );
    }

    #[test]
    fn repetition_is_refused() {
        refused(
            &[
                &"12".repeat(15),
                &"qw".repeat(15),
                &"as".repeat(15),
                "aaaaaaaaaaaa",
                "111122223333",
                "abc7xyzabc7xyz",
                "abbabaababba",
                "🌵🌵🌵🌵🌵🌵🌵🌵",
            ],
            WeakPassword::Repeats,
        );
    }

    #[test]
    fn walks_along_the_keyboard_and_the_alphabet_are_refused() {
        refused(
            &[
                "12345678",
                "qwertyuiop",
                "1qaz2wsx",
                "1q2w3e4r5t",
                "abcdefgh1234",
                "QWERTZUIOP",
                "!@#$%^&*",
                "йцукенгш",
                "zyxwvuts",
                "0987654321",
            ],
            WeakPassword::Walks,
        );
    }

    #[test]
    fn the_owners_words_and_the_products_name_are_refused() {
        refused(
            &[
                "grace.hopper@example.com",
                "GraceHopper1",
                "hopperhopper!!",
                "Gr@ceH0pper",
                "graceexample",
                "latchkeylatchkey",
                "Latchkey2026",
                "Grace19851224",
                "latchkey!!!",
                "L@tchk3y!",
            ],
            WeakPassword::FromContext,
        );
        assert_eq!(check("grace under pressure"), Ok(()));
    }

    #[test]
    fn no_rule_about_kinds_of_characters() {
        for good in [
            "violet harbour tundra",
            "violetharbourtundra",
            "!)~(_{%;^+#",
            "8472930185726",
            "wq7zkvpdj",
            "dressersreferred",
            "🌵🦑🪗🧭🛶🎈🪐🧊",
            &"4@8({[<3691!|70$5+%2".repeat(5),
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    /// Generates pieces of typical passwords, and text that breaks strength meters.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "\\PC{0,12}",
            "[ -~]{0,20}",
            "(12|qw|as|zx|1q|aA|é|夜){0,20}",
            "(qwertyuiop|asdfghjkl|1234567890|abcdefgh|password|grace|hopper){1,3}",
            "[4@8({\\[<3691!|70$5+%2]{0,40}",
            "\\p{M}{0,10}",
            "(\u{fdfa}|ﬁ|İ|ß|\u{1100}\u{1161}|\u{0}){0,40}",
            proptest::collection::vec(any::<char>(), 0..20)
                .prop_map(|characters| characters.into_iter().collect()),
        ];
        let repeated = (piece, 1..40_usize).prop_map(|(piece, times)| piece.repeat(times));
        proptest::collection::vec(repeated, 0..4).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_text_makes_the_rules_panic(password in text(), name in proptest::option::of(text())) {
            let email = "grace.hopper@example.com".parse().unwrap();
            let _ = PasswordRules::default().check(&Password::new(&password.into()), &email, name.as_deref());
        }

        #[test]
        fn a_piece_of_fewer_than_eight_characters_never_becomes_a_password_by_repetition(
            piece in "[a-zA-Z0-9!#$% ]{1,7}", times in 2..40_usize
        ) {
            prop_assert!(check(&piece.repeat(times)).is_err());
        }

        #[test]
        fn digits_and_signs_behind_a_common_word_help_nobody(tail in "[0-9!#$%&*. -]{0,8}") {
            for word in ["password", "sunshine", "Michelle", "Pr1nc3$$"] {
                prop_assert_eq!(check(&format!("{word}{tail}")), Err(WeakPassword::Common));
            }
        }

        #[test]
        fn almost_every_random_password_passes(bytes in proptest::collection::vec(0_u8..94, 12)) {
            let password: String = bytes.iter().map(|byte| char::from(byte + 33)).collect();
            prop_assert_eq!(check(&password), Ok(()), "{}", password);
        }
    }
}
