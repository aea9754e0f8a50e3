//! The arrows between the modules of `shared/core`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What modules of the first level import, each with a file that does.
type Arrows = BTreeMap<String, BTreeMap<String, PathBuf>>;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/core/src")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: no comments, and nothing from its tests on, which stand at the foot.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a file");
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Modules that are built for tests alone, as files below `src`.
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(path).expect("a file");
    let folder = if path.ends_with("lib.rs") || path.ends_with("mod.rs") {
        path.parent().expect("a folder").to_owned()
    } else {
        path.with_extension("")
    };
    let lines: Vec<&str> = text.lines().collect();
    let gated = lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]");
    let module = |pair: &[&str]| {
        let name = pair[1].trim().strip_suffix(';')?.rsplit_once("mod ")?.1;
        Some(folder.join(format!("{name}.rs")))
    };
    gated.filter_map(module).collect()
}

/// The names behind every `crate::` of a text: one name, or those of a group.
fn imported(code: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split_once("};").map_or(group, |(group, _)| group);
                group.split(',').map(name).filter(|name: &String| !name.is_empty()).collect()
            }
            None => vec![name(rest)],
        })
        .collect()
}

/// What the root of the crate gives another name to: `Email` is of `model`.
fn root_names() -> BTreeMap<String, String> {
    let code = code(&source().join("lib.rs"));
    let mut names = BTreeMap::new();
    for line in code.split("pub use ").skip(1) {
        let path = line.split_once(';').map_or(line, |(path, _)| path);
        let Some((module, items)) = path.split_once("::") else { continue };
        for item in items.trim_matches(['{', '}']).split(',') {
            names.insert(item.trim().to_owned(), module.to_owned());
        }
    }
    names
}

fn arrows() -> Arrows {
    let (source, names) = (source(), root_names());
    let mut paths = Vec::new();
    files(&source, &mut paths);
    let for_tests: BTreeSet<_> = paths.iter().flat_map(|path| test_modules(path)).collect();
    let mut arrows = Arrows::new();
    for path in paths.iter().filter(|path| !for_tests.contains(*path)) {
        let within = path.strip_prefix(&source).expect("below src");
        let first = within.iter().next().expect("a name").to_string_lossy();
        let own = first.trim_end_matches(".rs").to_owned();
        if own == "lib" {
            continue;
        }
        for name in imported(&code(path)) {
            let module = names.get(&name).cloned().unwrap_or(name);
            if module != own {
                arrows.entry(own.clone()).or_default().entry(module).or_insert_with(|| within.to_owned());
            }
        }
    }
    arrows
}

/// The modules of a circle that `path` runs into, the first again at the end.
fn circle(arrows: &Arrows, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
    let last = path.last().expect("a start").clone();
    if let Some(start) = path.iter().position(|module| *module == last).filter(|n| *n + 1 < path.len()) {
        return Some(path[start..].to_vec());
    }
    if done.contains(&last) {
        return None;
    }
    for module in arrows.get(&last).into_iter().flat_map(BTreeMap::keys) {
        path.push(module.clone());
        if let Some(found) = circle(arrows, path, done) {
            return Some(found);
        }
        path.pop();
    }
    done.insert(last);
    None
}

#[test]
fn records_need_no_service_and_no_port() {
    let arrows = arrows();
    assert!(arrows.len() > 10, "the modules were read");
    let above: Vec<_> = arrows.get("model").into_iter().flatten().collect();
    assert!(above.is_empty(), "`model` stands below everything: {above:?}");
}

#[test]
fn ports_know_no_adapter_and_no_service() {
    let known: BTreeSet<_> = arrows().remove("port").unwrap_or_default().into_keys().collect();
    assert_eq!(known, BTreeSet::from(["model".to_owned()]));
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let (arrows, mut done) = (arrows(), BTreeSet::new());
    for module in arrows.keys() {
        let found = circle(&arrows, &mut vec![module.clone()], &mut done);
        let files = |circle: &[String]| {
            circle.windows(2).map(|pair| arrows[&pair[0]][&pair[1]].clone()).collect::<Vec<_>>()
        };
        assert!(found.is_none(), "{found:?} in {:?}", found.as_deref().map(files));
    }
}
