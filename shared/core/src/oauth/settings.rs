//! Enabled providers, from `<PROVIDER>_CLIENT_ID` and similar variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::AppUri;
use super::metadata::{is_https, is_loopback};
use super::provider::{Client, Provider};
use super::providers::apple::{self, AppleKey};
use super::providers::{discord, github, google, linkedin, microsoft, oidc};
use crate::model::identity::ProviderName;
use crate::model::{ConfigError, Exposure};

/// Enabled providers, and apps that a browser may return to.
#[derive(Debug, Default)]
pub struct OauthSettings {
    providers: BTreeMap<ProviderName, Arc<Provider>>,
    apps: Vec<AppUri>,
}

/// Variables of a provider with an id and a secret.
struct Pair {
    id: &'static str,
    secret: &'static str,
}

const GOOGLE: Pair = Pair { id: "GOOGLE_CLIENT_ID", secret: "GOOGLE_CLIENT_SECRET" };
const GITHUB: Pair = Pair { id: "GITHUB_CLIENT_ID", secret: "GITHUB_CLIENT_SECRET" };
const DISCORD: Pair = Pair { id: "DISCORD_CLIENT_ID", secret: "DISCORD_CLIENT_SECRET" };
const LINKEDIN: Pair = Pair { id: "LINKEDIN_CLIENT_ID", secret: "LINKEDIN_CLIENT_SECRET" };
const MICROSOFT: Pair = Pair { id: "MICROSOFT_CLIENT_ID", secret: "MICROSOFT_CLIENT_SECRET" };
const APPLE: [&str; 4] = ["APPLE_CLIENT_ID", "APPLE_TEAM_ID", "APPLE_KEY_ID", "APPLE_PRIVATE_KEY"];
const OIDC: &str = "LATCHKEY_OIDC";
const APPS: &str = "LATCHKEY_APP_REDIRECTS";
/// Names of the built-in providers, which are reserved.
const TAKEN: [&str; 6] = ["apple", "discord", "github", "google", "linkedin", "microsoft"];

type Var<'a> = &'a dyn Fn(&str) -> Option<String>;
type Read<T> = Result<Option<T>, ConfigError>;

impl OauthSettings {
    /// Reads every variable. A provider is enabled if all of its variables are set. If only some are set, that is an error.
    pub fn read(var: Var<'_>, exposure: Exposure) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut settings = Self::default();
        let built_in = [
            pair(var, &GOOGLE).map(|client| client.map(google::provider)),
            pair(var, &GITHUB).map(|client| client.map(github::provider)),
            pair(var, &DISCORD).map(|client| client.map(discord::provider)),
            pair(var, &LINKEDIN).map(|client| client.map(linkedin::provider)),
            read_microsoft(var),
            read_apple(var),
        ];
        for provider in built_in {
            settings.take(provider, &mut errors);
        }
        for name in list(var(OIDC).as_deref()) {
            let provider = read_oidc(var, name, exposure).map(Some);
            settings.take(provider, &mut errors);
        }
        for uri in list(var(APPS).as_deref()) {
            match AppUri::parse(uri) {
                Ok(uri) => settings.apps.push(uri),
                Err(why) => errors.push(ConfigError::new(
                    APPS,
                    format!("`{uri}` {why}"),
                    "list exact URIs with commas, such as com.example.app:/signed-in,http://127.0.0.1/signed-in",
                )),
            }
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// Returns the provider with this name.
    pub fn provider(&self, name: &ProviderName) -> Option<&Arc<Provider>> {
        self.providers.get(name)
    }

    /// Returns all enabled providers, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    pub(crate) fn apps(&self) -> &[AppUri] {
        &self.apps
    }

    fn take(&mut self, provider: Read<Provider>, errors: &mut Vec<ConfigError>) {
        match provider {
            Ok(None) => {}
            Ok(Some(provider)) => {
                let name = provider.name.clone();
                if self.providers.insert(name.clone(), Arc::new(provider)).is_some() {
                    errors.push(ConfigError::new(
                        OIDC,
                        format!("names `{name}` twice"),
                        "name each provider once",
                    ));
                }
            }
            Err(error) => errors.push(error),
        }
    }
}

fn list(value: Option<&str>) -> Vec<&str> {
    value.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn pair(var: Var<'_>, pair: &Pair) -> Read<Client> {
    match (var(pair.id), var(pair.secret)) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => Ok(Some(Client { id, secret: secret.into() })),
        (Some(_), None) => Err(half(pair.secret, pair.id)),
        (None, Some(_)) => Err(half(pair.id, pair.secret)),
    }
}

fn half(missing: &'static str, present: &str) -> ConfigError {
    ConfigError::new(
        missing,
        format!("is not set, but {present} is"),
        "set both, or neither to leave the provider off",
    )
}

fn read_microsoft(var: Var<'_>) -> Read<Provider> {
    const NAME: &str = "MICROSOFT_TENANT";
    let Some(client) = pair(var, &MICROSOFT)? else { return Ok(None) };
    let tenant = var(NAME).unwrap_or_else(|| "common".to_owned());
    let named = matches!(tenant.as_str(), "common" | "organizations" | "consumers");
    // A domain name would work for the endpoints, but tokens name the tenant by its identifier.
    if named || uuid::Uuid::try_parse(&tenant).is_ok_and(|id| id.hyphenated().to_string() == tenant) {
        Ok(Some(microsoft::provider(client, &tenant)))
    } else {
        let fix = "use the directory (tenant) ID in lower case, or common, organizations or consumers";
        Err(ConfigError::new(NAME, format!("`{tenant}` is not a tenant"), fix))
    }
}

fn read_apple(var: Var<'_>) -> Read<Provider> {
    let values = APPLE.map(var);
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let [Some(client_id), Some(team_id), Some(key_id), Some(pem)] = values else {
        let missing = APPLE.into_iter().find(|name| var(name).is_none()).unwrap_or_default();
        let fix = format!("set all of {}, or none to leave the provider off", APPLE.join(", "));
        return Err(ConfigError::new(missing, "is not set, but other variables of Apple are", fix));
    };
    let key = apple::key(&pem).ok_or_else(|| {
        let fix =
            "set it to the contents of the .p8 file, with \\n for its line breaks where it must be one line";
        ConfigError::new("APPLE_PRIVATE_KEY", "is not a private key from Apple", fix)
    })?;
    Ok(Some(apple::provider(client_id, AppleKey { team_id, key_id, key })))
}

/// Reads a provider. For example, `LATCHKEY_OIDC=acme` reads `OIDC_ACME_ISSUER`, `OIDC_ACME_CLIENT_ID` and
/// `OIDC_ACME_CLIENT_SECRET`.
fn read_oidc(var: Var<'_>, name: &str, exposure: Exposure) -> Result<Provider, ConfigError> {
    let error = |problem: String, fix: &str| ConfigError::new(OIDC, problem, fix);
    let wrong = || {
        let fix = "use lower-case letters, digits and hyphens, but not the name of a built-in provider";
        error(format!("`{name}` is not a valid provider name"), fix)
    };
    let provider: ProviderName = name.parse().map_err(|_| wrong())?;
    if TAKEN.contains(&name) {
        return Err(wrong());
    }
    let prefix = format!("OIDC_{}", name.to_ascii_uppercase().replace('-', "_"));
    let read = |suffix: &str| {
        let variable = format!("{prefix}_{suffix}");
        var(&variable).ok_or_else(|| error(format!("names `{name}`, but {variable} is not set"), "set it"))
    };
    let issuer = read("ISSUER")?;
    let fits = is_https(&issuer) || (exposure == Exposure::Local && is_loopback(&issuer));
    if !fits {
        let fix = "set it to the issuer's https URL, exactly as its metadata has it";
        return Err(error(format!("names `{name}`, but {prefix}_ISSUER is not an https URL"), fix));
    }
    let client = Client { id: read("CLIENT_ID")?, secret: SecretString::from(read("CLIENT_SECRET")?) };
    Ok(oidc::provider(provider, var(&format!("{prefix}_LABEL")), client, issuer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a `.p8` file in one line.
    fn p8() -> String {
        let key = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let pem = p256::pkcs8::EncodePrivateKey::to_pkcs8_pem(&key, p256::pkcs8::LineEnding::LF).unwrap();
        pem.replace('\n', "\\n")
    }

    fn read(vars: &[(&str, &str)], exposure: Exposure) -> Result<OauthSettings, Vec<ConfigError>> {
        let find = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        OauthSettings::read(&find, exposure)
    }

    fn error(vars: &[(&str, &str)]) -> String {
        let errors = read(vars, Exposure::Deployed).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].to_string()
    }

    #[test]
    fn a_provider_is_on_when_its_variables_are_set() {
        assert_eq!(read(&[], Exposure::Deployed).unwrap().providers().count(), 0);
        let vars = [
            ("GOOGLE_CLIENT_ID", "a"),
            ("GOOGLE_CLIENT_SECRET", "b"),
            ("GITHUB_CLIENT_ID", "a"),
            ("GITHUB_CLIENT_SECRET", "b"),
            ("DISCORD_CLIENT_ID", "a"),
            ("DISCORD_CLIENT_SECRET", "b"),
            ("LINKEDIN_CLIENT_ID", "a"),
            ("LINKEDIN_CLIENT_SECRET", "b"),
            ("MICROSOFT_CLIENT_ID", "a"),
            ("MICROSOFT_CLIENT_SECRET", "b"),
            ("APPLE_CLIENT_ID", "a"),
            ("APPLE_TEAM_ID", "b"),
            ("APPLE_KEY_ID", "c"),
            ("APPLE_PRIVATE_KEY", &p8()),
            ("LATCHKEY_OIDC", "acme, two-words"),
            ("OIDC_ACME_ISSUER", "https://id.example.com"),
            ("OIDC_ACME_CLIENT_ID", "a"),
            ("OIDC_ACME_CLIENT_SECRET", "b"),
            ("OIDC_TWO_WORDS_ISSUER", "https://id.example.org/x"),
            ("OIDC_TWO_WORDS_CLIENT_ID", "a"),
            ("OIDC_TWO_WORDS_CLIENT_SECRET", "b"),
            ("OIDC_TWO_WORDS_LABEL", "Two Words"),
        ];
        let settings = read(&vars, Exposure::Deployed).unwrap();
        let labels: Vec<_> = settings.providers().map(|provider| provider.label()).collect();
        assert_eq!(
            labels,
            ["acme", "Apple", "Discord", "GitHub", "Google", "LinkedIn", "Microsoft", "Two Words"]
        );
        let names: Vec<_> = settings.providers().map(|provider| provider.name().as_str()).collect();
        assert_eq!(
            names,
            ["acme", "apple", "discord", "github", "google", "linkedin", "microsoft", "two-words"]
        );
        assert!(TAKEN.iter().all(|name| names.contains(name)));
    }

    #[test]
    fn half_a_provider_is_a_mistake_that_names_the_other_half() {
        for id in [&GOOGLE, &GITHUB, &DISCORD, &LINKEDIN, &MICROSOFT] {
            assert!(
                error(&[(id.id, "a")]).starts_with(&format!("{}: is not set, but {} is", id.secret, id.id))
            );
            assert!(error(&[(id.secret, "a")]).starts_with(id.id));
        }
        assert!(error(&[("APPLE_CLIENT_ID", "a"), ("APPLE_KEY_ID", "b")]).starts_with("APPLE_TEAM_ID: "));
        assert!(error(&[("LATCHKEY_OIDC", "acme")]).contains("OIDC_ACME_ISSUER is not set"));
    }

    #[test]
    fn wrong_values_are_refused_without_being_shown() {
        let apple = [
            ("APPLE_CLIENT_ID", "a"),
            ("APPLE_TEAM_ID", "b"),
            ("APPLE_KEY_ID", "c"),
            ("APPLE_PRIVATE_KEY", "hunter2"),
        ];
        assert!(error(&apple).contains(".p8") && !error(&apple).contains("hunter2"));
        let microsoft = |tenant| {
            error(&[
                ("MICROSOFT_CLIENT_ID", "a"),
                ("MICROSOFT_CLIENT_SECRET", "b"),
                ("MICROSOFT_TENANT", tenant),
            ])
        };
        for tenant in ["example.com", "../x", "COMMON", "9188040D-6C67-4C5B-B112-36A304B66DAD"] {
            assert!(microsoft(tenant).starts_with("MICROSOFT_TENANT: "), "{tenant}");
        }
        for name in ["Acme", "a/b", "google", "ä"] {
            assert!(error(&[("LATCHKEY_OIDC", name)]).contains("is not a valid provider name"), "{name}");
        }
        assert!(error(&[("LATCHKEY_APP_REDIRECTS", "javascript:x")]).contains("exact URIs"));
    }

    #[test]
    fn an_issuer_is_https_but_on_this_machine() {
        let vars = |issuer| {
            [
                ("LATCHKEY_OIDC", "a"),
                ("OIDC_A_ISSUER", issuer),
                ("OIDC_A_CLIENT_ID", "b"),
                ("OIDC_A_CLIENT_SECRET", "c"),
            ]
        };
        assert!(read(&vars("http://localhost:3000"), Exposure::Local).is_ok());
        for (issuer, exposure) in [
            ("http://localhost:3000", Exposure::Deployed),
            ("http://id.example.com", Exposure::Local),
            ("ftp://id.example.com", Exposure::Local),
            ("https://user@id.example.com", Exposure::Local),
            ("id.example.com", Exposure::Local),
        ] {
            assert!(read(&vars(issuer), exposure).is_err(), "{issuer}");
        }
    }
}
