//! The README beside this file names tests that exist.

use std::path::Path;

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *text += &std::fs::read_to_string(&path).expect("a source");
            // A file is a module.
            *text += &["fn ", &path.file_stem().expect("a name").to_string_lossy(), "("].concat();
        }
    }
}

#[test]
fn every_test_that_it_names_exists() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in [
        "advisories",
        "contract",
        "e2e/src/cases",
        "kit/src",
        "races",
        "../functions/oauth-callback/src",
        "../functions/oauth-start/src",
        "../shared/core/src",
        "../shared/core/tests",
    ] {
        sources(&tests.join(folder), &mut text);
    }
    let readme = std::fs::read_to_string(tests.join("advisories/README.md")).expect("there is a README");
    let names = readme.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    let mut seen = 0;
    for name in names {
        let last = name.trim_end_matches('…').rsplit("::").next().unwrap_or_default();
        let end = if name.ends_with('…') { "" } else { "(" };
        assert!(text.contains(&format!("fn {last}{end}")), "there is no test {name}");
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}
