use super::*;

const SECRET: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";

fn read(vars: &[(&str, &str)], exposure: Exposure) -> Result<Config, Vec<ConfigError>> {
    let base = [("LATCHKEY_URL", "https://auth.example.com"), ("LATCHKEY_SECRET", SECRET)];
    let find =
        |name: &str| vars.iter().chain(&base).find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    Config::read(find, exposure)
}

fn error(vars: &[(&str, &str)]) -> String {
    let errors = read(vars, Exposure::Deployed).err().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

#[test]
fn a_url_and_a_secret_are_enough() {
    let config = read(&[], Exposure::Deployed).ok().unwrap();
    assert_eq!(config.url.as_str(), "https://auth.example.com");
    assert_eq!(config.issuer_and_audience.audience(), "https://auth.example.com");
    assert!(config.url.is_https() && !config.url.is_loopback());
}

#[test]
fn all_faults_are_reported_at_once() {
    let errors = Config::read(|_| None, Exposure::Deployed).err().unwrap();
    let names: Vec<_> = errors.iter().map(|e| e.variable).collect();
    assert_eq!(names, ["LATCHKEY_URL", "LATCHKEY_SECRET"]);
}

#[test]
fn http_is_for_this_machine_only() {
    for url in ["http://localhost:8787", "http://127.0.0.1:8787", "http://[::1]:8787"] {
        assert!(read(&[("LATCHKEY_URL", url)], Exposure::Local).is_ok(), "{url}");
    }
    for url in ["http://auth.example.com", "http://localhost.example.com", "ftp://localhost", "nonsense"] {
        assert!(error(&[("LATCHKEY_URL", url)]).starts_with("LATCHKEY_URL: "), "{url}");
    }
}

#[test]
fn providers_on_this_machine_are_for_services_on_it() {
    let provider = [
        ("LATCHKEY_OIDC", "a"),
        ("OIDC_A_ISSUER", "http://127.0.0.1:3000"),
        ("OIDC_A_CLIENT_ID", "b"),
        ("OIDC_A_CLIENT_SECRET", "c"),
    ];
    assert!(error(&provider).contains("OIDC_A_ISSUER is not an https URL"));
    let here = [&[("LATCHKEY_URL", "http://localhost:8787")], &provider[..]].concat();
    assert!(read(&here, Exposure::Deployed).is_ok());
}

#[test]
fn a_path_that_a_proxy_takes_off_belongs_to_the_address_and_not_to_the_origin() {
    for (given, text) in [
        ("https://example.com/auth", "https://example.com/auth"),
        ("https://example.com/auth/", "https://example.com/auth"),
        ("https://example.com/a/b.c", "https://example.com/a/b.c"),
        ("https://example.com/", "https://example.com"),
    ] {
        let config = read(&[("LATCHKEY_URL", given)], Exposure::Deployed).ok().unwrap();
        assert_eq!((config.url.as_str(), config.url.origin()), (text, "https://example.com"));
        assert_eq!(config.issuer_and_audience.audience(), text);
    }
    for bad in [
        "https://example.com/a//b",
        "https://example.com/a%20b",
        "https://example.com/?x",
        "https://u@example.com",
        "https://example.com/#x",
    ] {
        assert!(error(&[("LATCHKEY_URL", bad)]).starts_with("LATCHKEY_URL: "), "{bad}");
    }
}

#[test]
fn a_bad_secret_is_refused_without_being_shown() {
    for bad in ["short", "changemechangemechangemechangemechangeme"] {
        let text = error(&[("LATCHKEY_SECRET", bad)]);
        assert!(text.contains("openssl rand") && !text.contains(bad), "{text}");
    }
}

const HERE: (&str, &str) = ("LATCHKEY_URL", "http://localhost:8787");

#[test]
fn limits_are_off_on_a_loopback_url_or_by_name() {
    let off = ("LATCHKEY_LIMITS", "off");
    for exposure in [Exposure::Local, Exposure::Deployed] {
        assert_eq!(read(&[HERE, off], exposure).ok().unwrap().overrides, []);
        let errors = read(&[off], exposure).err().unwrap();
        assert!(errors[0].to_string().contains("LATCHKEY_ALLOW_NO_LIMITS=yes"), "{errors:?}");
        let allowed = read(&[off, ("LATCHKEY_ALLOW_NO_LIMITS", "yes")], exposure).ok().unwrap();
        assert_eq!((allowed.limits, allowed.overrides), (Limits::Off, vec![Override::NoLimits]));
    }
    assert!(error(&[off, ("LATCHKEY_ALLOW_WEAK_HASHES", "yes")]).starts_with("LATCHKEY_LIMITS: "));
}

#[test]
fn hashes_are_weak_on_a_loopback_url_or_by_name() {
    for weak in ["m=4096,t=1,p=1", "m=19456,t=1,p=1", "m=8,t=1,p=1"] {
        let weak = ("LATCHKEY_ARGON2", weak);
        assert!(read(&[HERE, weak], Exposure::Deployed).is_ok());
        assert!(error(&[weak]).contains("LATCHKEY_ALLOW_WEAK_HASHES=yes"));
        let allowed = read(&[weak, ("LATCHKEY_ALLOW_WEAK_HASHES", "yes")], Exposure::Deployed).ok().unwrap();
        assert_eq!(allowed.overrides, [Override::WeakHashes]);
    }
    for enough in ["m=19456,t=2,p=1", "m=7168,t=5,p=1", "m=47104,t=1,p=1"] {
        assert!(read(&[("LATCHKEY_ARGON2", enough)], Exposure::Deployed).is_ok(), "{enough}");
    }
}

#[test]
fn an_override_is_yes_and_is_told_only_where_it_is_used() {
    assert!(
        error(&[("LATCHKEY_ALLOW_NO_LIMITS", "true")]).starts_with("LATCHKEY_ALLOW_NO_LIMITS: is not yes")
    );
    assert_eq!(read(&[("LATCHKEY_ALLOW_NO_LIMITS", "yes")], Exposure::Local).ok().unwrap().overrides, []);
}

#[test]
fn breached_passwords_are_checked_when_a_service_is_set() {
    let breached = |vars: &[_]| read(vars, Exposure::Deployed).ok().unwrap().breached;
    assert_eq!(breached(&[]), None);
    assert!(breached(&[("LATCHKEY_BREACHED", "https://api.pwnedpasswords.com/range/")]).is_some());
    assert!(error(&[("LATCHKEY_BREACHED", "yes")]).contains("use https://api.pwnedpasswords.com/range/"));
}

#[test]
fn provider_refresh_tokens_are_stored_only_when_the_setting_says_so() {
    let kept = |vars: &[_]| read(vars, Exposure::Deployed).ok().unwrap().keep_provider_tokens;
    assert!(!kept(&[]));
    assert!(!kept(&[("LATCHKEY_PROVIDER_TOKENS", "drop")]));
    assert!(kept(&[("LATCHKEY_PROVIDER_TOKENS", "keep")]));
    assert!(error(&[("LATCHKEY_PROVIDER_TOKENS", "yes")]).contains("keep nor drop"));
}

#[test]
fn numbers_have_bounds() {
    assert!(error(&[("LATCHKEY_PASSWORD_MIN", "4")]).contains("8 to 64"));
    assert!(error(&[("LATCHKEY_AUDIT_DAYS", "0")]).contains("1 to 3650"));
    assert!(error(&[("LATCHKEY_TRUSTED_PROXIES", "-1")]).contains("0 to 10"));
}
