//! Strict parser of the `.env` file: a value arrives exactly as written, or the line is a mistake. Other
//! tools interpret `$`, `#`, quotes and backslashes in different ways, so a secret with one of these
//! characters would differ between tools.

use std::collections::BTreeMap;
use std::fmt;

/// A mistake in the file. It does not repeat the line, which may contain a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line number from 1; 0 for the whole file.
    line: usize,
    what: String,
}

impl Mistake {
    /// Returns a mistake of the whole file.
    pub fn file(error: &std::io::Error) -> Self {
        Self { line: 0, what: format!("cannot be read ({error}); fix its permissions, or move it away") }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, ".env: {}", self.what),
            line => write!(f, ".env, line {line}: {}", self.what),
        }
    }
}

/// Parses the lines `NAME=value`, or returns all mistakes.
pub fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, Vec<Mistake>> {
    let (mut values, mut mistakes) = (BTreeMap::new(), Vec::new());
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let mut mistake = |what: String| mistakes.push(Mistake { line: number, what });
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = std::str::from_utf8(line) else {
            mistake("is not UTF-8; save the file as UTF-8".to_owned());
            continue;
        };
        match assignment(line) {
            Ok(None) => {}
            Ok(Some((name, value))) => {
                if values.insert(name.to_owned(), value.to_owned()).is_some() {
                    mistake(format!("{name} is set a second time; remove one of the two lines"));
                }
            }
            Err(what) => mistake(what),
        }
    }
    if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
}

/// Returns the name and the value of a line, or `None` for an empty line or a comment.
fn assignment(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=').ok_or("is not an assignment; write NAME=value")?;
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("has no name of letters, digits and _ right before the `=`; write NAME=value".to_owned());
    }
    if value.starts_with(char::is_whitespace) {
        return Err(format!("{name} has a space behind the `=`; write NAME=value"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("{name} has a control character; remove it"));
    }
    literal(value).map(|value| Some((name, value))).map_err(|what| format!("{name} {what}"))
}

/// Returns the text between quotes, or a value that needs no quotes.
fn literal(value: &str) -> Result<&str, String> {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        return match value.chars().find(|c| c.is_whitespace() || "$#'\"\\`".contains(*c)) {
            None => Ok(value),
            Some(' ') => {
                Err("has a space; put the value in single quotes, and a comment on a line of its own"
                    .to_owned())
            }
            Some('\'') => Err("has a `'`; put the value in double quotes".to_owned()),
            Some(c) => Err(format!("has a `{c}`; put the value in single quotes")),
        };
    };
    let Some((inner, behind)) = value.strip_prefix(quote).and_then(|inner| inner.split_once(quote)) else {
        return Err(format!("has no closing `{quote}`; close it on the same line"));
    };
    if !behind.is_empty() {
        return Err(format!(
            "has text behind the closing `{quote}`; remove it, or use the other kind of quotes"
        ));
    }
    // In double quotes a shell and other tools replace these characters. `\n` is left to the reader of the
    // value, such as a private key.
    let replaced = |inner: &str| inner.replace("\\n", "").chars().find(|c| "$`\\".contains(*c));
    match replaced(inner).filter(|_| quote == '"') {
        Some(c) => Err(format!("has a `{c}` in double quotes; use single quotes")),
        None => Ok(inner),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(line: &str) -> Result<String, String> {
        let mut values = parse(line.as_bytes()).map_err(|mistakes| mistakes[0].to_string())?;
        Ok(values.remove("A").unwrap())
    }

    #[test]
    fn a_value_arrives_as_it_is_written() {
        for (line, expected) in [
            ("A=abc", "abc"),
            ("A=", ""),
            ("  export A=abc  ", "abc"),
            ("A=a+b/c==", "a+b/c=="),
            ("A='a $b #c \"d\" \\e'", "a $b #c \"d\" \\e"),
            ("A=\"it's #1\"", "it's #1"),
            ("A=\"-----BEGIN-----\\nMIG\\n\"", "-----BEGIN-----\\nMIG\\n"),
            ("# note\r\n\r\nA=abc\r\n", "abc"),
            ("\u{feff}A=abc", "abc"),
            ("A='ü'", "ü"),
        ] {
            assert_eq!(value(line), Ok(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn anything_else_stops_with_the_line_and_the_fix() {
        for (line, what) in [
            ("A=a$b", "has a `$`; put the value in single quotes"),
            ("A=a#b", "has a `#`; put the value in single quotes"),
            ("A=a # note", "has a space; put the value in single quotes, and a comment on a line of its own"),
            ("A=a\"b", "has a `\"`; put the value in single quotes"),
            ("A=it's", "has a `'`; put the value in double quotes"),
            ("A=a\\b", "has a `\\`; put the value in single quotes"),
            ("A='a", "has no closing `'`; close it on the same line"),
            ("A=\"a$b\"", "has a `$` in double quotes; use single quotes"),
            ("A=\"a\\\\b\"", "has a `\\` in double quotes; use single quotes"),
            ("A='a' # note", "has text behind the closing `'`; remove it, or use the other kind of quotes"),
            ("A= a", "has a space behind the `=`; write NAME=value"),
            ("A=a\u{7}", "has a control character; remove it"),
        ] {
            assert_eq!(value(line), Err(format!(".env, line 1: A {what}")), "{line}");
        }
        for line in ["A", "A =a", "1A=a", "A-B=a", "=a", "A: b"] {
            let told = value(line).unwrap_err();
            assert!(told.starts_with(".env, line 1: ") && told.ends_with("write NAME=value"), "{told}");
        }
        assert_eq!(
            value("A=a\nB=b\nA=c"),
            Err(".env, line 3: A is set a second time; remove one of the two lines".to_owned())
        );
        let mistakes = parse(b"A=\xff\nB=b\nC=$c").unwrap_err();
        assert_eq!(mistakes.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [1, 3]);
    }

    proptest! {
        #[test]
        fn a_value_is_never_changed(text in "\\PC*") {
            for line in [format!("A={text}"), format!("A='{text}'"), format!("A=\"{text}\"")] {
                if let Ok(read) = value(&line) {
                    prop_assert!(read == text || line == format!("A={text}"), "{line}");
                    prop_assert!(line.contains(&read));
                }
            }
        }

        #[test]
        fn a_mistake_never_shows_the_value(text in "[a-z$#\"' ]{12,40}") {
            if let Err(told) = value(&format!("A=x{text}")) {
                prop_assert!(!told.contains(&text));
            }
        }
    }
}
