use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// The rooms by folder, and the rooms that a crate of each may depend on. The longest folder that fits a crate is its room.
///
/// The library of a function stands on `http` and `core` alone; what its Lambda needs is behind a feature, and counts as
/// `platform`.
const ROOMS: &[(&str, &[&str])] = &[
    ("shared/core", &[]),
    ("shared/http", &["shared/core"]),
    ("shared/sql", &["shared/core"]),
    ("shared/upstash", &["shared/core"]),
    ("shared/native", &["shared/core"]),
    ("shared/argon2-simd", &[]),
    ("shared/aws", &["shared/core", "shared/http", "shared/native", "shared/upstash"]),
    (
        "shared/cloudflare",
        &["shared/core", "shared/http", "shared/sql", "shared/upstash", "shared/argon2-simd"],
    ),
    ("functions", &["shared/core", "shared/http", "functions"]),
    ("latchkey", &["shared/core", "shared/http", "shared/native", "shared/sql", "functions"]),
    ("infra/services", &["shared/core", "shared/native", "latchkey"]),
    ("infra/worker", &["shared/http", "shared/cloudflare", "functions"]),
    ("infra/xtask", &[]),
];

/// Functions that stand on other functions, and on which.
const FUNCTIONS_ON_FUNCTIONS: &[(&str, &[&str])] =
    &[("functions/all", &["functions"]), ("functions/authorizer", &["functions/permission-check"])];

struct Crate {
    folder: String,
    /// Folders of the crates that it is built from, by a build script too, without those of a Lambda's entry.
    dependencies: Vec<String>,
    /// Folders of the crates that its tests need besides.
    for_tests: Vec<String>,
}

/// Every crate of the workspace.
fn crates() -> BTreeMap<String, Crate> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("the metadata are JSON");
    let root = metadata["workspace_root"].as_str().expect("a root").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let folder = |path: &str| path.strip_prefix(&root).unwrap_or(path).trim_start_matches('/').to_owned();
    packages
        .iter()
        .map(|package| {
            let manifest = text(&package["manifest_path"]);
            let own = folder(manifest.trim_end_matches("/Cargo.toml"));
            let is_entry = |dependency: &Value| {
                own.starts_with("functions/")
                    && dependency["optional"] == true
                    && text(&dependency["name"]) == "latchkey-aws"
            };
            let all = package["dependencies"].as_array().expect("dependencies");
            let folders = |is_wanted: &dyn Fn(&Value) -> bool| {
                let wanted = all.iter().filter(|dependency| is_wanted(dependency));
                wanted.filter_map(|dependency| dependency["path"].as_str().map(folder)).collect()
            };
            let dependencies = folders(&|dependency| dependency["kind"] != "dev" && !is_entry(dependency));
            let for_tests = folders(&|dependency| dependency["kind"] == "dev");
            (text(&package["name"]), Crate { folder: own, dependencies, for_tests })
        })
        .collect()
}

fn is_within(folder: &str, room: &str) -> bool {
    folder == room || folder.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))
}

/// The room of a crate and what its room may depend on; none for tests.
fn room(folder: &str) -> Option<&'static [&'static str]> {
    let fits = ROOMS.iter().filter(|(room, _)| is_within(folder, room));
    let (_, allowed) = fits.max_by_key(|(room, _)| room.len())?;
    Some(allowed)
}

#[test]
fn every_arrow_points_one_way() {
    let crates = crates();
    assert!(crates.len() > 20, "the workspace was read");
    let mut wrong = Vec::new();
    for Crate { folder, dependencies, .. } in crates.values() {
        let Some(allowed) = room(folder) else {
            if !is_within(folder, "tests") {
                wrong.push(format!("{folder} is in no room: add it to the list in tests/house/arrows.rs"));
            }
            continue;
        };
        for dependency in dependencies {
            if !allowed.iter().any(|room| is_within(dependency, room)) {
                wrong.push(format!("{folder} must not depend on {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn functions_know_no_other_function() {
    let mut wrong = Vec::new();
    for Crate { folder, dependencies, .. } in crates().values() {
        if !is_within(folder, "functions") {
            continue;
        }
        let known =
            FUNCTIONS_ON_FUNCTIONS.iter().find(|(of, _)| of == folder).map_or(&[][..], |(_, known)| known);
        let others = dependencies.iter().filter(|dependency| is_within(dependency, "functions"));
        wrong.extend(
            others
                .filter(|other| !known.iter().any(|known| is_within(other, known)))
                .map(|other| format!("{folder} must not depend on {other}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A test of a shared crate that needs a function tests more than that crate, and stands in `tests/`.
#[test]
fn no_test_of_a_shared_crate_knows_a_function() {
    for Crate { folder, for_tests, .. } in crates().values().filter(|c| is_within(&c.folder, "shared")) {
        let is_above =
            |other: &&String| ["functions", "latchkey", "infra"].iter().any(|above| is_within(other, above));
        let above: Vec<_> = for_tests.iter().filter(is_above).collect();
        assert!(above.is_empty(), "the tests of {folder} need {above:?}");
    }
}

/// Nothing that is built for a product comes from the tests.
#[test]
fn the_product_is_built_from_no_test() {
    for Crate { folder, dependencies, .. } in crates().values().filter(|c| room(&c.folder).is_some()) {
        let tests: Vec<_> = dependencies.iter().filter(|dependency| is_within(dependency, "tests")).collect();
        assert!(tests.is_empty(), "{folder} is built from {tests:?}");
    }
}
