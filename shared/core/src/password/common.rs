//! The most common passwords.
//!
//! `common.txt` has one folded stem per line, sorted by its bytes. The test `make_the_list` made it from the 49,233 passwords
//! of the npm package `@zxcvbn-ts/language-common` 4.1.3 (MIT, see `common.LICENSE`). It leaves out entries that other rules
//! refuse anyway: stems of fewer than four characters, and entries without a letter that are too short, repeat or follow the
//! keyboard.

use std::cmp::Ordering;

use super::fold::{letters, stems};
use super::pattern::unit;

const LIST: &str = include_str!("common.txt");

/// Returns true if `plain` text is a common password: as it is, without its tail, or repeated.
pub(super) fn is_common(plain: &str) -> bool {
    stems(plain).any(|stem| is_listed(stem) || is_repeated(stem))
}

fn is_repeated(plain: &str) -> bool {
    let characters: Vec<char> = plain.chars().collect();
    unit(&characters).is_some_and(|unit| stems(&unit.iter().collect::<String>()).any(is_listed))
}

fn is_listed(plain: &str) -> bool {
    contains(LIST, &letters(plain))
}

/// Returns true if `word` is one of the sorted lines of `list`.
fn contains(list: &str, word: &str) -> bool {
    let mut rest = list.as_bytes();
    while !rest.is_empty() {
        let (before, after) = rest.split_at(rest.len() / 2);
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        let (before, line) = (rest.get(..begin).unwrap_or_default(), rest.get(begin..).unwrap_or_default());
        let length = after
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(line.len(), |at| at.saturating_add(rest.len() / 2).saturating_sub(begin));
        match line.get(..length).unwrap_or_default().cmp(word.as_bytes()) {
            Ordering::Equal => return true,
            Ordering::Less => rest = line.get(length.saturating_add(1)..).unwrap_or_default(),
            Ordering::Greater => rest = before,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::fold::{MIN_STEM, plain, split_tail};
    use super::super::pattern::{without_repeats, without_runs};
    use super::super::rules::MIN_OWN_CHARS;
    use super::*;

    /// Returns the line of the list for a common password.
    fn entry(password: &str) -> Option<String> {
        let plain = plain(password);
        let (stem, _) = split_tail(&plain);
        if stem.chars().any(char::is_alphabetic) {
            return (stem.chars().count() >= MIN_STEM).then(|| letters(stem));
        }
        let characters: Vec<char> = plain.chars().collect();
        let passes = characters.len() >= 8
            && without_runs(&characters) >= MIN_OWN_CHARS
            && without_repeats(&characters) >= MIN_OWN_CHARS
            && unit(&characters).is_none();
        passes.then(|| letters(&plain))
    }

    /// Returns the words, one per line.
    fn lines(words: BTreeSet<String>) -> String {
        words.into_iter().flat_map(|word| [word, "\n".to_owned()]).collect()
    }

    /// Makes the list again: `PASSWORDS=<a JSON array of passwords> cargo test -p latchkey-core make_the_list -- --ignored`.
    #[test]
    #[ignore = "it writes the list that the others read"]
    fn make_the_list() {
        let source = std::fs::read(std::env::var("PASSWORDS").expect("PASSWORDS names a file")).unwrap();
        let passwords: Vec<String> = serde_json::from_slice(&source).unwrap();
        let entries: BTreeSet<String> = passwords.iter().filter_map(|password| entry(password)).collect();
        let list = lines(entries);
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/password/common.txt"), list).unwrap();
    }

    #[test]
    fn the_list_is_sorted_folded_and_long_enough() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.len() > 10_000, "{}", lines.len());
        assert!(lines.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
        for line in lines {
            assert_eq!(letters(&plain(line)), line);
            assert!(line.chars().count() >= MIN_STEM, "{line}");
            assert!(is_listed(line), "{line}");
        }
    }

    #[test]
    fn common_passwords_are_found_in_every_disguise() {
        for common in [
            "password",
            "p@ssw0rd2024!",
            "password123456789!!!!!!!!!!",
            "passwordpassword",
            "password1password1",
            "dragondragon!",
            "trustno1",
            "michael1985",
            "sunshine-24.12.85",
        ] {
            assert!(is_common(&plain(common)), "{common}");
        }
        for uncommon in ["q7#Kz!2m", "violet harbour tundra", "dragon8472930185726", "8472930185726", ""] {
            assert!(!is_common(&plain(uncommon)), "{uncommon}");
        }
    }

    proptest! {
        #[test]
        fn a_word_is_found_where_it_is_and_nowhere_else(
            words in proptest::collection::btree_set("[a-c]{1,3}|é{1,2}", 0..20), word in "[a-c]{0,4}|é{0,2}"
        ) {
            let list = lines(words.clone());
            prop_assert_eq!(contains(&list, &word), words.contains(&word));
            prop_assert_eq!(contains(list.trim_end(), &word), words.contains(&word));
        }
    }
}
