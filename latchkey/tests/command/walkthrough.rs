//! The quick start of the book, command by command as printed there.
//!
//! Its `sh` blocks run in one shell, except the one with a title, which is the server that the test has
//! started. Only the port differs, and `cargo` is a script that runs the binary under test. A `json` or
//! `text` block is the output of the `sh` block before it: JSON may have more members, and `…` stands for any
//! text.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::process::{BINARY, Home};

const PAGE: &str = include_str!("../../../docs/quick-start.md");
/// Separator between the outputs of two blocks.
const MARK: &str = "-- end of a block --\n";

struct Block<'a> {
    language: &'a str,
    text: String,
}

#[test]
#[ignore = "needs bash and curl; tests/full runs it"]
fn the_quick_start_does_what_it_says() {
    // The limits and the hashing are those of a real deployment.
    let mut home = Home::plain();
    for program in ["bash", "curl"] {
        let found = home.command("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
        assert!(found.status.success(), "this test runs the commands of the quick start: install {program}");
    }
    let server = home.serve();
    let blocks = blocks(&server.port().to_string());
    let commands: Vec<_> = blocks.iter().filter(|block| block.language == "sh").collect();
    assert!(commands.len() > 10, "docs/quick-start.md has lost its commands");
    let mut script = String::new();
    for block in commands {
        script += &block.text;
        script += "printf '\\n";
        script += MARK;
        script += "'\n";
    }

    home.set("PATH", &path_with_cargo(&home));
    let output = home.command("bash").args(["-eu", "-c", &script]).stdin(Stdio::null()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let mut outputs = stdout.split(MARK);
    let mut printed = "";
    for block in &blocks {
        match block.language {
            "sh" => printed = outputs.next().unwrap().trim(),
            "json" => matches_json(printed, &block.text),
            "text" => matches_text(printed, &block.text),
            r#"sh title="First terminal""# => printed = server.greeting.trim(),
            other => panic!("docs/quick-start.md has a block of {other}"),
        }
    }
}

/// Returns the fenced blocks of the page.
fn blocks(port: &str) -> Vec<Block<'static>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in PAGE.lines() {
        match line.strip_prefix("```") {
            Some("") => open = false,
            Some(language) => {
                blocks.push(Block { language, text: String::new() });
                open = true;
            }
            None if open => {
                let line = line.replace("8787", port);
                let block = blocks.last_mut().unwrap();
                block.text += &line;
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// Returns a `PATH` whose `cargo run … -- ARGUMENTS` runs the binary under test.
fn path_with_cargo(home: &Home) -> String {
    let folder = home.path().join("bin");
    std::fs::create_dir(&folder).unwrap();
    let cargo = folder.join("cargo");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = run ] || exit 9\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec '{BINARY}' \"$@\"\n"
    );
    std::fs::write(&cargo, script).unwrap();
    std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

fn matches_json(printed: &str, expected: &str) {
    let printed: Value = serde_json::from_str(printed).unwrap_or_else(|_| panic!("no JSON: {printed}"));
    let expected: Value = serde_json::from_str(expected).unwrap_or_else(|_| panic!("no JSON: {expected}"));
    assert!(holds(&printed, &expected), "the page says\n{expected:#}\nbut it is\n{printed:#}");
}

/// Returns true if `printed` has everything expected.
fn holds(printed: &Value, expected: &Value) -> bool {
    match (printed, expected) {
        (Value::Object(printed), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| printed.get(name).is_some_and(|printed| holds(printed, value))),
        (Value::Array(printed), Value::Array(expected)) => {
            printed.len() == expected.len() && printed.iter().zip(expected).all(|(p, e)| holds(p, e))
        }
        (Value::String(printed), Value::String(expected)) => like(printed, expected),
        _ => printed == expected,
    }
}

/// Compares line by line, ignoring spaces at both ends.
fn matches_text(printed: &str, expected: &str) {
    let (lines, wanted): (Vec<_>, Vec<_>) = (printed.lines().collect(), expected.trim().lines().collect());
    let same =
        lines.len() == wanted.len() && lines.iter().zip(&wanted).all(|(l, w)| like(l.trim(), w.trim()));
    assert!(same, "the page says\n{expected}\nbut it is\n{printed}");
}

/// Returns true if `text` matches `pattern`, in which `…` stands for any text.
fn like(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('…') else { return text == pattern };
    text.strip_prefix(first)
        .is_some_and(|tail| tail.char_indices().any(|(i, _)| like(&tail[i..], rest)) || like("", rest))
}
