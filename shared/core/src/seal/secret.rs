use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;

/// Minimum key material of a secret, in bytes: the length of the keys that are derived from it.
pub const MIN_SECRET: usize = 32;

/// Minimum number of distinct bytes, and of distinct steps from byte to byte. Random material of [`MIN_SECRET`] bytes has about
/// 30 of each.
const MIN_DISTINCT: usize = 8;

/// Words of sample values. A random text of 44 characters of base64 contains one of them about once in ten million times.
const SAMPLE_WORDS: [&str; 6] = ["changeme", "secret", "example", "password", "latchkey", "placeholder"];

const LENIENT_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT_PADDING),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT_PADDING),
];

pub(super) type Material = Zeroizing<Vec<u8>>;

/// Secrets of the operator: the first one writes, all of them read.
pub struct MasterSecrets {
    pub(super) current: Material,
    pub(super) older: Vec<Material>,
}

impl MasterSecrets {
    /// Parses the value of `LATCHKEY_SECRET`: `writes[,reads...]`. Each secret is read as hex, base64 or base64url if possible,
    /// else as plain text. It must give at least [`MIN_SECRET`] bytes and must not be an obvious sample.
    pub fn parse(value: &str) -> Result<Self, InvalidSecret> {
        let mut secrets = value.split(',').enumerate().map(|(index, text)| {
            one(text.trim()).map_err(|problem| InvalidSecret { position: index.saturating_add(1), problem })
        });
        // `split` gives at least one part, which is empty if the variable is.
        let current =
            secrets.next().unwrap_or(Err(InvalidSecret { position: 1, problem: Problem::Empty }))?;
        Ok(Self { current, older: secrets.collect::<Result<_, _>>()? })
    }
}

/// Reason that a secret was refused. It names the secret and its fault, never any of its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSecret {
    position: usize,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Empty,
    Short(usize),
    Sample,
}

impl fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Most people have only the first one.
        match self.position {
            1 => f.write_str("the secret ")?,
            position => write!(f, "secret {position} of the list ")?,
        }
        match self.problem {
            Problem::Empty => f.write_str("is empty"),
            Problem::Short(bytes) => {
                write!(f, "gives {bytes} bytes of key material where {MIN_SECRET} are needed")
            }
            Problem::Sample => f.write_str("is a sample value or too regular to be random"),
        }
    }
}

impl std::error::Error for InvalidSecret {}

fn one(text: &str) -> Result<Material, Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    let material = decode(text);
    if material.len() < MIN_SECRET {
        return Err(Problem::Short(material.len()));
    }
    if has_sample_word(text) || is_regular(&material) {
        return Err(Problem::Sample);
    }
    Ok(material)
}

/// Decodes the text. If several encodings fit, uses the one with the fewest bytes: 32 hex digits hold no more than 16 bytes of
/// randomness, however long the text is.
fn decode(text: &str) -> Material {
    hex(text)
        .or_else(|| BASE64.iter().find_map(|engine| engine.decode(text).ok()))
        .map_or_else(|| Zeroizing::new(text.as_bytes().to_vec()), Zeroizing::new)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some((digit(high)? << 4) | digit(low)?)).collect()
}

fn has_sample_word(text: &str) -> bool {
    let letters: Zeroizing<String> = Zeroizing::new(
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect(),
    );
    SAMPLE_WORDS.iter().any(|word| letters.contains(word))
}

/// Returns true for few different bytes, few different steps between neighbours (a run such as 00 01 02), or one repeated
/// block.
fn is_regular(material: &[u8]) -> bool {
    let steps = material.iter().zip(material.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a));
    let repeats = |period: usize| material.iter().zip(material.iter().skip(period)).all(|(a, b)| a == b);
    distinct(material.iter().copied()) < MIN_DISTINCT
        || distinct(steps) < MIN_DISTINCT
        || (1..=material.len() / 2).any(repeats)
}

fn distinct(bytes: impl Iterator<Item = u8>) -> usize {
    bytes.collect::<std::collections::BTreeSet<u8>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    const RANDOM: &str = "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=";

    fn material(text: &str) -> Vec<u8> {
        MasterSecrets::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).current.to_vec()
    }

    fn message(text: &str) -> String {
        MasterSecrets::parse(text).err().unwrap_or_else(|| panic!("{text} was taken")).to_string()
    }

    #[test]
    fn one_material_for_every_encoding() {
        let bytes = BASE64_STANDARD.decode(RANDOM).unwrap();
        let hex = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        for text in [
            RANDOM,
            RANDOM.trim_end_matches('='),
            &BASE64_URL_SAFE_NO_PAD.encode(&bytes),
            &hex,
            &hex.to_uppercase(),
            &format!(" {RANDOM}\n"),
        ] {
            assert_eq!(material(text), bytes, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_an_encoding_is_used_as_bytes() {
        let text = "Three tall cranes, no: 7 wet otters!".replace(',', ";");
        assert_eq!(material(&text), text.as_bytes());
    }

    #[test]
    fn short_secrets_are_refused_by_what_they_hold_not_by_their_length() {
        for (text, bytes) in [
            ("k3y", 3),
            ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", 16),
            ("u0FzL9vX3cQm7TtWk2Yb8NhRj5PdGe1A", 24),
            ("white space does not make it long", 33),
        ] {
            let message = message_or_ok(text);
            match bytes {
                33.. => assert_eq!(message, None, "{text}"),
                _ => assert!(message.unwrap().contains(&format!("gives {bytes} bytes")), "{text}"),
            }
        }
        assert!(message("").contains("is empty"));
    }

    fn message_or_ok(text: &str) -> Option<String> {
        MasterSecrets::parse(text).err().map(|error| error.to_string())
    }

    #[test]
    fn samples_and_patterns_are_refused() {
        for text in [
            "a".repeat(64),
            "0".repeat(64),
            "changeme".repeat(8),
            "Change-Me! I am the value from the readme".into(),
            "this_is_an_example_of_a_long_value_for_development".into(),
            "my super SECRET value, of 32 bytes at least".replace(',', ""),
            "0123456789abcdef".repeat(4),
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".into(),
            "x9!kQz_7".repeat(4),
            "abcdefghijklmnopqrstuvwxyz 0123456789".into(),
        ] {
            assert!(message(&text).contains("sample value"), "{text}");
        }
    }

    #[test]
    fn an_older_secret_is_held_to_the_same_rules_and_named_by_its_place() {
        let two =
            MasterSecrets::parse(&format!("{RANDOM}, hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM")).unwrap();
        assert_eq!((two.current.len(), two.older.len()), (32, 1));
        assert!(message(&format!("{RANDOM},short one")).contains("secret 2 of the list gives 9 bytes"));
        assert!(message(&format!("{RANDOM},")).contains("secret 2 of the list is empty"));
    }

    #[test]
    fn the_message_says_what_is_wrong_and_not_the_value() {
        let message = message("hunter2!");
        assert!(message.contains("8 bytes of key material where 32 are needed"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }

    proptest! {
        #[test]
        fn thirty_two_random_bytes_are_taken(bytes: [u8; 32]) {
            prop_assert_eq!(material(&BASE64_STANDARD.encode(bytes)), bytes);
        }

        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,80}") {
            let _ = MasterSecrets::parse(&text);
        }
    }
}
