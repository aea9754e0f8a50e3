//! Forms of a password that are compared with words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::pattern::without_runs;
use super::rules::MAX_LEN;

/// Minimum number of characters of a stem. A shorter stem says little about the rest.
pub(super) const MIN_STEM: usize = 4;
/// Maximum length of a tail that is only decoration, such as a date with signs. A run counts as one character. A longer tail
/// may be a password by itself.
const MAX_TAIL: usize = 12;
/// Maximum number of digits and signs at the end of a word that may stand for letters: two in `pr1nce$$`.
const MAX_SIGNS: usize = 3;

/// Returns `text` in lower case, without accents, in compatibility form: `ＰÄSSWORD` becomes `password`. The result has at most
/// [`MAX_LEN`] characters, because one character can expand to eighteen.
pub(super) fn plain(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).take(MAX_LEN).collect()
}

/// Returns `plain` text with common digits and signs replaced by the letters that they stand for: `p@55w0rd` becomes
/// `password`.
///
/// `1`, `!`, `|` and `l` may each stand for `i`, so all of them become `i`. Words are folded in the same way before the
/// comparison.
pub(super) fn letters(plain: &str) -> String {
    plain
        .chars()
        .map(|c| match c {
            '4' | '@' => 'a',
            '8' => 'b',
            '3' | '€' => 'e',
            '6' | '9' => 'g',
            '1' | '!' | '|' | 'l' => 'i',
            '0' => 'o',
            '5' | '$' => 's',
            '7' | '+' => 't',
            other => other,
        })
        .collect()
}

/// Splits `text` before its tail: the digits, signs and spaces at its end.
pub(super) fn split_tail(text: &str) -> (&str, &str) {
    let stem = text.trim_end_matches(|c: char| !c.is_alphabetic());
    (stem, text.get(stem.len()..).unwrap_or_default())
}

/// Returns `plain` text as it is, and without a tail that is only decoration. The first characters of the tail may still belong
/// to the word.
pub(super) fn stems(plain: &str) -> impl Iterator<Item = &str> {
    let (stem, tail) = split_tail(plain);
    let is_decoration = !tail.is_empty()
        && stem.chars().take(MIN_STEM).count() == MIN_STEM
        && without_runs(&tail.chars().collect::<Vec<_>>()) <= MAX_TAIL;
    let ends = tail.char_indices().map(move |(at, _)| stem.len().saturating_add(at));
    let ends = ends.take(MAX_SIGNS.saturating_add(1)).filter(move |_| is_decoration);
    std::iter::once(plain).chain(ends.filter_map(|end| plain.get(..end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_width_and_substitutions_are_folded() {
        for (text, folded) in [
            ("P@55W0RD", "password"),
            ("ｐäßwörd", "paßword"),
            ("L!0n", "iion"),
            ("Grüße", "gruße"),
            ("", ""),
        ] {
            assert_eq!(letters(&plain(text)), folded, "{text}");
        }
    }

    #[test]
    fn a_tail_is_what_follows_the_last_letter() {
        assert_eq!(split_tail("password2024!"), ("password", "2024!"));
        assert_eq!(split_tail("p@ss w0rd"), ("p@ss w0rd", ""));
        assert_eq!(split_tail("19851224"), ("", "19851224"));
        assert_eq!(split_tail("ключ7"), ("ключ", "7"));
    }

    #[test]
    fn stems_are_words_without_their_decoration() {
        let stems = |text| stems(text).collect::<Vec<_>>();
        assert_eq!(stems("pr1nce$$!"), ["pr1nce$$!", "pr1nce", "pr1nce$", "pr1nce$$"]);
        assert_eq!(stems("dragon2024!!!"), ["dragon2024!!!", "dragon", "dragon2", "dragon20", "dragon202"]);
        for whole in ["dragon", "dragon8472930185726", "abc123456", "8472930185726", ""] {
            assert_eq!(stems(whole), [whole]);
        }
    }
}
