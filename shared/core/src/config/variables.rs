//! Names of all variables, to find names that look like a variable of Latchkey but are misspelled.

/// Variables that Latchkey reads on some platform.
const OURS: [&str; 32] = [
    "LATCHKEY_ALLOW_NO_LIMITS",
    "LATCHKEY_ALLOW_WEAK_HASHES",
    "LATCHKEY_APP_REDIRECTS",
    "LATCHKEY_ARCHITECTURE",
    "LATCHKEY_ARGON2",
    "LATCHKEY_AUDIENCE",
    "LATCHKEY_AUDIT_DAYS",
    "LATCHKEY_BREACHED",
    "LATCHKEY_CDN_SECRET",
    "LATCHKEY_COMPILER",
    "LATCHKEY_CONNECTIONS",
    "LATCHKEY_CORS_HEADERS",
    "LATCHKEY_DATA",
    "LATCHKEY_HEADER_TIMEOUT",
    "LATCHKEY_IDLE_TIMEOUT",
    "LATCHKEY_LIMITS",
    "LATCHKEY_LISTEN",
    "LATCHKEY_LOG",
    "LATCHKEY_OIDC",
    "LATCHKEY_ORIGINS",
    "LATCHKEY_PASSWORD_MIN",
    "LATCHKEY_PERMISSIONS",
    "LATCHKEY_PROFILE",
    "LATCHKEY_PROVIDER_TOKENS",
    "LATCHKEY_REQUEST_TIMEOUT",
    "LATCHKEY_SECRET",
    "LATCHKEY_SIGNING_ALG",
    "LATCHKEY_TABLE",
    "LATCHKEY_TRUSTED_PROXIES",
    "LATCHKEY_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "UPSTASH_REDIS_REST_URL",
];

/// Variables of providers. Other programs may use the same prefixes.
const PROVIDERS: [&str; 15] = [
    "APPLE_CLIENT_ID",
    "APPLE_KEY_ID",
    "APPLE_PRIVATE_KEY",
    "APPLE_TEAM_ID",
    "DISCORD_CLIENT_ID",
    "DISCORD_CLIENT_SECRET",
    "GITHUB_CLIENT_ID",
    "GITHUB_CLIENT_SECRET",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "LINKEDIN_CLIENT_ID",
    "LINKEDIN_CLIENT_SECRET",
    "MICROSOFT_CLIENT_ID",
    "MICROSOFT_CLIENT_SECRET",
    "MICROSOFT_TENANT",
];

/// Prefixes of names that only Latchkey uses.
const BEGINNINGS: [&str; 2] = ["LATCHKEY_", "UPSTASH_REDIS_REST_"];

/// Returns true if Latchkey reads this variable, or would read it without a misspelling.
pub fn is_ours(name: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        || name.starts_with("OIDC_")
        || PROVIDERS.contains(&name)
}

/// Returns a line for each name that looks like a variable of Latchkey but is not one: the fault and the nearest name.
pub fn misspelt<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names
        .into_iter()
        .filter(|name| !OURS.contains(name) && !PROVIDERS.contains(name))
        .filter_map(|name| Some((name, meant(name)?)))
        .map(|(name, meant)| {
            format!("{name} is not a variable of Latchkey and is ignored; rename it to {meant}, or remove it")
        })
        .collect()
}

/// Returns the variable that a misspelled name most likely means.
fn meant(name: &str) -> Option<&'static str> {
    let all = || OURS.iter().chain(&PROVIDERS).copied();
    let distance = |known: &&str| strsim::osa_distance(name, known);
    if BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return all().min_by_key(distance);
    }
    // Another program may have a variable with a similar name. Accept a slip of one letter, or a wrong end after `_CLIENT_`.
    let provider = |known: &&str| {
        known.split_once("_CLIENT_").is_some_and(|(provider, _)| {
            name.strip_prefix(provider).is_some_and(|rest| rest.starts_with("_CLIENT_"))
        })
    };
    all().filter(|known| distance(known) == 1 || provider(known)).min_by_key(distance)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn the_nearest_name_is_the_fix() {
        for (name, fix) in [
            ("LATCHKEY_ORIGIN", "LATCHKEY_ORIGINS"),
            ("LATCHKEY_URLS", "LATCHKEY_URL"),
            ("LATCHKEY_SECERT", "LATCHKEY_SECRET"),
            ("LATCHKEY_TRUST_PROXIES", "LATCHKEY_TRUSTED_PROXIES"),
            ("LATCHKY_URL", "LATCHKEY_URL"),
            ("UPSTASH_REDIS_REST_TOKE", "UPSTASH_REDIS_REST_TOKEN"),
            ("GOOGEL_CLIENT_ID", "GOOGLE_CLIENT_ID"),
            ("GITHUB_CLIENT_SECRT", "GITHUB_CLIENT_SECRET"),
            ("GITHUB_CLIENT_KEY", "GITHUB_CLIENT_ID"),
        ] {
            let told = misspelt([name]);
            let expected = format!(
                "{name} is not a variable of Latchkey and is ignored; rename it to {fix}, or remove it"
            );
            assert_eq!(told, [expected]);
        }
    }

    #[test]
    fn variables_of_others_are_theirs() {
        let names =
            ["PATH", "GITLAB_CLIENT_ID", "GOOGLE_API_KEY", "OIDC_ACME_ISSUER", "AWS_REGION", "LATCHKEY"];
        assert_eq!(misspelt(names.into_iter().chain(OURS).chain(PROVIDERS)), Vec::<String>::new());
    }

    /// Checks that every name in quotes in the sources is on the list, so that a new variable is not reported as a misspelling.
    #[test]
    fn the_list_is_whole() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = Vec::new();
        for folder in ["shared", "functions"] {
            for member in std::fs::read_dir(root.join(folder)).unwrap() {
                sources(&member.unwrap().path().join("src"), &mut files);
            }
        }
        assert!(files.len() > 100, "{}", files.len());
        for file in files.iter().filter(|file| !file.ends_with("config/variables.rs")) {
            for part in std::fs::read_to_string(file).unwrap().split('"') {
                // The prefix alone names no variable.
                let named = part.strip_prefix("LATCHKEY_").is_some_and(|rest| !rest.is_empty())
                    && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
                assert!(!named || OURS.contains(&part), "{}: {part} is not in OURS", file.display());
            }
        }
    }

    fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
}
